#!/usr/bin/env python3
"""One VirtualMachine for both places: what the desk writes is taken by the cluster without a loss, and the other way round."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench.fixture import ClusterTest, main, until  # noqa: E402
from crd_test import MANIFESTS, MIGRATIONS, NEONVM, VMS, lacking, neonvm  # noqa: E402
from bench.api import Refused  # noqa: E402

WIRE_WORDS = os.environ["WIRE_WORDS"]


def sample(schema, path=""):
    """A value with everything in it that the schema knows of."""
    if path.endswith(".disks[]"):  # one source each
        sources = ("emptyDisk", "configMap", "secret", "tmpfs", "image")
        plain = {key: sample(value, f"{path}.{key}") for key, value in schema["properties"].items() if key not in sources}
        return [{**plain, source: sample(schema["properties"][source], f"{path}.{source}")} for source in sources]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        if "additionalProperties" in schema:
            return {"key": sample(schema["additionalProperties"], path + ".key")}
        return {key: sample(value, f"{path}.{key}") for key, value in schema.get("properties", {}).items()}
    if kind == "array":
        item = sample(schema["items"], path + "[]")
        return item if path.endswith(".disks") else [item]
    if kind == "string":
        return {"date-time": "2026-01-02T03:04:05Z"}.get(schema.get("format"), OWN_WORDS.get(path, schema.get("default", "text")))
    return {"integer": schema.get("minimum", 1), "boolean": True}.get(kind, 1)


# Texts that are words of the model.
OWN_WORDS = {".status.phase": "Running", ".status.health.state": "healthy"}


class ParityTest(ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.kubectl("apply", "-f", "-", stdin=neonvm("crd"))

        def open_():
            try:
                return cls.cluster.get(VMS) and cls.cluster.get(MIGRATIONS)
            except Refused:
                return None
        until(open_, "the kinds")
        cls.schemas = {each["spec"]["names"]["kind"]: each["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
                       for each in cls.cluster.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]}

    def create(self, where, object_):
        made = self.cluster.call("POST", where, object_)
        path = f"{where}/{made['metadata']['name']}"

        def remove():
            self.cluster.call("PATCH", path, {"metadata": {"finalizers": None}}, "application/merge-patch+json")
            self.cluster.call("DELETE", path)
        self.addCleanup(remove)
        return made

    def desk_reads(self, object_):
        done = subprocess.run([WIRE_WORDS, "read"], input=json.dumps(object_), text=True, capture_output=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_cluster_keeps_every_member_of_the_model(self):
        lines = subprocess.run([WIRE_WORDS, "sample"], text=True, capture_output=True, check=True, timeout=60).stdout.splitlines()
        for line, where in zip(lines, (VMS, MIGRATIONS), strict=True):
            wanted = json.loads(line)
            made = self.create(where, wanted)
            self.assertEqual(lacking(wanted["spec"], made["spec"]), [])
            self.assertEqual(lacking(wanted["metadata"], made["metadata"]), [])
            kept = self.cluster.call("PUT", f"{where}/{wanted['metadata']['name']}/status", {**made, "status": wanted["status"]})
            self.assertEqual(kept["status"], wanted["status"])
            self.desk_reads(kept)

    def test_the_desk_reads_everything_that_the_schema_knows_of(self):
        for kind in ("VirtualMachine", "VirtualMachineMigration"):
            schema = self.schemas[kind]["properties"]
            self.desk_reads({"apiVersion": "vm.neon.tech/v1", "kind": kind, "metadata": {"name": "all"},
                             "spec": sample(schema["spec"], ".spec"), "status": sample(schema["status"], ".status")})

    def test_the_desk_reads_what_the_cluster_made_of_a_manifest(self):
        for name, where in (("vm-small", VMS), ("vm-full", VMS), ("migration-full", MIGRATIONS)):
            with self.subTest(name):
                file = os.path.join(MANIFESTS, name + ".yaml")
                self.create(where, json.loads(self.cluster.kubectl("create", "--dry-run=client", "-o", "json", "-f", file)))
                text = self.cluster.kubectl("get", "-f", file, "-o", "yaml")
                done = subprocess.run([NEONVM, "apply", "--dry-run", "-f", "-"], input=text, text=True, capture_output=True, check=False, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.desk_reads(json.loads(self.cluster.kubectl("get", "-f", file, "-o", "json")))

    def test_a_vm_goes_from_the_desk_to_the_cluster_and_back(self):
        home = tempfile.mkdtemp(prefix="neonvm-parity-")
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        environment = {**os.environ, "HOME": home, "NEONVM_HOME": home + "/h"}

        def desk(*words, stdin=None):
            done = subprocess.run([NEONVM, *words], input=stdin, text=True, capture_output=True, check=False, timeout=120, env=environment)
            self.assertEqual(done.returncode, 0, f"{words}: {done.stderr}")
            return done.stdout
        serve = subprocess.Popen([NEONVM, "serve"], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(serve.wait)
        self.addCleanup(serve.terminate)
        until(lambda: os.path.exists(home + "/h/serve.sock"), "neonvm serve")
        with open(os.path.join(MANIFESTS, "vm-full.yaml"), encoding="utf-8") as file:
            text = file.read().replace("  annotations:\n", "  annotations:\n    neonvm.dev/stopped: \"true\"\n")
        desk("apply", "-f", "-", stdin=text)
        at_desk = json.loads(desk("get", "full", "-o", "json"))
        self.assertIn("resourceVersion", at_desk["metadata"])
        # As a user moves an object: what one store wrote about it is no business of the other's.
        moved = {**at_desk, "metadata": {key: at_desk["metadata"][key] for key in ("name", "labels", "annotations")}}
        self.addCleanup(self.cluster.kubectl, "delete", "neonvm", "full")
        self.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(moved))
        in_cluster = json.loads(self.cluster.kubectl("get", "neonvm", "full", "-o", "json"))
        self.assertEqual(lacking(at_desk["spec"], in_cluster["spec"]), [])
        desk("apply", "-f", "-", stdin=self.cluster.kubectl("get", "neonvm", "full", "-o", "yaml"))
        self.assertEqual(lacking(at_desk["spec"], json.loads(desk("get", "full", "-o", "json"))["spec"]), [])
        self.assertIn("unchanged", desk("apply", "-f", "-", stdin=self.cluster.kubectl("get", "neonvm", "full", "-o", "yaml")))


if __name__ == "__main__":
    main()
