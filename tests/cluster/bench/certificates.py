"""A certificate authority of the cluster's own, made with openssl, and kubeconfigs with certificates in them."""
import base64
import json
import os
import secrets
import subprocess

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
# By kubeadm's custom. The API server checks an authority's signature at every request, which takes it ten times as long with an EC key.
AUTHORITY_KEY = ("-newkey", "rsa:2048", "-nodes")
DAYS = "3650"


def openssl(*arguments, stdin=None):
    # By a clock that is an hour behind, where there is one: what it makes is as from before the cluster came up.
    clock = os.environ.get("SKEWED_CLOCK")
    environment = {**os.environ, "LD_PRELOAD": clock, "SKEW_SECONDS": "-3600"} if clock else None
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False, umask=0o077, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def encoded(text):
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def token(folder, namespace, name, uid, until):
    """One of a service account as the API server itself issues it, but valid until then, in seconds since 1970: it issues none for less than ten minutes."""
    about = {"iss": "https://kubernetes.default.svc.cluster.local", "aud": ["https://kubernetes.default.svc.cluster.local"], "exp": int(until),
             "iat": int(until) - 600, "nbf": int(until) - 600, "sub": f"system:serviceaccount:{namespace}:{name}",
             "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}}}
    signed = encoded(json.dumps({"alg": "ES256"}).encode()) + "." + encoded(json.dumps(about).encode())
    parsed = openssl("asn1parse", "-inform", "DER", stdin=openssl("dgst", "-sha256", "-sign", os.path.join(folder, "sa.key"), stdin=signed.encode()))
    pair = b"".join(bytes.fromhex(line.rsplit(b":", 1)[1].decode()).rjust(32, b"\0")[-32:] for line in parsed.splitlines() if b"INTEGER" in line)
    return f"{signed}.{encoded(pair)}"


class Authority:
    """Keeps its files in `folder`, which only its owner may read: NAME.crt, NAME.key, and sa.key, sa.pub for service accounts."""

    def __init__(self, folder):
        self.folder = folder
        if not os.path.exists(self.path("ca.crt")):
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self.create()

    def path(self, name):
        return os.path.join(self.folder, name)

    def create(self):
        openssl("req", "-x509", *AUTHORITY_KEY, "-keyout", self.path("ca.key"), "-out", self.path("ca.crt"), "-days", DAYS, "-sha256",
                "-subj", "/CN=neonvm-test-ca", "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")
        parameters = openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout")
        openssl("ec", "-out", self.path("sa.key"), stdin=parameters)
        openssl("ec", "-pubout", "-out", self.path("sa.pub"), stdin=parameters)

    def issue(self, name, common_name, groups=(), names=()):
        """A certificate for a server with these `names` ("DNS:…", "IP:…") and for a client with this name and these groups."""
        if os.path.exists(self.path(name + ".crt")):
            return
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={common_name}"
        request = openssl("req", "-new", *KEY, "-keyout", self.path(name + ".key"), "-subj", subject)
        extensions = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n" \
                     "extendedKeyUsage=serverAuth,clientAuth\n"
        if names:
            extensions += f"subjectAltName={','.join(names)}\n"
        wanted = self.path(name + ".extensions")
        with open(wanted, "w", encoding="utf-8") as file:
            file.write(extensions)
        certificate = openssl("x509", "-req", "-CA", self.path("ca.crt"), "-CAkey", self.path("ca.key"), "-days", DAYS, "-sha256",
                              "-set_serial", "0x" + secrets.token_hex(8), "-extfile", wanted, stdin=request)
        os.unlink(wanted)
        with open(self.path(name + ".crt"), "wb") as file:
            file.write(certificate)

    def kubeconfig(self, file_name, user, server):
        """Writes a kubeconfig for a certificate that was issued, with everything in it; whole or not at all."""
        text = f"""apiVersion: v1
kind: Config
clusters:
- name: neonvm-test
  cluster:
    server: {server}
    certificate-authority-data: {self.encoded("ca.crt")}
users:
- name: {user}
  user:
    client-certificate-data: {self.encoded(user + ".crt")}
    client-key-data: {self.encoded(user + ".key")}
contexts:
- name: neonvm-test
  context:
    cluster: neonvm-test
    user: {user}
current-context: neonvm-test
"""
        with open(os.open(file_name + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(file_name + ".new", file_name)

    def encoded(self, name):
        with open(self.path(name), "rb") as file:
            return base64.b64encode(file.read()).decode()
