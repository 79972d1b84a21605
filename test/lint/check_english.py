#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds the phrases that CONTRIBUTING.md forbids in comments, messages, help texts, documents and
names of tests: they have to be read twice. Prints them and exits 1.

usage: check_english.py [ROOT [PATH...]]"""

import pathlib
import re
import sys
import tempfile

import prose

# A phrase, and what to write in its place. `^` is the beginning of a sentence.
RULES = [
    (r"\b(pass(ed|es)?|passing) over\b", "ignored"),
    (r"\bin vain\b", "without effect, for nothing: say what failed"),
    (r"\bwhoever\b", "the one that, anybody who"),
    (r"(?<!left )(?<!leave )(?<!leaves )(?<!leaves nothing )(?<!stays )\bbehind\b", "after"),
    (r"\bst(and(s|ing)?|ood)\b(?! (in|for|still|up)\b)(?<!under)", "is"),
    (r"(?<![Tt]here )\b(is|are|was|were|be|been) no (?!(such|more|less|fewer|longer|shorter|larger|"
     r"smaller|other|higher|lower|later|earlier|older|newer|better|worse)\b)[a-z]", "is not a"),
    (r"\b(is|are|was|were|be|been|being|not) told\b(?! (not )?(to|apart|from|otherwise)\b)",
     "logged, reported, passed"),
    (r"\b(tells? (of|nothing|that|how|who|whom|which|whether|why|what)\b|(?<!cannot )(?<!can )"
     r"tells? (us|it|them) (?!to )\w)", "log, report, pass, show"),
    (r"^(Nothing|Not(?! a directory)|Of|Whoever|In vain)\b", "begin with the subject"),
    (r"^What\b[^.?!:;]* (is|are|was|were)\b(?![^.!:;]*\?)", "begin with the subject or a verb"),
    (r"^(where|Where)\b[^.?!]*,", "if, when"),
    (r"(\b(only|also|even|except|empty|nothing|none|false|true|no|set)|\d) where\b", "if, when"),
    (r"\bwhere (there|nobody|somebody|none|no|nothing|needed|possible|both|neither)\b", "if, when"),
    (r"\bcannot say what is not so\b", "cannot drift from"),
]  # fmt: skip
SENTENCE = re.compile(r"(?:^|(?<=[.:;?!] )|(?<=[.:;?!]\) ))[\"'(]*")


def begins(text):
    """Where sentences begin: at the start of a passage and after a full stop."""
    return {match.end() for match in SENTENCE.finditer(text)}


def faults(passage):
    starts = begins(passage.text)
    for pattern, better in RULES:
        anchored = pattern.startswith("^")
        for match in re.finditer(pattern.removeprefix("^"), passage.text):
            if anchored and match.start() not in starts:
                continue
            yield match, better


def lines_of(root, paths):
    """The faults of these files, or of all; this file's own strings are the rules."""
    for path in paths or prose.files(root):
        for passage in prose.passages(root, path):
            if passage.kind == "string" and path.endswith("check_english.py"):
                continue
            for match, better in faults(passage):
                around = passage.text[max(0, match.start() - 30) : match.end() + 30]
                yield f"{path}:{passage.line}: \"{around}\": write: {better}"


def self_test():
    """A checker that finds nothing might be blind: it must see what is planted."""
    planted = [
        ("a.cpp", '// Nothing where nobody asks.\nint a;  // what stands behind the name\n', 4),
        ("a.cpp", 'fail("this is no"\n     " number");\nTEST_CASE("an error is told")\n', 2),
        ("a.py", 'def test_what_is_no_report_is_told():\n    "Returns 1. Not 2."\n', 3),
        ("a.md", "# What a heading is\n\nIt is passed\nover; `is no` code.\n", 1),
        ("a.sh", "#!/bin/bash\n# Error 2 where it fails.\nfor a in '# in vain'; do :; done\n", 1),
        ("a.md", "It is told to end, and there is no other. If it fails: where to look.\n", 0),
    ]
    for name, text, expected in planted:
        with tempfile.TemporaryDirectory() as directory:
            (pathlib.Path(directory) / name).write_text(text)
            found = list(lines_of(directory, []))
        if len(found) != expected:
            sys.exit(f"check_english.py is wrong itself: {text!r} gave {found}")


def main():
    self_test()
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]
    wrong = list(lines_of(root, sys.argv[2:]))
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
