#!/usr/bin/python3
"""`neonvm init` of the default guest in a real QEMU: what it starts, how it ends. See guest_vm.py.
    init_vm_test.py [TEST …]     NEONVM_GUEST names the folder with vmlinuz and initrd
"""
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest_vm import GuestVm, default_guest, main, make_disk, until  # noqa: E402

KERNEL, INITRD = default_guest()


def vm(**kw):
    return GuestVm(KERNEL, INITRD, **kw)


def test_powers_off_by_request():
    with vm() as guest:
        guest.link.start("exec", argv=["sleep", "1000"])
        began = time.monotonic()
        assert guest.link.ask("shutdown")["ok"]
        assert guest.wait_end() == 0
        print(f"  off after {time.monotonic() - began:.2f} s", flush=True)
        guest.qmp.wait(lambda m: m.get("event") == "SHUTDOWN" and m["data"]["reason"] == "guest-shutdown", "a clean end")


def test_powers_off_by_its_button():
    with vm() as guest:
        began = time.monotonic()
        guest.qmp.run("system_powerdown")
        assert guest.wait_end() == 0
        print(f"  off after {time.monotonic() - began:.2f} s", flush=True)
        guest.qmp.wait(lambda m: m.get("event") == "SHUTDOWN" and m["data"]["reason"] == "guest-shutdown", "a clean end")


def test_crash_is_told():
    with vm() as guest:
        guest.link.start("exec", argv=["sh", "-c", "echo c >/proc/sysrq-trigger"])
        guest.qmp.wait(lambda m: m.get("event") == "GUEST_PANICKED", "QEMU tells of the panic")


def run_words(*argv):
    """neonvm.run= as the host writes it."""
    words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in argv)
    return f'"neonvm.run={words}" neonvm.shell=0'


def test_runs_a_workload():
    """Words and environment reach it as they were written; it is started again when it ends, ever more slowly."""
    hostile = "a b;'$(reboot)`reboot`\\|&*"
    words = run_words("sh", "-c", "set -f; IFS=; echo got=$1 env=$HOSTILE; exit 7", "sh", hostile)
    with vm(words=f'{words} "neonvm.env=HOSTILE={hostile}" neonvm.exit=restart') as guest:
        third = guest.link.wait(lambda m: m.get("type") == "workloadEnded" and m["starts"] == 3, "it was started three times")
        assert third["exitCode"] == 7 and third["again"] and third["why"] == "ended with code 7", third
        assert f"got={hostile} env={hostile}" in guest.console(), guest.console()
        assert guest.link.ask("ping")["ok"]


def test_ends_with_its_workload():
    with vm(words=run_words("sh", "-c", "sleep 1; exit 3") + " neonvm.exit=poweroff") as guest:
        ended = guest.link.wait(lambda m: m.get("type") == "workloadEnded", "its end is told before the machine's")
        assert ended["exitCode"] == 3 and not ended.get("again"), ended
        assert guest.wait_end() == 0
        assert "workload ended with code 3" in guest.console(), guest.console()


def test_stops_a_workload_in_order():
    """SIGTERM first; what ignores it is killed after the grace; nothing is started again meanwhile."""
    with vm(words=run_words("sh", "-c", "trap : TERM; echo ready; while :; do sleep 1; done") + " neonvm.grace=6") as guest:
        until(lambda: "ready" in guest.console(), "the workload runs")
        began = time.monotonic()
        assert guest.link.ask("shutdown")["ok"]
        # The monitor speaks for it until it has ended. The first sample may have been under way when the guest heard of its end.
        heard = time.monotonic()
        for which in ("a first", "a second"):
            guest.link.wait(lambda m: m.get("type") == "sample" and m["at"] > heard, f"{which} sample within the grace")
        assert guest.wait_end() == 0
        took = time.monotonic() - began
        assert took >= 6, f"it was not given its grace: {took:.2f} s"
        console = guest.console()
        assert console.count("ready") == 1 and "killing what has not ended in time" in console, console


def test_tells_how_the_workload_took_its_end():
    script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    with vm(words=run_words("sh", "-c", script) + " neonvm.grace=60") as guest:
        until(lambda: "ready" in guest.console(), "the workload runs")
        began = time.monotonic()
        guest.qmp.run("system_powerdown")
        ended = guest.link.wait(lambda m: m.get("type") == "workloadEnded", "its end is told")
        assert ended["exitCode"] == 5 and ended["starts"] == 1 and not ended.get("again"), ended
        assert guest.wait_end() == 0
        print(f"  off after {time.monotonic() - began:.2f} s", flush=True)


def test_boots_a_disk():
    """A disk with an init of its own: that one is PID 1, and our monitor runs on beside it."""
    with tempfile.TemporaryDirectory() as folder:
        disk = make_disk(folder, "#!/bin/sh\necho \"own init is $$\"\ntrap 'poweroff -f' USR2\nwhile :; do sleep 0.2; done\n")
        with vm(disk=disk, words="root=/dev/vda rw") as guest:
            until(lambda: "own init is 1" in guest.console(), "the disk's init runs")
            assert guest.link.shell("mount | grep ' / '").startswith("/dev/vda on / type ext4 (rw")
            assert guest.link.put("/kept", b"yes")["ok"]
            first = guest.link.hello["session"]
            guest.link.start("exec", argv=["sh", "-c", "kill -9 $(pidof neonvm-monitor)"])
            guest.link.wait(lambda m: m.get("type") == "hello" and m["session"] != first, "the monitor is there again")
            guest.link.greet()
            assert guest.link.ask("shutdown")["ok"]
            assert guest.wait_end() == 0


def test_says_what_is_wrong_with_a_disk():
    with vm(words="root=/dev/vda") as guest:
        assert "/dev/vda has not appeared in 10 s; going on without that disk" in guest.console(), guest.console()
        assert guest.link.ask("ping")["ok"]


if __name__ == "__main__":
    main(globals())
