#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds lines over 100 columns in documents, C++, Python, shell and build files, and references in
documents and comments to files that do not exist. Prints them and exits 1.

usage: check_lines.py [ROOT]"""

import glob
import os
import pathlib
import re
import sys
import tempfile

import prose

COLUMNS = 100
# A path with a suffix of ours, or below a folder of ours.
PATH = re.compile(
    r"(?<![\w/.~$}>-])((?:[\w.*-]+/)+[\w*-]+\.(?:cpp|hpp|py|md|svg|yaml|build)"
    r"|(?:src|include|test|docs|container|subprojects|\.ci|\.github)(?:/[\w.*-]+)+)(?![\w/-])"
)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)")
# Made by a build, a placeholder, or a file of Flux's.
ELSEWHERE = re.compile(r"(^|/)build/|[A-Z]{4}|\.\.\.|^src/common/|^modprobe/")


def is_checked(root, path):
    return prose.language(root, path) and not path.endswith((".yaml", ".yml"))


def long_lines(root, path):
    """Lines over the limit. Rows of tables and lines of shown output cannot be wrapped."""
    fenced = aligned = False
    is_document = path.endswith(".md")
    for number, line in enumerate((root / path).read_text().splitlines(), 1):
        if is_document and line.lstrip().startswith("```"):
            fenced = not fenced
        aligned = "clang-format off" in line or (aligned and "clang-format on" not in line)
        line = line.removesuffix("  # fmt: skip")
        if aligned or len(line) <= COLUMNS or is_document and (fenced or line.startswith("|")):
            continue
        if " " in line.strip().removeprefix("// "):  # a single word is often an address
            yield f"{path}:{number}: {len(line)} columns"


def missing_references(root, path):
    if path.endswith(".md"):
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            names = [(root / path).parent / name for name in LINK.findall(line)]
            yield from (f"{path}:{number}: no file {os.path.relpath(name, root)}"
                        for name in names if not name.exists())  # fmt: skip
    for passage in prose.passages(root, path, code=True):
        if passage.kind == "string" and (not path.endswith(".py") or path.startswith("test/lint/")):
            continue
        for name in PATH.findall(passage.text):
            if not ELSEWHERE.search(name) and not exists(root, path, name.rstrip(".")):
                yield f"{path}:{passage.line}: no file {name}"


def exists(root, path, name):
    """Whether a file is there: below the root, beside the file that names it, or in a room."""
    places = ("", os.path.dirname(path), "include", "include/fluxpod", "src", "docs", "test",
              "test/unit", "container", "container/kubernetes")  # fmt: skip
    return any(glob.glob(os.path.join(glob.escape(str(root)), place, name)) for place in places)


def faults(root):
    for path in prose.files(root):
        if is_checked(root, path):
            yield from long_lines(root, path)
        yield from missing_references(root, path)


def self_test():
    """A checker that finds nothing might be blind: it must see what is planted."""
    planted = [
        ("a.md", "[b](b.md)\n", "no file b.md"),
        ("a.md", "as in `src/base/gone.cpp`\n", "no file src/base/gone.cpp"),
        ("a.cpp", "// See gates/gone.hpp.\n", "no file gates/gone.hpp"),
        ("a.cpp", "int a;  // " + "word " * 20 + "\n", "columns"),
        ("a.py", "# " + "word " * 20 + "\n", "columns"),
        ("a.md", "word " * 21 + "\n", "columns"),
        ("a.md", "[a](a.md), `a.md`, | " + "\n| " + "word " * 21 + "\n", None),
    ]
    for name, text, expected in planted:
        with tempfile.TemporaryDirectory() as directory:
            (pathlib.Path(directory) / name).write_text(text)
            found = list(faults(pathlib.Path(directory)))
        if (not found) if expected else found:
            sys.exit(f"check_lines.py is wrong itself: expected {expected}, found {found}")


def main():
    self_test()
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]
    wrong = list(faults(root))
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
