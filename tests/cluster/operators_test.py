#!/usr/bin/env python3
"""What operators and other software see of nodes and VMs, and what goes on when something beside one VM is wrong."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench.fixture import main, until  # noqa: E402
from bench.parts import MERGE, NODES, PODS, VMS, PartsTest  # noqa: E402

BOUNDS = "autoscaling.neon.tech/bounds"
HEADROOM, CAME = "neonvm.dev/headroom", "neonvm.dev/room-came"


def pod(name, cpu):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"schedulerName": "neonvm-scheduler", "containers": [
        {"name": "c", "image": "x", "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}}}]}}


class OperatorsTest(PartsTest):
    def said(self, kind, name, annotation):
        text = self.cluster.get(f"{kind}/{name}")["metadata"].get("annotations", {}).get(annotation)
        return json.loads(text) if text else None

    def ready(self, node, status):
        self.cluster.call("PATCH", f"/api/v1/nodes/{node}/status", {"status": {"conditions": [{"type": "Ready", "status": status}]}},
                          "application/strategic-merge-patch+json")

    def drop_pod(self, name):
        if self.there(f"{PODS}/{name}"):
            self.cluster.call("DELETE", f"{PODS}/{name}", {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0})

    def start_pod(self, name, cpu):
        self.cluster.call("POST", PODS, pod(name, cpu))
        self.addCleanup(self.drop_pod, name)

    def bound(self, name):
        return self.cluster.get(f"{PODS}/{name}")["spec"].get("nodeName")

    def permit(self, name, cpus, last):
        """As an agent of upstream's asks, which remembers `last`."""
        size = lambda of: {"vCPUs": of, "mem": "256Mi"}
        runner = self.cluster.get(f"{VMS}/{name}")["status"]["podName"]
        body = {"protoVersion": 7, "pod": {"namespace": "default", "name": runner}, "computeUnit": {"vCPUs": 1, "mem": "64Mi"}, "metrics": None,
                "resources": size(cpus), "lastPermit": last and size(last)}
        status, text = self.scheduler.plain("POST", "/", 10300, json.dumps(body))
        self.assertEqual(status, 200, text)
        return json.loads(text)["permit"]["vCPUs"]

    def test_the_pod_of_a_vm_says_its_size_and_the_node_what_is_free(self):
        self.create("told", 1)
        found = self.await_cpus("told", 1)
        runner, node = found["status"]["podName"], found["status"]["node"]
        self.assertEqual(self.said(PODS, runner, "vm.neon.tech/usage"), {"cpu": "1", "memory": "256Mi"})
        self.assertEqual(self.said(PODS, runner, "vm.neon.tech/resources"), {"cpus": {"min": 1, "max": 8, "use": 1}, "memorySlotSize": "64Mi",
                                                                             "memorySlots": {"min": 4, "max": 8, "use": 4}})
        self.wish("told", 4)
        self.await_cpus("told", 4)
        until(lambda: self.said(PODS, runner, "vm.neon.tech/usage")["cpu"] == "4", "the pod follows", 90)
        # Once, whatever happened in between.
        self.assertEqual([each for each in self.writes() if each == f"patch pods  {runner}"], [f"patch pods  {runner}"])

        def free():
            books = self.node_in_books(node)
            left = books["capacity"]["cpu"] - books["reserved"]["cpu"] - books["leased"]["cpu"] if "leased" in books else None
            return self.said("/api/v1/nodes", node, HEADROOM), left
        until(lambda: (said := free())[0] and (said[1] is None or said[0]["cpu"] == str(said[1])), f"the node says what is free: {free()}", 90)
        self.assertLessEqual(int(free()[0]["cpu"]), 4)

    def test_a_pod_that_was_refused_is_bound_within_seconds_of_room(self):
        for number, name in enumerate(("left", "right")):
            self.create(name, 5)
        for name in ("left", "right"):
            self.await_cpus(name, 5)
        self.assertEqual({self.cluster.get(f"{VMS}/{name}")["status"]["node"] for name in ("left", "right")}, set(NODES))
        self.start_pod("waits", "4")
        until(lambda: [each for each in self.cluster.get(f"/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=waits")["items"]
                       if each["reason"] == "FailedScheduling"], "it is refused")
        self.assertIsNone(self.bound("waits"))
        self.wish("left", 1)
        self.await_cpus("left", 1)
        # By itself kube-scheduler looks again after a minute at the earliest.
        node = until(lambda: self.bound("waits"), f"it is bound: {self.scheduler.text()[-2000:]}", 25)
        self.assertIn(CAME, self.cluster.get(f"/api/v1/nodes/{node}")["metadata"]["labels"])
        self.assertLessEqual(self.node_in_books(node)["reserved"]["cpu"], 8)

    def test_a_malformed_annotation_on_one_vm_is_told_and_the_others_go_on(self):
        for name in ("bad", "good"):
            self.create(name, 1)
        for name in ("bad", "good"):
            node = self.await_cpus(name, 1)["status"]["node"]
            if name == "bad":
                where = node
        self.ask("PATCH", f"{VMS}/bad", {"metadata": {"annotations": {BOUNDS: '{"min":'}}}, MERGE)
        until(lambda: BOUNDS in self.agents[where].text() and "a VM cannot be read" in self.agents[where].text(), f"its agent says so: {self.agents[where].text()[-2000:]}")
        until(lambda: BOUNDS in self.scheduler.text(), "so does the scheduler")
        self.wish("bad", 3)
        self.wish("good", 5)
        self.await_cpus("good", 5)
        # Those who begin now see it as well.
        self.scheduler.kill()
        self.scheduler.start()
        self.agents[where].kill()
        self.agents[where].start()
        until(self.scheduler.ready, "the scheduler leads again")
        self.wish("good", 6)
        self.await_cpus("good", 6, 120)
        self.assertEqual(self.cluster.get(f"{VMS}/bad")["status"]["cpus"], 1)
        held = [each["granted"]["cpu"] for each in self.node_in_books(where)["holders"] if each["holder"].startswith("default/bad")]
        self.assertEqual(held, [1])
        self.ask("PATCH", f"{VMS}/bad", {"metadata": {"annotations": {BOUNDS: None}}}, MERGE)
        self.wish("good", 1)
        self.await_cpus("bad", 3)

    def test_an_agent_that_comes_back_with_a_smaller_or_a_larger_last_permit(self):
        self.create("db", 4)
        found = self.await_cpus("db", 4)
        node = found["status"]["node"]
        self.agents[node].kill()
        self.addCleanup(self.restart_agent, node)
        self.assertEqual(self.permit("db", 4, 2), 4)
        self.assertEqual(self.permit("db", 4, None), 4)
        books = self.node_in_books(node)
        # It remembers more than there ever was: nobody else's room is taken for that.
        given = self.permit("db", 8, 8)
        self.assertLessEqual(given, 8)
        books = self.node_in_books(node)
        self.assertLessEqual(books["reserved"]["cpu"], books["capacity"]["cpu"])
        self.assertEqual(self.permit("db", 4, 8), 4)
        self.restart_agent(node)
        self.wish("db", 5)
        self.await_cpus("db", 5)
        until(lambda: [each["granted"]["cpu"] for each in self.node_in_books(node)["holders"] if each["holder"].startswith("default/db")] == [5], "the books have what it has")

    def restart_agent(self, node):
        if self.agents[node].process.poll() is not None:
            self.agents[node].start()

    def test_a_node_that_was_lost_is_back_and_its_vms_are_in_the_books(self):
        self.create("stays", 3)
        node = self.await_cpus("stays", 3)["status"]["node"]
        other = next(each for each in NODES if each != node)
        self.ready(node, "Unknown")
        self.addCleanup(self.ready, node, "True")
        until(lambda: self.said("/api/v1/nodes", node, HEADROOM) == {"cpu": "0", "memory": "0"}, "nothing is to be had there", 90)
        self.create("comes", 2)
        self.assertEqual(self.await_cpus("comes", 2)["status"]["node"], other)
        self.assertEqual(self.node_in_books(node)["reserved"]["cpu"], 3)
        # Worse: even its object is gone, and it comes back as another one.
        self.cluster.call("DELETE", f"/api/v1/nodes/{node}")
        self.assertEqual(self.node_in_books(node)["reserved"]["cpu"], 3)
        self.cluster.add_fake_node(node)
        self.wish("stays", 6)
        self.await_cpus("stays", 6, 120)
        self.assertEqual(self.kubelets.cpus_by_node(), {node: 6, other: 2})
        until(lambda: [self.node_in_books(each)["reserved"]["cpu"] for each in (node, other)] == [6, 2], "the books say what the guests say")
        self.assertEqual(self.cluster.get(f"{VMS}/stays")["status"]["restartCount"], 0)


if __name__ == "__main__":
    main()
