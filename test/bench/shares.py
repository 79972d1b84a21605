#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What pods do that share a node: three of them with a limit of one CPU each, on a machine of two.
A job of rank 0 counts alone, then with one of rank 2, then with one of rank 1.

    test/bench/shares.py [--fluxpod FILE] [--rounds 5] [--options '--node-rule warn']
"""

import argparse
import shlex
import shutil
import statistics
import sys
from pathlib import Path

from boot import ROOT, enter_with

sys.path.insert(0, str(ROOT / "test"))
import cgroups  # noqa: E402
import podnet  # noqa: E402

COUNT = """import time
end, n = time.monotonic() + 3, 0
while time.monotonic() < end: n += 1
print(n)
"""
TARGET = 1.9


def counted(fluxpod, secret, rounds, options):
    """For each round what rank 0 counted alone, ranks 0 and 2 together, ranks 0 and 1 together."""
    Path(podnet.SHARE, "count.py").write_text(COUNT)
    script = f"""
        count() {{ flux run -N$1 -n$1 --requires="hosts:$2" python3 {podnet.SHARE}/count.py |
            awk '{{s += $1}} END {{print s}}'; }}
        for round in $(seq {rounds}); do
            echo $(count 1 fp-0) $(count 2 fp-0,fp-2) $(count 2 fp-0,fp-1)
        done
    """
    argv = [fluxpod, "run", "--size", "3", "--service", "flux-service", "--curve-secret", secret,
            *options, "--", "sh", "-c", script]  # fmt: skip
    groups = [cgroups.Cgroup("cpu") for _ in range(3)]
    try:
        for group in groups:
            group.limit_cpus(1)
        with podnet.Net() as net:
            pods = [net.pod(f"fp-{rank}", argv, env={"JOB_COMPLETION_INDEX": str(rank)},
                            setup=group.join) for rank, group in enumerate(groups)]  # fmt: skip
            if pods[0].wait(60 + 30 * rounds) != 0:
                sys.exit("the lead failed:\n" + pods[0].log_tail())
            output = pods[0].stdout
    finally:
        for group in groups:
            group.remove()
    return [[int(number) for number in line.split()] for line in output.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fluxpod", default=str(ROOT / "build/gcc/src/fluxpod"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--options", default="", help="more options of fluxpod run")
    arguments = parser.parse_args()
    if shutil.which("flux") is None:
        sys.exit("there is no flux on PATH")
    fluxpod, secret = enter_with(arguments.fluxpod)
    rows = counted(fluxpod, secret, arguments.rounds, shlex.split(arguments.options))

    alone = statistics.median(row[0] for row in rows)
    print(f"the work of rank 0 alone, as 1 (median of {len(rows)} rounds)")
    print(f"{'':14}{'median':>9}{'least':>9}{'most':>9}{'target':>9}")
    for column, name in ((1, "ranks 0 and 2"), (2, "ranks 0 and 1")):
        ratios = [row[column] / alone for row in rows]
        print(f"{name:14}{statistics.median(ratios):9.2f}{min(ratios):9.2f}{max(ratios):9.2f}"
              f"{TARGET:9.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
