#!/usr/bin/env python3
"""Two schedulers and a Service that follows the lead: both are ready, and requests go to the one that has the books."""
import os
import signal
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import vm  # noqa: E402
from bench.api import Refused  # noqa: E402
from bench.fixture import ClusterTest, main, until  # noqa: E402
from bench.scheduler import Daemon, Scheduler, keep  # noqa: E402

OWN = "neonvm-system"
ENDPOINTS = f"/api/v1/namespaces/{OWN}/endpoints/neonvm-scheduler"
MERGE = "application/merge-patch+json"
NAMES = {"10.77.0.1": "first", "10.77.0.2": "second"}  # a Service leads nowhere on loopback, where they are


class LeadTest(ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for base in ("crd", "rbac"):
            cls.cluster.kubectl("apply", "-k", os.path.join(vm.MANIFESTS, base))
        cls.cluster.kubectl("apply", "-f", os.path.join(vm.MANIFESTS, "scheduler/service.yaml"))
        vm.established(cls.cluster)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        own = os.path.join(folder.name, "own")
        user = {part: cls.cluster.account(OWN, f"neonvm-{part}") for part in ("controller", "scheduler")}
        cls.replicas = {address: Scheduler(user["scheduler"], own, words=("--service", "neonvm-scheduler", "--address", address)) for address in NAMES}
        cls.controller = Daemon(user["controller"], "controller", "--scheduler", "https://127.0.0.1:1", config='scheduler = "neonvm-scheduler"\nrunner_image = "x"\n').start()
        for daemon in (cls.controller, *cls.replicas.values()):
            cls.addClassCleanup(daemon.remove)
        keep(until(lambda: cls.found(f"/api/v1/namespaces/{OWN}/secrets/neonvm-scheduler"), f"its Secret: {cls.controller.text()}"), own)

    @classmethod
    def found(cls, path):
        try:
            return cls.cluster.get(path)
        except Refused:
            return None

    def tearDown(self):
        for replica in self.replicas.values():
            replica.kill(signal.SIGTERM)

    def led_to(self):
        subsets = self.cluster.get(ENDPOINTS).get("subsets", [])
        return [(address["ip"], sorted((port["name"], port["port"]) for port in subset["ports"])) for subset in subsets for address in subset["addresses"]]

    def leads(self, address):
        return self.led_to() == [(address, [("extender", 10298), ("permits", 10299)])]

    def start_both(self):
        first, second = NAMES
        self.replicas[first].start()
        until(lambda: self.leads(first) and self.replicas[first].ready(), f"the first is led to: {self.led_to()} {self.replicas[first].text()}")
        self.replicas[second].start()
        until(self.replicas[second].ready, "the second stands by, and is ready")
        self.assertTrue(self.leads(first))
        return first, second

    def test_the_service_goes_where_the_lead_goes(self):
        first, second = self.start_both()
        self.assertEqual(self.replicas[second].plain("POST", "/", 10300, '{"protoVersion":7}')[0], 400)
        for end in (signal.SIGKILL, signal.SIGTERM):
            self.replicas[first].kill(end)
            until(lambda: self.leads(second), f"the other leads: {self.led_to()}", 30)
            until(self.replicas[second].ready, "and is ready")
            self.replicas[first].start()
            until(self.replicas[first].ready, "who came back stands by")
            self.assertTrue(self.leads(second))
            first, second = second, first

    def test_a_late_word_of_the_leader_before_is_put_right(self):
        first, second = self.start_both()
        subset = self.cluster.get(ENDPOINTS)["subsets"][0]
        self.cluster.call("PATCH", ENDPOINTS, {"subsets": [{**subset, "addresses": [{"ip": second}]}]}, MERGE)
        until(lambda: self.leads(first), f"the first is led to again: {self.led_to()}", 30)

    def test_without_what_leads_the_service_it_says_so_and_is_not_ready(self):
        first, _ = NAMES
        self.cluster.call("DELETE", ENDPOINTS)
        self.addCleanup(self.cluster.kubectl, "apply", "-f", os.path.join(vm.MANIFESTS, "scheduler/service.yaml"))
        self.replicas[first].start()
        until(lambda: "the service cannot be led here" in self.replicas[first].text(), "it says so")
        self.assertFalse(self.replicas[first].ready())


if __name__ == "__main__":
    main()
