#!/usr/bin/env python3
"""`neonvm postgres-hook` beside a real PostgreSQL, stock and with a stand-in for Neon's extension (postgres_server.py)."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from postgres_server import PostgresServer  # noqa: E402

PROGRAM = os.environ["NEONVM_GUEST_PROGRAM"]  # the static one: the hook is the guest's
MIB = 2 ** 20
UNITS = {"Ki": 1024, "Mi": MIB, "Gi": 1024 * MIB}


def to_bytes(quantity):
    text = str(quantity)
    return int(text[:-2]) * UNITS[text[-2:]] if text[-2:] in UNITS else int(text)


class WithServer(unittest.TestCase):
    SETTINGS = ()

    @classmethod
    def setUpClass(cls):
        cls.server = PostgresServer(cls.SETTINGS)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nvmh")
        self.addCleanup(folder.cleanup)
        self.notes = folder.name + "/notes"
        # Each test meets a server that knows nothing of the one before.
        for name in ("neonvm.conf", "neonvm.conf.new"):
            if os.path.lexists(f"{self.server.data}/{name}"):
                os.unlink(f"{self.server.data}/{name}")

    def run_hook(self, question):
        environment = dict(os.environ, PGDATA=self.server.data, PGHOST=self.server.home, NEONVM_HOOK_STATE=self.notes)
        return subprocess.run([PROGRAM, "postgres-hook"], input=question + "\n", capture_output=True, text=True, env=environment,
                              timeout=60, check=False)

    def ask(self, event, cpu, memory):
        done = self.run_hook(json.dumps({"schema": 1, "event": event, "target": {"cpu": cpu, "memory": memory}}))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def metrics(self, answer):
        return {(m["name"], *m.get("labels", {}).values()): m["value"] for m in answer["metrics"]}

    def show(self, setting):
        return self.server.sql("show " + setting)

    def becomes(self, setting, value):
        self.server.until(lambda: self.show(setting) == value, f"{setting} is {value}, not {self.show(setting)}", 30)

    def a_minute_later(self, seconds=60):
        """Its notes say that it has asked that long ago."""
        with open(self.notes, encoding="ascii") as file:
            words = file.read().split()
        words[1] = str(int(words[1]) - seconds)
        with open(self.notes, "w", encoding="ascii") as file:
            file.write(" ".join(words) + "\n")

    def age_settings(self):
        """neonvm.conf was written long ago."""
        os.utime(self.server.data + "/neonvm.conf", (0, 0))


class Stock(WithServer):
    SETTINGS = ("shared_buffers = 128MB", "max_connections = 100", "max_worker_processes = 8")

    def test_settings_follow_the_size(self):
        self.ask("grown", 2, "4Gi")
        for setting, value in (("work_mem", "13MB"), ("maintenance_work_mem", "256MB"), ("effective_cache_size", "3GB"),
                               ("max_parallel_workers", "2"), ("max_parallel_workers_per_gather", "1")):
            self.becomes(setting, value)
        self.ask("grown", "3500m", "8Gi")
        self.becomes("max_parallel_workers", "4")
        self.becomes("maintenance_work_mem", "512MB")
        self.assertEqual(self.ask("shrink", 1, "1Gi").get("ok", True), True)
        self.becomes("effective_cache_size", "768MB")

    def test_what_it_tells_holds_for_a_minute(self):
        first = self.metrics(self.ask("look", 1, "1Gi"))
        self.assertEqual((first[("pg_up",)], first[("pg_settings_shared_buffers_bytes",)], first[("pg_settings_max_connections",)]),
                         (1, 128 * MIB, 100))
        self.assertGreater(first[("pg_stat_database_xact_commit", "postgres")], 0)
        self.assertGreaterEqual(first[("pg_stat_activity_count", "active")], 1)
        self.assertEqual(self.ask("look", 1, "1Gi"), {}, "nothing new is told")
        self.a_minute_later()
        self.server.sql("select count(*) from pg_class, pg_attribute")
        self.server.until(lambda: self.later(first), "the statistics have arrived")

    def later(self, first):
        self.a_minute_later()
        now = self.metrics(self.ask("look", 1, "1Gi"))
        return now.get(("pg_buffer_hit_ratio",), 0) > 0.5 and now[("pg_stat_database_xact_commit", "postgres")] > first[("pg_stat_database_xact_commit", "postgres")]

    def test_a_shrink_below_the_buffers_is_refused_with_the_floor(self):
        refused = self.ask("shrink", 1, "305Mi")
        self.assertEqual((refused["ok"], to_bytes(refused["floor"])), (False, (128 + 128 + 50) * MIB))
        self.assertIn("shared_buffers is 128MB", refused["why"])
        self.assertFalse(os.path.exists(self.server.data + "/neonvm.conf"))
        self.assertTrue(self.ask("shrink", 1, "306Mi").get("ok", True))

    def test_what_needs_a_restart_is_a_notice_and_stays_one(self):
        self.assertEqual(self.ask("look", 1, "1Gi")["notices"], [])
        self.ask("grown", 12, "2Gi")
        self.a_minute_later()
        small, workers = self.ask("shrink", 1, "1Gi")["notices"]
        self.assertIn("shared_buffers is 128MB", small)
        self.assertIn("max_worker_processes is 8", workers)
        self.server.sql("alter system set max_connections = 50")
        self.server.sql("select pg_reload_conf()")
        self.addCleanup(self.server.sql, "alter system reset max_connections")
        self.server.until(lambda: self.server.sql("select pending_restart from pg_settings where name = 'max_connections'") == "t", "it waits")
        self.a_minute_later()
        notices = self.ask("look", 1, "1Gi")["notices"]
        self.assertEqual(notices[:2], [small, workers])
        self.assertEqual(notices[2], "changed, but waiting for a restart of PostgreSQL: max_connections")

    def test_a_server_that_does_not_read_neonvm_conf_is_told_of(self):
        self.server.write("other.conf", "")
        with open(self.server.data + "/postgresql.conf", encoding="utf-8") as file:
            whole = file.read()
        self.addCleanup(self.server.write, "postgresql.conf", whole)
        self.server.write("postgresql.conf", whole.replace("neonvm.conf", "other.conf"))
        self.ask("look", 1, "1Gi")
        self.age_settings()
        self.a_minute_later()
        self.assertIn("include_if_exists", " ".join(self.ask("look", 1, "1Gi")["notices"]))

    def test_pg_stat_io_and_pg_buffercache_where_they_are(self):
        # PostgreSQL 16 has this view; here it is a table with its columns.
        self.server.sql("create table pg_stat_io (backend_type text, object text, context text, hits bigint, reads bigint)")
        self.addCleanup(self.server.sql, "drop table pg_stat_io")
        self.server.sql("insert into pg_stat_io values ('client backend', 'relation', 'normal', 100, 100), ('client backend', 'relation', 'bulkread', 0, 100)")
        self.server.sql("create extension pg_buffercache")
        self.addCleanup(self.server.sql, "drop extension pg_buffercache")
        hot = self.metrics(self.ask("look", 1, "1Gi"))[("pg_buffers_hot_ratio",)]
        self.assertTrue(0 < hot < 0.25, hot)
        # 30,000 blocks in a minute are 4 MiB/s: but the buffers are cold, so they were scanned.
        self.server.sql("update pg_stat_io set hits = hits + 90000, reads = reads + 30000 where context = 'normal'")
        self.server.sql("update pg_stat_io set reads = reads + 90000000 where context = 'bulkread'")
        self.a_minute_later()
        answer = self.ask("look", 1, "1Gi")
        self.assertEqual(self.metrics(answer)[("pg_buffer_hit_ratio",)], 0.75)
        self.assertEqual(to_bytes(answer["workingSet"]), 0)
        # Without that knowledge the page cache counts, and for five minutes on.
        self.server.sql("drop extension pg_buffercache")
        self.server.sql("update pg_stat_io set reads = reads + 30000 where context = 'normal'")
        self.a_minute_later()
        self.assertGreater(to_bytes(self.ask("look", 1, "1Gi")["workingSet"]), 0)
        self.a_minute_later()
        self.assertGreater(to_bytes(self.ask("look", 1, "1Gi")["workingSet"]), 0, "not forgotten at once")


class Neon(WithServer):
    SETTINGS = ("shared_buffers = 128MB", "neon.max_file_cache_size = '1000MB'", "neon.file_cache_size_limit = '0MB'")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.sql("create schema neon")
        cls.server.sql("create extension neon with schema neon")
        # As in upstream's image: the setting is in the file, and what comes after it would win.
        with open(cls.server.data + "/postgresql.conf", encoding="utf-8") as file:
            lines = file.read().splitlines()
        cls.server.write("postgresql.conf", "\n".join(lines[1:] + lines[:1]) + "\n")

    def test_the_cache_follows_by_upstreams_formula(self):
        # (1024 - 100 - 256) / 1.1; 0.75 * (1600 - 100) would be above what the server may ever have.
        for event, memory, limit in (("grown", "1Gi", "607MB"), ("grown", "1600Mi", "1000MB"), ("shrink", "512Mi", "141MB"), ("shrink", "356Mi", "0MB")):
            self.ask(event, 1, memory)
            self.becomes("neon.file_cache_size_limit", limit)

    def test_its_windows_and_counts_are_told_each_time(self):
        self.ask("grown", 1, "1Gi")
        self.becomes("neon.file_cache_size_limit", "607MB")
        for pages in (1000, 7):
            self.server.sql(f"update neon.stand_in set pages_a_minute = {pages}")
            answer = self.ask("look", 1, "1Gi")
            self.assertEqual(answer["workingSetPages"], [pages * i for i in range(1, 61)])
            with open("/proc/meminfo", encoding="ascii") as file:
                cached = next(int(line.split()[1]) * 1024 for line in file if line.startswith("Cached:"))
            self.assertLessEqual(abs(to_bytes(answer["workingSet"]) - min(5 * pages * 8192, cached)), 64 * MIB if 5 * pages * 8192 > cached else 0)
            metrics = self.metrics(answer)
            self.assertEqual([metrics[("lfc_" + name,)] for name in ("hits", "misses", "writes", "used")], [900, 100, 50, 64])
            self.assertEqual(metrics[("lfc_cache_size_limit",)], 607 * MIB)
            self.assertEqual(metrics[("pg_up",)], 1)

    def test_a_limit_that_something_else_has_set_is_told_of(self):
        self.ask("grown", 1, "1Gi")
        self.becomes("neon.file_cache_size_limit", "607MB")
        self.age_settings()
        self.assertEqual(self.ask("look", 1, "1Gi")["notices"], [])
        self.server.sql("alter system set neon.file_cache_size_limit = '5MB'")
        self.addCleanup(self.server.sql, "alter system reset neon.file_cache_size_limit")
        self.server.sql("select pg_reload_conf()")
        self.becomes("neon.file_cache_size_limit", "5MB")
        self.assertIn("ALTER SYSTEM", " ".join(self.ask("look", 1, "1Gi")["notices"]))


class Trouble(WithServer):
    SETTINGS = ("shared_buffers = 128MB",)

    def test_a_server_that_is_frozen_is_known_from_before(self):
        self.ask("look", 1, "1Gi")
        self.server.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.server.process.send_signal, signal.SIGCONT)
        self.a_minute_later()
        began = time.monotonic()
        refused = self.ask("shrink", 1, "200Mi")
        self.assertFalse(refused["ok"])
        self.assertEqual(self.metrics(refused), {("pg_up",): 0})
        self.assertGreater(time.monotonic() - began, 1, "it was given its time")

    def test_a_server_that_lets_nobody_in_is_told_of(self):
        self.server.write("pg_hba.conf", "local all all scram-sha-256\n")
        self.addCleanup(self.reload, "local all postgres peer map=owner\n")
        os.kill(self.server.process.pid, signal.SIGHUP)
        self.server.until(lambda: self.server.sql("select 1") is None, "nobody is let in")
        answer = self.ask("shrink", 1, "100Mi")
        self.assertTrue(answer.get("ok", True))
        self.assertIn("pg_hba.conf", answer["notices"][0])
        self.assertEqual(self.metrics(answer), {("pg_up",): 0})

    def reload(self, text):
        self.server.write("pg_hba.conf", text)
        os.kill(self.server.process.pid, signal.SIGHUP)
        self.server.until(lambda: self.server.sql("select 1") == "1", "we are let in again")

    def test_a_server_that_is_down_has_nothing_to_say(self):
        self.ask("look", 1, "1Gi")
        self.server.stop()
        try:
            answer = self.ask("shrink", 1, "100Mi")
        finally:
            self.server.start()
        self.assertEqual((answer.get("ok", True), answer["notices"], self.metrics(answer)), (True, [], {("pg_up",): 0}))

    def test_notes_that_are_torn_are_none(self):
        with open(self.notes, "w", encoding="ascii") as file:
            file.write("1 2 3")
        self.assertEqual(self.metrics(self.ask("look", 1, "1Gi"))[("pg_up",)], 1)

    def test_links_in_the_data_directory_lead_nowhere(self):
        victim = self.notes + ".victim"
        with open(victim, "w", encoding="ascii") as file:
            file.write("precious")
        os.symlink(victim, self.server.data + "/neonvm.conf.new")
        self.ask("grown", 1, "1Gi")
        with open(victim, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")
        facts = os.stat(self.server.data + "/neonvm.conf")
        self.assertEqual((facts.st_uid, facts.st_mode & 0o777), (self.server.owner.pw_uid, 0o600))

    def test_a_question_that_is_none(self):
        for question, place in (("what", "the question"), ('{"schema":1,"event":"look"}', "target"), ("", "the question")):
            done = self.run_hook(question)
            self.assertEqual((done.returncode, done.stdout), (2, ""), question)
            self.assertIn(place, done.stderr)


if __name__ == "__main__":
    unittest.main()
