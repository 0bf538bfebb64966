#!/usr/bin/env python3
"""The bench itself: it starts, can be broken on purpose, and leaves nothing behind, whatever ends it."""
import os
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from bench.api import Refused  # noqa: E402
from bench.cluster import Cluster  # noqa: E402
from bench.daemons import die_with  # noqa: E402
from bench.fixture import ClusterTest, main, until  # noqa: E402

PROGRAM = os.path.join(HERE, "cluster")
HOLDER = f"""
import sys, time
sys.path.insert(0, {HERE!r})
from bench.cluster import Cluster
print(Cluster.up().state, flush=True)
time.sleep(3600)
"""


def processes_of(state):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read()
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                gone = file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            continue
        if state.encode() in words and not gone:
            found.append(int(pid))
    return found


def etcd_data(state):
    with open(os.path.join(state, "data"), encoding="utf-8") as file:
        return file.read()


class UsedTest(ClusterTest):
    options = {"fake_nodes": True, "audit": True}

    def test_pods_are_bound_to_fake_nodes(self):
        self.cluster.add_fake_node("fake1", cpu="4", labels={"zone": "a"})
        pods = "/api/v1/namespaces/default/pods"
        self.cluster.call("POST", pods, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {
            "nodeSelector": {"zone": "a"}, "containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "3"}}}]}})
        until(lambda: self.cluster.get(pods + "/p")["spec"].get("nodeName") == "fake1", "the pod is bound")

    def test_a_restarted_api_server_knows_what_it_knew(self):
        self.cluster.call("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "kept"}, "data": {"a": "b"}})
        before = self.cluster.request("status")["kube-apiserver"]
        self.cluster.restart("kube-apiserver", hard=True)
        self.assertNotEqual(self.cluster.request("status")["kube-apiserver"], before)
        self.assertEqual(self.cluster.get("/api/v1/namespaces/default/configmaps/kept")["data"], {"a": "b"})

    def test_a_killed_daemon_stays_down_until_it_is_started(self):
        self.cluster.request("kill", "kube-scheduler")
        self.assertIsNone(self.cluster.request("status")["kube-scheduler"])
        self.cluster.request("start", "kube-scheduler")
        self.assertIsNotNone(self.cluster.request("status")["kube-scheduler"])

    def test_a_watch_from_before_a_compaction_is_gone(self):
        maps = "/api/v1/namespaces/default/configmaps"
        old = self.cluster.get(maps)["metadata"]["resourceVersion"]
        for i in range(3):
            self.cluster.call("POST", maps, {"metadata": {"name": f"c{i}"}})
        self.cluster.compact()
        self.cluster.restart("kube-apiserver", hard=True)  # what it remembers itself would answer
        connection = self.cluster.connection()
        self.addCleanup(connection.close)
        connection.request("GET", f"{maps}?watch=1&resourceVersion={old}")
        self.assertIn('"code":410', connection.getresponse().readline().decode())

    def test_a_user_may_what_was_granted_and_no_more(self):
        file = self.cluster.request("user", "jane", groups=["guests"])
        self.assertEqual(os.stat(file).st_mode & 0o077, 0)
        done = self.cluster.kubectl("--kubeconfig", file, "get", "pods", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('User "jane" cannot list resource "pods"', done.stderr)

    def test_what_was_asked_is_in_the_audit_log(self):
        with self.assertRaises(Refused):
            self.cluster.get("/api/v1/namespaces/default/configmaps/unheard-of")
        log = os.path.join(self.cluster.state, "log", "audit.log")

        def heard():
            with open(log, encoding="utf-8") as file:
                return "unheard-of" in file.read()
        until(heard, "the request is in the log")

    def test_an_unknown_daemon_is_refused_with_what_there_is(self):
        with self.assertRaisesRegex(RuntimeError, "no kube-nonsense here; there are etcd, kube-apiserver"):
            self.cluster.request("restart", "kube-nonsense")


class EndedTest(unittest.TestCase):
    def test_nothing_is_left_of_a_killed_test(self):
        with subprocess.Popen([sys.executable, "-B", "-c", HOLDER], stdout=subprocess.PIPE, text=True, preexec_fn=die_with(os.getpid())) as holder:
            state = holder.stdout.readline().strip()
            data = etcd_data(state)
            self.assertEqual((len(processes_of(state)), len(processes_of(data))), (4, 1))
            holder.kill()
        until(lambda: not os.path.exists(state) and not os.path.exists(data) and not processes_of(state) and not processes_of(data),
              "everything is gone")

    def test_a_killed_keeper_takes_the_daemons_along_and_the_next_removes_its_files(self):
        cluster = Cluster.up()
        data = etcd_data(cluster.state)
        cluster.process.kill()
        cluster.process.wait()
        until(lambda: not processes_of(cluster.state), "the daemons are gone")
        self.assertTrue(os.path.exists(cluster.state))
        with Cluster.up() as another:
            self.assertFalse(os.path.exists(cluster.state))
            self.assertFalse(os.path.exists(data))
            self.assertNotEqual(another.state, cluster.state)
        self.assertFalse(os.path.exists(another.state))

    def test_exec_gives_a_program_a_cluster_and_its_exit_code_back(self):
        words = [PROGRAM, "exec", "--fake-nodes", "2", "--", "sh", "-c",
                 '[ "$KUBECONFIG" = "$NEONVM_TEST_KUBECONFIG" ] && "$NEONVM_TEST_CLUSTER_PROGRAM" status && echo "$NEONVM_TEST_CLUSTER" && exit 3']
        done = subprocess.run(words, text=True, capture_output=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn("kube-apiserver", done.stdout)
        self.assertFalse(os.path.exists(done.stdout.splitlines()[-1]))

    def test_a_terminated_exec_ends_its_program_and_its_cluster(self):
        with subprocess.Popen([PROGRAM, "exec", "--", "sh", "-c", 'echo "$NEONVM_TEST_CLUSTER"; exec sleep 3600'],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
            state = program.stdout.readline().strip()
            program.send_signal(signal.SIGTERM)
            self.assertEqual(program.wait(120), 128 + signal.SIGTERM)
        self.assertFalse(os.path.exists(state))
        self.assertEqual(processes_of(state), [])

    def test_where_no_cluster_can_run_it_says_why(self):
        with tempfile.TemporaryDirectory() as empty:
            environment = {"PATH": "/usr/bin:/bin", "HOME": empty}
            done = subprocess.run([sys.executable, PROGRAM, "exec", "--", "true"], env=environment, text=True, capture_output=True, check=False,
                                  timeout=60)
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertRegex(done.stderr, "no .*kube-apiserver.* in .KUBEBUILDER_ASSETS")
        self.assertIn("tests/cluster/build-kubernetes", done.stderr)

    def test_a_cluster_that_cannot_come_up_says_so_and_leaves_nothing(self):
        with self.assertRaisesRegex(RuntimeError, "unknown flag: --nonsense"):
            Cluster.up(apiserver=["--nonsense=1"])


if __name__ == "__main__":
    main()
