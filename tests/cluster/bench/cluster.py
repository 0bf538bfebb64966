"""A cluster as a test has it: made, asked, broken, and gone with the test. See docs/how-to/test-on-a-cluster.md."""
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

from . import programs
from .api import Api
from .control_plane import ETCD
from .keeper import PREFIX

KEEPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keeper.py")
ANSWER_LIMIT = 240.0


class Cluster:
    """Talks to the cluster in the folder `state`. Cluster.up() makes one."""

    def __init__(self, state, process=None):
        self.state, self.process = state, process
        self.kubeconfig = os.path.join(state, "kubeconfig")
        self.address = self.request("address")
        api = Api(self.address, os.path.join(state, "pki"))
        self.call, self.connection = api.call, api.connection

    @staticmethod
    def up(say=None, owned=True, **options):
        """A cluster of its own. Owned, it ends with this process, however that ends. Raises programs.CannotRun, RuntimeError."""
        state = tempfile.mkdtemp(prefix=PREFIX)
        words = [sys.executable, "-B", KEEPER, state, json.dumps({**options, "owned": owned})]
        # One that outlives this process must not hold on to what that writes to.
        log = None if owned else open(os.path.join(state, "keeper.log"), "w", encoding="utf-8")
        process = subprocess.Popen(words, stdin=subprocess.PIPE if owned else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                                   start_new_session=True)
        said = []
        with process.stdout:
            for line in process.stdout:
                if line == "ready\n":
                    return Cluster(state, process)
                said.append(line)
                if say and not line.startswith(("failed:", "cannot run:", "| ")):
                    say(line.rstrip("\n"))
        process.communicate()
        text = "".join(said)
        if "cannot run: " in text:
            raise programs.CannotRun(text.partition("cannot run: ")[2].strip())
        raise RuntimeError("the cluster has not come up:\n" + text)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.down()

    # --- its keeper

    def request(self, do, name=None, **more):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(ANSWER_LIMIT)
            try:
                door.connect(os.path.join(self.state, "control"))
            except OSError as error:
                raise RuntimeError(f"no cluster in {self.state}: {error}") from error
            with door.makefile("rw", encoding="utf-8") as stream:
                stream.write(json.dumps({"do": do, "name": name, **more}) + "\n")
                stream.flush()
                line = stream.readline()
        if not line:
            raise RuntimeError(f"the keeper of {self.state} ended over \"{do}\"")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{do} {name or ''}: {answer['error']}")
        return answer["answer"]

    def restart(self, name, hard=False):
        self.request("restart", name, hard=hard)

    def down(self):
        """Returns when nothing of it is left."""
        try:
            self.request("down")
        except RuntimeError:
            pass  # it has ended already
        if self.process:
            if self.process.stdin:
                self.process.stdin.close()
            self.process.wait(60)
        end = time.monotonic() + 60
        while os.path.exists(self.state):
            if time.monotonic() > end:
                raise RuntimeError(f"{self.state} is still there")
            time.sleep(0.02)  # a folder's going is told to nobody

    # --- its API

    def get(self, path):
        return self.call("GET", path)

    def pages(self, path):
        """A list, some hundred objects at a time: many thousands take longer than a call may."""
        more = ""
        while True:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit=500{more}")
            yield page
            if not page["metadata"].get("continue"):
                return
            more = "&continue=" + urllib.parse.quote(page["metadata"]["continue"])

    def kubectl(self, *words, stdin=None, check=True, limit=120):
        done = subprocess.run([programs.find(["kubectl"])["kubectl"], "--kubeconfig", self.kubeconfig, *words], input=stdin, text=True,
                              capture_output=True, timeout=limit, check=False, env={"PATH": os.environ["PATH"], "HOME": self.state})
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout if check else done

    def account(self, namespace, name, token_file=None):
        """A kubeconfig with a token of this service account, as a pod of it has one; or with a file where one is kept."""
        user = f"tokenFile: {token_file}"
        if not token_file:
            asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 86400}}
            user = "token: " + self.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", asked)["status"]["token"]
        with open(self.kubeconfig, encoding="utf-8") as file:
            text = file.read()
        head, tail = text[:text.index("  user:\n")], text[text.index("contexts:\n"):]
        path = os.path.join(self.state, f"account-{namespace}-{name}{'-by-file' if token_file else ''}.kubeconfig")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{head}  user: {{{user}}}\n{tail}")
        return path

    def add_fake_node(self, name, cpu="8", memory="32Gi", labels=None, pods="1000"):
        """A node without a kubelet, Ready for good; pods that are bound to it stay Pending. Needs the option fake_nodes."""
        self.call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {
            "name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", **(labels or {})}}})
        room = {"cpu": cpu, "memory": memory, "pods": pods}
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        ready = {"type": "Ready", "status": "True", "reason": "FakeNode", "message": "", "lastHeartbeatTime": now, "lastTransitionTime": now}
        self.call("PATCH", f"/api/v1/nodes/{name}/status", {"status": {"capacity": room, "allocatable": room, "conditions": [ready]}},
                  "application/strategic-merge-patch+json")

    def compact(self):
        """Makes etcd forget all but the newest versions: a watch from an older one gets 410 Gone."""
        def etcd(path, body):
            connection = http.client.HTTPConnection(self.address, ETCD, timeout=30)
            try:
                connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                return json.loads(answer.read())
            finally:
                connection.close()
        revision = etcd("/v3/kv/range", {"key": "AA=="})["header"]["revision"]
        etcd("/v3/kv/compaction", {"revision": revision, "physical": True})
        return int(revision)
