"""The how-to pages about simulate: every file in them is written, every command run, as a reader would.

A fenced block whose first line is a comment that names a file is that file; ```csv files lose that line. A block marked
sh is commands, run one by one in a folder that holds the files before it.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PAGES = ("compare-two-policies.md", "write-a-policy.md")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"^(?:#|/\*|//) ([\w.-]+)(?: \*/)?$")


def run_page(page, folder, environment):
    commands = 0
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "sh":
            for command in text.strip().splitlines():
                done = subprocess.run(command, shell=True, cwd=folder, env=environment, text=True, capture_output=True, timeout=120, check=False)
                assert done.returncode == 0, f"{page.name}: {command}\n{done.stdout}{done.stderr}"
                assert "failed" not in done.stderr, f"{page.name}: {command}\n{done.stderr}"
                commands += 1
        else:
            first, _, rest = text.partition("\n")
            name = NAME.match(first)
            assert name, f"{page.name}: a block without a name: {first}"
            Path(folder, name.group(1)).write_text(rest if language == "csv" else text, encoding="utf-8")
    return commands


def main(neonvm, source):
    environment = dict(os.environ, PATH=f"{Path(neonvm).resolve().parent}:{os.environ['PATH']}", CPATH=str(Path(source, "core/plugin").resolve()))
    for name in PAGES:
        with tempfile.TemporaryDirectory() as folder:
            commands = run_page(Path(source, "docs/how-to", name), folder, environment)
            assert commands >= 5, f"{name}: only {commands} commands"
            assert any(path.suffix == ".html" and path.stat().st_size > 10_000 for path in Path(folder).iterdir())
    print("how-to pages: every command ran")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
