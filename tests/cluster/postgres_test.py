#!/usr/bin/env python3
"""Postgres in a VM on two real nodes, with pgbench in a pod that comes by the VM's Service: grown, moved and shrunk by itself, and its books balance.

neondatabase/autoscaling's scenarios "autoscaling", "autoscaling.revisions" and "vm-migration", at a size that two cores can do without KVM.
"""
import os
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts"))
import postgres_vm  # noqa: E402
from bench import images, programs, vm  # noqa: E402
from bench.api import Refused  # noqa: E402
from bench.fixture import main, until  # noqa: E402
from bench.vms import MIGRATIONS, PODS, VMS, VmsTest  # noqa: E402
from postgres_vm import MIB, bytes_of, cpus_of  # noqa: E402

VM = f"{VMS}/pg"
PG_IMAGE = f"{vm.REPOSITORY}/vm-postgres:test"
CLIENT_IMAGE = f"{vm.REPOSITORY}/pgbench:test"
LOWEST, HIGHEST = (0.25, 1024), (1, 4096)  # CPUs, MiB
MANIFEST = f"""
apiVersion: vm.neon.tech/v1
kind: VirtualMachine
metadata:
  name: pg
  labels: {{autoscaling.neon.tech/enabled: "true"}}
  annotations:
    autoscaling.neon.tech/bounds: '{{"min": {{"cpu": "250m", "mem": "1Gi"}}, "max": {{"cpu": 1, "mem": "4Gi"}}}}'
spec:
  enableAcceleration: false
  targetRevision: {{revision: {{value: 123, flags: 0}}, updatedAt: "2026-01-01T00:00:00Z"}}
  guest:
    cpus: {{min: 0.25, use: 0.5, max: 1.25}}
    memorySlotSize: 1Gi
    memorySlots: {{min: 1, use: 2, max: 5}}
    rootDisk: {{image: {PG_IMAGE}}}
    ports: [{{name: postgres, port: 5432}}]
---
apiVersion: v1
kind: Service
metadata: {{name: pg}}
spec:
  selector: {{vm.neon.tech/name: pg}}
  ports: [{{port: 5432}}]
"""
# A client whose server has moved away finds out by itself, and begins anew.
WORKLOAD = """
until psql -qc 'select 1' >/dev/null 2>&1; do sleep 1; done
[ "$(psql -Atc "select count(*) from pg_tables where tablename = 'pgbench_history'")" = 1 ] || pgbench -iq
while :; do pgbench -n -c 4 -T 3600 -P 5 "tcp_user_timeout=5000 connect_timeout=5"; sleep 1; done
"""
BALANCE = """select count(*), sum(delta) = (select sum(abalance) from pgbench_accounts) and sum(delta) = (select sum(bbalance) from pgbench_branches)
and sum(delta) = (select sum(tbalance) from pgbench_tellers) from pgbench_history"""


def client_archive(folder):
    """psql and pgbench with the libraries that they need, and a shell."""
    files, links = {}, []
    for program in postgres_vm.client_programs():
        files["bin/" + os.path.basename(program)] = (program, 0o755)
        for line in subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.splitlines():
            path = next((word for word in line.split() if word.startswith("/")), None)
            if path:
                place = path if "/ld-linux" in path else "lib/" + os.path.basename(path)
                files[place.lstrip("/")] = (os.path.realpath(path), 0o755)
    files["bin/busybox"] = (programs.find(["busybox"])["busybox"], 0o755)
    links += [(f"bin/{each}", "busybox") for each in ("sh", "sleep")]
    files["etc/passwd"] = (b"client:x:1000:1000::/:/bin/sh\n", 0o644)
    where = os.path.join(folder, "client.tar")
    images.archive(where, CLIENT_IMAGE, images.layer_of(files, links), ["/bin/sh"])
    return where


class Sizes(threading.Thread):
    """Every size that the VM's status tells, as it comes."""

    def __init__(self, test):
        super().__init__(daemon=True)
        self.test, self.seen, self.over = test, [], threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.5):
            try:
                status = self.test.status()
            except (Refused, OSError):
                continue
            if status.get("cpus") and (size := size_of(status)) not in self.seen[-1:]:
                self.seen.append(size)


def size_of(status):
    return cpus_of(status["cpus"]), bytes_of(status["memorySize"]) / MIB


class PostgresTest(VmsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as folder:
            disk = os.path.join(folder, "postgres.tar")
            images.archive(disk, PG_IMAGE, images.layer_of({"disk.qcow2": (postgres_vm.example_disk(), 0o644)}), ["/disk.qcow2"])
            cls.load(*vm.own_images(folder, "neonvm", "runner"), client_archive(folder), disk)
        cls.addClassCleanup(cls.show)
        vm.install(cls.cluster, "default")

    @classmethod
    def show(cls):
        """For whoever reads the log of a failure."""
        for words in (("logs", "-n", "neonvm-system", "-l", "app.kubernetes.io/name=neonvm-controller", "--tail=100"), ("logs", "load", "--tail=30"),
                      ("get", "neonvm,vmm,pod", "-o", "wide"), ("get", "events")):
            print(cls.cluster.kubectl(*words, check=False).stdout, file=sys.stderr)
        print(vm.neonvm(cls.cluster, "explain", "pg", check=False), file=sys.stderr)

    def status(self, name="pg"):
        return super().status(name)

    def size(self):
        return size_of(self.status())

    def revision(self):
        return self.status().get("currentRevision", {}).get("revision", {})

    def aims_at(self, value, flags):
        self.cluster.call("PATCH", VM, {"spec": {"targetRevision": {"revision": {"value": value, "flags": flags}, "updatedAt": "2026-01-01T00:00:00Z"}}},
                          "application/merge-patch+json")

    def begin_load(self):
        password = until(lambda: vm.neonvm(self.cluster, "exec", "pg", "--", "cat", "/var/lib/postgresql/password", check=False).strip(),
                         "a password is made in the guest", 300)
        self.cluster.kubectl("create", "secret", "generic", "pg", f"--from-literal=PGPASSWORD={password}")
        address = self.cluster.get("/api/v1/namespaces/default/services/pg")["spec"]["clusterIP"]
        self.cluster.call("POST", PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "load"}, "spec": {
            "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, "containers": [{
                "name": "load", "image": CLIENT_IMAGE, "command": ["/bin/sh", "-c", WORKLOAD], "envFrom": [{"secretRef": {"name": "pg"}}],
                "env": [{"name": "PGHOST", "value": address}, {"name": "PGUSER", "value": "postgres"}, {"name": "LD_LIBRARY_PATH", "value": "/lib"}]}]}})

    def balance(self):
        """How many transactions were done, and whether all tables agree on what they did; None: nobody answers just now."""
        told = self.cluster.kubectl("exec", "load", "--", "/bin/psql", "-Atc", BALANCE, check=False, limit=60).stdout.strip()
        if not told:
            return None
        count, agree = told.split("|")
        if int(count):
            self.assertEqual(agree, "t", told)
        return int(count)

    def goes_on(self, what, seconds=180):
        before = until(lambda: self.balance() or None, f"transactions are done {what}", seconds)
        until(lambda: (self.balance() or 0) > before, f"more transactions are done {what}", seconds)

    def test_it_grows_moves_and_shrinks_under_pgbench(self):
        self.cluster.kubectl("apply", "-f", "-", stdin=MANIFEST)
        until(lambda: self.status().get("guestConnected"), "the guest answers", 300)
        sizes = Sizes(self)
        self.addCleanup(sizes.over.set)
        self.revisions_follow()
        self.begin_load()
        until(lambda: self.size() == HIGHEST, f"it has grown to its upper bound: {sizes.seen}", 300)
        self.goes_on("where it is")
        self.assertEqual(self.status()["currentRevision"]["revision"]["flags"] & 1, 1)
        self.moves()
        self.assertEqual(self.status()["restartCount"], 0)
        self.assertEqual(self.cluster.get(f"{PODS}/load")["status"]["phase"], "Running")
        self.goes_on("where it went")
        self.cluster.call("DELETE", f"{PODS}/load")
        until(lambda: self.size() == LOWEST, f"it is small again: {sizes.seen}", 400)
        sizes.over.set()
        self.assertTrue(all(low <= has <= high for size in sizes.seen[1:] for low, has, high in zip(LOWEST, size, HIGHEST)), sizes.seen)
        print("sizes:", sizes.seen, file=sys.stderr)
        self.cluster.kubectl("delete", "neonvm", "pg", "--wait=false")
        until(lambda: not self.cluster.get(PODS)["items"], "nothing is left", 180)

    def revisions_follow(self):
        """Whoever writes one sees it followed, backwards too, and the agent goes on from there."""
        until(lambda: self.size() == LOWEST, "it has shrunk to its lower bound while there is nothing to do", 400)
        self.aims_at(1, 123)
        until(lambda: self.revision() == {"value": 1, "flags": 123}, f"its revision is the one that was written: {self.status()}", 90)

    def moves(self):
        before = self.status()["node"]
        self.cluster.call("POST", MIGRATIONS, {"apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachineMigration", "metadata": {"name": "go"},
                                               "spec": {"vmName": "pg", "allowPostCopy": False}})
        until(lambda: self.cluster.get(f"{MIGRATIONS}/go").get("status", {}).get("phase") in ("Succeeded", "Failed"), "the migration is over", 400)
        status = self.cluster.get(f"{MIGRATIONS}/go")["status"]
        self.assertEqual(status["phase"], "Succeeded", status)
        self.assertNotEqual(self.status()["node"], before)


if __name__ == "__main__":
    main(real_nodes=True)
