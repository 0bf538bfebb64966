"""The demonstration itself: drives the neonvm command as a user would. See scripts/demo."""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

COLOUR = sys.stdout.isatty() and os.environ.get("NO_COLOR", "") == "" and os.environ.get("TERM") != "dumb"


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def step(text):
    print(paint("1;36", f"\n== {text}"), flush=True)


class Failed(Exception):
    pass


class Demo:
    load = "neonvm"  # the guest's program with the command "load"

    def __init__(self, program, policy):
        self.program, self.policy = program, policy
        self.home = tempfile.mkdtemp(prefix="neonvm-demo-")
        self.config = os.path.join(self.home, "config.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            # Two nodes of four CPUs each, on whatever this machine has: a demonstration may promise more than it runs.
            for name in ("node1", "node2"):
                file.write(f'[[node]]\nname = "{name}"\ncpu = "4"\nmemory = "3Gi"\nwatermark = 1.0\n')
        self.rows = []
        self.watcher = None
        self.serve = None

    def argv(self, *words):
        return [self.program, "--home", os.path.join(self.home, "h"), "--config", self.config, *words]

    def run(self, *words, check=True, quiet=False):
        done = subprocess.run(self.argv(*words), capture_output=True, text=True, check=False)
        if not quiet and done.stdout.strip():
            print("   " + done.stdout.strip().replace("\n", "\n   "), flush=True)
        if check and done.returncode != 0:
            raise Failed(f"neonvm {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def status(self):
        return json.loads(self.run("get", "demo", "-o", "json", quiet=True)).get("status", {})

    def guest(self, *words):
        return self.run("exec", "-n", "demo", "--", *words, quiet=True)

    def background(self, *words):
        """A command in the guest that does not end when the VM moves."""
        self.guest("sh", "-c", f"setsid {' '.join(words)} >/tmp/load.out 2>&1 </dev/null & echo $! >/tmp/load.pid")

    def until(self, condition, what, limit):
        began = time.monotonic()
        while time.monotonic() - began < limit:
            value = condition()
            if value:
                return time.monotonic() - began
            time.sleep(0.1)
        raise Failed(f"not within {limit} s: {what}")

    def measured(self, what, value):
        self.rows.append((what, value))
        print(paint("32", f"   {what}: {value}"), flush=True)

    def watch(self):
        """Prints every decision as it is made, with its reason."""
        self.watcher = subprocess.Popen(self.argv("explain", "demo", "--follow"), stdout=subprocess.PIPE, text=True)

        def show():
            for line in self.watcher.stdout:
                print(paint("2", "   " + line.rstrip()), flush=True)
        threading.Thread(target=show, daemon=True).start()

    def memory(self):
        for line in self.guest("cat", "/proc/meminfo").splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) / 1024
        raise Failed("no MemTotal in the guest")

    # --- what PostgresDemo does in its own way

    def image(self):
        return ()

    def begin_load(self):
        step("Four busy loops in the guest")
        self.background(self.load, "load", "cpu", "4", "40")

    def end_load(self):
        self.guest("sh", "-c", "kill $(cat /tmp/load.pid)")

    # --- the acts

    def boot(self):
        step("A control plane with two nodes, and a VM of 1 to 4 CPUs and 512Mi to 2Gi")
        log = open(os.path.join(self.home, "serve.log"), "ab")
        self.serve = subprocess.Popen(self.argv("serve"), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        began = time.monotonic()
        self.run("run", "demo", "--cpus", "1..4", "--memory", "512Mi..2Gi", "--policy", self.policy, *self.image())
        self.measured("start to answering guest", f"{time.monotonic() - began:.1f} s")
        self.boot_id = self.guest("cat", "/proc/sys/kernel/random/boot_id")
        self.watch()

    def cpu(self):
        self.begin_load()
        took = self.until(lambda: int(self.guest("nproc")) >= 4, "four CPUs", 150)
        self.measured("load to four CPUs online", f"{took:.2f} s")
        self.end_load()

    def grow_memory(self):
        step("The guest takes 1400 MiB, 256 MiB a second")
        # The load tool checks every word that it wrote, round after round, also while the VM moves.
        self.background(self.load, "load", "memory", "1400Mi", "60", "--rate", "256Mi/s", "--check")
        took = self.until(lambda: self.memory() > 1400, "the memory", 60)
        self.measured("memory grown from 512Mi to hold 1400Mi in use", f"{took:.2f} s")

    def migrate(self):
        step("Live migration to the other node, while the guest works on")
        before = self.status()["node"]
        out = self.run("migrate", "demo")
        if self.status()["node"] == before:
            raise Failed("the VM did not move")
        self.measured("migration", out[out.index("(") + 1:out.rindex(")")])
        if self.guest("cat", "/proc/sys/kernel/random/boot_id") != self.boot_id:
            raise Failed("the guest restarted")
        self.until(lambda: "wrong words" in self.guest("cat", "/tmp/load.out"), "the memory check", 120)
        verdict = self.guest("cat", "/tmp/load.out").strip()
        self.measured("memory checked in the guest", verdict)
        if "wrong words: 0" not in verdict:
            raise Failed("the guest's memory was damaged")

    def shrink(self):
        step("Nothing to do any more: it shrinks")
        took = self.until(lambda: int(self.guest("nproc")) == 1 and self.memory() < 900, "the small size", 240)
        self.measured("idle to small again", f"{took:.0f} s")
        if "oom" in self.run("logs", "demo", quiet=True).lower():
            raise Failed("the OOM killer was at work in the guest")
        self.measured("OOM kills", "0")

    def by_hand(self):
        step("By hand: how long a size takes")
        self.run("scale", "demo", "--cpus", "1", "--memory", "512Mi", check=False)
        for words, what in ((("--cpus", "2"), "+1 CPU"), (("--memory", "1536Mi"), "+1 GiB")):
            out = self.run("scale", "demo", *words)
            self.measured(what, out.strip().rsplit(" after ", 1)[-1])

    def stop(self):
        step("Power off in order")
        began = time.monotonic()
        self.run("stop", "demo")
        self.measured("power off", f"{time.monotonic() - began:.1f} s")
        self.run("delete", "demo")

    def close(self, keep):
        if self.watcher:
            self.watcher.kill()
        subprocess.run(self.argv("delete", "demo", "--ignore-missing"), capture_output=True, check=False)
        if self.serve:
            self.serve.send_signal(signal.SIGTERM)
            try:
                self.serve.wait(20)
            except subprocess.TimeoutExpired:
                self.serve.kill()
        if keep:
            print(f"Kept: {self.home}")
        else:
            shutil.rmtree(self.home, ignore_errors=True)

    def table(self):
        width = max((len(what) for what, _ in self.rows), default=0)
        print(paint("1", "\nMeasured"))
        for what, value in self.rows:
            print(f"  {what.ljust(width)}  {value}")


def the_demo(options):
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    os.environ.setdefault("NEONVM", options.program)
    from demo_postgres import PostgresDemo, example_disk_path
    if options.postgres or (os.path.exists(example_disk_path()) and not options.busy_loops):
        return PostgresDemo(options.program, options.policy)
    return Demo(options.program, options.policy)


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("program")
    parser.add_argument("--policy", default="pressure,calm=15", help="scaling policy (default: pressure,calm=15)")
    parser.add_argument("--postgres", action="store_true", help="with a Postgres VM and pgbench; its disk is made if need be "
                        "(default: if the disk is there)")
    parser.add_argument("--busy-loops", action="store_true", help="with the default guest, even if the disk is there")
    parser.add_argument("--keep", action="store_true", help="keep the home with its logs")
    options = parser.parse_args()
    demo = the_demo(options)
    code = 0
    try:
        for act in (demo.boot, demo.cpu, demo.grow_memory, demo.migrate, demo.shrink, demo.by_hand, demo.stop):
            act()
    except Failed as failed:
        print(paint("31", f"\nFailed: {failed}"), file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    finally:
        demo.close(options.keep or code == 1)
    demo.table()
    print("Nothing was lost." if code == 0 else "It did not hold; see above.")
    sys.exit(code)


if __name__ == "__main__":
    sys.modules["demo"] = sys.modules["__main__"]  # PostgresDemo's Demo is this one
    main()
