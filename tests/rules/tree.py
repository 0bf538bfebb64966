"""The files that the rules look at, and C++ text without what only looks like code."""

import argparse
import re
import sys
from pathlib import Path

ROOMS = ("core", "cli", "guest", "plugins", "kernel", "vm-builder", "tests", "scripts", "cmake", "docs")
CODE = (".cpp", ".hpp", ".c", ".h")


def arguments(*more):
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    for name in more:
        parser.add_argument(name)
    return parser.parse_args()


def files(root, rooms=ROOMS, suffixes=None):
    """Files below the rooms, relative to root, sorted. Build folders and hidden ones are no part of the tree."""
    found = []
    for room in rooms:
        for path in sorted((root / room).rglob("*")):
            parts = path.relative_to(root).parts
            if any(part.startswith((".", "build", "__pycache__")) and part != "build" for part in parts):
                continue
            if path.is_file() and (suffixes is None or path.suffix in suffixes):
                found.append(path.relative_to(root))
    return found


def text_of(path):
    """The text of a file, or None when it is not text."""
    data = path.read_bytes()
    if b"\0" in data:
        return None
    return data.decode("utf-8", errors="replace")


TOKEN = re.compile(
    r'//(?:[^\n\\]|\\.|\\\n)*'
    r'|/\*.*?\*/'
    r'|(?:u8|u|U|L)?R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)"'
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'",
    re.DOTALL,
)


def blanked(text):
    """Comments go, strings become empty ones; every line stays on its line."""

    def blank(match):
        token = match.group(0)
        lines = "\n" * token.count("\n")
        return lines if token.startswith("/") else '""' + lines

    return TOKEN.sub(blank, text)


def report(rule, faults):
    """Prints the faults, ends the program."""
    for fault in faults:
        print(fault)
    print(f"{rule}: " + (f"{len(faults)} fault(s)" if faults else "kept"))
    sys.exit(1 if faults else 0)


def must_fault(rule, expected, faults):
    """A rule that cannot fail guards nothing."""
    for words in expected:
        if not any(words in fault for fault in faults):
            print(f"{rule}: its own bad sample was not found out: {words!r} not in {faults}")
            sys.exit(2)


def must_pass(rule, faults):
    if faults:
        print(f"{rule}: its own good sample was refused: {faults}")
        sys.exit(2)
