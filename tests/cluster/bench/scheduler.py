"""`neonvm scheduler` as processes beside a test's cluster, and a kube-scheduler that asks one of them."""
import base64
import http.client
import json
import os
import signal
import ssl
import subprocess
import tempfile

from .control_plane import free_address

NEONVM = os.environ["NEONVM"]
NAME = "neonvm-scheduler.neonvm-system.svc"
KUBE_SCHEDULER = """apiVersion: kubescheduler.config.k8s.io/v1beta1
kind: KubeSchedulerConfiguration
clientConnection: {{kubeconfig: "@KUBECONFIG@"}}
leaderElection: {{leaderElect: false}}
profiles: [{{schedulerName: neonvm-scheduler}}]
extenders:
- urlPrefix: https://{address}:10298
  filterVerb: filter
  prioritizeVerb: prioritize
  bindVerb: bind
  weight: 10
  nodeCacheCapable: true
  ignorable: false
  enableHTTPS: true
  httpTimeout: 5s
  tlsConfig: {{serverName: {name}, caFile: {folder}/ca.crt, certFile: {folder}/tls.crt, keyFile: {folder}/tls.key}}
"""


class Daemon:
    """neonvm on a home of its own."""

    def __init__(self, kubeconfig, *words, config=""):
        self.home = tempfile.TemporaryDirectory()
        path = os.path.join(self.home.name, "config.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'[orchestrator]\nplugin = "k8s"\n[kubernetes]\nkubeconfig = "{kubeconfig}"\nnamespace = "*"\n{config}')
        self.words = [NEONVM, "--home", self.home.name, "--config", path, *words]
        self.log = os.path.join(self.home.name, "log")
        self.process = None
        self.inside = []  # words before, as to be in another network

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.inside, *self.words], stdout=log, stderr=log)
        return self

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def kill(self, number=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(30)

    def remove(self):
        self.kill()
        self.home.cleanup()


class Scheduler(Daemon):
    def __init__(self, kubeconfig, folder, config="", words=()):
        self.address = free_address()
        super().__init__(kubeconfig, "scheduler", "--credentials", folder, "--permits", f"https://{self.address}:10299",
                         "--permits", f"http://{self.address}:10300", "--allow-unauthenticated-permits",
                         "--extender", f"https://{self.address}:10298", "--probes", f"http://{self.address}:8081",
                         "--metrics", f"http://{self.address}:9100", "--allow-unauthenticated-metrics", *words, config=config)

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(self.text())
        return self.plain("GET", "/readyz")[0] == 200

    def plain(self, method, path, port=8081, body=None):
        connection = http.client.HTTPConnection(self.address, port, timeout=10)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def secure(self, folder, path, body, port=10299, token=None, certificate=None):
        context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
        context.check_hostname = False  # it is reached by an address here
        if certificate:
            context.load_cert_chain(f"{certificate}/tls.crt", f"{certificate}/tls.key")
        connection = http.client.HTTPSConnection(self.address, port, timeout=10, context=context)
        try:
            connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def keep(secret, folder):
    """As a Secret is mounted."""
    os.mkdir(folder, 0o700)
    for name, text in secret["data"].items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(base64.b64decode(text))


def asked_by_kube_scheduler(cluster, scheduler, client, folder):
    """One more kube-scheduler, for pods with schedulerName neonvm-scheduler, that asks this scheduler with the credentials in `client`."""
    config = os.path.join(folder, "kube-scheduler.yaml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(KUBE_SCHEDULER.format(address=scheduler.address, name=NAME, folder=client))
    cluster.request("add-scheduler", "vm-scheduler", config=config)
