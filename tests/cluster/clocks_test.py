#!/usr/bin/env python3
"""What ends with time: tokens of service accounts that expire and are replaced in their file, and a control plane whose clock is minutes off."""
import calendar
import http.client
import os
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import certificates, vm  # noqa: E402
from bench.api import PORT  # noqa: E402
from bench.fixture import main, until  # noqa: E402
from bench.fleet import MERGE, VMS, FleetTest  # noqa: E402

OWN, NAME = "neonvm-system", "neonvm"
LEEWAY = 60  # for which the API server believes a token that has expired
LIFETIME = 4
LOST = "leadership: lost"


class Tokens:
    """A file with a token that is good for a few seconds, replaced as a kubelet does it: whole, under its name. `given`: all of them."""

    def __init__(self, cluster):
        self.cluster, self.path, self.given = cluster, os.path.join(cluster.state, "token"), []
        self.uid = cluster.get(f"/api/v1/namespaces/{OWN}/serviceaccounts/{NAME}")["metadata"]["uid"]
        self.paused = self.thread = None
        self.go_on()

    def renew(self):
        pki = os.path.join(self.cluster.state, "pki")
        self.given.append(certificates.token(pki, OWN, NAME, self.uid, time.time() - LEEWAY + LIFETIME))
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(self.given[-1] + "\n")
        os.rename(self.path + ".new", self.path)

    def go_on(self):
        def work():
            while not self.paused.wait(LIFETIME / 2):
                self.renew()
        self.renew()
        self.paused = threading.Event()
        self.thread = threading.Thread(target=work)
        self.thread.start()

    def pause(self):
        self.paused.set()
        self.thread.join()

    end = pause


class ClocksTest(FleetTest):
    """Each test has a control plane of its own."""

    def setUp(self):
        self.plane.down()
        self.addCleanup(self.replace, {})

    def replace(self, more, **environment):
        """The class's control plane is another one from now on."""
        if self.plane.process.poll() is None:
            self.plane.down()
        type(self).plane = vm.Plane(self.cluster, **{**self.installed, **more}, environment=environment)
        until(lambda: vm.LEADS in self.plane.text(), "it leads", 30)

    def asked_with(self, token):
        """Status code."""
        trust = ssl.create_default_context(cafile=os.path.join(self.cluster.state, "pki/ca.crt"))
        connection = http.client.HTTPSConnection(self.cluster.address, PORT, timeout=30, context=trust)
        try:
            connection.request("GET", VMS, headers={"Authorization": f"Bearer {token}"})
            return connection.getresponse().status
        finally:
            connection.close()

    def test_a_token_expires_and_another_is_in_its_file(self):
        tokens = Tokens(self.cluster)
        self.addCleanup(tokens.end)
        self.replace({"kubeconfig": self.cluster.account(OWN, NAME, tokens.path)})
        first = tokens.given[-1]
        self.assertEqual(self.asked_with(first), 200)
        self.create("tokens-1")
        pod = self.await_running("tokens-1")
        until(lambda: self.asked_with(first) == 401, "what it began with is good for nothing", 90)
        self.create("tokens-2")
        self.await_running("tokens-2")
        self.ask("PATCH", f"{VMS}/tokens-1", {"spec": {"guest": {"cpus": {"use": 2}}}}, MERGE)
        self.assertEqual(self.await_running("tokens-1", 2)["metadata"]["uid"], pod["metadata"]["uid"])
        self.assertNotIn(LOST, self.plane.text())
        # A file that nobody renews any more: whoever cannot show that he leads does not, until somebody renews it.
        tokens.pause()
        until(lambda: LOST in self.plane.text(), "it steps down", 90)
        tokens.go_on()
        self.create("tokens-3")
        self.await_running("tokens-3")
        for name in ("tokens-1", "tokens-2", "tokens-3"):
            self.delete(name)

    def skewed(self, seconds):
        name = f"skew-{seconds}".replace("--", "-")
        self.replace({}, LD_PRELOAD=os.environ["SKEWED_CLOCK"], SKEW_SECONDS=str(seconds))
        told = calendar.timegm(time.strptime(self.plane.text()[:19], "%Y-%m-%dT%H:%M:%S"))
        self.assertLess(abs(told - time.time() - seconds), 60, "its own log shows the other clock")
        other = vm.Plane(self.cluster, **{**self.installed, "words": ()})
        self.addCleanup(other.down)
        until(lambda: vm.WAITS in other.text(), "the other one waits, whatever its clock says of the lease")
        self.create(name)
        self.await_running(name)
        self.ask("PATCH", f"{VMS}/{name}", {"spec": {"guest": {"cpus": {"use": 2}}}}, MERGE)
        pod = self.await_running(name, 2)
        self.assertNotIn(vm.LEADS, other.text())
        began = time.monotonic()
        self.kill_plane()
        until(lambda: vm.LEADS in other.text(), "the other leads", 30)
        print(f"a clock {seconds} s off: taken over after {time.monotonic() - began:.1f} s", flush=True)
        self.assertEqual(self.await_running(name, 2)["metadata"]["uid"], pod["metadata"]["uid"])
        self.start_plane_waiting()
        other.kill()
        until(lambda: self.plane.text().count(vm.LEADS) == 2, "the one whose clock is off leads again", 30)
        self.ask("PATCH", f"{VMS}/{name}", {"spec": {"guest": {"cpus": {"use": 1}}}}, MERGE)
        self.assertEqual(self.await_running(name, 1)["metadata"]["uid"], pod["metadata"]["uid"])

    def start_plane_waiting(self):
        before = self.plane.text().count(vm.WAITS)
        self.plane.start()
        until(lambda: self.plane.text().count(vm.WAITS) > before, "it waits")

    def test_a_clock_that_is_ahead(self):
        self.skewed(240)

    def test_a_clock_that_is_behind(self):
        self.skewed(-240)


if __name__ == "__main__":
    main()
