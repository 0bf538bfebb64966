"""A home of a test's own, and the neonvm program as a user drives it. Standard library only.

Everything that a Lab starts ends with it: close() stops the VMs, the control plane, and whatever still has the home's
path in its command line.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

NEONVM = os.environ.get("NEONVM", "neonvm")


class Refused(Exception):
    def __init__(self, args, code, out, err):
        super().__init__(f"neonvm {' '.join(args)}: exit code {code}\n{out}{err}")
        self.code, self.out, self.err = code, out, err


class Lab:
    def __init__(self, nodes=2, cpu="4", memory="8Gi", config=""):
        self.home = tempfile.mkdtemp(prefix="nvm")
        self.config = os.path.join(self.home, "config.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config)
            for i in range(1, nodes + 1):
                file.write(f'\n[[node]]\nname = "node{i}"\ncpu = "{cpu}"\nmemory = "{memory}"\nwatermark = 1.0\n')
        self.serve_process = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            self.show_logs()
        self.close()

    # --- the program

    def argv(self, *args):
        return [NEONVM, "--home", os.path.join(self.home, "h"), "--config", self.config, *args]

    def run(self, *args, stdin=None, timeout=180, binary=False):
        done = subprocess.run(self.argv(*args), input=stdin, capture_output=True, timeout=timeout, check=False)
        out = done.stdout if binary else done.stdout.decode(errors="replace")
        if done.returncode != 0:
            raise Refused(args, done.returncode, "" if binary else out, done.stderr.decode(errors="replace"))
        return out

    def refused(self, *args):
        """The Refused of a call that must not succeed."""
        try:
            out = self.run(*args)
        except Refused as refused:
            return refused
        raise AssertionError(f"neonvm {' '.join(args)} was expected to fail, but printed: {out}")

    def get(self, vm):
        return json.loads(self.run("get", vm, "-o", "json"))

    def status(self, vm):
        return self.get(vm).get("status", {})

    def guest(self, vm, *command, **kw):
        return self.run("exec", "-n", vm, "--", *command, **kw)

    def guest_start(self, vm, *command):
        """A command that runs on in a guest; its output comes by communicate()."""
        return subprocess.Popen(self.argv("exec", "-n", vm, "--", *command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def cpus_in_guest(self, vm):
        return int(self.guest(vm, "nproc").strip())

    def memory_in_guest(self, vm):
        """MemTotal in MiB."""
        for line in self.guest(vm, "cat", "/proc/meminfo").splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) // 1024
        raise AssertionError("no MemTotal")

    # --- the control plane

    def serve(self):
        log = open(os.path.join(self.home, "serve-test.log"), "ab")
        self.serve_process = subprocess.Popen(self.argv("serve"), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                              start_new_session=True)
        socket = os.path.join(self.home, "h", "serve.sock")
        self.until(lambda: os.path.exists(socket) and self.answers(), "serve answers", 20)
        return self.serve_process

    def answers(self):
        import http.client
        import socket as sockets
        try:
            with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as s:
                s.settimeout(2)
                s.connect(os.path.join(self.home, "h", "serve.sock"))
                s.sendall(b"GET /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                response = http.client.HTTPResponse(s)
                response.begin()
                return response.status == 200
        except OSError:
            return False

    def kill_serve(self, how=signal.SIGKILL):
        os.kill(self.serve_process.pid, how)
        self.serve_process.wait(30)

    # --- processes

    def processes(self):
        """(pid, argv) of every process that names this home."""
        found = []
        for pid in os.listdir("/proc"):
            if not pid.isdigit() or int(pid) == os.getpid():
                continue
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode(errors="replace").split("\0")
                with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                    state = file.read().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if state != "Z" and any(self.home in word for word in words):
                found.append((int(pid), words))
        return found

    def qemus(self, vm=None):
        return [pid for pid, words in self.processes()
                if "qemu-system" in words[0] and (vm is None or any(f"/vms/{vm}/" in w for w in words)
                                                   or any(w.split(",")[0] in (vm, f"guest={vm}") for w in words))]

    def runners(self):
        return [pid for pid, words in self.processes() if "runner" in words and "--spec" in words]

    def until(self, condition, what, limit=60):
        end = time.monotonic() + limit
        pause = 0.02
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"not within {limit} s: {what}")
            time.sleep(pause)  # the command line tells of changes only to those who ask
            pause = min(pause * 1.5, 0.3)

    def show_logs(self):
        for folder, _, files in os.walk(self.home):
            for name in files:
                if name.endswith(".log"):
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8", errors="replace") as file:
                        tail = file.read()[-20000:]
                    print(f"--- {path[len(self.home):]}\n{tail}", file=sys.stderr)

    def close(self):
        if self.serve_process and self.serve_process.poll() is None:
            self.serve_process.terminate()
            try:
                self.serve_process.wait(20)
            except subprocess.TimeoutExpired:
                self.serve_process.kill()
                self.serve_process.wait()
        end = time.monotonic() + 20
        while (left := self.processes()) and time.monotonic() < end:
            for pid, _ in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        shutil.rmtree(self.home, ignore_errors=True)


def main(tests):
    """Runs the functions named on the command line, or all; prints one line each."""
    wanted = sys.argv[1:] or [test.__name__ for test in tests]
    for test in tests:
        if test.__name__ not in wanted:
            continue
        began = time.monotonic()
        print(f"{test.__name__} …", flush=True)
        test()
        print(f"{test.__name__}: ok, {time.monotonic() - began:.1f} s", flush=True)
