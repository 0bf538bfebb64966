"""What a test needs to run VMs on a cluster with real nodes: neonvm's images, an image with a VM's disk, the control plane."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from . import images, programs
from .fixture import until

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
NEONVM = os.environ["NEONVM"]
REPOSITORY = "neonvm.test"
RUNNER_IMAGE = f"{REPOSITORY}/neonvm-runner:test"
PLANE_IMAGE = f"{REPOSITORY}/neonvm:test"
WEB_IMAGE = f"{REPOSITORY}/vm-web:test"
LEADS, WAITS = "leadership: leads lease=", "leadership: waits;"  # in the log of one that works, and of its replica
MANIFESTS = os.path.join(TOP, "plugins/orchestrator-k8s/manifests")


def run(*words, check=True, **more):
    done = subprocess.run(words, capture_output=True, text=True, check=False, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def own_images(folder, *which):
    """Archives of neonvm's own images."""
    run(os.path.join(TOP, "scripts/container-images"), "--output", folder, "--tag", "test", "--repository", REPOSITORY,
        "--build", os.path.dirname(NEONVM), *which)
    return [os.path.join(folder, name + ".tar") for name in which]


def make_images(folder, *which):
    """The same, and of a VM that serves its root on port 8080."""
    archives = own_images(folder, *which)
    root = os.path.join(folder, "root")
    os.makedirs(root + "/bin")
    os.makedirs(root + "/etc")
    shutil.copy(programs.find(["busybox"])["busybox"], root + "/bin/busybox")
    os.symlink("busybox", root + "/bin/sh")
    with open(root + "/etc/name", "w", encoding="utf-8") as file:
        file.write("web\n")
    run(NEONVM, "--home", folder + "/home", "build", root, "--cmd", "/bin/busybox httpd -f -p 8080 -h /", "--port", "8080/tcp", "-q",
        "--file", folder + "/web.qcow2", "--oci", folder + "/web.oci", "--name", WEB_IMAGE)
    return archives + [folder + "/web.oci"]


def make_ssh_image(folder, name):
    """Archive of a VM that only waits, and into which one can log in."""
    run(os.path.join(TOP, "vm-builder/examples/dropbear"), "-q", "--file", folder + "/ssh.qcow2", "--oci", folder + "/ssh.oci", "--name", name,
        env={**os.environ, "NEONVM": NEONVM, "NEONVM_HOME": folder + "/home"})
    return folder + "/ssh.oci"


def make_kernel_image(folder, name):
    """Archive of an image that has a kernel and nothing else: that of the default guest, if it is one that boots a disk by itself."""
    kernel = os.path.join(os.environ.get("NEONVM_GUEST") or os.path.expanduser("~/.cache/neonvm/guest"), "vmlinuz")
    with open(kernel, "rb") as file:
        if b"-neonvm" not in file.read(65536):  # Debian's has its drivers in an initramfs
            return None
    images.archive(folder + "/kernel.tar", name, images.layer_of({"vmlinuz": (kernel, 0o644)}), ["/vmlinuz"])
    return folder + "/kernel.tar"


def neonvm(cluster, *words, **more):
    """The command, as somebody at a terminal uses it on a cluster."""
    return run(NEONVM, "--orchestrator", "k8s", "--kubeconfig", cluster.kubeconfig, *words, env={**os.environ, "HOME": cluster.state}, **more)


def established(cluster):
    """Of a definition that has no conditions yet, kubectl's wait says that it cannot be read."""
    until(lambda: cluster.kubectl("wait", "--for", "condition=Established", "crd", "--all", "--timeout", "60s", check=False).returncode == 0,
          "the definitions are established", 120)


def as_installed(cluster, namespace="default"):
    """What Plane wants in order to be what the bases install: their account and its rights, their webhooks, served from outside."""
    for base in ("crd", "rbac"):
        cluster.kubectl("apply", "-k", os.path.join(MANIFESTS, base))
    established(cluster)
    cluster.kubectl("apply", "-f", os.path.join(MANIFESTS, "controlplane/account.yaml"))
    cluster.kubectl("apply", "-n", namespace, "-k", os.path.join(MANIFESTS, "namespace"))
    door = f"https://{cluster.address}:9443"
    for kind in ("mutating", "validating"):
        with open(os.path.join(MANIFESTS, f"webhook/{kind}.yaml"), encoding="utf-8") as file:
            cluster.kubectl("apply", "-f", "-", stdin=re.sub(r"service: \{.*path: (\S+)\}", f"url: {door}\\1", file.read()))
    return {"kubeconfig": cluster.account("neonvm-system", "neonvm"),
            "words": ("--webhooks", door, "--webhook-name", cluster.address)}


class Plane:
    """`neonvm serve` for one namespace of the cluster, outside of it; for all of them with "*"."""

    def __init__(self, cluster, namespace="default", words=(), kubeconfig=None, environment=None, config=""):
        self.environment = {**os.environ, **(environment or {})}
        self.home = tempfile.mkdtemp(prefix="neonvm-plane-")
        self.log = os.path.join(self.home, "log")
        self.config = os.path.join(self.home, "config.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'[orchestrator]\nplugin = "k8s"\n[kubernetes]\nkubeconfig = "{kubeconfig or cluster.kubeconfig}"\nnamespace = "{namespace}"\n'
                       f'runner_image = "{RUNNER_IMAGE}"\n{config}')
        self.words = words
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([NEONVM, "--home", self.home, "--config", self.config, "serve", *self.words], stdout=log, stderr=log,
                                            env=self.environment)
        until(lambda: "serves" in self.text() or WAITS in self.text() or self.process.poll() is not None, "the control plane serves")

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def neonvm(self, *words, check=True):
        done = subprocess.run([NEONVM, "--home", self.home, "--config", self.config, *words], capture_output=True, text=True, check=False, timeout=120)
        if check and done.returncode != 0:
            raise AssertionError(f"neonvm {' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout if check else done

    def kill(self):
        self.process.kill()
        self.process.wait()

    def down(self, show=False):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        if show:
            print(self.text(), file=sys.stderr)
        shutil.rmtree(self.home, ignore_errors=True)


def install(cluster, *namespaces):
    """Everything from the bases in the tree, the control plane as pods of the cluster; returns when its webhooks are trusted."""
    for base in ("crd", "rbac"):
        cluster.kubectl("apply", "-k", os.path.join(MANIFESTS, base))
    established(cluster)
    for namespace in namespaces:
        if namespace != "default":
            cluster.kubectl("create", "namespace", namespace)
        cluster.kubectl("apply", "-n", namespace, "-k", os.path.join(MANIFESTS, "namespace"))
    for base in ("webhook", "controlplane"):
        text = run(programs.find(["kubectl"])["kubectl"], "kustomize", os.path.join(MANIFESTS, base))
        for released, here in (("ghcr.io/neonvm/neonvm-runner:0.1.0", RUNNER_IMAGE), ("ghcr.io/neonvm/neonvm:0.1.0", PLANE_IMAGE)):
            text = text.replace(released, here)
        cluster.kubectl("apply", "-f", "-", stdin=text)
    cluster.kubectl("rollout", "status", "-n", "neonvm-system", "deployment/neonvm", "--timeout", "120s")
    hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/neonvm"
    until(lambda: all(each["clientConfig"].get("caBundle") for each in cluster.get(hooks)["webhooks"]), "the API server trusts the webhooks", 60)
