#!/usr/bin/env python3
"""The webhooks of `neonvm controller`, called by a real API server: what they change, refuse and let through."""
import base64
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench.api import Refused  # noqa: E402
from bench.fixture import ClusterTest, main, until  # noqa: E402
from bench.vm import established  # noqa: E402

NEONVM = os.environ["NEONVM"]
VMS = "/apis/vm.neon.tech/v1/namespaces/default/virtualmachines"
MIGRATIONS = "/apis/vm.neon.tech/v1/namespaces/default/virtualmachinemigrations"
HOOKS = "/apis/admissionregistration.k8s.io/v1"


class Controller:
    """`neonvm controller` on a home of its own, with webhooks on a free port."""

    def __init__(self, *words):
        self.home = tempfile.TemporaryDirectory()
        self.log = os.path.join(self.home.name, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [NEONVM, "--home", self.home.name, "controller", "--webhooks", "https://127.0.0.1:0", *words], stdout=log, stderr=log)
        self.url = until(self.address, "the controller says where it listens")

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def address(self):
        if self.process.poll() is not None:
            raise AssertionError(self.text())
        found = re.search(r"webhook: listens at=(https://127\.0\.0\.1:\d+)", self.text())
        return found and found[1]

    def authority(self):
        with open(os.path.join(self.home.name, "webhook", "ca.crt"), "rb") as file:
            return base64.b64encode(file.read()).decode()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.home.cleanup()


def configuration(verb, controller):
    def hook(short, plural):
        return {"name": f"{verb[0]}{plural[:-1]}.kb.io", "failurePolicy": "Fail", "sideEffects": "None",
                "admissionReviewVersions": ["v1"], "timeoutSeconds": 10,
                "clientConfig": {"url": f"{controller.url}/{short}-vm-neon-tech-v1-{plural[:-1]}", "caBundle": controller.authority()},
                "rules": [{"apiGroups": ["vm.neon.tech"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                           "resources": [plural]}]}

    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": f"{verb.capitalize()}WebhookConfiguration",
            "metadata": {"name": f"neonvm-{verb}"},
            "webhooks": [hook("mutate" if verb == "mutating" else "validate", plural)
                         for plural in ("virtualmachines", "virtualmachinemigrations")]}


def vm(name, low=1, use=1, high=4, **spec):
    return {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachine", "metadata": {"name": name},
            "spec": {"guest": {"cpus": {"min": low, "use": use, "max": high}, "memorySlots": {"min": 1, "use": 1, "max": 4}}, **spec}}


class WebhookTest(ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        crd = subprocess.run([NEONVM, "crd"], text=True, capture_output=True, check=True, timeout=60).stdout
        cls.cluster.kubectl("apply", "-f", "-", stdin=crd)
        established(cls.cluster)
        until(lambda: not cls.refusal("GET", VMS), "the kinds")
        cls.cluster.call("POST", VMS, vm("old", use=9))  # from before there was anybody to refuse it
        cls.controller = Controller("--skip-update-validation-for", "unchecked")
        cls.addClassCleanup(lambda: cls.controller.stop())
        cls.register()

    @classmethod
    def register(cls):
        for verb in ("mutating", "validating"):
            where = f"{HOOKS}/{verb}webhookconfigurations"
            cls.refusal("DELETE", f"{where}/neonvm-{verb}")
            cls.cluster.call("POST", where, configuration(verb, cls.controller))
        # Configurations reach the API server's own cache some time later.
        until(lambda: "is above max" in (cls.refusal("POST", VMS + "?dryRun=All", vm("probe", use=9)) or ""), "the validating webhook", 60)
        until(lambda: not cls.refusal("POST", VMS + "?dryRun=All", vm("probe", low=0.25)), "the mutating webhook", 60)

    @classmethod
    def refusal(cls, method, path, body=None, kind="application/json"):
        try:
            cls.cluster.call(method, path, body, kind)
        except Refused as refused:
            return str(refused)
        return None

    def patch(self, path, body):
        return self.refusal("PATCH", path, body, "application/merge-patch+json")

    def create(self, object_, where=VMS):
        made = self.cluster.call("POST", where, object_)
        self.addCleanup(self.cluster.call, "DELETE", f"{where}/{made['metadata']['name']}")
        return made

    def test_fractions_are_stored_as_text(self):
        made = self.create(vm("fractions", low=0.25, use=0.5, high=1.0))
        self.assertEqual(made["spec"]["guest"]["cpus"], {"min": "250m", "use": "500m", "max": 1})
        self.assertIsNone(self.patch(f"{VMS}/fractions", {"spec": {"guest": {"cpus": {"use": 0.75}}}}))
        self.assertEqual(self.cluster.get(f"{VMS}/fractions")["spec"]["guest"]["cpus"]["use"], "750m")

    def test_what_is_wrong_is_refused_by_field(self):
        why = self.refusal("POST", VMS, vm("wrong", use=9))
        self.assertIn("spec.guest.cpus.use: 9 is above max; give 1 to 4", why)
        why = self.refusal("POST", VMS, vm("wrong", disks=[{"name": "runtime", "mountPath": "/x", "tmpfs": {"size": "1Mi"}}]))
        self.assertIn('spec.disks[0].name: "runtime" is reserved', why)
        said = self.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(vm("wrong", use=9)), check=False)
        self.assertIn("spec.guest.cpus.use: 9 is above max", said.stderr)

    def test_what_is_fixed_stays(self):
        self.create(vm("fixed"))
        self.assertIn("spec.guest.cpus.max: is fixed", self.patch(f"{VMS}/fixed", {"spec": {"guest": {"cpus": {"max": 8}}}}))
        self.assertIn("spec.enableSSH: is fixed", self.patch(f"{VMS}/fixed", {"spec": {"enableSSH": False}}))
        self.assertIsNone(self.patch(f"{VMS}/fixed", {"spec": {"guest": {"cpus": {"use": 3}}}}))
        self.assertIsNone(self.patch(f"{VMS}/fixed", {"metadata": {"labels": {"a": "b"}}}))
        self.assertIsNone(self.patch(f"{VMS}/fixed/status", {"status": {"phase": "Running"}}))

    def test_an_object_from_before_can_be_mended_and_deleted(self):
        self.assertIsNone(self.patch(f"{VMS}/old", {"metadata": {"labels": {"a": "b"}, "finalizers": ["vm.neon.tech/finalizer"]}}))
        self.assertIsNone(self.patch(f"{VMS}/old", {"spec": {"guest": {"cpus": {"use": 2}}}}))
        self.assertIn("is above max", self.patch(f"{VMS}/old", {"spec": {"guest": {"cpus": {"use": 9}}}}))
        self.cluster.call("DELETE", f"{VMS}/old")
        self.assertIsNone(self.patch(f"{VMS}/old", {"metadata": {"finalizers": None}}))
        self.assertIn("not found", self.refusal("GET", f"{VMS}/old"))

    def test_what_is_not_to_be_checked_is_let_through(self):
        self.create(vm("unchecked"))
        said = self.cluster.kubectl("patch", "neonvm", "unchecked", "--type", "merge", "-p", '{"spec":{"guest":{"cpus":{"max":8}}}}')
        self.assertEqual(self.cluster.get(f"{VMS}/unchecked")["spec"]["guest"]["cpus"]["max"], 8, said)

    def test_a_migration_changes_only_to_be_cancelled(self):
        self.create({"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachineMigration", "metadata": {"name": "move"},
                     "spec": {"vmName": "a"}}, MIGRATIONS)
        self.assertIn("a migration is fixed", self.patch(f"{MIGRATIONS}/move", {"spec": {"vmName": "b"}}))
        self.assertIsNone(self.patch(f"{MIGRATIONS}/move", {"spec": {"cancel": True}}))
        self.assertIn("cannot be taken back", self.patch(f"{MIGRATIONS}/move", {"spec": {"cancel": False}}))

    def test_without_a_controller_nothing_is_stored_and_all_goes_on_after(self):
        self.controller.stop()
        try:
            self.assertIn("failed calling webhook", self.refusal("POST", VMS, vm("orphan")))
        finally:
            type(self).controller = Controller("--skip-update-validation-for", "unchecked")
            self.register()
        self.create(vm("after"))


if __name__ == "__main__":
    main()
