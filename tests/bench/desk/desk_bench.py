"""The desk in figures: how fast a VM follows its load, by two policies, and what the processes weigh.

  desk_bench.py [--rounds N] [--idle-vms N] [--idle-seconds N]     NEONVM, NEONVM_GUEST: what is measured

Reaction: N times, four busy loops in an idle 1-CPU guest; from their start to four CPUs online in the guest, by policy
pressure, beside policy default in the same run (which takes minutes: it is watched for one round and at most 150 s).
Grant: from a pressure event to the size applied, as the agent's own diary tells it. Scale: from the command to its
effect. Weight: PSS of serve, of one runner and of the monitor. Prints medians and ratios; nothing here is a threshold.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "vm"))
from lab import Lab, Refused  # noqa: E402


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show(what, value, unit, beside=""):
    print(f"{what:<58} {value:>9.1f} {unit}{beside}", flush=True)


def busy(lab, vm, seconds):
    lab.guest(vm, "sh", "-c", f"setsid neonvm load cpu 4 {seconds} >/dev/null 2>&1 </dev/null & echo $! >/tmp/load.pid")


def calm(lab, vm):
    lab.guest(vm, "sh", "-c", "kill $(cat /tmp/load.pid) 2>/dev/null; true")
    lab.until(lambda: lab.status(vm)["cpus"] == 1, "one CPU again", 300)


def four_cpus(lab, vm, limit):
    """Seconds until the VM has four CPUs; None after `limit`. Told by the store, so as not to load the guest by asking."""
    began = time.monotonic()
    while time.monotonic() - began < limit:
        if lab.status(vm)["cpus"] == 4:
            return time.monotonic() - began
        time.sleep(0.02)  # the command line tells of changes only to those who ask
    return None


def applied_after_pressure(lab, vm):
    told = json.loads(lab.run("explain", vm, "-o", "json"))
    return [stage["afterMs"] for decision in told["decisions"] if "pressure" in decision.get("trigger", "")
            for stage in decision.get("stages", []) if stage["name"] == "applied"]


def reaction(lab, rounds):
    lab.run("run", "fast", "--cpus", "1..4", "--memory", "512Mi..1Gi", "--policy", "pressure,calm=2")
    took, applied = [], []
    for _ in range(rounds):
        busy(lab, "fast", 60)
        took.append(four_cpus(lab, "fast", 60) or 60)
        applied += applied_after_pressure(lab, "fast")
        calm(lab, "fast")
    lab.run("delete", "fast")
    lab.run("run", "slow", "--cpus", "1..4", "--memory", "512Mi..4Gi", "--policy", "default")
    busy(lab, "slow", 160)
    beside = four_cpus(lab, "slow", 150)
    lab.run("delete", "slow")
    median = statistics.median(took)
    show(f"four busy loops to four CPUs, pressure, median of {rounds}", median * 1000, "ms",
         f"   default: {f'{beside:.1f} s, ratio {median / beside:.3f}' if beside else 'not within 150 s'}")
    if applied:
        show(f"decision on a pressure event to applied, median of {len(applied)}", statistics.median(applied), "ms")


def scale(lab, rounds):
    lab.run("run", "hand", "--cpus", "1..4", "--memory", "512Mi..2Gi", "--fixed")
    for words, back, what in ((("--cpus", "2"), ("--cpus", "1"), "+1 CPU"), (("--memory", "1536Mi"), ("--memory", "512Mi"), "+1 GiB")):
        took = []
        for _ in range(rounds):
            began = time.monotonic()
            lab.run("scale", "hand", *words)
            took.append((time.monotonic() - began) * 1000)
            shrink_back(lab, *back)
        show(f"neonvm scale {what}, command to effect, median of {rounds}", statistics.median(took), "ms")
    lab.run("delete", "hand")


def shrink_back(lab, *words):
    try:
        lab.run("scale", "hand", *words, "--wait", "120s")
    except Refused:  # memory that is slow to leave is told as a refusal, and tried again
        pass
    lab.until(lambda: lab.status("hand")["cpus"] == 1 and lab.memory_in_guest("hand") < 520, "it is small again", 300)


def weight(lab, count, idle_seconds):
    lab.run("run", "one", "--cpus", "1..2", "--memory", "512Mi..1Gi", "--policy", "pressure")
    show("runner, PSS", pss_kib(lab.runners()[0]) / 1024, "MiB")
    text = lab.guest("one", "sh", "-c", "for p in $(pidof neonvm); do grep -q monitor /proc/$p/cmdline && "
                     "grep ^Pss: /proc/$p/smaps_rollup; done; true")
    show("monitor in the guest, PSS", int(text.split()[1]) / 1024, "MiB")
    lab.run("delete", "one")
    # VMs that have nowhere to run: they cost the control plane what any stored VM costs, and this machine nothing.
    for i in range(count):
        lab.run("run", f"idle{i}", "--cpus", "64", "--memory", "64Gi", "--no-wait")
    serve = lab.serve_process.pid
    lab.until(lambda: all(lab.status(f"idle{i}").get("phase") == "Pending" for i in range(0, count, 7)), "they wait", 60)
    show(f"serve with {count} VMs, PSS", pss_kib(serve) / 1024, "MiB")
    before, began = cpu_seconds(serve), time.monotonic()
    time.sleep(idle_seconds)  # what it costs to do nothing can only be seen by waiting
    used = (cpu_seconds(serve) - before) / (time.monotonic() - began)
    show(f"serve with {count} idle VMs, share of a core", used * 100, "%")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--idle-vms", type=int, default=50)
    parser.add_argument("--idle-seconds", type=float, default=10)
    options = parser.parse_args()
    with Lab(nodes=1, cpu="8", memory="16Gi") as lab:
        lab.serve()
        weight(lab, options.idle_vms, options.idle_seconds)
        for vm in range(options.idle_vms):
            lab.run("delete", f"idle{vm}")
        scale(lab, options.rounds)
        reaction(lab, options.rounds)


if __name__ == "__main__":
    main()
