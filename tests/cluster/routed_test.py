#!/usr/bin/env python3
"""VMs whose pods route for them, on two real nodes: reached at their pods' addresses, by the kernel, and seeing who calls."""
import os
import re
import socket
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import programs, vm  # noqa: E402
from bench.fixture import main, until  # noqa: E402
from bench.vms import MIGRATIONS, PODS, VmsTest  # noqa: E402

WEB = f"""
apiVersion: vm.neon.tech/v1
kind: VirtualMachine
metadata: {{name: web}}
spec:
  enableAcceleration: false
  guest:
    cpus: {{min: 1, use: 1, max: 1}}
    memorySlotSize: 64Mi
    memorySlots: {{min: 4, use: 4, max: 4}}
    rootDisk: {{image: {vm.WEB_IMAGE}}}
    ports: [{{name: http, port: 8080}}]
"""
MOVE = {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachineMigration", "metadata": {"name": "move"},
        "spec": {"vmName": "web", "preventMigrationToSameHost": True}}


class RoutedTest(VmsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as folder:
            cls.load(*vm.make_images(folder, "runner"))
        cls.plane = vm.Plane(cls.cluster, **vm.as_installed(cls.cluster), config='runner_network = "routed"\n')
        cls.addClassCleanup(lambda: cls.plane.down(show=bool(os.environ.get("NEONVM_TEST_LOG"))))

    def guest(self, *words):
        return vm.neonvm(self.cluster, "exec", "web", "--", "/bin/busybox", *words)

    def open_call(self, address):
        call = socket.create_connection((address, 8080), 20)
        self.addCleanup(call.close)
        return call

    def await_page(self, address):
        def page():
            try:
                with urllib.request.urlopen(f"http://{address}/etc/name", timeout=5) as answer:
                    return answer.read().decode() == "web\n"
            except OSError:
                return False
        until(page, f"the guest serves at {address}", 60)

    def test_a_routed_vm(self):
        self.cluster.kubectl("apply", "-f", "-", stdin=WEB)
        pod = until(self.ready, "the VM is ready", 180)
        address = pod["status"]["podIP"]
        self.await_page(f"{address}:8080")
        self.it_sees_who_calls(address)
        self.assertEqual(self.guest("cat", "/sys/class/net/eth0/mtu"), "1420\n")  # as that of its pod
        self.it_reaches_nothing_of_its_pod(address)
        self.kubectl_forwards(pod["metadata"]["name"])
        self.it_moves(pod)
        self.cluster.kubectl("delete", "neonvm", "web", "--wait=false")
        until(lambda: not self.cluster.get(f"{PODS}?labelSelector=vm.neon.tech/name=web")["items"], "nothing is left", 90)

    def it_sees_who_calls(self, address):
        call = self.open_call(address)
        mine = "%s:%d" % call.getsockname()[:2]
        seen = self.guest("netstat", "-tn")
        self.assertIn("169.254.254.254:8080", seen)
        self.assertIn(mine, seen)

    def it_reaches_nothing_of_its_pod(self, address):
        for host in (address, "169.254.254.253"):
            said = self.guest("sh", "-c", f"/bin/busybox nc -w 2 {host} 25183 </dev/null >/dev/null 2>&1 && echo open || echo shut")
            self.assertEqual(said, "shut\n", host)

    def kubectl_forwards(self, pod):
        words = [programs.find(["kubectl"])["kubectl"], "--kubeconfig", self.cluster.kubeconfig, "port-forward", f"pod/{pod}", ":8080"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as forward:
            try:
                line = forward.stdout.readline()
                self.await_page("127.0.0.1:" + re.search(r"127.0.0.1:(\d+) -> 8080", line)[1])
            finally:
                forward.terminate()

    def it_moves(self, before):
        booted = self.guest("cat", "/proc/sys/kernel/random/boot_id")
        self.cluster.call("POST", MIGRATIONS, MOVE)
        until(lambda: self.cluster.get(f"{MIGRATIONS}/move").get("status", {}).get("phase") == "Succeeded", "it has moved", 180)
        pod = until(self.ready, "the VM is ready there", 60)
        self.assertNotEqual(pod["spec"]["nodeName"], before["spec"]["nodeName"])
        self.await_page(f"{pod['status']['podIP']}:8080")
        self.assertEqual(self.guest("cat", "/proc/sys/kernel/random/boot_id"), booted)
        self.it_sees_who_calls(pod["status"]["podIP"])


if __name__ == "__main__":
    main(real_nodes=True)
