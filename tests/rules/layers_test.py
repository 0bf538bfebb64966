"""Who may include whom, and which library lives in which room.

Changing the architecture means changing these tables, in the open.
"""

import re

from tree import CODE, arguments, files, must_fault, must_pass, report, text_of

# Arrows. Every room may include itself and the model; "*" is everything but cli and tests.
ARROWS = {
    "core/model": (),
    "core/ports": (),
    "core/policy": ("core/ports",),
    "core/decide": (),
    "core/wire": (),
    "core/runtime": (),
    "core/network": (),
    "core/plugin": ("core/ports", "core/wire"),
    "core/daemon": ("core/decide", "core/ports", "core/wire", "core/runtime", "core/network"),
    "core/simulate": ("core/decide", "core/ports"),
    "guest": ("core/decide", "core/wire", "core/runtime"),
    "vm-builder": ("core/wire",),
    "cli": ("*",),
}
PLUGIN_ARROWS = ("core/ports", "core/wire")
POLICY_ARROWS = PLUGIN_ARROWS + ("core/policy",)  # plugins/policy-*: what policies share
PLUGIN_MORE = {"plugins/orchestrator-k8s": ("core/runtime",)}
PLUGIN_SDK = ("core/plugin/plugin_sdk.hpp", "core/plugin/neonvm_plugin.h")

# Libraries: the beginning of an <include>, the rooms that may have it. "plugins" is each of them.
LIBRARIES = {
    "CLI/": ("cli",),
    "toml++/": ("cli",),
    "yaml-cpp/": ("cli", "plugins/orchestrator-k8s"),
    "nlohmann/": ("core/wire", "core/simulate", "plugins", "vm-builder"),
    "boost/": ("core/runtime",),
    "openssl/": ("core/runtime", "vm-builder"),
    "spdlog/": ("core/runtime",),
    "fmt/": ("core/runtime",),
    "archive.h": ("vm-builder",),
    "archive_entry.h": ("vm-builder",),
    "ext2fs/": ("vm-builder", "guest"),
    "sqlite3.h": ("plugins/orchestrator-local",),
    "zlib.h": ("core/runtime", "core/simulate"),
    "libvirt/": ("plugins/hypervisor-qemu",),
    "libmnl/": ("core/network",),
    "netlink/": ("core/network",),
    "nftables/": ("core/network",),
    "lua": ("plugins/policy-lua",),
    "catch2/": (),
    "rapidcheck": (),
    "benchmark/": (),
}
# Slow to compile: in a header only where that header is private to its room.
NOT_IN_PUBLIC_HEADERS = ("CLI/", "toml++/", "yaml-cpp/", "nlohmann/", "boost/", "openssl/", "spdlog/", "fmt/", "archive",
                         "ext2fs/")
IN_ONE_FILE = ("dlfcn.h",)

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
PRIVATE = re.compile(r"\bPrivate to\b")


def room_of(path):
    parts = path.split("/")
    if parts[0] in ("core", "plugins"):
        return "/".join(parts[:2])
    return parts[0]


def may_include(room, path):
    target = room_of(path)
    if room == target or target == "core/model":
        return True
    if target == "cli" or target == "tests":
        return False
    if room.startswith("plugins/"):
        own = POLICY_ARROWS if room.startswith("plugins/policy-") else PLUGIN_ARROWS
        return target in own + PLUGIN_MORE.get(room, ()) or path in PLUGIN_SDK
    arrows = ARROWS.get(room, ())
    return "*" in arrows or target in arrows


def opening(text):
    """The comment at the top of a file."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("//") and not line.startswith(" *") and not line.startswith("/*"):
            break
        lines.append(line)
    return " ".join(lines)


def is_private(text):
    return bool(PRIVATE.search(opening(text)))


def quoted_faults(path, included, private):
    room = room_of(path)
    if "/" not in included or included.startswith("."):
        return [f"{path}: includes \"{included}\"; includes are written from the root of the tree"]
    faults = []
    if not path.startswith("tests/") and not may_include(room, included):
        faults.append(f"{path}: {room} may not include {included}")
    folder = included.rsplit("/", 1)[0]
    own = path.startswith(folder + "/") or path.removeprefix("tests/").startswith(folder + "/")
    if included in private and not own:
        faults.append(f"{path}: includes {included}, which is private to {folder}")
    return faults


def library_faults(path, included, private):
    if path.startswith("tests/"):
        return []
    room = room_of(path)
    faults = []
    for library, rooms in LIBRARIES.items():
        if not included.startswith(library):
            continue
        if room not in rooms and room.split("/")[0] not in rooms:
            faults.append(f"{path}: <{included}> may not be used in {room}; it lives in {', '.join(rooms) or 'tests'}")
        public = path.endswith((".hpp", ".h")) and path not in private
        if public and library in NOT_IN_PUBLIC_HEADERS:
            faults.append(f"{path}: <{included}> in a public header; keep it to .cpp files")
    return faults


def check(sources):
    """sources: path -> text."""
    private = {path for path, text in sources.items() if path.endswith((".hpp", ".h")) and is_private(text)}
    faults = []
    users = {header: [] for header in IN_ONE_FILE}
    for path, text in sorted(sources.items()):
        room = room_of(path)
        if not path.startswith(("tests/", "plugins/")) and room not in ARROWS:
            faults.append(f"{path}: room {room} is not in the table of arrows")
        for quoted, angled in INCLUDE.findall(text):
            if quoted:
                faults += quoted_faults(path, quoted, private)
            else:
                faults += library_faults(path, angled, private)
                if angled in users and not path.startswith("tests/"):
                    users[angled].append(path)
    for header, paths in users.items():
        if len(paths) > 1:
            faults.append(f"<{header}> is used in {', '.join(paths)}; one file only")
    return faults


def self_test():
    bad = {
        "core/decide/a.cpp": '#include "core/wire/json.hpp"\n',
        "core/daemon/a.cpp": '#include "core/plugin/catalog.hpp"\n#include <boost/asio.hpp>\n',
        "core/wire/json.hpp": "// Private to wire.\n#include <nlohmann/json.hpp>\n",
        "core/wire/b.hpp": "// JSON for all.\n#include <nlohmann/json.hpp>\n",
        "plugins/x/a.cpp": '#include "plugins/y/a.hpp"\n#include <dlfcn.h>\n',
        "plugins/y/a.cpp": '#include "core/plugin/catalog.hpp"\n#include "core/policy/line.hpp"\n#include <dlfcn.h>\n#include <sqlite3.h>\n',
        "guest/a.cpp": '#include "cli/options.hpp"\n#include "b.hpp"\n#include "core/wire/json.hpp"\n',
        "core/attic/a.cpp": "\n",
    }
    must_fault("layers", (
        "core/decide may not include core/wire/json.hpp",
        "core/daemon may not include core/plugin/catalog.hpp",
        "<boost/asio.hpp> may not be used in core/daemon",
        "core/wire/b.hpp: <nlohmann/json.hpp> in a public header",
        "plugins/x may not include plugins/y/a.hpp",
        "plugins/y may not include core/plugin/catalog.hpp",
        "plugins/y may not include core/policy/line.hpp",
        "<sqlite3.h> may not be used in plugins/y",
        "<dlfcn.h> is used in plugins/x/a.cpp, plugins/y/a.cpp",
        "guest may not include cli/options.hpp",
        'guest/a.cpp: includes "b.hpp"',
        "guest/a.cpp: includes core/wire/json.hpp, which is private to core/wire",
        "room core/attic is not in the table",
    ), check(bad))
    must_pass("layers", check({
        "core/wire/json.hpp": "// Private to wire.\n#include <nlohmann/json.hpp>\n",
        "core/wire/a.cpp": '#include "core/wire/json.hpp"\n#include "core/model/vm.hpp"\n',
        "tests/core/wire/a_test.cpp": '#include "core/wire/json.hpp"\n#include <catch2/catch.hpp>\n',
        "plugins/policy-x/a.cpp": '#include "core/policy/line.hpp"\n',
        "plugins/orchestrator-k8s/a.cpp": '#include "core/runtime/http.hpp"\n#include "core/plugin/plugin_sdk.hpp"\n',
        "cli/a.cpp": '#include "core/plugin/catalog.hpp"\n#include "plugins/x/a.hpp"\n#include <CLI/CLI.hpp>\n',
    }))


if __name__ == "__main__":
    self_test()
    root = arguments().root
    paths = files(root, ("core", "cli", "guest", "plugins", "vm-builder", "tests"), CODE)
    outsiders = [path for path in paths if "outside" in path.parts]  # built against what is installed
    report("layers", check({str(path): text_of(root / path) for path in paths if path not in outsiders}))
