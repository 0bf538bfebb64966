"""Programs that end with the process that started them, whatever ended it."""
import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def die_with(parent):
    """For preexec_fn: SIGKILL as soon as `parent` is gone. Holds for the program that is started, not for its children."""
    def arrange():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    return arrange


class Died(Exception):
    pass


class Daemon:
    """One program, its log, and how it is started again. Start only from the main thread: the kernel watches that thread."""

    def __init__(self, name, argv, log_folder):
        self.name, self.argv = name, argv
        self.log = os.path.join(log_folder, name + ".log")
        self.process = None

    def start(self):
        if self.alive():
            return
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                            preexec_fn=die_with(os.getpid()))

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def check(self):
        """Raises Died, with the last lines of the log, if it has ended by itself."""
        if self.process is not None and not self.alive():
            raise Died(f"{self.name} ended with exit code {self.process.returncode}:\n{self.last_lines()}")

    def signal(self, number):
        if self.alive():
            self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self, limit=10):
        """SIGTERM, and SIGKILL after `limit` seconds."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        self.await_end(time.monotonic() + limit)

    def await_end(self, deadline):
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.kill()

    def last_lines(self, count=15):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return "".join(file.readlines()[-count:])
        except OSError:
            return ""
