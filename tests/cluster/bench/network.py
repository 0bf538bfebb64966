"""The net that nodes are on: a bridge in a network namespace of its own, a port of this machine's and one a node. Needs root.

Everything hangs on the namespaces, and these on the processes that hold them: with those it is gone.
"""
import os
import secrets
import subprocess
import sys
import time

from .daemons import Daemon


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def free_net():
    """X of a 10.X.0.0/16 that this machine has no route into."""
    used = run("ip", "-4", "route", "show", "table", "all")
    return next(x for x in iter(lambda: 64 + secrets.randbelow(128), None) if f"10.{x}." not in used)


def in_net(pid, *words):
    return run("nsenter", f"--net=/proc/{pid}/ns/net", "--", *words)


class Network:
    """10.X.0.0/24 for nodes, 10.X.N.0/24 for the pods of node N."""

    def __init__(self, logs, port, target):
        self.x = free_net()
        self.api = f"10.{self.x}.0.1"   # where nodes and pods find the API server
        self.host = f"10.{self.x}.0.254"
        self.link = "nvm" + secrets.token_hex(4)
        self.holder = Daemon("network", ["unshare", "--net", "sleep", "infinity"], logs)
        self.relay = None
        self.logs, self.port, self.target = logs, port, target

    def node_address(self, number):
        return f"10.{self.x}.0.{10 + number}"

    def pod_net(self, number):
        return f"10.{self.x}.{number}.0/24"

    @property
    def pid(self):
        return self.holder.process.pid

    def up(self):
        self.holder.start()
        await_own_namespace(self.holder)
        for words in ("link set lo up", "link add br0 type bridge", f"addr add {self.api}/24 dev br0", "link set br0 up"):
            in_net(self.pid, "ip", *words.split())
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "host", "netns", str(self.pid))
        in_net(self.pid, "ip", "link", "set", "host", "master", "br0", "up")
        run("ip", "addr", "add", self.host + "/24", "dev", self.link)
        run("ip", "link", "set", self.link, "up")
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay.py")
        self.relay = Daemon("relay", [sys.executable, "-B", script, str(self.pid), self.api, str(self.port), self.target], self.logs)
        self.relay.start()

    def add_node(self, number, pid, count):
        """Gives the namespace of `pid` its interface and its ways to the others."""
        port = f"node{number}"
        in_net(self.pid, "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        in_net(self.pid, "ip", "link", "set", port, "master", "br0", "up")
        in_net(pid, "ip", "link", "set", "lo", "up")
        in_net(pid, "ip", "addr", "add", self.node_address(number) + "/24", "dev", "eth0")
        in_net(pid, "ip", "link", "set", "eth0", "up")
        in_net(pid, "ip", "route", "add", "default", "via", self.host)
        in_net(pid, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        for other in range(1, count + 1):
            if other != number:
                in_net(pid, "ip", "route", "add", self.pod_net(other), "via", self.node_address(other))
        in_net(pid, "iptables", "-w", "-t", "nat", "-A", "POSTROUTING", "-s", self.pod_net(number), "!", "-d", f"10.{self.x}.0.0/16", "-j", "MASQUERADE")
        way = ("ip", "route", "add", self.pod_net(number), "via", self.node_address(number))
        in_net(self.pid, *way)
        run(*way, "dev", self.link)

    def set_way(self, node, is_open):
        """Between a node, "node1", and all others: closed, nothing is answered and nobody is told."""
        in_net(self.pid, "ip", "link", "set", node, "up" if is_open else "down")

    def down(self):
        for daemon in (self.relay, self.holder):
            if daemon:
                daemon.kill()


def await_own_namespace(daemon, limit=30):
    end = time.monotonic() + limit
    while os.readlink(f"/proc/{daemon.process.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        daemon.check()
        if time.monotonic() > end:
            raise TimeoutError(f"{daemon.name}: no namespace of its own within {limit} s")
        time.sleep(0.01)  # a namespace is told to nobody
