#!/usr/bin/env python3
"""Many VMs on fake nodes change their sizes, move, go and come, all at random, for a while: no node ever runs more than it has by the guests' own
count, the scheduler's books are never below that, and afterwards everything is as it was wished, in the books as in the guests, and nothing is left
of what was deleted.

$NEONVM_TEST_VMS (60; 20 for a node) and $NEONVM_TEST_MINUTES (0.25) make it longer, $NEONVM_TEST_SEED another one:
    NEONVM_TEST_VMS=1000 NEONVM_TEST_MINUTES=5 tests/cluster/audit_test.py
"""
import collections
import concurrent.futures
import os
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench.api import Refused  # noqa: E402
from bench.fixture import main, until  # noqa: E402
from bench.parts import MIGRATIONS, PODS, VMS, PartsTest, machine, migration  # noqa: E402

SEED = int(os.environ.get("NEONVM_TEST_SEED", "7"))
COUNT = int(os.environ.get("NEONVM_TEST_VMS", "60"))
SECONDS = 60 * float(os.environ.get("NEONVM_TEST_MINUTES", "0.25"))
NODES = tuple(f"fake{number}" for number in range(1, 2 + (COUNT - 1) // (20 if COUNT <= 100 else 50)))
CPUS = 72 if COUNT <= 100 else 180  # of a node: less than all would like to have
LIMIT = 120 + COUNT // 2
HANDS = 6
OVER = ("Succeeded", "Failed", "Cancelled")


class Auditor(threading.Thread):
    """Looks at guests and books, again and again. Between two looks much may change, so books that seem to be below the guests are wrong only if
    they are so thrice in a row; a node above its capacity is wrong at once."""

    def __init__(self, test):
        super().__init__(daemon=True)
        self.test, self.wrong, self.looks, self.missed, self.low, self.over = test, [], 0, [], collections.Counter(), threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.2):
            try:
                self.look()
            except subprocess.CalledProcessError as why:  # nobody answered in time
                self.missed.append(why.stderr)
            except KeyError as why:  # the scheduler is not ready, and has no books
                self.missed.append(f"no {why} in the books")
            except RuntimeError as why:  # the one process of all runners has a thousand machines to end
                self.missed.append(str(why))
            except OSError as why:
                self.wrong.append(f"no look: {why!r}")

    def look(self):
        before = self.test.books()
        sums = self.test.kubelets.cpus_by_node()
        after = self.test.books()
        self.looks += 1
        for node in NODES:
            has = sums.get(node, 0)
            booked = max(each[node]["reserved"]["cpu"] + each[node].get("leased", {}).get("cpu", 0) for each in (before, after))
            for books in (before, after):
                if books[node]["reserved"]["cpu"] > CPUS:
                    self.wrong.append(f"{node}: books {books[node]['reserved']}")
            if has > CPUS:
                self.wrong.append(f"{node}: {has} CPUs")
            self.low[node] = self.low[node] + 1 if has > booked else 0
            if self.low[node] == 3:
                self.wrong.append(f"{node}: {has} CPUs, and {booked} in the books")

    def end(self):
        self.over.set()
        self.join()


class AuditTest(PartsTest):
    nodes, room = NODES, {"cpu": str(CPUS), "memory": "64Gi"}

    def setUp(self):
        super().setUp()
        self.chance, self.wished, self.born, self.deeds = random.Random(SEED), {}, 0, collections.Counter()
        self.lock, self.busy = threading.Lock(), set()

    def books(self):
        return {each["name"]: each for each in self.dump(self.scheduler)["scheduler"]["scheduler"]["nodes"]}

    # --- what happens to VMs

    def come(self):
        with self.lock:
            name, cpus = f"vm-{self.born}", self.chance.randint(1, 8)
            self.born += 1
            self.busy.add(name)
        self.ask("POST", VMS, machine(name, cpus))
        with self.lock:
            self.wished[name] = cpus
            self.busy.discard(name)

    def replace(self, name, _):
        with self.lock:
            del self.wished[name]
        self.ask("DELETE", f"{VMS}/{name}")
        self.come()

    def move(self, name, number):
        try:
            self.ask("POST", MIGRATIONS, migration(f"move-{number}", name))
        except Refused as why:
            if why.code not in (400, 403, 422):  # it is on its way already
                raise

    def resize(self, name, _):
        with self.lock:
            cpus = self.wished[name] = self.chance.randint(1, 8)
        self.wish(name, cpus)

    def something(self):
        """To a VM to which nobody else does something just now, so that it is known what was wished last."""
        with self.lock:
            deed = self.chance.choices(("resize", "move", "replace"), (80, 8, 12))[0]
            self.deeds[deed] += 1
            number, name = self.deeds[deed], self.chance.choice([each for each in self.wished if each not in self.busy])
            self.busy.add(name)
        getattr(self, deed)(name, number)
        with self.lock:
            self.busy.discard(name)

    # --- how it has to end

    def has(self, vms):
        """What is not as it was wished."""
        status = {each["metadata"]["name"]: each.get("status", {}) for each in vms}
        return [(name, cpus, status.get(name, {}).get("phase"), status.get(name, {}).get("cpus")) for name, cpus in self.wished.items()
                if status.get(name, {}).get("phase") != "Running" or float(str(status[name].get("cpus", 0))) != cpus]

    def await_none(self, found, what):
        """found: what is in the way of that."""
        left = []

        def none():
            try:
                left[:] = found()
            except subprocess.CalledProcessError as why:
                left[:] = [why.stderr]
            return not left
        try:
            until(none, what, LIMIT, 1)
        except AssertionError as why:
            raise AssertionError(f"{why}; {len(left)} are not: {left[:5]}") from why

    def untrue(self):
        """Nodes of which books, statuses and guests do not say the same."""
        told, counted = collections.Counter(), collections.Counter()
        for each in self.cluster.get(VMS)["items"]:
            told[each["status"]["node"]] += float(str(each["status"]["cpus"]))
            counted[each["status"]["node"]] += 1
        guests, books = self.kubelets.cpus_by_node(), self.books()
        figures = {node: (books[node]["reserved"]["cpu"], told[node], guests.get(node, 0), len(books[node]["holders"]), counted[node]) for node in NODES}
        return [(node, each) for node, each in figures.items() if len(set(each[:3])) != 1 or each[3] != each[4]]

    def test_many_vms_come_and_go_and_grow_and_move(self):
        print(f"seed {SEED}: {COUNT} VMs on {len(NODES)} nodes of {CPUS} CPUs for {SECONDS:.0f} s", flush=True)
        auditor = Auditor(self)
        self.addCleanup(auditor.end)
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(HANDS) as several:
            list(several.map(lambda _: self.come(), range(COUNT)))
            print(f"{COUNT} VMs after {time.monotonic() - began:.0f} s", flush=True)
            end = time.monotonic() + SECONDS  # how long it lasts is what is asked for
            list(several.map(lambda _: self.churn(end, auditor), range(HANDS)))
        print(f"{dict(self.deeds)} after {time.monotonic() - began:.0f} s, {auditor.looks} looks, {len(auditor.missed)} missed: {auditor.missed[-1:]}", flush=True)
        self.come_to_rest()
        print(f"at rest after {time.monotonic() - began:.0f} s, {auditor.looks} looks", flush=True)
        self.leave()
        auditor.end()
        self.assertEqual(auditor.wrong, [])
        self.assertGreater(auditor.looks, 10)

    def churn(self, end, auditor):
        while time.monotonic() < end:
            self.something()
            self.assertEqual((auditor.wrong[:5], self.kubelets.broken), ([], []))

    def come_to_rest(self):
        # First, for a move waits for room as long as it takes.
        with concurrent.futures.ThreadPoolExecutor(HANDS) as several:
            for number, name in enumerate(list(self.wished)):
                self.wished[name] = 1 + number % 2
            list(several.map(lambda each: self.wish(*each), self.wished.items()))
        self.await_none(lambda: [each["metadata"]["name"] for each in self.cluster.get(MIGRATIONS)["items"] if each.get("status", {}).get("phase") not in OVER],
                        "every move has come to its end")
        self.await_none(lambda: self.has(self.cluster.get(VMS)["items"]), "every VM is as it was wished")
        self.await_none(lambda: {each["metadata"]["name"] for each in self.cluster.get(VMS)["items"]} ^ set(self.wished), "those that went are gone")
        self.await_none(self.pods_too_many, "each has one pod")
        self.await_none(self.untrue, "books, statuses and guests say the same")
        for each in self.cluster.get(VMS)["items"]:
            self.assertEqual(each["status"].get("restartCount", 0), 0, each["metadata"]["name"])

    def pods_too_many(self):
        names = collections.Counter(each["metadata"]["labels"].get("vm.neon.tech/name") for each in self.cluster.get(PODS)["items"])
        return [(name, count) for name, count in names.items() if count != 1 or name not in self.wished]

    def leave(self):
        # One by one: all of a thousand in one call take longer than that may.
        with concurrent.futures.ThreadPoolExecutor(HANDS) as several:
            list(several.map(lambda name: self.ask("DELETE", f"{VMS}/{name}"), list(self.wished)))
        self.await_none(lambda: [each["metadata"]["name"] for kind in (VMS, PODS) for each in self.cluster.get(kind)["items"]], "nothing is left of them")
        self.await_none(lambda: [(name, each["reserved"]) for name, each in self.books().items() if each["reserved"]["cpu"] != 0], "the books are empty")


if __name__ == "__main__":
    main()
