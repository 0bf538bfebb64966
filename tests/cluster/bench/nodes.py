"""The real nodes of a cluster, their net and their images."""
import http.client
import time

from . import node
from .api import PORT, Refused
from .control_plane import START_LIMIT
from .network import Network


class Nodes:
    """First up(), then the control plane with `network.api` as what it is called, then join()."""

    def __init__(self, logs, address):
        self.found = node.check()
        self.network = Network(logs, PORT, address)
        self.nodes = []

    def up(self, plane, say):
        began = time.monotonic()
        self.network.up()
        for number in range(1, plane.options["nodes"] + 1):
            self.nodes.append(node.Node(number, plane, self.network, self.found))
            self.nodes[-1].up(began + START_LIMIT)
        self.load(node.make_base_images(plane, self.found))
        say(f"containerd answers on {len(self.nodes)} nodes after {time.monotonic() - began:.1f} s")

    def join(self, plane, say):
        began = time.monotonic()
        for each in self.nodes:
            each.join()
        for each in self.nodes:
            # With a pod net set, the kubelet tells its status at once, and not ten seconds later.
            nets = {"spec": {"podCIDR": self.network.pod_net(each.number), "podCIDRs": [self.network.pod_net(each.number)]}}
            plane.until(lambda: patched(plane, each.name, nets), each.daemon("kubelet"), began + START_LIMIT)
            plane.until(lambda: ready(plane, each.name), each.daemon("kubelet"), began + START_LIMIT)
        say(f"{len(self.nodes)} nodes are Ready after {time.monotonic() - began:.1f} s")

    def load(self, archives):
        for archive in archives:
            for each in self.nodes:
                each.load(archive)

    def down(self):
        for each in self.nodes:
            each.down()
        self.network.down()


def patched(plane, name, change):
    try:
        return plane.api.call("PATCH", f"/api/v1/nodes/{name}", change, "application/strategic-merge-patch+json")
    except (OSError, http.client.HTTPException, Refused):
        return None  # not registered yet


def ready(plane, name):
    found = plane.api.answer(f"/api/v1/nodes/{name}") or {}
    return any(each["type"] == "Ready" and each["status"] == "True" for each in found.get("status", {}).get("conditions", ()))
