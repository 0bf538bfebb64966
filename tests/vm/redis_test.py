"""The Redis image in a real VM: its hook follows the size, evicts before a shrink, and says no in its own words."""
import os
import re
import socket
import sys

from lab import Lab, main

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts"))
from postgres_vm import example_disk, free_port  # noqa: E402

MIB = 2 ** 20


class Redis:
    """One connection, which must last through all of it."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.input = self.socket.makefile("rb")

    def __call__(self, *words):
        parts = [str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self.answer()

    def answer(self):
        line = self.input.readline().rstrip().decode()
        if line.startswith("$"):
            return self.input.read(int(line[1:]) + 2)[:-2].decode()
        if line.startswith("*"):
            return [self.answer() for _ in range(int(line[1:]))]
        assert line and not line.startswith("-"), line
        return line[1:]

    def fact(self, name):
        return int(next(line for line in self("info").splitlines() if line.startswith(name + ":")).split(":")[1])

    def fill(self, mebibytes):
        for i in range(mebibytes):
            self("setrange", f"k{i}", MIB - 128, "x")  # with its header in the allocator's class of 1 MiB


def limit_is(redis, mebibytes):
    # Told, it is exact; by its own look the guest knows its size but for a MiB or two.
    return abs(redis.fact("maxmemory") / MIB - mebibytes) < 4


def its_hook_follows_the_size():
    with Lab(nodes=1) as lab:
        port = free_port()
        lab.run("run", "cache", "--image", example_disk("redis"), "-p", f"{port}:6379", "--cpus", "2", "--memory", "256Mi..1Gi", "--fixed")
        assert lab.status("cache").get("health", {}).get("state") == "healthy", "run has waited for the image's check"
        redis = Redis(port)
        grow_again(lab, redis)
        redis.fill(400)
        assert redis.fact("evicted_keys") == 0
        lab.run("scale", "cache", "--memory", "512Mi", "--no-wait")
        lab.until(lambda: limit_is(redis, 320), "its limit is that of the small VM")
        lab.until(lambda: redis.fact("used_memory") <= 321 * MIB, "it has evicted what is too much")
        assert 75 <= redis.fact("evicted_keys") <= 120, redis("info")
        lab.until(lambda: lab.memory_in_guest("cache") < 700, "its memory has left")
        keeps_what_may_not_go(lab, redis)
        lab.run("delete", "cache")


def keeps_what_may_not_go(lab, redis):
    redis("config", "set", "maxmemory-policy", "noeviction")
    grow_again(lab, redis)
    redis.fill(450)
    keys = redis("dbsize")
    lab.until(lambda: is_advised_against(lab, redis), "the hook's words against a shrink that is insisted on", 240)
    lab.until(lambda: "the guest has more in use" in lab.run("describe", "cache"), "it shrinks no further than its guest can run")
    assert redis("dbsize") == keys, "nothing is gone"
    lab.until(lambda: any("noeviction" in notice for notice in lab.status("cache").get("notices", [])), "it is a notice")


def grow_again(lab, redis):
    lab.run("scale", "cache", "--memory", "1Gi", "--no-wait")
    lab.until(lambda: limit_is(redis, 704) and lab.memory_in_guest("cache") > 900, "it has grown", 120)


def is_advised_against(lab, redis):
    lab.run("scale", "cache", "--memory", "384Mi", "--no-wait")
    told = lab.until(lambda: re.search("against its guest's advice: redis: (.*)", lab.run("describe", "cache")), "the guest's advice")[1]
    if told.startswith("it holds 4") and "noeviction" in told:
        return True
    # On a busy machine the hook may be too late for once, which is another reason.
    grow_again(lab, redis)
    return False


if __name__ == "__main__":
    main([its_hook_follows_the_size])
