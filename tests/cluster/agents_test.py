#!/usr/bin/env python3
"""An agent on each node: whose VMs it sees, whom it bills for them, and what it does while the scheduler is away."""
import os
import sys

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli")]
from bench.fixture import main, until  # noqa: E402
from bench.parts import LABEL, MIGRATIONS, NODES, VMS, PartsTest, migration  # noqa: E402
from event_services import ACCESS, REGION, SECRET, Service  # noqa: E402


class AgentsTest(PartsTest):
    @classmethod
    def setUpClass(cls):
        cls.bucket = Service()
        cls.addClassCleanup(cls.bucket.close)
        cls.agent_config += (f'[billing]\naccumulate_seconds = 1\n[billing.s3]\nbucket = "box"\nregion = "{REGION}"\n'
                             f'endpoint = "{cls.bucket.url}"\nprefix = "agent"\n')
        os.environ.update({"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET})
        super().setUpClass()

    def billed(self, endpoint):
        """CPU seconds and seconds, each event once however often it came."""
        events = {each["idempotency_key"]: each for each in self.bucket.stored("/box/agent/year=") if each["endpoint_id"] == endpoint}
        return [sum(each["value"] for each in events.values() if each["metric"] == metric)
                for metric in ("effective_compute_seconds", "active_time_seconds")]

    def test_what_a_vm_uses_is_billed_to_a_bucket_wherever_it_runs(self):
        self.create("payer", 2, {"autoscaling.neon.tech/billing-endpoint-id": "ep-payer"})
        self.create("guest", 1)  # nobody pays for it
        self.await_cpus("payer", 2)
        until(lambda: self.billed("ep-payer")[1] >= 3, f"it is billed: {self.bucket.faults}")
        cpus, seconds = self.billed("ep-payer")
        self.assertLessEqual(cpus, 2 * seconds + 2)  # each is rounded once
        self.cluster.call("POST", MIGRATIONS, migration("payer-move", "payer"))
        until(lambda: self.cluster.get(f"{MIGRATIONS}/payer-move").get("status", {}).get("phase") == "Succeeded", "it has moved", 90)
        _, before = self.billed("ep-payer")
        until(lambda: self.billed("ep-payer")[1] >= before + 3, "the agent where it is now bills it")
        self.delete("payer")
        self.assertEqual(self.bucket.faults, [])
        self.assertEqual({each["endpoint_id"] for each in self.bucket.stored("/box/")}, {"ep-payer"})

    def test_a_vm_is_scaled_by_the_agent_of_its_node_alone(self):
        self.create("web", 2)
        found = self.await_cpus("web", 2)
        node = found["status"]["node"]
        other = next(each for each in NODES if each != node)
        self.assertEqual(found["metadata"]["labels"][LABEL], node)
        self.assertEqual((self.scaled_by(node), self.scaled_by(other)), (["default/web"], []))
        self.cluster.call("POST", MIGRATIONS, migration("move", "web"))
        until(lambda: self.cluster.get(f"{MIGRATIONS}/move").get("status", {}).get("phase") == "Succeeded", "it has moved", 90)
        until(lambda: (self.scaled_by(node), self.scaled_by(other)) == ([], ["default/web"]), "the other node's agent has it")
        self.wish("web", 3)
        self.assertEqual(self.await_cpus("web", 3)["metadata"]["labels"][LABEL], other)

    def test_vms_grow_out_of_what_was_lent_while_the_scheduler_is_away(self):
        self.create("db")
        node = self.await_cpus("db", 1)["status"]["node"]
        self.await_headroom(node, 2)
        self.scheduler.kill()
        self.wish("db", 2)
        self.await_cpus("db", 2)
        # A unit more than is left.
        self.wish("db", 5)
        self.await_cpus("db", 3)
        self.scheduler.start()
        self.await_cpus("db", 5)
        books = self.node_in_books(node)
        self.assertEqual([each["granted"]["cpu"] for each in books["holders"]], [5])
        self.assertLessEqual(books["reserved"]["cpu"], books["capacity"]["cpu"])

    def test_an_up_scale_is_three_writes_at_most(self):
        self.create("count", 1)
        self.await_cpus("count", 1)
        until(lambda: LABEL in self.cluster.get(f"{VMS}/count")["metadata"]["labels"], "it is labelled")
        before = self.writes()
        self.wish("count", 4)
        until(lambda: self.await_cpus("count", 4)["status"].get("currentRevision"), "all is written")
        # What is free on a node is told every half minute, however many VMs have grown there.
        made = [each for each in self.writes()[len(before):] if not each.startswith("patch nodes")]
        print(f"writes of an up-scale: {made}", flush=True)
        self.assertLessEqual(len(made), 3, made)

    def test_an_agent_that_dies_takes_nothing_with_it(self):
        self.create("mid", 4)
        node = self.await_cpus("mid", 4)["status"]["node"]
        self.agents[node].kill()
        self.wish("mid", 6)  # nobody hears
        self.agents[node].start()
        self.await_cpus("mid", 6)
        self.agents[node].kill()
        self.wish("mid", 2)
        self.agents[node].start()
        self.await_cpus("mid", 2)
        self.assertLessEqual(self.node_in_books(node)["reserved"]["cpu"], 8)


if __name__ == "__main__":
    main()
