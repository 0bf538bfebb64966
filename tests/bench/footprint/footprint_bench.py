#!/usr/bin/env python3
"""What neonvm's init and monitor take in a guest, with all that they serve, beside Debian's programs for parts of the same work.

    footprint_bench.py [--seconds 20]        NEONVM_GUEST names the folder with vmlinuz and initrd

Prints PSS in KiB and how often ours fits into it. The exporters run here, beside a PostgreSQL of their own, unpacked from Debian's
packages; each is scraped for that time, as often as upstream's agent would, before it is measured. Ours is measured in a VM. A
program's share of pages that others map as well is counted for it only in part, so figures on a busy machine flatter.
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/../../guest/vm", HERE + "/../../vm-builder"]
from guest_vm import GuestVm, default_guest, free_port  # noqa: E402
from debian_programs import unpacked, with_libraries  # noqa: E402
from postgres_server import PostgresServer  # noqa: E402

SCRAPE = 2  # seconds
STARTS = 60


def answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as page:
            return bool(page.read())
    except (urllib.error.URLError, OSError):
        return False


def scrape(port, seconds):
    """Read for so long, from the first answer on."""
    end = time.monotonic() + STARTS
    while not answers(port):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)  # it tells nobody when it listens
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(SCRAPE)  # as often as it would be read
        answers(port)
    return True


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Pss:\s+(\d+) kB", file.read(), re.M)[1])


def measured(name, argv, port, seconds, environment=None):
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/")
    try:
        answered = scrape(port, seconds) if port else (time.sleep(seconds), True)[1]
        if process.poll() is not None or not answered:
            process.kill()
            return name, None, (process.stderr.read().strip().splitlines() or ["it does not answer"])[-1]
        return name, pss(process.pid), ""
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stderr.close()


def exporters(folder, seconds):
    packages = {"node": "prometheus-node-exporter", "postgres": "prometheus-postgres-exporter", "sql": "prometheus-sql-exporter"}
    root = {key: unpacked(package, [package]) for key, package in packages.items()}
    chrony = unpacked("chrony", ["chrony", "libedit2", "libbsd0", "libmd0"])
    server = PostgresServer(["shared_buffers = 32MB"])
    try:
        source = f"user=postgres host={server.home} dbname=postgres sslmode=disable"
        port = [free_port() for _ in range(3)]
        yield measured("prometheus-node-exporter", [root["node"] + "/usr/bin/prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port[0]}"],
                       port[0], seconds)
        yield measured("prometheus-postgres-exporter", [root["postgres"] + "/usr/bin/prometheus-postgres-exporter",
                       f"--web.listen-address=127.0.0.1:{port[1]}"], port[1], seconds, dict(os.environ, DATA_SOURCE_NAME=source))
        config = folder + "/sql.yml"
        with open(config, "w", encoding="ascii") as file:
            file.write("jobs:\n- name: one\n  interval: '2s'\n  connections: ['postgres://postgres@localhost/postgres?sslmode=disable&host="
                       f"{server.home}']\n  queries:\n  - name: up\n    help: up\n    values: [up]\n    query: select 1 as up\n")
        yield measured("prometheus-sql-exporter", [root["sql"] + "/usr/bin/prometheus-sql-exporter", "-config.file", config,
                       "-web.listen-address", f"127.0.0.1:{port[2]}"], port[2], seconds, dict(os.environ, CONFIG=config))
        with open(folder + "/chrony.conf", "w", encoding="ascii") as file:
            file.write(f"cmdport 0\nport 0\npidfile {folder}/chronyd.pid\ndriftfile {folder}/drift\n")
        yield measured("chronyd", [chrony + "/usr/sbin/chronyd", "-d", "-x", "-u", "root", "-f", folder + "/chrony.conf"], None, seconds,
                       with_libraries(chrony))
    finally:
        server.close()


def ours(seconds):
    port = free_port()
    with GuestVm(*default_guest(), forwards=[(port, 9100)], words="neonvm.upstream=1") as guest:
        if not scrape(port, seconds):
            raise SystemExit("footprint_bench: the guest serves no metrics")
        parts = {}
        for name, pid in (("neonvm init", "1"), ("neonvm monitor", guest.link.shell("pidof neonvm-monitor || pgrep -f 'neonvm monitor' | head -n 1"))):
            parts[name] = int(re.search(r"^Pss:\s+(\d+) kB", guest.link.shell(f"cat /proc/{pid}/smaps_rollup"), re.M)[1])
        return parts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20, help="that each runs before it is measured")
    options = parser.parse_args()
    parts = ours(options.seconds)
    whole = sum(parts.values())
    print(f"{'':30}{'PSS, KiB':>10}{'ratio':>8}")
    for name, kib in parts.items():
        print(f"{name:30}{kib:10}")
    print(f"{'ours together':30}{whole:10}{1:8.1f}", flush=True)
    total = missing = 0
    with tempfile.TemporaryDirectory(prefix="nvmf") as folder:
        os.chmod(folder, 0o755)
        for name, kib, why in exporters(folder, options.seconds):
            print(f"{name:30}" + (f"{kib:10}{kib / whole:8.1f}" if kib else f"{'-':>10}  {why}"), flush=True)
            total, missing = total + (kib or 0), missing + (kib is None)
    print(f"{'Debian’s together':30}{total:10}{total / whole:8.1f}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
