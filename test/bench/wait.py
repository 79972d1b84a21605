#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long after the moment at which success became possible the cluster is up: fluxpod against raw
brokers, against scripts that poll with getaddrinfo, and against the operator's way, with a DNS that
caches as CoreDNS does (cluster_dns.py). Needs root and flux on PATH.

    test/bench/wait.py [--fluxpod FILE] [--pods 4] [--rounds 3] [--only SCENARIO] [--peers A,B]
                       [--svg FILE]
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import boot  # noqa: E402
from boot import BEGUN, ROOT, podnet  # noqa: E402

CONTROL = Path(podnet.SHARE, "dns")
NOWHERE = "10.244.200.200"  # an address that no pod has: packets to it are swallowed
PATIENCE = 100  # seconds after which a run has failed


class CachedNet(podnet.Net):
    """A Net whose DNS is cluster_dns.py."""

    def __init__(self, **dns):
        self._dns_options = [f"--{name}={value}" for name, value in dns.items()]
        shutil.rmtree(CONTROL, ignore_errors=True)
        CONTROL.mkdir(parents=True)
        super().__init__()

    def _spawn_dns(self, log):
        server = Path(__file__).resolve().parent / "cluster_dns.py"
        return subprocess.Popen(
            [sys.executable, str(server), self.dns_server, podnet._RECORDS, *self._dns_options,
             f"--control={CONTROL}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip

    def ask(self, name):
        """What any other program does that looks the name up: A and AAAA under the plain key."""
        labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(5)
            for kind in (1, 28):
                question = struct.pack(">6H", kind, 0x0100, 1, 0, 0, 0) + labels
                asker.sendto(question + struct.pack(">BHH", 0, kind, 1), (self.dns_server, 53))
                asker.recv(512)

    def questions(self, pods):
        """The mean count of questions of a follower."""
        counts = json.loads((CONTROL / "questions.json").read_text())
        return statistics.mean(counts.get(pod.address, 0) for pod in pods[1:])


# ---- scenarios: what happens to the cluster, and when success becomes possible -------------------


def ready(net, pods):
    release(pods)
    return pods[0].start_time


def record_late(net, pods):
    release(pods)
    until(pods[0].start_time + 3)
    net.publish(pods[0].name)
    return time.time()


def first_second_lost(net, pods):
    possible = time.time() + 1
    (CONTROL / "drop-until").write_text(str(possible))
    release(pods)
    return possible


def black_hole(net, pods):
    neighbour(pods, f"replace {pods[0].address} lladdr 02:00:00:00:00:01 nud permanent")
    release(pods)
    until(pods[0].start_time + 8)
    neighbour(pods, f"del {pods[0].address}")
    return time.time()


def lead_late(net, pods):
    net.publish(pods[0].name)
    release(pods[1:])
    until(pods[1].start_time + 3)
    release(pods[:1])
    return pods[0].start_time


def lead_moved(net, pods):
    net.publish(pods[0].name, NOWHERE)
    net.ask(net.fqdn(pods[0].name))  # somebody did, and now the cache holds it
    release(pods)
    return pods[0].start_time


def release(pods):
    for pod in pods:
        pod.release()


def until(moment):
    time.sleep(max(0, moment - time.time()))


def neighbour(pods, change):
    for pod in pods[1:]:
        subprocess.run(["ip", "-n", pod.name, "neigh", *change.split(), "dev", "eth0"], check=True)


# name: what happens, whether the lead's record is there from its start, the DNS
SCENARIOS = {
    "ready": (ready, True, {}),
    "record 3 s late, denial held 0 s": (record_late, False, {"denial": 0}),
    "record 3 s late, denial held 5 s": (record_late, False, {"denial": 5}),
    "record 3 s late, denial held 30 s": (record_late, False, {"denial": 30}),
    "first second of DNS lost": (first_second_lost, True, {}),
    "20 % of DNS packets lost": (ready, True, {"loss": 0.2}),
    "black hole for 8 s": (black_hole, True, {}),
    "lead started 3 s late": (lead_late, True, {}),
    "lead moved, old address cached 30 s": (lead_moved, True, {}),
}


# ---- peers ---------------------------------------------------------------------------------------


def peers(fluxpod, secret, prepared, size, lead):
    """name: argument vector of every pod. Each does what its users do today."""
    raw = boot.raw_argv(prepared)
    line = " ".join(raw)

    def poll(pause):
        return ["sh", "-c", f"until getent ahostsv4 {lead} >/dev/null; do sleep {pause}; done; "
                f"exec {line}"]  # fmt: skip

    return {
        "fluxpod": boot.fluxpod_argv(fluxpod, secret, size),
        "raw": raw,
        "poll 1s": poll(1),
        "poll 100ms": poll(0.1),
        "operator": ["sh", "-c", f"while :; do {line} && break; sleep 15; done"],
    }


def one_run(scenario, argv, names, seed):
    happen, published, dns = SCENARIOS[scenario]
    Path(BEGUN).unlink(missing_ok=True)
    with CachedNet(seed=seed, **dns) as net:
        net.prepare(names)
        pods = [
            net.pod(name, argv, env={"JOB_COMPLETION_INDEX": str(rank)}, hold=True,
                    dns=published or rank > 0)
            for rank, name in enumerate(names)
        ]  # fmt: skip
        possible = happen(net, pods)
        try:
            failed = pods[0].wait(PATIENCE) != 0
        except TimeoutError:
            failed = True
        if failed:
            print(f"  {scenario}, {argv[0]}: not up\n{pods[-1].log_tail(3)}", file=sys.stderr)
            return None
        questions = net.questions(pods)
        for pod in pods:
            pod.signal(signal.SIGKILL)
        return os.stat(BEGUN).st_mtime - possible, questions


# ---- results -------------------------------------------------------------------------------------


def show(results, names):
    width = max(map(len, results))
    print(f"\n{'seconds after it became possible':{width}}", *(f"{n:>11}" for n in names), sep="")
    for scenario, row in results.items():
        cells = [f"{row[n][0]:11.2f}" if row.get(n) else f"{'-':>11}" for n in names]
        print(f"{scenario:{width}}", *cells, sep="")
    print(f"\n{'questions per follower':{width}}", *(f"{n:>11}" for n in names), sep="")
    for scenario, row in results.items():
        cells = [f"{row[n][1]:11.0f}" if row.get(n) else f"{'-':>11}" for n in names]
        print(f"{scenario:{width}}", *cells, sep="")


def plot(results, names, file):
    colours = ["#1b7837", "#762a83", "#e08214", "#2166ac", "#b2182b"]
    step, left, scale = 16, 260, 12
    longest = max(cell[0] for row in results.values() for cell in row.values() if cell)
    height = sum((len(names) + 1) * step for _ in results) + 50
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + longest * scale + 80:.0f}" '
        f'height="{height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="10" y="18">Seconds from "success is possible" to the lead\'s command '
        "(median), shorter is better</text>",
    ]
    y = 34
    for scenario, row in results.items():
        lines.append(f'<text x="10" y="{y + step - 4}">{scenario}</text>')
        for name, colour in zip(names, colours):
            if row.get(name):
                width = row[name][0] * scale
                lines.append(
                    f'<rect x="{left}" y="{y}" width="{width:.1f}" height="{step - 3}" '
                    f'fill="{colour}"/><text x="{left + width + 5:.1f}" y="{y + step - 5}" '
                    f'font-size="10">{name} {row[name][0]:.2f}</text>'
                )
            y += step
        y += step
    Path(file).write_text("\n".join([*lines, "</svg>"]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fluxpod", default=str(ROOT / "build/gcc/src/fluxpod"))
    parser.add_argument("--pods", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--peers", default="")
    parser.add_argument("--svg")
    arguments = parser.parse_args()
    if shutil.which("flux") is None:
        sys.exit("left out: there is no flux on PATH")
    fluxpod, secret = boot.enter_with(arguments.fluxpod)

    hosts = [f"fp-{rank}" for rank in range(arguments.pods)]
    with podnet.Net() as net:
        prepared = boot.raw_files(hosts, net)
        lead = net.fqdn(hosts[0])
    argvs = peers(fluxpod, secret, prepared, arguments.pods, lead)
    names = arguments.peers.split(",") if arguments.peers else list(argvs)
    results = {}
    for scenario in SCENARIOS:
        if arguments.only not in scenario:
            continue
        runs = {name: [] for name in names}
        for seed in range(arguments.rounds):
            for name in names:
                runs[name].append(one_run(scenario, argvs[name], hosts, seed))
        results[scenario] = {
            name: tuple(map(statistics.median, zip(*done)))
            for name, each in runs.items()
            if (done := [run for run in each if run])
        }
        show({scenario: results[scenario]}, names)
    show(results, names)
    if arguments.svg:
        plot(results, names, arguments.svg)


if __name__ == "__main__":
    main()
