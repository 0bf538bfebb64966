#!/usr/bin/env python3
"""What the agent of one node takes, with so many VMs whose guests tell their figures once a second, as `neonvm monitor` does.

  agent_bench.py [--vms 200] [--seconds 60] [--scaled 40]      NEONVM, CLUSTER_RUNNERS: what is measured

The control plane is in parts, on a real API server: controller, scheduler, kube-scheduler, and `neonvm agent` with the account that the bases
give it. The VMs' runners have their real doors, and machines in memory only. steady: nothing has to be scaled. scaled: so many VMs of them get
another size, one after the other, and what that takes is told by VM.
Goals: 200 VMs in 30 MiB and 3 % of a core. Thresholds are nowhere here. Needs what tests/cluster needs.
"""
import argparse
import os
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../cluster")]
from bench import programs  # noqa: E402
from bench.fixture import SKIPPED, until  # noqa: E402
from bench.parts import OWN, VMS, PartsTest  # noqa: E402
from bench.requests import asked_by  # noqa: E402

NODE = "fake1"
SETTLE = 20
GOALS = {"memory": 30.0, "CPU": 3.0}


class Parts(PartsTest):
    nodes, room = (NODE,), {"cpu": "2000", "memory": "8000Gi"}
    agent_config = ""

    def vms(self):
        return len(self.scaled_by(NODE))


def machine(name):
    return {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachine", "metadata": {"name": name, "labels": {"autoscaling.neon.tech/enabled": "true"}},
            "spec": {"guest": {"cpus": {"min": 0.5, "use": 0.5, "max": 4}, "memorySlotSize": "1Gi", "memorySlots": {"min": 2, "use": 2, "max": 16}},
                     "enableAcceleration": False, "terminationGracePeriodSeconds": 2}}


def show(what, value, unit, beside=""):
    print(f"{what:<62} {value:>10.2f} {unit}{beside}", flush=True)


def memory(pid):
    """PSS and RSS in MiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in file if line.startswith(("Pss:", "Rss:"))}
    return sizes["Pss"], sizes["Rss"]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def asked(cluster):
    return asked_by(cluster, OWN, "neonvm-agent")


def by_kind(lines):
    counts = {}
    for line in lines:
        verb, resource, part = line.split(" ")[:3]
        name = f"{verb} {resource}{'/' + part if part else ''}"
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def steady(vms, seconds):
    pid = Parts.agents[NODE].process.pid
    before, spent = len(asked(Parts.cluster)), cpu_seconds(pid)
    time.sleep(seconds)  # the measurement itself
    spent = cpu_seconds(pid) - spent
    pss, rss = memory(pid)
    made = asked(Parts.cluster)[before:]
    show(f"agent with {vms} VMs: memory, PSS", pss, "MiB", f"   ({pss / GOALS['memory']:.2f} of the goal; RSS {rss:.1f} MiB)")
    show(f"agent with {vms} VMs: CPU", 100 * spent / seconds, "% of a core",
         f"   ({100 * spent / seconds / GOALS['CPU']:.2f} of the goal; {1e6 * spent / seconds / vms:.0f} us a sample)")
    show(f"agent with {vms} VMs: requests to the server in {seconds} s", len(made), "", f"   {by_kind(made)}")


def scaled(count):
    pid = Parts.agents[NODE].process.pid
    before, spent = len(asked(Parts.cluster)), cpu_seconds(pid)
    for number in range(count):
        path = f"{VMS}/vm-{number}"
        Parts.cluster.call("PATCH", path, {"metadata": {"annotations": {"neonvm.dev/policy": "fixed,cpus=2"}}}, "application/merge-patch+json")
        until(lambda: str(Parts.cluster.get(path)["status"]["cpus"]) == "2", "it has grown", 60)
    spent, made = cpu_seconds(pid) - spent, asked(Parts.cluster)[before:]
    show(f"agent: CPU for a VM that grows, with all the others, mean of {count}", 1000 * spent / count, "ms", f"   requests: {by_kind(made)}")


def idle_memory():
    """What it takes before there is a VM, so that one VM's share can be told."""
    pid = Parts.agents[NODE].process.pid
    until(lambda: " serves" in Parts.agents[NODE].text(), "the agent works")
    pss, rss = memory(pid)
    show("agent without a VM: memory, PSS", pss, "MiB", f"   (RSS {rss:.1f} MiB)")


def measure(options):
    parts = Parts("vms")
    idle_memory()
    for number in range(options.vms):
        Parts.cluster.call("POST", VMS, machine(f"vm-{number}"))
    Parts.kubelets.samples(1, 0.3)
    until(lambda: sum(1 for each in Parts.cluster.get(VMS)["items"] if each.get("status", {}).get("guestConnected")) == options.vms,
          "every guest answers", 600, 1)
    until(lambda: parts.vms() == options.vms, "the agent has them all", 60, 1)
    time.sleep(SETTLE if options.seconds > SETTLE else 0)  # what still settles is not steady; nothing tells when it has
    steady(options.vms, options.seconds)
    if options.scaled:
        scaled(min(options.scaled, options.vms))


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--vms", type=int, default=200)
    words.add_argument("--seconds", type=int, default=60)
    words.add_argument("--scaled", type=int, default=40)
    options = words.parse_args()
    try:
        programs.find()
    except programs.CannotRun as why:
        print(f"skipped: {why}")
        sys.exit(SKIPPED)
    try:
        Parts.setUpClass()
        measure(options)
    finally:
        Parts.kubelets.runners.kill()  # hundreds of machines in memory take their time to end, and nobody wants to know how
        Parts.doClassCleanups()


if __name__ == "__main__":
    main()
