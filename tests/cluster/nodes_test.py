#!/usr/bin/env python3
"""Real nodes: pods run in them and reach each other, and nothing of them is left on this machine."""
import glob
import os
import sys
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench.cluster import Cluster  # noqa: E402
from bench.fixture import ClusterTest, main, until  # noqa: E402
from bench.node_init import SETTINGS  # noqa: E402
from bench_test import processes_of  # noqa: E402

PODS = "/api/v1/namespaces/default/pods"


def settings():
    found = {}
    for name in SETTINGS:
        with open("/proc/sys/" + name, encoding="utf-8") as file:
            found[name] = file.read()
    return found


def links():
    return {name for name in os.listdir("/sys/class/net") if name.startswith("nvm")}


def routes():
    with open("/proc/net/route", encoding="utf-8") as file:
        return {line.split()[0] for line in file if line.startswith("nvm")}


def cgroups(state):
    return glob.glob(f"/sys/fs/cgroup/*/{os.path.basename(state)}")


class NodesTest(ClusterTest):
    options = {"nodes": 2}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addresses = {}
        for node in ("node1", "node2"):
            cls.cluster.call("POST", PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": node}, "spec": {
                "nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [{
                    "name": "web", "image": "neonvm-test/busybox:1", "command": ["sh", "-c", f"echo {node} >/tmp/name; echo up; exec httpd -f -h /tmp"],
                    "resources": {"limits": {"memory": "32Mi"}}}]}})
        for node in ("node1", "node2"):
            cls.addresses[node] = until(lambda: cls.ready(node), f"the pod of {node} is ready", 120)

    @classmethod
    def ready(cls, name):
        status = cls.cluster.get(f"{PODS}/{name}")["status"]
        return all(each["ready"] for each in status.get("containerStatuses", ())) and status.get("podIP")

    def within(self, pod, *words):
        return self.cluster.kubectl("exec", pod, "--", *words)

    def test_pods_of_two_nodes_reach_each_other(self):
        for here, there in (("node1", "node2"), ("node2", "node1")):
            self.assertIn(" 0% packet loss", self.within(here, "ping", "-c", "2", "-w", "10", self.addresses[there]))
            self.assertEqual(self.within(here, "wget", "-qO-", f"http://{self.addresses[there]}/name"), there + "\n")

    def test_this_machine_reaches_pods(self):
        for node, address in self.addresses.items():
            with urllib.request.urlopen(f"http://{address}/name", timeout=10) as answer:
                self.assertEqual(answer.read().decode(), node + "\n")

    def test_pods_reach_the_api_server_by_its_service(self):
        done = self.cluster.kubectl("exec", "node1", "--", "sh", "-c",
                                    "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 10 10.96.0.1 443", check=False)
        self.assertIn("400 Bad Request", done.stdout + done.stderr)  # it is there, and speaks TLS only

    def test_logs_and_limits(self):
        self.assertEqual(self.cluster.kubectl("logs", "node1"), "up\n")
        found = glob.glob(f"/sys/fs/cgroup/memory/{os.path.basename(self.cluster.state)}/node1/**/memory.limit_in_bytes", recursive=True)
        limits = set()
        for path in found:
            with open(path, encoding="utf-8") as file:
                limits.add(int(file.read()))
        self.assertIn(32 << 20, limits)

    def test_a_pod_outlives_its_kubelet_and_its_containerd(self):
        before = self.cluster.get(f"{PODS}/node2")["status"]["containerStatuses"][0]["containerID"]
        for daemon in ("kubelet-node2", "containerd-node2"):
            self.cluster.restart(daemon, hard=True)
        until(self.kubelet_answers, "the kubelet answers again", 120)
        self.assertEqual(self.cluster.get(f"{PODS}/node2")["status"]["containerStatuses"][0]["containerID"], before)

    def kubelet_answers(self):
        """A kubelet whose containerd goes while it begins ends; elsewhere systemd starts it again."""
        self.cluster.request("start", "kubelet-node2")
        return self.within_or_none("node2", "cat", "/tmp/name") == "node2\n"

    def within_or_none(self, pod, *words):
        done = self.cluster.kubectl("exec", pod, "--", *words, check=False)
        return done.stdout if done.returncode == 0 else None

    def test_the_kubelet_does_not_set_up_this_machine(self):
        path = os.path.join(self.cluster.state, "node1/own/vm.overcommit_memory")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "1\n")  # what the kubelet sees, and wants
        self.assertEqual(settings(), self.settings_before)

    settings_before = settings()


class NothingLeftTest(unittest.TestCase):
    def check_gone(self, state):
        until(lambda: not processes_of(state), "its processes are gone")
        until(lambda: not links() - self.links and not routes() - self.routes, "its links and routes are gone")
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            self.assertNotIn(state, file.read())

    def setUp(self):
        self.links, self.routes = links(), routes()
        self.cluster = Cluster.up(nodes=1)
        self.cluster.call("POST", PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {
            "nodeName": "node1", "containers": [{"name": "c", "image": "neonvm-test/busybox:1", "command": ["sleep", "3600"]}]}})
        until(lambda: self.cluster.get(f"{PODS}/p")["status"]["phase"] == "Running", "the pod runs", 120)
        self.assertTrue(links() - self.links and cgroups(self.cluster.state))

    def test_after_down(self):
        self.cluster.down()
        self.check_gone(self.cluster.state)
        self.assertEqual(cgroups(self.cluster.state), [])

    def test_after_its_keeper_was_killed(self):
        state = self.cluster.state
        self.cluster.process.kill()
        self.cluster.process.communicate()
        self.check_gone(state)
        self.assertTrue(cgroups(state))
        with Cluster.up():
            self.assertEqual(cgroups(state), [])
            self.assertFalse(os.path.exists(state))


if __name__ == "__main__":
    main(real_nodes=True)
