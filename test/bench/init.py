#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""fluxpod init against tini, dumb-init and catatonit, each as PID 1, in the same run: how long it
takes to print its version, what it adds to the start of a command, how long it takes to reap
orphans that end at once, its memory, and how often it wakes up while nothing happens. Needs root
and cc; fluxpod should be a release binary.

    test/bench/init.py [--fluxpod FILE] [--starts 300] [--orphans 5000] [--idle 10]
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "container"))
import podnet  # noqa: E402

NEWPID = 0x20000000
PEERS = {"tini": ["tini", "--"], "dumb-init": ["dumb-init", "--"], "catatonit": ["catatonit", "--"]}
PATIENCE = 60


class Bench:
    def __init__(self, child):
        self.child = child
        self.outer = os.open("/proc/self/ns/pid", os.O_RDONLY)
        self.nowhere = os.open("/dev/null", os.O_WRONLY)

    def spawn(self, argv, **streams):
        """As PID 1 of a new namespace."""
        podnet._call("unshare", NEWPID)
        try:
            actions = [(os.POSIX_SPAWN_DUP2, file, {"stdout": 1, "stderr": 2}[name])
                       for name, file in streams.items()]  # fmt: skip
            return os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
        finally:
            podnet._call("setns", self.outer, NEWPID)

    def whole_life(self, argv, **streams):
        begun = time.perf_counter()
        os.waitpid(self.spawn(argv, **streams), 0)
        return (time.perf_counter() - begun) * 1000

    def version(self, argv):
        return self.whole_life([argv[0], "--version"], stdout=self.nowhere, stderr=self.nowhere)

    def start(self, argv):
        return self.whole_life([*argv, self.child, "exit", "0"])

    def running(self, argv):
        """Started, and the child says that it is ready."""
        read_end, write_end = os.pipe()
        pid = self.spawn(argv, stdout=write_end)
        os.close(write_end)
        assert os.read(read_end, 100) == b"ready\n"
        return pid, read_end

    def end(self, pid, pipe):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(pipe)

    def reap(self, argv, count):
        pid, pipe = self.running([*argv, self.child, "orphans", str(count)])
        cpu = cpu_of(pid)
        begun = time.perf_counter()
        os.kill(pid, signal.SIGUSR1)
        while len(children(pid)) > 1:
            if time.perf_counter() - begun > PATIENCE:
                break
        took = time.perf_counter() - begun
        cpu = cpu_of(pid) - cpu
        self.end(pid, pipe)
        return took * 1000, cpu * 1000

    def rest(self, argv, seconds):
        """Resident KiB, and wake-ups while nothing happens."""
        pid, pipe = self.running([*argv, self.child, "nothing"])
        time.sleep(0.5)  # whatever it does at its start is over
        before = status(pid, "voluntary_ctxt_switches")
        time.sleep(seconds)
        result = status(pid, "VmRSS"), status(pid, "voluntary_ctxt_switches") - before
        self.end(pid, pipe)
        return result


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def cpu_of(pid):
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def status(pid, field):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise KeyError(field)


def measure(bench, inits, arguments):
    versions = {name: [] for name in inits}
    starts = {name: [] for name in ["nothing", *inits]}
    for _ in range(arguments.starts):  # in turns, so that a busy moment hits all alike
        for name, times in versions.items():
            times.append(bench.version(inits[name]))
        for name, times in starts.items():
            times.append(bench.start(inits.get(name, [])))
    bare = statistics.median(starts.pop("nothing"))
    rows = {name: [statistics.median(versions[name]), statistics.median(starts[name]) - bare]
            for name in inits}  # fmt: skip
    for name, argv in inits.items():
        runs = [bench.reap(argv, arguments.orphans) for _ in range(3)]
        rows[name] += map(statistics.median, zip(*runs))
        rows[name] += bench.rest(argv, arguments.idle)
    return rows


def show(rows, arguments):
    heads = ["--version ms", "start ms", f"reap {arguments.orphans} ms", "CPU ms", "RSS KiB",
             f"wake-ups in {arguments.idle:g} s"]  # fmt: skip
    ours = rows["fluxpod"]
    print(f"{'':12}", *(f"{head:>21}" for head in heads), sep="")
    for name, row in rows.items():
        cells = []
        for mine, value in zip(ours, row):
            ratio = f"({mine / value:.2f}x)" if value > 0 and name != "fluxpod" else ""
            cells.append(f"{value:12.2f} {ratio:>8}")
        print(f"{name:12}", *cells, sep="")
    print("start: added to a command that ends at once; in brackets: fluxpod divided by this one")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fluxpod", default=str(ROOT / "build/gcc/src/fluxpod"))
    parser.add_argument("--starts", type=int, default=300)
    parser.add_argument("--orphans", type=int, default=5000)
    parser.add_argument("--idle", type=float, default=10)
    arguments = parser.parse_args()
    podnet.enter()
    child = f"{podnet.SHARE}/init_child"
    source = ROOT / "test/cli/init_child.c"
    subprocess.run(["cc", "-O2", "-Wall", "-static", "-o", child, source], check=True)
    inits = {"fluxpod": [arguments.fluxpod, "init", "--"]}
    for name, argv in PEERS.items():
        if shutil.which(argv[0]):
            inits[name] = argv
        else:
            print(f"left out: {name} is not installed (apt-get install {name})")
    show(measure(Bench(child), inits, arguments), arguments)


if __name__ == "__main__":
    main()
