"""The Postgres image in a real VM, driven by scripts/bench-postgres as a user does, at a small scale: built (or taken from its
cache), grown and shrunk under pgbench, with every connection kept; and what neonvm adds to such a guest.
"""
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from lab import main

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
SECONDS = 12  # of each third: a hook runs every ten
MOST_KIB = 8192


def it_grows_and_shrinks_under_pgbench():
    with tempfile.TemporaryDirectory(prefix="nvmp") as folder:
        done = subprocess.run([sys.executable, "-B", TOP + "/scripts/bench-postgres", "--seconds", str(SECONDS), "--scale", "1", "--clients", "4",
                               "--out", folder], capture_output=True, text=True, timeout=1200, check=False)
        print(done.stdout)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "connections lost: none" in done.stdout
        rows = dict(re.findall(r"^(quiet|busy|quiet again|at the end) +([\d. ]+)$", done.stdout, re.M))
        assert set(rows) == {"quiet", "busy", "quiet again", "at the end"}, done.stdout
        busy, end = rows["busy"].split(), rows["at the end"].split()
        assert float(busy[0]) > 0, "transactions went on while it grew"
        assert float(end[0]) < 2 and float(end[1]) < float(busy[2]) + 2048, (busy, end)
        picture(folder + "/postgres.svg")
        table(folder + "/postgres.csv")
        with open(folder + "/postgres.json", encoding="utf-8") as file:
            told = json.load(file)
        # That pgbench alone made its CPUs grow, before memory was taken, is in the exit code.
        assert all(peak > before for peak, before in zip(told["peak"], told["before"])), told
        footprint(told["footprint"])
        hook_followed(told["effectiveCacheSize"])


def picture(path):
    """Well formed, with a curve each for transactions, CPUs and memory that stays within the frame."""
    root = xml.etree.ElementTree.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    curves = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(curves) == 3
    width, height = map(float, root.get("viewBox").split()[2:])
    for curve in curves:
        points = [tuple(map(float, point.split(","))) for point in curve.get("points").split()]
        assert len(points) >= 10 and all(0 <= x <= width and 0 <= y <= height for x, y in points), points


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["seconds"]) for row in rows] == list(range(len(rows))) and len(rows) >= 3 * SECONDS
    for name, low, high in (("cpus", 0.5, 2), ("mebibytes", 512, 2048)):
        sizes = [float(row[name]) for row in rows[2:]]
        assert min(sizes) >= low and low < max(sizes) <= high, (name, sizes)
        assert sizes[-1] < max(sizes), f"{name} never shrank"
    assert sum(float(row["tps"]) > 0 for row in rows) >= 2 * SECONDS


def hook_followed(cache):
    """Three quarters of the memory: more of it while the VM is larger, by a reload and not a restart."""
    quiet, busy = (float(re.match(r"\d+", text)[0]) * (1024 if text.endswith("GB") else 1) for text in cache)
    assert 0 < quiet < busy, cache


def footprint(ours):
    print(ours)
    # The hook is there for a tenth of a second in ten: where it was met, it counts.
    assert "monitor" in ours["parts"] and "init" in ours["parts"], ours
    assert 0 < ours["least"] <= ours["most"] < MOST_KIB, ours


if __name__ == "__main__":
    main([it_grows_and_shrinks_under_pgbench])
