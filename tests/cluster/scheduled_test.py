#!/usr/bin/env python3
"""A VirtualMachine on two real nodes whose place kube-scheduler chose by our books: booted, scaled by permits over the network, moved."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vm_test  # noqa: E402
from bench import vm  # noqa: E402
from bench.fixture import main, until  # noqa: E402
from bench.scheduler import Daemon, Scheduler, asked_by_kube_scheduler, keep  # noqa: E402

SECRETS = "/api/v1/namespaces/neonvm-system/secrets"


class ScheduledTest(vm_test.VmTest):
    test_namesakes_in_two_namespaces = None  # nothing else is different there

    @classmethod
    def setUpClass(cls):
        super(vm_test.VmTest, cls).setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        for archive in vm.make_images(folder.name, "runner"):
            cls.cluster.request("import", archive)
        for base in ("crd", "rbac"):
            cls.cluster.kubectl("apply", "-k", os.path.join(vm.MANIFESTS, base))
        cls.cluster.kubectl("wait", "--for", "condition=Established", "crd", "--all", "--timeout", "60s")
        own, client = os.path.join(folder.name, "own"), os.path.join(folder.name, "client")
        cls.scheduler = Scheduler(cls.cluster.kubeconfig, own)
        cls.plane = Daemon(cls.cluster.kubeconfig, "serve", "--scheduler", f"https://{cls.scheduler.address}:10299",
                           config=f'scheduler = "neonvm-scheduler"\nrunner_image = "{vm.RUNNER_IMAGE}"\n').start()
        for daemon in (cls.plane, cls.scheduler):
            cls.addClassCleanup(daemon.remove)
        cls.addClassCleanup(lambda: print(cls.plane.text()[-20000:], cls.scheduler.text()[-20000:], sep="\n---\n", file=sys.stderr))
        for secret, where in (("neonvm-scheduler", own), ("neonvm-scheduler-client", client)):
            keep(until(lambda: cls.secret(secret), f"Secret {secret}"), where)
        cls.scheduler.start()
        until(cls.scheduler.ready, "it leads")
        asked_by_kube_scheduler(cls.cluster, cls.scheduler, client, folder.name)

    @classmethod
    def secret(cls, name):
        found = cls.cluster.get(SECRETS)["items"]
        return next((each for each in found if each["metadata"]["name"] == name), None)

    def sizes_follow(self):
        self.assertEqual(self.pod_of()["spec"]["schedulerName"], "neonvm-scheduler")
        self.assertNotIn("affinity", self.pod_of()["spec"])
        super().sizes_follow()
        self.assertIn('autoscaling_plugin_resource_requests_total{code="200"}', self.scheduler.plain("GET", "/metrics", 9100)[1])


if __name__ == "__main__":
    main(real_nodes=True)
