#!/usr/bin/python3
"""What may go wrong in a guest, in a real QEMU: workloads that misbehave, hooks that fail, a monitor that is killed. See guest_vm.py.
    trouble_vm_test.py [TEST …]     NEONVM_GUEST names the folder with vmlinuz and initrd
"""
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from guest_vm import MIB, GuestVm, default_guest, free_port, main, make_disk, until  # noqa: E402
from prometheus_text import families  # noqa: E402

KERNEL, INITRD = default_guest()


def vm(**kw):
    return GuestVm(KERNEL, INITRD, **kw)


def run_words(*argv):
    """neonvm.run= as the host writes it."""
    words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in argv)
    return f'"neonvm.run={words}" neonvm.shell=0'


def size(memory):
    return {"cpu": "1", "memory": f"{memory // 1024}Ki"}


def ended(guest, starts, limit=60):
    return guest.link.wait(lambda m: m.get("type") == "workloadEnded" and m["starts"] >= starts, f"{starts} ends are told", limit)


def test_a_workload_that_forks_away():
    """Its first process ends at once, which is all that anybody can see of it; what it left behind ends with the guest."""
    script = "setsid sh -c 'trap : TERM; echo daemon; while :; do sleep 0.2; done' & exit 0"
    with vm(words=run_words("sh", "-c", script) + " neonvm.exit=stay") as guest:
        told = ended(guest, 1)
        assert told["exitCode"] == 0 and told["why"] == "ended with code 0" and not told.get("again"), told
        until(lambda: "daemon" in guest.console(), "what it left runs")
        assert guest.link.ask("ping")["ok"]
        assert guest.link.ask("shutdown")["ok"]
        assert guest.wait_end(60) == 0
        assert guest.console().count("daemon") == 1, guest.console()


def test_exit_code_137_is_told_from_a_kill():
    with vm(words=run_words("sh", "-c", "exit 137") + " neonvm.exit=stay") as guest:
        told = ended(guest, 1)
        assert (told["exitCode"], told["why"]) == (137, "ended with code 137"), told
    with vm(words=run_words("sh", "-c", "kill -9 $$") + " neonvm.exit=stay") as guest:
        told = ended(guest, 1)
        assert (told["exitCode"], told["why"]) == (137, "was killed by signal 9"), told


def test_a_workload_that_fills_the_disk():
    """The guest goes on to obey, and what is on the disk can be read."""
    with tempfile.TemporaryDirectory() as folder:
        disk = make_disk(folder, "#!/bin/sh\nwhile :; do cat /dev/zero; sleep 1; done >>/filled\n")
        with vm(disk=disk, words="root=/dev/vda rw") as guest:
            until(lambda: "No space left" in guest.console(), "the disk is full", 180)
            assert guest.link.shell("df / | tail -n 1").split()[3] == "0"
            assert not guest.link.put("/more", b"x" * 100_000)["ok"]
            until(lambda: guest.link.ask("setCpus", count=2)["ok"], "CPUs can still be switched")
            assert guest.link.ask("shutdown")["ok"]
            assert guest.wait_end(60) == 0
            told = guest.console()[-2000:]
        checked = subprocess.run(["/sbin/e2fsck", "-fn", disk], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + told


def test_a_workload_that_fills_memory():
    """Nobody gives more: the workload is killed, not those who look after the guest; it is told, counted and started again."""
    with vm(base=256, words=run_words("neonvm", "load", "memory", "1Gi") + " neonvm.exit=restart") as guest:
        first = guest.link.hello["session"]
        told = ended(guest, 1, 120)
        assert told["exitCode"] == 137 and told["why"] == "was killed by signal 9" and told["again"], told
        guest.link.sample(lambda s: s["oomKills"] >= 1, "the kill is counted", 60)
        ended(guest, 2, 120)
        assert guest.link.greet("who asks again")["session"] == first, "the monitor was killed"
        assert guest.link.ask("ping", limit=60)["ok"]


def monitor_pid(link):
    return link.shell("pidof neonvm-monitor || pgrep -f 'neonvm monitor' | head -n 1")


def test_monitor_killed_during_a_shrink():
    """The host's order stands: memory leaves all the same, and the new monitor knows what the guest has."""
    with vm() as guest:
        link = guest.link
        guest.plug(guest.base + 1024 * MIB)
        until(lambda: guest.plugged() == 1024 * MIB, "1 GiB is plugged")
        link.sample(lambda s: s["memoryTotal"] > 1400 * MIB, "the guest has it")
        assert link.ask("tellGrown", granted=size(guest.base + 1024 * MIB))["ok"]
        boot = link.shell("cat /proc/sys/kernel/random/boot_id")
        pid = monitor_pid(link)
        until(lambda: link.ask("askConsent", target=size(guest.base))["ok"], "a shrink is consented to", 20)
        first = link.hello["session"]
        link.start("exec", argv=["sh", "-c", f"kill -9 {pid}"])
        guest.plug(guest.base)
        link.wait(lambda m: m.get("type") == "hello" and m["session"] != first, "a new session's hello", 60)
        link.greet()
        until(lambda: guest.plugged() <= 64 * MIB, "nearly all of it has left", 60)
        link.sample(lambda s: s["memoryTotal"] < 576 * MIB, "the guest is small again")
        assert link.shell("cat /proc/sys/kernel/random/boot_id") == boot
        # It speaks for the size that there is now: nothing less than what is used.
        none = link.ask("askConsent", target=size(64 * MIB))
        assert not none["ok"] and none["floor"], none


HOOK = b"""#!/bin/sh
read -r question
case $(cat /tmp/mood) in
  fine) echo '{"notices":["all is well"]}' ;;
  hangs) sleep 1000 ;;
  crashes) echo 'no such table' >&2; kill -9 $$ ;;
  babbles) echo 'what?' ;;
  floods) yes ;;
  wrong) echo '{"metrics":[{"name":"host_load1","value":1}]}' ;;
esac
"""


def refused_for(link, target, why):
    no = link.ask("askConsent", target=target)
    assert not no["ok"] and no["why"].startswith("moody: "), no
    return any(words in no["why"] for words in why.split("|"))


def test_hooks_that_fail():
    """Each refuses a shrink with its name and why; what fails again and again is a notice, until it works again."""
    with vm() as guest:
        link = guest.link
        link.sample(lambda s: s.get("interval"), "a first sample")
        link.shell("mkdir -p /etc/neonvm/hooks; echo fine >/tmp/mood")
        assert link.put("/etc/neonvm/hooks/moody", HOOK, 0o755)["ok"]
        target = size(guest.base - 32 * MIB)
        for mood, why in (("hangs", "has not answered within 2000 ms"), ("crashes", "exit code 137: no such table"), ("babbles", "not valid JSON"),
                          ("floods", "more than 64 KiB|not answered"), ("wrong", "metrics[0].name")):
            link.shell(f"echo {mood} >/tmp/mood")
            # On a busy machine a shell may be too late for once, which is another reason.
            until(lambda: refused_for(link, target, why), f"{mood}: {why}")
            assert link.ask("ping")["ok"], "the monitor was held up"
        link.wait(lambda m: m.get("type") == "notices" and any("hook moody fails: " in n for n in m.get("notices", [])), "it is a notice", 60)
        link.shell("echo fine >/tmp/mood")
        until(lambda: link.ask("askConsent", target=target)["ok"], "it agrees again")
        link.wait(lambda m: m.get("type") == "notices" and m.get("notices") == ["moody: all is well"], "it works again", 60)
        link.shell("rm /etc/neonvm/hooks/moody")
        # The folder is looked at again with the next question.
        assert link.ask("askConsent", target=target)["ok"]


METRICS_HOOK = b"""#!/bin/sh
read -r question
pages=$(seq -s, 100 100 6000)
cat <<END
{"workingSetPages":[$pages],"metrics":[
 {"name":"lfc_hits","help":"Pages found","value":90},{"name":"lfc_misses","value":9},{"name":"lfc_writes","value":1},
 {"name":"cache_requests_total","type":"counter","help":"Say \\\\"what\\\\"\\\\nand why","labels":{"path":"/a\\\\"b\\\\\\\\c"},"value":12.5}]}
END
"""


def page(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as response:
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4"), response.headers
        return families(response.read().decode())


def test_metrics_of_the_guest_and_its_hooks():
    """Both pages by the letter of the format; what upstream's agent reads is there, once, as gauges."""
    node, cache = free_port(), free_port()
    with vm(forwards=((node, 9100), (cache, 9499)), words="neonvm.upstream=1") as guest:
        link = guest.link
        link.sample(lambda s: s.get("interval"), "a sample with rates")
        until(lambda: no_page(cache), "without a hook there is no page of a cache")
        link.shell("mkdir -p /etc/neonvm/hooks")
        assert link.put("/etc/neonvm/hooks/cache", METRICS_HOOK, 0o755)["ok"]
        assert link.ask("tellGrown", granted=size(guest.base))["ok"]
        link.sample(lambda s: s.get("workingSetPages"), "the windows travel with the samples")
        told = page(node)
        for name in ("host_load1", "host_load5", "host_memory_total_bytes", "host_memory_available_bytes", "host_memory_cached_bytes"):
            assert told[name].kind == "gauge" and len(told[name].samples) == 1, told[name]
        assert {labels["resource"] for _, labels, _ in told["neonvm_guest_pressure"].samples} == {"cpu", "memory", "io"}
        assert "anonymous" in {labels["kind"] for _, labels, _ in told["neonvm_guest_memory_kind_bytes"].samples}
        requests = told["cache_requests_total"]
        assert requests.kind == "counter" and requests.samples[0][1] == {"path": '/a"b\\c'} and requests.samples[0][2] == 12.5, requests
        assert requests.help == 'Say "what"\nand why', requests
        lfc = page(cache)
        assert [lfc[name].samples[0][2] for name in ("lfc_hits", "lfc_misses", "lfc_writes")] == [90, 9, 1]
        windows = lfc["lfc_approximate_working_set_size_windows"]
        assert windows.kind == "gauge"
        assert sorted((int(labels["duration_seconds"]), value) for _, labels, value in windows.samples) == [(60 * i, 100 * i) for i in range(1, 61)]
        assert set(lfc) == {"lfc_hits", "lfc_misses", "lfc_writes", "lfc_approximate_working_set_size_windows"}, set(lfc)


def no_page(port):
    try:
        page(port)
    except urllib.error.HTTPError as refused:
        return refused.code == 404
    except OSError:
        return False
    raise AssertionError("a page of nothing")


if __name__ == "__main__":
    main(globals())
