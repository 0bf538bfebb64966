#!/usr/bin/env python3
"""`neonvm scheduler` as the extender of a real kube-scheduler: pods and VMs share fake nodes, and no node gives more than it has."""
import json
import os
import signal
import ssl
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench.api import Refused  # noqa: E402
from bench.fixture import ClusterTest, main, until  # noqa: E402
from bench.scheduler import Daemon, Scheduler, asked_by_kube_scheduler, keep  # noqa: E402

BASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../plugins/orchestrator-k8s/manifests")
OWN = "neonvm-system"
PODS = "/api/v1/namespaces/default/pods"
VMS = "/apis/vm.neon.tech/v1/namespaces/default/virtualmachines"
SECRETS = f"/api/v1/namespaces/{OWN}/secrets"
UNIT = {"vCPUs": "250m", "mem": "64Mi"}


def pod(name, cpu, memory="64Mi", scheduler="neonvm-scheduler", **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"schedulerName": scheduler, **spec, "containers": [
        {"name": "c", "image": "x", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]}}


def vm(name, use=1, most=8, **spec):
    return {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachine",
            "metadata": {"name": name, "labels": {"autoscaling.neon.tech/enabled": "true"}},
            "spec": {"guest": {"cpus": {"min": 1, "use": use, "max": most}, "memorySlotSize": "64Mi", "memorySlots": {"min": 2, "use": 2, "max": 64},
                               "rootDisk": {"image": "x"}}, **spec}}


class SchedulerTest(ClusterTest):
    options = {"fake_nodes": True}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for base in ("crd", "rbac", "controlplane"):
            cls.cluster.kubectl("apply", "-k", os.path.join(BASES, base))
        cls.cluster.kubectl("scale", "-n", OWN, "deployment/neonvm", "--replicas=0")  # it is a process here
        cls.cluster.kubectl("apply", "-n", "default", "-k", os.path.join(BASES, "namespace"))
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.own, cls.client = os.path.join(folder.name, "own"), os.path.join(folder.name, "client")
        users = {part: cls.cluster.request("user", f"system:serviceaccount:{OWN}:{part}") for part in ("neonvm", "neonvm-scheduler")}
        cls.first, cls.second = (Scheduler(users["neonvm-scheduler"], cls.own) for _ in range(2))
        cls.plane = Daemon(users["neonvm"], "serve", "--scheduler", f"https://{cls.first.address}:10299",
                           config='scheduler = "neonvm-scheduler"\nrunner_image = "x"\n').start()
        for daemon in (cls.plane, cls.first, cls.second):
            cls.addClassCleanup(daemon.remove)
        for secret, where in (("neonvm-scheduler", cls.own), ("neonvm-scheduler-client", cls.client)):
            keep(until(lambda: cls.found(f"{SECRETS}/{secret}"), f"Secret {secret}: {cls.plane.text()}"), where)
        with open(f"{cls.client}/token", encoding="utf-8") as file:
            cls.token = file.read()
        cls.first.start()
        until(cls.first.ready, "the first leads")
        cls.second.start()
        asked_by_kube_scheduler(cls.cluster, cls.first, cls.client, folder.name)

    @classmethod
    def found(cls, path):
        try:
            return cls.cluster.get(path)
        except Refused:
            return None

    def tearDown(self):
        if self.plane.process.poll() is not None:
            self.plane.start()
        for path in (VMS, PODS, "/api/v1/nodes"):
            for item in self.cluster.get(path)["items"]:
                grace = {"gracePeriodSeconds": 0} if path == PODS else {}
                self.cluster.call("DELETE", f"{path}/{item['metadata']['name']}", {"apiVersion": "v1", "kind": "DeleteOptions", **grace})

        def gone():
            # Nobody ends pods on fake nodes.
            for item in self.cluster.get(PODS)["items"]:
                self.cluster.call("DELETE", f"{PODS}/{item['metadata']['name']}", {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0})
            return not any(self.cluster.get(path)["items"] for path in (VMS, PODS, "/api/v1/nodes"))
        until(gone, "all of the test is gone")

    def node_of(self, name):
        return self.cluster.get(f"{PODS}/{name}")["spec"].get("nodeName")

    def runner_of(self, name):
        pods = self.cluster.get(f"{PODS}?labelSelector=vm.neon.tech/name={name}")["items"]
        return pods[0]["metadata"]["name"] if pods and pods[0]["spec"].get("nodeName") else None

    def start_vm(self, name, **spec):
        self.cluster.call("POST", VMS, vm(name, **spec))
        return until(lambda: self.runner_of(name), f"VM {name} has a runner on a node")

    def event_of(self, name, reason):
        events = self.cluster.get(f"/api/v1/namespaces/default/events?fieldSelector=involvedObject.name={name}")["items"]
        return next((event["message"] for event in events if event["reason"] == reason), None)

    def permit(self, name, cpu, last=None, scheduler=None, token="", port=10299):
        body = {"protoVersion": 7, "pod": {"namespace": "default", "name": name}, "computeUnit": UNIT, "metrics": None,
                "resources": {"vCPUs": cpu, "mem": "128Mi"}, "lastPermit": {"vCPUs": last, "mem": "128Mi"} if last else None}
        scheduler = scheduler or self.first
        if port == 10300:
            return scheduler.plain("POST", "/", port, json.dumps(body))
        return scheduler.secure(self.client, "/", body, token=self.token if token == "" else token)

    def granted(self, *words, **more):
        status, text = self.permit(*words, **more)
        self.assertEqual(status, 200, text)
        return json.loads(text)["permit"]["vCPUs"]

    def known(self, runner, scheduler=None):
        until(lambda: self.permit(runner, 1, scheduler=scheduler)[0] == 200, "the scheduler knows the runner")

    def says_it_runs(self, name, runner):
        """As if a kubelet were there and the VM ran. REQUIRES the control plane not to."""
        status = {"phase": "Running", "podName": runner, "node": self.node_of(runner), "cpus": 1, "memorySize": "128Mi"}
        self.cluster.call("PATCH", f"{VMS}/{name}/status", {"status": status}, "application/merge-patch+json")

    def test_a_vm_goes_where_it_has_room_and_says_meanwhile_that_it_waits(self):
        self.cluster.add_fake_node("small", cpu="2")
        self.cluster.call("POST", VMS, vm("web", use=3))
        waiting = until(lambda: self.cluster.get(f"{PODS}?labelSelector=vm.neon.tech/name=web")["items"], "a pod")[0]["metadata"]["name"]
        until(lambda: self.event_of(waiting, "FailedScheduling"), "it is told why")
        self.assertIn(f"runner default/{waiting} waits for a node", until(
            lambda: json.dumps(self.cluster.get(f"{VMS}/web").get("status", {})) if "waits for a node" in json.dumps(self.cluster.get(f"{VMS}/web")) else None,
            "the VM's status"))
        self.cluster.add_fake_node("large", cpu="8")
        self.assertEqual(until(lambda: self.node_of(waiting), "it has a node", 120), "large")
        bound = self.cluster.get(f"{PODS}/{waiting}")
        self.assertEqual(bound["spec"]["schedulerName"], "neonvm-scheduler")
        self.assertNotIn("affinity", bound["spec"])
        until(lambda: self.cluster.get(f"{VMS}/web")["status"].get("node") == "large", "the VM says where it is")

    def test_what_a_vm_grew_to_is_kept_from_pods_and_the_event_says_why(self):
        self.cluster.add_fake_node("one", cpu="4")
        runner = self.start_vm("web")
        self.known(runner)
        self.assertEqual(self.granted(runner, 3), 3)
        # By their requests there would be room for 3 more.
        self.cluster.call("POST", PODS, pod("large", "2"))
        self.assertIn("lacks 1 CPU beside what its VMs and pods have reserved", until(lambda: self.event_of("large", "FailedScheduling"), "an event"))
        self.cluster.call("POST", PODS, pod("fits", "1"))
        self.assertEqual(until(lambda: self.node_of("fits"), "it is bound"), "one")
        self.assertEqual(self.granted(runner, 4, last=3), 3)

    def test_pods_of_other_schedulers_are_neighbours_until_they_end(self):
        self.cluster.add_fake_node("one", cpu="4")
        runner = self.start_vm("web")
        self.cluster.call("POST", PODS, pod("other", "2500m", scheduler="default-scheduler"))
        until(lambda: self.node_of("other"), "it is bound")
        until(lambda: 'autoscaling_plugin_node_cpu_resources_current{field="Reserved",node="one"} 3.5' in self.first.plain("GET", "/metrics", 9100)[1], "it counts")
        self.assertEqual(self.granted(runner, 4), "1500m")
        self.cluster.call("PATCH", f"{PODS}/other/status", {"status": {"phase": "Succeeded"}}, "application/merge-patch+json")
        until(lambda: self.granted(runner, 4, last=1) == 4, "its room is free")

    def test_the_doors_are_closed_to_strangers(self):
        self.cluster.add_fake_node("one")
        runner = self.start_vm("web")
        self.known(runner)
        self.assertEqual(self.permit(runner, 1, token=None), (401, "not authorized\n"))
        self.assertEqual(self.permit(runner, 1, token="x" * 64)[0], 401)
        for path in ("/v1/place", "/v1/reserve-target", "/v1/release"):
            self.assertEqual(self.first.secure(self.client, path, {})[0], 401)
        # Whoever needs no token gets permits and nothing else.
        self.assertEqual(self.permit(runner, 1, port=10300)[0], 200)
        self.assertEqual(self.first.plain("POST", "/v1/release", 10300, json.dumps({"runner": f"default/{runner}"}))[0], 400)
        # A kube-scheduler shows the certificate that is made for it; that of a runner is not enough, and none is not.
        keep(self.cluster.get("/api/v1/namespaces/default/secrets/runner-neonvm-web"), f"{self.own}/runner")
        for certificate in (None, f"{self.own}/runner"):
            with self.assertRaises((ssl.SSLError, OSError)):
                self.first.secure(self.client, "/filter", {}, port=10298, certificate=certificate)
        self.assertEqual(self.first.secure(self.client, "/filter", {}, port=10298, certificate=self.client)[0], 400)

    def test_a_killed_scheduler_grants_nothing_twice_and_another_takes_over(self):
        self.cluster.add_fake_node("one", cpu="8")
        a, b = self.start_vm("a"), self.start_vm("b")
        self.plane.kill(signal.SIGTERM)
        for name, runner in (("a", a), ("b", b)):
            self.says_it_runs(name, runner)
            self.known(runner)
        self.assertEqual(self.granted(a, 6), 6)  # and its VM does not have it yet
        self.assertEqual(self.second.plain("GET", "/readyz"), (503, "not ready\n"))
        self.assertEqual(self.permit(a, 6, scheduler=self.second), (503, "this replica does not lead"))
        self.first.kill()
        until(self.second.ready, "the other leads", 30)
        self.addCleanup(self.swap)
        # b does not know what a was promised, and neither do the books.
        self.assertEqual(self.granted(b, 6, last=1, scheduler=self.second), 1)
        self.assertEqual(self.granted(a, 6, last=6, scheduler=self.second), 6)
        self.assertEqual(self.granted(b, 6, last=1, scheduler=self.second), 2)

    @classmethod
    def swap(cls):
        """The first leads again, for kube-scheduler asks it."""
        cls.second.kill(signal.SIGTERM)
        cls.first.start()
        until(cls.first.ready, "the first leads again")
        cls.second.start()

    def test_told_to_end_while_it_steps_down(self):
        before = self.first.text().count("leadership: lost")
        self.cluster.request("pause", "kube-apiserver")
        try:
            until(lambda: self.first.text().count("leadership: lost") > before, "it steps down", 30)
            self.first.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.first.process.wait(30), 0)
        finally:
            self.cluster.request("resume", "kube-apiserver")
            self.first.kill()
        self.swap()

    def test_a_restart_between_two_pods_loses_none(self):
        self.cluster.add_fake_node("one", cpu="4")
        self.cluster.call("POST", PODS, pod("before", "3"))
        until(lambda: self.node_of("before"), "it is bound")
        self.second.kill()  # so that the lead stays
        self.first.kill()
        self.cluster.call("POST", PODS, pod("during", "1"))
        self.cluster.call("POST", PODS, pod("too-large", "2"))
        until(lambda: self.event_of("during", "FailedScheduling"), "kube-scheduler cannot ask")
        self.first.start()
        until(self.first.ready, "it is back", 30)
        self.second.start()
        # kube-scheduler looks again by itself a minute later; a change of the pod makes it look now.
        for name in ("during", "too-large"):
            self.cluster.call("PATCH", f"{PODS}/{name}", {"metadata": {"annotations": {"again": "1"}}}, "application/merge-patch+json")
        self.assertEqual(until(lambda: self.node_of("during"), "it is bound", 120), "one")
        self.assertIsNone(self.node_of("too-large"))


if __name__ == "__main__":
    main()
