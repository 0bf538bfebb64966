"""A control plane as it is installed, on a real API server, with VMs on fake nodes: what tests of failures are made of."""
import http.client
import json
import os
import re
import socket
import time

from . import vm
from .api import Refused
from .fixture import ClusterTest, until
from .kubelets import AWAY, Kubelets

BASE = "/apis/vm.neon.tech/v1/namespaces/default"
VMS, MIGRATIONS = BASE + "/virtualmachines", BASE + "/virtualmachinemigrations"
PODS, SECRETS = "/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/secrets"
MERGE = "application/merge-patch+json"
OVER = ("Succeeded", "Failed", "Cancelled")


def machine(name, cpus=1, **spec):
    return {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachine", "metadata": {"name": name}, "spec": {
        "guest": {"cpus": {"min": 1, "use": cpus, "max": 2}, "memorySlotSize": "64Mi", "memorySlots": {"min": 4, "use": 4, "max": 8}},
        "enableAcceleration": False, "terminationGracePeriodSeconds": 2, **spec}}


def migration(name, of, **spec):
    return {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachineMigration", "metadata": {"name": name}, "spec": {"vmName": of, **spec}}


def insist(cluster, method, path, body=None, kind="application/json"):
    """Again, while nobody answers or webhooks are away."""
    def asked():
        try:
            return cluster.call(method, path, body, kind)
        except Refused as why:
            if why.code == 409 and method == "POST":  # an answer was lost
                return cluster.get(f"{path}/{body['metadata']['name']}")
            if why.code < 500:
                raise
        except AWAY:
            pass
        return None
    return until(asked, f"{method} {path} is taken", 90)


class FleetTest(ClusterTest):
    """Two nodes of 8 CPUs; `plane` and `kubelets` for all tests of the class."""

    options = {"fake_nodes": True}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for node in ("fake1", "fake2"):
            cls.cluster.add_fake_node(node)
        cls.installed = vm.as_installed(cls.cluster)
        # Its collector of garbage learns of new kinds when it starts, or half a minute later.
        cls.cluster.restart("kube-controller-manager", hard=True)
        cls.kubelets = Kubelets(cls.cluster)
        cls.addClassCleanup(lambda: cls.kubelets.down())
        cls.plane = vm.Plane(cls.cluster, **cls.installed)
        cls.addClassCleanup(lambda: cls.plane.down(show=bool(os.environ.get("NEONVM_TEST_LOG"))))

    def tearDown(self):
        self.assertEqual(self.kubelets.crimes(), [])

    # --- what users do; again, while nobody answers

    def ask(self, *what):
        return insist(self.cluster, *what)

    def create(self, name, **more):
        self.ask("POST", VMS, machine(name, **more))
        self.addCleanup(self.delete, name)

    def delete(self, name):
        try:
            self.ask("DELETE", f"{VMS}/{name}")
        except Refused as why:
            if why.code != 404:
                raise
        try:
            until(lambda: not self.left_of(name), f"nothing is left of {name}", 90)
        except AssertionError as why:
            raise AssertionError(f"{why}; there is still {self.left_of(name)}") from why

    # --- what they see

    def status(self, name):
        return (self.there(f"{VMS}/{name}") or {}).get("status", {})

    def runs(self, name, cpus=1):
        """Its pod, if it runs with so many CPUs and nothing else does."""
        status = self.status(name)
        if status.get("phase") != "Running" or float(str(status.get("cpus", 0))) != cpus:
            return None
        pods = self.pods(name)
        return pods[0] if len(pods) == 1 and pods[0]["metadata"]["name"] == status["podName"] else None

    def await_running(self, name, cpus=1, limit=90):
        try:
            return until(lambda: self.runs(name, cpus), f"{name} runs", limit)
        except AssertionError as why:
            raise AssertionError(f"{why}: {json.dumps(self.status(name))}; pods: {[each['metadata']['name'] for each in self.pods(name)]}") from why

    def pods(self, name):
        return self.cluster.get(f"{PODS}?labelSelector=vm.neon.tech/name={name}")["items"]

    def left_of(self, name):
        """What of it is still there, by kind and name. A Secret that nobody owns was somebody's own, and stays."""
        secrets = [self.there(f"{SECRETS}/{what}-neonvm-{name}") for what in ("runner", "ssh", "tls")]
        found = [self.there(f"{VMS}/{name}"), *self.pods(name), *(each for each in secrets if each and each["metadata"].get("ownerReferences"))]
        return [f"{each.get('kind', 'Pod')} {each['metadata']['name']}" for each in found if each]

    def gone(self, name):
        return not self.left_of(name)

    def over(self, name):
        """The migration, if it has come to an end, whatever that was."""
        found = self.there(f"{MIGRATIONS}/{name}")
        return found if found and found.get("status", {}).get("phase") in OVER else None

    def condition(self, name, kind):
        return next((each for each in self.status(name).get("conditions", ()) if each["type"] == kind), {})

    def books(self):
        """Reserved and total of every node, of both resources, as the scheduler has them; nothing while it has no books."""
        connection = http.client.HTTPConnection("localhost", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.connect(os.path.join(self.plane.home, "serve.sock"))
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        values = {}
        for line in text.splitlines():
            found = re.match(r'autoscaling_plugin_node_(cpu|mem)_resources_current\{(.*)\} (\S+)$', line)
            if found:
                labels = dict(re.findall(r'(\w+)="([^"]*)"', found[2]))
                values[labels["node"], found[1], labels["field"]] = float(found[3])
        return {key[:2]: (values[key], values[key[0], key[1], "Total"]) for key in values if key[2] == "Reserved"}

    def check_books(self):
        for where, (reserved, total) in self.books().items():
            self.assertLessEqual(reserved, total, where)

    def kill_plane(self):
        self.plane.kill()

    def start_plane(self):
        """Returns when it leads, and the seconds that took."""
        before, began = self.plane.text().count(vm.LEADS), time.monotonic()
        self.plane.start()
        until(lambda: self.plane.text().count(vm.LEADS) > before or self.plane.process.poll() is not None, "it leads")
        return time.monotonic() - began
