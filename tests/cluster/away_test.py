#!/usr/bin/env python3
"""The API server away, the control plane away or frozen, and what each of them missed.

$NEONVM_TEST_AWAY: seconds for which the API server is away.
"""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import vm  # noqa: E402
from bench.fixture import main, until  # noqa: E402
from bench.fleet import MIGRATIONS, PODS, VMS, FleetTest, migration  # noqa: E402

LOST = "leadership: lost"
AWAY_SECONDS = float(os.environ.get("NEONVM_TEST_AWAY", "6"))


class AwayTest(FleetTest):
    def setUp(self):
        self.create("steady")
        self.addCleanup(self.revive)
        self.pod = self.await_running("steady")["metadata"]["uid"]

    def revive(self):
        if self.plane.process.poll() is not None:
            self.start_plane()

    def runs_as_before(self):
        pod = self.await_running("steady")
        self.assertEqual(pod["metadata"]["uid"], self.pod)
        self.assertEqual(self.status("steady")["restartCount"], 0)

    def test_the_api_server_is_killed_in_the_middle_of_a_migration(self):
        self.ask("POST", MIGRATIONS, migration("steady-move", "steady"))
        self.cluster.restart("kube-apiserver", hard=True)
        until(lambda: self.over("steady-move"), "the migration is over", 90)
        self.await_running("steady")
        self.assertEqual(self.status("steady")["restartCount"], 0)

    def test_the_api_server_is_away(self):
        self.cluster.request("kill", "kube-apiserver")
        time.sleep(AWAY_SECONDS)  # longer than a lease is held
        self.assertEqual(self.kubelets.crimes(), [])
        self.cluster.request("start", "kube-apiserver")
        self.create("after")
        self.await_running("after")
        self.runs_as_before()

    def test_a_frozen_api_server(self):
        self.cluster.request("pause", "kube-apiserver")
        time.sleep(AWAY_SECONDS)  # connections stay, and nobody answers
        self.cluster.request("resume", "kube-apiserver")
        self.create("thawed")
        self.await_running("thawed")
        self.runs_as_before()

    def test_told_to_end_while_it_steps_down(self):
        """Between two lives, of which neither hears signals, it waits for calls that nobody answers."""
        before = self.plane.text().count(LOST)
        self.cluster.request("pause", "kube-apiserver")
        try:
            until(lambda: self.plane.text().count(LOST) > before, "it steps down", 30)
            self.plane.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.plane.process.wait(30), 0)
        finally:
            self.cluster.request("resume", "kube-apiserver")
        self.start_plane()
        self.runs_as_before()

    def test_what_was_forgotten_while_the_control_plane_stood_still(self):
        """It missed a deletion, and the server no longer knows the place where its watches were."""
        self.create("missed")
        self.await_running("missed")
        self.plane.process.send_signal(19)  # SIGSTOP
        try:
            self.cluster.call("DELETE", f"{VMS}/missed")
            pod = self.pods("missed")[0]["metadata"]["name"]
            self.cluster.call("DELETE", f"{PODS}/{pod}")
            until(lambda: self.there(f"{PODS}/{pod}") is None, "its pod is gone")
            self.cluster.compact()
            self.cluster.restart("kube-apiserver", hard=True)  # what it remembers itself would answer
        finally:
            self.plane.process.send_signal(18)  # SIGCONT
        until(lambda: self.gone("missed"), "it was noticed", 90)
        self.runs_as_before()

    def test_another_takes_over(self):
        other = vm.Plane(self.cluster, **{**self.installed, "words": ()})
        self.addCleanup(other.down)
        until(lambda: vm.WAITS in other.text(), "the other waits")
        began = time.monotonic()
        self.kill_plane()
        until(lambda: vm.LEADS in other.text(), "the other leads", 30)
        print(f"taken over after {time.monotonic() - began:.1f} s", flush=True)
        self.runs_as_before()
        self.cluster.call("DELETE", f"{PODS}/{self.status('steady')['podName']}")
        until(lambda: (self.runs("steady") or {"metadata": {"uid": self.pod}})["metadata"]["uid"] != self.pod, "the other gives it a new pod", 90)

    def test_a_control_plane_that_wakes_up_does_not_go_on(self):
        """It slept while another took over: it must see that before it does anything."""
        other = vm.Plane(self.cluster, **{**self.installed, "words": ()})
        self.addCleanup(other.down)
        self.plane.process.send_signal(19)  # SIGSTOP
        until(lambda: vm.LEADS in other.text(), "the other leads", 30)
        self.plane.process.send_signal(18)  # SIGCONT
        until(lambda: "lost lease=" in self.plane.text(), "it steps back", 30)
        self.runs_as_before()


if __name__ == "__main__":
    main()
