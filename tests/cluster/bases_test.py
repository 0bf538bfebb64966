#!/usr/bin/env python3
"""The kustomize bases in a real API server: who may do what, and above all, who may not."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench.api import Refused  # noqa: E402
from bench.fixture import ClusterTest, main, until  # noqa: E402

BASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../plugins/orchestrator-k8s/manifests")
GROUPS = {"virtualmachines": "vm.neon.tech", "virtualmachinemigrations": "vm.neon.tech", "ippools": "vm.neon.tech", "leases": "coordination.k8s.io", "certificaterequests": "cert-manager.io",
          "mutatingwebhookconfigurations": "admissionregistration.k8s.io", "customresourcedefinitions": "apiextensions.k8s.io",
          "clusterroles": "rbac.authorization.k8s.io", "rolebindings": "rbac.authorization.k8s.io"}
OWN = "neonvm-system"


class BasesTest(ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for base in ("crd", "rbac", "scheduler", "overlay"):
            cls.cluster.kubectl("apply", "-k", os.path.join(BASES, base))
        cls.cluster.kubectl("create", "namespace", "tenants")
        cls.cluster.kubectl("apply", "-n", "tenants", "-k", os.path.join(BASES, "namespace"))
        # Roles reach the authorizer through a watch; the last binding to be applied is the last to arrive.
        until(lambda: cls.may("controller", "create", "secrets", "tenants"), "the roles are in force")

    @classmethod
    def may(cls, part, verb, what, namespace=OWN, name="", user=None, groups=()):
        resource, _, below = what.partition("/")
        answer = cls.cluster.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": {
            "user": user or f"system:serviceaccount:{'tenants' if part == 'runner' else OWN}:neonvm-{part}", "groups": list(groups),
            "resourceAttributes": {"group": GROUPS.get(resource, ""), "resource": resource, "subresource": below, "verb": verb,
                                   "namespace": namespace, "name": name}}})
        return answer["status"]["allowed"]

    def test_each_part_may_do_its_work(self):
        for part, verb, what, namespace, name in (
                ("controller", "watch", "virtualmachines", "tenants", ""), ("controller", "update", "virtualmachines/status", "tenants", "x"),
                ("controller", "update", "virtualmachines/finalizers", "tenants", "x"), ("controller", "patch", "virtualmachinemigrations/status", "tenants", "x"),
                ("controller", "create", "pods", "tenants", ""), ("controller", "delete", "pods", "tenants", "x"), ("controller", "create", "events", "tenants", ""),
                ("controller", "create", "leases", OWN, ""), ("controller", "update", "leases", OWN, "neonvm-controller"),
                ("controller", "get", "secrets", "tenants", "ssh-neonvm-x"), ("controller", "update", "secrets", OWN, "neonvm-webhook-certificate"),
                ("controller", "patch", "mutatingwebhookconfigurations", "", "neonvm"), ("controller", "update", "ippools", OWN, "x"), ("controller", "create", "ippools", OWN, ""),
                ("controller", "create", "certificaterequests", "tenants", ""), ("controller", "get", "secrets", OWN, "neonvm-guest-authority"),
                ("scheduler", "create", "pods/binding", "tenants", "x"), ("scheduler", "list", "nodes", "", ""), ("scheduler", "patch", "virtualmachines", "tenants", "x"),
                ("kube-scheduler", "create", "pods/binding", "tenants", "x"), ("kube-scheduler", "update", "leases", OWN, "neonvm-kube-scheduler"),
                ("controller", "update", "secrets", OWN, "neonvm-scheduler"), ("agent", "get", "secrets", OWN, "neonvm-scheduler-client"),
                ("scheduler", "patch", "nodes", "", "x"), ("scheduler", "patch", "endpoints", OWN, "neonvm-scheduler"),
                ("scheduler", "create", "virtualmachinemigrations", "tenants", ""), ("scheduler", "update", "leases", OWN, "neonvm-scheduler"),
                ("overlay", "list", "nodes", "", ""), ("overlay", "watch", "nodes", "", ""),
                ("agent", "patch", "virtualmachines", "tenants", "x"), ("agent", "get", "secrets", "tenants", "runner-neonvm-x"), ("agent", "watch", "virtualmachines", "", "")):
            with self.subTest(part, verb=verb, what=what, namespace=namespace, name=name):
                self.assertTrue(self.may(part, verb, what, namespace, name))

    def test_nobody_reads_secrets_outside_of_where_it_was_allowed(self):
        for part in ("controller", "scheduler", "kube-scheduler", "agent", "runner", "overlay"):
            for verb in ("get", "list", "watch", "create", "update", "patch", "delete"):
                for namespace, name in (("", ""), ("default", ""), ("default", "x"), ("kube-system", "x"), (OWN, "x")):
                    if (part, verb, namespace) == ("controller", "create", OWN):
                        continue
                    with self.subTest(part, verb=verb, namespace=namespace, name=name):
                        self.assertFalse(self.may(part, verb, "secrets", namespace, name))
        for part, verb in (("controller", "list"), ("controller", "watch"), ("agent", "list"), ("agent", "watch"), ("agent", "update"), ("agent", "delete")):
            self.assertFalse(self.may(part, verb, "secrets", "tenants"))

    def test_no_part_does_the_work_of_another_or_raises_its_own_rights(self):
        for part, verb, what, namespace, name in (
                ("controller", "create", "virtualmachines", "tenants", ""), ("controller", "delete", "virtualmachines", "tenants", "x"),
                ("controller", "create", "pods/exec", "tenants", "x"), ("controller", "update", "ippools", "tenants", "x"), ("controller", "list", "ippools", OWN, ""), ("controller", "update", "leases", OWN, "neonvm-scheduler"),
                ("controller", "patch", "mutatingwebhookconfigurations", "", "another"), ("controller", "create", "mutatingwebhookconfigurations", "", ""),
                ("scheduler", "get", "secrets", OWN, "neonvm-authority"), ("scheduler", "get", "secrets", OWN, "neonvm-scheduler"), ("agent", "get", "secrets", OWN, "neonvm-scheduler"),
                ("scheduler", "patch", "endpoints", OWN, "another"), ("scheduler", "patch", "endpoints", "tenants", "neonvm-scheduler"), ("scheduler", "patch", "nodes/status", "", "x"),
                ("scheduler", "create", "pods", "tenants", ""), ("scheduler", "delete", "pods", "tenants", "x"), ("scheduler", "update", "virtualmachines/status", "tenants", "x"),
                ("agent", "create", "pods/binding", "tenants", "x"), ("agent", "update", "virtualmachines/status", "tenants", "x"), ("agent", "delete", "pods", "tenants", "x"),
                *((part, verb, what, "", "") for part in ("controller", "scheduler", "agent", "runner", "overlay") for verb in ("create", "update", "bind", "escalate")
                  for what in ("clusterroles", "rolebindings", "customresourcedefinitions", "nodes")),
                *((part, verb, what, "tenants", "") for part in ("runner", "overlay") for verb in ("get", "list", "create", "update", "delete") for what in ("pods", "virtualmachines", "secrets", "configmaps"))):
            with self.subTest(part, verb=verb, what=what, namespace=namespace, name=name):
                self.assertFalse(self.may(part, verb, what, namespace, name))

    def test_every_base_can_be_built_and_names_only_what_there_is(self):
        accounts = {each["metadata"]["name"] for each in self.cluster.get(f"/api/v1/namespaces/{OWN}/serviceaccounts")["items"]}
        for base in sorted(os.listdir(BASES)):
            with self.subTest(base):
                text = self.cluster.kubectl("kustomize", os.path.join(BASES, base))
                # `neonvm` comes with ../controlplane itself.
                for name in re.findall(r"serviceAccountName: (\S+)", text):
                    self.assertIn(name, accounts | {"neonvm"})
        text = self.cluster.kubectl("kustomize", os.path.join(BASES, "controlplane-with-agents"))
        self.assertIn("- controller\n        - --webhooks", text)
        self.assertNotIn("- serve\n", text)
        self.assertIn("mark_nodes = true", text)

    def test_people_may_with_vms_what_they_may_with_the_namespace(self):
        for role, verb, allowed in (("view", "list", True), ("view", "create", False), ("edit", "create", True), ("edit", "delete", True), ("admin", "patch", True)):
            self.cluster.kubectl("create", "rolebinding", f"{role}-{verb}", "-n", "tenants", f"--clusterrole={role}", f"--user={role}-{verb}")
            for what in ("virtualmachines", "virtualmachinemigrations"):
                with self.subTest(role, verb=verb, what=what):
                    # The aggregated roles are put together by kube-controller-manager.
                    until(lambda: self.may("", verb, what, "tenants", user=f"{role}-{verb}") == allowed, "the role counts")
                    self.assertFalse(self.may("", verb, what, "default", user=f"{role}-{verb}"))
        self.assertFalse(self.may("", "update", "virtualmachines/status", "tenants", user="edit-create"))

    def test_webhooks_are_asked_about_objects_and_not_about_their_status(self):
        vms = "/apis/vm.neon.tech/v1/namespaces/default/virtualmachines"
        vm = {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachine", "metadata": {"name": "before"}, "spec": {"guest": {}}}
        before = self.cluster.call("POST", vms, vm)
        self.cluster.kubectl("apply", "-k", os.path.join(BASES, "webhook"))
        self.addCleanup(self.cluster.kubectl, "delete", "-k", os.path.join(BASES, "webhook"))

        def refused():
            try:
                self.cluster.call("POST", vms + "?dryRun=All", {**vm, "metadata": {"name": "after"}})
            except Refused as refused:
                return str(refused)
        # Nobody answers behind the Service here, and without an answer nothing is let in.
        self.assertIn('failed calling webhook "mvirtualmachine.kb.io"', until(refused, "the webhooks are in force"))
        self.assertEqual(self.cluster.call("PUT", vms + "/before/status", {**before, "status": {"phase": "Running"}})["status"]["phase"], "Running")
        self.cluster.call("DELETE", vms + "/before")


if __name__ == "__main__":
    main()
