"""What a guest's hooks and its end tell people, with the real processes: notices, refused shrinks, panics and power-offs."""
import os

from lab import Lab, main

HOOK = """#!/bin/sh
read -r question
cat /tmp/answer
"""


def put(lab, vm, path, text, mode="755"):
    here = os.path.join(lab.home, "put")
    with open(here, "w", encoding="utf-8") as file:
        file.write(text)
    lab.run("cp", here, f"{vm}:{path}")
    lab.guest(vm, "chmod", mode, path)


def notices(lab, vm):
    return lab.status(vm).get("notices", [])


def events(lab, vm):
    return lab.run("events", vm).count("GuestNotice")


def a_notice_reaches_people_once():
    """In describe as long as it holds, in the events once, whatever happens to the monitor meanwhile."""
    with Lab() as lab:
        lab.serve()
        lab.run("run", "web", "--cpus", "1..2", "--memory", "512Mi..1Gi", "--fixed")
        lab.guest("web", "mkdir", "-p", "/etc/neonvm/hooks")
        put(lab, "web", "/tmp/answer", '{"notices":["\\u001b[31mshared_buffers wants a restart"]}', "644")
        put(lab, "web", "/etc/neonvm/hooks/db", HOOK)
        lab.until(lambda: notices(lab, "web"), "the notice is in the status", 60)
        assert notices(lab, "web") == ["db: ?[31mshared_buffers wants a restart"], notices(lab, "web")
        assert "shared_buffers wants a restart" in lab.run("describe", "web")
        assert events(lab, "web") == 1, lab.run("events", "web")
        before = lab.guest("web", "pidof", "neonvm-monitor")
        lab.run("exec", "-n", "web", "--", "sh", "-c", f"(sleep 0.2; kill -9 {before.strip()}) >/dev/null 2>&1 &")
        lab.until(lambda: monitor(lab) not in ("", before), "another monitor answers", 60)
        lab.run("scale", "web", "--memory", "1Gi")  # asks the hook
        assert notices(lab, "web"), "it is not forgotten with the monitor"
        assert events(lab, "web") == 1, lab.run("events", "web")
        put(lab, "web", "/tmp/answer", '{"notices":[]}', "644")
        lab.until(lambda: not notices(lab, "web"), "it is taken back", 60)
        assert lab.status("web")["restartCount"] == 0


def monitor(lab):
    try:
        return lab.guest("web", "pidof", "neonvm-monitor", timeout=20)
    except Exception:  # not yet
        return ""


def a_panic_is_told_from_a_power_off():
    with Lab() as lab:
        lab.serve()
        for vm, deed in (("panics", "echo c >/proc/sysrq-trigger"), ("ends", "poweroff")):
            lab.run("run", vm, "--restart", "never", "--fixed")
            try:
                lab.guest(vm, "sh", "-c", deed, timeout=30)
            except Exception:  # the answer dies with the guest
                pass
        lab.until(lambda: lab.status("panics")["phase"] == "Failed", "a panic is a failure", 60)
        lab.until(lambda: lab.status("ends")["phase"] == "Succeeded", "a power-off is none", 60)
        assert "panic" in lab.run("describe", "panics").lower(), lab.run("describe", "panics")
        assert "panic" not in lab.run("describe", "ends").lower(), lab.run("describe", "ends")
        assert "panic" in lab.run("events", "panics").lower(), lab.run("events", "panics")


if __name__ == "__main__":
    main([a_notice_reaches_people_once, a_panic_is_told_from_a_power_off])
