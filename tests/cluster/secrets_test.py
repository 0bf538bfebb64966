#!/usr/bin/env python3
"""The Secrets of VMs: SSH keys, and certificates by neonvm's own authority or by cert-manager, whose issuer is played here."""
import base64
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import vm  # noqa: E402
from bench.api import Refused  # noqa: E402
from bench.fixture import main, until  # noqa: E402
from bench.fleet import MERGE, PODS, SECRETS, VMS, FleetTest, machine  # noqa: E402

REQUESTS = "/apis/cert-manager.io/v1/namespaces/default/certificaterequests"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
AUTHORITY = "/api/v1/namespaces/neonvm-system/secrets/neonvm-guest-authority"
# As far as neonvm and an issuer speak to each other through it.
CERTIFICATE_REQUESTS = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "certificaterequests.cert-manager.io"},
    "spec": {"group": "cert-manager.io", "scope": "Namespaced", "names": {"kind": "CertificateRequest", "plural": "certificaterequests"},
             "versions": [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}, "schema": {"openAPIV3Schema": {
                 "type": "object", "properties": {
                     "spec": {"type": "object", "required": ["issuerRef", "request"], "properties": {
                         "issuerRef": {"type": "object", "required": ["name"], "properties": {each: {"type": "string"} for each in ("name", "kind", "group")}},
                         "request": {"type": "string", "format": "byte"}, "duration": {"type": "string"}, "isCA": {"type": "boolean"},
                         "usages": {"type": "array", "items": {"type": "string", "enum": ["digital signature", "key encipherment", "server auth", "client auth"]}}}},
                     "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}}]}}


def openssl(*words, stdin=""):
    done = subprocess.run(["openssl", *words], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


class Issuer:
    """A ClusterIssuer, with an authority of its own."""

    def __init__(self, folder):
        self.key, self.certificate = folder + "/ca.key", folder + "/ca.crt"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=issuer", "-days", "30",
                "-keyout", self.key, "-out", self.certificate)
        self.names = folder + "/names"

    def answer(self, request):
        with open(self.names, "w", encoding="utf-8") as file:
            file.write("subjectAltName=DNS:vm.neon.local\n")
        csr = base64.b64decode(request["spec"]["request"]).decode()
        signed = openssl("x509", "-req", "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "1", "-extfile", self.names, stdin=csr)
        with open(self.certificate, encoding="utf-8") as file:
            authority = file.read()
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in (("certificate", signed), ("ca", authority))}
        return {**encoded, "conditions": [{"type": "Ready", "status": "True", "reason": "Issued", "message": "signed"}]}


class SecretsTest(FleetTest):
    def secret(self, name):
        found = self.there(f"{SECRETS}/{name}")
        return found and {**found, "data": {key: base64.b64decode(text).decode() for key, text in found["data"].items()}}

    def owned(self, secret, name):
        owner = secret["metadata"]["ownerReferences"][0]
        vm = self.cluster.get(f"{VMS}/{name}")
        self.assertEqual((owner["kind"], owner["uid"], owner["controller"]), ("VirtualMachine", vm["metadata"]["uid"], True))

    # --- SSH

    def create_with_image(self, name, **more):
        self.create(name, guest={**machine(name)["spec"]["guest"], "rootDisk": {"image": "nowhere/vm:1"}}, **more)

    def test_each_vm_has_ssh_keys_of_its_own(self):
        for name in ("keys-1", "keys-2"):
            self.create_with_image(name)
            self.await_running(name)
        one, other = self.secret("ssh-neonvm-keys-1"), self.secret("ssh-neonvm-keys-2")
        self.assertEqual(self.status("keys-1")["sshSecretName"], "ssh-neonvm-keys-1")
        self.assertEqual((one["type"], one["immutable"]), ("kubernetes.io/ssh-auth", True))
        self.assertEqual(sorted(one["data"]), ["ssh-privatekey", "ssh-publickey"])
        self.owned(one, "keys-1")
        self.assertNotEqual(one["data"]["ssh-publickey"], other["data"]["ssh-publickey"])
        with tempfile.NamedTemporaryFile("w") as key:
            key.write(one["data"]["ssh-privatekey"])
            key.flush()
            said = subprocess.run(["ssh-keygen", "-y", "-f", key.name], capture_output=True, text=True, check=True).stdout
        self.assertEqual(said, one["data"]["ssh-publickey"])
        # It stays when the VM starts anew, and goes with it.
        self.kubelets.kill(self.status("keys-1")["podName"])
        until(lambda: self.status("keys-1").get("restartCount") == 1, "it was restarted")
        self.await_running("keys-1")
        self.assertEqual(self.secret("ssh-neonvm-keys-1")["metadata"]["uid"], one["metadata"]["uid"])
        self.delete("keys-1")
        until(lambda: not self.there(f"{SECRETS}/ssh-neonvm-keys-1"), "its keys are gone")

    def test_what_ssh_keeps_of_a_vm_goes_with_it(self):
        for name in ("kept", "other"):
            self.create_with_image(name)
        folders = {}
        for name in ("kept", "other"):
            told = vm.neonvm(self.cluster, "ssh", "--print-config", name)
            folders[name] = os.path.dirname(re.search(r'IdentityFile "?([^"\n]+)', told)[1])
            self.assertTrue(os.path.isfile(folders[name] + "/id_ed25519"), told)
        vm.neonvm(self.cluster, "delete", "kept", "--wait", "90s")
        self.assertFalse(os.path.exists(folders["kept"]))
        self.assertTrue(os.path.exists(folders["other"]))

    def test_whoever_wants_none_has_none_and_a_key_of_ones_own_stays(self):
        self.create_with_image("keyless", enableSSH=False)
        own = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ssh-neonvm-brought"}, "type": "Opaque",
               "stringData": {"ssh-publickey": "ssh-ed25519 AAAA mine\n"}}
        uid = self.ask("POST", SECRETS, own)["metadata"]["uid"]
        self.addCleanup(self.ask, "DELETE", f"{SECRETS}/ssh-neonvm-brought")
        self.create_with_image("brought")
        self.await_running("keyless")
        self.assertIsNone(self.there(f"{SECRETS}/ssh-neonvm-keyless"))
        self.assertNotIn("sshSecretName", self.status("keyless"))
        self.await_running("brought")
        self.assertEqual(self.there(f"{SECRETS}/ssh-neonvm-brought")["metadata"]["uid"], uid)

    # --- certificates by neonvm

    def certificate(self, name):
        return openssl("x509", "-noout", "-text", stdin=self.secret(f"tls-neonvm-{name}")["data"]["tls.crt"])

    def test_a_certificate_is_signed_and_another_name_has_another(self):
        self.create("certified", tls={"serverName": "web.example.org", "expireAfter": "24h", "renewBefore": "1h"})
        pod = self.await_running("certified")
        secret = self.secret("tls-neonvm-certified")
        self.assertEqual(self.status("certified")["tlsSecretName"], "tls-neonvm-certified")
        self.assertEqual((secret["type"], sorted(secret["data"])), ("kubernetes.io/tls", ["ca.crt", "tls.crt", "tls.key"]))
        self.owned(secret, "certified")
        with tempfile.NamedTemporaryFile("w") as authority:
            authority.write(secret["data"]["ca.crt"])
            authority.flush()
            openssl("verify", "-CAfile", authority.name, "-verify_hostname", "web.example.org", stdin=secret["data"]["tls.crt"])
        self.assertEqual(openssl("pkey", "-pubout", stdin=secret["data"]["tls.key"]), openssl("x509", "-noout", "-pubkey", stdin=secret["data"]["tls.crt"]))
        # Not by the authority that lets one runner believe another.
        runners = self.secret("runner-neonvm-certified")["data"]["ca.crt"]
        self.assertNotEqual(secret["data"]["ca.crt"], runners)
        self.assertEqual(base64.b64decode(self.cluster.get(AUTHORITY)["data"]["ca.crt"]).decode(), secret["data"]["ca.crt"])
        # While it runs.
        self.ask("PATCH", f"{VMS}/certified", {"spec": {"tls": {"serverName": "db.example.org"}}}, MERGE)
        until(lambda: "DNS:db.example.org" in self.certificate("certified"), "the certificate has the new name")
        self.assertEqual(self.await_running("certified")["metadata"]["uid"], pod["metadata"]["uid"])
        self.assertNotIn("BEGIN", self.plane.text())

    def test_it_is_renewed_before_it_ends_without_a_restart(self):
        # Valid from five minutes before: of ten, five seconds pass until it is due.
        self.create("short", tls={"expireAfter": "5m", "renewBefore": "4m55s"})
        pod = self.await_running("short")
        seen = {self.secret("tls-neonvm-short")["data"]["tls.crt"]}
        until(lambda: seen.add(self.secret("tls-neonvm-short")["data"]["tls.crt"]) or len(seen) == 3, "it was renewed twice", 60)
        self.assertIn("DNS:short.default", self.certificate("short"))
        self.assertEqual(self.runs("short")["metadata"]["uid"], pod["metadata"]["uid"])
        # By whoever leads.
        self.kill_plane()
        self.start_plane()
        until(lambda: seen.add(self.secret("tls-neonvm-short")["data"]["tls.crt"]) or len(seen) == 5, "it is still renewed", 60)

    def test_what_cannot_be_meant_is_refused(self):
        with self.assertRaises(Refused) as refused:
            self.create("wrong", tls={"expireAfter": "tomorrow"})
        self.assertIn("spec.tls.expireAfter", str(refused.exception))

    # --- by cert-manager

    def tls(self):
        return {"certificateIssuer": "neon-ca-issuer", "serverName": "vm.neon.local", "expireAfter": "24h", "renewBefore": "1h"}

    def available(self, name):
        return self.condition(name, "Available").get("message", "")

    def request_of(self, name):
        return until(lambda: self.there(f"{REQUESTS}/tls-neonvm-{name}") if self.has_requests() else None, f"a request for {name}")

    def has_requests(self):
        try:
            return bool(self.cluster.get(REQUESTS))
        except Refused:
            return False

    def tell(self, request, status):
        self.ask("PATCH", f"{REQUESTS}/{request['metadata']['name']}/status", {"status": status}, MERGE)

    def test_an_issuer_signs_what_it_is_asked_for(self):
        self.create("issued", tls=self.tls())
        until(lambda: "cert-manager is not installed" in self.available("issued"), "its status says what is missing")
        self.assertEqual(self.status("issued")["phase"], "Pending")
        self.create("beside-issued")
        self.await_running("beside-issued")
        self.cluster.call("POST", CRDS, CERTIFICATE_REQUESTS)
        request = self.request_of("issued")
        self.assertEqual(request["spec"]["issuerRef"], {"name": "neon-ca-issuer", "kind": "ClusterIssuer", "group": "cert-manager.io"})
        self.assertEqual(request["spec"]["duration"], "24h0m0s")
        csr = openssl("req", "-verify", "-noout", "-text", stdin=base64.b64decode(request["spec"]["request"]).decode())
        self.assertIn("DNS:vm.neon.local", csr)
        until(lambda: 'waits for a certificate by ClusterIssuer "neon-ca-issuer"' in self.available("issued"), "its status says for whom it waits", 90)
        # Refused: its words are told, and it is asked again.
        self.tell(request, {"conditions": [{"type": "Ready", "status": "False", "reason": "Failed", "message": "the moon is full"}]})
        until(lambda: "the moon is full" in self.available("issued"), "its status says why there is none", 90)
        again = until(lambda: (found := self.request_of("issued")) and found["metadata"]["uid"] != request["metadata"]["uid"] and found, "another request", 90)
        with tempfile.TemporaryDirectory() as folder:
            issuer = Issuer(folder)
            self.tell(again, issuer.answer(again))
            pod = self.await_running("issued", limit=120)
            secret = self.secret("tls-neonvm-issued")
            openssl("verify", "-CAfile", issuer.certificate, "-verify_hostname", "vm.neon.local", stdin=secret["data"]["tls.crt"])
            self.assertEqual(openssl("pkey", "-pubout", stdin=secret["data"]["tls.key"]), openssl("x509", "-noout", "-pubkey", stdin=secret["data"]["tls.crt"]))
            self.nothing_waits("issued")
            # One that runs: the renewal is told as a condition while it is missing, and the old one stays.
            self.ask("PATCH", f"{VMS}/issued", {"spec": {"tls": {"expireAfter": "12h"}}}, MERGE)
            until(lambda: self.condition("issued", "Degraded").get("reason") == "CertificateNotRenewed", "it is told", 90)
            self.assertEqual(self.secret("tls-neonvm-issued")["data"], secret["data"])
            next_one = self.request_of("issued")
            self.tell(next_one, issuer.answer(next_one))
            until(lambda: self.condition("issued", "Degraded").get("status") == "False", "all is well again", 90)
            self.assertNotEqual(self.secret("tls-neonvm-issued")["data"]["tls.key"], secret["data"]["tls.key"])
            self.nothing_waits("issued")
        self.assertEqual(self.runs("issued")["metadata"]["uid"], pod["metadata"]["uid"])
        self.assertEqual(self.cluster.get(f"{PODS}/{pod['metadata']['name']}")["metadata"]["uid"], pod["metadata"]["uid"])

    def nothing_waits(self, name):
        until(lambda: not self.there(f"{REQUESTS}/tls-neonvm-{name}") and not self.there(f"{SECRETS}/tls-neonvm-{name}-tmp"), "nothing of the request is left")


if __name__ == "__main__":
    main()
