"""What an API server was asked, as it counts it itself."""
import re


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
