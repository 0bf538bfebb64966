"""docs/reference tells what the program tells."""
import os
import subprocess
import sys
import unittest

from program import NEONVM


class Reference(unittest.TestCase):
    def test_the_pages_are_those_of_this_program(self):
        script = os.path.join(os.environ["SOURCE_FOLDER"], "scripts/reference")
        done = subprocess.run([sys.executable, script, "--check", NEONVM], text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_page_that_lags_behind_is_found_out(self):
        script = os.path.join(os.environ["SOURCE_FOLDER"], "scripts/reference")
        done = subprocess.run([sys.executable, script, "--check", "/bin/echo"], text=True, capture_output=True, check=False)
        self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
