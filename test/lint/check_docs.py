#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what the documents say with what the program says of itself: docs/man/fluxpod.1 byte for
byte; every --option, FLUXPOD_ variable, subcommand and exit code in *.md and docs/*.md; and
the options of the manual page with those of `fluxpod help COMMAND`. Prints what is wrong and
exits 1.

usage: check_docs.py BINARY [ROOT]"""

import pathlib
import re
import subprocess
import sys

# Words of ours that are not options of a command.
OWN_WORDS = {"--help", "--version", "--man", "--completion", "--some-name"}
# Options of other programs that the documents mention, with their owner.
FOREIGN_WORDS = {
    "--dump": "flux shutdown",
    "--from-file": "kubectl create secret",
    "--link": "docker run",
    "--minicluster": "container/try",
    "--size": "container/try",
    "--suite": "meson test",
}

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
VARIABLE = re.compile(r"\bFLUXPOD_[A-Z_]*[A-Z]\b")
SERVICE_VARIABLE = re.compile(r"FLUXPOD_(\w+_)?SERVICE_(HOST|PORT)|FLUXPOD_SOME_NAME")
CODE = re.compile(r"```.*?```|`[^`\n]+`|^ {4}[^\n]*$", re.DOTALL | re.MULTILINE)
SUBCOMMAND = re.compile(r"(?:^|[\s`/])fluxpod +([a-z]+)\b", re.MULTILINE)
EXIT_ROW = re.compile(r"^\| *`?(\d+(?:, *\d+)*|128 *\+ *[nN])`? *\|", re.MULTILINE)
EXIT_WORDS = re.compile(r"\bexit(?:s with)?(?: code| status)? (\d+)\b")


class Program:
    """The binary's own description of itself."""

    def __init__(self, binary):
        def says(*words):
            return subprocess.run(
                [binary, *words], check=True, capture_output=True, text=True
            ).stdout

        self.man = says("help", "--man")
        sections = re.sub(r"\\f[BIR]", "", self.man).replace("\\-", "-").split(".SH ")
        sections = dict(section.split("\n", 1) for section in sections[1:])
        self.manual_options = set(re.findall(r"^\.TP\n(--[a-z-]+)", sections["OPTIONS"], re.M))
        self.exit_codes = set(re.findall(r"^\.TP\n(\S+)$", sections["EXIT STATUS"], re.M))
        self.manual_words = set(OPTION.findall("".join(sections.values())))
        self.commands = re.findall(r"^  (\w+) ", says("help"), re.M)
        self.options = set()
        for command in self.commands:
            self.options |= set(re.findall(r"^  (--[a-z-]+)", says("help", command), re.M))
        self.options -= OWN_WORDS
        self.variables = {"FLUXPOD_" + each[2:].upper().replace("-", "_") for each in self.options}


def manual_faults(program, page):
    if not page.exists() or page.read_text() != program.man:
        yield f"{page}: is not what the binary prints; run: fluxpod help --man > {page}"
    for option in sorted(program.options ^ program.manual_options):
        yield f"{page}: {option} is only in one of manual page and help"
    for word in sorted(program.manual_words - program.options - OWN_WORDS):
        yield f"{page}: {word} does not exist"


def document_faults(program, path):
    text = path.read_text()
    known = program.options | OWN_WORDS | FOREIGN_WORDS.keys()
    for number, line in enumerate(text.splitlines(), 1):
        wrong = [each for each in OPTION.findall(line) if each not in known]
        wrong += [
            each
            for each in VARIABLE.findall(line)
            if each not in program.variables and not SERVICE_VARIABLE.fullmatch(each)
        ]
        wrong += [f"exit code {each}" for each in EXIT_WORDS.findall(line)
                  if each not in program.exit_codes]
        yield from (f"{path}:{number}: {each} does not exist" for each in wrong)
    for code in CODE.findall(text):
        for command in SUBCOMMAND.findall(code):
            if command not in program.commands:
                yield f"{path}: fluxpod {command} does not exist"
    yield from exit_table_faults(program, path, text)


def exit_table_faults(program, path, text):
    rows = {code for row in EXIT_ROW.findall(text)
            for code in re.split(r", *", row.replace(" ", "").upper())}
    if not {"10", "11"} <= rows:  # another table
        return
    for code in sorted(rows - program.exit_codes):
        yield f"{path}: exit code {code} does not exist"
    for code in sorted(program.exit_codes - rows - {"0"}):
        yield f"{path}: exit code {code} is missing in the table"


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    root = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).parents[2]
    program = Program(binary)
    wrong = list(manual_faults(program, root / "docs/man/fluxpod.1"))
    for path in [*sorted(root.glob("*.md")), *sorted((root / "docs").glob("*.md"))]:
        wrong += document_faults(program, path)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
