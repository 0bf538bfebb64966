"""Finds the functions of C and C++ text by its braces: good enough for code in this tree's style."""

import re

from tree import blanked

SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")
LAMBDA = re.compile(r"=\s*\[[^\]]*\]")
KEYWORD = re.compile(r"^(?:else|do|try)\b")


def without_directives(text):
    """Preprocessor lines may open braces in both branches of an #if."""
    lines, continued = [], False
    for line in text.split("\n"):
        directive = continued or line.lstrip().startswith("#")
        continued = directive and line.endswith("\\")
        lines.append("" if directive else line)
    return "\n".join(lines)


def kind_of(head):
    """What a brace opens, by the text since the last statement: 'scope', 'function' or 'value'."""
    head = head.strip()
    if LAMBDA.search(head):
        return "function"
    top = re.sub(r"<[^<>]*>", "", re.sub(r"<[^<>]*>", "", head))
    if "=" in re.sub(r"operator\s*\S+|[=!<>]=|\[=", "", re.sub(r"\([^()]*\)", "()", top)).split("(")[0]:
        return "value"
    if "(" in top and not re.match(r"^\s*(?:enum|union)\b", top):
        after = top.rsplit(")", 1)[1] if ")" in top else ""
        if SCOPE.match(top) and SCOPE.search(top.split("(")[0]) and re.search(r"\b(?:alignas|__attribute__)\b", top):
            return "scope"
        return "value" if after.strip().startswith("=") else "function"
    return "scope" if SCOPE.search(top) else "value"


def functions(text):
    """Yields (first line, last line, head) of each function, lambdas within one not counted apart."""
    code = without_directives(blanked(text))
    stack, head, start, line, parens = [], "", None, 1, 0
    for at, c in enumerate(code):
        inside = bool(stack) and stack[-1][0] != "scope"
        if c == "\n":
            line += 1
        if inside:
            if c == "{":
                stack.append(("inner", line, ""))
            elif c == "}":
                kind, first, name = stack.pop()
                if kind == "function":
                    yield first, line, name
                    if code[at + 1:at + 200].lstrip()[:1] in (",", "{"):
                        head, start = name, first  # a constructor's list of members went by
                        head += " x()"
                        continue
                if kind != "inner":
                    keep = kind == "value"
                    head, start = (head + " ", start) if keep else ("", None)
            continue
        if c == "{" and parens == 0:
            kind = kind_of(head)
            stack.append((kind, start or line, head.strip()))
            if kind == "scope":
                head, start = "", None
        elif c == "}" and stack and parens == 0:
            stack.pop()
            head, start = "", None
        elif c == ";" and parens == 0:
            head, start = "", None
        else:
            parens += (c == "(") - (c == ")")
            if start is None and not c.isspace():
                start = line
            head += c
            if c == ":" and head.strip() in ("public:", "private:", "protected:"):
                head, start = "", None
