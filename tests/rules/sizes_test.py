"""No file over 400 lines, no function over 60, and no name that says nothing."""

import re

from functions import functions
from tree import CODE, arguments, blanked, files, must_fault, must_pass, report, text_of

MOST_LINES = 400
MOST_FUNCTION_LINES = 60
SIZED = CODE + (".py", ".sh", ".cmake", ".txt", "")
BANNED = re.compile(r"\b(?:\w*(?:Manager|Helper|Utils?)(?![a-z])\w*|(?:\w+_)?(?:manager|helper|utils?)(?:_\w+)?)\b")
# Names that a library gave and that cannot be said otherwise.
FOREIGN = ("unix_io_manager",)


def banned(text):
    return next((name for name in BANNED.finditer(text) if name.group(0) not in FOREIGN), None)


def is_code(path):
    return str(path).endswith(CODE)


def check(path, text):
    faults = []
    lines = text.count("\n") + (0 if text.endswith("\n") or not text else 1)
    if lines > MOST_LINES:
        faults.append(f"{path}: {lines} lines; at most {MOST_LINES}")
    name = banned(path.rsplit("/", 1)[-1].rsplit(".", 1)[0])
    if name:
        faults.append(f"{path}: \"{name.group(0)}\" says nothing; name the file after what it does")
    if not is_code(path):
        return faults
    for first, last, head in functions(text):
        if last - first + 1 > MOST_FUNCTION_LINES:
            title = " ".join(head.split())[:70]
            faults.append(f"{path}:{first}: function of {last - first + 1} lines; at most {MOST_FUNCTION_LINES}: {title}")
    for number, line in enumerate(blanked(text).split("\n"), 1):
        name = None if line.lstrip().startswith("#") else banned(line)
        if name:
            faults.append(f"{path}:{number}: \"{name.group(0)}\" says nothing; name it after what it does")
    return faults


LONG = "  work();\n" * 60
SHORT = "  work();\n" * 20


def long_function(head, tail=""):
    return f"namespace a {{\n{head} {{\n{LONG}}}{tail}\n}}\n"


def self_test():
    heads = (
        "void f()", "static int f(int x) noexcept", "auto A::f() const -> std::map<int, std::string>", "TEST_CASE(\"a\")",
        "A::A(int x) : x_{x}, y_(2)", "template <typename T>\nvoid f(T t) requires (sizeof(t) > 1)", "A::~A()",
        "struct a* f(struct b* c)", "bool operator==(const A& a, const A& b)", "const auto f = [](int x)",
        "void f(std::vector<int> x = {1, 2})", "Result<std::vector<int>> f(const std::function<void()>& g)",
        "class A {\n public:\n  void f()", "extern \"C\" {\nint f(void)", "extern \"C\" int f(void)", "A& A::operator=(A&& a) noexcept",
    )
    for head in heads:
        tail = "}" if "{\n" in head else ""
        must_fault(f"sizes of {head}", ("function of 6",), check("core/a.cpp", long_function(head, tail)))
    must_fault("sizes", ("401 lines",), check("core/a.cpp", "\n" * 401))
    must_fault("sizes", ("\"FileManager\" says nothing",), check("core/a.cpp", "class FileManager;\n"))
    must_fault("sizes", ("\"string_utils\" says nothing",), check("core/string_utils.hpp", "\n"))
    good = (
        "\n" * 400,
        f"namespace a {{\nvoid f() {{\n{SHORT}}}\nvoid g() {{\n{SHORT}}}\nvoid h() {{\n{SHORT}}}\n}}\n",
        f"struct A {{\n{'  int x = 0;' * 1}\n" + "  int y;\n" * 70 + "  void f() {}\n};\n",
        "const int table[] = {\n" + "  1,\n" * 80 + "};\n",
        "constexpr std::pair<int, const char*> table[] = {\n" + "  {1, \"}\"},\n" * 80 + "};\n",
        "enum class A : std::uint8_t {\n" + "  b,\n" * 80 + "};\n",
        f"// void f() {{\n{'// ...' * 2}\nconst char* t = R\"({{{{{{)\";\nchar c = '{{';\nint n = 1'000;\n",
        "io = unix_io_manager;\n",
        "double utilization = cpu_utilization();  // the Manager\n",
    )
    for text in good:
        must_pass("sizes", check("core/a.cpp", text))


def tree_faults(root):
    faults = []
    for path in files(root):
        if path.suffix not in SIZED or "corpus" in path.parts:
            continue
        text = text_of(root / path)
        if text is not None:
            faults += check(str(path), text)
    return faults


if __name__ == "__main__":
    self_test()
    report("sizes", tree_faults(arguments().root))
