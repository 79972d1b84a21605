# SPDX-License-Identifier: Apache-2.0
"""SIGTERM at FLUXPOD_SWEEP points of time, from the start of a cluster of real brokers to well
after its boot: each pod ends in time, with the right status, and leaves nothing."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import podnet
import pytest

pytestmark = [pytest.mark.flux, pytest.mark.usefixtures("needs_flux")]

SWEEP = int(os.environ.get("FLUXPOD_SWEEP", "16"))
TOGETHER = 4  # clusters that run side by side, at points of time far from each other
SPAN = 3.0
GRACE = 10

# Processes of a PID namespace end with its PID 1, so half of the pods have another one, as in
# Kubernetes with shareProcessNamespace: it says what fluxpod leaves next to it.
SHARED = ("sh", "-c", '"$@"; code=$?; echo processes: /proc/[0-9]*; exit $code', "sh")

RUN = "/run/fluxpod"
MAY_STAY = {
    f"{RUN}/{name}"
    for name in ("curve/curve.cert", "etc/flux/config/broker.toml", "etc/flux/system/R",
                 "etc/flux/system/hostlist", "run/state.json", "var/lib/flux/content.sqlite")
}  # fmt: skip


class Private:
    """What only a pod sees: its mounts and files, which stay as long as this does."""

    def __init__(self, pod):
        self._namespace = os.open(f"/proc/{pod.pid}/ns/mnt", os.O_RDONLY)
        self.mounts = self.mounts_of(pod.pid)

    def look(self):
        """The mounts now, and every file of the pod's own."""
        line = f"find /tmp /run /dev/shm ! -type d ! -path '{podnet.SHARE}/*'; echo; read -r _"
        with subprocess.Popen(
            ["nsenter", f"--mount=/proc/self/fd/{self._namespace}", "sh", "-c", line],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[self._namespace],
        ) as inside:  # fmt: skip
            files = set(iter(lambda: inside.stdout.readline().strip(), ""))
            mounts = self.mounts_of(inside.pid)
        return mounts, files

    @staticmethod
    def mounts_of(pid):
        """But the network namespaces of pods that are made meanwhile, which show everywhere."""
        lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
        return {line for line in lines if " /run/netns" not in line}

    def state(self):
        """What fluxpod kept below its root; it may have had no time to."""
        shown = subprocess.run(
            ["nsenter", f"--mount=/proc/self/fd/{self._namespace}", "cat", f"{RUN}/run/state.json"],
            capture_output=True, pass_fds=[self._namespace],
        )  # fmt: skip
        return json.loads(shown.stdout) if shown.returncode == 0 else {"launches": 0}

    def close(self):
        os.close(self._namespace)


class Told:
    """One cluster, which is told to end at one point of time."""

    def __init__(self, boot, point, lane):
        self.at = SPAN * point / SWEEP
        self.shared = point % 2 == 1
        self.has_program = point // 2 % 2 == 1
        self.pods = boot(
            "run", "--supervise", "--grace", f"{GRACE}s", size=2, cluster=f"fp{lane}",
            lead_command=["sleep", "1000"] if self.has_program else (),
            below=SHARED if self.shared else (),
        )  # fmt: skip
        self.begun = time.monotonic()
        self.pids = [self._hearing(pod) for pod in self.pods]
        self.private = [Private(pod) for pod in self.pods]

    def _hearing(self, pod):
        """The pid of fluxpod once it blocks SIGTERM, as the first statement of its main does; what
        is sent to a PID 1 before that, the kernel drops."""

        def look():
            pids = [pod.pid]
            if self.shared:
                children = Path(f"/proc/{pod.pid}/task/{pod.pid}/children").read_text()
                pids = map(int, children.split())
            for pid in pids:
                status = Path(f"/proc/{pid}/status").read_text()
                blocked = int(status.split("SigBlk:")[1].split()[0], 16)
                if "Name:\tfluxpod" in status and blocked >> (signal.SIGTERM - 1) & 1:
                    return pid
            return None

        return podnet.until(look, 10, "blocked signals")

    def tell(self):
        self.told_at = time.monotonic()
        for pid in self.pids:
            os.kill(pid, signal.SIGTERM)

    def end(self):
        for pod in self.pods:
            pod.wait(max(0.0, self.told_at + GRACE - time.monotonic()))

    def check(self):
        for pod, private in zip(self.pods, self.private):
            code = pod.wait(0)
            is_program = self.has_program and pod is self.pods[0]
            allowed = self._codes(pod, private.state()["launches"], is_program)
            at = f"told after {self.at:.2f} s, {pod.name} ended with"
            assert code in allowed, f"{at} {code} instead of {allowed}:\n{pod.log_tail(30)}"
            mounts, files = private.look()
            private.close()
            assert mounts <= private.mounts
            left = files - MAY_STAY
            if "the broker ended with status 143" in pod.log:
                # By the second SIGTERM, after which Flux does not clean up: its own directory
                # stays.
                left = {path for path in left if not path.startswith(f"{RUN}/run/flux/")}
            assert not left, f"{at} {left} left:\n{pod.log_tail(30)}"
            if self.shared:
                assert pod.stdout.splitlines()[-1] == "processes: /proc/1", at

    def _codes(self, pod, launches, is_program):
        """As docs/pid1.md has it; Flux ends a program by SIGHUP."""
        before, _, after = pod.log.partition("told to end by SIGTERM; ")
        if launches == 0:
            assert "SIGTERM came before the launch" in pod.log
            return {143}
        if "quorum->run" in before:
            return {129} if is_program else {0}
        if is_program:
            return {143, 129} if "quorum->run" in after else {143}
        return {143} if "the broker ended with status" in after else {0}


def shared_files():
    return {path for path in Path(podnet.SHARE).rglob("*") if not path.is_dir()}


def test_sigterm_at_any_time_of_a_boot_ends_it_in_time_and_leaves_nothing(boot, tmp_path):
    mounts = Private.mounts_of("self")
    files = shared_files()
    rounds = -(-SWEEP // TOGETHER)
    for first in range(rounds):
        points = range(first, SWEEP, rounds)
        # The cluster that is told to end first starts last, so that its point is the true beginning
        # too.
        clusters = [Told(boot, point, lane) for lane, point in enumerate(reversed(points))]
        for cluster in reversed(clusters):
            # The point of time is the test's input.
            left = cluster.begun + cluster.at - time.monotonic()
            podnet.wait_any(cluster.pods, max(0.0, left))
            cluster.tell()
        for cluster in reversed(clusters):
            cluster.end()
        for cluster in clusters:
            cluster.check()
    assert Private.mounts_of("self") <= mounts
    assert {path.parent for path in shared_files() - files} <= {tmp_path}
    assert {path.name[:9] for path in tmp_path.iterdir()} == {"report-fp", "secret"}
