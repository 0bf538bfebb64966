"""A control plane in parts, as the bases of `controlplane-with-agents` have them: controller, scheduler, a kube-scheduler that asks it, and an agent
for each of two fake nodes with real runners."""
import json
import os
import subprocess
import sys
import tempfile

from . import vm
from .api import Refused
from .fixture import ClusterTest, until
from .fleet import insist
from .kubelets import Kubelets
from .requests import asked_by
from .scheduler import Daemon, Scheduler, asked_by_kube_scheduler, keep

OWN = "neonvm-system"
BASE = "/apis/vm.neon.tech/v1/namespaces/default"
VMS, MIGRATIONS = BASE + "/virtualmachines", BASE + "/virtualmachinemigrations"
SECRETS = f"/api/v1/namespaces/{OWN}/secrets"
PODS = "/api/v1/namespaces/default/pods"
MERGE = "application/merge-patch+json"
NODES = ("fake1", "fake2")
POLICY, LABEL = "neonvm.dev/policy", "neonvm.dev/node"


def machine(name, cpus, annotations=None, **spec):
    """One that has so many CPUs as its annotation says."""
    return {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachine",
            "metadata": {"name": name, "labels": {"autoscaling.neon.tech/enabled": "true"}, "annotations": {POLICY: f"fixed,cpus={cpus}", **(annotations or {})}},
            "spec": {"guest": {"cpus": {"min": 1, "use": 1, "max": 8}, "memorySlotSize": "64Mi", "memorySlots": {"min": 4, "use": 4, "max": 8}},
                     "enableAcceleration": False, "terminationGracePeriodSeconds": 2, **spec}}


def migration(name, of):
    return {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachineMigration", "metadata": {"name": name},
            "spec": {"vmName": of, "preventMigrationToSameHost": True}}


class PartsTest(ClusterTest):
    """Two nodes of 8 CPUs, of which a quarter is lent to their agents. Others have `nodes` of their own, of another size."""

    options = {"fake_nodes": True, "audit": True}
    nodes, room = NODES, {}
    # Whole CPUs only, so that what guests count is what was permitted.
    agent_config = '[scaling]\ncompute_unit_cpu = "1"\ncompute_unit_memory = "64Mi"\n'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kubelets = cls.make_kubelets()
        cls.addClassCleanup(lambda: cls.kubelets.down())
        for base in ("crd", "rbac"):
            cls.cluster.kubectl("apply", "-k", os.path.join(vm.MANIFESTS, base))
        vm.established(cls.cluster)
        cls.cluster.kubectl("apply", "-n", "default", "-k", os.path.join(vm.MANIFESTS, "namespace"))
        for node in cls.nodes:
            cls.cluster.add_fake_node(node, **cls.room)
        # Its collector of garbage learns of new kinds when it starts, or half a minute later.
        cls.cluster.restart("kube-controller-manager", hard=True)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        own, client = os.path.join(folder.name, "own"), os.path.join(folder.name, "client")
        user = {part: cls.cluster.account(OWN, f"neonvm-{part}") for part in ("controller", "scheduler", "agent")}
        cls.scheduler = Scheduler(user["scheduler"], own, config="[scheduler]\nheadroom = 0.25\nheadroom_seconds = 20\n")
        door = f"https://{cls.scheduler.address}:10299"
        cls.controller = Daemon(user["controller"], "controller", "--scheduler", door,
                                config='scheduler = "neonvm-scheduler"\nrunner_image = "x"\nmark_nodes = true\n').start()
        cls.agents = {node: Daemon(user["agent"], "agent", "--node", node, "--scheduler", door, config=cls.agent_config) for node in cls.nodes}
        for daemon in (cls.controller, cls.scheduler, *cls.agents.values()):
            cls.addClassCleanup(daemon.remove)
        for secret, where in (("neonvm-scheduler", own), ("neonvm-scheduler-client", client)):
            keep(until(lambda: cls.there(f"{SECRETS}/{secret}"), f"Secret {secret}: {cls.controller.text()}"), where)
        cls.scheduler.start()
        until(cls.scheduler.ready, "the scheduler leads")
        asked_by_kube_scheduler(cls.cluster, cls.scheduler, client, folder.name)
        cls.start_agents()

    @classmethod
    def make_kubelets(cls):
        return Kubelets(cls.cluster)

    @classmethod
    def start_agents(cls):
        for agent in cls.agents.values():
            agent.start()

    def setUp(self):
        if os.environ.get("NEONVM_TEST_LOG"):
            self.addCleanup(self.show_logs)

    def show_logs(self):
        for daemon in (self.controller, self.scheduler, *self.agents.values()):
            print(daemon.words[5:], daemon.text(), sep="\n", file=sys.stderr)

    def tearDown(self):
        told = self._outcome.result.failures + self._outcome.result.errors
        if any(test is self for test, _ in told):  # a run like this one may not come again
            self.show_state()
        self.assertEqual(self.kubelets.crimes(), [])

    def show_state(self):
        """What there is and what the parts said last, to the error stream."""
        for path in (MIGRATIONS, VMS, PODS):
            for each in (self.there(path) or {"items": []})["items"]:
                meta = {key: each["metadata"].get(key) for key in ("name", "deletionTimestamp")}
                print(json.dumps([meta, each["spec"].get("nodeName"), each.get("status")]), file=sys.stderr)
        for daemon in (self.scheduler, *self.agents.values()):
            print(subprocess.run([*daemon.words[:5], "dump"], capture_output=True, text=True, check=False).stdout, file=sys.stderr)
        for daemon in (self.controller, self.scheduler, *self.agents.values()):
            print(daemon.words[5:], *daemon.text().splitlines()[-100:], sep="\n", file=sys.stderr)

    @classmethod
    def there(cls, path):
        try:
            return cls.cluster.get(path)
        except Refused:
            return None

    def ask(self, *what):
        return insist(self.cluster, *what)

    def create(self, name, cpus=1, annotations=None, **spec):
        self.ask("POST", VMS, machine(name, cpus, annotations, **spec))
        self.addCleanup(self.delete, name)

    def delete(self, name):
        try:
            self.cluster.call("DELETE", f"{VMS}/{name}")
        except Refused as why:
            self.assertEqual(why.code, 404)
        until(lambda: self.there(f"{VMS}/{name}") is None and not self.pods(name), f"nothing is left of {name}", 90)

    def pods(self, name):
        return self.cluster.get(f"{PODS}?labelSelector=vm.neon.tech/name={name}")["items"]

    def wish(self, name, cpus):
        self.ask("PATCH", f"{VMS}/{name}", {"metadata": {"annotations": {POLICY: f"fixed,cpus={cpus}"}}}, MERGE)

    def await_cpus(self, name, cpus, limit=60):
        """Online in the guest; returns the VM."""
        def has():
            found = self.cluster.get(f"{VMS}/{name}")
            status = found.get("status", {})
            return found if status.get("phase") == "Running" and float(str(status.get("cpus", 0))) == cpus else None
        return until(has, f"{name} has {cpus} CPUs: {self.there(f'{VMS}/{name}')}", limit)

    def dump(self, daemon):
        return json.loads(subprocess.run([*daemon.words[:5], "dump"], capture_output=True, text=True, check=True).stdout)

    def scaled_by(self, node):
        return [each["vm"] for each in self.dump(self.agents[node])["agent"]["agent"]["vms"]]

    def await_headroom(self, node, cpus):
        # What an agent that was killed had been lent is free after a lease, its margin, and half of the lease that was asked for meanwhile.
        until(lambda: self.dump(self.agents[node])["agent"]["agent"]["headroom"]["cpu"] == cpus, f"{node}'s agent has been lent {cpus} CPUs", 120)

    def node_in_books(self, node):
        return next(each for each in self.dump(self.scheduler)["scheduler"]["scheduler"]["nodes"] if each["name"] == node)

    def writes(self):
        """What neonvm's parts have written by now, as the API server's audit log has it. Leases are renewed whatever happens."""
        return [each for each in asked_by(self.cluster, OWN) if each.split(" ")[0] in ("create", "update", "patch", "delete")]
