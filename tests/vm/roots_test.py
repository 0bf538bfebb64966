"""What a VM is given (disks, files, swap, settings) is there whatever it boots: a disk with an init of its own, and one that
`neonvm build` has made."""
import os
import sys

from lab import Lab, main

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../guest/vm"))
from guest_vm import make_disk  # noqa: E402

OWN_INIT = """#!/bin/sh
grep -q ' /data ext4 rw' /proc/mounts && [ "$(busybox cat /etc/conf/word)" = one ] && echo "own init $$ found all of it"
trap 'poweroff -f' USR2
while :; do sleep 0.2; done
"""


def has_all(lab, vm, disk):
    folder = os.path.join(lab.home, "conf-" + vm)
    os.makedirs(folder)
    word = os.path.join(folder, "word")
    write(word, "one")
    lab.run("secret", "set", "pw", f"password={word}")
    lab.run("run", vm, "--image", disk, "--fixed", "--disk", "data=32Mi:/data,quota", "--tmpfs", "8Mi:/data/scratch", "--configmap", f"conf={folder}:/etc/conf",
            "--secret", "pw:/run/secrets/pw", "--swap", "64Mi", "--sysctl", "vm.swappiness=7")
    lab.until(lambda: in_guest(lab, vm, "cat /etc/conf/word 2>/dev/null || true") == "one", "its files are there")
    mounts = in_guest(lab, vm, "cat /proc/mounts")
    for line in (" /data ext4 rw", " /data/scratch tmpfs rw", " /etc/conf ramfs ro", " /run/secrets/pw ramfs ro"):
        assert line in mounts, mounts
    assert in_guest(lab, vm, "cat /proc/sys/vm/swappiness") == "7"
    lab.until(lambda: in_guest(lab, vm, "sed -n 's/SwapTotal: *//p' /proc/meminfo") in ("65532 kB", "65536 kB"), "it has swap")
    assert in_guest(lab, vm, "cat /run/secrets/pw/password") == "one"
    lab.run("scale", vm, "--swap", "96Mi")
    write(word, "two")
    lab.until(lambda: in_guest(lab, vm, "cat /etc/conf/word") == "two", "a change has followed")
    lab.run("disk", "quota", vm, "data", "16Mi")
    in_guest(lab, vm, "echo kept >/data/file; sync")
    lab.run("stop", vm)
    write(word, "one")
    lab.run("start", vm)
    lab.until(lambda: in_guest(lab, vm, "cat /data/file 2>/dev/null || true") == "kept", "the file is there again")


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def in_guest(lab, vm, text):
    # A root may have busybox without its links, or programs without busybox.
    return lab.guest(vm, "sh", "-c", "PATH=$PATH:/bin; [ -x /bin/busybox ] && for i in cat sed sync; do alias $i=\"busybox $i\"; done\n" + text).strip()


def an_init_of_its_own():
    with Lab(nodes=1) as lab:
        root = os.path.join(lab.home, "root")
        os.makedirs(root)
        has_all(lab, "own", make_disk(root, OWN_INIT))
        lab.until(lambda: lab.run("logs", "own").count("own init 1 found all of it") == 2, "all of it was there before that init")
        lab.run("delete", "own")


def a_built_image():
    with Lab(nodes=1) as lab:
        has_all(lab, "built", os.path.join(os.environ["EXAMPLE_DISKS"], "nginx.raw"))
        lab.run("delete", "built")


if __name__ == "__main__":
    main([an_init_of_its_own, a_built_image])
