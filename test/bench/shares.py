#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What pods do that share a node: three of them with a limit of one CPU each, on a machine of two.
Jobs of ranks 0 and 2, and of ranks 0 and 1, count for three seconds. Their peer are two processes
with the same limits and without Flux: no two pods can do more.

    test/bench/shares.py [--fluxpod FILE] [--rounds 5] [--options '--node-rule warn']
"""

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
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
COUNTER = f"{podnet.SHARE}/count.py"
TARGET = 0.95  # 1.9 of 2


def sum_of(output):
    return sum(int(line) for line in output.split())


def count_without_flux(groups):
    pair = [subprocess.Popen(["python3", COUNTER], stdout=subprocess.PIPE, text=True,
                             preexec_fn=group.join) for group in groups]  # fmt: skip
    return sum_of("".join(process.communicate()[0] for process in pair))


def counted(fluxpod, secret, rounds, options):
    """For each round what two processes counted, ranks 0 and 2, ranks 0 and 1, rank 0 alone."""
    Path(COUNTER).write_text(COUNT)
    root = f"{podnet.SHARE}/root"
    argv = [fluxpod, "run", "--supervise", "--size", "3", "--service", "flux-service",
            "--curve-secret", secret, *options]  # fmt: skip
    environment = {**os.environ, "FLUX_URI": f"local://{root}-0/run/flux/local",
                   "FLUX_SHELL_RC_PATH": f"{root}-0/etc/flux/shell"}  # fmt: skip

    def count(*hosts):
        words = ["flux", "run", f"-N{len(hosts)}", f"-n{len(hosts)}",
                 f"--requires=hosts:{','.join(hosts)}", "python3", COUNTER]  # fmt: skip
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        return sum_of(done.stdout)

    def is_up():
        ask = ["flux", "resource", "list", "-s", "up", "-no", "{nnodes}"]
        done = subprocess.run(ask, env=environment, capture_output=True, text=True)
        return done.stdout.strip() == "3"

    rows = []
    groups = [cgroups.Cgroup("cpu") for _ in range(5)]
    try:
        for group in groups:
            group.limit_cpus(1)
        with podnet.Net() as net:
            for rank in range(3):
                index = {"JOB_COMPLETION_INDEX": str(rank)}
                net.pod(f"fp-{rank}", [*argv, "--root", f"{root}-{rank}"], env=index,
                        setup=groups[rank].join)  # fmt: skip
            podnet.until(is_up, 60, "three ranks")
            for _ in range(rounds):
                rows.append([count_without_flux(groups[3:]), count("fp-0", "fp-2"),
                             count("fp-0", "fp-1"), count("fp-0")])  # fmt: skip
    finally:
        for group in groups:
            group.remove()
    return rows


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

    print(f"the work of two processes without Flux, as 1 (round by round, {len(rows)} rounds)")
    print(f"{'':14}{'median':>9}{'least':>9}{'most':>9}{'target':>9}")
    targets = {"ranks 0 and 2": f"{TARGET:.2f}", "ranks 0 and 1": f"{TARGET:.2f}",
               "rank 0 alone": ""}  # fmt: skip
    for column, (name, target) in enumerate(targets.items(), 1):
        ratios = [row[column] / row[0] for row in rows]
        print(f"{name:14}{statistics.median(ratios):9.2f}{min(ratios):9.2f}{max(ratios):9.2f}"
              f"{target:>9}")  # fmt: skip


if __name__ == "__main__":
    main()
