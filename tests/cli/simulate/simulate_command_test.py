"""`neonvm simulate`: results, seeds, mistakes, Ctrl-C, a policy that never answers is named."""

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

CLUSTER = """
seed = 3
duration = "4h"
policies = ["default", "pressure"]
[[node]]
name = "n"
count = 2
cpu = "16"
memory = "64Gi"
[[vm]]
name = "v"
count = 8
generator = "bursty"
"""

MISTAKES = (
    ("sed = 1\n", ':1:1: unknown key "sed". Did you mean "seed"?'),
    ("seed = -1\n", ":1:8: seed: must be a number from 0"),
    ("duration = \"1 day\"\n", ':1:12: duration: "1 day" is no duration'),
    ("[[node]]\nname = \"n\"\ncpu = \"x\"\n", ':3:7: node.cpu: "x" is not a quantity'),
    ("[[vm]]\nname = \"v\"\ngenerator = \"diurnl\"\n", '"diurnl" is none of steady, diurnal'),
    ("[[vm]]\nname = \"v\"\ncpu = [3, 1]\n", "cpu, high: 1.000000 is not within 3.000000"),
    ("[[vm]]\nname = \"v\"\nmin = {cpu = \"2\", memory = \"1Gi\"}\nmax = {cpu = \"1\", memory = \"2Gi\"}\n", "must rise in this order"),
    ("[[vm]]\nname = \"v\"\ntrace = \"none.csv\"\n", "cannot be read"),
    ("a = [\n", ":1:7: Error while parsing array"),
)


def run(neonvm, *words):
    return subprocess.run([neonvm, "simulate", *words], text=True, capture_output=True, timeout=120, check=False)


def check_mistakes(neonvm, folder):
    path = Path(folder, "bad.toml")
    for text, expected in MISTAKES:
        path.write_text(text, encoding="utf-8")
        done = run(neonvm, str(path))
        assert done.returncode == 2 and expected in done.stderr and not done.stdout, f"{text!r}: {done}"
    path.write_text('[[node]]\nname = "n"\ncpu = "1"\nmemory = "2Gi"\n[[vm]]\nname = "v"\ncount = 3\n', encoding="utf-8")
    done = run(neonvm, str(path))
    assert done.returncode != 0 and "VM v-2" in done.stderr and "give the cluster more or larger nodes" in done.stderr, done
    for words, expected in (
        (["--what-if", "cpus=3"], "changes nothing"),
        (["--what-if", "max_cpus=0"], "too little"),
        (["--what-if", "max_memory=1Mi"], "at least 256Mi"),
        (["--what-if", "nodes=2x"], '"2x" is not 1 to 100000'),
        (["--policy", "nobody"], "nobody"),
        (["--duration", "x"], "no duration"),
        (["--html", "/nowhere/page.html"], "/nowhere/page.html cannot be written"),
    ):
        path.write_text(CLUSTER, encoding="utf-8")
        done = run(neonvm, str(path), *words)
        assert done.returncode != 0 and expected in done.stderr and not done.stdout, done


def check_results(neonvm, folder):
    path = Path(folder, "c.toml")
    path.write_text(CLUSTER, encoding="utf-8")
    digests = []
    for threads in ("1", "2"):
        done = run(neonvm, str(path), "-o", "json", "--threads", threads)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert [w["name"] for w in report["worlds"]] == ["default", "pressure"]
        digests.append([w["figures"]["digest"] for w in report["worlds"]])
    assert digests[0] == digests[1]
    other = json.loads(run(neonvm, str(path), "-o", "json", "--seed", "4").stdout)
    assert other["worlds"][0]["figures"]["digest"] != digests[0][0]
    table = run(neonvm, str(path)).stdout
    assert "CU-hours" in table and "pressure" in table
    trace = Path(folder, "t.csv")
    trace.write_text("time,cpu,memory\n" + "".join(f"{i * 300},{i % 4},1e9\n" for i in range(24)), encoding="utf-8")
    done = run(neonvm, "--trace", str(trace), "-o", "json")
    assert json.loads(done.stdout)["worlds"][0]["figures"]["vmHours"] == 2.0, done


def check_interrupt(neonvm, folder):
    path = Path(folder, "long.toml")
    path.write_text(CLUSTER.replace('"4h"', '"9000d"'), encoding="utf-8")
    process = subprocess.Popen([neonvm, "simulate", str(path), "-o", "json"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # The handler is there once the program has begun to count CPU time of its own.
    while Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").split()[13] in ("0", "1", "2", "3", "4"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    report = json.loads(out)
    assert process.returncode == 130 and report["complete"] is False and report["seconds"] > 0 and "stopped after" in err, err


def main(neonvm):
    with tempfile.TemporaryDirectory() as folder:
        check_mistakes(neonvm, folder)
        check_results(neonvm, folder)
        check_interrupt(neonvm, folder)
    print("simulate: kept")


if __name__ == "__main__":
    main(sys.argv[1])
