"""What the control plane tells Prometheus: held to the table that the program prints, and closed to strangers."""
import http.client
import os
import re
import ssl
import subprocess
import sys
import time
import unittest

from program import LIMIT, NEONVM, ProgramTest

sys.path.insert(0, os.path.join(os.environ["SOURCE_FOLDER"], "tests/support"))
import prometheus_text  # noqa: E402

TOKEN = "0123456789abcdef0123456789abcdef"


class Metrics(ProgramTest):
    def serve(self, *words):
        with open(os.path.join(self.folder, "serve.log"), "w", encoding="utf-8") as log:
            process = subprocess.Popen([NEONVM, "--home", self.home, *words], env=self.environment, cwd=self.folder,
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def log(self):
        with open(os.path.join(self.folder, "serve.log"), encoding="utf-8") as log:
            return log.read()

    def until(self, holds):
        deadline = time.monotonic() + LIMIT
        while True:
            found = holds()
            if found:
                return found
            self.assertLess(time.monotonic(), deadline, f"out of time: {self.log()}")
            time.sleep(0.02)

    def port(self):
        """Of --metrics, as the log tells it."""
        line = self.until(lambda: next((line for line in self.log().splitlines() if "metrics: listens" in line or "metrics listens" in line
                                        or ("metrics" in line and "listens" in line)), None))
        return int(line.split("at=", 1)[1].split()[0].strip('"').rsplit(":", 1)[1])

    def ask(self, port, path="/metrics", token=None, cafile=None):
        if cafile:
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=LIMIT, context=ssl.create_default_context(cafile=cafile))
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def known(self):
        return {family["name"]: family for family in self.json("metrics", "--names", "-o", "json")}

    def held_to_the_table(self, text):
        known = self.known()
        for name, family in prometheus_text.families(text).items():
            self.assertIn(name, known)
            self.assertEqual((family.kind, family.help), (known[name]["type"], known[name]["help"]), name)
            for _, labels, _ in family.samples:
                self.assertEqual(set(labels) - {"le"}, set(known[name]["labels"]), name)

    def test_what_is_told_stands_in_the_table(self):
        self.fill(2)
        self.serve("serve")
        text = self.until(lambda: "neonvm_scheduler_ready 1" in self.call("metrics").stdout and self.out("metrics"))
        self.held_to_the_table(text)
        for name in ("neonvm_vms", "reconcile_failing_objects", "autoscaling_plugin_node_cpu_resources_current", "autoscaling_agent_runners_current",
                     "autoscaling_agent_watchers_events_total", "vm_restarts_count", "vm_creation_to_vm_running_duration_seconds"):
            self.assertIn(f"# TYPE {name} ", text)

    def test_no_source_tells_what_is_not_in_the_table(self):
        """A family that is named where it is counted is in no table, no page and no dashboard. The guest has a page of its own."""
        told = re.compile(r'\.(?:gauge|counter|histogram)\(\s*"')
        found = []
        for room in ("core", "cli", "plugins"):
            for folder, _, names in os.walk(os.path.join(os.environ["SOURCE_FOLDER"], room)):
                for name in (name for name in names if name.endswith((".cpp", ".hpp"))):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        found += [os.path.join(folder, name)] if told.search(file.read()) else []
        self.assertEqual(found, [])

    def test_the_token_opens_them_and_nothing_else_does(self):
        token = self.write("token", TOKEN + "\n")
        self.serve("serve", "--metrics", "http://127.0.0.1:0", "--metrics-token", token)
        port = self.port()
        self.assertEqual(self.ask(port)[0], 401)
        self.assertEqual(self.ask(port, token=TOKEN[:-1])[0], 401)
        self.assertEqual(self.ask(port, token=TOKEN + "0")[0], 401)
        self.assertEqual(self.ask(port, token=TOKEN)[0], 200)
        # Only metrics are there: whoever reads them may not book a node full.
        self.assertEqual(self.ask(port, "/v1/health", token=TOKEN)[0], 404)
        # A Secret that is replaced counts at once, one that is gone lets nobody in.
        self.write("token", "f" * 32)
        self.assertEqual(self.ask(port, token=TOKEN)[0], 401)
        self.assertEqual(self.ask(port, token="f" * 32)[0], 200)
        os.unlink(token)
        self.assertEqual(self.ask(port, token="f" * 32)[0], 401)
        self.assertNotIn(TOKEN, self.log())

    def test_by_tls_with_a_certificate_that_it_makes(self):
        token = self.write("token", TOKEN)
        self.serve("scheduler", "--metrics", "https://127.0.0.1:0", "--metrics-token", token, "--probes", "http://127.0.0.1:0")
        port = self.port()
        authority = os.path.join(self.home, "metrics", "ca.crt")
        self.assertEqual(self.ask(port, cafile=authority)[0], 401)
        status, text = self.ask(port, token=TOKEN, cafile=authority)
        self.assertEqual(status, 200)
        self.held_to_the_table(text)
        probes = next(line for line in self.log().splitlines() if "probes" in line)
        port = int(probes.split("at=", 1)[1].split()[0].strip('"').rsplit(":", 1)[1])
        self.assertEqual(self.ask(port, "/healthz"), (200, "ok\n"))
        self.assertEqual(self.ask(port, "/metrics")[0], 404)
        self.until(lambda: self.ask(port, "/readyz") == (200, "ok\n"))

    def test_nobody_opens_them_by_accident(self):
        self.refused(1, "--metrics: http://127.0.0.1:0: who may read them? Give --metrics-token FILE, or --allow-unauthenticated-metrics",
                     "serve", "--metrics", "http://127.0.0.1:0")
        short = self.write("short", "secret\n")
        self.refused(2, f"--metrics: {short} has no token of at least 16 characters", "serve", "--metrics", "http://127.0.0.1:0", "--metrics-token", short)
        self.refused(2, "--metrics: give http:// or https://ADDRESS:PORT", "serve", "--metrics", "unix:/tmp/x")
        self.serve("agent", "--metrics", "http://127.0.0.1:0", "--allow-unauthenticated-metrics")
        self.assertEqual(self.ask(self.port())[0], 200)


if __name__ == "__main__":
    unittest.main()
