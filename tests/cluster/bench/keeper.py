"""The process that a cluster lives and ends with: keeper.py STATE OPTIONS (JSON). Started by cluster.py, never by hand.

It starts the daemons, prints a line a step and "ready" to standard output, then answers one JSON request a connection on
STATE/control. With options["owned"], standard input is a pipe that its owner holds: when the owner is gone, so is the cluster.
The daemons end with the keeper, whatever ends it; then only files are left, which the next keeper removes.
"""
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bench import programs  # noqa: E402
from bench.control_plane import ControlPlane  # noqa: E402
from bench.node import cgroups_down  # noqa: E402
from bench.nodes import Nodes  # noqa: E402

PREFIX = "neonvm-cluster-"


class Ended(Exception):
    pass


def say(text):
    try:
        print(text, flush=True)
    except OSError:  # whoever started it has gone; an owner's going is seen elsewhere
        pass


def hold(state):
    """Locks the state for as long as this process lives."""
    lock = os.open(os.path.join(state, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def remove_left_over(folder):
    """What keepers left that were killed: their folders, which nobody holds any more."""
    for name in os.listdir(folder):
        state = os.path.join(folder, name)
        lock_file = os.path.join(state, "lock")
        if not name.startswith(PREFIX) or not os.path.isfile(lock_file) or os.stat(lock_file).st_uid != os.getuid():
            continue
        try:
            with open(lock_file, "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(state)
        except OSError:
            continue


def remove(state):
    try:
        with open(os.path.join(state, "data"), encoding="utf-8") as file:
            data = file.read()
        if os.path.basename(data).startswith(PREFIX):
            shutil.rmtree(data, ignore_errors=True)
    except OSError:
        pass
    cgroups_down(os.path.basename(state))
    shutil.rmtree(state, ignore_errors=True)


class Keeper:
    def __init__(self, state, options):
        self.state, self.options = state, options
        self.plane = self.nodes = self.door = None

    def up(self):
        self.plane = ControlPlane(self.state, programs.find(), self.options)
        with open(os.path.join(self.state, "data"), "w", encoding="utf-8") as file:
            file.write(self.plane.data)
        if self.options.get("nodes"):
            self.nodes = Nodes(self.plane.logs, self.plane.address)
            self.plane.advertised = self.nodes.network.api
            self.nodes.up(self.plane, say)
        self.plane.start(say)
        if self.nodes:
            self.nodes.join(self.plane, say)
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.door.bind(os.path.join(self.state, "control"))
        self.door.listen(16)

    def serve(self):
        """Until it is told to go down, or its owner is gone."""
        waiting = [self.door] + ([sys.stdin] if self.options.get("owned") else [])
        while True:
            for ready in select.select(waiting, [], [])[0]:
                if ready is not self.door:
                    if not os.read(sys.stdin.fileno(), 4096):
                        raise Ended
                    continue
                with self.door.accept()[0] as connection:
                    self.talk(connection)

    def talk(self, connection):
        connection.settimeout(10)
        try:
            with connection.makefile("rw", encoding="utf-8") as stream:
                request = json.loads(stream.readline())
                try:
                    answer = {"answer": self.answer(**request)}
                except Ended:
                    answer = {"answer": None}
                    raise
                except Exception as error:  # told to whoever asked; the cluster goes on
                    answer = {"error": f"{type(error).__name__}: {error}"}
                finally:
                    stream.write(json.dumps(answer) + "\n")
                    stream.flush()
        except (OSError, ValueError):
            pass  # the one who asked has gone, or talks nonsense

    def answer(self, do, name=None, **more):
        if do == "down":
            raise Ended
        if do == "status":
            return {each: daemon.process.pid if daemon.alive() else None for each, daemon in self.plane.daemons.items()}
        if do == "address":
            return self.plane.address
        if do == "import":
            return self.nodes.load([name]) if self.nodes else None
        if do == "node":
            return {each.name: each.pid for each in self.nodes.nodes} if self.nodes else {}
        if do in ("cut", "mend"):
            if name not in (each.name for each in (self.nodes.nodes if self.nodes else ())):
                raise LookupError(f"there is no real node {name}")
            return self.nodes.network.set_way(name, do == "mend")
        if do == "add-scheduler":
            return self.plane.start_scheduler(name, more["config"])
        if do == "user":
            path = os.path.join(self.state, f"user-{name}.kubeconfig")
            self.plane.authority.issue(name, name, groups=more.get("groups", ()))
            self.plane.authority.kubeconfig(path, name, self.plane.server)
            return path
        daemon = self.plane.daemons.get(name)
        if daemon is None:
            raise LookupError(f"no {name} here; there are {', '.join(self.plane.daemons)}")
        if do == "restart":
            self.plane.restart(name, more.get("hard", False))
        elif do in ("kill", "stop", "start"):
            getattr(daemon, do)()
        elif do in ("pause", "resume"):
            daemon.signal(signal.SIGSTOP if do == "pause" else signal.SIGCONT)
        else:
            raise LookupError(f"cannot {do}; can: status, address, down, restart, kill, stop, start, pause, resume, user, import, node, cut, mend, add-scheduler")
        return None

    def down(self):
        if self.door:
            self.door.close()
        if self.nodes:
            self.nodes.down()
        if self.plane:
            self.plane.stop()
        if not self.options.get("keep"):
            remove(self.state)


def ended(number, frame):
    raise Ended


def main():
    state, options = sys.argv[1], json.loads(sys.argv[2])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ended)
    remove_left_over(os.path.dirname(state))
    lock = hold(state)
    keeper = Keeper(state, options)
    try:
        keeper.up()
        say("ready")
        keeper.serve()
    except Ended:
        pass
    except programs.CannotRun as why:
        say(f"cannot run: {why}")
    except Exception as error:
        say("failed: " + f"{type(error).__name__}: {error}".replace("\n", "\n| "))
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        keeper.down()
        os.close(lock)


if __name__ == "__main__":
    main()
