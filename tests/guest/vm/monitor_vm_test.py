#!/usr/bin/python3
"""The monitor of the default guest in a real QEMU, driven as its runner does. See guest_vm.py.
    monitor_vm_test.py [TEST …]     NEONVM_GUEST names the folder with vmlinuz and initrd
"""
import base64
import json
import os
import re
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest_vm import MIB, GuestVm, default_guest, free_port, main, until  # noqa: E402

KERNEL, INITRD = default_guest()


def vm(**kw):
    return GuestVm(KERNEL, INITRD, **kw)


def resources(memory, cpu="1"):
    return {"cpu": cpu, "memory": f"{memory // 1024}Ki"}


def monitor_pid(link):
    return link.shell("pidof neonvm-monitor || pgrep -f 'neonvm monitor' | head -n 1")


def test_talks_to_its_host():
    """Hello, samples, CPUs, commands, files, pressure: one boot, in the order of a user's first minutes."""
    with vm(online=1) as guest:
        link = guest.link
        print(f"  greeted {guest.greeted:.1f} s after QEMU's start", flush=True)
        assert link.hello["cpusPresent"] == 4 and link.hello["cpusOnline"] == 1, link.hello
        assert {"cpus", "consent", "exec", "files", "pressure"} <= set(link.hello["features"]), link.hello
        check_samples(link)
        check_cpus(link)
        check_exec(link)
        check_files(link)
        check_network(link)
        check_pressure(link)
        check_consent(guest)
        check_hooks(guest)
        check_footprint(link)
        check_bad_lines(link)


def check_samples(link):
    first = link.sample(lambda s: s.get("interval"), "a sample with rates")
    sample = first["sample"]
    assert 400 * MIB < sample["memoryTotal"] < 512 * MIB, sample
    assert 0 < sample["memoryAvailable"] <= sample["memoryTotal"], sample
    assert sample["onlineCpus"] == 1 and sample["oomKills"] == 0, sample
    for name in ("load1", "cpuUsed", "runnable", "refaults", "memoryAnon"):
        assert name in sample, f"{name} is not told"
    for resource in ("cpu", "memory", "io"):
        assert "some" in sample[resource], sample[resource]


def check_cpus(link):
    for count in (4, 2, 3, 1):
        # A machine that is very busy switches them too late, and is asked again as by a runner.
        until(lambda: link.ask("setCpus", count=count, revision=count)["ok"], f"{count} CPUs run")
        assert int(link.shell("nproc")) == count
    reply = link.ask("setCpus", count=9)
    assert not reply["ok"] and reply["cpusOnline"] == 4 and "4 CPUs" in reply["why"], reply
    assert not link.ask("setCpus", count=0)["ok"]
    assert link.ask("setCpus", count=1)["ok"]


def check_exec(link):
    assert link.exec("sh", "-c", "cat; echo err >&2; exit 3", stdin=b"in") == (3, "in", "err\n")
    code, out, _ = link.exec("sh", "-c", "echo $A; kill -9 $$", env={"A": "b c $(d)"})
    assert (code, out) == (137, "b c $(d)\n"), (code, out)
    assert not link.ask("exec", argv=["/no/such"])["ok"]
    assert link.exec("tty", tty=True)[1].startswith("/dev/pts/")
    code, out, _ = link.exec("sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x")
    assert code == 0 and len(out) == 3000000
    number = link.start("exec", argv=["sleep", "1000"])
    link.send({"type": "signal", "id": number, "signal": 15})
    assert link.reply_to(number)["exitCode"] == 143


def check_files(link):
    content = os.urandom(1_500_000)
    assert link.put("/root/some file", content, 0o640)["ok"]
    assert link.shell("stat -c %a:%s '/root/some file'") == "640:1500000"
    out, reply = link.get("/root/some file")
    assert reply["ok"] and out["file"] == content
    assert link.put("/root/empty", b"")["ok"] and link.get("/root/empty")[0]["file"] == b""
    refused = link.put("/no/folder/x", b"y")
    assert not refused["ok"] and "No such file" in refused["why"], refused
    assert not link.ask("getFile", path="/dev/zero")["ok"]
    assert link.shell("ls -A /root") == "empty\nsome file", "a half put file was left behind"


def check_network(link):
    assert "10.0.2.15/24" in link.shell("ip addr show eth0")
    assert "default via 10.0.2.2" in link.shell("ip route")
    assert link.shell("ping -c 1 -W 5 10.0.2.2 >/dev/null && echo yes") == "yes"


def check_pressure(link):
    """Two busy loops on one CPU are told at once, not with the next sample or load average."""
    link.forget()
    began = time.monotonic()
    load = link.start("exec", argv=["neonvm", "load", "cpu", "3", "600"])
    event = link.wait(lambda m: m.get("type") == "sample" and m.get("event") == "cpu", "an event for CPU pressure")
    print(f"  CPU pressure told after {event['at'] - began:.2f} s", flush=True)
    link.sample(lambda s: s["runnable"] >= 2 and s["cpu"]["some"] > 0.3, "runnable tasks and pressure")
    link.send({"type": "signal", "id": load, "signal": 15})
    assert link.reply_to(load)["exitCode"] == 128 + 15


def check_consent(guest):
    link = guest.link
    guest.plug(guest.base + 1024 * MIB)
    until(lambda: guest.plugged() == 1024 * MIB, "1 GiB is plugged")
    link.sample(lambda s: s["memoryTotal"] > 1400 * MIB, "the guest has it")
    assert link.ask("tellGrown", granted=resources(guest.base + 1024 * MIB))["ok"]
    yes = link.ask("askConsent", target=resources(guest.base))
    assert yes["ok"] and yes["why"], yes
    assert link.ask("tellGrown", granted=resources(guest.base + 1024 * MIB))["ok"]
    # It knows what it has: a shrink by the least step is one, even if the kernel keeps much for itself.
    none = link.ask("askConsent", target=resources(100 * MIB))
    assert to_bytes(none["floor"]) < guest.base, none
    load = link.start("exec", argv=["neonvm", "load", "memory", "600Mi", "600"])
    link.sample(lambda s: s["memoryAnon"] > 600 * MIB, "600 MiB are in use")
    no = link.ask("askConsent", target=resources(guest.base))
    assert not no["ok"] and "in use" in no["why"], no
    floor = int(re.fullmatch(r"(\d+)", str(to_bytes(no["floor"]))).group(1))
    assert guest.base < floor < guest.base + 1024 * MIB, no
    # A floor is one that is granted as soon as the growth is over.
    until(lambda: link.ask("askConsent", target=resources(floor + 64 * MIB))["ok"], "the floor is consented to")
    link.send({"type": "signal", "id": load, "signal": 9})
    link.reply_to(load)
    link.sample(lambda s: s["memoryAnon"] < 100 * MIB, "memory is free again")
    until(lambda: link.ask("askConsent", target=resources(guest.base))["ok"], "a shrink is consented to")
    guest.plug(guest.base)
    # What the kernel keeps of its own in there is a few MiB with auto-movable.
    until(lambda: guest.plugged() <= 64 * MIB, "nearly all of it has left")
    link.sample(lambda s: s["memoryTotal"] < 576 * MIB, "the guest is small again")


def says(link, target, why):
    """The answer, if it is a no for that reason."""
    answer = link.ask("askConsent", target=target)
    return answer if not answer["ok"] and answer["why"] == why else None


def check_hooks(guest):
    """A program of the guest refuses a shrink that memory would allow, with its own words."""
    hook = b"""#!/bin/sh
read question
case $question in *shrink*) echo '{"ok":false,"why":"a backup runs","floor":"384Mi"}' ;; esac
"""
    link = guest.link
    link.shell("mkdir -p /etc/neonvm/hooks")
    assert link.put("/etc/neonvm/hooks/backup", hook, 0o755)["ok"]
    # On a busy machine the shell may be too late for once, which is another reason.
    no = until(lambda: says(link, resources(384 * MIB), "backup: a backup runs"), "the hook's own words")
    assert to_bytes(no["floor"]) == 384 * MIB, no
    link.shell("rm /etc/neonvm/hooks/backup")
    assert link.ask("askConsent", target=resources(384 * MIB))["ok"]
    assert link.ask("tellGrown", granted=resources(guest.base))["ok"]


def to_bytes(quantity):
    number, unit = re.fullmatch(r"(\d+)(Ki|Mi|Gi)?", str(quantity)).groups()
    return int(number) * {None: 1, "Ki": 1024, "Mi": MIB, "Gi": 1024 * MIB}[unit]


def check_footprint(link):
    def pss(pid):
        rollup = link.shell(f"cat /proc/{pid}/smaps_rollup")
        return int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.M).group(1))

    monitor, init = pss(monitor_pid(link)), pss(1)
    print(f"  PSS: monitor {monitor} KiB, init {init} KiB", flush=True)
    assert monitor < 4096 and monitor + init < 8192


def check_bad_lines(link):
    """The link goes on after lines that cannot be read, and says so."""
    link.send({"type": "setCpus", "id": "x"})
    link.wait(lambda m: m.get("type") == "error", "a word about a broken line")
    link.send({"type": "somethingNew", "id": 1, "x": {}})
    link.send({"type": "ping", "id": 10**6, "pad": "x" * 70000})
    assert link.ask("ping")["ok"]


def test_monitor_comes_back():
    """Killed in the middle, it is there again with what it knew of the kernel, and the host sees a new session."""
    with vm(online=2) as guest:
        link = guest.link
        first = link.hello["session"]
        assert link.ask("setCpus", count=3)["ok"]
        link.forget()
        link.start("exec", argv=["sh", "-c", f"kill -9 {monitor_pid(link)}"])
        hello = link.wait(lambda m: m.get("type") == "hello" and m["session"] != first, "a new session's hello")
        assert hello["cpusOnline"] == 3, hello
        link.greet("test-host")
        assert link.ask("ping")["cpusOnline"] == 3
        # A host that comes back is greeted as well.
        link.close()
        guest.link = type(link)(guest.path("guest"), greet=False)
        assert guest.link.greet("another-host")["session"] == hello["session"]
        assert guest.link.ask("ping")["ok"]


def test_upstream_ports():
    """Upstream's monitor protocol on 10301 with a WebSocket client of somebody else's, and its metrics on 9100."""
    import websocket
    monitor, metrics = free_port(), free_port()
    with vm(forwards=((monitor, 10301), (metrics, 9100)), words="neonvm.upstream=1") as guest:
        socket = until(lambda: try_open(websocket, monitor), "port 10301 answers")
        assert ask(socket, {"min": 1, "max": 1}) == {"version": 1}
        assert ask(socket, {"type": "HealthCheck", "content": {}, "id": 2}) == {"type": "HealthCheck", "id": 2}
        told = {"granted": {"cpu": 1.0, "mem": 512 * MIB}}
        assert ask(socket, {"type": "UpscaleNotification", "content": told, "id": 4}) == {"type": "UpscaleConfirmation", "id": 4}
        small = ask(socket, {"type": "DownscaleRequest", "content": {"target": {"cpu": 0.25, "mem": 64 * MIB}}, "id": 6})
        assert small["id"] == 6 and small["Ok"] is False and "needed" in small["Status"], small
        enough = ask(socket, {"type": "DownscaleRequest", "content": {"target": {"cpu": 1, "mem": 500 * MIB}}, "id": 8})
        assert enough["Ok"] is True and enough["Status"], enough
        wrong = ask(socket, {"type": "Nonsense", "content": {}, "id": 10})
        assert wrong["type"] == "InvalidMessage" and wrong["id"] == 10, wrong
        check_upscale_request(guest, socket)
        # A new connection replaces the old one.
        second = websocket.create_connection(f"ws://127.0.0.1:{monitor}/monitor", timeout=20)
        assert "error" in ask(second, {"min": 2, "max": 3})
        second.close()
        check_metrics(metrics)


def test_minds_a_cgroup():
    """Upstream's rule: 0.85 of (size - 100 MiB) must hold the group's anonymous memory, and 100 MiB more for a shrink."""
    import websocket
    port = free_port()
    with vm(forwards=((port, 10301),), words="neonvm.upstream=1 neonvm.cgroup=work") as guest:
        link = guest.link
        link.shell("cd /sys/fs/cgroup && echo +memory >cgroup.subtree_control && mkdir work")
        socket = until(lambda: try_open(websocket, port), "port 10301 answers")
        assert ask(socket, {"min": 1, "max": 1}) == {"version": 1}
        until(lambda: may_shrink(socket), "a shrink is consented to while the group is empty", 20)
        load = link.start("exec", argv=["sh", "-c", "echo $$ >/sys/fs/cgroup/work/cgroup.procs; exec neonvm load memory 290Mi 300"])
        # 0.85 * 400 MiB = 340 MiB hold 240 MiB and the buffer, not 290; the kernel alone would say yes.
        until(lambda: not may_shrink(socket), "it is refused for the group's sake", 120)
        link.send({"type": "signal", "id": load, "signal": 9})
        link.reply_to(load)
        until(lambda: may_shrink(socket), "it is consented to again", 30)


def may_shrink(socket):
    """From 512 to 500 MiB, as if the last consent had come to nothing."""
    def size(mebibytes):
        return {"cpu": 1, "mem": mebibytes * MIB}
    assert answer_to(socket, {"type": "UpscaleNotification", "content": {"granted": size(512)}, "id": 2})["id"] == 2
    return answer_to(socket, {"type": "DownscaleRequest", "content": {"target": size(500)}, "id": 4})["Ok"]


def answer_to(socket, words):
    """The answer; a guest whose use grows may ask for more memory in between."""
    heard = ask(socket, words)
    while heard["type"] == "UpscaleRequest":
        heard = json.loads(socket.recv())
    return heard


def try_open(websocket, port):
    try:
        return websocket.create_connection(f"ws://127.0.0.1:{port}/monitor", timeout=20)
    except (OSError, websocket.WebSocketException):
        return None


def ask(socket, message):
    socket.send(json.dumps(message))
    return json.loads(socket.recv())


def check_upscale_request(guest, socket):
    load = guest.link.start("exec", argv=["neonvm", "load", "memory", "380Mi", "30", "--rate", "128Mi/s"])
    request = json.loads(socket.recv())
    assert request["type"] == "UpscaleRequest" and request["id"] % 2 == 1, request
    guest.link.send({"type": "signal", "id": load, "signal": 9})
    guest.link.reply_to(load)


def check_metrics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as response:
        text = response.read().decode()
    for name in ("host_load1", "host_load5", "host_memory_total_bytes", "host_memory_available_bytes",
                 "host_memory_cached_bytes"):
        assert f"# TYPE {name} gauge" in text, text
        values = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.M)
        assert len(values) == 1 and float(values[0]) >= 0, (name, values)
    assert 'neonvm_guest_pressure{kind="some",resource="memory"}' in text or "neonvm_guest_pressure{" in text, text


class PromptHost(threading.Thread):
    """Plays a host whose policy says yes at once: whatever the guest wants is plugged, up to `most`."""

    def __init__(self, guest, most):
        super().__init__(daemon=True)
        self.guest, self.most, self.over = guest, most, False
        self.has, self.wishes, self.failed = guest.base, [], None

    def run(self):
        try:
            while not self.over:
                self.answer()
        except AssertionError as failed:
            self.failed = failed

    def answer(self):
        try:
            wish = self.guest.link.wait(lambda m: m.get("type") == "wantMemory", "a wish", 0.5)
        except AssertionError:
            return
        want = min(to_bytes(wish["memory"]), self.most)
        self.wishes.append((wish["at"] - self.guest.started, want // MIB, wish["why"]))
        if want <= self.has:
            return
        self.has = want
        self.guest.plug(want)
        self.guest.link.send({"type": "tellGrown", "id": 10**6 + len(self.wishes), "granted": resources(want)})


def test_is_served_before_the_oom_killer():
    """256 MiB a second from 512 MiB up to 2 GiB, with a host that answers at once."""
    with vm(online=2, pluggable=2048) as guest:
        link = guest.link
        link.sample(lambda s: s.get("interval"), "a first sample")
        host = PromptHost(guest, guest.base + 2048 * MIB)
        number = link.start("exec", argv=["neonvm", "load", "memory", "1792Mi", "--rate", "256Mi/s", "--check"])
        host.start()
        until(lambda: finished(link, number), "memory is filled", 120)
        host.over = True
        host.join()
        reply = link.reply_to(number)
        for at, size, why in host.wishes:
            print(f"  {at:6.2f} s: {size} MiB: {why}", flush=True)
        assert host.failed is None, host.failed
        assert reply["exitCode"] == 0, f"exit code {reply['exitCode']}: {guest.console()[-3000:]}"
        out = "".join(base64.b64decode(m.get("data", "")).decode() for m in link.kept
                      if m.get("type") == "data" and m["id"] == number)
        print("  " + out.strip(), flush=True)
        sample = link.sample(lambda s: s["memoryTotal"] > 2000 * MIB, "it has grown")["sample"]
        assert sample["oomKills"] == 0, sample


def finished(link, number):
    # The host's thread reads the link; what it does not want is kept.
    return any(m.get("type") == "reply" and m.get("id") == number for m in list(link.kept))


if __name__ == "__main__":
    main(globals())
