"""Nothing in the tree knows on which machine it was made."""

import re
from pathlib import Path

from tree import arguments, files, must_fault, must_pass, report, text_of

TOP_FILES = ("CMakeLists.txt", "CMakePresets.json", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", ".ci/run")
# Folders that many machines have; a checkout below one of them gives away only what is below.
COMMON = ("/", "/home", "/root", "/src", "/tmp", "/usr", "/usr/local", "/usr/src", "/opt", "/srv", "/var", "/var/lib",
          "/var/tmp", "/mnt", "/build", "/builds")


def telling(root, home):
    """The paths that would give this machine away."""
    paths = {str(root)}
    if str(root.parent) not in COMMON:
        paths.add(str(root.parent))
    if home not in COMMON:
        paths.add(home)
    return sorted(paths - set(COMMON))


def check(path, text, paths):
    faults = []
    for each in paths:
        # Not the tail of a longer path or of ${a variable}.
        for match in re.finditer(r"(?<![\w.$}/-])" + re.escape(each) + r"(?![\w-])", text):
            faults.append(f"{path}:{text.count(chr(10), 0, match.start()) + 1}: machine path {each}")
    return faults


def self_test():
    paths = telling(Path("/home/me/neonvm"), "/home/me")
    must_fault("paths", ("a:1: machine path /home/me/neonvm", "a:2: machine path /home/me"),
               check("a", "x = /home/me/neonvm/build\ny=\"/home/me\"\n", paths))
    must_fault("paths", ("machine path /attic",), check("a", "cd /attic\n", telling(Path("/attic/tree"), "/root")))
    must_pass("paths", check("a", "$dir/home/me /home/meadow x/home/me /root /tmp/x\n", paths))


def tree_faults(root):
    root = root.resolve()
    paths = telling(root, str(Path.home()))
    top = [Path(name) for name in TOP_FILES if (root / name).is_file()]
    faults = []
    for path in files(root) + top:
        text = text_of(root / path)
        if text is not None:
            faults += check(str(path), text, paths)
    return faults


if __name__ == "__main__":
    self_test()
    report("paths", tree_faults(arguments().root))
