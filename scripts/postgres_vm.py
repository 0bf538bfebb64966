"""A Postgres VM as the scripts drive one: the example's disk, made once; psql and pgbench; a control plane of its own.

Used by scripts/bench-postgres, scripts/demo.py and tests of other examples. Standard library only. A wait that is in vain is a Failed.
"""
import glob
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NEONVM = os.environ.get("NEONVM", TOP + "/build/host/neonvm")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "neonvm", "examples")
MIB = 2 ** 20
KEPT = 3  # disks of other states of the tree: they are large, and another checkout may be using one


# In the guest: for so many seconds, the PSS of every process of ours by its command; the least and the most of their sum in KiB.
FOOTPRINT = r'''
use strict; use warnings; use Time::HiRes qw(time sleep);
my ($end, $least, $most, %peak) = (time + $ARGV[0], 1e9, 0);
while (time < $end) {
  my $sum = 0;
  for my $process (glob "/proc/[0-9]*") {
    next unless (readlink("$process/exe") // "") =~ m{/neonvm( \(deleted\))?$};
    open(my $file, "<", "$process/smaps_rollup") or next;
    my ($pss) = join("", <$file>) =~ /^Pss:\s+(\d+)/m or next;
    open(my $line, "<", "$process/cmdline") or next;
    my ($program, $command) = split(/\0/, <$line> // "");
    my $name = length($command // "") ? $command : ($program // "?") =~ s{.*/}{}r;
    $peak{$name} = $pss if $pss > ($peak{$name} // 0);
    $sum += $pss;
  }
  $least = $sum if $sum < $least;
  $most = $sum if $sum > $most;
  sleep 0.03;
}
printf "{\"least\":%d,\"most\":%d,\"parts\":{%s}}\n", $least, $most, join(",", map { "\"$_\":$peak{$_}" } sort keys %peak);
'''


class Failed(Exception):
    pass


def say(text):
    print(text, file=sys.stderr, flush=True)


def example_disk_path(name="postgres"):
    """Where an example's disk is or would be: made once for each state of its files, by the example's own script."""
    digest, example = hashlib.sha256(), f"{TOP}/vm-builder/examples/{name}"
    for path in sorted([example, example + ".yaml"] + glob.glob(example + ".files/**", recursive=True)):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                digest.update(path.removeprefix(TOP).encode() + file.read())
    with open(TOP + "/build/guest/neonvm", "rb") as file:
        digest.update(file.read())
    return os.path.join(CACHE, f"{name}-{digest.hexdigest()[:16]}.qcow2")


def example_disk(name="postgres"):
    """The path of that disk, which is made if need be."""
    disk = example_disk_path(name)
    if not os.path.exists(disk):
        os.makedirs(CACHE, exist_ok=True)
        for old in sorted(glob.glob(f"{CACHE}/{name}-*.qcow2"), key=os.path.getmtime)[:-KEPT]:
            os.unlink(old)
        say(f"making the disk of the {name} example, once")
        with tempfile.TemporaryDirectory(prefix="nvm") as home:
            environment = dict(os.environ, NEONVM=NEONVM, NEONVM_HOME=home)
            subprocess.run([f"{TOP}/vm-builder/examples/{name}", "--file", disk + ".new"], check=True, env=environment, stdout=sys.stderr)
        os.rename(disk + ".new", disk)
    return disk


def client_programs():
    """psql and pgbench: the machine's, else unpacked from Debian's packages beside the disks, without installing them."""
    places = [os.environ.get("PATH", ""), "/usr/lib/postgresql/15/bin", CACHE + "/client/usr/lib/postgresql/15/bin"]
    found = [shutil.which(name, path=":".join(places[1:])) for name in ("psql", "pgbench")]
    if not all(found):
        say("fetching pgbench and psql: Debian's postgresql-15 and postgresql-client-15, unpacked only")
        with tempfile.TemporaryDirectory(prefix="nvm") as folder:
            os.chmod(folder, 0o755)
            subprocess.run(["apt-get", "-q", "download", "postgresql-15", "postgresql-client-15", "libpq5"], cwd=folder, check=True,
                           stdout=subprocess.DEVNULL)
            for package in glob.glob(folder + "/*.deb"):
                subprocess.run(["dpkg-deb", "-x", package, CACHE + "/client"], check=True)
        found = [shutil.which(name, path=places[2]) for name in ("psql", "pgbench")]
    libraries = glob.glob(CACHE + "/client/usr/lib/*/libpq.so.5")
    if libraries:
        os.environ["LD_LIBRARY_PATH"] = os.path.dirname(libraries[0])
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Vm:
    """A control plane of its own and the Postgres VM on it."""

    def __init__(self, home, disk, options):
        self.home, self.port = home, free_port()
        self.samples = []  # (seconds, CPUs, MiB)
        self.serve = subprocess.Popen([NEONVM, "--home", home, "serve"], stdin=subprocess.DEVNULL,
                                      stdout=open(home + "/serve.out", "w", encoding="utf-8"), stderr=subprocess.STDOUT)
        self.stopping = threading.Event()
        self.sampler = threading.Thread(target=self.sample, daemon=True)
        try:
            self.until(lambda: self.call("list", check=False).returncode == 0, "serve answers", 30)
            self.call("run", "pg", "--image", disk, "-p", f"{self.port}:5432", "--cpus", options.cpus,
                      "--memory", options.memory, "--policy", options.policy)
        except BaseException:
            self.end()
            raise

    def call(self, *words, check=True):
        done = subprocess.run([NEONVM, "--home", self.home, *words], capture_output=True, text=True, check=False, timeout=180)
        if check and done.returncode != 0:
            raise Failed(f"neonvm {words[0]}: {done.stderr.strip()}")
        return done

    def until(self, done, what, seconds):
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                raise Failed(f"{what}: not within {seconds} s")
            time.sleep(0.25)

    def size(self):
        status = json.loads(self.call("get", "pg", "-o", "json").stdout)["status"]
        return cpus_of(status["cpus"]), bytes_of(status["memorySize"]) / MIB

    def sample(self):
        # Nothing pushes a VM's size to a script: it is asked for.
        while not self.stopping.wait(0.5):
            try:
                self.samples.append((time.monotonic(), *self.size()))
            except (subprocess.SubprocessError, Failed, KeyError, ValueError):
                continue

    def footprint(self, seconds):
        """What neonvm adds to the guest, in KiB of PSS: {"least": …, "most": …, "parts": {"monitor": …}}."""
        return json.loads(self.call("exec", "pg", "--", "perl", "-e", FOOTPRINT, str(seconds)).stdout)

    def end(self):
        self.stopping.set()
        if self.sampler.is_alive():
            self.sampler.join()
        self.call("delete", "pg", check=False)
        self.serve.terminate()
        self.serve.wait(60)


def cpus_of(text):
    text = str(text)
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def bytes_of(text):
    text = str(text)
    for unit, factor in (("Ki", 2 ** 10), ("Mi", 2 ** 20), ("Gi", 2 ** 30), ("Ti", 2 ** 40)):
        if text.endswith(unit):
            return float(text[:-2]) * factor
    return float(text)


class Client:
    """psql and pgbench against the VM; a psql session that stays open tells whether its server process is still the same."""

    def __init__(self, programs, port):
        self.psql, self.pgbench = programs
        self.port, self.where = port, ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres"]
        self.session = None

    def answers(self):
        asked = subprocess.run([self.psql, *self.where, "-Atc", "select 1"], capture_output=True, text=True, check=False)
        return asked.returncode == 0

    def show(self, setting):
        return subprocess.run([self.psql, *self.where, "-XAtc", f"show {setting}"], capture_output=True, text=True, check=True).stdout.strip()

    def fill(self, scale):
        subprocess.run([self.pgbench, *self.where, "-iq", "-s", str(scale), "postgres"], check=True, stderr=subprocess.DEVNULL)

    def ask_session(self):
        if self.session is None:
            self.session = subprocess.Popen([self.psql, *self.where, "-XAtq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.session.stdin.write("select pg_backend_pid();\n")
            self.session.stdin.flush()
        except BrokenPipeError:
            return ""
        return self.session.stdout.readline().strip()

    def begin(self, clients, seconds):
        """pgbench under way, and the list that its progress goes to: (time, tps, latency in ms)."""
        argv = [self.pgbench, *self.where, "-n", "-c", str(clients), "-j", "1", "-T", str(seconds), "-P", "1", "postgres"]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        points, words = [], []

        def follow():
            for line in process.stdout:
                words.append(line)
                parts = line.split()
                if line.startswith("progress:"):
                    points.append((time.monotonic(), float(parts[3]), float(parts[6]) if parts[6] != "NaN" else 0.0))

        reader = threading.Thread(target=follow, daemon=True)
        reader.start()
        return process, points, words, reader
