#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the node check costs a boot: from the start of the pods to the lead's command without it,
with it where every pod has a node of its own, and where all of them have one kernel in common.

    test/bench/node_check.py [--fluxpod FILE] [--size 32] [--rounds 5]
"""

import argparse
import shlex
import shutil
import statistics
import sys

from boot import ROOT, enter_with, fluxpod_argv, time_to_command

VARIANTS = {
    "without": ["--node-check", "off"],
    "nodes apart": ["--node-check", "on", "--node-name", "$(hostname)"],
    "one node": ["--node-check", "on"],
}


def argv_of(fluxpod, secret, size, options):
    words = fluxpod_argv(fluxpod, secret, size)
    behind = words.index("--")
    quoted = shlex.join(words[:behind]), " ".join(options), shlex.join(words[behind:])
    return ["sh", "-c", "exec " + " ".join(quoted)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fluxpod", default=str(ROOT / "build/gcc/src/fluxpod"))
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if shutil.which("flux") is None:
        sys.exit("there is no flux on PATH")
    fluxpod, secret = enter_with(arguments.fluxpod)

    names = [f"fp-{rank}" for rank in range(arguments.size)]
    times = {name: [] for name in VARIANTS}
    for _ in range(arguments.rounds):
        for name, options in VARIANTS.items():
            argv = argv_of(fluxpod, secret, arguments.size, options)
            times[name].append(time_to_command(names, argv))
    print(f"{arguments.size} pods, seconds to the lead's command ({arguments.rounds} rounds)")
    print(f"{'':14}{'median':>9}{'least':>9}{'most':>9}")
    for name, taken in times.items():
        print(f"{name:14}{statistics.median(taken):9.2f}{min(taken):9.2f}{max(taken):9.2f}")


if __name__ == "__main__":
    main()
