#!/usr/bin/env python3
"""The control plane is killed in the middle of whatever it does, and started again: no VM runs twice, none is lost, nothing is left.

$NEONVM_TEST_SEED makes a run the same again as far as clocks allow; $NEONVM_TEST_ROUNDS makes it longer.
"""
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench.fixture import main, until  # noqa: E402
from bench.fleet import MERGE, MIGRATIONS, OVER, VMS, FleetTest, migration  # noqa: E402

SEED = int(os.environ.get("NEONVM_TEST_SEED", "7"))
ROUNDS = int(os.environ.get("NEONVM_TEST_ROUNDS", "8"))
LONGEST = 1.0  # seconds until the kill: what it does after a wish takes less on a quiet machine


class KilledTest(FleetTest):
    def test_killed_at_any_step(self):
        chance = random.Random(SEED)
        print(f"seed {SEED}, {ROUNDS} rounds", flush=True)
        self.sizes, self.moves = {}, 0
        self.begin("vm-0")
        for turn in range(ROUNDS):
            # Every deed comes in its turn, and to which VM is chance.
            deed = (self.scale, self.begin, self.move, self.end)[turn % 4]
            name = f"vm-{turn}" if deed == self.begin else chance.choice(sorted(self.sizes))
            pause = chance.uniform(0, LONGEST)
            settled = deed(name)
            time.sleep(pause)  # the step that is cut is a matter of time
            self.kill_plane()
            self.assertEqual(self.kubelets.crimes(), [])
            self.at_most_one_runs()
            took = self.start_plane()
            print(f"{deed.__name__} {name}, killed after {pause:.2f} s, taken over after {took:.1f} s", flush=True)
            until(settled, f"{deed.__name__} {name} comes to its end", 90)
            for each, cpus in self.sizes.items():
                self.await_running(each, cpus)
                self.assertEqual(self.status(each)["restartCount"], 0, "it was never away")
            self.assertEqual(self.kubelets.crimes(), [])
            self.check_books()
        for name in list(self.sizes):
            self.end(name)()
            self.delete(name)

    def begin(self, name):
        self.create(name)
        self.sizes[name] = 1
        return lambda: self.runs(name)

    def scale(self, name):
        cpus = self.sizes[name] = 3 - self.sizes[name]
        self.ask("PATCH", f"{VMS}/{name}", {"spec": {"guest": {"cpus": {"use": cpus}}}}, MERGE)
        return lambda: self.runs(name, cpus)

    def move(self, name):
        self.await_running(name, self.sizes[name])
        self.moves += 1
        move = f"move-{self.moves}"
        self.ask("POST", MIGRATIONS, migration(move, name))
        return lambda: self.over(move)

    def end(self, name):
        del self.sizes[name]
        self.ask("DELETE", f"{VMS}/{name}")
        return lambda: self.gone(name)

    def at_most_one_runs(self):
        """Of each VM, or two where one of them is on its way to the other."""
        moving = {each["spec"]["vmName"] for each in self.cluster.get(MIGRATIONS)["items"] if each.get("status", {}).get("phase") not in OVER}
        for name in self.sizes:
            alive = [pod for pod in self.pods(name) if pod["status"]["phase"] in ("Pending", "Running") and "deletionTimestamp" not in pod["metadata"]]
            self.assertLessEqual(len(alive), 2 if name in moving else 1, name)


if __name__ == "__main__":
    main()
