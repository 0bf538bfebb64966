"""neonvm serve: one a home, and nothing is lost with it."""
import json
import os
import signal
import subprocess
import time
import unittest

from program import LIMIT, NEONVM, ProgramTest


class Serve(ProgramTest):
    def serve(self, home):
        process = subprocess.Popen([NEONVM, "--home", home, "serve"], env=self.environment, cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        self.until(lambda: self.control_plane(home).startswith("answers"))
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()

    def control_plane(self, home):
        found = json.loads(self.call("--home", home, "doctor", "-o", "json").stdout)
        return next(each["detail"] for each in found if each["name"] == "control plane")

    def until(self, holds):
        deadline = time.monotonic() + LIMIT
        while not holds():
            self.assertLess(time.monotonic(), deadline, "out of time")

    def test_a_second_one_on_the_same_home_names_the_first(self):
        first = self.serve(self.home)
        self.refused(1, f"another neonvm serve (pid {first.pid}) already runs on {self.home}", "serve")
        self.assertIsNone(first.poll())

    def test_two_homes_at_once(self):
        other = os.path.join(self.folder, "other")
        self.serve(self.home)
        self.serve(other)
        self.fill(1)
        self.assertEqual(self.out("--home", other, "list", "-o", "name"), "")
        self.assertEqual(len(self.json("--home", other, "nodes", "-o", "json")), 1)

    def test_killed_it_leaves_a_home_that_the_next_takes_over(self):
        killed = self.serve(self.home)
        self.fill(2)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        self.assertEqual(self.control_plane(self.home), "has ended; the next neonvm run starts it again")
        self.assertEqual(self.out("list", "-o", "name"), "vm-0\nvm-1\n")
        self.serve(self.home)
        self.assertEqual(self.out("list", "-o", "name"), "vm-0\nvm-1\n")

    def test_told_to_end_it_ends_in_order(self):
        process = self.serve(self.home)
        process.terminate()
        self.assertEqual(process.wait(timeout=LIMIT), 0)
        self.assertFalse(os.path.exists(os.path.join(self.home, "serve.sock")))

    def test_it_takes_nodes_from_the_configuration(self):
        self.write(".config/neonvm/config.toml", '[[node]]\nname = "a"\ncpu = 1\nmemory = "1Gi"\n\n'
                                                 '[[node]]\nname = "b"\ncpu = "500m"\nmemory = "2Gi"\n')
        self.serve(self.home)
        self.assertEqual([node["metadata"]["name"] for node in self.json("nodes", "-o", "json")], ["a", "b"])


if __name__ == "__main__":
    unittest.main()
