"""A real node from inside: commands in its network and its mounts, found by its kubelet."""
import os

from . import netns


class Inside:
    def __init__(self, state, name):
        self.pid = next(pid for pid in filter(str.isdigit, os.listdir("/proc")) if self.is_kubelet(pid, state, name))

    @staticmethod
    def is_kubelet(pid, state, name):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except OSError:
            return False
        return words[0].endswith("/kubelet") and name in words and any(state in word for word in words)

    def run(self, *words, check=True):
        return netns.run("nsenter", f"--net=/proc/{self.pid}/ns/net", f"--mount=/proc/{self.pid}/ns/mnt", "--", *words, check=check)

    def wire(self, *words):
        """In its network, with this machine's files: for names of other namespaces."""
        return netns.run("nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *words)
