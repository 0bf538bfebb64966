#!/usr/bin/env python3
"""The overlay as its DaemonSet on two real nodes, with the rights that its base gives it: what is plugged in on one reaches the other."""
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import netns, programs, vm  # noqa: E402
from bench.fixture import ClusterTest, main, until  # noqa: E402
from bench.inside import Inside  # noqa: E402

OWN = "neonvm-system"
PODS = f"/api/v1/namespaces/{OWN}/pods"


class OverlayPodsTest(ClusterTest):
    options = {"nodes": 2}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as folder:
            cls.cluster.request("import", vm.own_images(folder, "neonvm")[0])
        cls.nodes = [Inside(cls.cluster.state, name) for name in ("node1", "node2")]
        cls.cluster.kubectl("apply", "-k", os.path.join(vm.MANIFESTS, "rbac"))
        text = netns.run(programs.find(["kubectl"])["kubectl"], "kustomize", os.path.join(vm.MANIFESTS, "overlay"))
        cls.cluster.kubectl("apply", "-f", "-", stdin=text.replace("ghcr.io/neonvm/neonvm:0.1.0", vm.PLANE_IMAGE))
        cls.cluster.kubectl("rollout", "status", "-n", OWN, "daemonset/neonvm-overlay", "--timeout", "120s")

    def pods(self):
        return {each["spec"]["nodeName"]: each for each in self.cluster.get(PODS)["items"] if not each["metadata"].get("deletionTimestamp")}

    def plug(self, node, name, address):
        made = netns.Machine()
        self.addCleanup(made.remove)
        mtu = re.search(r"mtu (\d+)", node.run("ip", "link", "show", "neon-br0"))[1]
        node.wire("ip", "link", "add", "v" + name, "mtu", mtu, "type", "veth", "peer", "name", "net1", "mtu", mtu, "netns", f"/run/netns/{made.name}")
        node.run("ip", "link", "set", "v" + name, "master", "neon-br0", "up")
        made.run("ip", "address", "add", address + "/16", "dev", "net1")
        made.run("ip", "link", "set", "net1", "up")
        return made, int(mtu)

    def test_pods_connect_the_nodes_and_may_be_replaced(self):
        until(lambda: all("00:00:00:00:00:00 dst" in node.run("bridge", "fdb", "show", "dev", "neon-vxlan0") for node in self.nodes), "each floods to the other")
        (one, mtu), _ = self.plug(self.nodes[0], "one", "10.100.128.0"), self.plug(self.nodes[1], "two", "10.100.128.1")
        one.run("ping", "-M", "do", "-s", str(mtu - 28), "-c", "3", "-i", "0.01", "-W", "10", "10.100.128.1")
        before = {node: pod["metadata"]["uid"] for node, pod in self.pods().items()}
        self.cluster.kubectl("delete", "pod", "-n", OWN, "-l", "app.kubernetes.io/name=neonvm-overlay")
        self.cluster.kubectl("rollout", "status", "-n", OWN, "daemonset/neonvm-overlay", "--timeout", "120s")
        after = self.pods()
        self.assertEqual(set(before), set(after))
        for node, pod in after.items():
            self.assertNotEqual(pod["metadata"]["uid"], before[node])
            log = self.cluster.kubectl("logs", "-n", OWN, pod["metadata"]["name"])
            self.assertNotIn("made neon", log)  # it was there already
        one.run("ping", "-M", "do", "-s", str(mtu - 28), "-c", "3", "-i", "0.01", "-W", "10", "10.100.128.1")


if __name__ == "__main__":
    main(real_nodes=True)
