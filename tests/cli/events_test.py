"""Billing events of the real program: to real servers on loopback, killed wherever it hurts, and nothing lost or doubled."""
import datetime
import json
import os
import random
import signal
import subprocess
import time
import unittest

from event_services import ACCESS, ACCOUNT, ACCOUNT_KEY, REGION, SECRET, Service
from program import LIMIT, NEONVM, ProgramTest

CPU, ACTIVE = "effective_compute_seconds", "active_time_seconds"
MEMBERS = {"idempotency_key", "metric", "type", "endpoint_id", "start_time", "stop_time", "value"}


class Events(ProgramTest):
    def setUp(self):
        super().setUp()
        self.service = Service()
        self.addCleanup(self.service.close)
        self.process = None
        self.addCleanup(self.kill)
        self.environment["AWS_ACCESS_KEY_ID"] = ACCESS
        self.environment["AWS_SECRET_ACCESS_KEY"] = SECRET

    def configure(self, *tables, accumulate=1):
        self.write(".config/neonvm/config.toml", f"[billing]\naccumulate_seconds = {accumulate}\n" + "\n".join(tables))

    def http_table(self):
        return f'[billing.http]\nurl = "{self.service.url}/billing"\n'

    def s3_table(self):
        return f'[billing.s3]\nbucket = "box"\nregion = "{REGION}"\nendpoint = "{self.service.url}"\nprefix = "agent"\n'

    def agent(self):
        with open(os.path.join(self.folder, "agent.log"), "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([NEONVM, "agent"], env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.until(lambda: f"pid={self.process.pid}" in self.log())

    def kill(self, number=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
        if self.process:
            self.process.wait()

    def log(self):
        with open(os.path.join(self.folder, "agent.log"), encoding="utf-8") as log:
            return log.read()

    def vm(self, name, mcpus, megabytes=1024):
        subprocess.run([os.environ["STORE_CHILD"], "run", self.home, name, str(mcpus), str(megabytes)], check=True, timeout=LIMIT)

    def until(self, holds):
        deadline = time.monotonic() + LIMIT
        while True:
            found = holds()
            if found:
                return found
            self.assertLess(time.monotonic(), deadline, f"out of time: {self.log()}")
            time.sleep(0.02)

    @staticmethod
    def once(events):
        """As a receiver counts them: by idempotency key."""
        return {event["idempotency_key"]: event for event in events}.values()

    def total(self, events, metric, endpoint="ep-web"):
        return sum(event["value"] for event in self.once(events) if event["metric"] == metric and event["endpoint_id"] == endpoint)

    def told(self, name):
        done = subprocess.run(["curl", "-sf", "--unix-socket", os.path.join(self.home, "agent.sock"), "http://x/metrics"], text=True, capture_output=True, check=True)
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in done.stdout.splitlines() if line.startswith(name)}

    def test_every_service_gets_the_same_in_its_own_way(self):
        key = self.write("key", ACCOUNT_KEY + "\n")
        self.write("token", "the-token")
        self.service.token = "the-token"
        # As an emulator has it: the account is the first part of the path.
        self.configure(self.http_table() + f'token_file = "{self.folder}/token"\n', self.s3_table(),
                       f'[billing.azure]\nendpoint = "{self.service.url}/{ACCOUNT}"\ncontainer = "crate"\nkey_file = "{key}"\n')
        self.vm("web", 2500)
        self.agent()
        spool = os.path.join(self.home, "spool/billing")
        self.until(lambda: self.total(self.service.heard(), ACTIVE) >= 3)
        self.vm("web", 0)
        self.until(lambda: self.told("autoscaling_agent_billing_vms_current") == {})
        self.until(lambda: [name for name in os.listdir(spool) if name != "book.json"] == [])
        heard, bucket = self.service.heard(), self.service.stored("/box/agent/year=")
        container = self.service.stored(f"/{ACCOUNT}/crate/year=")
        self.assertEqual(self.service.faults, [])
        order = lambda events: sorted(events, key=lambda event: event["idempotency_key"])
        self.assertEqual(order(heard), order(bucket))
        self.assertEqual(order(heard), order(container))
        for event in heard:
            self.assertEqual(set(event), MEMBERS)
            self.assertEqual(event["type"], "incremental")
            self.assertRegex(event["idempotency_key"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z-.+-[12]/2$")
            self.assertLess(event["start_time"], event["stop_time"])
        for path in self.service.objects:
            self.assertRegex(path, r"year=\d{4}/month=\d\d/day=\d\d/hour=\d\d/\d\d:\d\d:\d\dZ_[0-9a-f]{32}\.ndjson\.gz$")
        cpu, active = self.total(heard, CPU), self.total(heard, ACTIVE)
        self.assertLessEqual(abs(cpu - 2.5 * active), 2.5)  # each is rounded once
        for secret in (SECRET, ACCOUNT_KEY, "the-token"):
            self.assertNotIn(secret, self.log())

    def test_what_cannot_be_sent_waits_and_goes_in_order(self):
        self.service.refuse = lambda path: 503
        self.configure(self.http_table())
        self.vm("web", 1000)
        self.agent()
        self.until(lambda: self.told("autoscaling_agent_billing_queue_size").get('autoscaling_agent_billing_queue_size{client="http"}', 0) >= 2)
        self.assertIn('autoscaling_agent_billing_send_errors_total{cause="HTTP code 503",client="http"}', self.told("autoscaling_agent_billing_send_errors_total"))
        self.assertIn("cannot be sent; they wait in the spool", self.log())
        self.service.refuse = lambda path: None
        self.until(lambda: self.told("autoscaling_agent_billing_queue_size") == {'autoscaling_agent_billing_queue_size{client="http"}': 0})
        starts = [event["start_time"] for event in self.service.heard()]
        self.assertEqual(starts, sorted(starts))
        # One window ends where the next begins: nothing lies between two.
        windows = sorted({(event["start_time"], event["stop_time"]) for event in self.service.heard()})
        for (_, stop), (start, _) in zip(windows, windows[1:]):
            self.assertEqual(stop, start)

    def test_killed_between_spool_and_push_nothing_is_lost_or_doubled(self):
        self.service.refuse = lambda path: 500
        self.configure(self.http_table(), self.s3_table())
        self.vm("web", 1000)
        self.agent()
        spool = os.path.join(self.home, "spool/billing")
        batches = lambda: sorted(name for name in os.listdir(spool) if name.endswith(".ndjson"))
        self.until(lambda: os.path.isdir(spool) and len(batches()) >= 2)
        self.kill()
        waiting = {}
        for name in batches():
            with open(os.path.join(spool, name), encoding="utf-8") as file:
                for event in map(json.loads, (line for line in file if not line.startswith("#"))):
                    waiting[event["idempotency_key"]] = event
        self.service.refuse = lambda path: None
        self.agent()
        self.until(lambda: waiting.keys() <= {event["idempotency_key"] for event in self.service.heard()})
        self.until(lambda: waiting.keys() <= {event["idempotency_key"] for event in self.service.stored("/box/agent/")})
        for events in (self.service.heard(), self.service.stored("/box/agent/")):
            by_key = {event["idempotency_key"]: event for event in events}
            self.assertEqual(len(by_key), len(events))
            for key, event in waiting.items():
                self.assertEqual(by_key[key], event)

    def test_killed_anywhere_it_counts_on(self):
        """Whenever it is killed, what was told adds up to the time: the VM ran all along, with one size."""
        seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
        chance = random.Random(seed)
        self.configure(self.http_table(), self.s3_table())
        self.vm("web", 3000)
        # Now and then the answer is lost although it was taken.
        lost = [0]

        def refuse(path):
            if chance.random() < 0.3:
                lost[0] += 1
                return 500
            return None
        self.service.refuse = refuse
        self.agent()
        book = os.path.join(self.home, "spool/billing/book.json")

        def accounts():
            try:
                with open(book, encoding="utf-8") as file:
                    return json.load(file).get("accounts")
            except OSError:
                return None
        self.until(accounts)
        spool = os.path.dirname(book)
        moments = {
            "at once": lambda: lambda: True,
            "a batch is there": lambda: lambda: any(name.endswith(".ndjson") for name in os.listdir(spool)),
            "a batch is half there": lambda: lambda: any(name.endswith(".tmp") or ".has." in name for name in os.listdir(spool)) or self.changed(book, before),
            "somebody was told": lambda heard=len(self.service.heard()): lambda: len(self.service.heard()) > heard,
            "the book was written": lambda: lambda: self.changed(book, before),
        }
        for _ in range(8):
            before = os.stat(book).st_mtime_ns
            self.until(moments[chance.choice(sorted(moments))]())
            self.kill()
            self.agent()
        self.service.refuse = lambda path: None
        self.until(lambda: self.told("autoscaling_agent_billing_vms_current"))
        self.vm("web", 0)
        self.until(lambda: self.told("autoscaling_agent_billing_vms_current") == {})
        self.until(lambda: [name for name in os.listdir(spool) if name != "book.json"] == [] and not accounts())
        for events in (self.service.heard(), self.service.stored("/box/agent/")):
            windows = sorted({(self.seconds(event["start_time"]), self.seconds(event["stop_time"])) for event in events})
            for (_, stop), (start, _) in zip(windows, windows[1:]):
                self.assertEqual(stop, start, f"SEED={seed}")
            active, cpu = self.total(events, ACTIVE), self.total(events, CPU)
            # It ran in every window from the first to the last, in which it ended.
            self.assertGreaterEqual(active, windows[-1][0] - windows[0][0] - 1, f"SEED={seed}")
            self.assertLessEqual(active, windows[-1][1] - windows[0][0] + 1, f"SEED={seed}")
            self.assertLessEqual(abs(cpu - 3 * active), 3, f"SEED={seed}")
        self.assertEqual(self.service.faults, [])

    @staticmethod
    def changed(book, before):
        return os.stat(book).st_mtime_ns != before

    @staticmethod
    def seconds(text):
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()

    def test_a_wrong_setting_is_named(self):
        self.configure('[billing.s3]\nbucket = "box"\n')
        self.refused(2, "[billing]: s3: a bucket needs a region", "agent")
        self.configure('[billing.http]\nurl = "nowhere"\n')
        self.refused(2, '[billing]: http: "nowhere" is no URL', "agent")
        self.configure("", accumulate=0)
        self.assertRegex(self.refused(2, "billing.accumulate_seconds: 0 is out of range; give 1 to 86400", "agent"), r"config\.toml:2:\d+")

    def test_a_full_spool_counts_on_and_says_so(self):
        self.service.refuse = lambda path: 500
        self.configure(self.http_table(), '[events]\nspool_limit = "1Mi"\n')
        self.vm("web", 1000)
        spool = os.path.join(self.home, "spool/billing")
        os.makedirs(spool)
        # One that fills it, and that the service does not take.
        with open(os.path.join(spool, f"{1:020}-1000-{'0' * 32}.ndjson"), "w", encoding="utf-8") as file:
            file.write('{"idempotency_key":"old","metric":"x","endpoint_id":"y","value":0,"start_time":"","stop_time":"","pad":"' + "x" * (1 << 20) + '"}\n')
        self.agent()
        self.until(lambda: self.told("neonvm_event_spool_refusals_total").get('neonvm_event_spool_refusals_total{stream="billing"}', 0) >= 2)
        self.assertIn("is full", self.log())
        self.service.refuse = lambda path: None
        self.until(lambda: self.total(self.service.heard(), ACTIVE) >= 2)


if __name__ == "__main__":
    unittest.main()
