#!/usr/bin/env python3
"""neonvm build docker://…: through skopeo, from a registry on this machine's loopback. Needs skopeo and openssl."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from debian_programs import unpacked  # noqa: E402
from images_test import NEONVM, oci_image  # noqa: E402

CONFIG = """version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: FOLDER/data}}
http: {addr: "127.0.0.1:0", tls: {certificate: FOLDER/cert.pem, key: FOLDER/key.pem}}
"""


def registry_program():
    return shutil.which("docker-registry") or unpacked("docker-registry", ["docker-registry"]) + "/usr/bin/docker-registry"


class Registry:
    """With a certificate that only those who are told of it believe."""

    def __init__(self, folder):
        self.certificate = os.path.join(folder, "cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", os.path.join(folder, "key.pem"),
                        "-out", self.certificate], check=True, capture_output=True)
        config = os.path.join(folder, "registry.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.replace("FOLDER", folder))
        self.process = subprocess.Popen([registry_program(), "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.port, said = None, []
        for line in self.process.stderr:
            said.append(line)
            found = re.search(r"listening on 127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found[1])
                break
        if self.port is None:
            raise AssertionError("the registry has not come up:\n" + "".join(said))
        # Else its pipe would be full one day.
        self.reader = threading.Thread(target=self.process.stderr.read, daemon=True)
        self.reader.start()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stderr.close()


class FromARegistry(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nvmr")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.registry = Registry(self.folder)
        self.addCleanup(self.registry.close)
        self.env = dict(os.environ, SSL_CERT_FILE=self.registry.certificate)
        self.image = oci_image(self.path("image.tar"), config={"Cmd": ["/hello"], "User": "7:8"})
        subprocess.run(["skopeo", "copy", "--quiet", "oci-archive:" + self.image, "docker://" + self.name("one:1")], check=True, env=self.env)

    def path(self, name):
        return os.path.join(self.folder, name)

    def name(self, rest):
        return f"127.0.0.1:{self.registry.port}/demo/{rest}"

    def neonvm(self, *args, code=0):
        done = subprocess.run([NEONVM, "--home", self.path("home"), *args], capture_output=True, text=True, timeout=120, check=False, env=self.env)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def digest_of(self, source):
        self.neonvm("build", source, "--no-init", "-q", "-o", self.path("disk"))
        with open(self.path("disk"), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def test_what_is_fetched_is_what_lies_here(self):
        self.assertEqual(self.digest_of("docker://" + self.name("one:1")), self.digest_of(self.image))
        # Upstream's way to say it: a name without a scheme.
        self.neonvm("build", "-src", self.name("one:1"), "-dst", "vm-one:1", "-target-arch", "linux/amd64", "--no-init")
        facts = json.loads(self.neonvm("image", "inspect", "vm-one:1"))
        self.assertEqual((facts["workload"]["cmd"], facts["workload"]["uid"]), (["/hello"], 7))
        self.assertEqual(os.listdir(self.path("home/images/part")), [".lock"], "the scratch is gone")

    def test_what_cannot_be_fetched_is_told_by_its_name(self):
        said = self.neonvm("build", "docker://" + self.name("one:2"), "--no-init", code=6)
        self.assertIn("one:2: skopeo failed", said)
        self.assertIn("manifest unknown", said)
        said = self.neonvm("build", "docker://" + self.name("one:1"), "--no-init", "--target-arch", "arm64", code=2)
        self.assertIn(f'"docker://{self.name("one:1")}": holds an image for linux/amd64, not for linux/arm64', said)
        self.env.pop("SSL_CERT_FILE")
        self.assertIn("certificate", self.neonvm("build", "docker://" + self.name("one:1"), "--no-init", code=6))
        self.assertEqual(os.listdir(self.path("home/images/part")), [".lock"], "the scratch is gone")


if __name__ == "__main__":
    unittest.main()
