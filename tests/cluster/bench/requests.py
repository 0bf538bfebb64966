"""What an API server was asked: as it counts it itself, and word for word as its audit log has it (the cluster's option `audit`)."""
import json
import os
import re
import secrets

from .api import Refused
from .fixture import until


def requests_seen(cluster):
    """By what they did to what, of the kinds that have to do with VMs."""
    seen = {}
    for line in cluster.call("GET", "/metrics").splitlines():
        if not line.startswith("apiserver_request_total{"):
            continue
        labels, number = line.rsplit(" ", 1)
        about = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if about["verb"] == "WATCH" or about["resource"] not in ("virtualmachines", "virtualmachinemigrations", "pods", "secrets", "events"):
            continue
        # It counts a read of one custom object as a list, too.
        verb = "READ" if about["verb"] in ("GET", "LIST") else about["verb"]
        refused = "" if about["code"].startswith("2") else f" ({about['code']})"
        name = f"{verb} {about['resource']}{'/' + about['subresource'] if about.get('subresource') else ''}{refused}"
        seen[name] = seen.get(name, 0) + float(number)
    return seen


def asked_by(cluster, namespace, account=""):
    """Every request of that namespace's service accounts by now, or of one of them, as "verb resource subresource name", but those about leases."""
    mark = f"mark-{secrets.token_hex(8)}"
    try:
        cluster.get(f"/api/v1/namespaces/default/pods/{mark}")  # what came before it is in the log before it
    except Refused:
        pass

    def read():
        with open(os.path.join(cluster.state, "log/audit.log"), encoding="utf-8") as log:
            lines = [line for line in log if line.endswith("\n")]
        return lines if any(mark in line for line in lines) else None
    entries = [json.loads(line) for line in until(read, "the audit log has what was asked")]
    return [" ".join((each["verb"], *(each["objectRef"].get(part, "") for part in ("resource", "subresource", "name"))))
            for each in entries if each["stage"] == "ResponseComplete" and f":{namespace}:{account}" in each["user"]["username"]
            and each.get("objectRef", {}).get("resource", "leases") != "leases"]
