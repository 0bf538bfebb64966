"""The neonvm program in a home of the test's own, with nothing of the user's around it. Standard library only."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

NEONVM = os.environ.get("NEONVM", "neonvm")
LIMIT = 120  # seconds for one call, under load


class ProgramTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="neonvm-cli-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.home = os.path.join(self.folder, "home")
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.folder, "NEONVM_HOME": self.home}

    def call(self, *words, **environment):
        """What came out, whatever it was."""
        return subprocess.run([NEONVM, *words], env={**self.environment, **environment}, text=True, timeout=LIMIT,
                              stdin=subprocess.DEVNULL, capture_output=True, cwd=self.folder, check=False)

    def out(self, *words, **environment):
        """What a call that must succeed wrote to standard output."""
        done = self.call(*words, **environment)
        self.assertEqual(done.returncode, 0, f"neonvm {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *words, **environment):
        return json.loads(self.out(*words, **environment))

    def refused(self, code, text, *words, **environment):
        """A call that must fail with `code`, say `text` on standard error and nothing on standard output."""
        done = self.call(*words, **environment)
        self.assertEqual(done.returncode, code, f"neonvm {' '.join(words)}: {done.stdout}{done.stderr}")
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def fill(self, count):
        """`count` VMs, vm-0 and so on, in the store; nobody runs them."""
        subprocess.run([os.environ["STORE_CHILD"], "vms", self.home, str(count)], check=True, timeout=LIMIT,
                       stdout=subprocess.DEVNULL)
