#!/usr/bin/env python3
"""The Redis example's hook beside a real Redis: what a hook that is not PostgreSQL's looks like."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from debian_programs import unpacked, with_libraries  # noqa: E402

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
HOOK = TOP + "/vm-builder/examples/redis.files/etc/neonvm/hooks/redis"
MIB = 2 ** 20
PACKAGES = ["redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1", "libhiredis0.14", "liblua5.1-0", "lua-cjson", "lua-bitop"]


class RedisHook(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        installed = shutil.which("redis-server") and shutil.which("redis-cli")
        root = "" if installed else unpacked("redis", PACKAGES)
        cls.environment = with_libraries(root) if root else dict(os.environ)
        cls.environment["PATH"] = root + "/usr/bin:" + os.environ["PATH"]

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nvmr")
        self.addCleanup(folder.cleanup)
        self.socket = folder.name + "/redis.sock"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        self.environment = dict(self.environment, HOOK_PORT=port)
        self.server = subprocess.Popen(["redis-server", "--port", port, "--unixsocket", self.socket, "--save", "", "--dir", folder.name,
                                        "--maxmemory-policy", "allkeys-lru"], env=self.environment, stdout=subprocess.DEVNULL)
        self.addCleanup(self.end)
        self.until(lambda: self.redis("ping") == "PONG", "Redis answers")

    def end(self):
        self.server.kill()
        self.server.wait()

    def until(self, condition, what, limit=60):
        end = time.monotonic() + limit
        while not condition():
            self.assertLess(time.monotonic(), end, f"not within {limit} s: {what}")
            time.sleep(0.05)  # a server tells nobody

    def redis(self, *words):
        done = subprocess.run(["redis-cli", "-s", self.socket, *words], env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def ask(self, event, mebibytes):
        question = {"cpus": 1, "event": event, "memoryBytes": mebibytes * MIB, "schema": 1, "target": {"cpu": 1, "memory": f"{mebibytes}Mi"}}
        done = subprocess.run([HOOK], input=json.dumps(question, separators=(",", ":")) + "\n", env=self.environment, capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def limit(self):
        return int(self.redis("config", "get", "maxmemory").split()[-1])

    def fill(self, mebibytes):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(self.socket)
            value = b"x" * MIB
            for i in range(mebibytes):
                link.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\nk%d\r\n$%d\r\n" % (len(str(i)) + 1, i, len(value)) + value + b"\r\n")
                self.assertEqual(link.recv(5), b"+OK\r\n")

    def test_its_limit_follows_the_size(self):
        answer = self.ask("grown", 1024)
        self.assertEqual(self.limit(), (768 - 64) * MIB)
        told = {metric["name"]: metric["value"] for metric in answer["metrics"]}
        self.assertEqual((told["redis_up"], told["redis_memory_max_bytes"]), (1, 704 * MIB))
        self.assertEqual(answer["notices"], [])
        self.fill(100)
        self.assertTrue(self.ask("shrink", 128).get("ok", True))
        self.assertEqual(self.limit(), 32 * MIB)
        self.until(lambda: self.used() <= 34 * MIB, "it has evicted what is too much")

    def used(self):
        return int(next(line for line in self.redis("info", "memory").splitlines() if line.startswith("used_memory:")).split(":")[1])

    def test_what_may_not_be_evicted_refuses_a_shrink(self):
        self.redis("config", "set", "maxmemory-policy", "noeviction")
        self.ask("grown", 1024)
        self.fill(100)
        refused = self.ask("shrink", 128)
        self.assertFalse(refused["ok"])
        self.assertIn("noeviction", refused["why"])
        self.assertEqual(self.limit(), 704 * MIB, "its limit stays as long as the size does")
        # The floor is one to which it agrees.
        agreed = self.ask("shrink", -(-refused["floor"] // MIB))
        self.assertTrue(agreed.get("ok", True))
        self.assertIn("noeviction", agreed["notices"][0])

    def test_a_server_that_is_down_agrees(self):
        self.end()
        self.assertEqual(self.ask("shrink", 128), {"notices": [], "metrics": [{"name": "redis_up", "value": 0}]})


if __name__ == "__main__":
    unittest.main()
