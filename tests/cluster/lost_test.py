#!/usr/bin/env python3
"""A real node is cut off, kubelet and all, until Kubernetes has given it up: its VM runs on there, is started nowhere else, and is the same one when
the node is back; one that was deleted meanwhile goes then, and not before.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vm_test  # noqa: E402
from bench import programs, vm  # noqa: E402
from bench.fixture import main, until  # noqa: E402
from bench.inside import Inside  # noqa: E402
from bench.vms import PODS, VMS, says  # noqa: E402
from vm_test import WEB  # noqa: E402

BOOT = ("cat", "/proc/sys/kernel/random/boot_id")


class LostTest(vm_test.VmTest):
    # What is given up is given up after seconds, not minutes.
    options = {"nodes": 2, "controller": ["--node-monitor-grace-period=16s"],
               "apiserver": ["--default-unreachable-toleration-seconds=3", "--default-not-ready-toleration-seconds=3"]}
    test_namesakes_in_two_namespaces = test_a_life = None  # vm_test has them

    def ready_is(self, node, value):
        return says(self.cluster.get(f"/api/v1/nodes/{node}"), "Ready", value)

    def cut(self, node):
        self.cluster.request("cut", node)
        self.addCleanup(self.cluster.request, "mend", node)
        until(lambda: self.ready_is(node, "Unknown"), "Kubernetes has given the node up", 60)

    def mend(self, node):
        self.cluster.request("mend", node)
        until(lambda: self.ready_is(node, "True"), "the node is back", 60)

    def bystander(self, node):
        """A pod as anybody's, there to see what happens to those."""
        self.cluster.call("POST", PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bystander"}, "spec": {
            "nodeName": node, "automountServiceAccountToken": False,
            "containers": [{"name": "c", "image": "neonvm-test/busybox:1", "command": ["/bin/sleep", "100000"]}]}})

    def boot(self):
        return vm.neonvm(self.cluster, "exec", "web", "--", "/bin/busybox", *BOOT).strip()

    def test_a_node_is_given_up_and_comes_back(self):
        self.make_settings("default", "blue")
        self.cluster.kubectl("apply", "-f", "-", stdin=WEB)
        pod = until(self.ready, "the VM is ready", 180)
        until(lambda: self.page("/etc/name", pod) == "web\n", "it serves its name", 60)
        node, boot = pod["spec"]["nodeName"], self.boot()
        self.bystander(node)
        self.cut(node)
        until(lambda: self.cluster.get(f"{PODS}/bystander")["metadata"].get("deletionTimestamp"), "others are evicted", 60)
        until(lambda: self.condition("Degraded").get("reason") == "RunnerSilent", "its status says that nothing is heard of it", 60)
        self.assertEqual((self.condition("Available")["status"], self.condition("Available")["reason"]), ("False", "RunnerSilent"))
        self.it_is_alone(pod)
        self.assertEqual(self.seen_from_its_node(node, pod), "web\n")
        self.mend(node)
        until(lambda: self.condition("Degraded").get("status") == "False", "nothing is wrong any more", 90)
        self.it_is_alone(pod)
        self.assertEqual((self.boot(), self.status()["restartCount"], self.page("/etc/name", pod)), (boot, 0, "web\n"))
        self.sizes_follow()
        self.deleted_while_it_is_away(node, pod)

    def it_is_alone(self, pod):
        found = self.cluster.get(f"{PODS}?labelSelector=vm.neon.tech/name=web")["items"]
        self.assertEqual([each["metadata"]["uid"] for each in found], [pod["metadata"]["uid"]])
        self.assertNotIn("deletionTimestamp", found[0]["metadata"])

    def seen_from_its_node(self, node, pod):
        busybox = programs.find(["busybox"])["busybox"]
        return Inside(self.cluster.state, node).wire(busybox, "wget", "-q", "-O", "-", f"http://{pod['status']['podIP']}:8080/etc/name")

    def deleted_while_it_is_away(self, node, pod):
        self.cut(node)
        self.cluster.kubectl("delete", "neonvm", "web", "--wait=false")
        until(lambda: self.there(f"{PODS}/{pod['metadata']['name']}")["metadata"].get("deletionTimestamp"), "its pod is asked to end", 60)
        self.assertEqual(self.seen_from_its_node(node, pod), "web\n")
        self.assertIsNotNone(self.there(f"{VMS}/web"))
        self.mend(node)
        until(lambda: self.there(f"{VMS}/web") is None, "the VM is gone", 120)
        until(lambda: not self.cluster.get(PODS)["items"], "its pods are gone", 120)


if __name__ == "__main__":
    main(real_nodes=True)
