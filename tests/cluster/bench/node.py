"""A real node: kubelet, containerd and kube-proxy in namespaces of their own. Needs root and cgroups of version 1.

What runs in a node is in its process namespace, containers too: with the first process there all of it ends, whoever ends that.
Only cgroups are left then; cgroups_down() removes them.
"""
import contextlib
import glob
import os
import shutil
import subprocess
import sys
import time

from . import images, programs
from .api import PORT
from .daemons import Daemon

NEEDED = ("kubelet", "kube-proxy", "containerd", "containerd-shim-runc-v2", "ctr", "runc", "ip", "nsenter", "unshare", "iptables", "conntrack",
          "socat", "busybox")
CGROUPS = "/sys/fs/cgroup"
CNI = "/usr/lib/cni"
CONTAINERD = """version = 2
root = "FOLDER/containerd/root"
state = "FOLDER/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "FOLDER/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "FOLDER/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/neonvm-test/pause:1"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  disable_tcp_service = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        BinaryName = "RUNC"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "CNI"
    conf_dir = "FOLDER/cni"
"""
PODS = """{"cniVersion": "0.4.0", "name": "pods", "plugins": [
 {"type": "bridge", "bridge": "cni0", "mtu": 1420, "isDefaultGateway": true, "ipMasq": false, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "FOLDER/addresses", "ranges": [[{"subnet": "PODS"}]]}},
 {"type": "portmap", "capabilities": {"portMappings": true}}]}
"""
# Images are not collected: a collected one could not be pulled again. The status is told often, because the first one that says
# Ready may come too early to count.
KUBELET = """apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: ADDRESS
port: 10250
readOnlyPort: 0
healthzBindAddress: 127.0.0.1
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "PKI/ca.crt"}}
authorization: {mode: Webhook}
tlsCertFile: "PKI/NAME.crt"
tlsPrivateKeyFile: "PKI/NAME.key"
cgroupDriver: cgroupfs
cgroupRoot: /CGROUP
clusterDomain: cluster.local
resolvConf: "FOLDER/resolv.conf"
volumePluginDir: "FOLDER/volume-plugins"
failSwapOn: false
serializeImagePulls: false
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
nodeStatusUpdateFrequency: 2s
nodeStatusReportFrequency: 1m
"""
PROXY = """apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: 127.0.0.1
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
clientConnection: {kubeconfig: "FOLDER/kube-proxy.kubeconfig"}
hostnameOverride: NAME
mode: iptables
conntrack: {maxPerCore: 0}
"""


def hierarchies():
    return [folder for folder in glob.glob(CGROUPS + "/*") if os.path.exists(folder + "/cgroup.procs")]


def check():
    """Raises CannotRun where there can be no real nodes. Returns their programs."""
    if os.geteuid() != 0:
        raise programs.CannotRun("real nodes need root; without it there are fake ones: --fake-nodes")
    names = {os.path.basename(folder) for folder in hierarchies()}
    missing = {"cpu", "cpuset", "memory", "pids", "devices", "freezer"} - names
    if missing:
        raise programs.CannotRun(f"real nodes need cgroups of version 1 in {CGROUPS}; there is no {', '.join(sorted(missing))}")
    if not os.access(CNI + "/bridge", os.X_OK):
        raise programs.CannotRun(f"no {CNI}/bridge; install it: scripts/install-packages --kubernetes")
    try:
        return programs.find(NEEDED)
    except programs.CannotRun as why:
        raise programs.CannotRun(f"real nodes: {why}; or scripts/install-packages --kubernetes") from why


class Inside(Daemon):
    """A program in the namespaces of another process. The one that was started only waits for it."""

    def __init__(self, name, pid, argv, logs):
        super().__init__(name, ["nsenter", f"--target={pid}", "--mount", "--net", "--pid", "--", *argv], logs)

    def signal(self, number):
        child = first_child(self.process.pid) if self.alive() else None
        if child:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
                os.kill(child, number)
        elif self.alive():
            super().signal(number)


def first_child(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            children = file.read().split()
        return int(children[0]) if children else None
    except OSError:
        return None


class Node:
    def __init__(self, number, plane, network, found):
        self.number, self.plane, self.network, self.found = number, plane, network, found
        self.name = f"node{number}"
        self.folder = os.path.join(plane.state, self.name)
        self.cgroup = f"{os.path.basename(plane.state)}/{self.name}"
        self.holder = self.pid = None

    def write(self, name, text):
        for word, value in (("FOLDER", self.folder), ("RUNC", self.found["runc"]), ("CNI", CNI), ("PODS", self.network.pod_net(self.number)),
                            ("PKI", self.plane.authority.folder), ("ADDRESS", self.network.node_address(self.number)), ("NAME", self.name),
                            ("CGROUP", self.cgroup)):
            text = text.replace(word, value)
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def up(self, deadline):
        """Until containerd answers."""
        os.makedirs(self.folder)
        self.make_cgroups()
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node_init.py")
        self.holder = Daemon(self.name, ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                                         sys.executable, "-B", script, self.folder], self.plane.logs)
        self.holder.start()
        await_file(os.path.join(self.folder, "ready"), self.holder, deadline)
        self.pid = first_child(self.holder.process.pid)
        self.network.add_node(self.number, self.pid, self.plane.options["nodes"])
        self.write("cni/10-pods.conflist", PODS)
        self.write("resolv.conf", "nameserver 127.0.0.1\n")
        config = self.write("containerd.toml", CONTAINERD)
        self.run("containerd", ["env", f"PATH={os.path.dirname(self.found['containerd-shim-runc-v2'])}:/usr/sbin:/usr/bin:/sbin:/bin",
                                self.found["containerd"], "--config", config])
        self.plane.until(lambda: self.ctr("version").returncode == 0, self.daemon("containerd"), deadline)

    def daemon(self, program):
        return f"{program}-{self.name}"

    def run(self, program, argv):
        daemon = Inside(self.daemon(program), self.pid, argv, self.plane.logs)
        self.plane.daemons[daemon.name] = daemon
        daemon.start()

    def ctr(self, *words):
        return subprocess.run([self.found["ctr"], "-a", self.folder + "/containerd.sock", "-n", "k8s.io", *words], capture_output=True, text=True,
                              check=False)

    def load(self, archive):
        done = self.ctr("images", "import", archive)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: import of {archive}: {done.stderr.strip()}")

    def join(self):
        """Starts the kubelet, which registers the node."""
        authority, server = self.plane.authority, f"https://{self.network.api}:{PORT}"
        address = self.network.node_address(self.number)
        authority.issue(self.name, f"system:node:{self.name}", groups=["system:nodes"], names=[f"DNS:{self.name}", f"IP:{address}"])
        authority.issue("kube-proxy", "system:kube-proxy")
        authority.kubeconfig(self.folder + "/kubelet.kubeconfig", self.name, server)
        authority.kubeconfig(self.folder + "/kube-proxy.kubeconfig", "kube-proxy", server)
        self.run("kubelet", [self.found["kubelet"], "--config", self.write("kubelet.yaml", KUBELET), "--kubeconfig", self.folder + "/kubelet.kubeconfig",
                             "--root-dir", self.folder + "/kubelet", "--cert-dir", self.folder + "/certificates", "--hostname-override", self.name,
                             "--node-ip", address, "--container-runtime", "remote", "--container-runtime-endpoint",
                             f"unix://{self.folder}/containerd.sock", "--containerd", self.folder + "/containerd.sock"])
        self.run("kube-proxy", [self.found["kube-proxy"], "--config", self.write("kube-proxy.yaml", PROXY)])

    def make_cgroups(self):
        """The kubelet wants its root in every hierarchy; a new cpuset is empty until it is filled."""
        for folder in hierarchies():
            os.makedirs(f"{folder}/{self.cgroup}", exist_ok=True)
        for group in (os.path.dirname(self.cgroup), self.cgroup):
            for name in ("cpuset.cpus", "cpuset.mems"):
                shutil.copyfile(f"{CGROUPS}/cpuset/{name}", f"{CGROUPS}/cpuset/{group}/{name}")

    def down(self):
        if self.holder:
            self.holder.kill()


def await_file(path, daemon, deadline):
    while not os.path.exists(path):
        daemon.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{daemon.name}: no {path}\n{daemon.last_lines()}")
        time.sleep(0.02)  # a file's coming is told only to those who ask


def make_base_images(plane, found):
    folder = os.path.join(plane.state, "images")
    os.makedirs(folder, exist_ok=True)
    return images.base_images(folder, found["busybox"])


def cgroups_down(name, limit=30):
    """Removes what clusters named `name` have of cgroups. Processes leave theirs some time after they have ended."""
    end = time.monotonic() + limit
    while True:
        left = [group for folder in glob.glob(CGROUPS + "/*") for group in glob.glob(f"{folder}/{name}")]
        for top in left:
            for group, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(group)
                except OSError:
                    pass
        if not left or time.monotonic() > end:
            return
        time.sleep(0.05)
