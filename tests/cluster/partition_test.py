#!/usr/bin/env python3
"""A node, its agent and its VMs in a network of their own, and the way from there to the control plane cut without a word: nothing answers, nothing is
closed. VMs grow within what their agent was lent; when the way is open again the books say what the guests say, and at no time was there more.
Needs root.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import netns  # noqa: E402
from bench.fixture import SKIPPED, main, until  # noqa: E402
from bench.kubelets import Kubelets  # noqa: E402
from bench.parts import NODES, PartsTest  # noqa: E402
from churn_test import Witness  # noqa: E402

FAR, NEAR = NODES
APISERVER = 6443


class PartitionTest(PartsTest):
    @classmethod
    def setUpClass(cls):
        cls.machine = netns.Machine()
        cls.addClassCleanup(cls.machine.remove)
        cls.link = "nvp" + cls.machine.name[-9:]
        cls.net = f"10.{200 + os.getpid() % 50}"
        netns.run("ip", "link", "add", cls.link, "type", "veth", "peer", "name", "eth0", "netns", cls.machine.name)
        netns.run("ip", "address", "add", f"{cls.net}.255.1/16", "dev", cls.link)
        cls.open_way()
        cls.machine.run("ip", "link", "set", "eth0", "up")
        cls.machine.run("ip", "address", "add", f"{cls.net}.255.2/16", "dev", "eth0")
        cls.machine.run("ip", "route", "add", "local", f"{cls.net}.0.0/17", "dev", "lo")  # its pods are in it
        super().setUpClass()

    @classmethod
    def open_way(cls):
        netns.run("ip", "link", "set", cls.link, "up")

    @classmethod
    def make_kubelets(cls):
        cls.api = netns.Relay(cls.machine, cls.cluster.address, APISERVER)
        cls.addClassCleanup(cls.api.remove)
        far = Kubelets(cls.cluster, nodes={FAR}, inside=cls.machine.words(), net=cls.net)
        cls.addClassCleanup(far.down)
        cls.far = far
        return Kubelets(cls.cluster, nodes={NEAR})

    @classmethod
    def start_agents(cls):
        cls.door = netns.Relay(cls.machine, cls.scheduler.address, 10299)
        cls.addClassCleanup(cls.door.remove)
        cls.agents[FAR].inside = cls.machine.words()
        super().start_agents()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.heal)
        self.witnesses = [Witness(self.kubelets), Witness(self.far)]

    def tearDown(self):
        for witness in self.witnesses:
            witness.end()
            self.assertEqual(witness.too_much, [])
            self.assertGreater(witness.looks, 10)
        self.assertEqual(self.far.crimes(), [])
        super().tearDown()

    def cut(self, *relays, link=False):
        for relay in relays:
            relay.silence(True)
        if link:
            netns.run("ip", "link", "set", self.link, "down")

    def heal(self):
        self.open_way()
        for relay in (self.api, self.door):
            relay.silence(False)

    def start_far(self, name, cpus=1):
        self.create(name, cpus, nodeSelector={"kubernetes.io/hostname": FAR})
        self.assertEqual(self.await_cpus(name, cpus)["status"]["node"], FAR)

    def books_are_true(self, *names):
        def same():
            has = sum(self.far.cpus_by_node().values())
            books = self.node_in_books(FAR)
            return books["reserved"]["cpu"] == has and sorted(each["holder"].split("/")[1].rsplit("-", 1)[0] for each in books["holders"]) == sorted(names)
        until(same, f"the books say what the guests say: {self.node_in_books(FAR)}, {self.far.cpus_by_node()}", 90)

    def test_cut_off_from_the_scheduler_vms_grow_within_what_was_lent(self):
        self.start_far("lone")
        self.await_headroom(FAR, 2)
        self.cut(self.door)
        self.wish("lone", 2)
        self.await_cpus("lone", 2, 60)
        self.wish("lone", 7)
        self.await_cpus("lone", 3, 60)
        until(lambda: "the scheduler does not answer" in self.agents[FAR].text(), f"the agent says so: {self.agents[FAR].text()[-2000:]}")
        self.assertEqual(self.far.cpus_by_node(), {FAR: 3})
        # Nobody else is given what was lent, or what is not known.
        self.assertLessEqual(self.node_in_books(FAR)["reserved"]["cpu"], 8)
        self.heal()
        self.await_cpus("lone", 7, 90)
        self.books_are_true("lone")

    def test_cut_off_from_everything_vms_keep_what_they_have(self):
        self.start_far("isle", 2)
        self.create("shore", 1, nodeSelector={"kubernetes.io/hostname": NEAR})
        self.await_cpus("shore", 1)
        self.cut(self.api, self.door, link=True)
        self.wish("isle", 6)  # nobody there hears of it
        self.wish("shore", 6)
        self.await_cpus("shore", 6)
        self.assertEqual(self.far.cpus_by_node(), {FAR: 2})
        self.assertGreaterEqual(self.node_in_books(FAR)["reserved"]["cpu"], 2)
        self.heal()
        self.await_cpus("isle", 6, 120)
        self.books_are_true("isle")
        self.assertEqual(self.cluster.get("/apis/vm.neon.tech/v1/namespaces/default/virtualmachines/isle")["status"]["restartCount"], 0)


if __name__ == "__main__":
    if why := netns.why_not():
        print(f"skipped: {why}")
        sys.exit(SKIPPED)
    main()
