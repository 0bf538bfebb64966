"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler with the flags that this bench needs."""
import http.client
import os
import secrets
import shutil
import socket
import tempfile
import time

from .api import PORT as API
from .api import Api
from .certificates import Authority
from .daemons import Daemon

ETCD, ETCD_PEER, CONTROLLER, SCHEDULER = 2379, 2380, 10257, 10251
SERVICE_NET, SERVICE_API = "10.96.0.0/24", "10.96.0.1"
# Where the API server says it is, for it does not publish a loopback address. Nobody answers there; with real nodes it is another.
NOWHERE = "10.77.0.1"
START_LIMIT = 180.0
# With the usual 50 requests a second it binds fewer pods than that, and a benchmark would measure its patience.
SCHEDULER_CONFIG = """apiVersion: kubescheduler.config.k8s.io/v1beta1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: "@KUBECONFIG@", qps: 500, burst: 1000}
leaderElection: {leaderElect: false}
"""
AUDIT_POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n"


def free_address():
    """An address of this machine's loopback net that no other cluster uses: each has the usual ports to itself, so no two can race."""
    while True:
        address = ".".join(str(part) for part in (127, 64 + secrets.randbelow(128), secrets.randbelow(256), 1 + secrets.randbelow(254)))
        with socket.socket() as probe:
            try:
                probe.bind((address, ETCD))
            except OSError:
                continue
            return address


def data_folder(state):
    """etcd waits for its disk at every write; in memory it has nothing to wait for."""
    memory = "/dev/shm"
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30:
        return tempfile.mkdtemp(prefix="neonvm-cluster-etcd-", dir=memory)
    return os.path.join(state, "etcd")


class ControlPlane:
    """`options`: fake_nodes, audit, scheduler_config (a file), apiserver, controller, scheduler, etcd (lists of further flags)."""

    def __init__(self, state, programs, options):
        self.state, self.programs, self.options = state, programs, options
        self.advertised = NOWHERE
        self.logs = os.path.join(state, "log")
        os.makedirs(self.logs, exist_ok=True)
        self.address = free_address()
        self.data = data_folder(state)
        self.authority = Authority(os.path.join(state, "pki"))
        self.api = Api(self.address, self.authority.folder)
        self.server = f"https://{self.address}:{API}"
        self.kubeconfig = os.path.join(state, "kubeconfig")
        self.daemons = {}
        self.schedulers = 0

    def start(self, say):
        began = time.monotonic()
        deadline = began + START_LIMIT
        self.certify()
        self.start_etcd()
        self.start_apiserver()  # asks etcd until it answers; the others give up on an API server after 10 s
        self.until(lambda: self.api.answer("/readyz"), "kube-apiserver", deadline)
        say(f"kube-apiserver is ready after {time.monotonic() - began:.1f} s")
        self.start_controller()
        self.start_scheduler("kube-scheduler", self.options.get("scheduler_config"))
        self.until(lambda: self.api.answer("/api/v1/namespaces/default/serviceaccounts/default"), "kube-controller-manager", deadline)
        self.until(lambda: self.plain(SCHEDULER), "kube-scheduler", deadline)
        say(f"pods can be made after {time.monotonic() - began:.1f} s")

    def certify(self):
        issue = self.authority.issue
        service = "kubernetes.default.svc.cluster.local"
        issue("apiserver", "kube-apiserver", names=["DNS:localhost", "DNS:kubernetes", "DNS:kubernetes.default",
              "DNS:kubernetes.default.svc", "DNS:" + service, "IP:" + self.address, "IP:" + self.advertised, "IP:" + SERVICE_API])
        issue("admin", "admin", groups=["system:masters"])
        issue("apiserver-kubelet-client", "kube-apiserver-kubelet-client", groups=["system:masters"])
        issue("controller", "system:kube-controller-manager", names=["IP:" + self.address])
        issue("scheduler", "system:kube-scheduler")
        for user in ("controller", "scheduler"):
            self.authority.kubeconfig(os.path.join(self.state, user + ".kubeconfig"), user, self.server)
        self.authority.kubeconfig(self.kubeconfig, "admin", self.server)

    def run(self, name, *argv):
        self.daemons[name] = Daemon(name, [str(word) for word in argv], self.logs)
        self.daemons[name].start()

    def start_etcd(self):
        client, peer = f"http://{self.address}:{ETCD}", f"http://{self.address}:{ETCD_PEER}"
        self.run("etcd", self.programs["etcd"], "--name", "neonvm-test", "--data-dir", self.data, "--listen-client-urls", client,
                 "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", f"neonvm-test={peer}", "--log-level", "warn", *self.options.get("etcd", ()))

    def start_apiserver(self):
        pki = self.authority.path
        flags = {
            "etcd-servers": f"http://{self.address}:{ETCD}", "bind-address": self.address, "secure-port": API, "insecure-port": 0,
            "advertise-address": self.advertised, "tls-cert-file": pki("apiserver.crt"), "tls-private-key-file": pki("apiserver.key"),
            "client-ca-file": pki("ca.crt"), "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-account-key-file": pki("sa.pub"), "service-account-signing-key-file": pki("sa.key"),
            "service-cluster-ip-range": SERVICE_NET, "authorization-mode": "Node,RBAC", "enable-admission-plugins": "NodeRestriction",
            "allow-privileged": "true", "kubelet-client-certificate": pki("apiserver-kubelet-client.crt"),
            "kubelet-client-key": pki("apiserver-kubelet-client.key"), "kubelet-certificate-authority": pki("ca.crt"),
            "kubelet-preferred-address-types": "InternalIP", "requestheader-client-ca-file": pki("ca.crt"),
            "requestheader-allowed-names": "front-proxy-client", "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group", "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "event-ttl": "1h", "profiling": "false",
        }
        if self.options.get("audit"):
            policy = os.path.join(self.state, "audit-policy.yaml")
            with open(policy, "w", encoding="utf-8") as file:
                file.write(AUDIT_POLICY)
            flags.update({"audit-policy-file": policy, "audit-log-path": os.path.join(self.logs, "audit.log"),
                          "audit-log-mode": "batch", "audit-log-batch-max-wait": "1s"})
        if self.options.get("nodes"):
            # It runs beside the nodes, where no kube-proxy makes services reachable: webhooks are called by their pods' addresses.
            flags["enable-aggregator-routing"] = "true"
        self.run("kube-apiserver", self.programs["kube-apiserver"], *[f"--{key}={value}" for key, value in flags.items()],
                 *self.options.get("apiserver", ()))

    def start_controller(self):
        pki, kubeconfig = self.authority.path, os.path.join(self.state, "controller.kubeconfig")
        flags = {
            "kubeconfig": kubeconfig, "authentication-kubeconfig": kubeconfig, "authorization-kubeconfig": kubeconfig, "port": 0,
            "secure-port": CONTROLLER, "bind-address": self.address, "tls-cert-file": pki("controller.crt"),
            "tls-private-key-file": pki("controller.key"), "leader-elect": "false", "use-service-account-credentials": "true",
            "service-account-private-key-file": pki("sa.key"), "root-ca-file": pki("ca.crt"),
            "cluster-signing-cert-file": pki("ca.crt"), "cluster-signing-key-file": pki("ca.key"), "allocate-node-cidrs": "false",
            "flex-volume-plugin-dir": os.path.join(self.state, "volume-plugins"), "profiling": "false",
            # With the usual 20 a second, the first pod can be made four seconds later.
            "kube-api-qps": 200, "kube-api-burst": 400,
        }
        if self.options.get("fake_nodes"):
            flags["node-monitor-grace-period"] = "87600h"  # nobody renews their leases
        self.run("kube-controller-manager", self.programs["kube-controller-manager"],
                 *[f"--{key}={value}" for key, value in flags.items()], *self.options.get("controller", ()))

    def start_scheduler(self, name, config_file=None):
        """Returns its port. With a configuration it serves plain HTTP on every address unless told of one, whatever --port says."""
        text = SCHEDULER_CONFIG
        if config_file:
            with open(config_file, encoding="utf-8") as file:
                text = file.read()
        port = SCHEDULER + 10 * self.schedulers
        self.schedulers += 1
        text = text.replace("@KUBECONFIG@", os.path.join(self.state, "scheduler.kubeconfig"))
        for key in ("healthzBindAddress", "metricsBindAddress"):
            if key not in text:
                text += f"{key}: {self.address}:{port}\n"
        config = os.path.join(self.state, name + ".yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(text)
        self.run(name, self.programs["kube-scheduler"], "--config", config, "--secure-port=0", *self.options.get("scheduler", ()))
        return port

    # --- is it there?

    def plain(self, port):
        return answers(http.client.HTTPConnection(self.address, port, timeout=5), "/healthz")

    def until(self, condition, name, deadline):
        """Waits for a condition that has to do with the daemon `name`."""
        while not condition():
            for daemon in self.daemons.values():
                daemon.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is not ready within {START_LIMIT:.0f} s:\n{self.daemons[name].last_lines()}")
            time.sleep(0.05)  # it tells of its readiness only to those who ask

    def restart(self, name, hard=False):
        daemon = self.daemons[name]
        if hard:
            daemon.kill()
        else:
            daemon.stop(20)
        daemon.start()
        ready = {"kube-apiserver": lambda: self.api.answer("/readyz"), "kube-scheduler": lambda: self.plain(SCHEDULER),
                 "etcd": lambda: answers(http.client.HTTPConnection(self.address, ETCD, timeout=5), "/health")}
        if name in ready:
            self.until(ready[name], name, time.monotonic() + START_LIMIT)

    def stop(self):
        """Nothing of it is kept, so nothing is asked to finish."""
        for daemon in self.daemons.values():
            daemon.kill()
        shutil.rmtree(self.data, ignore_errors=True)


def answers(connection, path):
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
