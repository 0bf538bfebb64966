#!/usr/bin/env python3
"""What goes wrong around VMs: their runners, nodes, quotas, definitions, and those who write the same objects."""
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import vm  # noqa: E402
from bench.api import Refused  # noqa: E402
from bench.fixture import main, until  # noqa: E402
from bench.fleet import MERGE, MIGRATIONS, PODS, VMS, FleetTest, machine, migration  # noqa: E402
from bench.kubelets import AWAY, now  # noqa: E402
from bench.requests import asked_by  # noqa: E402

QUOTAS = "/api/v1/namespaces/default/resourcequotas"
EVENTS = "/api/v1/namespaces/default/events"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/virtualmachines.vm.neon.tech"


class FaultsTest(FleetTest):
    options = {**FleetTest.options, "audit": True}

    def test_a_start_is_three_requests(self):
        names = [f"cheap-{number}" for number in range(5)]
        self.kubelets.silent.update({"fake1", "fake2"})
        try:
            for name in names:
                self.create(name)
            pods = []
            for name in names:
                pods += until(lambda: [pod for pod in self.pods(name) if pod["spec"].get("nodeName")], f"the pod of {name} is bound")
                self.assertEqual(self.status(name)["node"], pods[-1]["spec"]["nodeName"])
            made = [each for each in asked_by(self.cluster, "neonvm-system") if "cheap-" in each]
        finally:
            self.kubelets.silent.clear()
        self.assertEqual(sorted(made), sorted([f"patch virtualmachines status {name}" for name in names] +
                                              [f"create secrets  runner-neonvm-{name}" for name in names] +
                                              [f"create pods  {pod['metadata']['name']}" for pod in pods]))

    def test_a_killed_runner_is_followed_by_another(self):
        self.create("killed")
        before = self.await_running("killed")["metadata"]["name"]
        self.kubelets.kill(before)
        until(lambda: self.status("killed").get("restartCount") == 1, "it was restarted")
        self.assertNotEqual(self.await_running("killed")["metadata"]["name"], before)

    def test_an_evicted_pod_ends_in_order_and_the_vm_starts_elsewhere(self):
        self.create("evicted")
        before = self.await_running("evicted")["metadata"]["name"]
        self.cluster.call("POST", f"{PODS}/{before}/eviction", {"apiVersion": "policy/v1beta1", "kind": "Eviction",
                                                                "metadata": {"name": before, "namespace": "default"}})
        until(lambda: self.there(f"{PODS}/{before}") is None, "the pod is gone")
        self.assertNotEqual(self.await_running("evicted")["metadata"]["name"], before)

    def test_on_a_lost_node_it_may_still_run_until_somebody_knows_better(self):
        self.cluster.add_fake_node("doomed", labels={"doomed": "yes"})
        self.addCleanup(self.kubelets.silent.discard, "doomed")
        self.create("lost", nodeSelector={"doomed": "yes"})
        pod = self.await_running("lost")["metadata"]["name"]
        self.kubelets.silent.add("doomed")
        self.cluster.call("DELETE", "/api/v1/nodes/doomed")
        until(lambda: self.condition("lost", "Degraded").get("reason") == "NodeLost", "its status says so")
        self.assertEqual([each["metadata"]["name"] for each in self.pods("lost")], [pod])
        # By kubectl delete --force, or after a while by Kubernetes itself: from then on the machine is known to be gone.
        self.kubelets.kill(pod)
        self.ask("PATCH", f"{VMS}/lost", {"spec": {"nodeSelector": None}}, MERGE)
        self.cluster.call("DELETE", f"{PODS}/{pod}?gracePeriodSeconds=0")
        self.assertNotEqual(self.await_running("lost")["metadata"]["name"], pod)

    def test_a_node_that_takes_no_more_pods_is_passed_over(self):
        for node in ("few1", "few2"):
            self.cluster.add_fake_node(node, labels={"few": "yes"}, pods="1")
        for name in ("first", "second"):
            self.create(name, nodeSelector={"few": "yes"})
        nodes = {self.await_running(name)["spec"]["nodeName"] for name in ("first", "second")}
        self.assertEqual(nodes, {"few1", "few2"})
        self.create("third", nodeSelector={"few": "yes"})
        until(lambda: "few1 has as many pods as it takes" in self.status("third").get("message", "") + self.condition("third", "Available").get("message", ""),
              "its status says why it waits")
        self.assertEqual(self.pods("third"), [])
        self.delete("first")
        self.await_running("third")

    def test_a_quota_is_told_and_more_of_it_is_used_at_once(self):
        self.cluster.call("POST", QUOTAS, {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": {"pods": "0"}}})
        self.addCleanup(self.cluster.call, "DELETE", f"{QUOTAS}/small")
        until(lambda: self.cluster.get(f"{QUOTAS}/small").get("status", {}).get("hard"), "the quota holds")
        self.create("poor")
        until(lambda: "exceeded quota" in self.condition("poor", "Available").get("message", ""), "its status says why it does not start")
        self.assertEqual(self.status("poor")["phase"], "Pending")
        self.assertFalse(self.status("poor").get("node"))
        self.cluster.call("PATCH", f"{QUOTAS}/small", {"spec": {"hard": {"pods": "1000"}}}, MERGE)
        self.await_running("poor")

    def test_an_image_that_is_not_there_is_told_and_awaited(self):
        self.kubelets.silent.update({"fake1", "fake2"})
        try:
            self.create("late")
            pod = until(lambda: [pod for pod in self.pods("late") if pod["spec"].get("nodeName")], "its pod is bound")[0]["metadata"]["name"]
            waits = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling it"}}
            self.ask("PATCH", f"{PODS}/{pod}/status", {"status": {"containerStatuses": [
                {"name": "neonvm-runner", "image": "nowhere/it:1", "imageID": "", "ready": False, "restartCount": 0, "state": waits}]}}, MERGE)
            until(lambda: self.condition("late", "Available").get("reason") == "StartBlocked", "its status says so")
            self.assertEqual(self.condition("late", "Available")["message"], "image nowhere/it:1: ImagePullBackOff: Back-off pulling it")
            until(lambda: [each for each in self.cluster.get(EVENTS)["items"] if each["involvedObject"]["name"] == "late" and each["reason"] == "StartBlocked"],
                  "there is an event")
        finally:
            self.kubelets.silent.clear()
        self.ask("PATCH", f"{PODS}/{pod}", {"metadata": {"annotations": {"pulled": "yes"}}}, MERGE)
        self.assertEqual(self.await_running("late")["metadata"]["name"], pod)
        self.assertEqual(self.condition("late", "Available")["status"], "True")

    def test_an_init_container_that_fails_is_named(self):
        own = [{"name": "tune", "image": "nowhere/tune:1", "command": ["sysctl"], "env": [{"name": "A", "value": "b"}]}]
        self.kubelets.silent.update({"fake1", "fake2"})
        try:
            self.create("tuned", extraInitContainers=own, service_links=True)
            pod = until(lambda: [pod for pod in self.pods("tuned") if pod["spec"].get("nodeName")], "its pod is bound")[0]
            last = pod["spec"]["initContainers"][-1]
            self.assertEqual({key: last[key] for key in own[0]}, own[0])
            self.assertTrue(pod["spec"]["enableServiceLinks"])
            broken = {"terminated": {"exitCode": 3, "reason": "Error", "message": "no such sysctl", "startedAt": now(), "finishedAt": now()}}
            image = {"image": "nowhere/tune:1", "imageID": "", "ready": False, "restartCount": 0}
            self.ask("PATCH", f"{PODS}/{pod['metadata']['name']}/status", {"status": {
                "phase": "Failed", "initContainerStatuses": [{**image, "name": "tune", "state": broken}],
                "containerStatuses": [{**image, "name": "neonvm-runner", "state": {"waiting": {"reason": "PodInitializing"}}}]}}, MERGE)
            named = "init container tune: exit code 3: no such sysctl"
            until(lambda: named in self.condition("tuned", "Available").get("message", ""), "its status names it")
            self.assertIn(named, vm.neonvm(self.cluster, "explain", "tuned"))
        finally:
            self.kubelets.silent.clear()

    def test_an_object_that_cannot_be_read_says_so_and_the_others_go_on(self):
        self.put_nonsense("nonsense")
        self.create("beside")
        self.await_running("beside")
        said = until(lambda: [each for each in self.cluster.get(EVENTS)["items"] if each["involvedObject"]["name"] == "nonsense"],
                     "an event of the object")
        self.assertEqual((said[0]["type"], said[0]["reason"]), ("Warning", "Unreadable"), said)
        self.assertIn("spec.guest", said[0]["message"])

    def put_nonsense(self, name):
        """As from before the definition was as strict as it is."""
        strict = self.cluster.get(CRD)["spec"]["versions"]
        lax = [{**each, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}} for each in strict]
        self.cluster.call("PATCH", CRD, {"spec": {"versions": lax}}, MERGE)
        try:
            hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/neonvm"
            configuration = self.cluster.get(hooks)
            self.cluster.call("DELETE", hooks)

            def written():
                try:
                    return self.cluster.call("POST", VMS, {**machine(name), "spec": {"guest": "nonsense"}})
                except Refused:
                    return None
            until(written, "the nonsense is taken")
            del configuration["metadata"]["resourceVersion"], configuration["metadata"]["uid"]
            self.cluster.call("POST", os.path.dirname(hooks), configuration)
        finally:
            self.cluster.call("PATCH", CRD, {"spec": {"versions": strict}}, MERGE)

    def test_somebody_who_writes_the_same_object_all_the_time(self):
        self.create("busy")
        ending = threading.Event()
        written = []

        def disturb():
            while not ending.is_set():
                try:
                    self.cluster.call("PATCH", f"{VMS}/busy", {"metadata": {"annotations": {"disturbed": str(len(written))}}}, MERGE)
                    written.append(1)
                except (Refused, *AWAY):
                    pass  # it is not there yet, or no longer
        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            self.await_running("busy")
            self.ask("PATCH", f"{VMS}/busy", {"spec": {"guest": {"cpus": {"use": 2}}}}, MERGE)
            self.await_running("busy", 2)
            self.ask("POST", MIGRATIONS, migration("busy-move", "busy"))
            self.assertEqual(until(lambda: self.over("busy-move"), "the migration is over", 90)["status"]["phase"], "Succeeded")
            self.await_running("busy", 2)
            self.delete("busy")
        finally:
            ending.set()
            thread.join()
        self.assertGreater(len(written), 5)

    def test_deleted_while_it_moves(self):
        self.create("moving")
        self.await_running("moving")
        self.ask("POST", MIGRATIONS, migration("moving-on", "moving"))
        until(lambda: len(self.pods("moving")) == 2, "it has two pods")
        self.delete("moving")
        self.assertNotEqual(until(lambda: self.over("moving-on"), "its migration is over")["status"]["phase"], "Succeeded")
        self.ask("DELETE", f"{MIGRATIONS}/moving-on")
        until(lambda: not self.there(f"{MIGRATIONS}/moving-on"), "it can be deleted")


if __name__ == "__main__":
    main()
