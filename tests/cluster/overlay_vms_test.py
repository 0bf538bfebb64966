#!/usr/bin/env python3
"""spec.extraNetwork on two real nodes: VMs with addresses of their own, and a transfer that stays open while one of them moves."""
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import programs, vm  # noqa: E402
from bench.fixture import main, until  # noqa: E402
from bench.inside import Inside  # noqa: E402
from bench.vms import MIGRATIONS, PODS, VMS, VmsTest  # noqa: E402

OWN = "neonvm-system"
POOL = f"/apis/vm.neon.tech/v1/namespaces/{OWN}/ippools/neonvm-10.100.0.0-16"
MACHINE = """
apiVersion: vm.neon.tech/v1
kind: VirtualMachine
metadata: {{name: {name}}}
spec:
  enableAcceleration: false
  nodeSelector: {selector}
  extraNetwork: {{enable: true}}
  podResources: {{requests: {{cpu: 500m}}}}
  guest:
    cpus: {{min: 0.5, use: 0.5, max: 1}}
    memorySlotSize: 64Mi
    memorySlots: {{min: 3, use: 3, max: 3}}
    rootDisk: {{image: {image}}}
"""
# Lines that say where they are, a few hundred KiB a second, until they are told to stop: what was sent is kept to be compared.
SEND = """i=0; while [ ! -e /run/stop ]; do echo "$i 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
i=$((i+1)); [ $((i % 64)) = 0 ] && /bin/busybox usleep 20000; done | /bin/busybox tee /run/sent | /bin/busybox nc {to} 9000; echo done >/run/over"""
# It says nothing itself, but must not end before the other side has.
RECEIVE = "/bin/busybox tail -f /dev/null | { /bin/busybox nc -l -p 9000 >/run/received; echo done >/run/over; }"


class OverlayVmsTest(VmsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as folder:
            cls.load(*vm.make_images(folder, "neonvm", "runner"))
        cls.addClassCleanup(cls.show)
        cls.nodes = {name: Inside(cls.cluster.state, name) for name in ("node1", "node2")}
        vm.install(cls.cluster, "default")
        text = vm.run(programs.find(["kubectl"])["kubectl"], "kustomize", os.path.join(vm.MANIFESTS, "overlay"))
        cls.cluster.kubectl("apply", "-f", "-", stdin=text.replace("ghcr.io/neonvm/neonvm:0.1.0", vm.PLANE_IMAGE))
        cls.cluster.kubectl("rollout", "status", "-n", OWN, "daemonset/neonvm-overlay", "--timeout", "120s")

    @classmethod
    def show(cls):
        """For whoever reads the log of a failure."""
        for label in ("app.kubernetes.io/name=neonvm-controller", "app.kubernetes.io/name=neonvm-overlay"):
            print(cls.cluster.kubectl("logs", "-n", OWN, "-l", label, "--prefix", "--tail=150", check=False).stdout, file=sys.stderr)
        print(cls.cluster.kubectl("get", "events,pods", "-o", "wide", check=False).stdout, file=sys.stderr)

    def guest(self, name, script, check=True):
        return vm.neonvm(self.cluster, "exec", name, "--", "/bin/sh", "-c", script, check=check)

    def allocations(self):
        found = self.there(POOL)
        return {each["id"]: key for key, each in found["spec"]["allocations"].items()} if found else {}

    def make(self, name, selector="{}"):
        self.cluster.kubectl("apply", "-f", "-", stdin=MACHINE.format(name=name, image=vm.WEB_IMAGE, selector=selector))
        self.addCleanup(self.gone, name)

    def gone(self, name):
        """After a failure, too: the next test needs the room."""
        self.cluster.kubectl("delete", "neonvm", name, "--wait=false", "--ignore-not-found")
        until(lambda: self.there(f"{VMS}/{name}") is None, f"{name} is gone", 120)

    def taps(self, node):
        return re.findall(r"nvm\w{12}(?=:)", self.nodes[node].run("ip", "-o", "link", "show", "type", "tun"))

    def folders(self, node):
        return self.nodes[node].run("ls", "/run/neonvm-overlay").split()

    def move(self, name, number):
        """To the other node; the transfer goes on meanwhile and after it."""
        before = self.status("web")["node"]
        self.cluster.call("POST", MIGRATIONS, {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachineMigration", "metadata": {"name": f"go{number}"},
                                               "spec": {"vmName": name}})
        until(lambda: self.there(f"{MIGRATIONS}/go{number}").get("status", {}).get("phase") in ("Succeeded", "Failed"), "the migration is over", 240)
        status = self.cluster.get(f"{MIGRATIONS}/go{number}")["status"]
        self.assertEqual(status["phase"], "Succeeded", status)
        until(lambda: self.status("web")["node"] != before and self.status("web")["phase"] == "Running", "it runs there", 60)
        arrived = self.received()
        until(lambda: self.received() > arrived + 100000, f"the transfer goes on after move {number}", 60)

    def received(self):
        return int(self.guest("web", "/bin/busybox wc -c </run/received"))

    def test_a_transfer_outlives_moves_to_the_other_node_and_back(self):
        self.cluster.kubectl("cordon", "node2")
        self.make("web")
        until(lambda: self.status("web").get("phase") == "Running", "web runs", 180)
        self.cluster.kubectl("uncordon", "node2")
        self.assertEqual(self.status("web")["node"], "node1")
        self.make("client", "{kubernetes.io/hostname: node2}")
        until(lambda: self.status("client").get("phase") == "Running", "client runs", 180)
        web, client = (self.status(name) for name in ("web", "client"))
        self.assertEqual((web["extraNetIP"], client["extraNetIP"], web["extraNetMask"]), ("10.100.128.0", "10.100.128.1", "255.255.0.0"))
        self.assertEqual(self.allocations(), {"default/web": "32768", "default/client": "32769"})
        until(lambda: self.guest("client", "echo yes", check=False), "the client's guest answers", 60)
        card = until(lambda: self.guest("web", "/bin/busybox ip address show eth1", check=False), "the guest answers", 60)
        self.assertIn("inet 10.100.128.0/16", card)
        mtu = re.search(r"mtu (\d+)", self.nodes["node1"].run("ip", "link", "show", "neon-br0"))[1]
        self.assertIn(f"mtu {mtu} ", card)
        self.assertEqual({node: len(self.taps(node)) for node in self.nodes}, {"node1": 1, "node2": 1})

        self.guest("web", f"({RECEIVE}) >/dev/null 2>&1 </dev/null &")
        until(lambda: ":2328 " in self.guest("web", "/bin/busybox cat /proc/net/tcp /proc/net/tcp6"), "web listens", 30)
        self.guest("client", f"({SEND.format(to='10.100.128.0')}) >/dev/null 2>&1 </dev/null &")
        until(lambda: self.received() > 100000, "the transfer has begun", 60)
        began = self.guest("web", "/bin/busybox pidof nc; /bin/busybox ip link show eth1")
        self.move("web", 1)
        self.assertEqual(self.status("web")["node"], "node2")
        self.move("web", 2)
        self.assertEqual(self.status("web")["node"], "node1")
        self.assertEqual(self.guest("web", "/bin/busybox pidof nc; /bin/busybox ip link show eth1"), began)
        self.assertEqual(self.status("web")["extraNetIP"], "10.100.128.0")
        self.assertEqual(self.status("web")["restartCount"], 0)

        self.guest("client", "echo >/run/stop")
        for name in ("client", "web"):
            until(lambda: "done" in self.guest(name, "/bin/busybox cat /run/over", check=False), f"{name} has ended the connection", 120)
        sums = [self.guest(name, f"/bin/busybox sha256sum <{file}; /bin/busybox wc -c <{file}") for name, file in (("client", "/run/sent"), ("web", "/run/received"))]
        self.assertEqual(*sums)
        print(f"transferred while it moved twice: {sums[0].split()[-1]} bytes", file=sys.stderr)
        self.nothing_is_left()

    def nothing_is_left(self):
        for name in ("web", "client"):
            self.gone(name)
        self.assertEqual(self.allocations(), {})
        until(lambda: not any(self.taps(node) for node in self.nodes), "their taps are gone", 60)
        until(lambda: not any(self.folders(node) for node in self.nodes), "and their folders", 60)
        until(lambda: not self.cluster.get(PODS)["items"], "and their pods", 120)

    def test_without_the_overlay_a_vm_says_what_it_waits_for(self):
        """Its address is kept for it meanwhile, and given back when it goes."""
        self.cluster.kubectl("patch", "daemonset", "neonvm-overlay", "-n", OWN, "-p", '{"spec":{"template":{"spec":{"nodeSelector":{"no": "node"}}}}}')
        until(lambda: not self.cluster.get(f"/api/v1/namespaces/{OWN}/pods?labelSelector=app.kubernetes.io/name=neonvm-overlay")["items"], "no overlay runs", 60)
        self.make("alone")
        until(lambda: "gives this VM no port" in vm.neonvm(self.cluster, "get", "alone", "-o", "json", check=False), "it says what is missing", 180)
        self.assertIn("default/alone", self.allocations())
        self.cluster.kubectl("patch", "daemonset", "neonvm-overlay", "-n", OWN, "-p", '{"spec":{"template":{"spec":{"nodeSelector":{"no": null}}}}}')
        until(lambda: self.status("alone").get("phase") == "Running", "it runs when there is one", 180)
        self.gone("alone")
        self.assertNotIn("default/alone", self.allocations())


if __name__ == "__main__":
    main(real_nodes=True)
