#!/usr/bin/env python3
"""Parts of the control plane are killed in the middle of grows, shrinks and migrations: no node ever runs more CPUs than it has, by the guests' own
count; nothing runs twice, nothing is lost, and afterwards everything is as it was wished.

$NEONVM_TEST_SEED makes a run the same again as far as clocks allow; $NEONVM_TEST_ROUNDS makes it longer.
"""
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench.fixture import main, until  # noqa: E402
from bench.parts import MIGRATIONS, NODES, VMS, PartsTest, migration  # noqa: E402

SEED = int(os.environ.get("NEONVM_TEST_SEED", "11"))
ROUNDS = int(os.environ.get("NEONVM_TEST_ROUNDS", "32"))
NAMES = ("ada", "bob", "cid", "dee")
CPUS = 8  # of a node
ENOUGH = 10  # sizes written


class Witness(threading.Thread):
    """Looks at what the guests have, again and again: nobody tells when too much is promised."""

    def __init__(self, kubelets):
        super().__init__(daemon=True)
        self.kubelets, self.too_much, self.looks, self.over = kubelets, [], 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.05):
            sums = self.kubelets.cpus_by_node()
            self.looks += 1
            self.too_much += [(node, cpus) for node, cpus in sums.items() if cpus > CPUS]

    def end(self):
        self.over.set()
        self.join()


class ChurnTest(PartsTest):
    def test_parts_die_while_vms_grow_shrink_and_move(self):
        chance = random.Random(SEED)
        print(f"seed {SEED}, {ROUNDS} rounds", flush=True)
        for name in NAMES:
            self.create(name, 1)
        for name in NAMES:
            self.await_cpus(name, 1)
        witness = Witness(self.kubelets)
        self.addCleanup(witness.end)
        victims = {"scheduler": self.scheduler, "controller": self.controller, **{f"agent of {node}": agent for node, agent in self.agents.items()}}
        dead = []
        turn = -1
        # On a slow machine fewer wishes become true between two deaths; what nobody did cannot have gone wrong.
        while (turn := turn + 1) < ROUNDS or (self.grown() < ENOUGH and turn < 8 * ROUNDS):
            name = chance.choice(NAMES)
            if turn % 4 == 3:
                deed = f"move {name}"
                self.ask("POST", MIGRATIONS, migration(f"move-{turn}", name))
            else:
                cpus = chance.randint(1, 7)
                deed = f"{name} wants {cpus}"
                self.wish(name, cpus)
            time.sleep(chance.uniform(0, 1.5))  # the step that is cut is a matter of time
            while dead and chance.random() < 0.8:
                dead.pop().start()
            # Between two deaths there is time for something that can be cut.
            victim = chance.choice([*victims, "kube-scheduler", "kube-apiserver"]) if turn % 2 else None
            print(f"{turn}: {deed}; killed: {victim}", flush=True)
            if victim in victims:
                if victims[victim] not in dead:
                    victims[victim].kill()
                    dead.append(victims[victim])
            elif victim:
                self.cluster.restart({"kube-scheduler": "vm-scheduler"}.get(victim, victim), hard=True)
            self.assertEqual((self.kubelets.crimes(), witness.too_much), ([], []))
        for daemon in dead:
            daemon.start()
        self.come_to_rest()
        witness.end()
        self.assertEqual(witness.too_much, [])
        print(f"{self.grown()} sizes written, {witness.looks} looks at what there is", flush=True)
        self.assertGreaterEqual(min(self.grown(), witness.looks), ENOUGH)

    def grown(self):
        """How often an agent has changed a size."""
        return sum(agent.text().count("agent: resizing") for agent in self.agents.values())

    def come_to_rest(self):
        """Every wish that fits becomes true, every move ends, and the books say what there is."""
        until(self.scheduler.ready, "the scheduler leads")
        # First, for a move waits for room as long as it takes. Books that were rebuilt keep it for up to 85 s, until nothing that was lent before can
        # be spent any more, and what an agent's earlier life was granted for 60 s more.
        for number, name in enumerate(NAMES):
            self.wish(name, 1 + number % 2)
        until(lambda: all(each.get("status", {}).get("phase") in ("Succeeded", "Failed", "Cancelled") for each in self.cluster.get(MIGRATIONS)["items"]),
              "every move has come to its end", 300)
        for number, name in enumerate(NAMES):
            found = self.await_cpus(name, 1 + number % 2, 150)
            self.assertEqual(found["status"]["restartCount"], 0, "it was never away")
            self.assertEqual(len([each for each in self.pods(name) if each["status"]["phase"] == "Running"]), 1)

        def books_are_true():
            has = {}
            for name in NAMES:
                status = self.cluster.get(f"{VMS}/{name}")["status"]
                has[status["node"]] = has.get(status["node"], 0) + float(str(status["cpus"]))
            return all(self.node_in_books(node)["reserved"]["cpu"] == has.get(node, 0) for node in NODES)
        until(books_are_true, "the books have what the VMs have, and nothing else", 150)


if __name__ == "__main__":
    main()
