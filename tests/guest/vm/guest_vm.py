"""A QEMU with the default guest and the devices that our hypervisor gives a VM, driven by a test that plays its runner:
QMP, the guest protocol on the virtio-serial port, the console. Standard library only.
"""
import base64
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

MIB = 1 << 20
PORT = "tech.neon.guest.0"


def until(condition, what, limit=30):
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what}")
        time.sleep(0.02)  # what is waited for here gives no event


class Lines:
    """JSON objects, one a line, over a Unix socket; what is not waited for is kept."""

    def __init__(self, path, limit=20):
        self.socket = until(lambda: self.try_connect(path), f"{os.path.basename(path)} takes a connection", limit)
        self.messages = queue.Queue()
        self.kept = []
        self.sending = threading.Lock()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    @staticmethod
    def try_connect(path):
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.connect(path)
            return link
        except OSError:
            link.close()
            return None

    def read(self):
        rest = b""
        while True:
            try:
                got = self.socket.recv(65536)
            except OSError:
                got = b""
            if not got:
                self.messages.put(None)
                return
            *lines, rest = (rest + got).split(b"\n")
            for line in lines:
                try:
                    message = json.loads(line)
                except ValueError:
                    continue  # the tail of a line for somebody before us
                message["at"] = time.monotonic()
                self.messages.put(message)

    def send(self, message, before=b""):
        with self.sending:
            self.socket.sendall(before + json.dumps(message).encode() + b"\n")

    def wait(self, wanted, what, limit=30):
        """The next message for which wanted(message) holds; the others stay, in order."""
        for i, message in enumerate(self.kept):
            if wanted(message):
                return self.kept.pop(i)
        end = time.monotonic() + limit
        while True:
            try:
                message = self.messages.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not within {limit} s: {what}; last: {self.kept[-3:]}") from None
            if message is None:
                raise AssertionError(f"the connection ended before: {what}")
            if wanted(message):
                return message
            self.kept.append(message)

    def forget(self):
        self.kept.clear()
        while not self.messages.empty():
            self.messages.get()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        self.reader.join()


class Qmp(Lines):
    def __init__(self, path):
        super().__init__(path)
        self.wait(lambda m: "QMP" in m, "QMP's greeting")
        self.next_id = 0
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        self.next_id += 1
        number = self.next_id
        self.send({"execute": command, "arguments": arguments, "id": number})
        reply = self.wait(lambda m: m.get("id") == number, f"the reply to {command}")
        if "error" in reply:
            raise AssertionError(f"{command}: {reply['error']}")
        return reply["return"]


class GuestLink(Lines):
    def __init__(self, path, greet=True):
        super().__init__(path)
        self.next_id = 0
        self.hello = self.greet() if greet else None

    def greet(self, session="test-host"):
        self.send({"type": "hello", "schema": 1, "session": session}, before=b"\n")
        return self.wait(lambda m: m.get("type") == "hello", "the monitor's hello", 60)

    def start(self, kind, **fields):
        self.next_id += 1
        self.send({"type": kind, "id": self.next_id, **fields})
        return self.next_id

    def reply_to(self, number, limit=30):
        return self.wait(lambda m: m.get("type") == "reply" and m["id"] == number, f"the reply to {number}", limit)

    def ask(self, kind, limit=30, **fields):
        return self.reply_to(self.start(kind, **fields), limit)

    def sample(self, wanted=lambda s: True, what="a sample", limit=30):
        return self.wait(lambda m: m.get("type") == "sample" and wanted(m["sample"]), what, limit)

    def exec(self, *argv, stdin=b"", limit=60, **fields):
        """(exit code, stdout, stderr) of a command; acknowledges what it prints."""
        number = self.start("exec", argv=list(argv), **fields)
        self.send({"type": "data", "id": number, "stream": "stdin", "data": base64.b64encode(stdin).decode(), "end": True})
        out, reply = self.collect(number, limit)
        if not reply["ok"]:
            raise AssertionError(f"{argv}: {reply}")
        return reply["exitCode"], out["stdout"].decode(errors="replace"), out["stderr"].decode(errors="replace")

    def collect(self, number, limit=60):
        """The bytes of a stream by name, and the reply that ends it."""
        out = {"stdout": b"", "stderr": b"", "file": b""}
        while True:
            m = self.wait(lambda m: m.get("id") == number and m.get("type") in ("data", "reply"), "a command's end", limit)
            if m["type"] == "reply":
                return out, m
            got = base64.b64decode(m.get("data", ""))
            out[m["stream"]] += got
            if got:
                self.send({"type": "ack", "id": number, "stream": m["stream"], "bytes": len(got)})

    def shell(self, text, **kw):
        code, out, err = self.exec("sh", "-c", text, **kw)
        assert code == 0, f"{text}: exit code {code}: {out}{err}"
        return out.strip()

    def put(self, path, content, mode=0o600):
        """One window's worth at a time."""
        number = self.start("putFile", path=path, mode=mode)
        sent = consumed = 0
        while True:
            while sent < len(content) and sent - consumed < 256 * 1024:
                part = content[sent:sent + 32 * 1024]
                sent += len(part)
                self.data(number, part, sent == len(content))
            if not content and sent == 0:
                self.data(number, b"", True)
                sent = -1
            m = self.wait(lambda m: m.get("id") == number and m["type"] in ("ack", "reply"), "put goes on")
            if m["type"] == "reply":
                return m
            consumed += m["bytes"]

    def data(self, number, part, end):
        self.send({"type": "data", "id": number, "stream": "file", "data": base64.b64encode(part).decode(), "end": end})

    def get(self, path):
        return self.collect(self.start("getFile", path=path))


class GuestVm:
    """max_cpus and base memory as our hypervisor passes them; TCG's base memory is odd on purpose."""

    def __init__(self, kernel, initrd, cpus=4, online=1, base=512, pluggable=2048, forwards=(), words="", disk=None,
                 talks=True):
        self.talks = talks
        self.folder = tempfile.mkdtemp(prefix="nvmg")
        self.base = base * MIB + 8192
        self.process = subprocess.Popen(
            self.argv(kernel, initrd, cpus, online, pluggable, forwards, words, disk), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(self.path("qemu.log"), "wb"), start_new_session=True)
        self.started = time.monotonic()
        self.qmp = None
        self.link = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def argv(self, kernel, initrd, cpus, online, pluggable, forwards, words, disk):
        accelerator = os.environ.get("NEONVM_TEST_ACCEL", "tcg,thread=multi")
        user = "user,id=net0,ipv6=off,restrict=on" + "".join(f",hostfwd=tcp:127.0.0.1:{h}-:{g}" for h, g in forwards)
        return [os.environ.get("NEONVM_TEST_QEMU", "qemu-system-x86_64"), "-name", "guest=test,debug-threads=on",
                "-nodefaults", "-no-user-config", "-display", "none", "-only-migratable",
                "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
                "-action", "reboot=shutdown,shutdown=poweroff,panic=shutdown",
                "-machine", "q35,memory-backend=ram0,vmport=off,dump-guest-core=off,usb=off",
                "-accel", accelerator, "-cpu", "max",
                "-smp", f"cpus={cpus},maxcpus={cpus},sockets=1,dies=1,cores={cpus},threads=1",
                "-m", f"size={self.base // 1024}K,slots=1,maxmem={(self.base + pluggable * MIB) // 1024}K",
                "-object", f"memory-backend-ram,id=ram0,size={self.base}",
                "-object", f"memory-backend-ram,id=vmem0,reserve=off,size={pluggable * MIB}",
                "-device", "virtio-mem-pci,id=vmem,memdev=vmem0,block-size=2097152,requested-size=0",
                "-chardev", f"socket,id=monitor,path={self.path('qmp')},server=on,wait=off",
                "-mon", "chardev=monitor,mode=control",
                "-chardev", f"file,id=console,path={self.path('console')}", "-serial", "chardev:console",
                "-device", "virtio-serial-pci,id=serial0",
                "-chardev", f"socket,id=guest,path={self.path('guest')},server=on,wait=off",
                "-device", f"virtserialport,id=guestport,bus=serial0.0,nr=1,chardev=guest,name={PORT}",
                "-object", "rng-builtin,id=rng0", "-device", "virtio-rng-pci,id=rng,rng=rng0",
                "-device", "pvpanic-pci,id=panic",
                "-netdev", user, "-device", "virtio-net-pci,id=nic0,netdev=net0,romfile=,mac=02:00:00:00:00:01",
                *([] if disk is None else ["-drive", f"if=none,id=root,format=raw,file={disk}",
                                           "-device", "virtio-blk-pci,id=dev-root,drive=root"]),
                "-kernel", kernel, *([] if initrd is None else ["-initrd", initrd]),
                "-append", "console=ttyS0 panic=-1 memory_hotplug.online_policy=auto-movable "
                "memory_hotplug.auto_movable_ratio=401 memhp_default_state=online swiotlb=noforce no_timer_check quiet "
                f"maxcpus={online} {words}"]

    def __enter__(self):
        try:
            self.qmp = Qmp(self.path("qmp"))
            if self.talks:
                self.link = GuestLink(self.path("guest"))
                self.greeted = time.monotonic() - self.started
        except BaseException:
            self.show_logs()
            self.close()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            self.show_logs()
        self.close()

    def plug(self, total):
        """Wishes the VM to have `total` bytes."""
        wish = max(0, total - self.base + 2 * MIB - 1) // (2 * MIB) * (2 * MIB)
        self.qmp.run("qom-set", path="/machine/peripheral/vmem", property="requested-size", value=wish)
        return wish

    def plugged(self):
        return self.qmp.run("qom-get", path="/machine/peripheral/vmem", property="size")

    def since_start(self):
        return time.monotonic() - self.started

    def wait_end(self, limit=30):
        self.process.wait(limit)
        return self.process.returncode

    def console(self):
        with open(self.path("console"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def show_logs(self):
        for name in ("console", "qemu.log"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), encoding="utf-8", errors="replace") as file:
                    print(f"--- {name}\n{file.read()[-6000:]}", file=sys.stderr)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for link in (self.qmp, self.link):
            if link:
                link.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_disk(folder, init):
    """An ext4 root with busybox and that script as /sbin/init, made without root."""
    root = os.path.join(folder, "root")
    for name in ("bin", "sbin", "dev", "proc", "sys", "run", "tmp"):
        os.makedirs(os.path.join(root, name))
    busybox = next(path for path in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(path))
    subprocess.run(["cp", busybox, os.path.join(root, "bin", "busybox")], check=True)
    for applet in ("sh", "sleep", "mount", "grep", "poweroff", "kill", "pidof"):
        os.symlink("busybox", os.path.join(root, "bin", applet))
    with open(os.path.join(root, "sbin", "init"), "w", encoding="utf-8") as file:
        file.write(init)
    os.chmod(os.path.join(root, "sbin", "init"), 0o755)
    disk = os.path.join(folder, "disk")
    subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-d", root, disk, "16M"], check=True, stdout=subprocess.DEVNULL)
    return disk


def default_guest():
    """(kernel, initrd) that the tests are about."""
    folder = os.environ.get("NEONVM_GUEST") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "neonvm", "guest")
    files = os.path.join(folder, "vmlinuz"), os.path.join(folder, "initrd")
    for file in files:
        if not os.path.exists(file):
            sys.exit(f"{file} is not there; make it: scripts/guest-image")
    try:
        with open(os.path.join(folder, "release"), encoding="utf-8") as file:
            print(f"guest kernel {file.read().strip()}", flush=True)
    except OSError:
        pass  # a folder that scripts/guest-image has not made
    return files


def main(names):
    """Runs the tests named on the command line, or all; prints one line each."""
    tests = {name: test for name, test in names.items() if name.startswith("test_")}
    unknown = [name for name in sys.argv[1:] if name not in tests]
    if unknown:
        sys.exit(f"there is no test {unknown[0]}; there are: {' '.join(tests)}")
    for name in sys.argv[1:] or tests:
        began = time.monotonic()
        print(f"{name} …", flush=True)
        tests[name]()
        print(f"{name}: ok, {time.monotonic() - began:.1f} s", flush=True)
