"""Breaks the decisions on purpose, one mistake at a time, and sees the named test turn red.

For each block of mutations.txt: the source is changed and compiled by itself with the build's own command, linked
before the library into the room's test objects, and the named cases are run. A mistake that nobody notices fails this
test; so does one whose text is not found, does not compile, or whose cases do not exist.
"""

import argparse
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
import tempfile

SEQUENCES = "max_success=20000 max_size=100 noshrink=1 seed=1"
LONG = {"decide_migration_test": "max_success=4000 max_size=400 noshrink=1 seed=1"}
PATIENCE = 240  # seconds for one program; a mistake may also lead round in circles


def mutations(path):
    blocks, lines = [], []
    for line in open(path, encoding="utf-8").read().splitlines() + [""]:
        if line.startswith("#"):
            continue
        if line.strip():
            lines.append(line)
        elif lines:
            file, program, case = (part.strip() for part in lines[0].split("|"))
            middle = lines.index("=>")
            blocks.append((file, program, case, "\n".join(lines[1:middle]), "\n".join(lines[middle + 1:])))
            lines = []
    return blocks


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--build", required=True)
    parser.add_argument("--libraries", nargs="+", required=True)
    parser.add_argument("--test", nargs="+", action="append", required=True)
    parser.add_argument("--only", default="", help="part of a file's name")
    return parser.parse_args()


def commands(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        return {entry["file"]: (entry["directory"], shlex.split(entry["command"])) for entry in json.load(file)}


def compile_mutant(source, text, command, folder):
    """The build's command for `source`, with its text replaced."""
    directory, words = command
    mutant, target = os.path.join(folder, os.path.basename(source)), os.path.join(folder, "mutant.o")
    with open(mutant, "w", encoding="utf-8") as file:
        file.write(text)
    words = [mutant if word == source else word for word in words if word not in ("-MD", "-g1", "-Werror")]
    words = words[1:] if os.path.basename(words[0]) == "ccache" else words
    words[words.index("-o") + 1] = target
    for flag in ("-MT", "-MF"):
        if flag in words:
            at = words.index(flag)
            del words[at:at + 2]
    done = subprocess.run(words + ["-O1", "-w"], cwd=directory, capture_output=True, text=True)
    return (target, words[0]) if done.returncode == 0 else (None, done.stderr[-400:])


def turns_red(program, case, name):
    environment = dict(os.environ, RC_PARAMS=LONG.get(name, SEQUENCES))
    try:
        # A case's name may be given in part; Catch says 0 failures for a pattern that matches nothing.
        run = subprocess.run([program, f"*{case}*", "--warn", "NoTests"], env=environment, capture_output=True,
                             text=True, errors="replace", timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return True, ""
    if "No test cases matched" in run.stdout + run.stderr:
        return False, "no case is called so"
    return run.returncode != 0, "nobody noticed"


def try_one(mutation, sources, objects, libraries, root):
    file, name, case, before, after = mutation
    source = os.path.join(root, "core/decide", file)
    text = open(source, encoding="utf-8").read()
    if text.count(before) != 1:
        return f"the text is there {text.count(before)} times, not once"
    with tempfile.TemporaryDirectory() as folder:
        target, compiler = compile_mutant(source, text.replace(before, after), sources[source], folder)
        if target is None:
            return "does not compile: " + compiler
        program = os.path.join(folder, "test")
        link = subprocess.run([compiler, *objects[name], target, *libraries, "-lrapidcheck", "-pthread", "-o", program],
                              capture_output=True, text=True)
        if link.returncode != 0:
            return "does not link: " + link.stderr[-400:]
        red, why = turns_red(program, case, name)
        return "" if red else why


def main():
    options = arguments()
    objects = {words[0]: [word for word in words[1:] if word.endswith(".o")] for words in options.test}
    sources = commands(options.build)
    table = mutations(os.path.join(os.path.dirname(os.path.abspath(__file__)), "mutations.txt"))
    assert len(table) >= 20, "the table has been lost"
    table = [mutation for mutation in table if options.only in mutation[0]]
    missing = {path for paths in objects.values() for path in paths if not os.path.exists(path)}
    if missing:
        sys.exit("not built: " + ", ".join(sorted(missing)[:3]))

    faults = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = pool.map(lambda m: try_one(m, sources, objects, options.libraries, options.root), table)
        for mutation, fault in zip(table, results):
            print(("caught  " if not fault else "MISSED  ") + f"{mutation[0]}: {mutation[4].strip().splitlines()[0][:70]}")
            if fault:
                print(f"        {mutation[1]} \"{mutation[2]}\": {fault}")
                faults += 1
            sys.stdout.flush()
    print(f"{len(table)} mistakes, {faults} missed")
    sys.exit(1 if faults else 0)


main()
