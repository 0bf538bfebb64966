#!/usr/bin/env python3
"""neonvm on a real API server in figures, each beside the server's own share.

  cluster_bench.py [--create N] [--idle N] [--running N] [--idle-seconds S] [--scale N]      NEONVM, CLUSTER_RUNNERS: what is measured

create: N VirtualMachines written as fast as the server takes them; from the first to the last bound pod, per second, beside how
        fast the same server takes N bare pods from one client. The control plane is as the bases install it: webhooks, and a
        service account's token. Beside it the CPU time of each process, and the requests, that one VM takes.
idle:   N VMs that are stopped by their owner (nobody here holds the doors of so many runners), nothing happening: memory and CPU of the
        control plane, and requests to the server that have to do with VMs.
running: N VMs whose runners are there, with their doors and guests but machines in memory only, nothing happening: the same, and what one
        more of them takes.
scale:  on a real node, from the answer to a patch of cpus.use to the CPU online in the guest, N times, TCG; beside the median of
        one write to the server.
Prints figures, and thresholds are nowhere here. Needs what tests/cluster needs.
"""
import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../cluster"))
from bench import node, programs, vm  # noqa: E402
from bench.api import Refused  # noqa: E402
from bench.cluster import Cluster  # noqa: E402
from bench.fixture import SKIPPED, until  # noqa: E402
from bench.kubelets import Kubelets  # noqa: E402
from bench.requests import requests_seen  # noqa: E402

VMS = "/apis/vm.neon.tech/v1/namespaces/default/virtualmachines"
PODS = "/api/v1/namespaces/default/pods"
CONNECTIONS = 16


def show(what, value, unit, beside=""):
    print(f"{what:<62} {value:>10.1f} {unit}{beside}", flush=True)


def machine(name, image=""):
    guest = {"cpus": {"min": 0.1, "use": 0.1, "max": 1}, "memorySlotSize": "16Mi", "memorySlots": {"min": 4, "use": 4, "max": 6}}
    if image:
        guest = {"cpus": {"min": 1, "use": 1, "max": 2}, "memorySlotSize": "64Mi", "memorySlots": {"min": 4, "use": 4, "max": 4},
                 "rootDisk": {"image": image}}
    return {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachine", "metadata": {"name": name}, "spec": {"guest": guest, "enableAcceleration": False}}


def bare_pod(name, node):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "nodeName": node, "automountServiceAccountToken": False, "containers": [{"name": "c", "image": "x"}]}}


def send(connection, method, path, body=None, kind="application/json"):
    """Over a connection that stays: a new one for each call would be most of what the server has to do."""
    connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": kind, "Accept": "application/json"})
    response = connection.getresponse()
    text = response.read()
    if response.status >= 300:
        raise RuntimeError(f"{method} {path}: {response.status} {text[:700]!r}")
    return json.loads(text)


def send_once_heard(connection, path, body):
    """A write that webhooks must hear of, while the control plane may be starting again."""
    end = time.monotonic() + 120
    while True:
        try:
            return send(connection, "POST", path, body)
        except RuntimeError as why:
            if "failed calling webhook" not in str(why) or time.monotonic() > end:
                raise
        time.sleep(0.5)  # nothing tells the server's clients when its webhooks answer


def write_all(cluster, path, objects, connections=CONNECTIONS, write=lambda connection, path, body: send(connection, "POST", path, body)):
    """By several connections at once; returns the seconds."""
    objects = list(objects)
    began, failed = time.monotonic(), []

    def some(part):
        connection = cluster.connection()
        try:
            for each in part:
                write(connection, path, each)
        except (RuntimeError, OSError) as why:
            failed.append(why)
    threads = [threading.Thread(target=some, args=(objects[i::connections],)) for i in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:  # fewer objects than asked for: what follows would measure something else, or wait for ever
        raise failed[0]
    return time.monotonic() - began


class Bound:
    """Sees runner pods as they are bound. By a watch: lists of a thousand pods, again and again, would be most of what the server does."""

    def __init__(self, cluster):
        connection = cluster.connection()
        connection.timeout = 1800
        connection.request("GET", f"{PODS}?watch=1&labelSelector=vm.neon.tech/name&timeoutSeconds=1800")
        self.events = connection.getresponse()
        self.seen = set()

    def wait(self, count):
        while len(self.seen) < count:
            line = self.events.readline()
            if not line:
                raise RuntimeError(f"the watch ended; {len(self.seen)} of {count} pods were bound")
            if b'"nodeName":"' in line:
                self.seen.add(re.search(rb'"metadata":{"name":"([^"]+)"', line)[1])


class Spent:
    """CPU time of every process that takes part, and requests to the server, from here on."""

    def __init__(self, cluster, plane=None):
        self.cluster, self.plane = cluster, plane
        self.times, self.requests = self.now()

    def now(self):
        pids = {name: pid for name, pid in self.cluster.request("status").items() if pid}
        if self.plane:
            pids["control plane"] = self.plane.process.pid
        times = {name: weight(pid)[1] for name, pid in pids.items()}
        return {**times, "this benchmark": time.process_time()}, requests_seen(self.cluster)

    def show(self, what, count):
        times, requests = self.now()
        each = {name: 1000 * (seconds - self.times[name]) / count for name, seconds in times.items()}
        print(f"  CPU for {what}: {sum(each.values()):.1f} ms: " + ", ".join(f"{name} {part:.1f}" for name, part in each.items() if part >= 0.05))
        made = {name: (number - self.requests.get(name, 0)) / count for name, number in requests.items()}
        print(f"  requests for {what}: " + ", ".join(f"{name} {part:.2f}" for name, part in sorted(made.items()) if part >= 0.01), flush=True)


class Minded:
    """Starts the control plane again whenever it has ended, as its Deployment would: it ends when the server is too busy to let it renew its lease."""

    def __init__(self, plane):
        self.plane, self.over, self.ends = plane, False, 0
        threading.Thread(target=self.mind, daemon=True).start()

    def mind(self):
        while True:
            code = self.plane.process.wait()
            if self.over:
                return
            self.ends += 1
            last = [line for line in self.plane.text().splitlines() if " error" in line or " warn" in line][-1:]
            print(f"the control plane ended with {code} and is started again: {''.join(last)}", flush=True)
            self.plane.start()


def weight(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        pss = next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return pss, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def many(options):
    nodes = max(1, (max(options.create, options.idle) + 899) // 900)
    with Cluster.up(fake_nodes=nodes) as cluster:
        for number in range(1, nodes + 1):
            cluster.add_fake_node(f"fake{number}", cpu="1000", memory="1000Gi")
        installed = prepared(cluster)
        plane = vm.Plane(cluster, **installed)
        try:
            if options.create:
                create(cluster, plane, options.create)
            if options.idle:
                idle(cluster, plane, options)
        finally:
            plane.down()


def prepared(cluster):
    installed = vm.as_installed(cluster)
    # Its collector of garbage learns of new kinds when it starts, or half a minute later; until then it asks for the owner of each pod.
    cluster.restart("kube-controller-manager", hard=True)
    return installed


def ready(cluster, plane):
    """It leads, and its webhooks answer."""
    until(lambda: vm.LEADS in plane.text(), "the control plane leads")
    until(lambda: accepted(cluster), "the webhooks answer")


def accepted(cluster):
    try:
        made = cluster.call("POST", VMS + "?dryRun=All", machine("probe"))
        return "finalizers" in made["metadata"]
    except Refused as why:
        if "failed calling webhook" not in str(why):
            raise
        return False


def told(cluster, field):
    """0 when the server is too busy to list thousands in time."""
    try:
        return sum(1 for page in cluster.pages(VMS) for each in page["items"] if each.get("status", {}).get(field))
    except (OSError, Refused):
        return 0


def stopped(name):
    made = machine(name)
    made["metadata"]["annotations"] = {"neonvm.dev/stopped": "true"}
    return made


def create(cluster, plane, count):
    spent = Spent(cluster)
    taken = write_all(cluster, PODS, (bare_pod(f"bare-{i}", "fake1") for i in range(count)))
    spent.show("a bare pod", count)
    cluster.call("DELETE", PODS + "?gracePeriodSeconds=0")  # as one request: kubectl takes ten a second
    until(lambda: not cluster.get(PODS)["items"], "the bare pods are gone", 300)
    ready(cluster, plane)
    pods, spent, began = Bound(cluster), Spent(cluster, plane), time.monotonic()
    written = write_all(cluster, VMS, (machine(f"vm-{i}") for i in range(count)))
    pods.wait(count)
    whole = time.monotonic() - began
    show(f"{count} VMs, each with a bound pod", count / whole, "/s",
         f"   (writing them alone {count / written:.0f} /s, as many bare pods {count / taken:.0f} /s)")
    spent.show("a VM until the last is bound", count)
    until(lambda: told(cluster, "node") >= count, "every status says where its VM is", 300, 1)
    show(f"{count} VMs, each with a status that says where it is", count / (time.monotonic() - began), "/s")
    spent.show("a VM until its status says so", count)


def idle(cluster, plane, options):
    ready(cluster, plane)
    write_all(cluster, VMS, (stopped(f"idle-{i}") for i in range(options.idle)))
    until(lambda: told(cluster, "phase") >= options.idle, "every VM has a status", 1800, 5)
    time.sleep(10)  # what still settles is not idle; nothing tells when it has
    pss, before = weight(plane.process.pid)
    requests = sum(requests_seen(cluster).values())
    time.sleep(options.idle_seconds)  # the measurement itself
    pss, after = weight(plane.process.pid)
    show(f"{options.idle} idle VMs: memory of the control plane", pss, "MiB")
    show(f"{options.idle} idle VMs: CPU of the control plane", 100 * (after - before) / options.idle_seconds, "% of a core")
    show(f"{options.idle} idle VMs: requests to the server in {options.idle_seconds} s", sum(requests_seen(cluster).values()) - requests, "")


def a_kubelet_each(cluster, nodes):
    """A runner without a container takes some six descriptors and a turn of its process's loop: as many processes as nodes."""
    return [Kubelets(cluster, {f"fake{number}"}) for number in range(1, nodes + 1)]


def running(options):
    nodes = (options.running + 899) // 900
    with Cluster.up(fake_nodes=nodes) as cluster:
        for number in range(1, nodes + 1):
            cluster.add_fake_node(f"fake{number}", cpu="1000", memory="1000Gi")
        installed = prepared(cluster)
        kubelets = a_kubelet_each(cluster, nodes)
        plane = vm.Plane(cluster, **installed)
        minded = Minded(plane)
        try:
            ready(cluster, plane)
            before, _ = weight(plane.process.pid)
            # Slowly: what comes then is measured, not this.
            write_all(cluster, VMS, (machine(f"vm-{i}") for i in range(options.running)), max(1, options.running // 5000), send_once_heard)
            until(lambda: told(cluster, "guestConnected") >= options.running, "every guest answers", 900 + options.running, 2 + options.running / 200)
            pss, _ = weight(plane.process.pid)
            show(f"{options.running} running VMs: memory of the control plane when the last guest answered", pss, "MiB")
            time.sleep(75 if options.running >= 100 else 10)  # what still settles is not idle, and links rest after a minute; nothing tells when they have
            requests, (_, spent) = requests_seen(cluster), weight(plane.process.pid)
            time.sleep(options.idle_seconds)  # the measurement itself
            pss, after = weight(plane.process.pid)
            show(f"{options.running} running VMs: memory of the control plane", pss, "MiB", f"   ({1024 * (pss - before) / options.running:.1f} KiB each)")
            show(f"{options.running} running VMs: CPU of the control plane", 100 * (after - spent) / options.idle_seconds, "% of a core")
            made = {name: number - requests.get(name, 0) for name, number in requests_seen(cluster).items() if number > requests.get(name, 0)}
            show(f"{options.running} running VMs: requests to the server in {options.idle_seconds} s", sum(made.values()), "",
                 "   " + ", ".join(f"{name} {number:.0f}" for name, number in sorted(made.items())))
            show(f"{options.running} running VMs: starts of the control plane anew until then", minded.ends, "")
            take_over(options.running, plane)
        finally:
            minded.over = True
            plane.down()
            for each in kubelets:
                each.runners.kill()  # hundreds of machines in memory take their time to end, and nobody wants to know how
                each.down()


def take_over(count, plane):
    """Its process is killed, and the next one links with every runner anew."""
    before, led, most = plane.process, plane.text().count(vm.LEADS), 0.0
    before.kill()
    until(lambda: plane.process is not before, "the control plane is started again")
    until(lambda: plane.text().count(vm.LEADS) > led, "it leads", 300)
    end = time.monotonic() + 30 + count / 40  # nothing tells when it has linked with the last
    while time.monotonic() < end:
        most = max(most, weight(plane.process.pid)[0])
        time.sleep(0.5)
    time.sleep(75)  # as above
    show(f"{count} running VMs: most memory of a control plane that takes over", most, "MiB")
    show(f"{count} running VMs: memory of a control plane that took over", weight(plane.process.pid)[0], "MiB")


def scale(options):
    with tempfile.TemporaryDirectory() as folder, Cluster.up(nodes=1) as cluster:
        for archive in vm.make_images(folder, "runner"):
            cluster.request("import", archive)
        plane = vm.Plane(cluster, **vm.as_installed(cluster))
        try:
            cluster.call("POST", VMS, machine("web", vm.WEB_IMAGE))
            until(lambda: cluster.get(f"{VMS}/web").get("status", {}).get("guestConnected"), "the guest answers", 180)
            times, writes, connection = [], [], cluster.connection()
            for turn in range(2 * options.scale):
                use = 2 - turn % 2
                began = time.monotonic()
                send(connection, "PATCH", f"{VMS}/web", [{"op": "replace", "path": "/spec/guest/cpus/use", "value": use}], "application/json-patch+json")
                answered = time.monotonic()
                # The runner says when the guest has brought the CPU online; the status that is looked at comes one write after.
                while send(connection, "GET", f"{VMS}/web")["status"]["cpus"] != use:
                    if time.monotonic() - answered > 60:
                        raise RuntimeError(f"not within 60 s: {use} CPU")
                if use == 2:
                    times.append((time.monotonic() - answered) * 1000)
                    writes.append((answered - began) * 1000)
            show(f"patch accepted -> CPU online in the guest, median of {options.scale}", statistics.median(times), "ms",
                 f"   (one write to the server {statistics.median(writes):.0f} ms, worst {max(times):.0f} ms)")
        finally:
            plane.down()


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--create", type=int, default=1000)
    words.add_argument("--idle", type=int, default=10000)
    words.add_argument("--running", type=int, default=400)
    words.add_argument("--idle-seconds", type=int, default=60)
    words.add_argument("--scale", type=int, default=15)
    options = words.parse_args()
    try:
        programs.find()
        if options.scale:
            node.check()
    except programs.CannotRun as why:
        print(f"skipped: {why}")
        sys.exit(SKIPPED)
    if options.scale:
        scale(options)
    if options.create or options.idle:
        many(options)
    if options.running:
        running(options)


if __name__ == "__main__":
    main()
