#!/usr/bin/env python3
"""The example images boot, serve and shut down in order, on both kinds of root; what a read-only root's VM writes stays out of it."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../guest/vm"))
from guest_vm import GuestVm, default_guest, free_port, main, until  # noqa: E402

DISKS = os.environ["EXAMPLE_DISKS"]  # as the examples' scripts made them


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def fetch(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.read().decode(errors="replace")
    except (urllib.error.URLError, OSError):
        return None


def boots(name, pages, ended, root="root=/dev/vda rw", writes=True, kept=False, healthy=False):
    kernel, initrd = default_guest()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="nvmx") as folder:
        disk = os.path.join(folder, "disk")
        shutil.copyfile(os.path.join(DISKS, name), disk)
        before = digest(disk)
        with GuestVm(kernel, initrd, forwards=[(port, 80)], words=root + " neonvm.shell=0", disk=disk) as guest:
            for path, words in pages:
                until(lambda p=path, w=words: w in (fetch(port, p) or ""), f"{path} says {words}", 90)
            if healthy:
                guest.link.wait(lambda m: m.get("type") == "workloadHealth" and m["state"] == "healthy", "a healthy workload", 90)
            if writes:
                assert guest.link.put("/written", b"yes" * 1000)["ok"]
            guest.qmp.run("system_powerdown")
            assert guest.wait_end(60) == 0
            console = guest.console()
            assert ended in console, console
        if kept:
            assert digest(disk) == before, "a read-only root was written to"
        else:
            checked = subprocess.run(["/sbin/e2fsck", "-fn", disk], capture_output=True, text=True, check=False)
            assert checked.returncode == 0, checked.stdout
            assert "clean" in subprocess.run(["/sbin/dumpe2fs", "-h", disk], capture_output=True, text=True, check=True).stdout
        return console


def test_busybox():
    """No shell, no user database, no library: one program."""
    boots("busybox.raw", [("/etc/hosts", "localhost")], "workload was killed by signal 15", healthy=True)


def test_nginx():
    pages = [("/", "Welcome to nginx"), ("/who.txt", "www-data")]
    console = boots("nginx.raw", pages, "workload ended with code 0")
    assert "shutdown hook: nginx is asked to finish" in console, console


def test_nginx_read_only():
    pages = [("/", "Welcome to nginx"), ("/who.txt", "www-data")]
    boots("nginx.erofs", pages, "workload ended with code 0", root="root=/dev/vda ro", kept=True)


if __name__ == "__main__":
    main(globals())
