#!/usr/bin/env python3
"""What a VM's owner is told and spared: its memory plan, a clock that is right, SSH whose keys are known."""
import glob
import json
import os
import re
import socket
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import Lab, main  # noqa: E402

MIB = 1024 * 1024


def metrics(lab, vm):
    endpoint = lab.status(vm)["endpoint"].removeprefix("unix:").removeprefix("//")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(10)
        s.connect(endpoint)
        s.sendall(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        text = b""
        while part := s.recv(65536):
            text += part
    return dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if line.startswith("neonvm_runner_"))


def load_in_guest(lab, vm, *what):
    """Runs on in the guest by itself."""
    lab.guest(vm, "sh", "-c", f"setsid neonvm load {' '.join(what)} >/tmp/load-{what[0]} 2>&1 </dev/null &")


def plan_of(lab, vm):
    return json.loads(lab.run("describe", vm, "-o", "json")).get("memoryPlan", {})


def memory_is_planned():
    with Lab(nodes=1) as lab:
        lab.run("run", "full", "--cpus", "1", "--memory", "512Mi..4Gi", "--fixed")
        lab.run("scale", "full", "--memory", "2560Mi")
        idle = lab.until(lambda: plan_of(lab, "full"), "a plan")
        print("idle:", idle)
        assert idle["most"] == 4096 * MIB and idle["size"] == 2560 * MIB
        assert idle["reclaimable"] > 1600 * MIB, idle
        assert idle["held"]["page_structs"] == 32 * MIB
        load_in_guest(lab, "full", "slab", "60Mi", "600")
        load_in_guest(lab, "full", "tables", "40Mi", "600")
        load_in_guest(lab, "full", "locked", "1200Mi", "600")

        def loaded():
            held = plan_of(lab, "full")["held"]
            return (held.get("slab", 0) > 60 * MIB and held.get("page_tables", 0) > 38 * MIB
                    and held.get("locked", 0) > 1190 * MIB and held)

        print("loaded:", lab.until(loaded, "all three are seen", 120))
        told = lab.run("describe", "full")
        assert re.search(r"Held by: +1\.1\dGi locked memory", told), told
        assert "page tables" in told and "slab" in told and "Memory plan:" in told, told
        found = metrics(lab, "full")
        assert float(found['neonvm_runner_memory_held_bytes{holder="locked",vm="full"}']) > 1190 * MIB, found
        assert float(found['neonvm_runner_zone_size_bytes{vm="full",zone="movable"}']) > 1500 * MIB, found
        # The guest would agree to that floor, and to nothing below it.
        floor = plan_of(lab, "full")["floor"]
        assert floor > 1500 * MIB, floor
        refused = lab.refused("scale", "full", "--memory", "512Mi")
        print(refused.err.strip().splitlines()[-1])
        why = lab.status("full")["resize"]["memory"].get("why", "") + lab.status("full").get("message", "") + refused.err
        assert "needed" in why or "holds" in why, why
        wrong = lab.refused("apply", "-f", manifest(lab, "memhp_default_state=online_movable"))
        assert wrong.code == 2 and "page structs" in wrong.err and "26880Mi" in wrong.err, wrong.err
        lab.run("delete", "full")


def its_kernel_keeps_room():
    """Open pipes hold slab that the kernel calls reclaimable and cannot drop: grown over it, the guest would be dead."""
    with Lab(nodes=1, memory="16Gi") as lab:
        lab.run("run", "tight", "--cpus", "1", "--memory", "256Mi..10Gi", "--fixed", "--append", "memhp_default_state=online_movable")
        load_in_guest(lab, "tight", "slab", "110Mi", "3000")
        lab.until(lambda: plan_of(lab, "tight")["held"].get("slab", 0) > 110 * MIB, "its slab is seen", 120)
        refused = lab.refused("scale", "tight", "--memory", "10Gi")
        assert "page structs for more than" in refused.err and "slab" in refused.err, refused.err
        held_up = lab.memory_in_guest("tight")
        assert 1500 < held_up < 3500, held_up
        lab.guest("tight", "sh", "-c", "kill $(ps | awk '/neonvm load slab/ && !/awk/ {print $1}')")
        lab.until(lambda: lab.memory_in_guest("tight") > 9500, "it grows on when there is room", 60)
        lab.run("delete", "tight")


def manifest(lab, words):
    path = os.path.join(lab.home, "wide.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"""apiVersion: vm.neon.tech/v1
kind: VirtualMachine
metadata: {{name: wide}}
spec:
  guest:
    appendKernelCmdline: "{words}"
    cpus: {{min: 1, use: 1, max: 1}}
    memorySlotSize: 128Mi
    memorySlots: {{min: 4, use: 4, max: 512}}
""")
    return path


def offset(lab, vm):
    """Seconds that the guest's clock is behind ours, and how much of that may be the way there and back."""
    before = time.time()
    told = float(lab.guest(vm, "sh", "-c", "date +%s").strip())
    after = time.time()
    return before - told - 1, after - told  # a whole second, cut off


def seen_offset(lab, vm):
    found = metrics(lab, vm)
    key = f'{{vm="{vm}"}}'
    return (abs(float(found.get("neonvm_runner_guest_clock_offset_seconds" + key, "nan"))),
            float(found.get("neonvm_runner_guest_clock_error_seconds" + key, "nan")))


def is_right(lab, vm):
    away, error = seen_offset(lab, vm)
    low, high = offset(lab, vm)
    return away < 0.1 + error and low < 0.2 and high > -0.2


def clock_is_kept():
    with Lab(nodes=2) as lab:
        lab.run("run", "watch", "--cpus", "1", "--memory", "512Mi", "--fixed")
        lab.until(lambda: is_right(lab, "watch"), "the clock of a fresh guest", 90)
        # As a user could put it wrong, and as a pause does: behind, and ahead.
        lab.guest("watch", "sh", "-c", "date -s @$(($(date +%s) - 3600))")
        print(lab.run("migrate", "watch").strip())
        lab.until(lambda: is_right(lab, "watch"), "the clock after a migration", 90)
        told = lab.until(lambda: "set forward by 36" in lab.run("events", "watch") and lab.run("events", "watch"), "the event", 30)
        assert "ClockCorrected" in told, told
        assert "set forward by" in lab.run("describe", "watch")
        lab.guest("watch", "sh", "-c", "date -s @$(($(date +%s) + 3600))")
        # A stopped process stands for a host that was suspended; the guest's own clocks stand still with it or not, by accelerator.
        pid = lab.qemus("watch")[0]
        os.kill(pid, 19)
        time.sleep(5)  # what is to be seen is that this time passes
        os.kill(pid, 18)
        lab.until(lambda: is_right(lab, "watch"), "the clock after a stop, and an hour ahead", 120)
        assert "set back by" in lab.run("events", "watch")
        lab.run("delete", "watch")


def ssh(lab, *args, **kw):
    return subprocess.run(lab.argv("ssh", *args), capture_output=True, text=True, timeout=180, check=False, **kw)


def key_is_made_once(lab, vm):
    """By several at once; what is there is left alone."""
    several = [subprocess.Popen(lab.argv("ssh", "--print-config", vm), stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(6)]
    for one in several:
        out, err = one.communicate(timeout=120)
        assert one.returncode == 0 and b"IdentityFile" in out, err
    folder = os.path.join(lab.home, "h", "vms", vm, "ssh")
    assert sorted(os.listdir(folder)) == ["id_ed25519", "id_ed25519.pub"], os.listdir(folder)
    assert [stat.S_IMODE(os.stat(path).st_mode) for path in (folder, folder + "/id_ed25519")] == [0o700, 0o600]
    halves = [open(folder + "/id_ed25519" + end, "rb").read() for end in ("", ".pub")]
    made = subprocess.run(["ssh-keygen", "-y", "-f", folder + "/id_ed25519"], capture_output=True, check=True).stdout
    assert made.split()[:2] == halves[1].split()[:2], "the two halves belong together"
    lab.run("ssh", "--print-config", vm)
    assert [open(folder + "/id_ed25519" + end, "rb").read() for end in ("", ".pub")] == halves, "it is not made anew"


def ssh_keys_are_known():
    with Lab(nodes=2) as lab:
        lab.run("run", "bare", "--cpus", "1", "--memory", "512Mi", "--fixed")
        key_is_made_once(lab, "bare")
        refused = lab.refused("ssh", "bare", "--", "true")
        assert refused.code == 4 and "openssh-server" in refused.err and "neonvm exec" in refused.err, refused.err
        lab.run("delete", "bare")
        for kind in ("openssh", "dropbear"):
            disk = os.path.join(os.environ["EXAMPLE_DISKS"], f"{kind}.raw")
            lab.run("run", kind, "--cpus", "1", "--memory", "512Mi", "--fixed", "--image", disk)
            said = ssh(lab, kind, "--", "echo $((6*7)); exit 7")
            assert (said.stdout, said.returncode) == ("42\n", 7), said
            assert "warning" not in said.stderr.lower(), said.stderr
            folder = os.path.join(lab.home, "h", "vms", kind, "ssh")
            for name in ("id_ed25519", "known_hosts", "config"):
                assert stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) == 0o600, name
            # A lot of bytes, both ways.
            lump = os.urandom(300000).hex()
            assert ssh(lab, kind, "--", "cat", input=lump).stdout == lump
        known = {open(path, encoding="utf-8").read().split()[2] for path in glob.glob(os.path.join(lab.home, "h/vms/*/ssh/known_hosts"))}
        assert len(known) == 2, known
        # A host key that is not the guest's is not believed.
        config = lab.run("ssh", "--print-config", "openssh")
        assert "StrictHostKeyChecking yes" in config
        lab.run("migrate", "openssh")
        assert ssh(lab, "openssh", "--", "echo moved").stdout == "moved\n"
        for kind in ("openssh", "dropbear"):
            lab.run("delete", kind)
        assert not os.path.exists(folder)


if __name__ == "__main__":
    main([memory_is_planned, its_kernel_keeps_room, clock_is_kept, ssh_keys_are_known])
