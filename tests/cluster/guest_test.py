#!/usr/bin/env python3
"""What a guest gets on a real node: a kernel of its own, SSH, a certificate, Secrets, swap, quotas; and one whose image is not there yet."""
import base64
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import vm  # noqa: E402
from bench.fixture import main, until  # noqa: E402
from bench.vms import PODS, SECRETS, VMS, VmsTest  # noqa: E402

EVENTS = "/api/v1/namespaces/default/events"
MERGE = "application/merge-patch+json"
SSH_IMAGE, LATE_IMAGE, KERNEL_IMAGE = (f"{vm.REPOSITORY}/vm-{name}:test" for name in ("ssh", "late", "kernel"))
LAB = f"""
apiVersion: vm.neon.tech/v1
kind: VirtualMachine
metadata: {{name: lab}}
spec:
  enableAcceleration: false
  tls: {{serverName: lab.example.org, expireAfter: 24h, renewBefore: 1h}}
  guest:
    kernelImage: {KERNEL_IMAGE}
    cpus: {{min: 1, use: 1, max: 1}}
    memorySlotSize: 64Mi
    memorySlots: {{min: 4, use: 4, max: 4}}
    rootDisk: {{image: {SSH_IMAGE}}}
    settings: {{swap: 32Mi}}
  disks:
  - {{name: example, mountPath: /var/sync/example, watch: true, secret: {{secretName: example}}}}
  - {{name: data, mountPath: /data, emptyDisk: {{size: 64Mi, discard: true, enableQuotas: true}}}}
"""


class GuestTest(VmsTest):
    options = {"nodes": 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.kernel = vm.make_kernel_image(cls.folder.name, KERNEL_IMAGE)
        cls.load(*vm.make_images(cls.folder.name, "neonvm", "runner"), vm.make_ssh_image(cls.folder.name, SSH_IMAGE), *([cls.kernel] if cls.kernel else []))
        cls.addClassCleanup(cls.show)
        vm.install(cls.cluster, "default")

    @classmethod
    def show(cls):
        """For whoever reads the log of a failure."""
        for words in (("logs", "-n", "neonvm-system", "-l", "app.kubernetes.io/name=neonvm-controller", "--tail=100"), ("describe", "neonvm"),
                      ("logs", "-l", "vm.neon.tech/name", "-c", "neonvm-runner", "--tail=100")):
            print(cls.cluster.kubectl(*words, check=False).stdout, file=sys.stderr)

    def ready(self, name="web"):
        return super().ready(name) if self.status(name).get("phase") == "Running" else None

    def secret(self, name, key):
        return base64.b64decode(self.cluster.get(f"{SECRETS}/{name}")["data"][key]).decode()

    def guest(self, *words):
        return vm.neonvm(self.cluster, "exec", "lab", "--", "/bin/busybox", *words)

    def test_what_a_guest_gets(self):
        self.cluster.call("POST", SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "example"}, "stringData": {"foo": "hello world"}})
        self.addCleanup(self.cluster.call, "DELETE", f"{SECRETS}/example")
        lab = LAB if self.kernel else LAB.replace(f"    kernelImage: {KERNEL_IMAGE}\n", "")
        self.cluster.kubectl("apply", "-f", "-", stdin=lab)
        pod = until(lambda: self.ready("lab"), "the VM is ready", 240)
        kernels = [each["image"] for each in pod["spec"]["initContainers"] if each["name"] == "init-kernel"]
        self.assertEqual(kernels, [KERNEL_IMAGE] if self.kernel else [])
        self.one_can_log_in()
        self.files_follow()
        self.disks_and_swap_are_there()
        self.a_pod_that_is_deleted_is_followed_by_another(pod)
        self.a_guest_that_ends_itself_starts_again()
        self.cluster.kubectl("delete", "neonvm", "lab", "--wait=false")
        until(lambda: not self.there(f"{VMS}/lab"), "it is gone", 60)
        until(lambda: not [each for each in ("ssh", "tls", "runner") if self.there(f"{SECRETS}/{each}-neonvm-lab")], "its Secrets go with it", 60)

    def one_can_log_in(self):
        self.assertEqual(self.status("lab")["sshSecretName"], "ssh-neonvm-lab")
        self.assertEqual(self.guest("cat", "/mnt/ssh/authorized_keys"), self.secret("ssh-neonvm-lab", "ssh-publickey"))
        said = vm.neonvm(self.cluster, "ssh", "lab", "--", "/bin/busybox echo $((6*7)); /bin/busybox uname -n")
        self.assertEqual(said, "42\nlab\n")
        # A second one, who has a key of one's own.
        with tempfile.TemporaryDirectory() as home:
            other = vm.run(vm.NEONVM, "--home", home, "--orchestrator", "k8s", "--kubeconfig", self.cluster.kubeconfig, "ssh", "lab", "--", "/bin/busybox id -u")
            self.assertEqual(other, "0\n")
        self.assertEqual(vm.neonvm(self.cluster, "ssh", "lab", "--", "/bin/busybox echo again"), "again\n")
        mounts = {each["name"] for each in self.ready("lab")["spec"]["volumes"]}
        self.assertTrue({"ssh-publickey", "tls"} <= mounts, mounts)

    def files_follow(self):
        self.assertEqual(self.status("lab")["tlsSecretName"], "tls-neonvm-lab")
        for key in ("tls.crt", "tls.key", "ca.crt"):
            self.assertEqual(self.guest("cat", f"/var/tls/{key}"), self.secret("tls-neonvm-lab", key), key)
        self.assertEqual(self.guest("cat", "/var/sync/example/foo"), "hello world")
        before = self.secret("tls-neonvm-lab", "tls.crt")
        self.cluster.call("PATCH", f"{VMS}/lab", {"spec": {"tls": {"serverName": "new.example.org"}}}, MERGE)
        self.cluster.call("PATCH", f"{SECRETS}/example", {"stringData": {"foo": "goodbye world"}}, MERGE)
        # A kubelet looks once a minute.
        until(lambda: self.guest("cat", "/var/sync/example/foo") == "goodbye world", "the guest has the new Secret", 180, 1)
        until(lambda: self.guest("cat", "/var/tls/tls.crt") not in ("", before), "the guest has the new certificate", 180, 1)
        self.assertEqual(self.guest("cat", "/var/tls/tls.crt"), self.secret("tls-neonvm-lab", "tls.crt"))

    def disks_and_swap_are_there(self):
        def swap():
            return next(int(line.split()[1]) for line in self.guest("cat", "/proc/meminfo").splitlines() if line.startswith("SwapTotal"))
        self.assertEqual(swap(), 32 * 1024 - 4)
        vm.neonvm(self.cluster, "scale", "lab", "--swap", "16Mi")
        until(lambda: swap() == 16 * 1024 - 4, "the swap is smaller", 60)
        vm.neonvm(self.cluster, "disk", "quota", "lab", "data", "8Mi")
        # The kernel holds all but root to it.
        said = self.guest("sh", "-c", """b=/bin/busybox; $b grep -q ^u: /etc/passwd || echo 'u:x:1000:1000::/:/bin/sh' >>/etc/passwd
            $b mkdir -p /data/u; $b chown 1000 /data/u; $b su u -c "$b dd if=/dev/zero of=/data/u/big bs=1M count=20" 2>&1; $b du -k /data/u/big""")
        self.assertIn("quota exceeded", said.lower())
        self.assertLessEqual(int(said.split()[-2]), 8192, said)

    def a_pod_that_is_deleted_is_followed_by_another(self, pod):
        self.cluster.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false")
        after = until(lambda: (found := self.ready("lab")) and found["metadata"]["uid"] != pod["metadata"]["uid"] and found, "another pod is ready", 240)
        self.assertEqual(self.status("lab")["restartCount"], 1)
        owner = after["metadata"]["ownerReferences"][0]
        self.assertEqual((owner["kind"], owner["name"], owner["controller"], owner["blockOwnerDeletion"]), ("VirtualMachine", "lab", True, True))
        until(lambda: len(self.cluster.get(f"{PODS}?labelSelector=vm.neon.tech/name=lab")["items"]) == 1, "it is the only one", 60)

    def a_guest_that_ends_itself_starts_again(self):
        """By what somebody does in it who knows other machines: its init takes that for the wish to power off."""
        before = self.ready("lab")
        vm.neonvm(self.cluster, "exec", "lab", "--", "/bin/busybox", "kill", "1", check=False)  # it may be gone before it can answer
        after = until(lambda: (found := self.ready("lab")) and found["metadata"]["uid"] != before["metadata"]["uid"] and found, "it is ready again", 240)
        self.assertEqual(self.status("lab")["restartCount"], 2)
        self.assertEqual(self.guest("cat", "/proc/sys/kernel/hostname"), "lab\n")
        self.assertEqual(self.condition("Available", "lab")["status"], "True")
        until(lambda: [each["metadata"]["name"] for each in self.cluster.get(f"{PODS}?labelSelector=vm.neon.tech/name=lab")["items"]] ==
              [after["metadata"]["name"]], "it is the only one", 60)

    def test_an_image_that_comes_late(self):
        self.cluster.call("POST", VMS, {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachine", "metadata": {"name": "late"}, "spec": {
            "enableAcceleration": False, "guest": {"cpus": {"min": 1, "use": 1, "max": 1}, "memorySlotSize": "64Mi",
                                                   "memorySlots": {"min": 4, "use": 4, "max": 4}, "rootDisk": {"image": LATE_IMAGE}}}})
        said = until(lambda: (found := self.condition("Available", "late")).get("reason") == "StartBlocked" and found["message"], "its status says why", 60)
        self.assertIn(LATE_IMAGE, said)
        self.assertIn("Image", said)
        self.assertEqual(self.status("late")["phase"], "Pending")
        events = [each for each in self.cluster.get(EVENTS)["items"] if each["involvedObject"].get("kind") == "VirtualMachine" and each["reason"] == "StartBlocked"]
        self.assertEqual([each["involvedObject"]["name"] for each in events], ["late"])
        self.cluster.request("import", vm.make_ssh_image(self.folder.name, LATE_IMAGE))
        until(lambda: self.ready("late"), "it is ready once its image is there", 420)
        self.assertEqual(self.condition("Available", "late")["status"], "True")
        self.cluster.kubectl("delete", "neonvm", "late", "--wait=false")
        until(lambda: not self.there(f"{VMS}/late"), "it is gone", 60)


if __name__ == "__main__":
    main(real_nodes=True)
