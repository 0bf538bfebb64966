"""What tests of VMs in a cluster ask again and again."""
from .fixture import ClusterTest

VMS = "/apis/vm.neon.tech/v1/namespaces/default/virtualmachines"
MIGRATIONS = "/apis/vm.neon.tech/v1/namespaces/default/virtualmachinemigrations"
PODS = "/api/v1/namespaces/default/pods"
SECRETS = "/api/v1/namespaces/default/secrets"


def says(found, kind, value):
    return any((each["type"], each["status"]) == (kind, value) for each in found.get("status", {}).get("conditions", ()))


class VmsTest(ClusterTest):
    """On real nodes, in the namespace default; the VM is called web unless said otherwise."""

    options = {"nodes": 2}

    @classmethod
    def load(cls, *archives):
        """Container images, into every node."""
        for archive in archives:
            cls.cluster.request("import", archive)

    def status(self, name="web"):
        return self.cluster.get(f"{VMS}/{name}").get("status", {})

    def condition(self, kind, name="web"):
        return next((each for each in self.status(name).get("conditions", ()) if each["type"] == kind), {})

    def pod_of(self, name="web"):
        return self.cluster.get(f"{PODS}/{self.status(name)['podName']}")

    def ready(self, name="web"):
        """Its pod, if that is ready."""
        pod = self.status(name).get("podName")
        found = self.there(f"{PODS}/{pod}") if pod else None
        return found if found and says(found, "Ready", "True") else None
