#!/usr/bin/env python3
"""A VirtualMachine on two real nodes: applied, booted, scaled, moved to the other node, deleted without a trace."""
import base64
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import vm  # noqa: E402
from bench.fixture import main, until  # noqa: E402
from bench.vms import MIGRATIONS, PODS, SECRETS, VMS, VmsTest, says  # noqa: E402

WEB = f"""
apiVersion: vm.neon.tech/v1
kind: VirtualMachine
metadata: {{name: web}}
spec:
  enableAcceleration: false
  guest:
    cpus: {{min: 1, use: 1, max: 2}}
    memorySlotSize: 64Mi
    memorySlots: {{min: 4, use: 4, max: 8}}
    rootDisk: {{image: {vm.WEB_IMAGE}}}
    ports: [{{name: http, port: 8080}}]
  disks:
  - {{name: settings, mountPath: /settings, configMap: {{name: web-settings}}}}
"""


class VmTest(VmsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as folder:
            cls.load(*vm.make_images(folder, "neonvm", "runner"))
        cls.addClassCleanup(cls.show)
        vm.install(cls.cluster, "default", "tenants")

    @classmethod
    def show(cls):
        """For whoever reads the log of a failure."""
        done = cls.cluster.kubectl("logs", "-n", "neonvm-system", "-l", "app.kubernetes.io/name=neonvm-controller", "--tail=200", check=False)
        print(done.stdout, file=sys.stderr)

    def page(self, path, pod=None):
        """None: nobody serves it yet; a guest is there, and its pod ready, before its server is."""
        try:
            with urllib.request.urlopen(f"http://{(pod or self.pod_of())['status']['podIP']}:8080{path}", timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def test_namesakes_in_two_namespaces(self):
        """One control plane for all namespaces; what happens to a VM of one does not touch its namesake in another."""
        for namespace, colour in (("default", "blue"), ("tenants", "green")):
            self.make_settings(namespace, colour)
            self.cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=WEB)
        pods = {}
        for namespace, colour in (("default", "blue"), ("tenants", "green")):
            pod = until(lambda: self.ready_pod(namespace), f"the VM of {namespace} is ready", 180)
            until(lambda: self.page("/settings/colour", pod) == colour, f"the VM of {namespace} serves its own colour", 60)
            pods[namespace] = pod["metadata"]["uid"]
        self.assertNotEqual(*(self.cluster.get(f"/api/v1/namespaces/{each}/secrets/runner-neonvm-web")["data"]["token"] for each in pods))
        self.delete("tenants")
        self.assertEqual(self.ready_pod("default")["metadata"]["uid"], pods["default"])
        self.delete("default")

    def delete(self, namespace):
        self.cluster.kubectl("delete", "neonvm", "web", "-n", namespace, "--wait=false")
        until(lambda: self.there(f"/apis/vm.neon.tech/v1/namespaces/{namespace}/virtualmachines/web") is None, f"the VM of {namespace} is gone", 60)

    def make_settings(self, namespace, colour):
        self.cluster.kubectl("create", "configmap", "web-settings", "-n", namespace, f"--from-literal=colour={colour}")
        self.addCleanup(self.cluster.kubectl, "delete", "configmap", "web-settings", "-n", namespace)

    def ready_pod(self, namespace):
        for pod in self.cluster.get(f"/api/v1/namespaces/{namespace}/pods?labelSelector=vm.neon.tech/name=web")["items"]:
            if says(pod, "Ready", "True"):
                return pod
        return None

    def test_a_life(self):
        self.make_settings("default", "blue")
        self.cluster.kubectl("apply", "-f", "-", stdin=WEB)
        until(self.ready, "the VM is ready", 120)
        until(lambda: self.status().get("phase") == "Running", "and runs", 30)
        until(lambda: self.page("/etc/name") == "web\n", "it serves its name", 60)
        self.assertEqual(self.page("/settings/colour"), "blue")
        self.strangers_are_turned_away()
        self.sizes_follow()
        self.it_tells_why_and_what_it_printed()
        self.moves_to_the_other_node()
        self.nothing_is_left()

    def door(self, path, token=None, body=None):
        """Status code and body of the runner's own door."""
        request = urllib.request.Request(f"https://{self.pod_of()['status']['podIP']}:25183{path}", body,
                                         {"Authorization": "Bearer " + token} if token else {})
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        try:
            with urllib.request.urlopen(request, timeout=10, context=trusting) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, ""

    def strangers_are_turned_away(self):
        for path in ("/cpu_current", "/v1/status", "/metrics", "/v1/link", "/v1/exec", "/v1/console", "/"):
            for token in (None, "", "x" * 64):
                self.assertEqual(self.door(path, token)[0], 401, path)
        self.assertEqual(self.door("/cpu_change", None, b'{"VCPUs":2}')[0], 401)
        self.assertEqual(self.door("/ready"), (200, "ready\n"))
        token = base64.b64decode(self.cluster.get(f"{SECRETS}/runner-neonvm-web")["data"]["token"]).decode()
        self.assertEqual(self.door("/cpu_current", token), (200, '{"VCPUs":1}\n'))

    def sizes_follow(self):
        self.cluster.call("PATCH", f"{VMS}/web", [{"op": "replace", "path": "/spec/guest/cpus/use", "value": 2},
                                                  {"op": "replace", "path": "/spec/guest/memorySlots/use", "value": 8}], "application/json-patch+json")
        until(lambda: (self.status()["cpus"], self.status()["memorySize"]) == (2, "512Mi"), "it has grown", 60)
        self.cluster.call("PATCH", f"{VMS}/web", [{"op": "replace", "path": "/spec/guest/cpus/use", "value": 1},
                                                  {"op": "replace", "path": "/spec/guest/memorySlots/use", "value": 4}], "application/json-patch+json")
        until(lambda: (self.status()["cpus"], self.status()["memorySize"]) == (1, "256Mi"), "it has shrunk", 60)

    def it_tells_why_and_what_it_printed(self):
        """By the API server's way to pods, because a command outside of a cluster cannot count on their addresses."""
        self.assertIn("by.hand", vm.neonvm(self.cluster, "explain", "web"))
        self.cluster.kubectl("label", "neonvm", "web", "autoscaling.neon.tech/enabled=true")
        told = until(lambda: (text := vm.neonvm(self.cluster, "explain", "web", check=False)).startswith("VM:") and "by.hand" not in text and text,
                     "the agent says why", 60)
        self.assertIn("Permit:", told)
        began = time.monotonic()
        following = subprocess.Popen([vm.NEONVM, "--orchestrator", "k8s", "--kubeconfig", self.cluster.kubeconfig, "explain", "web", "--follow"],
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "HOME": self.cluster.state})
        self.addCleanup(following.wait)
        self.addCleanup(following.kill)
        # A question that names the last decision is kept open: one that is answered at once would be asked thousands of times.
        until(lambda: time.monotonic() > began + 4, "some time goes by", 10)
        self.assertIsNone(following.poll())
        with open(f"/proc/{following.pid}/stat", encoding="utf-8") as stat:
            self.assertLess(sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK"), 1)
        self.cluster.kubectl("label", "neonvm", "web", "autoscaling.neon.tech/enabled-")
        until(lambda: "by.hand" in vm.neonvm(self.cluster, "explain", "web", check=False), "it is sized by hand again", 60)
        printed = vm.neonvm(self.cluster, "logs", "web")
        self.assertGreater(len(printed.splitlines()), 3, printed)
        said = vm.neonvm(self.cluster, "logs", "web", "--runner")
        self.assertIn("runner", said)
        self.assertNotIn(printed.splitlines()[0], said)
        self.assertEqual(vm.neonvm(self.cluster, "logs", "web", "--runner", "--tail", "1").count("\n"), 1)
        last = vm.neonvm(self.cluster, "logs", "web", "--tail", "2")
        self.assertLessEqual(last.count("\n"), 2, repr(last))

    def moves_to_the_other_node(self):
        """Its memory, what runs in it, and what it wrote to its disk."""
        before = self.pod_of()
        vm.neonvm(self.cluster, "exec", "web", "--", "/bin/sh", "-c", "echo kept >/etc/kept; /bin/busybox sync; echo alive >/run/alive")
        self.cluster.call("POST", MIGRATIONS, {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachineMigration", "metadata": {"name": "go"},
                                               "spec": {"vmName": "web"}})
        until(lambda: self.cluster.get(f"{MIGRATIONS}/go").get("status", {}).get("phase") in ("Succeeded", "Failed"), "the migration is over", 180)
        status = self.cluster.get(f"{MIGRATIONS}/go")["status"]
        self.assertEqual(status["phase"], "Succeeded", status)
        after = until(self.ready, "it is ready where it is now", 60)
        self.assertNotEqual(before["spec"]["nodeName"], after["spec"]["nodeName"])
        self.assertEqual((self.page("/etc/kept"), self.page("/run/alive")), ("kept\n", "alive\n"))
        self.assertEqual(self.status()["restartCount"], 0)
        until(lambda: self.there(f"{PODS}/{before['metadata']['name']}") is None, "the pod that it left is gone", 180)

    def nothing_is_left(self):
        self.delete("default")
        until(lambda: not self.cluster.get(PODS)["items"], "its pods are gone", 180)
        until(lambda: self.there(f"{SECRETS}/runner-neonvm-web") is None, "its secret goes with it", 60)


if __name__ == "__main__":
    main(real_nodes=True)
