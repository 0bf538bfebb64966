"""node_init.py FOLDER: the first process of a node's namespaces (network, mounts, processes). For node.py.

Gives the node a /run, /var/lib and /var/log of its own, because the kubelet has paths in them that no flag changes and deletes there
what it does not know; and kernel settings of its own to look at, because the kubelet would set those of the whole machine.
"""
import os
import signal
import subprocess
import sys

SETTINGS = {"vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
            "kernel/keys/root_maxkeys": 1000000, "kernel/keys/root_maxbytes": 25000000}


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def main():
    folder = sys.argv[1]
    for name, where in (("run", "/run"), ("lib", "/var/lib"), ("log", "/var/log")):
        own = os.path.join(folder, "own", name)
        os.makedirs(own, exist_ok=True)
        mount("--bind", own, where)
    for path in ("/run/lock", "/var/log/pods", "/var/log/containers", "/var/lib/kubelet"):
        os.makedirs(path, exist_ok=True)
    for name, value in SETTINGS.items():
        stand_in = os.path.join(folder, "own", name.replace("/", "."))
        with open(stand_in, "w", encoding="utf-8") as file:
            file.write(f"{value}\n")
        if os.path.exists("/proc/sys/" + name):
            mount("--bind", stand_in, "/proc/sys/" + name)
    mount("--make-rshared", "/")  # for volumes that are mounted in both directions
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    with open(os.path.join(folder, "ready"), "w", encoding="utf-8"):
        pass
    while True:  # whoever has lost its parent is ours to bury
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        signal.sigwait({signal.SIGCHLD})


if __name__ == "__main__":
    main()
