#!/usr/bin/env python3
"""Times `neonvm list`, process start and end included, and says how that compares with the target.

  list_bench.py NEONVM STORE_CHILD [--runs N] [--vms N]

The time is reported, not judged: on a machine that does other things it says little. That the command works is judged.
"""
import argparse
import os
import statistics
import subprocess
import tempfile
import time

TARGET_MS = 25


def one(program, environment):
    """(wall ms, CPU ms, peak MiB) of one call."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    began = time.perf_counter()
    pid = os.posix_spawn(program, [program, "list"], environment, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    assert os.waitstatus_to_exitcode(status) == 0, f"neonvm list: exit code {os.waitstatus_to_exitcode(status)}"
    return wall * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("neonvm")
    parser.add_argument("store_child")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--vms", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="neonvm-bench-") as folder:
        home = os.path.join(folder, "home")
        subprocess.run([options.store_child, "vms", home, str(options.vms)], check=True, stdout=subprocess.DEVNULL)
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "NEONVM_HOME": home}
        names = subprocess.run([options.neonvm, "list", "-o", "name"], env=environment, check=True, capture_output=True)
        assert len(names.stdout.split()) == options.vms
        walls, cpus, peaks = zip(*(one(options.neonvm, environment) for _ in range(options.runs)))
    median = statistics.median(walls)
    print(f"neonvm list, {options.vms} VMs, {options.runs} runs: median {median:.1f} ms, best {min(walls):.1f} ms, "
          f"95 % {sorted(walls)[int(0.95 * (len(walls) - 1))]:.1f} ms; CPU {statistics.median(cpus):.1f} ms; "
          f"peak {max(peaks):.0f} MiB; target {TARGET_MS} ms: {'met' if median < TARGET_MS else 'missed'}")


if __name__ == "__main__":
    main()
