#!/usr/bin/env python3
"""neonvm on a real API server in figures, each beside the server's own share.

  cluster_bench.py [--create N] [--idle N] [--idle-seconds S] [--scale N]      NEONVM: what is measured

create: N VirtualMachines written as fast as the server takes them; from the first to the last bound pod, per second, beside how
        fast the same server takes N bare pods from one client.
idle:   N VMs with a pod each, nothing happening: memory and CPU of the control plane, and its requests to the server by count.
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
from bench.cluster import Cluster  # noqa: E402
from bench.fixture import SKIPPED, until  # noqa: E402

VMS = "/apis/vm.neon.tech/v1/namespaces/default/virtualmachines"
PODS = "/api/v1/namespaces/default/pods"
CONNECTIONS = 4


def show(what, value, unit, beside=""):
    print(f"{what:<62} {value:>10.1f} {unit}{beside}", flush=True)


def machine(name, image=""):
    guest = {"cpus": {"min": 0.1, "use": 0.1, "max": 1}, "memorySlotSize": "16Mi", "memorySlots": {"min": 1, "use": 1, "max": 2}}
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
        raise RuntimeError(f"{method} {path}: {response.status} {text[:300]!r}")
    return json.loads(text)


def write_all(cluster, path, objects):
    """By several connections at once; returns the seconds."""
    objects = list(objects)
    began = time.monotonic()

    def some(part):
        connection = cluster.connection()
        for each in part:
            send(connection, "POST", path, each)
    threads = [threading.Thread(target=some, args=(objects[i::CONNECTIONS],)) for i in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def bound(cluster):
    pods = cluster.get(PODS + "?labelSelector=vm.neon.tech/name")["items"]
    return sum(1 for pod in pods if pod["spec"].get("nodeName"))


def weight(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        pss = next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return pss, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def requests_seen(cluster):
    text = cluster.call("GET", "/metrics")
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith("apiserver_request_total") and re.search(r'resource="(virtualmachines|virtualmachinemigrations|pods|secrets)"', line))


def definitions(cluster):
    cluster.kubectl("apply", "-k", os.path.join(vm.MANIFESTS, "crd"))
    cluster.kubectl("apply", "-k", os.path.join(vm.MANIFESTS, "rbac"))
    cluster.kubectl("wait", "--for", "condition=Established", "crd", "--all", "--timeout", "60s")


def many(options):
    nodes = max(1, (max(options.create, options.idle) + 899) // 900)
    with Cluster.up(fake_nodes=nodes) as cluster:
        for number in range(1, nodes + 1):
            cluster.add_fake_node(f"fake{number}", cpu="1000", memory="1000Gi")
        definitions(cluster)
        if options.create:
            taken = write_all(cluster, PODS, (bare_pod(f"bare-{i}", "fake1") for i in range(options.create)))
            cluster.call("DELETE", PODS + "?gracePeriodSeconds=0")  # as one request: kubectl takes ten a second
            until(lambda: not cluster.get(PODS)["items"], "the bare pods are gone", 300)
            plane = vm.Plane(cluster)
            try:
                began = time.monotonic()
                written = write_all(cluster, VMS, (machine(f"vm-{i}") for i in range(options.create)))
                until(lambda: bound(cluster) >= options.create, "all are bound", 300)
                whole = time.monotonic() - began
                show(f"{options.create} VMs, each with a bound pod", options.create / whole, "/s",
                     f"   (writing them alone {options.create / written:.0f} /s, as many bare pods {options.create / taken:.0f} /s)")
            finally:
                plane.down()
        if options.idle:
            idle(cluster, options)


def idle(cluster, options):
    plane = vm.Plane(cluster)
    try:
        there = len(cluster.get(VMS + "?limit=100000")["items"])
        write_all(cluster, VMS, (machine(f"idle-{i}") for i in range(there, options.idle)))
        until(lambda: bound(cluster) >= options.idle, "all are bound", 1800)
        time.sleep(10)  # what still settles is not idle; nothing tells when it has
        pss, before = weight(plane.process.pid)
        requests = requests_seen(cluster)
        time.sleep(options.idle_seconds)  # the measurement itself
        pss, after = weight(plane.process.pid)
        show(f"{options.idle} idle VMs: memory of the control plane", pss, "MiB")
        show(f"{options.idle} idle VMs: CPU of the control plane", 100 * (after - before) / options.idle_seconds, "% of a core")
        show(f"{options.idle} idle VMs: requests to the server in {options.idle_seconds} s", requests_seen(cluster) - requests, "")
    finally:
        plane.down()


def scale(options):
    with tempfile.TemporaryDirectory() as folder, Cluster.up(nodes=1) as cluster:
        for archive in vm.make_images(folder, "runner"):
            cluster.request("import", archive)
        definitions(cluster)
        plane = vm.Plane(cluster)
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


if __name__ == "__main__":
    main()
