"""Each header compiles alone: whoever includes it needs to include nothing before it.

A source that includes a header before all else proves it whenever it is built, so only the others are compiled here.
What compiled is remembered by the hash of the header, of all that it includes from the tree, and of the compiler.
"""

import hashlib
import json
import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tree import arguments, files, must_fault, must_pass, report

INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
DIRECTIVE = re.compile(rb'^\s*#\s*(\w+)\s*([^\n]*)', re.MULTILINE)
ROOMS = ("core", "cli", "guest", "plugins", "vm-builder")
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]


class Tree:
    """Contents of headers and what they reach, each read once."""

    def __init__(self, root):
        self.root = root
        self.contents = {}

    def content(self, path):
        if path not in self.contents:
            file = self.root / path
            self.contents[path] = file.read_bytes() if file.is_file() else b""
        return self.contents[path]

    def reached(self, path):
        seen, todo = set(), [path]
        while todo:
            each = todo.pop()
            if each not in seen:
                seen.add(each)
                todo += [name.decode() for name in INCLUDE.findall(self.content(each))]
        return sorted(seen)

    def key(self, path, compiler):
        digest = hashlib.sha256(compiler.encode())
        for each in self.reached(path):
            digest.update(each.encode() + b"\0" + self.content(each) + b"\0")
        return digest.hexdigest()


def proven(root, sources):
    """The headers that some source includes as its first directive."""
    found = set()
    for source in sources:
        first = DIRECTIVE.search((root / source).read_bytes())
        name = INCLUDE.match(first.group(0)) if first else None
        if name:
            found.add(name.group(1).decode())
    return found


def languages(path, cxx, cc):
    """A .h is read by C and by C++."""
    yield [cxx, "-std=c++20", "-x", "c++"]
    if path.endswith(".h"):
        yield [cc, "-std=c11", "-x", "c"]


def compile_alone(root, path, cxx, cc):
    for command in languages(path, cxx, cc):
        result = subprocess.run(command + WARNINGS + ["-fsyntax-only", f"-I{root}", "-"], cwd=root, text=True,
                                input=f'#include "{path}"\n', capture_output=True)
        if result.returncode != 0:
            lines = [line for line in result.stderr.splitlines() if "error" in line] or result.stderr.splitlines()
            return [f"{path}: does not compile alone: {lines[0] if lines else command}"]
    return []


def version(compiler):
    return subprocess.run([compiler, "--version"], text=True, capture_output=True, check=True).stdout


def load(cache):
    try:
        return json.loads(cache.read_text())
    except (OSError, ValueError):
        return {}


def check(root, paths, cxx, cc, known):
    """Faults; `known` gets the keys of what compiled."""
    tree = Tree(root)
    compiler = version(cxx) + version(cc) + " ".join(WARNINGS)
    keys = {path: tree.key(path, compiler) for path in paths}
    todo = [path for path in paths if known.get(path) != keys[path]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = dict(zip(todo, pool.map(lambda path: compile_alone(root, path, cxx, cc), todo)))
    for path, found in faults.items():
        if any("Killed" in fault for fault in found):  # the machine ran out of memory: no fault of the header
            found[:] = compile_alone(root, path, cxx, cc)
        if not found:
            known[path] = keys[path]
    print(f"headers: {len(paths)} headers, {len(todo)} compiled now")
    return [fault for found in faults.values() for fault in found]


def self_test(cxx, cc):
    with tempfile.TemporaryDirectory() as folder:
        root, known = Path(folder), {}
        (root / "a.hpp").write_text("#pragma once\ninline std::string name() { return {}; }\n")
        (root / "b.hpp").write_text("#pragma once\n#include <string>\ninline std::string name() { return {}; }\n")
        (root / "c.h").write_text("#pragma once\n#include \"d.h\"\nstruct a { bool b; };\n")
        (root / "d.h").write_text("#pragma once\n")
        must_fault("headers", ("a.hpp: does not compile alone", "c.h: does not compile alone"),
                   check(root, ["a.hpp", "b.hpp", "c.h", "d.h"], cxx, cc, known))
        must_pass("headers", check(root, ["b.hpp", "d.h"], cxx, cc, known))
        (root / "d.h").write_text("#pragma once\n#include <stdbool.h>\n")
        must_pass("headers", check(root, ["c.h"], cxx, cc, known))
        (root / "a.cpp").write_text("// Why.\n#include \"a.hpp\"\n")
        (root / "b.cpp").write_text("#include <string>\n#include \"b.hpp\"\n")
        (root / "c.cpp").write_text("#define X 1\n#include \"c.h\"\n")
        if proven(root, ["a.cpp", "b.cpp", "c.cpp"]) != {"a.hpp"}:
            must_fault("headers", ("only a source's first include proves a header",), [])
        (root / "d.h").write_text("#pragma once\n")
        must_fault("headers", ("c.h: does not compile alone",), check(root, ["c.h"], cxx, cc, known))


if __name__ == "__main__":
    options = arguments("--cxx", "--cc", "--cache")
    self_test(options.cxx, options.cc)
    cache = Path(options.cache)
    remembered = load(cache)
    built = proven(options.root, files(options.root, ROOMS, (".cpp",)))
    headers = [str(path) for path in files(options.root, ROOMS, (".hpp", ".h"))]
    headers = [path for path in headers if path not in built or path.endswith(".h")]
    found = check(options.root, headers, options.cxx, options.cc, remembered)
    cache.write_text(json.dumps({path: remembered[path] for path in headers if path in remembered}, indent=1))
    report("headers", found)
