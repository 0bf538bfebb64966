"""Network namespaces of a test: machines on one switch, and a way from each to the cluster's API server, which listens on loopback only."""
import ctypes
import os
import socket
import subprocess
import threading
import uuid

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def run(*words, check=True, limit=60):
    done = subprocess.run(words, text=True, capture_output=True, timeout=limit, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def why_not():
    """Empty where namespaces can be made."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"neonvm-try-{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], text=True, capture_output=True, check=False)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return done.stderr.strip()


class Machine:
    """A namespace with eth0 on the switch (another Machine), or with nothing."""

    def __init__(self, switch=None, address=None, mtu=1500):
        self.name = "neonvm-" + uuid.uuid4().hex[:10]
        run("ip", "netns", "add", self.name)
        self.run("ip", "link", "set", "lo", "up")
        if switch:
            port = "p" + uuid.uuid4().hex[:10]
            self.run("ip", "link", "add", "eth0", "mtu", str(mtu), "type", "veth", "peer", "name", port, "mtu", str(mtu), "netns", switch.name)
            switch.run("ip", "link", "set", port, "master", "sw", "up")
            self.run("ip", "address", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
            self.run("ip", "link", "set", "eth0", "up")

    def words(self, *words):
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words, check=True, limit=60):
        return run(*self.words(*words), check=check, limit=limit)

    def remove(self):
        run("ip", "netns", "delete", self.name, check=False)


def switch(mtu=1500):
    made = Machine()
    made.run("ip", "link", "add", "sw", "mtu", str(mtu), "type", "bridge", "mcast_snooping", "0")
    made.run("ip", "link", "set", "sw", "up")
    return made


def listen_in(machine, address, port):
    """A socket that listens in the machine's namespace, and is used from here."""
    made = []

    def make():
        with open(f"/run/netns/{machine.name}", "rb") as there:
            if LIBC.setns(there.fileno(), CLONE_NEWNET) != 0:
                return
        made.append(socket.create_server((address, port)))
    thread = threading.Thread(target=make)  # its namespace goes with it
    thread.start()
    thread.join()
    if not made:
        raise AssertionError(f"no socket in {machine.name}")
    return made[0]


class Relay:
    """Whoever connects to address:port in the machine reaches address:port here. cut(): the network between them is down.
    silence(): what is sent is lost, and nobody is told."""

    def __init__(self, machine, address, port):
        self.target, self.open, self.down, self.silent = (address, port), set(), False, False
        self.door = listen_in(machine, address, port)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.door.accept()[0]
                if self.down:
                    client.close()
                    continue
                if self.silent:
                    self.open.add(client)  # it is never answered
                    continue
                server = socket.create_connection(self.target, timeout=10)
            except OSError:
                if self.door.fileno() < 0:
                    return
                client.close()
                continue
            server.settimeout(None)
            self.open.update((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    def pump(self, one, other):
        try:
            while part := one.recv(65536):
                if not self.silent:
                    other.sendall(part)
        except OSError:
            pass
        self.end(one, other)

    def end(self, *sockets):
        for each in sockets:
            self.open.discard(each)
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def cut(self, down):
        self.down = down
        if down:
            self.end(*list(self.open))

    def silence(self, silent):
        if self.silent and not silent:
            self.end(*list(self.open))  # as when the other end says that it knows nothing of what is sent now
        self.silent = silent

    def remove(self):
        self.cut(True)
        self.end(self.door)
