"""The scheduler's door for agents elsewhere: who is let in, and that a token that was renewed counts without a restart."""
import http.client
import json
import os
import re
import ssl
import subprocess
import time
import unittest

from program import LIMIT, NEONVM, ProgramTest

FIRST, SECOND = "a" * 64, "b" * 64
ASK = {"protoVersion": 7, "pod": {"namespace": "default", "name": "nobody"}, "computeUnit": {"vCPUs": 1, "mem": "1Gi"},
       "resources": {"vCPUs": 1, "mem": "1Gi"}, "lastPermit": None, "metrics": None}


class Door(ProgramTest):
    def setUp(self):
        super().setUp()
        self.credentials = os.path.join(self.folder, "credentials")
        os.mkdir(self.credentials)
        at = {name: os.path.join(self.credentials, name) for name in ("tls.crt", "tls.key", "ca.crt")}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=door", "-days", "2",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", at["tls.key"], "-out", at["tls.crt"]], check=True, capture_output=True)
        with open(at["tls.crt"], encoding="utf-8") as certificate:
            self.write("credentials/ca.crt", certificate.read())
        self.mounted(FIRST)
        log = os.path.join(self.folder, "log")
        with open(log, "ab") as file:
            self.process = subprocess.Popen([NEONVM, "scheduler", "--permits", "https://127.0.0.1:0", "--credentials", self.credentials],
                                            env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        self.addCleanup(self.end)

        def told():
            with open(log, encoding="utf-8") as text:
                return re.search(r"at=https://127\.0\.0\.1:(\d+)", text.read())
        self.port = int(self.until(told).group(1))
        self.until(lambda: self.answer(FIRST) == 404)  # its books are there

    def end(self):
        self.process.kill()
        self.process.wait()

    def until(self, holds):
        deadline = time.monotonic() + LIMIT
        while not (found := holds()):
            self.assertIsNone(self.process.poll())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        return found

    def mounted(self, token, turn=[0]):
        """As a kubelet renews a Secret's files: another folder, to which a link points from one moment to the next."""
        turn[0] += 1
        self.write(f"credentials/..{turn[0]}/token", token)
        link = os.path.join(self.credentials, "token")
        os.symlink(f"..{turn[0]}/token", link + ".new")
        os.replace(link + ".new", link)

    def answer(self, token):
        context = ssl.create_default_context(cafile=os.path.join(self.credentials, "ca.crt"))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=LIMIT, context=context)
        try:
            connection.request("POST", "/", json.dumps(ASK), {"Authorization": f"Bearer {token}"})
            return connection.getresponse().status
        finally:
            connection.close()

    def test_a_renewed_token_counts_at_once_and_the_old_one_no_more(self):
        self.assertEqual(self.answer(SECOND), 401)
        self.mounted(SECOND)
        self.assertEqual((self.answer(SECOND), self.answer(FIRST)), (404, 401))

    def test_a_file_that_is_no_token_changes_nothing(self):
        self.mounted("short")
        self.assertEqual((self.answer(FIRST), self.answer("short")), (404, 401))
        os.unlink(os.path.join(self.credentials, "token"))
        self.assertEqual(self.answer(FIRST), 404)
        self.mounted(SECOND)
        self.assertEqual((self.answer(SECOND), self.answer(FIRST)), (404, 401))

    def test_without_tls_nobody_is_let_in_but_by_a_flag_that_says_so(self):
        done = self.call("scheduler", "--permits", "http://127.0.0.1:0", "--listen", f"unix:{self.folder}/other.sock")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--allow-unauthenticated-permits", done.stderr)


if __name__ == "__main__":
    unittest.main()
