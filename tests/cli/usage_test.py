"""Words that somebody may type, right and wrong."""
import json
import os
import pty
import subprocess
import unittest

from program import NEONVM, ProgramTest


class Usage(ProgramTest):
    def test_no_word_at_all_shows_the_commands(self):
        done = self.call()
        self.assertEqual(done.returncode, 2)
        self.assertIn("Usage: neonvm", done.stdout)

    def test_help_of_all_and_of_one(self):
        self.assertIn("list", self.out("--help"))
        one = self.out("list", "--help")
        self.assertIn("--output", one)
        self.assertEqual(self.out("help", "list"), one)
        self.assertEqual(self.out("help"), self.out("--help"))

    def test_a_near_miss_is_suggested(self):
        self.refused(2, 'there is no command "lst". Did you mean "list"?', "lst")
        self.refused(2, 'there is no command "lst". Did you mean "list"?', "--home", self.home, "lst")
        self.refused(2, 'there is no command "lst". Did you mean "list"?', "help", "lst")
        self.refused(2, 'there is no option "--hoem". Did you mean "--home"?', "--hoem", self.home, "list")
        self.refused(2, 'there is no option "--ouput". Did you mean "--output"?', "list", "--ouput", "json")
        self.refused(2, 'there is no option "--ouput". Did you mean "--output"?', "list", "--ouput=json")
        self.refused(2, '"jsno" is none of table, wide, json, yaml, name. Did you mean "json"?', "list", "-o", "jsno")
        self.refused(2, '"shw" is none of show, path. Did you mean "show"?', "config", "shw")
        self.refused(2, '"bsh" is none of bash, zsh, fish. Did you mean "bash"?', "completion", "bsh")

    def test_nothing_near_is_not_guessed(self):
        said = self.refused(2, 'there is no command "xyzzy"', "xyzzy")
        self.assertNotIn("Did you mean", said)
        self.assertIn("neonvm --help", said)

    def test_a_missing_or_superfluous_word(self):
        self.refused(2, "name is required", "get")
        self.refused(2, "neonvm version --help", "version", "3.0")
        self.refused(2, "--follow", "events", "--follow=7")
        self.refused(2, "--output", "list", "--output")

    def test_a_vm_by_a_near_miss(self):
        self.fill(3)
        self.refused(4, 'there is no VM "vm-9". Did you mean "vm-0"?', "get", "vm-9")
        self.refused(4, 'there is no VM "web"', "get", "web")

    def test_no_vms(self):
        self.refused(4, "There are no VMs; make one: neonvm run", "get", "web")
        done = self.call("list")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("neonvm run", done.stderr)
        self.assertEqual(self.json("list", "-o", "json")["items"], [])
        self.assertEqual(self.out("list", "-o", "name"), "")

    def test_version(self):
        first = self.out("version").splitlines()
        self.assertRegex(first[0], r"^neonvm \d+\.\d+\.\d+$")
        self.assertRegex(first[1], r"^plugin interface \d+\.\d+$")
        self.assertEqual(self.out("--version"), first[0] + "\n")
        self.assertEqual("neonvm " + self.json("version", "-o", "json")["version"], first[0])


class Output(ProgramTest):
    def test_json_is_json(self):
        self.fill(2)
        self.assertEqual([vm["metadata"]["name"] for vm in self.json("list", "-o", "json")["items"]], ["vm-0", "vm-1"])
        self.assertEqual(self.json("get", "vm-0", "-o", "json")["metadata"]["name"], "vm-0")
        for words in (("nodes",), ("plugins",), ("version",), ("config", "show")):
            self.json(*words, "-o", "json")
        for line in self.out("events", "-o", "json").splitlines():
            json.loads(line)
        self.assertIn("name: vm-1", self.out("list", "-o", "yaml"))
        self.assertEqual(self.out("list", "-o", "name"), "vm-0\nvm-1\n")

    def test_no_colour_in_a_pipe_and_colour_on_a_terminal(self):
        self.fill(1)
        for words in (("list",), ("plugins",), ("nodes",), ("config", "show"), ("describe", "vm-0")):
            self.assertNotIn("\x1b", self.out(*words, TERM="xterm"), words)
        self.assertIn(b"\x1b[", self.on_terminal("list", TERM="xterm"))
        self.assertNotIn(b"\x1b[", self.on_terminal("list", TERM="xterm", NO_COLOR="1"))
        self.assertNotIn(b"\x1b[", self.on_terminal("list", TERM="dumb"))

    def on_terminal(self, *words, **environment):
        ours, theirs = pty.openpty()
        with subprocess.Popen([NEONVM, *words], env={**self.environment, **environment}, stdin=theirs, stdout=theirs,
                              stderr=theirs, cwd=self.folder):
            os.close(theirs)
            heard = b""
            while True:
                try:
                    more = os.read(ours, 65536)
                except OSError:  # the other side has closed
                    break
                if not more:
                    break
                heard += more
        os.close(ours)
        return heard

    def test_a_reader_that_goes_away_is_no_crash(self):
        self.fill(200)
        with subprocess.Popen([NEONVM, "list", "-o", "json"], env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as program:
            program.stdout.read(10)
            program.stdout.close()
            said = program.stderr.read()
            program.wait()
        self.assertNotIn(b"internal error", said)


class Homes(ProgramTest):
    def test_two_homes_never_meet(self):
        self.fill(2)
        other = os.path.join(self.folder, "other")
        self.assertEqual(self.out("--home", other, "list", "-o", "name"), "")
        self.assertEqual(self.out("list", "-o", "name", NEONVM_HOME=other), "")
        self.assertEqual(self.out("--home", self.home, "list", "-o", "name", NEONVM_HOME=other), "vm-0\nvm-1\n")

    def test_a_home_without_a_name_is_below_the_users(self):
        del self.environment["NEONVM_HOME"]
        self.out("list")
        self.assertTrue(os.path.isfile(os.path.join(self.folder, ".local/state/neonvm/store.db")))
        self.out("list", XDG_STATE_HOME=os.path.join(self.folder, "state"))
        self.assertTrue(os.path.isfile(os.path.join(self.folder, "state/neonvm/store.db")))

    def test_a_home_that_others_may_write_to_is_refused(self):
        os.mkdir(self.home)
        os.chmod(self.home, 0o777)
        self.refused(1, f"others may write to {self.home}; run: chmod 700 {self.home}", "list")

    def test_a_store_that_is_none_is_refused_and_kept(self):
        self.fill(1)
        store = os.path.join(self.home, "store.db")
        with open(store, "wb") as file:
            file.write(b"shopping list: bread, butter")
        for rest in ("-wal", "-shm"):
            if os.path.exists(store + rest):
                os.remove(store + rest)
        self.refused(1, store, "list")
        with open(store, "rb") as file:
            self.assertEqual(file.read(), b"shopping list: bread, butter")

    def test_what_is_a_clusters_own_is_not_kept_here(self):
        file = self.write("secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: x}\n")
        self.refused(1, "the cluster's own", "--orchestrator", "k8s", "apply", "-f", file)
        self.refused(1, "a cluster keeps its own", "--orchestrator", "k8s", "secret", "set", "db", file)
        for part in ("serve", "controller"):
            self.refused(2, "kubernetes.runner_image is not set", "--orchestrator", "k8s", part)
        self.assertIn("secret db created", self.out("apply", "-f", file))


if __name__ == "__main__":
    unittest.main()
