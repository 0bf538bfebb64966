"""Kubelets of fake nodes: pods that are bound there get a runner without a container (../runners.cpp), and their statuses follow it."""
import base64
import http.client
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
import time

from .api import Kept, Refused
from .daemons import die_with

PODS = "/api/v1/pods?labelSelector=vm.neon.tech/name"
RUNNER = "neonvm-runner"
AWAY = (OSError, http.client.HTTPException, ValueError)


class Kubelets:
    """Of all fake nodes, or of some. `broken` is what must never be and was; a pod on a node in `silent` is left as it is, and nothing is told of
    it. inside: words before the runners', as to be in another network; net: the first half of their addresses then, in place of loopback."""

    def __init__(self, cluster, nodes=None, inside=(), net=None):
        self.cluster, self.nodes, self.api = cluster, nodes, Kept(cluster)
        # As a kubelet: a watch that is told of every pod, for each of a dozen nodes, is more than this process can read.
        self.pods = PODS + (f"&fieldSelector=spec.nodeName={min(nodes)}" if nodes and len(nodes) == 1 else "")
        self.folder = tempfile.mkdtemp(prefix="neonvm-kubelets-")
        self.runners = subprocess.Popen([*inside, os.environ["CLUSTER_RUNNERS"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=die_with(os.getpid()))
        self.lock, self.looked, self.broken, self.ending = threading.RLock(), threading.Condition(), [], False
        self.running, self.ended, self.silent, self.number = {}, {}, set(), 0
        self.net = net or f"127.{192 + secrets.randbelow(60)}"  # other clusters have pods, too
        self.subnet = 0 if net else secrets.randbelow(250)
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.listen, self.watch)]
        for thread in self.threads:
            thread.start()

    def down(self):
        self.ending = True
        self.runners.stdin.close()
        self.runners.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def say(self, line):
        with self.lock:
            self.runners.stdin.write(line + "\n")
            self.runners.stdin.flush()

    def kill(self, pod):
        """The container, with everything in it."""
        self.say(f"kill {pod}")

    def samples(self, seconds, load):
        """From now on every guest tells its figures so often, with a load of about so many CPUs."""
        self.say(f"samples {int(1000 * seconds)} {load}")

    def look(self):
        with self.looked:
            self.found = None
            self.say("look")
            if not self.looked.wait_for(lambda: self.found is not None, 30):
                raise RuntimeError("the runners do not answer")
            return self.found

    def crimes(self):
        return self.look()["crimes"] + self.broken

    def cpus_by_node(self):
        """What the guests on each node have online by their own count, all in all."""
        sizes, sums = self.look()["sizes"], {}
        with self.lock:
            for pod, (cpus, _) in sizes.items():
                if pod in self.running:
                    node = self.running[pod]["spec"]["nodeName"]
                    sums[node] = sums.get(node, 0) + cpus
        return sums

    # --- what the runners say

    def listen(self):
        for line in self.runners.stdout:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "ended":
                name, _, status = rest.partition(" ")
                with self.lock:
                    pod = self.running.pop(name, None)
                    self.ended[name] = status
                if pod and pod["spec"]["nodeName"] not in self.silent:
                    self.until_taken(lambda pod=pod, status=status: self.tell_end(pod, status))
            elif word == "looked":
                with self.looked:
                    self.found = json.loads(rest)
                    self.looked.notify_all()
            elif word == "cannot:":
                self.broken.append(line)

    def until_taken(self, call):
        """Kubelets try until the API server is there again; an object that is gone needs no word."""
        while not self.ending:
            try:
                return call()
            except Refused as why:
                if why.code in (404, 409, 422):
                    return None
            except AWAY:
                pass
            time.sleep(0.1)
        return None

    # --- what the API server says

    def watch(self):
        while not self.ending:
            try:
                for page in self.cluster.pages(self.pods):
                    for pod in page["items"]:
                        self.saw(pod)
                    place = page["metadata"]["resourceVersion"]
                while place:  # thousands of pods are not read anew because a watch has ended in time
                    place = self.follow(place)
            except (Refused, *AWAY):
                time.sleep(0.1)

    def follow(self, version):
        """Returns where the next watch goes on; None: the place is lost."""
        connection = self.cluster.connection()
        try:
            connection.request("GET", f"{self.pods}&watch=1&resourceVersion={version}&timeoutSeconds=20&allowWatchBookmarks=true")
            answer = connection.getresponse()
            while not self.ending:
                line = answer.readline()
                if not line:
                    return version
                event = json.loads(line)
                if event.get("type") in (None, "ERROR"):
                    return None
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self.saw(event["object"], event["type"] == "DELETED")
            return None
        finally:
            connection.close()

    def saw(self, pod, deleted=False):
        meta, node = pod["metadata"], pod["spec"].get("nodeName")
        name = meta["name"]
        if not node or node in self.silent or (self.nodes is not None and node not in self.nodes):
            return
        with self.lock:
            known = name in self.running or name in self.ended
        if deleted:
            if name in self.running:
                self.kill(name)  # somebody took it away by force
        elif meta.get("deletionTimestamp"):
            if name in self.running:
                self.say(f"stop {name} {1000 * max(0, meta['deletionGracePeriodSeconds'] - 10)}")
            else:
                self.until_taken(lambda: self.remove(pod))
        elif not known and pod["status"].get("phase") == "Pending":
            self.until_taken(lambda: self.start(pod))

    def project(self, namespace, wanted, folder):
        data = self.api.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{wanted['secretName']}")["data"]
        os.makedirs(folder, exist_ok=True)
        for item in wanted.get("items") or [{"key": key, "path": key} for key in data]:
            with open(os.path.join(folder, item["path"]), "wb") as file:
                file.write(base64.b64decode(data[item["key"]]))

    def start(self, pod):
        meta = pod["metadata"]
        folder = os.path.join(self.folder, meta["name"])
        for part in ("run", "disks"):
            os.makedirs(os.path.join(folder, part), exist_ok=True)
        mounts = next(each for each in pod["spec"]["containers"] if each["name"] == RUNNER)["volumeMounts"]
        for volume in pod["spec"]["volumes"]:
            if "secret" in volume:
                place = next(each["mountPath"] for each in mounts if each["name"] == volume["name"])
                self.project(meta["namespace"], volume["secret"], place.replace("/neonvm/", folder + "/"))
        spec = meta["annotations"]["neonvm.dev/runner-spec"].replace("/neonvm/", folder + "/")
        for each in pod["spec"]["containers"]:
            if each["name"] != RUNNER:  # the VM's image, of which there is no more than its disk's name
                disk = os.path.join(folder, "image.qcow2")
                open(disk, "wb").close()
                spec = spec.replace(each["image"], disk)
        with open(os.path.join(folder, "runner.json"), "w", encoding="utf-8") as file:
            file.write(spec)
        os.makedirs(os.path.join(folder, "run", meta["name"]), exist_ok=True)
        self.number += 1
        address = f"{self.net}.{(self.subnet + self.number // 250) % 250}.{1 + self.number % 250}"
        with self.lock:
            self.running[meta["name"]] = pod
        self.say(f"start {meta['name']} {address} {folder}")
        self.write(pod, {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "startTime": now(),
                         "containerStatuses": [container({"running": {"startedAt": now()}})]})

    def tell_end(self, pod, status):
        """As a kubelet does: first how it ended, then, of a pod that is to go, that nothing is left."""
        good = status and json.loads(status)["phase"].lower() == "succeeded"
        end = {"exitCode": 0 if good else 137, "reason": "Completed" if good else "Error", "message": status, "finishedAt": now(), "startedAt": now()}
        self.write(pod, {"phase": "Succeeded" if good else "Failed", "containerStatuses": [container({"terminated": end})]})
        stored = self.api.call("GET", path_of(pod))
        if stored["metadata"]["uid"] == pod["metadata"]["uid"] and stored["metadata"].get("deletionTimestamp"):
            self.remove(pod)

    def write(self, pod, status):
        self.api.call("PATCH", path_of(pod) + "/status", {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status},
                      "application/strategic-merge-patch+json")

    def remove(self, pod):
        self.api.call("DELETE", path_of(pod), {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
                                               "preconditions": {"uid": pod["metadata"]["uid"]}})


def path_of(pod):
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def container(state):
    return {"name": RUNNER, "image": "x", "imageID": "x", "ready": "running" in state, "restartCount": 0, "state": state}


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
