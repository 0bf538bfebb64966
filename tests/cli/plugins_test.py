"""neonvm plugins: each refusal keeps its reason. And what an installed neonvm finds."""
import os
import shutil
import subprocess
import unittest

from program import ProgramTest

ODD = os.environ["ODD_PLUGINS"]

REASONS = {
    "other_major": "another major version; rebuild the plugin",
    "newer_minor": "it is newer; update neonvm",
    "no_symbol": "exports no neonvm_plugin_v1, so it is no neonvm plugin",
    "no_descriptor": "its getter answers no descriptor",
    "tiny_descriptor": "its descriptor has only 8 bytes",
    "no_table": "has no table of calls",
    "short_table": 'lacks the required call "decide" (its table has 8 bytes)',
    "null_slot": 'lacks the required call "decide"',
    "bad_name": "its name is not 1 to 63 lower-case letters",
    "unknown_kind": "is of the unknown kind 9",
    "small_hypervisor": 'lacks the required call "attach"',
}


class Plugins(ProgramTest):
    def by_file(self, *words, **environment):
        return {os.path.basename(each["where"]): each for each in self.json("plugins", *words, "-o", "json", **environment)}

    def test_built_in_ones(self):
        found = {(each["kind"], each["name"]) for each in self.json("plugins", "-o", "json")}
        self.assertLessEqual({("hypervisor", "qemu"), ("orchestrator", "local"), ("policy", "default")}, found)

    def test_a_folder_of_plugins_with_what_is_wrong_with_each(self):
        found = self.by_file(NEONVM_PLUGIN_PATH=ODD)
        for name, reason in REASONS.items():
            self.assertIn(reason, found[name + ".so"]["refusal"], name)
        self.assertEqual(found["odd_code.so"]["refusal"], "")
        table = self.out("plugins", NEONVM_PLUGIN_PATH=ODD)
        for reason in REASONS.values():
            self.assertIn(reason, table)

    def test_one_file_and_the_exit_code(self):
        good, bad = os.path.join(ODD, "odd_code.so"), os.path.join(ODD, "other_major.so")
        self.assertIn("odd-code", self.out("plugins", good))
        done = self.call("plugins", good, bad)
        self.assertEqual(done.returncode, 1)
        self.assertIn(REASONS["other_major"], done.stdout)

    def test_files_that_are_no_library(self):
        text = self.write("text.so", "#!/bin/sh\n")
        for path, reason in ((text, "is not a library that can be loaded"),
                             (os.path.join(self.folder, "absent.so"), "no such file"),
                             (self.folder + "/", "is a directory, not a library")):
            done = self.call("plugins", path)
            self.assertEqual(done.returncode, 1)
            self.assertIn(reason, done.stdout)

    def test_the_wrong_kind_and_no_such_plugin(self):
        config = self.write("a.toml", f'[orchestrator]\nplugin = "{ODD}/odd_code.so"\n')
        self.refused(2, "is a policy plugin, not an orchestrator", "--config", config, "list")
        config = self.write("b.toml", '[orchestrator]\nplugin = "locl"\n')
        self.refused(4, 'no orchestrator plugin "locl"; there is k8s, local; did you mean local?', "--config", config, "list")


class Installed(ProgramTest):
    def test_the_installed_program_finds_the_plugins_beside_it(self):
        prefix = os.path.join(self.folder, "prefix")
        subprocess.run([os.environ["CMAKE_PROGRAM"], "--install", os.environ["BUILD_FOLDER"], "--prefix", prefix,
                        "--component", "program"], check=True, stdout=subprocess.DEVNULL)
        program = os.path.join(prefix, "bin/neonvm")
        folder = subprocess.run([program, "plugins", "-o", "json"], env=self.environment, check=True, text=True,
                                capture_output=True).stdout
        self.assertIn('"name":"qemu"', folder)
        for library in ("lib", "lib64", "lib/x86_64-linux-gnu"):
            plugins = os.path.join(prefix, library, "neonvm/plugins")
            os.makedirs(plugins)
            shutil.copy(os.path.join(ODD, "odd_code.so"), plugins)
        found = subprocess.run([program, "plugins", "-o", "json"], env=self.environment, check=True, text=True,
                               capture_output=True).stdout
        self.assertIn('"name":"odd-code"', found)


if __name__ == "__main__":
    unittest.main()
