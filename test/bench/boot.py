#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long a boot takes: fluxpod's own work stage by stage, and, with flux on PATH, the time from
the start of the pods to the lead's command against raw brokers with ready-made files.

    test/bench/boot.py [--fluxpod FILE] [--sizes 4,16,32] [--rounds 7]
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "container"))
import podnet  # noqa: E402

OWN_WORK_RUNS = 20
OWN_WORK_TARGET = 0.030
RATIO_TARGET = 1.15
BEGUN = f"{podnet.SHARE}/begun"


# ---- (a) fluxpod's own work ----------------------------------------------------------------------

# Takes the place of flux: the moment at which fluxpod has become something else.
STAND_IN = "#!/bin/sh\nexec date +%s.%N\n"


def own_work(fluxpod, secret):
    """A follower whose parent is ready, from its exec to flux's: seconds by stage, per run."""
    stand_in = Path(podnet.SHARE, "stand-in/flux")
    stand_in.parent.mkdir()
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    options = ["--cluster-name", "fp", "--size", "3", "--service", "flux-service",
               "--curve-secret", secret, "--wait-timeout", "30s"]  # fmt: skip
    runs = []
    with podnet.Net() as net:
        # Rank 2 never comes, so the roll call of the lead stays open for as long as we measure.
        net.pod("fp-0", [fluxpod, "preflight", *options], env={"JOB_COMPLETION_INDEX": "0"})
        warm_up = True
        while len(runs) < OWN_WORK_RUNS:
            report = Path(podnet.SHARE, "own-work")
            report.unlink(missing_ok=True)
            pod = net.pod(
                "fp-1",
                [fluxpod, "run", *options, "--flux", str(stand_in), "--report", str(report)],
                env={"JOB_COMPLETION_INDEX": "1"},
            )
            if pod.wait(40) != 0:
                sys.exit("the follower failed:\n" + pod.log_tail())
            if warm_up:  # the first one waited for the lead to bind
                warm_up = False
                continue
            runs.append(split_by_stage(pod, report))
    return runs


def split_by_stage(pod, report):
    stages = [json.loads(line) for line in report.read_text().splitlines()]
    last = stages[-1]["began"] + stages[-1]["seconds"]
    times = {"start, settings": stages[0]["began"] - pod.start_time}
    times.update({stage["stage"]: stage["seconds"] for stage in stages})
    times["exec"] = float(pod.stdout) - last
    times["total"] = float(pod.stdout) - pod.start_time
    return times


def show_own_work(runs):
    print(f"fluxpod's own work on a pod whose parent is ready ({len(runs)} runs, milliseconds)")
    print(f"{'stage':18}{'median':>8}{'min':>8}{'max':>8}")
    for stage in runs[0]:
        times = sorted(run[stage] * 1000 for run in runs)
        print(f"{stage:18}{statistics.median(times):8.2f}{times[0]:8.2f}{times[-1]:8.2f}")
    total = statistics.median(run["total"] for run in runs)
    print(f"target for total: {OWN_WORK_TARGET * 1000:.0f}: {verdict(total <= OWN_WORK_TARGET)}")
    return total <= OWN_WORK_TARGET


# ---- (b) against raw brokers ---------------------------------------------------------------------


def raw_files(names, net):
    """What a patient administrator would have prepared; outside of the measured time."""
    directory = Path(podnet.SHARE, f"raw-{len(names)}")
    (directory / "config").mkdir(parents=True)
    hosts = f"fp-[0-{len(names) - 1}]"
    cert = directory / "curve.cert"
    subprocess.run(["flux", "keygen", "--name", "bench", str(cert)], check=True)
    resources = subprocess.run(
        ["flux", "R", "encode", "--local", f"--hosts={hosts}"], check=True, capture_output=True
    )
    (directory / "R").write_bytes(resources.stdout)
    (directory / "config/broker.toml").write_text(
        f"""[bootstrap]
curve_cert = "{cert}"
default_port = 8050
default_bind = "tcp://eth0:%p"
default_connect = "tcp://%h{net.suffix}:%p"
hosts = [ {{ host = "{hosts}" }} ]
[tbon]
topo = "kary:32"
connect_timeout = "5s"
tcp_user_timeout = "20s"
[resource]
path = "{directory}/R"
"""
    )
    return directory


def raw_argv(directory):
    return ["flux", "broker", f"--config-path={directory}/config", "-Srundir=/run/flux",
            "-Sstatedir=/tmp", "-Slog-stderr-level=6", "-Slog-stderr-mode=local",
            "touch", BEGUN]  # fmt: skip


def fluxpod_argv(fluxpod, secret, size):
    return [fluxpod, "run", "--cluster-name", "fp", "--size", str(size), "--service",
            "flux-service", "--curve-secret", secret, "--", "touch", BEGUN]  # fmt: skip


def time_to_command(names, argv):
    """From the release of the first pod to the lead's command, in seconds."""
    Path(BEGUN).unlink(missing_ok=True)
    # A fresh net for each run: no record, no neighbour entry, no socket of the run before.
    with podnet.Net() as net:
        net.prepare(names)
        pods = [
            net.pod(name, argv, env={"JOB_COMPLETION_INDEX": str(rank)}, hold=True)
            for rank, name in enumerate(names)
        ]
        for pod in pods:
            pod.release()
        if pods[0].wait(120) != 0:
            sys.exit(f"the lead failed ({argv[0]}):\n" + pods[0].log_tail())
        for pod in pods:
            pod.signal(signal.SIGKILL)
        return os.stat(BEGUN).st_mtime - pods[0].start_time


def against_raw(fluxpod, secret, sizes, rounds):
    print("\nfrom the start of the pods to the lead's command "
          f"(medians of {rounds} alternating runs, seconds)")  # fmt: skip
    print(f"{'pods':>6}{'raw':>9}{'fluxpod':>9}{'ratio':>8}")
    fine = True
    for size in sizes:
        names = [f"fp-{rank}" for rank in range(size)]
        with podnet.Net() as net:
            prepared = raw_files(names, net)
        variants = {"raw": raw_argv(prepared), "fluxpod": fluxpod_argv(fluxpod, secret, size)}
        times = {variant: [] for variant in variants}
        for _ in range(rounds):
            for variant, argv in variants.items():
                times[variant].append(time_to_command(names, argv))
        raw, ours = (statistics.median(times[variant]) for variant in ("raw", "fluxpod"))
        fine = fine and ours / raw <= RATIO_TARGET
        print(f"{size:6}{raw:9.3f}{ours:9.3f}{ours / raw:8.2f}", flush=True)
    print(f"target for the ratio: {RATIO_TARGET}: {verdict(fine)}")
    return fine


def verdict(fine):
    return "met" if fine else "MISSED"


def enter_with(program):
    """Into namespaces of our own; the program and a secret, where every pod finds them."""
    podnet.enter()
    secret = Path(podnet.SHARE, "secret")
    secret.write_text("a secret of sixteen bytes at least")
    secret.chmod(0o600)
    return podnet.share_program(program), str(secret)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fluxpod", default=str(ROOT / "build/gcc/src/fluxpod"))
    parser.add_argument("--sizes", default="4,16,32")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    fluxpod, secret = enter_with(arguments.fluxpod)

    fine = show_own_work(own_work(fluxpod, secret))
    if shutil.which("flux") is None:
        print("\nagainst raw brokers: left out, there is no flux on PATH")
    else:
        sizes = [int(size) for size in arguments.sizes.split(",")]
        fine = against_raw(fluxpod, secret, sizes, arguments.rounds) and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
