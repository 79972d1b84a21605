#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves the direction of the includes: a room includes only itself and rooms before it in
src/meson.build, no files include each other in a circle, no .cpp is included, and a library that
has one door is used by that file only. Prints what is wrong and exits 1.

usage: check_layers.py [ROOT]"""

import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
ROOM = re.compile(r"^  \['(\w+)',", re.MULTILINE)

# The one file that may name a library.
DOORS = {
    "program_options": "src/settings/option_parser.cpp",
    "spdlog": "src/base/log.cpp",
}


def rooms_in_order(root):
    text = (root / "src/meson.build").read_text()
    listed = text[text.index("rooms = [") : text.index("\n]\n")]
    return ROOM.findall(listed)


def sources(root):
    for top in ("include/fluxpod", "src"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".hpp", ".cpp"):
                yield path


def room_of(root, path):
    """The room that a file is in; None for src/main.cpp, which may include every room."""
    relative = path.relative_to(root)
    parts = relative.parts[2:] if relative.parts[0] == "include" else relative.parts[1:]
    return parts[0] if len(parts) > 1 else None


def included_files(root, path):
    """The project's own files that a file includes, and the names that lead nowhere."""
    found, missing = [], []
    for name in INCLUDE.findall(path.read_text()):
        places = (path.parent / name, root / "include" / name, root / "src" / name)
        target = next((place.resolve() for place in places if place.is_file()), None)
        if target:
            found.append(target)
        else:
            missing.append(name)
    return found, missing


def circle_from(start, edges, finished):
    """The files of a circle that is reachable from start, or None."""
    path, on_path = [], set()
    stack = [(start, iter(edges.get(start, ())))]
    path.append(start)
    on_path.add(start)
    while stack:
        file, rest = stack[-1]
        following = next(rest, None)
        if following is None:
            stack.pop()
            path.pop()
            on_path.discard(file)
            finished.add(file)
        elif following in on_path:
            return path[path.index(following) :] + [following]
        elif following not in finished:
            path.append(following)
            on_path.add(following)
            stack.append((following, iter(edges.get(following, ()))))
    return None


def faults(root):
    root = root.resolve()
    order = rooms_in_order(root)
    if len(order) < 2:
        return ["src/meson.build: no rooms found"]
    wrong, edges = [], {}
    for path in sources(root):
        name = path.relative_to(root)
        room = room_of(root, path)
        if room is not None and room not in order:
            wrong.append(f"{name}: room {room} is not listed in src/meson.build")
            continue
        edges[path], missing = included_files(root, path)
        wrong += [f'{name}: includes "{each}", which is not there' for each in missing]
        wrong += [f"{name}: includes {target.name}" for target in edges[path]
                  if target.suffix == ".cpp"]  # fmt: skip
        for target in edges[path]:
            other = room_of(root, target)
            if room is None or other in order[: order.index(room) + 1]:
                continue
            wrong.append(f"{name}: room {room} includes {target.relative_to(root)} of a later room")
        text = path.read_text()
        for library, door in DOORS.items():
            if library in text and str(name) != door:
                wrong.append(f"{name}: names {library}, whose only door is {door}")
    finished = set()
    for path in edges:
        circle = None if path in finished else circle_from(path, edges, finished)
        if circle:
            names = " -> ".join(str(each.relative_to(root)) for each in circle)
            wrong.append(f"include circle: {names}")
            break
    return wrong


def self_test():
    """A checker that finds nothing might be blind: it must see what is planted."""
    meson = "rooms = [\n  ['base', ['a'], []],\n  ['plan', ['b'], []],\n]\n"
    right = {
        "src/meson.build": meson,
        "src/main.cpp": '#include "fluxpod/plan/b.hpp"\n',
        "include/fluxpod/base/a.hpp": "#include <string>\n",
        "src/base/a.cpp": '#include "fluxpod/base/a.hpp"\n',
        "include/fluxpod/plan/b.hpp": '#include "fluxpod/base/a.hpp"\n',
        "src/plan/b.cpp": '#include "fluxpod/plan/b.hpp"\n',
    }
    planted = [
        ({}, None),
        ({"src/base/a.cpp": '#include "fluxpod/plan/b.hpp"\n'}, "of a later room"),
        ({"include/fluxpod/base/a.hpp": '# include "fluxpod/base/c.hpp"\n',
          "include/fluxpod/base/c.hpp": '#include "fluxpod/base/a.hpp"\n'}, "include circle"),
        ({"src/plan/b.cpp": '#include "fluxpod/plan/gone.hpp"\n'}, "is not there"),
        ({"src/attic/d.cpp": "\n"}, "is not listed"),
        ({"src/plan/b.cpp": '#include "plan/c.cpp"\n', "src/plan/c.cpp": ""}, "includes c.cpp"),
        ({"src/base/log.cpp": "#include <spdlog/logger.h>\n"}, None),
        ({"src/base/a.cpp": "#include <spdlog/logger.h>\n"}, "whose only door is src/base/log.cpp"),
        ({"include/fluxpod/plan/b.hpp": "#include <boost/program_options.hpp>\n"},
         "whose only door is src/settings/option_parser.cpp"),
    ]
    for change, expected in planted:
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            for name, text in {**right, **change}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            found = faults(root)
        seen = not found if expected is None else any(expected in each for each in found)
        if not seen:
            sys.exit(f"check_layers.py is wrong itself: expected {expected}, found {found}")


def main():
    self_test()
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]
    wrong = faults(root)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
