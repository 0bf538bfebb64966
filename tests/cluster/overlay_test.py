#!/usr/bin/env python3
"""`neonvm overlay` with a real API server: three machines with nothing in common but a switch, VMs on one Ethernet over them."""
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import netns  # noqa: E402
from bench.control_plane import API  # noqa: E402
from bench.fixture import SKIPPED, ClusterTest, main, until  # noqa: E402
from bench.scheduler import NEONVM, Daemon  # noqa: E402

BASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../plugins/orchestrator-k8s/manifests")
OWN = "neonvm-system"
FAMILIES = {"IPv4": ("10.0.0.{}", "/24", 1450), "IPv6": ("fd00::{}", "/64", 1430)}


class Overlay(Daemon):
    """The daemon as a pod with hostNetwork has it: in the machine's namespace, with NET_ADMIN alone."""

    def __init__(self, machine, kubeconfig, node, *words):
        super().__init__(kubeconfig, "overlay", "--node", node, "--probes", "http://127.0.0.1:9102", *words)
        self.machine = machine
        # Of the mounts that come with a namespace, /sys is the machine's own; the bounding set is what a pod's capabilities are.
        self.words = machine.words("setpriv", "--bounding-set", "-all,+net_admin", "--inh-caps", "-all,+net_admin", *self.words)

    def trouble(self):
        """What /readyz says; empty when all is well."""
        if self.process.poll() is not None:
            raise AssertionError(self.text())
        said = self.machine.run("curl", "-s", "-w", "%{http_code}", "http://127.0.0.1:9102/readyz", check=False)
        return "" if said.endswith("200") else said or "it does not answer yet"


class OverlayTest(ClusterTest):
    options = {"fake_nodes": True}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for base in ("rbac", "overlay"):
            cls.cluster.kubectl("apply", "-k", os.path.join(BASES, base))
        until(lambda: cls.cluster.kubectl("auth", "can-i", "watch", "nodes", "--as", f"system:serviceaccount:{OWN}:neonvm-overlay", check=False).stdout == "yes\n",
              "the role is in force")
        cls.user = cls.cluster.account(OWN, "neonvm-overlay")

    def machine(self, number, family="IPv4"):
        address, prefix, _ = FAMILIES[family]
        made = netns.Machine(self.switch, address.format(number) + prefix)
        self.addCleanup(made.remove)
        made.relay = netns.Relay(made, self.cluster.address, API)
        self.addCleanup(made.relay.remove)
        return made

    def node(self, number, family="IPv4"):
        name, address = f"n{number}", FAMILIES[family][0].format(number)
        self.cluster.add_fake_node(name)
        self.addCleanup(self.cluster.kubectl, "delete", "node", name, "--ignore-not-found")
        self.cluster.call("PATCH", f"/api/v1/nodes/{name}/status", {"status": {"addresses": [
            {"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}, {"type": "ExternalIP", "address": "192.0.2.1"}]}},
            "application/strategic-merge-patch+json")

    def overlay(self, machine, number, *words):
        made = Overlay(machine, self.user, f"n{number}", *words)
        self.addCleanup(made.remove)
        return made.start()

    def town(self, count, family="IPv4"):
        self.switch = netns.switch()
        self.addCleanup(self.switch.remove)
        machines = [self.machine(number, family) for number in range(1, count + 1)]
        for number in range(1, count + 1):
            self.node(number, family)
        daemons = [self.overlay(machine, number) for number, machine in enumerate(machines, 1)]
        for number, (machine, daemon) in enumerate(zip(machines, daemons), 1):
            others = sorted(FAMILIES[family][0].format(other) for other in range(1, count + 1) if other != number)
            until(lambda: self.floods(machine) == others and not daemon.trouble(), f"the overlay of n{number}: {daemon.text()}")
        return machines, daemons

    def floods(self, machine):
        return sorted(re.findall(r"00:00:00:00:00:00 dst (\S+)", machine.run("bridge", "fdb", "show", "dev", "neon-vxlan0", check=False)))

    def vm(self, machine, address):
        """What stands in for one: a cable into the bridge."""
        made, port = netns.Machine(), "v" + address.rpartition(".")[2]
        self.addCleanup(made.remove)
        mtu = re.search(r"mtu (\d+)", machine.run("ip", "link", "show", "neon-br0"))[1]
        machine.run("ip", "link", "add", port, "mtu", mtu, "type", "veth", "peer", "name", "net1", "mtu", mtu, "netns", made.name)
        machine.run("ip", "link", "set", port, "master", "neon-br0", "up")
        made.run("ip", "address", "add", address + "/16", "dev", "net1")
        made.run("ip", "link", "set", "net1", "up")
        return made

    def test_largest_packets_pass_between_all_nodes_uncut_and_larger_ones_do_not(self):
        for family, (_, _, mtu) in FAMILIES.items():
            with self.subTest(family):
                machines, _ = self.town(3, family)
                vms = [self.vm(machine, f"10.100.128.{number}") for number, machine in enumerate(machines)]
                for one, address in ((0, 1), (0, 2), (1, 2), (2, 0)):
                    vms[one].run("ping", "-M", "do", "-s", str(mtu - 28), "-c", "3", "-i", "0.01", "-W", "10", f"10.100.128.{address}")
                self.assertIn("message too long", vms[0].run("ping", "-M", "do", "-s", str(mtu - 27), "-c", "1", "-W", "1", "10.100.128.1", check=False)
                              + subprocess.run(vms[0].words("ping", "-M", "do", "-s", str(mtu - 27), "-c", "1", "-W", "1", "10.100.128.1"), text=True,
                                               capture_output=True, check=False).stderr)
                self.doCleanups()

    def test_nodes_join_and_leave(self):
        machines, _ = self.town(2)
        third = self.machine(3)
        self.node(3)
        daemon = self.overlay(third, 3)
        until(lambda: self.floods(third) == ["10.0.0.1", "10.0.0.2"] and "10.0.0.3" in self.floods(machines[0]), f"the third has joined: {daemon.text()}")
        one, other = self.vm(machines[0], "10.100.128.0"), self.vm(third, "10.100.128.2")
        one.run("ping", "-c", "1", "-W", "10", "10.100.128.2")
        self.cluster.kubectl("delete", "node", "n3")
        until(lambda: self.floods(machines[0]) == ["10.0.0.2"] and self.floods(machines[1]) == ["10.0.0.1"], "the third is forgotten")
        self.assertNotIn("10.0.0.3", machines[0].run("bridge", "fdb", "show", "dev", "neon-vxlan0"))
        until(lambda: "there is no node n3" in daemon.trouble(), "it says that it is no node any more")
        self.assertEqual(self.floods(third), ["10.0.0.1", "10.0.0.2"])
        other.run("ip", "link", "show", "net1")

    def test_no_packet_is_lost_while_daemons_and_the_api_server_come_and_go(self):
        machines, daemons = self.town(2)
        one, _ = self.vm(machines[0], "10.100.128.0"), self.vm(machines[1], "10.100.128.1")
        one.run("ping", "-c", "1", "-W", "10", "10.100.128.1")
        stream = subprocess.Popen(one.words("ping", "-i", "0.002", "10.100.128.1"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(stream.kill)
        for number, how in ((1, signal.SIGTERM), (2, signal.SIGKILL), (1, signal.SIGKILL)):
            daemons[number - 1].kill(how)
            self.assertIn("10.0.0.", self.floods(machines[number - 1])[0])
            daemons[number - 1].start()
            until(lambda: not daemons[number - 1].trouble(), f"it is back: {daemons[number - 1].text()}")
        machines[0].relay.cut(True)
        self.node(7)
        until(lambda: "10.0.0.7" in self.floods(machines[1]), "the other knows the new node")
        self.assertEqual(self.floods(machines[0]), ["10.0.0.2"])
        machines[0].relay.cut(False)
        until(lambda: "10.0.0.7" in self.floods(machines[0]), "and this one, once it can ask again")
        self.cluster.restart("kube-apiserver", hard=True)
        self.cluster.kubectl("delete", "node", "n7")
        until(lambda: self.floods(machines[0]) == ["10.0.0.2"], "the node is forgotten")
        stream.send_signal(signal.SIGINT)
        said = stream.communicate(timeout=60)[0]
        sent, received = (int(number) for number in re.search(r"(\d+) packets transmitted, (\d+) received", said).groups())
        print(f"{sent} packets, {sent - received} lost")
        self.assertGreater(sent, 500)
        # The last one may be on its way when ping is told to end.
        self.assertLessEqual(sent - received, 1, said[-2000:])
        self.assertNotIn("DUP!", said)

    def test_it_says_what_it_lacks_and_takes_all_away_when_told(self):
        machines, daemons = self.town(1)
        machine = machines[0]
        refused = subprocess.run(machine.words("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", NEONVM, "overlay", "--node", "n1"), text=True,
                                 capture_output=True, check=False)
        self.assertEqual(refused.returncode, 6 if "refused" in refused.stderr else 1)
        self.assertIn("needs CAP_NET_ADMIN", refused.stderr)
        daemons[0].kill(signal.SIGTERM)
        self.assertIn("the network stays as it is", daemons[0].text())
        self.assertEqual(machine.run(NEONVM, "overlay", "--remove"), "removed neon-vxlan0\nremoved neon-br0\n")
        self.assertEqual(machine.run(NEONVM, "overlay", "--remove"), "")
        self.assertEqual(machine.run("nft", "list", "tables"), "")
        self.assertNotIn("neon-", machine.run("ip", "-o", "link"))


if __name__ == "__main__":
    if netns.why_not():
        print(f"skipped: {netns.why_not()}")
        sys.exit(SKIPPED)
    main()
