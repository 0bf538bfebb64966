"""Prometheus' text format 0.0.4, read by the letter: families(text) gives {name: Family}, and raises Malformed at the first line
that a strict reader would refuse. A family is HELP, TYPE and its samples, together and once; no sample comes twice.
"""
import math
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|(?=\}))')
KINDS = ("counter", "gauge", "histogram", "summary", "untyped")
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}


class Malformed(Exception):
    pass


class Family:
    def __init__(self, name):
        self.name, self.kind, self.help, self.samples = name, None, None, []

    def __repr__(self):
        return f"{self.name} ({self.kind}): {self.samples}"


def unescaped(text, quotes):
    known = {"\\\\": "\\", "\\n": "\n", **({'\\"': '"'} if quotes else {})}

    def one(match):
        if match[0] not in known:
            raise Malformed(f"{match[0]} is no escape here: {text}")
        return known[match[0]]
    return re.sub(r"\\.?", one, text)


def number(text):
    if text in ("NaN", "+Inf", "-Inf"):
        return {"NaN": math.nan, "+Inf": math.inf, "-Inf": -math.inf}[text]
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        raise Malformed(f"{text!r} is no number")
    return float(text)


def labels_of(text, line):
    found, at = {}, 0
    while at < len(text):
        match = LABEL.match(text + "}", at)
        if not match:
            raise Malformed(f"labels: {line}")
        if match[1] in found or match[1].startswith("__"):
            raise Malformed(f"label {match[1]}: {line}")
        found[match[1]] = unescaped(match[2], True)
        at = match.end()
    return found


def sample_of(line):
    name = NAME.match(line)
    if not name:
        raise Malformed(f"no name: {line}")
    rest, labels = line[name.end():], {}
    if rest.startswith("{"):
        end = re.match(r'\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\}', rest)
        if not end:
            raise Malformed(f"labels: {line}")
        labels, rest = labels_of(rest[1:end.end() - 1], line), rest[end.end():]
    words = rest.split(" ")
    if words[0] != "" or len(words) not in (2, 3):
        raise Malformed(f"one blank, a value and perhaps a time: {line}")
    return name[0], labels, number(words[1])


def families(text):
    if not text.endswith("\n"):
        raise Malformed("the last line has no end")
    found, current = {}, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP ") or line.startswith("# TYPE "):
            name, _, rest = line[7:].partition(" ")
            if not NAME.fullmatch(name):
                raise Malformed(f"no name of a metric: {line}")
            if current is None or current.name != name:
                if name in found:
                    raise Malformed(f"{name} comes again, after another: {line}")
                current = found[name] = Family(name)
            head(current, line, rest)
        elif line and not line.startswith("#"):
            name, labels, value = sample_of(line)
            if current is None or current.kind is None or name not in [current.name + s for s in SUFFIXES.get(current.kind, ("",))]:
                raise Malformed(f"a sample outside its family: {line}")
            if (name, labels) in [(n, l) for n, l, _ in current.samples]:
                raise Malformed(f"told twice: {line}")
            if current.kind == "counter" and not value >= 0:
                raise Malformed(f"a counter below 0: {line}")
            current.samples.append((name, labels, value))
    for family in found.values():
        if not family.samples:
            raise Malformed(f"{family.name} has no sample")
    return found


def head(family, line, rest):
    if family.samples:
        raise Malformed(f"after its samples: {line}")
    if line.startswith("# HELP "):
        if family.help is not None:
            raise Malformed(f"help comes twice: {line}")
        family.help = unescaped(rest, False)
    else:
        if family.kind is not None or rest not in KINDS:
            raise Malformed(f"type: {line}")
        family.kind = rest
