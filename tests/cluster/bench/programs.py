"""Where the programs of Kubernetes are, by the convention of envtest: $KUBEBUILDER_ASSETS, or PATH, or what build-kubernetes built."""
import os
import shutil
import subprocess

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
BUILDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build-kubernetes")


class CannotRun(Exception):
    """Nothing is broken, but this machine lacks what a cluster needs. The text says what and what to do."""


def built(build=False):
    """The folder that build-kubernetes keeps, or None. With build=True it is built if need be, which takes many minutes."""
    done = subprocess.run([BUILDER] + ([] if build else ["--find"]), stdout=subprocess.PIPE, text=True, check=False)
    folder = done.stdout.strip()
    if build and done.returncode != 0:
        raise CannotRun("Kubernetes could not be built: see above")
    return folder if done.returncode == 0 else None


def find(names=CONTROL_PLANE, build=False):
    """{name: path}. What belongs together is taken from one folder as far as it goes. Raises CannotRun."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    folders = [os.environ.get("KUBEBUILDER_ASSETS", "")]
    on_path = shutil.which("kube-apiserver", path=path)
    if on_path:
        folders.append(os.path.dirname(on_path))
    found = {}

    def look(folder):
        for name in names:
            candidate = os.path.join(folder, name)
            if folder and name not in found and os.access(candidate, os.X_OK):
                found[name] = candidate

    folders.append(built() or "")
    for folder in folders:
        look(folder)
    for name in names:
        elsewhere = shutil.which(name, path=path)
        if name not in found and elsewhere:
            found[name] = elsewhere
    if build and len(found) < len(names):
        look(built(build=True))
    missing = [name for name in names if name not in found]
    if missing:
        raise CannotRun(f"no {', '.join(missing)} in $KUBEBUILDER_ASSETS, in PATH or in the cache; "
                        "build them once, which takes minutes: tests/cluster/build-kubernetes")
    return found
