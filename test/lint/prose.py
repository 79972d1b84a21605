# SPDX-License-Identifier: Apache-2.0
"""The words of the tree: comments, messages, names of tests and documents, with their lines."""

import io
import os
import re
import tokenize
from dataclasses import dataclass

CPP = {".cpp", ".hpp", ".c"}
HASH = {".sh", ".build", ".yaml", ".yml", ".txt", ".conf", ".wrap", ".toml"}
NOT_OURS = {".git", "build", "data", "seeds", "__pycache__", ".cache"}


@dataclass
class Passage:
    """A paragraph of a document, a comment, a string or the name of a test."""

    path: str
    line: int
    kind: str  # document, comment, string, name
    text: str  # one line


def files(root):
    """The files that people wrote, below the root."""
    for directory, below, names in os.walk(root):
        below[:] = sorted(each for each in below if each not in NOT_OURS)
        if os.path.basename(directory) == "subprojects":
            below[:] = ["packagefiles"]  # the rest is other projects' sources
        for name in sorted(names):
            path = os.path.relpath(os.path.join(directory, name), root)
            if language(root, path):
                yield path


def language(root, path):
    """document, cpp, python, hash (comments begin with #) or None."""
    name, suffix = os.path.basename(path), os.path.splitext(path)[1]
    if suffix == ".md":
        return "document"
    if suffix in CPP:
        return "cpp"
    if suffix == ".py":
        return "python"
    if suffix in HASH or name in ("Dockerfile", ".clang-tidy", "meson_options.txt"):
        return "hash"
    if suffix or name in ("LICENSE", "NOTICE"):
        return None
    with open(os.path.join(root, path), "rb") as file:
        first = file.readline()
    if first.startswith(b"#!"):
        return "python" if b"python" in first else "hash"
    return None


def passages(root, path, code=False):
    """The passages of a file; `code` keeps what is in backticks."""
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = file.read()
    read = {"document": document, "cpp": cpp, "python": python, "hash": hash_comments}
    for line, kind, words in read[language(root, path)](text):
        words = words if code else re.sub(r"`[^`]*`", "`x`", words)
        yield Passage(path, line, kind, " ".join(words.split()))


def document(text):
    """Paragraphs, items of lists and rows of tables; no headings, no blocks of code."""
    paragraph, first, fenced = [], 0, False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        begins = re.match(r"\s*(\||[-*] |\d+\. |#|```|$)| {4}\S", line)
        if (begins or fenced) and paragraph:
            yield first, "document", " ".join(paragraph)
            paragraph = []
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or re.match(r"#|\s*$", line) or (line.startswith("    ") and not paragraph
                                                      and not re.match(r"\s*[-*] ", line)):
            continue
        elif line.startswith("|"):
            for cell in line.strip("|").split(" | "):
                yield number, "document", cell
        else:
            if not paragraph:
                first = number
            paragraph.append(re.sub(r"^\s*([-*]|\d+\.) ", "", line))


TOKEN = re.compile(
    r'(?P<raw>R"(?P<mark>\w*)\(.*?\)(?P=mark)")|(?P<string>"(?:[^"\\\n]|\\.)*")'
    r"|(?P<char>'(?:[^'\\\n]|\\.)+')|(?P<comment>//[^\n]*)|(?P<block>/\*.*?\*/)",
    re.DOTALL,
)


def cpp(text):
    """Comments, where those on lines that follow each other are one; strings that are prose."""
    tokens, end = [], 0
    for match in TOKEN.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["comment"]:
            alone = not text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip()
            tokens.append((line, "comment" if alone else "aside", match["comment"][2:]))
        elif match["block"]:
            tokens.append((line, "aside", match["block"].strip("/*")))
        elif match["string"]:
            joined = tokens and tokens[-1][1] == "string" and not text[end : match.start()].strip()
            piece = match["string"][1:-1].replace('\\"', '"').replace("\\n", " ")
            if joined:
                tokens[-1] = (tokens[-1][0], "string", tokens[-1][2] + piece)
            else:
                tokens.append((line, "string", piece))
        end = match.end()
    yield from joined_comments(tokens)


def python(text):
    """Comments, strings, names of tests."""
    tokens = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            alone = not token.line[: token.start[1]].strip()
            tokens.append((line, "comment" if alone else "aside", token.string.lstrip("#")))
        elif token.type == tokenize.STRING:
            words = re.sub(r"^\w*(\"\"\"|'''|\"|')|(\"\"\"|'''|\"|')$", "", token.string)
            for number, part in paragraphs(line, words):
                tokens.append((number, "string", part))
        elif token.type == tokenize.NAME and token.string.startswith("test_"):
            if token.line.lstrip().startswith("def "):
                tokens.append((line, "name", token.string[5:].replace("_", " ")))
    yield from joined_comments(tokens)


def paragraphs(line, words):
    for part in re.split(r"\n\s*\n", words):
        yield line, part
        line += part.count("\n") + 2


def hash_comments(text):
    tokens = []
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r"(.*?)(?:^|(?<=\s))#(?: (.*)|$)", line)
        if match:
            kind = "aside" if match[1].strip() else "comment"
            tokens.append((number, kind, match[2] or ""))
    yield from joined_comments(tokens)


def joined_comments(tokens):
    """Comments alone on lines that follow each other become one passage."""
    first, last, words = 0, 0, []
    for line, kind, text in [*tokens, (0, "end", "")]:
        if kind == "comment" and words and line == last + 1 and text.strip():
            words.append(text)
            last = line
            continue
        if words:
            yield first, "comment", " ".join(words)
            words = []
        if kind == "comment":
            first, last, words = line, line, [text]
        elif kind == "aside":
            yield line, "comment", text
        elif kind != "end" and (kind == "name" or " " in text.strip()):
            yield line, kind, text
