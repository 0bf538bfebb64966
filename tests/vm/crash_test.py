"""What may go wrong, with the real processes: kill -9 of everything in turn. The VM runs on, once, and is found again."""
import os
import signal
import subprocess
import time

from lab import Lab, main


def uptime(lab, vm):
    return float(lab.guest(vm, "cat", "/proc/uptime").split()[0])


def boot_id(lab, vm):
    return lab.guest(vm, "cat", "/proc/sys/kernel/random/boot_id").strip()


def start(lab, vm="web", **kw):
    lab.serve()
    lab.run("run", vm, "--cpus", "1..4", "--memory", "512Mi..2Gi", "--fixed", *kw.get("more", ()))
    return boot_id(lab, vm)


def serve_killed_while_scaling():
    with Lab() as lab:
        boot = start(lab)
        for cpus, memory in ((3, "1Gi"), (1, "512Mi"), (4, "1536Mi")):
            lab.run("scale", "web", "--cpus", str(cpus), "--memory", memory, "--no-wait")
            lab.kill_serve()
            lab.serve()
            lab.until(lambda: lab.status("web")["cpus"] == cpus, f"{cpus} CPUs after the restart")
            assert lab.cpus_in_guest("web") == cpus
        assert boot_id(lab, "web") == boot, "the guest never restarted"
        assert len(lab.qemus()) == 1


def serve_killed_while_migrating():
    with Lab() as lab:
        boot = start(lab)
        for pause in (0.0, 0.15, 0.4, 0.8):
            before = lab.status("web")["node"]
            moving = subprocess.Popen(lab.argv("migrate", "web", "--no-wait"), stdout=subprocess.DEVNULL)
            moving.wait(30)
            time.sleep(pause)  # to hit another phase each time
            lab.kill_serve()
            assert len(lab.qemus()) >= 1
            lab.serve()
            lab.until(lambda: not lab.status("web").get("migration") and lab.status("web")["phase"] == "Running"
                      and len(lab.qemus()) == 1, "the migration ended", 90)
            print(f"killed {pause} s after the order: {before} -> {lab.status('web')['node']}")
            assert boot_id(lab, "web") == boot


def runner_killed():
    with Lab() as lab:
        boot = start(lab)
        qemus = lab.qemus()
        for _ in range(2):
            victim = lab.runners()[0]
            os.kill(victim, signal.SIGKILL)
            lab.until(lambda: lab.runners() not in ([], [victim]), "a successor")
            lab.until(lambda: lab.status("web").get("guestConnected", True) and responds(lab), "it answers again")
            assert lab.qemus() == qemus, "the same QEMU, and only it"
        assert boot_id(lab, "web") == boot
        lab.run("scale", "web", "--cpus", "2")
        assert lab.cpus_in_guest("web") == 2
        assert lab.status("web")["restartCount"] == 0


def responds(lab):
    try:
        return lab.guest("web", "true", timeout=20) == ""
    except Exception:  # not yet
        return False


def runner_killed_after_a_move():
    with Lab() as lab:
        boot = start(lab)
        lab.run("migrate", "web")
        lab.until(lambda: len(lab.qemus()) == 1 and len(lab.runners()) == 1, "the source is gone")
        qemus, victim = lab.qemus(), lab.runners()[0]
        os.kill(victim, signal.SIGKILL)
        lab.until(lambda: lab.runners() not in ([], [victim]) and responds(lab), "a successor answers")
        assert lab.qemus() == qemus and boot_id(lab, "web") == boot
        lab.run("scale", "web", "--cpus", "2")
        lab.run("migrate", "web")
        assert boot_id(lab, "web") == boot and lab.cpus_in_guest("web") == 2


def runner_killed_while_serve_is_away():
    with Lab() as lab:
        boot = start(lab)
        qemus = lab.qemus()
        lab.kill_serve()
        os.kill(lab.runners()[0], signal.SIGKILL)
        lab.serve()
        lab.until(lambda: responds(lab), "it answers again")
        assert lab.qemus() == qemus and boot_id(lab, "web") == boot


def qemu_killed():
    with Lab() as lab:
        boot = start(lab)
        os.kill(lab.qemus()[0], signal.SIGKILL)
        lab.until(lambda: lab.status("web")["restartCount"] == 1 and lab.status("web")["phase"] == "Running", "restarted")
        assert "9" in lab.run("describe", "web"), lab.run("describe", "web")
        lab.until(lambda: responds(lab), "it answers")
        assert boot_id(lab, "web") != boot
        assert len(lab.qemus()) == 1


def restart_policies():
    with Lab() as lab:
        lab.serve()
        lab.run("run", "once", "--restart", "never", "--fixed")
        lab.run("run", "careful", "--restart", "on-failure", "--fixed")
        os.kill(qemu_of(lab, "once"), signal.SIGKILL)
        lab.until(lambda: lab.status("once")["phase"] == "Failed", "it stays down")
        assert lab.status("once")["restartCount"] == 0
        panic(lab, "careful")
        lab.until(lambda: lab.status("careful")["restartCount"] == 1, "a panic is a failure")
        assert "panic" in lab.run("describe", "careful").lower(), lab.run("describe", "careful")


def panic(lab, vm):
    try:
        lab.guest(vm, "sh", "-c", "echo c >/proc/sysrq-trigger", timeout=20)
    except Exception:  # the answer dies with the kernel
        pass


def qemu_of(lab, vm):
    endpoint = lab.status(vm)
    for pid, words in lab.processes():
        if "qemu-system" in words[0] and any(vm in word for word in words):
            return pid
    raise AssertionError(f"no QEMU of {vm}: {endpoint}")


def migration_target_killed():
    with Lab() as lab:
        boot = start(lab)
        source = lab.qemus()[0]
        home = lab.status("web")["node"]
        moving = subprocess.Popen(lab.argv("migrate", "web"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        target = lab.until(lambda: [pid for pid in lab.qemus() if pid != source], "a target", 30)[0]
        os.kill(target, signal.SIGKILL)
        out, _ = moving.communicate(timeout=120)
        assert moving.returncode != 0, out
        print(out.decode().strip().splitlines()[-1])
        assert lab.qemus() == [source]
        assert lab.status("web")["node"] == home and boot_id(lab, "web") == boot
        lab.run("scale", "web", "--cpus", "3")
        assert lab.cpus_in_guest("web") == 3
        lab.run("migrate", "web")
        assert lab.status("web")["node"] != home and boot_id(lab, "web") == boot


def runner_of_a_target_killed_while_serve_is_away():
    with Lab() as lab:
        boot = start(lab)
        source, runners = lab.qemus(), lab.runners()
        lab.run("migrate", "web", "--no-wait")
        lab.until(lambda: len(lab.qemus()) == 2, "a target")
        lab.kill_serve()
        for pid in lab.runners():
            if pid not in runners:
                os.kill(pid, signal.SIGKILL)
        lab.serve()
        lab.until(lambda: len(lab.qemus()) == 1 and not lab.status("web").get("migration"), "one QEMU, and no migration", 90)
        lab.until(lambda: responds(lab), "it answers")
        assert boot_id(lab, "web") == boot
        print("it runs at the " + ("source" if lab.qemus() == source else "target"))


def out_of_capacity():
    with Lab(nodes=1, cpu="2", memory="1536Mi") as lab:
        lab.serve()
        lab.run("run", "first", "--cpus", "1", "--memory", "1Gi")
        lab.run("run", "second", "--cpus", "1", "--memory", "1Gi", "--no-wait")
        lab.until(lambda: lab.status("second").get("phase") == "Pending", "pending")
        assert "node" in lab.run("describe", "second")
        wrong = lab.refused("scale", "first", "--memory", "2Gi")
        assert wrong.code == 2
        lab.run("delete", "first")
        lab.until(lambda: lab.status("second").get("phase") == "Running", "it starts when room appears")


def two_control_planes_on_one_home():
    with Lab() as lab:
        lab.serve()
        wrong = lab.refused("serve")
        assert str(lab.serve_process.pid) in wrong.err, wrong.err


def a_damaged_store_is_left_alone():
    with Lab() as lab:
        lab.serve()
        lab.kill_serve(signal.SIGTERM)
        home = os.path.join(lab.home, "h")
        store = [os.path.join(home, name) for name in os.listdir(home) if name.endswith(".db")][0]
        with open(store, "r+b") as file:
            file.write(b"this is no database at all")
        with open(store, "rb") as file:
            before = file.read()
        wrong = lab.refused("list")
        assert store in wrong.err, wrong.err
        with open(store, "rb") as file:
            assert file.read() == before


def a_port_in_use_is_told():
    import socket
    with Lab() as lab, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        lab.serve()
        lab.run("run", "web", "-p", f"{port}:80", "--no-wait")
        lab.until(lambda: str(port) in lab.run("describe", "web") + lab.run("events"), "the port is named", 60)


if __name__ == "__main__":
    main([serve_killed_while_scaling, serve_killed_while_migrating, runner_killed, runner_killed_after_a_move, runner_killed_while_serve_is_away,
          qemu_killed, restart_policies, migration_target_killed, runner_of_a_target_killed_while_serve_is_away, out_of_capacity, two_control_planes_on_one_home,
          a_damaged_store_is_left_alone, a_port_in_use_is_told])
