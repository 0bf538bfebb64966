#!/usr/bin/env python3
"""The custom resources that `neonvm crd` prints, in a real API server: what it takes, fills in, refuses, keeps and prints."""
import copy
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench.api import Refused  # noqa: E402
from bench.fixture import ClusterTest, main, until  # noqa: E402

NEONVM = os.environ["NEONVM"]
MANIFESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "manifests")
VMS = "/apis/vm.neon.tech/v1/namespaces/default/virtualmachines"
MIGRATIONS = "/apis/vm.neon.tech/v1/namespaces/default/virtualmachinemigrations"
POOLS = "/apis/vm.neon.tech/v1/namespaces/default/ippools"
DEFAULTS = {
    "qmp": 20183, "qmpManual": 20184, "runnerPort": 25183, "terminationGracePeriodSeconds": 5, "restartPolicy": "Always",
    "enableAcceleration": True, "enableSSH": True, "enableNetworkMonitoring": False, "guest": {"memorySlotSize": "1Gi"},
}
STATUS = {
    "phase": "Running", "message": "as asked", "restartCount": 3, "podName": "vm-x", "podIP": "10.1.2.3", "node": "node1",
    "endpoint": "10.1.2.3:25183", "migration": "away", "accelerator": "tcg", "extraNetIP": "10.100.128.0", "extraNetMask": "255.255.0.0",
    "sshSecretName": "ssh-neonvm-vm", "tlsSecretName": "tls-neonvm-vm", "cpus": "1500m", "memorySize": "2Gi",
    "restartAt": "2026-01-02T03:04:05Z", "lastExit": "guest powered off", "guestConnected": True, "guestVersion": "0.1.0",
    "health": {"state": "unhealthy", "message": "exit code 1"},
    "resize": {"cpu": {"asked": 2, "settled": False, "why": "the guest refused"}, "memory": {"asked": "3Gi", "settled": True, "why": ""}},
    "currentRevision": {"revision": {"value": 5, "flags": 1}, "updatedAt": "2026-01-02T03:04:05Z"},
    "conditions": [{"type": "Available", "status": "True", "reason": "Running", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z"},
                   {"type": "Degraded", "status": "Unknown"}],
}
MIGRATION_STATUS = {
    "phase": "Cancelled", "message": "asked to", "sourcePodName": "a", "targetPodName": "b", "sourcePodIP": "10.0.0.1", "targetPodIP": "10.0.0.2",
    "sourceNode": "n1", "targetNode": "n2", "startedAt": "2026-01-02T03:04:05Z", "endedAt": "2026-01-02T03:04:06Z",
    "conditions": [{"type": "Degraded", "status": "True"}],
    "info": {"status": "active", "step": "copying", "totalTimeMs": 1, "setupTimeMs": 2, "downtimeMs": 3, "dirtyRate": 4,
             "ram": {"transferred": 5, "remaining": 6, "total": 7}, "compression": {"compressedSize": 8, "compressionRate": 9}},
}


def neonvm(*words):
    return subprocess.run([NEONVM, *words], text=True, capture_output=True, check=True, timeout=60).stdout


def vm(name, **guest):
    return {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachine", "metadata": {"name": name}, "spec": {"guest": guest}}


def migration(name, **spec):
    return {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachineMigration", "metadata": {"name": name}, "spec": {"vmName": "x", **spec}}


def lacking(wanted, found, path=""):
    """Paths at which `found` is not what is wanted; more than is wanted is no fault."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [fault for key, value in wanted.items() for fault in lacking(value, found.get(key), f"{path}.{key}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [fault for i, value in enumerate(wanted) for fault in lacking(value, found[i], f"{path}[{i}]")]
    return [] if wanted == found else [f"{path}: {wanted!r} became {found!r}"]


class CrdTest(ClusterTest):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.applied = cls.cluster.kubectl("apply", "-f", "-", stdin=neonvm("crd"))
        cls.cluster.kubectl("wait", "--for", "condition=Established", "crd", "--all", "--timeout", "60s")
        # Established comes before the door to the new kind is open.
        until(lambda: not cls.refusal("GET", VMS) and not cls.refusal("GET", MIGRATIONS) and not cls.refusal("GET", POOLS), "the kinds")

    @classmethod
    def refusal(cls, method, path, body=None):
        """What is said against it, or None."""
        try:
            cls.cluster.call(method, path, body)
        except Refused as refused:
            return str(refused)
        return None

    def create(self, object_, where=VMS):
        """Makes it and takes it away when the test is over."""
        made = self.cluster.call("POST", where, object_)
        self.addCleanup(self.cluster.call, "DELETE", f"{where}/{made['metadata']['name']}")
        return made

    def test_applies_once_and_then_changes_nothing(self):
        self.assertEqual(self.applied.count("created"), 3, self.applied)
        again = self.cluster.kubectl("apply", "-f", "-", stdin=neonvm("crd", "-o", "json"))
        self.assertEqual(again.count("unchanged"), 3, again)
        for crd in self.cluster.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]:
            conditions = {each["type"]: each["status"] for each in crd["status"]["conditions"]}
            # NonStructuralSchema, were it there, would mean: no pruning and no defaults.
            self.assertEqual(conditions, {"Established": "True", "NamesAccepted": "True"}, crd["metadata"]["name"])

    def test_manifests_apply_unchanged(self):
        for name, where in (("vm-small", VMS), ("vm-full", VMS), ("migration-full", MIGRATIONS), ("ippool", POOLS)):
            with self.subTest(name):
                file = os.path.join(MANIFESTS, name + ".yaml")
                wanted = json.loads(self.cluster.kubectl("create", "--dry-run=client", "-o", "json", "-f", file))
                self.cluster.kubectl("apply", "-f", file)
                found = self.cluster.get(f"{where}/{wanted['metadata']['name']}")
                self.addCleanup(self.cluster.kubectl, "delete", "-f", file)
                self.assertEqual(lacking(wanted["spec"], found["spec"]), [])
                self.cluster.kubectl("apply", "-f", file)
                self.assertIn("serverside-applied", self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", file))
                again = self.cluster.get(f"{where}/{wanted['metadata']['name']}")
                self.assertEqual((again["spec"], again["metadata"]["generation"]), (found["spec"], 1))

    def test_fills_in_defaults(self):
        self.assertEqual(self.create(vm("bare"))["spec"], DEFAULTS)
        made = self.create({**vm("inner"), "spec": {
            "guest": {"rootDisk": {"image": "x"}, "env": [{"name": "A"}], "ports": [{"port": 80}]},
            "disks": [{"name": "d", "mountPath": "/d", "tmpfs": {"size": "1Mi"}}], "extraNetwork": {}, "tls": {"certificateIssuer": "ca"}}})["spec"]
        self.assertEqual(made["guest"], {"memorySlotSize": "1Gi", "rootDisk": {"image": "x", "imagePullPolicy": "IfNotPresent"},
                                         "env": [{"name": "A", "value": ""}], "ports": [{"port": 80, "protocol": "TCP"}]})
        self.assertEqual(made["disks"], [{"name": "d", "mountPath": "/d", "tmpfs": {"size": "1Mi"}, "readOnly": False, "watch": False}])
        self.assertEqual(made["extraNetwork"], {"enable": False, "interface": "net1"})
        self.assertEqual(made["tls"], {"certificateIssuer": "ca", "mountPath": "/var/tls"})
        self.assertEqual(self.create(migration("bare"), MIGRATIONS)["spec"], {
            "vmName": "x", "preventMigrationToSameHost": True, "completionTimeout": 3600, "incremental": True, "allowPostCopy": False,
            "autoConverge": True, "maxBandwidth": "1Gi"})

    def test_takes_every_way_to_write_a_number_of_cpus(self):
        for i, text in enumerate((2, 0.25, "250m", "0.25", "2", "1500m", "1e1", "2.")):
            made = self.create(vm(f"cpu{i}", cpus={"min": text, "max": text, "use": text}))
            self.assertEqual(made["spec"]["guest"]["cpus"]["use"], text)

    def test_refuses_and_names_the_field(self):
        cpus = {"min": 1, "max": 1, "use": 1}
        slots = {"min": 1, "max": 1, "use": 1}
        disk = {"name": "d", "mountPath": "/d"}
        guests = [("spec.guest.cpus.use", {"cpus": {"min": 1, "max": 1}})]
        guests += [("spec.guest.cpus.max", {"cpus": {**cpus, "max": wrong}}) for wrong in (-1, -0.5, "x", "250mi", "-1", "", True, {}, {"a": 1}, [], [1])]
        guests += [("spec.guest.memorySlots.min", {"memorySlots": {**slots, "min": wrong}}) for wrong in (0, 513, 1.5, "1")]
        guests += [("spec.guest.memorySlots.use", {"memorySlots": {"min": 1, "max": 1}}), ("spec.guest.memorySlotSize", {"memorySlotSize": "1Gib"}),
                   ("spec.guest.rootDisk.image", {"rootDisk": {"size": "1Gi"}}), ("spec.guest.rootDisk.size", {"rootDisk": {"image": "x", "size": 1.5}}),
                   ("spec.guest.env.name", {"env": [{"value": "x"}]}), ("spec.guest.env.value", {"env": [{"name": "x", "value": 5}]}),
                   ("spec.guest.ports.port", {"ports": [{"name": "x"}]}), ("spec.guest.ports.port", {"ports": [{"port": 0}]}),
                   ("spec.guest.ports.port", {"ports": [{"port": 65536}]}), ("spec.guest.settings.swap", {"settings": {"swap": "much"}}),
                   ("spec.guest.args", {"args": "x"})]
        specs = [(path, {"guest": guest}) for path, guest in guests]
        specs += [(f"spec.{port}", {"guest": {}, port: wrong}) for port in ("qmp", "qmpManual", "runnerPort") for wrong in (0, 65536)]
        specs += [("spec.restartPolicy", {"guest": {}, "restartPolicy": "Sometimes"}), ("spec.cpuScalingMode", {"guest": {}, "cpuScalingMode": ""}),
                  ("spec.targetArchitecture", {"guest": {}, "targetArchitecture": "riscv64"}), ("spec.guest", {"qmp": 20183}),
                  ("spec.targetRevision.updatedAt", {"guest": {}, "targetRevision": {"revision": {"value": 1, "flags": 0}}}),
                  ("spec.targetRevision.revision.flags", {"guest": {}, "targetRevision": {"revision": {"value": 1}, "updatedAt": "2026-01-02T03:04:05Z"}}),
                  ("spec.overcommit.cpu", {"guest": {}, "overcommit": {"cpu": "x"}}), ("spec.enableSSH", {"guest": {}, "enableSSH": "yes"}),
                  ("spec.disks.mountPath", {"guest": {}, "disks": [{"name": "d"}]}),
                  ("spec.disks.name", {"guest": {}, "disks": [{**disk, "name": "d" * 33}]}),
                  ("spec.disks.emptyDisk.size", {"guest": {}, "disks": [{**disk, "emptyDisk": {}}]}),
                  ("spec.disks.tmpfs.size", {"guest": {}, "disks": [{**disk, "tmpfs": {"size": "huge"}}]}),
                  ("spec.tolerations.tolerationSeconds", {"guest": {}, "tolerations": [{"tolerationSeconds": "1"}]}),
                  ("spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms", {"guest": {}, "affinity": {
                      "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}}),
                  ("spec.extraInitContainers.name", {"guest": {}, "extraInitContainers": [{"image": "x"}]})]
        for path, spec in specs:
            with self.subTest(path, spec=spec):
                said = self.refusal("POST", VMS, {**vm("wrong"), "spec": spec})
                self.assertIsNotNone(said)
                self.assertIn(path, said)
        for path, spec in (("spec.vmName", {"vmName": ""}), ("spec.vmName", {}), ("spec.maxBandwidth", {"vmName": "x", "maxBandwidth": "fast"}),
                           ("spec.cancel", {"vmName": "x", "cancel": "yes"})):
            with self.subTest(path, spec=spec):
                self.assertIn(path, self.refusal("POST", MIGRATIONS, {**migration("wrong"), "spec": spec}) or "nothing")
        for path, spec in (("spec.range", {"allocations": {}}), ("spec.allocations", {"range": "10.0.0.0/8"}),
                           ("spec.allocations.1.id", {"range": "10.0.0.0/8", "allocations": {"1": {}}})):
            with self.subTest(path, spec=spec):
                pool = {"apiVersion": "vm.neon.tech/v1", "kind": "IPPool", "metadata": {"name": "wrong"}, "spec": spec}
                self.assertIn(path, self.refusal("POST", POOLS, pool) or "nothing")
        self.assertIn("spec", self.refusal("POST", VMS, {key: value for key, value in vm("wrong").items() if key != "spec"}) or "nothing")

    def test_prints_columns(self):
        self.create({**vm("shown", rootDisk={"image": "img:1"}), "spec": {
            "guest": {"rootDisk": {"image": "img:1"}}, "cpuScalingMode": "SysfsScaling", "targetArchitecture": "arm64"}})
        self.create(migration("moved"), MIGRATIONS)
        self.write_status(VMS, "shown", STATUS)
        self.write_status(MIGRATIONS, "moved", MIGRATION_STATUS)
        header, row = self.cluster.kubectl("get", "neonvm", "shown").splitlines()
        self.assertEqual(header.split(), ["NAME", "CPUS", "MEMORY", "POD", "EXTRAIP", "STATUS", "RESTARTS", "AGE"])
        self.assertEqual(row.split()[:-1], ["shown", "1500m", "2Gi", "vm-x", "10.100.128.0", "Running", "3"])
        header, row = self.cluster.kubectl("get", "neonvm", "shown", "-o", "wide").splitlines()
        self.assertEqual(header.split()[8:], ["NODE", "IMAGE", "CPUSCALINGMODE", "TARGETARCHITECTURE"])
        self.assertEqual(row.split()[8:], ["node1", "img:1", "SysfsScaling", "arm64"])
        header, row = self.cluster.kubectl("get", "neonvmm", "moved", "-o", "wide").splitlines()
        self.assertEqual(header.split(), ["NAME", "VM", "SOURCE", "SOURCEIP", "TARGET", "TARGETIP", "STATUS", "AGE"])
        self.assertEqual(row.split()[:-1], ["moved", "x", "a", "10.0.0.1", "b", "10.0.0.2", "Cancelled"])
        self.assertIn("250m", self.cluster.kubectl("explain", "neonvm.spec.guest.cpus.min"))

    def write_status(self, where, name, status):
        object_ = self.cluster.get(f"{where}/{name}")
        return self.cluster.call("PUT", f"{where}/{name}/status", {**object_, "status": status})

    def test_status_and_spec_are_written_apart(self):
        self.create({**vm("apart"), "status": {"phase": "Running"}})
        before = self.cluster.get(f"{VMS}/apart")
        self.assertNotIn("status", before)
        changed = copy.deepcopy(before)
        changed["spec"]["terminationGracePeriodSeconds"] = 60
        changed["status"] = {"phase": "Running"}
        after = self.cluster.call("PUT", f"{VMS}/apart/status", changed)
        self.assertEqual((after["status"], after["spec"]), ({"phase": "Running"}, before["spec"]))
        self.assertEqual(after["metadata"]["generation"], 1)
        after["spec"]["terminationGracePeriodSeconds"] = 60
        after["status"] = {"phase": "Failed"}
        last = self.cluster.call("PUT", f"{VMS}/apart", after)
        self.assertEqual((last["status"], last["spec"]["terminationGracePeriodSeconds"], last["metadata"]["generation"]), ({"phase": "Running"}, 60, 2))

    def test_prunes_what_it_does_not_know_and_keeps_what_is_ours(self):
        made = self.create({**vm("kept", cpus={"min": 1, "max": 1, "use": 1, "typo": 1}, nonsense=1), "spec": {
            "guest": {"nonsense": 1, "cpus": {"min": 1, "max": 1, "use": 1, "typo": 1}}, "whatever": {"a": 1},
            "disks": [{"name": "d", "mountPath": "/d", "image": {"path": "/images/d.img", "more": 1}}],
            # Kubernetes 1.20 knows neither of these two; newer ones do.
            "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", "matchLabelKeys": ["a"]}]}},
            "extraInitContainers": [{"name": "x", "restartPolicy": "Always"}]}})["spec"]
        self.assertEqual(made["guest"], {"memorySlotSize": "1Gi", "cpus": {"min": 1, "max": 1, "use": 1}})
        self.assertNotIn("whatever", made)
        self.assertEqual(made["disks"][0]["image"], {"path": "/images/d.img"})
        self.assertEqual(made["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]["matchLabelKeys"], ["a"])
        self.assertEqual(made["extraInitContainers"], [{"name": "x", "restartPolicy": "Always"}])
        self.assertEqual(self.write_status(VMS, "kept", {**STATUS, "nonsense": 1})["status"], STATUS)
        self.assertIs(self.create(migration("kept", cancel=True, nonsense=1), MIGRATIONS)["spec"].get("cancel"), True)
        self.assertNotIn("nonsense", self.cluster.get(f"{MIGRATIONS}/kept")["spec"])
        self.assertEqual(self.write_status(MIGRATIONS, "kept", {**MIGRATION_STATUS, "nonsense": 1})["status"], MIGRATION_STATUS)


if __name__ == "__main__":
    main()
