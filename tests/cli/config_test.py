"""neonvm config, and what a wrong configuration says."""
import os
import unittest

from program import ProgramTest

WHOLE = """\
[log]
level = "debug"

[orchestrator]
nodes = 3
watermark = 0.75

[scaling]
policy = "pressure"
compute_unit_cpu = "500m"

[scaling.config]
enableLFCMetrics = true
loadAverageFractionTarget = 0.8
"""

# What is wrong, where (line:column), and what is said of it.
WRONG = (
    ('[log]\nlevel = "debgu"\n', "2:9", 'log.level: "debgu" is none of debug, info, warning, error. Did you mean "debug"?'),
    ("[log]\nlevl = \"info\"\n", "2:1", 'unknown key "log.levl". Did you mean "log.level"?'),
    ("watermark = 0.5\n", "1:1", 'unknown key "watermark". Did you mean "orchestrator.watermark"?'),
    ("[orchestratr]\nnodes = 1\n", "1:2", 'unknown key "orchestratr". Did you mean "orchestrator"?'),
    ("[log]\njson = \"yes\"\n", "2:8", "log.json: must be true or false, not a string"),
    ("[log]\nlevel = 3\n", "2:9", "log.level: must be a string, not an integer"),
    ("log = \"debug\"\n", "1:7", "log: must be a table, not a string"),
    ("[orchestrator]\nnodes = 65\n", "2:9", "orchestrator.nodes: 65 is out of range; give 1 to 64"),
    ("[orchestrator]\nnodes = 1.5\n", "2:9", "orchestrator.nodes: must be an integer, not a float"),
    ("[orchestrator]\nwatermark = 1.5\n", "2:13", "orchestrator.watermark: 1.5 is out of range"),
    ("[orchestrator]\nwatermark = nan\n", "2:13", "orchestrator.watermark: nan is out of range"),
    ("[scaling]\ncompute_unit_memory = \"1Gq\"\n", "2:23", "scaling.compute_unit_memory"),
    ("[scaling]\ncompute_unit_cpu = 0\n", "2:20", "scaling.compute_unit_cpu: must be more than 0"),
    ("[scaling.config]\nloadAverageFractionTarget = -1\n", "2:29", "out of range"),
    ("[scaling.config]\nloadAvgFractionTarget = 1\n", "2:1", 'Did you mean "scaling.config.loadAverageFractionTarget"?'),
    ("[[node]]\nname = \"a\"\ncpu = 1\n", "1:1", "node: needs name, cpu and memory"),
    ("[[node]]\nname = \"A b\"\ncpu = 1\nmemory = \"1Gi\"\n", "2:8", "node.name: "),
    ("[[node]]\nnam = \"a\"\ncpu = 1\nmemory = \"1Gi\"\n", "2:7", 'Did you mean "name"?'),
    ("node = 3\n", "1:8", "node: must be written as [[node]]"),
    ("home = \"here\"\n", "1:8", 'home: "here" must be an absolute path'),
    ("[log\nlevel = 1\n", "1:5", ""),
    ("[network]\nrange = \"10.100.0.0\"\n", "2:9", 'network.range: "10.100.0.0" is not a range like 10.100.0.0/16'),
    ("[network]\nrange = \"fd00::/64\"\n", "2:9", "network.range: fd00::/64: give an IPv4 range"),
    ("[network]\nfirst = \"10.100\"\n", "2:9", 'network.first: "10.100" is not an IPv4 or IPv6 address'),
    ("[network]\nname = \"My net\"\n", "2:8", "network.name: "),
    ("a = 1\na = 2\n", "2:", ""),
)


class Config(ProgramTest):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.folder, ".config/neonvm/config.toml")

    def settings(self, *words, **environment):
        return {each["key"]: each for each in self.json(*words, "config", "show", "-o", "json", **environment)}

    def test_defaults_say_so(self):
        settings = self.settings()
        self.assertEqual(settings["log.level"]["value"], "info")
        self.assertEqual(settings["log.level"]["from"], "default")
        self.assertEqual(settings["home"]["value"], self.home)
        self.assertEqual(settings["home"]["from"], "$NEONVM_HOME")
        for each in settings.values():
            self.assertTrue(each["help"], each)

    def test_each_value_tells_its_origin(self):
        self.write(self.file, WHOLE)
        settings = self.settings()
        self.assertEqual(settings["log.level"]["from"], f"{self.file}:2:9")
        self.assertEqual(settings["orchestrator.watermark"]["value"], 0.75)
        self.assertEqual(settings["orchestrator.watermark"]["from"], f"{self.file}:6:13")
        self.assertEqual(settings["scaling.config.enableLFCMetrics"]["value"], True)
        self.assertEqual(settings["scaling.config.lfcToMemoryRatio"]["from"], "default")

    def test_flag_over_environment_over_file(self):
        self.write(self.file, f'home = "{self.folder}/file"\n')
        self.assertEqual(self.settings()["home"]["value"], self.home)
        flagged = self.settings("--home", os.path.join(self.folder, "flag"))["home"]
        self.assertEqual((flagged["value"], flagged["from"]), (os.path.join(self.folder, "flag"), "--home"))
        del self.environment["NEONVM_HOME"]
        from_file = self.settings()["home"]
        self.assertEqual((from_file["value"], from_file["from"]), (f"{self.folder}/file", f"{self.file}:1:8"))

    def test_what_is_shown_can_be_read_back(self):
        self.write(self.file, WHOLE + '\n[[node]]\nname = "a"\ncpu = "1500m"\nmemory = "2Gi"\n')
        shown = self.out("config", "show")
        self.assertIn("watermark = 0.75", shown.split("[[node]]")[1])  # taken from the orchestrator's, further up
        again = self.write("again.toml", shown)
        del self.environment["NEONVM_HOME"]
        strip = "\n".join(line.split("  # ")[0] for line in shown.splitlines())
        other = "\n".join(line.split("  # ")[0] for line in self.out("--config", again, "config", "show").splitlines())
        self.assertEqual(strip, other)

    def test_wrong_ones_name_file_line_column_and_next_step(self):
        for text, at, said in WRONG:
            with self.subTest(text):
                self.write(self.file, text)
                words = self.refused(2, said, "config", "show")
                self.assertIn(f"{self.file}:{at}", words)

    def test_all_that_is_wrong_is_told_at_once(self):
        self.write(self.file, "[log]\nlevl = 1\njson = 3\n[orchestrator]\nnodes = 0\n")
        words = self.refused(2, ":2:1: ", "config", "show")
        self.assertIn(":3:8: ", words)
        self.assertIn(":5:9: ", words)

    def test_a_wrong_file_stops_every_command_and_writes_nothing(self):
        self.write(self.file, "[log]\nlevl = 1\n")
        self.refused(2, "unknown key", "list")
        self.refused(2, "unknown key", "nodes")
        self.assertFalse(os.path.exists(self.home))

    def test_a_named_file_must_be_there_and_readable(self):
        self.refused(4, "no-such.toml: there is no such file", "--config", "no-such.toml", "config", "show")
        self.refused(2, "is a directory", "--config", self.folder, "config", "show")
        self.assertEqual(self.out("--config", "x.toml", "config", "path"), "x.toml\n")
        self.assertEqual(self.out("config", "path"), self.file + "\n")
        self.assertEqual(self.out("config", "path", XDG_CONFIG_HOME="/etc/xdg"), "/etc/xdg/neonvm/config.toml\n")


if __name__ == "__main__":
    unittest.main()
