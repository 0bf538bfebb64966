#!/usr/bin/env python3
"""The Postgres example's hook against a server that speaks as much of PostgreSQL's protocol as it needs."""
import getpass
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

HOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../vm-builder/examples/postgres.files/etc/neonvm/hooks/postgres")
MIB = 2 ** 20
POSTMASTER = """
import signal
signal.signal(signal.SIGHUP, lambda *_: print("reload"))
print("up")
while True:
    signal.pause()
"""


class Server:
    """Gives each query the next of the rows; a row of None is an error."""

    def __init__(self, path, rows):
        self.rows, self.queries = list(rows), []
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(path)
        self.listening.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                caller, _ = self.listening.accept()
            except OSError:
                return
            with caller, caller.makefile("rwb") as stream:
                length, version = struct.unpack("!II", stream.read(8))
                assert version == 196608
                stream.read(length - 8)
                stream.write(b"R" + struct.pack("!II", 8, 0) + b"S" + struct.pack("!I", 8) + b"a\0b\0" + b"Z" + struct.pack("!I", 5) + b"I")
                stream.flush()
                while stream.read(1) == b"Q":
                    self.queries.append(stream.read(struct.unpack("!I", stream.read(4))[0] - 4).rstrip(b"\0").decode())
                    row = self.rows.pop(0) if self.rows else None
                    if row is None:
                        stream.write(b"E" + struct.pack("!I", 4 + 4) + b"SXX\0")
                    else:
                        body = struct.pack("!H", len(row)) + b"".join(struct.pack("!I", len(v)) + v for v in (str(v).encode() for v in row))
                        stream.write(b"T" + struct.pack("!IH", 6, 0) + b"D" + struct.pack("!I", 4 + len(body)) + body)
                    stream.write(b"Z" + struct.pack("!I", 5) + b"I")
                    stream.flush()

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()


class PostgresHook(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nvmh")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(self.path("data"))
        # Stands for the postmaster: tells of each reload.
        self.postmaster = subprocess.Popen([sys.executable, "-uc", POSTMASTER], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end_postmaster)
        self.assertEqual(self.postmaster.stdout.readline(), "up\n")
        with open(self.path("data/postmaster.pid"), "w", encoding="ascii") as file:
            file.write(f"{self.postmaster.pid}\n")

    def end_postmaster(self):
        self.postmaster.kill()
        self.postmaster.wait()
        self.postmaster.stdout.close()

    def path(self, name):
        return os.path.join(self.folder, name)

    def serve(self, *rows):
        server = Server(self.path(".s.PGSQL.5432"), rows)
        self.addCleanup(server.close)
        return server

    def ask(self, event, cpu, memory):
        question = json.dumps({"schema": 1, "event": event, "target": {"cpu": cpu, "memory": memory}}, separators=(",", ":"))
        environment = dict(os.environ, PGDATA=self.path("data"), PGHOST=self.folder, PGUSER=getpass.getuser(),
                           NEONVM_HOOK_STATE=self.path("state"))
        open(self.path("state.small"), "w", encoding="ascii").close()  # nothing to the console of this machine
        done = subprocess.run([HOOK], input=question + "\n", capture_output=True, text=True, env=environment, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout) if done.stdout.strip() else None

    def settings(self):
        with open(self.path("data/neonvm.conf"), encoding="ascii") as file:
            return dict(line.strip().split(" = ") for line in file if " = " in line)

    def test_settings_follow_the_size_and_the_server_reloads_once(self):
        server = self.serve((128 * MIB, 100, 0, 0))
        self.assertEqual(self.ask("grown", 2, "4Gi"), {"workingSet": 0})
        self.assertEqual(self.settings(), {"work_mem": "13MB", "maintenance_work_mem": "256MB", "effective_cache_size": "3072MB",
                                           "max_parallel_workers": "2", "max_parallel_workers_per_gather": "1",
                                           "max_parallel_maintenance_workers": "1"})
        self.assertEqual(self.postmaster.stdout.readline(), "reload\n")
        self.ask("look", 2, 4096 * MIB)
        self.assertEqual(self.ask("grown", "3500m", "4Gi"), {"workingSet": 0})
        self.assertEqual(self.settings()["max_parallel_workers"], "4")
        self.assertEqual(self.postmaster.stdout.readline(), "reload\n")
        self.assertEqual(len(server.queries), 1, "it asks again only after a minute")

    def test_a_shrink_below_the_buffers_is_refused_with_the_floor(self):
        self.serve((1024 * MIB, 100, 0, 0))
        refused = self.ask("shrink", 1, "1Gi")
        self.assertEqual((refused["ok"], refused["floor"]), (False, (1024 + 128 + 50) * MIB))
        self.assertIn("shared_buffers is 1024MB", refused["why"])
        self.assertFalse(os.path.exists(self.path("data/neonvm.conf")))
        self.assertEqual(self.ask("shrink", 1, "1202Mi"), {"workingSet": 0})

    def test_neons_cache_follows_and_its_working_set_counts(self):
        self.serve((128 * MIB, 100, 0, 1), (300 * MIB, 1000))
        self.assertEqual(self.ask("grown", 1, "4Gi"), {"workingSet": 300 * MIB})
        self.assertEqual(self.settings()["neon.file_cache_size_limit"], "1000")  # the server's most
        self.ask("shrink", 1, "1Gi")
        self.assertEqual(self.settings()["neon.file_cache_size_limit"], "607")  # (1024 - 100 - 256) / 1.1

    def test_a_server_that_cannot_be_asked_says_nothing(self):
        self.serve(None)
        self.assertIsNone(self.ask("shrink", 1, "1Gi"))
        os.remove(self.path("data/postmaster.pid"))
        self.assertIsNone(self.ask("shrink", 1, "1Gi"))


if __name__ == "__main__":
    unittest.main()
