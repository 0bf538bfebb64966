"""Completion, asked the way each shell asks."""
import os
import subprocess
import unittest

from program import NEONVM, ProgramTest

BASH = r"""
source <(neonvm completion bash) || exit 9
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_neonvm
printf '%s\n' "${COMPREPLY[@]}"
"""

# Its own completion system needs a terminal; the function alone does not.
ZSH = r"""
typeset -a offered
compadd() { shift; offered+=("$@"); }
_describe() { offered+=("${(@P)2%%:*}"); }
_files() { offered+=(FILES); }
compdef() { }
words=("$@")
CURRENT=$#
eval "$(neonvm completion zsh)" || exit 9
prefix=$words[CURRENT]
for each in $offered; do [[ $each == $prefix* ]] && print -r -- $each; done
true
"""


class Completion(ProgramTest):
    def setUp(self):
        super().setUp()
        self.environment["PATH"] = os.path.dirname(NEONVM) + ":" + self.environment["PATH"]

    def shell(self, *argv):
        done = subprocess.run(argv, env=self.environment, cwd=self.folder, text=True, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), argv)
        return [line.split("\t")[0] for line in done.stdout.splitlines() if line]

    def ask(self, shell, *words):
        if shell == "bash":
            return self.shell("bash", "-c", BASH, "bash", "neonvm", *words)
        if shell == "zsh":
            return self.shell("zsh", "-f", "-c", ZSH, "zsh", "neonvm", *words)
        line = " ".join(("neonvm", *words))
        return self.shell("fish", "--no-config", "-c", f"neonvm completion fish | source; complete -C '{line}'")

    def every_shell(self, words, expected):
        for shell in ("bash", "zsh", "fish"):
            with self.subTest(shell=shell, words=words):
                self.assertEqual(sorted(self.ask(shell, *words)), sorted(expected))

    def test_commands(self):
        self.every_shell(("doc",), ["doctor"])
        self.every_shell(("xyzzy",), [])

    def test_options_and_their_values(self):
        self.every_shell(("list", "--ou"), ["--output"])
        self.every_shell(("list", "--output", "ya"), ["yaml"])
        self.every_shell(("get", "web", "-o", "j"), ["json"])

    def test_words_to_choose_from(self):
        self.every_shell(("completion", "b"), ["bash"])
        self.every_shell(("config", "s"), ["show"])

    def test_names_of_vms(self):
        self.fill(2)
        self.every_shell(("get", "vm"), ["vm-0", "vm-1"])
        self.every_shell(("get", "x"), [])

    def test_every_script_is_whole(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.write(shell, self.out("completion", shell))
            self.shell(shell, "-n", script)


if __name__ == "__main__":
    unittest.main()
