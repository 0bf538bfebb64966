"""Disks, files, secrets, sysctl and swap as a user gives them to VMs under QEMU."""
import json
import os
import re
import shutil
import time

from lab import Lab, main


def runner_logs(lab, vm):
    """What the runners of a VM have logged."""
    text = ""
    for folder, _, files in os.walk(os.path.join(lab.home, "h")):
        for name in files:
            if name.endswith(".log") and name != "console.log":
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    text += file.read()
    return "\n".join(line for line in text.splitlines() if vm in line or "disk=" in line)


def in_guest(lab, vm, text):
    return lab.guest(vm, "sh", "-c", text).strip()


def disks_are_there():
    with Lab(nodes=1) as lab:
        lab.run("run", "db", "--fixed", "--disk", "data=64Mi:/data,quota,discard", "--disk", "read=32Mi:/mnt/read only,ro",
                "--tmpfs", "16Mi:/data/cache", "--sysctl", "vm.swappiness=7", "--sysctl", "no.such.thing=1")
        # The monitor answers before the last of its disks is there.
        lab.until(lambda: "/data/cache" in in_guest(lab, "db", "cat /proc/mounts"), "everything is mounted")
        mounts = in_guest(lab, "db", "cat /proc/mounts")
        assert re.search(r"^/dev/vd. /data ext4 rw,.*discard", mounts, re.M), mounts
        assert "prjquota" in mounts, mounts
        assert re.search(r"^/dev/vd. /mnt/read\\040only ext4 ro,", mounts, re.M), mounts
        assert re.search(r"^tmpfs /data/cache tmpfs .*size=16384k", mounts, re.M), mounts
        assert in_guest(lab, "db", "cat /proc/sys/vm/swappiness") == "7"
        assert "sysctl no.such.thing=1: " in lab.run("logs", "db"), lab.run("logs", "db")
        assert lab.refused("exec", "-n", "db", "--", "touch", "/mnt/read only/x").code != 0
        in_guest(lab, "db", "echo kept >/data/file; sync; fstrim /data")
        fills_up(lab)
        lab.run("stop", "db")
        lab.run("start", "db")
        lab.until(lambda: in_guest(lab, "db", "cat /data/file 2>/dev/null || true") == "kept", "the file is there again")
        assert "data: 64Mi at /data, with quota, discard" in lab.run("describe", "db")


def fills_up(lab):
    """A limit holds for who is not root; a full disk is the workload's affair, not the VM's."""
    lab.run("disk", "quota", "db", "data", "8Mi")
    in_guest(lab, "db", "grep -q ^u: /etc/passwd || echo 'u:x:1000:1000::/:/bin/sh' >>/etc/passwd; mkdir -p /data/u; chown 1000 /data/u")
    assert lab.refused("exec", "-n", "db", "--", "su", "u", "-c", "dd if=/dev/zero of=/data/u/big bs=1M count=20").err
    used = int(in_guest(lab, "db", "du -k /data/u | cut -f1"))
    assert 4096 < used <= 8192, used
    assert 7 * 1024 <= int(in_guest(lab, "db", "df -k /data | tail -1 | awk '{print $2}'")) <= 8 * 1024
    lab.run("disk", "quota", "db", "data", "none")
    in_guest(lab, "db", "su u -c 'dd if=/dev/zero of=/data/u/big bs=1M count=20 2>/dev/null'")
    assert "No space" in lab.refused("exec", "-n", "db", "--", "dd", "if=/dev/zero", "of=/data/all", "bs=1M").err
    in_guest(lab, "db", "rm /data/all /data/u/big")
    assert "not made" not in lab.run("describe", "db")
    assert "made without quotas" in lab.refused("disk", "quota", "db", "read", "1Mi").err
    assert lab.refused("disk", "quota", "db", "nothing", "1Mi").code == 4


def files_follow():
    with Lab() as lab:
        password = os.path.join(lab.home, "pw")
        write(password, "first")
        lab.run("secret", "set", "db", f"password={password}", f"spare={password}")
        folder = os.path.join(lab.home, "conf")
        os.makedirs(os.path.join(folder, "sub"))
        write(os.path.join(folder, "app.conf"), "one\n")
        write(os.path.join(folder, "sub", "Name.With.Dots"), "two\n")
        lab.run("run", "web", "--fixed", "--may-migrate", "--secret", "db:/run/secrets/db", "--configmap", f"conf={folder}:/etc/my conf",
                "--", "sh", "-c", "cat /run/secrets/db/password '/etc/my conf/app.conf'; sleep 100000")
        lab.until(lambda: "first" in lab.run("logs", "web"), "the workload starts, and has its secret then")
        assert in_guest(lab, "web", "stat -Lc '%a %u' /run/secrets/db/password") == "400 0"
        assert in_guest(lab, "web", "cat '/etc/my conf/sub/Name.With.Dots'") == "two"
        assert re.search(r"^ramfs /run/secrets/db ramfs ro", in_guest(lab, "web", "cat /proc/mounts"), re.M)
        assert lab.refused("exec", "-n", "web", "--", "sh", "-c", "echo x >/run/secrets/db/password").code != 0
        every_argv = "".join(" ".join(words) for _, words in lab.processes())
        assert "first" not in every_argv and "first" not in runner_logs(lab, ""), "a secret is in no command line and no log"
        changes_come(lab, password, folder)
        whole_or_not_at_all(lab, folder)
        survives_its_carriers(lab, password)
        what_is_removed(lab, password, folder)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def appears(lab, command, wanted, limit=20):
    # Until it has come, there may be nothing to read.
    lab.until(lambda: in_guest(lab, "web", command + " 2>/dev/null || true") == wanted, f"{command} gives {wanted}", limit)


def changes_come(lab, password, folder):
    write(password, "second")
    began = time.monotonic()
    lab.run("secret", "set", "db", f"password={password}")
    appears(lab, "cat /run/secrets/db/password", "second")
    print(f"  a changed secret is there {time.monotonic() - began:.2f} s after `secret set` began, two commands included", flush=True)
    took = [int(ms) for ms in re.findall(r"files sent.*ms=(\d+)", runner_logs(lab, ""))]
    print(f"  milliseconds from reading to the guest's word: {took}", flush=True)
    appears(lab, "ls /run/secrets/db", "password")
    write(os.path.join(folder, "app.conf"), "three\n")
    appears(lab, "cat '/etc/my conf/app.conf'", "three")
    os.makedirs(os.path.join(folder, "late"))
    write(os.path.join(folder, "late", "file"), "four\n")
    appears(lab, "cat '/etc/my conf/late/file'", "four")


def whole_or_not_at_all(lab, folder):
    """Two files that are changed together are never seen one new and one old, by way of ..data. A folder that was left behind goes
    under its readers, as in Kubernetes."""
    in_guest(lab, "web", "cat >/tmp/watch <<'END'\n"
             "same=0 mixed=0; for i in $(seq 400); do cd '/etc/my conf/..data' && a=$(cat a 2>/dev/null) && b=$(cat b 2>/dev/null) || continue\n"
             "[ \"$a\" = \"$b\" ] && same=$((same+1)) || mixed=$((mixed+1)); done; [ $same -gt 100 ] && echo $mixed mixed || echo only $same\n"
             "END\n")
    generations = [os.path.join(folder, f"..g{i}") for i in range(2)]
    for i in range(12):
        now = generations[i % 2]
        shutil.rmtree(now, ignore_errors=True)
        os.makedirs(now)
        for name in ("a", "b"):
            write(os.path.join(now, name), str(i))
        os.symlink(os.path.basename(now), os.path.join(folder, "..new"))
        os.replace(os.path.join(folder, "..new"), os.path.join(folder, "..data"))
        if i == 0:
            appears(lab, "cat '/etc/my conf/a'", "0")
            watcher = lab.guest_start("web", "sh", "/tmp/watch")
        time.sleep(0.05)  # the storm that is to be withstood
    appears(lab, "cat '/etc/my conf/b'", "11")
    said = watcher.communicate(timeout=120)[0].strip()
    assert said == b"0 mixed", said


def sent(lab):
    return len(re.findall("files sent", runner_logs(lab, "")))


def survives_its_carriers(lab, password):
    before = sent(lab)
    lab.run("migrate", "web")
    lab.until(lambda: lab.status("web").get("guestConnected"), "the monitor answers after the move")
    lab.until(lambda: all(not f.get("why") for f in lab.status("web")["files"]), "the files are as on the host")
    assert sent(lab) == before, "nothing was sent again"
    tolerant(lab, "kill -9 $(pidof neonvm | tr ' ' '\\n' | grep -vx 1) || true")
    write(password, "third")
    lab.run("secret", "set", "db", f"password={password}")
    lab.until(lambda: tolerant(lab, "cat /run/secrets/db/password") == "third", "the new monitor gets what has changed", 40)
    assert sent(lab) == before + 1, runner_logs(lab, "")


def tolerant(lab, text):
    try:
        return in_guest(lab, "web", text)
    except Exception:  # the link comes back by itself
        return ""


def what_is_removed(lab, password, folder):
    lab.run("secret", "delete", "db")
    lab.until(lambda: "keeps what it had" in lab.run("describe", "web"), "it is told that the secret is gone")
    assert in_guest(lab, "web", "cat /run/secrets/db/password") == "third"
    write(password, "fourth")
    lab.run("secret", "set", "db", f"password={password}")
    appears(lab, "cat /run/secrets/db/password", "fourth")
    lab.run("stop", "web")
    lab.run("secret", "delete", "db")
    lab.run("start", "web", "--no-wait")
    lab.until(lambda: "secrets/db is not there" in lab.run("describe", "web"), "a VM does not start without its secret")
    lab.run("secret", "set", "db", f"password={password}")
    lab.until(lambda: lab.status("web").get("guestConnected"), "it starts when the secret is there", 90)


def swap_moves_while_in_use():
    with Lab(nodes=2) as lab:
        lab.run("run", "small", "--fixed", "--memory", "256Mi", "--swap", "128Mi", "--tmpfs", "400Mi:/big")
        has_swap(lab, 128)
        in_guest(lab, "small", "dd if=/dev/urandom of=/big/x bs=1M count=180 2>/dev/null && md5sum /big/x >/tmp/sum")
        in_guest(lab, "small", "dd if=/dev/zero of=/big/y bs=1M count=70 2>/dev/null")
        lab.until(lambda: used_swap(lab) > 30, "something is swapped out")
        lab.run("scale", "small", "--swap", "256Mi")
        has_swap(lab, 256)
        lab.run("migrate", "small")
        lab.run("scale", "small", "--swap", "192Mi")
        has_swap(lab, 192)
        refused = lab.refused("scale", "small", "--swap", "1Mi")
        assert refused.code == 6 and "is missing" in refused.err, refused.err
        has_swap(lab, 192)
        in_guest(lab, "small", "md5sum -c /tmp/sum && rm /big/y")
        in_guest(lab, "small", "rm /big/x")
        lab.run("scale", "small", "--swap", "0")
        has_swap(lab, 0)
        lab.run("scale", "small", "--swap", "64Mi")
        has_swap(lab, 64)
        assert "Swap:" in lab.run("describe", "small")
        lab.run("stop", "small")
        lab.run("start", "small")
        has_swap(lab, 64)


def swap_comes_with_the_next_start():
    """A machine without a disk for it says so; one with the least grows at once."""
    with Lab(nodes=1) as lab:
        lab.run("run", "small", "--fixed", "--memory", "256Mi")
        assert lab.run("scale", "small", "--swap", "0") == "small has no swap\n"
        said = lab.run("scale", "small", "--swap", "1Mi")
        assert "at its next start (neonvm stop, then start)" in said, said
        assert re.search(r"Swap: .*from its next start on", lab.run("describe", "small")), lab.run("describe", "small")
        lab.run("stop", "small")
        lab.run("start", "small")
        has_swap(lab, 1)
        lab.run("scale", "small", "--swap", "64Mi")
        has_swap(lab, 64)


def has_swap(lab, wanted):
    lab.until(lambda: swap_in_guest(lab) == wanted, f"the guest has {wanted} MiB of swap")


def swap_in_guest(lab):
    return round((int(in_guest(lab, "small", "awk '/^SwapTotal/{print $2}' /proc/meminfo")) + 4) / 1024)


def used_swap(lab):
    total, free = in_guest(lab, "small", "awk '/^Swap(Total|Free)/{print $2}' /proc/meminfo").split()
    return (int(total) - int(free)) // 1024


MANIFEST = {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachine", "metadata": {"name": "odd"},
            "spec": {"restartPolicy": "Never",
                     "guest": {"cpus": {"min": 1, "use": 1, "max": 1}, "memorySlotSize": "128Mi",
                               "memorySlots": {"min": 4, "use": 4, "max": 4}}}}


def hostile_names_do_no_harm():
    with Lab(nodes=1) as lab:
        for path in ("relative", "/a/../etc", "/", "/proc/1", "/sys", "/dev/x", "/a\nb", "/run/neonvm/x"):
            assert "mountPath" in apply(lab, [{"name": "d", "mountPath": path, "emptyDisk": {"size": "16Mi"}}]), path
        two = [{"name": n, "mountPath": p, "emptyDisk": {"size": "16Mi"}} for n, p in (("a", "/x/"), ("b", "//x/."))]
        assert "another disk's too" in apply(lab, two)
        assert "items" in apply(lab, [{"name": "d", "mountPath": "/d", "secret": {
            "secretName": "s", "items": [{"key": "k", "path": "../../etc/passwd"}]}}])
        assert "secretName" in apply(lab, [{"name": "d", "mountPath": "/d", "secret": {"secretName": "../../etc"}}])
        odd = "/mnt/it's \"odd\"; $(reboot) `reboot`, & \\ %s"
        manifest = dict(MANIFEST, spec=dict(MANIFEST["spec"], disks=[
            {"name": "d", "mountPath": odd, "emptyDisk": {"size": "16Mi"}},
            {"name": "kernel", "mountPath": "/lnk/inner", "tmpfs": {"size": "1Mi"}}]))
        everything = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": {"k": "v"}})
        lab.run("apply", "-f", "-", stdin=f"{everything}\n---\n{json.dumps(manifest)}".encode())
        lab.until(lambda: lab.status("odd").get("guestConnected"), "it runs", 60)
        lab.until(lambda: "ext4" in in_guest(lab, "odd", "cat /proc/mounts"), "it is mounted")
        assert lab.guest("odd", "sh", "-c", 'stat -fc %T "$1"', "sh", odd).strip().startswith("ext2/ext3"), "mounted there, letter by letter"


def apply(lab, disks):
    """What is said of a manifest with these disks, which must be refused."""
    manifest = dict(MANIFEST, spec=dict(MANIFEST["spec"], disks=disks))
    path = os.path.join(lab.home, "odd.json")
    write(path, json.dumps(manifest))
    refused = lab.refused("apply", "-f", path)
    assert refused.code == 2, refused
    return refused.err


main([disks_are_there, files_follow, swap_moves_while_in_use, swap_comes_with_the_next_start, hostile_names_do_no_harm])
