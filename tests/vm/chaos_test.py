"""Two hundred random events on real VMs: kill -9 of serve, runners and QEMUs, moves, cancels, sizes, stops and starts.

After each: no VM has two QEMUs unless it is being moved, and no node holds more than it has. At the end every VM runs as its
object asks for, once, and its guest answers. NEONVM_SEED and NEONVM_EVENTS choose another run.
"""
import json
import os
import random
import signal
import subprocess
import time

from lab import Lab, Refused, main

VMS = ("a", "b", "c")
SEED = int(os.environ.get("NEONVM_SEED", random.SystemRandom().randrange(10**9)))
EVENTS = int(os.environ.get("NEONVM_EVENTS", "200"))


class Chaos:
    def __init__(self, lab):
        self.lab, self.random, self.story = lab, random.Random(SEED), []

    def quietly(self, *words):
        """A command that the chaos may well refuse."""
        try:
            self.lab.run(*words, timeout=60)
        except Refused:
            pass

    def kill(self, pids):
        if pids:
            try:
                os.kill(self.random.choice(pids), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def serve_again(self):
        if self.lab.serve_process.poll() is not None:
            self.lab.serve()

    def event(self):
        vm = self.random.choice(VMS)
        kind = self.random.choice(("serve", "runner", "runner", "qemu", "move", "move", "cancel", "size", "size", "stop", "start",
                                   "pause"))
        self.story.append(f"{kind} {vm}")
        if kind == "serve":
            if self.lab.serve_process.poll() is None:
                self.lab.kill_serve()
            time.sleep(self.random.random() * 0.3)  # so that it is away for a while
            self.serve_again()
        elif kind == "runner":
            self.kill(self.lab.runners())
        elif kind == "qemu":
            self.kill(self.lab.qemus())
        elif kind == "move":
            self.quietly("migrate", vm, "--no-wait")
        elif kind == "cancel":
            self.quietly("migrate", vm, "--cancel")
        elif kind == "size":
            self.quietly("scale", vm, "--cpus", str(self.random.randint(1, 3)), "--memory",
                         f"{128 * self.random.randint(3, 6)}Mi", "--no-wait")
        elif kind in ("stop", "start"):
            self.quietly(kind, vm, "--no-wait")
        else:
            time.sleep(self.random.random())  # lets something come to its end

    def check(self):
        for vm in VMS:
            self.lab.until(lambda: self.one_qemu(vm), f"one QEMU of {vm} at the most, or a move", 30)
        for line in self.lab.run("nodes").splitlines()[1:]:
            _, cpus, _, total = line.split()[:4]
            assert float(cpus) <= float(total), line

    def one_qemu(self, vm):
        count = len(self.lab.qemus(vm))
        return count <= 1 or (count == 2 and self.moving(vm))

    def moving(self, vm):
        status = self.lab.status(vm)
        return bool(status.get("migration")) or status.get("phase") in ("PreMigrating", "Migrating")

    def settle(self):
        self.serve_again()
        for vm in VMS:
            self.lab.run("start", vm, "--no-wait")
            self.lab.run("scale", vm, "--cpus", "1", "--memory", "384Mi", "--no-wait")
        for vm in VMS:
            try:
                self.lab.until(lambda: not self.unrest(vm), f"{vm} runs, once, as it should", 180)
            except AssertionError as error:
                raise AssertionError(f"{error}: {self.unrest(vm)}") from None

    def unrest(self, vm):
        """Why the VM is not yet as its object asks for."""
        status = self.lab.status(vm)
        if status.get("phase") != "Running" or self.moving(vm):
            return json.dumps(status)
        if len(self.lab.qemus(vm)) != 1:
            return f"{len(self.lab.qemus(vm))} QEMUs"
        try:
            cpus = self.lab.guest(vm, "nproc", timeout=30).strip()
        except (Refused, subprocess.TimeoutExpired) as error:
            return f"its guest: {error}"
        return "" if cpus == "1" else f"its guest sees {cpus} CPUs"


def two_hundred_random_events():
    print(f"NEONVM_SEED={SEED} NEONVM_EVENTS={EVENTS}", flush=True)
    with Lab(cpu="8", memory="4Gi") as lab:
        lab.serve()
        for vm in VMS:
            lab.run("run", vm, "--cpus", "1..3", "--memory", "384Mi..768Mi", "--fixed")
        chaos = Chaos(lab)
        try:
            for _ in range(EVENTS):
                chaos.event()
                chaos.check()
            chaos.settle()
            chaos.check()
        except BaseException:
            print(f"NEONVM_SEED={SEED}: " + "; ".join(chaos.story), flush=True)
            for vm in VMS:
                print(lab.run("describe", vm), flush=True)
            for pid, words in lab.processes():
                print(pid, " ".join(words)[:160], flush=True)
            for folder, _, files in os.walk(os.path.join(lab.home, "h", "r")):
                for name in files:
                    if name.startswith("exit") or name.endswith(".pid") or name == "stop.json":
                        with open(os.path.join(folder, name), encoding="utf-8") as file:
                            print(folder[-8:], name, file.read().strip(), flush=True)
            raise


if __name__ == "__main__":
    main([two_hundred_random_events])
