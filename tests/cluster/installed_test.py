#!/usr/bin/env python3
"""Everything as pods from the bases in the tree: controllers, schedulers, a stock kube-scheduler and an agent on each of two real nodes."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import images, programs, vm  # noqa: E402
from bench.fixture import ClusterTest, main, until  # noqa: E402

OWN = "neonvm-system"
VMS = "/apis/vm.neon.tech/v1/namespaces/default/virtualmachines"
OWN_PODS = f"/api/v1/namespaces/{OWN}/pods"
MERGE = "application/merge-patch+json"
KUBE_SCHEDULER = "registry.k8s.io/kube-scheduler:v1.31.0"
# There is no DNS here, so the Service has an address that is known before.
NAME, ADDRESS = "neonvm-scheduler.neonvm-system.svc", "10.96.0.77"
POLICY = "neonvm.dev/policy"
LEAST = {"cpus": {"min": 1, "use": 1, "max": 2}, "memorySlotSize": "64Mi", "memorySlots": {"min": 4, "use": 4, "max": 4},
         "rootDisk": {"image": vm.WEB_IMAGE}}


def here(text):
    """A base for images that were made here, for this Kubernetes, and without DNS."""
    for released, ours in (("ghcr.io/neonvm/neonvm-runner:0.1.0", vm.RUNNER_IMAGE), ("ghcr.io/neonvm/neonvm:0.1.0", vm.PLANE_IMAGE),
                           ("kubescheduler.config.k8s.io/v1\n", "kubescheduler.config.k8s.io/v1beta1\n"),
                           (f"https://{NAME}:", f"https://{ADDRESS}:"), ("      tlsConfig:\n", f"      tlsConfig:\n        serverName: {NAME}\n"),
                           ("spec:\n  ports:\n  - name: permits\n", f"spec:\n  clusterIP: {ADDRESS}\n  ports:\n  - name: permits\n")):
        text = text.replace(released, ours)
    return text


class InstalledTest(ClusterTest):
    options = {"nodes": 2}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as folder:
            scheduler = os.path.join(folder, "kube-scheduler.tar")
            images.archive(scheduler, KUBE_SCHEDULER, images.layer_of({"usr/bin/kube-scheduler": (programs.find()["kube-scheduler"], 0o755)}), ["kube-scheduler"])
            for archive in (*vm.make_images(folder, "neonvm", "runner"), scheduler):
                cls.cluster.request("import", archive)
        cls.addClassCleanup(cls.show)
        for base in ("crd", "rbac"):
            cls.cluster.kubectl("apply", "-k", os.path.join(vm.MANIFESTS, base))
        vm.established(cls.cluster)
        cls.cluster.kubectl("apply", "-n", "default", "-k", os.path.join(vm.MANIFESTS, "namespace"))
        for base in ("webhook", "scheduler", "controlplane-with-agents"):
            cls.cluster.kubectl("apply", "-f", "-", stdin=here(cls.cluster.kubectl("kustomize", os.path.join(vm.MANIFESTS, base))))
        for what in ("deployment/neonvm", "deployment/neonvm-scheduler", "deployment/neonvm-kube-scheduler", "daemonset/neonvm-agent"):
            cls.cluster.kubectl("rollout", "status", "-n", OWN, what, "--timeout", "180s", limit=200)

    @classmethod
    def show(cls):
        """For whoever reads the log of a failure."""
        for part in ("neonvm-controller", "neonvm-scheduler", "neonvm-kube-scheduler", "neonvm-agent"):
            done = cls.cluster.kubectl("logs", "-n", OWN, "-l", f"app.kubernetes.io/name={part}", "--tail=60", "--prefix", check=False)
            print(done.stdout, done.stderr, file=sys.stderr)

    def leader(self):
        """Of the schedulers, all of which are ready, the one to which the Service leads."""
        subsets = self.cluster.get(f"/api/v1/namespaces/{OWN}/endpoints/neonvm-scheduler").get("subsets", ())
        led = [address["ip"] for subset in subsets for address in subset["addresses"]]
        found = self.cluster.get(OWN_PODS + "?labelSelector=app.kubernetes.io/name=neonvm-scheduler")["items"]
        leading = [each["metadata"] for each in found if [each["status"].get("podIP")] == led]
        return leading[0]["name"] if len(leading) == 1 and "deletionTimestamp" not in leading[0] else None

    def has(self, cpus):
        found = self.cluster.get(f"{VMS}/web")
        status = found.get("status", {})
        return found if status.get("phase") == "Running" and status.get("cpus") == cpus else None

    def wish(self, cpus):
        self.cluster.call("PATCH", f"{VMS}/web", {"metadata": {"annotations": {POLICY: f"fixed,cpus={cpus}"}}}, MERGE)

    def test_a_vm_is_placed_by_kube_scheduler_and_scaled_by_the_agent_of_its_node(self):
        until(self.leader, "one scheduler leads", 120)
        hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/neonvm"
        until(lambda: all(each["clientConfig"].get("caBundle") for each in self.cluster.get(hooks)["webhooks"]), "the API server trusts the webhooks", 60)
        self.cluster.call("POST", VMS, {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachine", "metadata": {
            "name": "web", "labels": {"autoscaling.neon.tech/enabled": "true"}, "annotations": {POLICY: "fixed,cpus=1"}},
            "spec": {"guest": LEAST, "enableAcceleration": False}})
        found = until(lambda: self.has(1), f"it runs: {self.cluster.get(VMS)}", 240)
        node = found["status"]["node"]
        pod = self.cluster.get(f"/api/v1/namespaces/default/pods/{found['status']['podName']}")
        self.assertEqual((pod["spec"]["schedulerName"], pod["spec"]["nodeName"]), ("neonvm-scheduler", node))
        until(lambda: self.has(1)["status"].get("guestConnected"), "the guest answers", 240)
        # No more: the parts themselves take a share of a node that may have two CPUs.
        self.wish(1.25)
        until(lambda: self.has("1250m"), f"it has grown: {self.cluster.get(VMS)}", 120)
        agents = self.cluster.get(OWN_PODS + "?labelSelector=app.kubernetes.io/name=neonvm-agent")["items"]
        self.assertEqual(len(agents), 2)
        for agent in agents:
            held = json.loads(self.cluster.kubectl("exec", "-n", OWN, agent["metadata"]["name"], "--", "neonvm", "--home", "/run/neonvm/home", "dump"))
            seen = [each["vm"] for each in held["agent"]["agent"]["vms"]]
            self.assertEqual(seen, ["default/web"] if agent["spec"]["nodeName"] == node else [])
        # The scheduler dies; another one leads, and has the VM in its books.
        before = self.leader()
        self.cluster.kubectl("delete", "pod", "-n", OWN, before, "--grace-period=0", "--force")
        leader = until(lambda: (now := self.leader()) and now != before and now, "another scheduler leads", 120)
        self.wish(1)
        until(lambda: self.has(1), "it has shrunk", 120)

        def books():
            held = json.loads(self.cluster.kubectl("exec", "-n", OWN, leader, "--", "neonvm", "--home", "/run/neonvm/home", "dump"))
            of = next(each for each in held["scheduler"]["scheduler"]["nodes"] if each["name"] == node)
            return [each["granted"]["cpu"] for each in of["holders"] if each["holder"].startswith("default/web")] == [1]
        until(books, "the books say so", 60)
        self.cluster.call("DELETE", f"{VMS}/web")
        until(lambda: not self.cluster.get(VMS)["items"] and not self.cluster.get("/api/v1/namespaces/default/pods")["items"], "nothing is left", 120)


if __name__ == "__main__":
    main(real_nodes=True)
