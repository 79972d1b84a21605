#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long a cluster takes to be whole again after a lead that was made again, with another
address, is reachable: run --supervise against a script that starts the broker again after 15 s,
with a DNS that holds nothing and one that holds answers for 30 s (cluster_dns.py). Needs root and
flux on PATH.

    test/bench/rejoin.py [--fluxpod FILE] [--pods 4] [--rounds 3] [--only WORD]
"""

import argparse
import shutil
import socket
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import boot  # noqa: E402
import wait  # noqa: E402
from boot import ROOT, podnet  # noqa: E402

PATIENCE = 120
DNS = {"no cache": {"positive": 0, "denial": 0}, "answers held 30 s": {}}
ABSENT = {"0 s": 0, "3 s": 3}  # between the old lead's end and the new one's start


def peers(fluxpod, secret, prepared, size):
    ours = boot.fluxpod_argv(fluxpod, secret, size)
    ours = [*ours[: ours.index("--")], "--supervise"]
    raw = boot.raw_argv(prepared)[:-2]  # without the command
    line = " ".join([*raw, "-Sbroker.rc2_none=1"])
    return {
        "fluxpod": ours,
        "script": ["sh", "-c", f"while :; do {line} && break; sleep 15; done"],
    }


def reachable(address):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex((address, 8050)) == 0:
                return time.time()
        time.sleep(0.005)
    raise TimeoutError(f"nobody listens at {address}")


def whole(pods):
    line = f"online: fp-[0-{len(pods) - 1}]"
    podnet.until(lambda: line in pods[0].log, PATIENCE, line)
    return time.time()


def one_run(argv, names, dns, absent):
    with wait.CachedNet(**dns) as net:
        net.prepare(names)

        def start(rank):
            return net.pod(names[rank], argv, env={"JOB_COMPLETION_INDEX": str(rank)})

        pods = [start(rank) for rank in range(len(names))]
        whole(pods)
        time.sleep(2)  # a cluster that has been up for a while, not one that is being made
        net.ask(net.fqdn(names[0]))  # somebody did, and now the cache holds the old address
        pods[0].kill()
        net.unpublish(names[0])  # as Kubernetes does with the record of a pod that is gone
        pods[0].move("10.244.77.7")
        time.sleep(absent)
        start(0)
        possible = reachable(pods[0].address)
        try:
            return whole(pods) - possible
        except TimeoutError as error:
            print(f"  {error}:\n{pods[-1].log_tail(5)}", file=sys.stderr)
            return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fluxpod", default=str(ROOT / "build/gcc/src/fluxpod"))
    parser.add_argument("--pods", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    if shutil.which("flux") is None:
        sys.exit("left out: there is no flux on PATH")
    fluxpod, secret = boot.enter_with(arguments.fluxpod)
    names = [f"fp-{rank}" for rank in range(arguments.pods)]
    with podnet.Net() as net:
        prepared = boot.raw_files(names, net)
    argvs = peers(fluxpod, secret, prepared, arguments.pods)

    heads = list(argvs)
    print("seconds from 'new lead reachable' to 'all ranks online' (median, slowest)")
    print(f"{'':36}", *(f"{head:>16}" for head in heads), sep="")
    for dns in DNS:
        for gap, absent in ABSENT.items():
            cells = []
            for name in heads:
                if arguments.only not in name:
                    cells.append(f"{'-':>16}")
                    continue
                runs = [one_run(argvs[name], names, DNS[dns], absent)
                        for _ in range(arguments.rounds)]  # fmt: skip
                done = [run for run in runs if run is not None]
                text = f"{statistics.median(done):.2f}, {max(done):.2f}" if done else "never"
                cells.append(f"{text:>16}")
            print(f"{f'{dns}, lead absent for {gap}':36}", *cells, sep="", flush=True)


if __name__ == "__main__":
    main()
