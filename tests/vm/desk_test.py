"""The desk as a user has it: every command against real VMs under QEMU."""
import hashlib
import json
import os
import subprocess
import time

from lab import Lab, main

MANIFEST = """apiVersion: vm.neon.tech/v1
kind: VirtualMachine
metadata:
  name: from-manifest
spec:
  guest:
    cpus: {min: 0.25, use: 1, max: 2}
    memorySlotSize: 128Mi
    memorySlots: {min: 4, use: 4, max: 8}
"""


def a_vm_grows_and_shrinks_by_hand():
    with Lab() as lab:
        out = lab.run("run", "web", "--cpus", "0.5..4", "--memory", "512Mi..2Gi", "-p", "18080:80", "--fixed")
        assert "web runs on node" in out, out
        assert lab.cpus_in_guest("web") == 1
        small = lab.memory_in_guest("web")
        lab.run("scale", "web", "--cpus", "3", "--memory", "1536Mi")
        assert lab.cpus_in_guest("web") == 3
        assert 900 < lab.memory_in_guest("web") - small <= 1024, lab.memory_in_guest("web")
        status = lab.status("web")
        assert status["cpus"] == 3, status
        lab.run("scale", "web", "--cpus", "0.5", "--memory", "512Mi")
        assert lab.cpus_in_guest("web") == 1
        assert abs(lab.memory_in_guest("web") - small) < 64
        for words in (["list"], ["list", "-o", "wide"], ["describe", "web"], ["events", "web"], ["explain", "web"],
                      ["top", "--once"], ["nodes"], ["logs", "web", "-n", "5"]):
            assert lab.run(*words).strip(), words
        listed = json.loads(lab.run("list", "-o", "json"))
        assert [item["metadata"]["name"] for item in listed["items"]] == ["web"]
        assert "kind: VirtualMachine" in lab.run("get", "web", "-o", "yaml")
        exec_and_files(lab)
        stop_and_start(lab)
        lab.run("delete", "web")
        assert lab.refused("get", "web").code == 4
        lab.until(lambda: not lab.qemus() and not lab.runners(), "nothing runs any more")
        assert not os.path.exists(os.path.join(lab.home, "h", "vms", "web")), "the disk is gone"


def exec_and_files(lab):
    assert lab.guest("web", "echo", "a b", "c").strip() == "a b c"
    assert lab.refused("exec", "-n", "web", "--", "sh", "-c", "exit 7").code == 7
    assert lab.refused("exec", "-n", "web", "--", "no-such-program").code != 0
    assert lab.run("exec", "web", "--", "wc", "-c", stdin=b"x" * 300000).split()[0] == "300000"
    payload = os.urandom(3_000_000)
    here, back = os.path.join(lab.home, "in"), os.path.join(lab.home, "out")
    with open(here, "wb") as file:
        file.write(payload)
    lab.run("cp", here, "web:/tmp/payload")
    lab.run("cp", "web:/tmp/payload", back)
    with open(back, "rb") as file:
        assert hashlib.sha256(file.read()).digest() == hashlib.sha256(payload).digest()
    assert "no such" in lab.refused("cp", "web:/tmp/nothing", back).err.lower()


def stop_and_start(lab):
    lab.run("stop", "web")
    assert lab.status("web")["phase"] == "Stopped"
    lab.until(lambda: not lab.qemus(), "QEMU is gone")
    assert "start it: neonvm start web" in lab.refused("exec", "-n", "web", "--", "true").err
    lab.run("start", "web")
    assert lab.cpus_in_guest("web") == 1


def manifests_and_bad_input():
    with Lab() as lab:
        path = os.path.join(lab.home, "vm.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(MANIFEST)
        assert "valid" in lab.run("apply", "-f", path, "--dry-run")
        assert "created" in lab.run("apply", "-f", path)
        lab.until(lambda: lab.status("from-manifest").get("phase") == "Running", "it runs")
        assert "unchanged" in lab.run("apply", "-f", path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(MANIFEST.replace("cpus:", "cpu:"))
        wrong = lab.refused("apply", "-f", path)
        assert wrong.code == 2 and "vm.yaml:7" in wrong.err and "cpus" in wrong.err, wrong.err
        assert lab.status("from-manifest")["phase"] == "Running"
        wrong = lab.refused("run", "x", "--cpus", "4..1")
        assert wrong.code == 2 and "--cpus" in wrong.err
        wrong = lab.refused("run", "Big_Name")
        assert wrong.code == 2 and "Big_Name" in wrong.err
        wrong = lab.refused("scale", "from-manifst", "--cpus", "1")
        assert wrong.code == 4 and "from-manifest" in wrong.err
        wrong = lab.refused("scale", "from-manifest", "--cpus", "64")
        assert wrong.code == 2 and "0.25" in wrong.err and "--cpus" in wrong.err
        assert "did you mean" in lab.refused("scael", "x").err.lower()
        assert "--memory" in lab.refused("run", "x", "--memori", "1Gi").err
        lab.run("delete", "from-manifest")


def a_busy_vm_moves_to_another_node():
    with Lab() as lab:
        lab.run("run", "mover", "--cpus", "1..2", "--memory", "512Mi..1Gi", "-p", "18081:80", "--fixed")
        lab.run("scale", "mover", "--cpus", "2", "--memory", "768Mi")
        before = lab.status("mover")
        # In the background of the guest: an exec of ours would end with its runner.
        lab.guest("mover", "sh", "-c", "setsid neonvm load memory 64Mi 45 --check >/tmp/check 2>&1 </dev/null &")
        lab.until(lambda: lab.guest("mover", "pidof", "neonvm").strip().count(" ") >= 1, "the checker runs")
        print(lab.run("migrate", "mover").strip())
        after = lab.status("mover")
        assert after["node"] != before["node"], (before["node"], after["node"])
        assert lab.cpus_in_guest("mover") == 2
        lab.until(lambda: len(lab.qemus()) == 1, "the source is gone")
        lab.until(lambda: lab.status("mover").get("phase") == "Running", "it runs")
        lab.run("scale", "mover", "--memory", "1Gi")
        print(lab.run("migrate", "mover", "--to", before["node"]).strip())
        assert lab.status("mover")["node"] == before["node"]
        checked = lab.until(lambda: lab.guest("mover", "cat", "/tmp/check"), "the checker's verdict", 120)
        assert "wrong words: 0" in checked, checked
        log = lab.run("logs", "mover")
        assert "panic" not in log.lower() and "oops" not in log.lower(), log[-2000:]
        assert "node2" in lab.refused("migrate", "mover", "--to", "nod2").err
        lab.run("delete", "mover")


def it_scales_by_itself():
    with Lab() as lab:
        lab.run("run", "auto", "--cpus", "1..4", "--memory", "512Mi..2Gi", "--policy", "pressure,calm=5")
        began = time.monotonic()
        group = lab.guest("auto", "sh", "-c", "setsid neonvm load cpu 4 600 >/dev/null 2>&1 </dev/null & echo $!").strip()
        lab.until(lambda: lab.status("auto")["cpus"] == 4, "four CPUs")
        print(f"four CPUs after {time.monotonic() - began:.2f} s")
        explained = lab.run("explain", "auto")
        assert "cpu.demand" in explained, explained
        lab.guest("auto", "sh", "-c", f"kill -- -{group}")
        lab.until(lambda: lab.status("auto")["cpus"] == 1, "one CPU again", 60)
        memory = subprocess.Popen(lab.argv("exec", "-n", "auto", "--", "neonvm", "load", "memory", "1200Mi", "5", "--rate",
                                           "256Mi/s"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        lab.until(lambda: lab.memory_in_guest("auto") > 1200, "more memory", 60)
        out, _ = memory.communicate(timeout=90)
        assert memory.returncode == 0, out.decode(errors="replace")
        assert "oom" not in lab.run("logs", "auto").lower()
        lab.until(lambda: lab.memory_in_guest("auto") < 800, "it gave the memory back", 90)
        lab.run("delete", "auto")


def a_policy_of_an_outsider_in_c():
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    with Lab() as lab:
        library = os.path.join(lab.home, "tiny.so")
        subprocess.run(["cc", "-std=c11", "-fPIC", "-shared", "-fvisibility=hidden", f"-I{source}/core/plugin", "-o", library,
                        f"{source}/tests/core/plugin/outside/tiny_plugin.c"], check=True)
        lab.run("run", "tiny", "--cpus", "1..4", "--memory", "512Mi..1Gi", "--policy", library, "--shadow", "pressure")
        lab.guest("tiny", "sh", "-c", "setsid neonvm load cpu 3 600 >/dev/null 2>&1 </dev/null &")
        lab.until(lambda: lab.status("tiny")["cpus"] >= 3, "a CPU for each task")
        explained = lab.run("explain", "tiny")
        assert "tasks want to run" in explained and "pressure" in explained and "(in effect)" in explained, explained
        wrong = lab.refused("run", "other", "--policy", library + "x")
        assert "tiny.sox" in wrong.err and "--policy" in wrong.err, wrong.err
        # Another policy on the running VM.
        lab.run("scale", "tiny", "--auto", "--policy", "fixed,cpus=2,memory=512Mi")
        lab.until(lambda: lab.status("tiny")["cpus"] == 2, "two CPUs, whatever the load", 60)
        lab.run("delete", "tiny")


if __name__ == "__main__":
    main([a_vm_grows_and_shrinks_by_hand, manifests_and_bad_input, a_busy_vm_moves_to_another_node, it_scales_by_itself,
          a_policy_of_an_outsider_in_c])
