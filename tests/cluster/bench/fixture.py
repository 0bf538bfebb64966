"""What a Python test of the cluster is made of; see crd_test.py for one."""
import sys
import time
import unittest

from . import node, programs
from .api import Refused
from .cluster import Cluster

SKIPPED = 77  # SKIP_RETURN_CODE of these tests in ctest


class ClusterTest(unittest.TestCase):
    """One cluster for all tests of the class, made with `options`."""

    options = {}
    cluster = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster.up(**cls.options)
        cls.addClassCleanup(cls.cluster.down)

    def there(self, path):
        """None: it is not."""
        try:
            return self.cluster.get(path)
        except Refused as why:
            if why.code == 404:
                return None
            raise


def until(condition, what, limit=60, pause=0.05):
    """The first true value of condition()."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what}")
        time.sleep(pause)  # for what is told only to those who ask


def main(real_nodes=False):
    """Runs the tests of the calling program; says why, and counts as skipped, where no cluster can run."""
    try:
        programs.find()
        if real_nodes:
            node.check()
    except programs.CannotRun as why:
        print(f"skipped: {why}")
        sys.exit(SKIPPED)
    unittest.main(module="__main__")
