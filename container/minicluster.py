# SPDX-License-Identifier: Apache-2.0
"""Boots a MiniCluster on this machine, with fluxpod as PID 1 of every pod, and shows how it went.

container/try runs this after it has installed what is needed. """

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import podnet

ROOT = Path(__file__).resolve().parents[1]
BUILD = 'source container/prepare.sh; configure gcc -Ddebug=false -Dtests=false; build gcc "$1"'
PATIENCE = 60  # seconds that a pod waits for its parent
GRACE = 5  # seconds that the others have to end by themselves after the lead


def parse_arguments(words):
    parser = argparse.ArgumentParser(
        prog="container/try",
        usage="%(prog)s [--size N] [--minicluster FILE] [--flux | --no-flux] [--logs DIR] "
        "[-- COMMAND...]",
        description="Boots a MiniCluster on this machine without a container engine: each pod has "
        "namespaces of its own and fluxpod as PID 1. With flux on PATH the pods run real brokers "
        "and the lead runs COMMAND (default: flux resource list); without it they run fluxpod "
        "preflight.",
        epilog="FLUXPOD_* variables reach the pods. The exit code is the lead's.",
    )
    parser.add_argument("--size", type=int, metavar="N", help="number of pods (default 4)")
    parser.add_argument("--minicluster", metavar="FILE", help="take the cluster from this YAML")
    parser.add_argument("--flux", action=argparse.BooleanOptionalAction, default=None,
                        help="run real brokers, or fluxpod preflight (default: if flux is there)")  # fmt: skip
    parser.add_argument("--logs", metavar="DIR", help="keep the pods' logs and boot reports there")
    end = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:end])
    arguments.command = words[end + 1 :]
    if arguments.flux is None:
        arguments.flux = shutil.which("flux") is not None
    if arguments.flux and shutil.which("flux") is None:
        parser.error("--flux: there is no flux on PATH")
    if arguments.command and not arguments.flux:
        parser.error("a COMMAND needs flux on PATH: the lead's broker runs it")
    if arguments.size is not None and not 1 <= arguments.size <= 1000:
        parser.error("--size: from 1 to 1000 pods fit on a machine")
    # Read and opened here, since inside the namespaces /run is another one.
    try:
        if arguments.minicluster:
            arguments.minicluster = Path(arguments.minicluster).read_bytes()
        if arguments.logs:
            os.makedirs(arguments.logs, exist_ok=True)
            arguments.logs = os.open(arguments.logs, os.O_DIRECTORY)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    return arguments


class Cluster:
    """The cluster to boot: names, and the command line that all pods share."""

    def __init__(self, arguments):
        self.fluxpod = podnet.share_program(ROOT / "build/gcc/src/fluxpod")
        secret = Path(podnet.SHARE, "secret")
        secret.write_bytes(os.urandom(32).hex().encode())
        secret.chmod(0o600)
        Path(podnet.SHARE, "report").mkdir()

        options = ["--curve-secret", str(secret), "--wait-timeout", f"{PATIENCE}s"]
        if arguments.minicluster:
            file = Path(podnet.SHARE, "minicluster.yaml")
            file.write_bytes(arguments.minicluster)
            options += ["--minicluster", str(file)]
        else:
            options += ["--cluster-name", "flux-sample", "--service", "flux-service"]
        if arguments.size is not None or not arguments.minicluster:
            options += ["--size", str(arguments.size or 4)]
        self.plans = self._ask_plans(options)
        lead = self.plans[0]
        # NAME.SERVICE.NAMESPACE.svc.DOMAIN
        suffix = lead["pod"]["address"].split(".", 4)[1:]
        self.net = {"service": suffix[0], "namespace": suffix[1], "domain": suffix[3]}
        self.flux = arguments.flux
        self.command = arguments.command
        if self.flux and not self.command and "--" not in lead["launch"]["argv"]:
            self.command = ["flux", "resource", "list"]
        self.options = options
        # As the manifests have it, unless a FLUXPOD_* variable says otherwise.
        self.supervised = {"FLUXPOD_SUPERVISE": "true", "FLUXPOD_GRACE": f"{GRACE}s"}

    def _ask_plans(self, options):
        """Returns what fluxpod itself says about each pod that is expected now."""
        asked = [self.fluxpod, "render", *options, "--all", "--explain", "--format", "json"]
        done = subprocess.run(asked, capture_output=True, text=True, env=fluxpod_variables())
        if done.returncode != 0:
            print(done.stderr.strip(), file=sys.stderr)
            sys.exit(done.returncode)
        plans = json.loads(done.stdout)
        return plans[: plans[0]["cluster"]["size"]]

    def argv(self, name):
        words = [self.fluxpod, "run" if self.flux else "preflight", *self.options]
        words += ["--report", report_path(name)]
        return words + (["--", *self.command] if self.flux and self.command else [])

    def describe(self):
        if not self.flux:
            return "fluxpod preflight (no flux on PATH: the CURVE overlay without brokers)"
        return "flux broker, the lead runs: " + (" ".join(self.command) or "what the YAML says")


def fluxpod_variables():
    return {key: value for key, value in os.environ.items() if key.startswith("FLUXPOD_")}


def report_path(name):
    return f"{podnet.SHARE}/report/{name}"


# ---- what became of a pod ------------------------------------------------------------------------


class Story:
    """A pod's boot as its report, its log and its exit code show it."""

    def __init__(self, plan, pod):
        self.plan, self.pod = plan, pod
        self.rank = plan["pod"]["rank"]

    def stages(self):
        path = Path(report_path(self.pod.name))
        if not path.exists():
            return []
        whole = path.read_text().rpartition("\n")[0]  # the last line may be half written
        return [json.loads(line) for line in whole.splitlines()]

    def stage(self, name):
        return next((stage for stage in self.stages() if stage["stage"] == name), None)

    def failed(self):
        return self.pod.returncode not in (None, 0)

    def waited_for(self):
        parent = self.plan["tree"]["parent"]
        return parent["hostname"] if parent else "-"

    def how_long(self):
        gates = self.stage("gates")
        if self.waited_for() == "-":
            return "-"
        if gates:
            return f"{gates['seconds']:.3f}s"
        return f"{time.time() - self.pod.start_time:.1f}s.."

    def state(self):
        code = self.pod.returncode
        if code is None:
            stages = self.stages()
            return "runs" if stages and stages[-1]["stage"] == "launch" else "boots"
        fault = next((stage for stage in self.stages() if stage["verdict"] != "ok"), None)
        if fault:
            return f"exit {code}: failed at {fault['stage']}"
        return f"exit {code}" if code < 128 else f"ended by signal {code - 128}"


def boot(cluster, net, progress):
    """Starts all pods and waits for the lead; the others then have a grace period."""
    net.prepare([plan["pod"]["hostname"] for plan in cluster.plans])
    cwd = os.getcwd()
    if cwd.startswith(("/tmp", "/run")):  # a pod has its own
        cwd = "/"
    stories = []
    for plan in cluster.plans:
        name, rank = plan["pod"]["hostname"], plan["pod"]["rank"]
        env = {**cluster.supervised, **fluxpod_variables(), "JOB_COMPLETION_INDEX": str(rank)}
        stories.append(Story(plan, net.pod(name, cluster.argv(name), env=env, cwd=cwd)))

    lead = stories[0].pod
    last_moment = None
    while any(story.pod.poll() is None for story in stories):
        podnet.wait_any([story.pod for story in stories], 0.1)
        through = sum(1 for story in stories if story.stage("gates"))
        running = sum(1 for story in stories if story.pod.returncode is None)
        progress(f"{through} of {len(stories)} pods are through their gates", f", {running} run")
        over = lead.returncode is not None or any(story.failed() for story in stories)
        if over and last_moment is None:
            last_moment = time.time() + GRACE
        if last_moment and time.time() > last_moment:
            for story in stories:
                story.pod.signal(signal.SIGTERM)
            podnet.wait_any([lead], GRACE)
            for story in stories:
                story.pod.kill()
    return stories


# ---- what the user sees --------------------------------------------------------------------------


class Progress:
    """One line that is written over on a terminal; elsewhere a line for each change, without what
    is only of the moment."""

    def __init__(self):
        self.shown = None
        self.live = sys.stdout.isatty()

    def __call__(self, text, momentary=""):
        if self.live:
            text += momentary
        if text == self.shown:
            return
        self.shown = text
        print(f"\r\033[K{text}" if self.live else text, end="" if self.live else "\n", flush=True)

    def done(self):
        if self.live and self.shown:
            print("\r\033[K", end="")


def show_table(stories):
    """Those that failed first, if there are more than fit on the screen with their timelines."""
    most = min(16, max(4, (shutil.get_terminal_size((80, 44)).lines - 12) // 2))
    shown = sorted(stories, key=lambda story: not story.failed())[:most]
    shown.sort(key=lambda story: story.rank)
    rows = [("RANK", "NAME", "ADDRESS", "WAITED-FOR", "HOW-LONG", "STATE")]
    rows += [
        (str(story.rank), story.pod.name, story.pod.address, story.waited_for(), story.how_long(),
         story.state())
        for story in shown
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip())
    if len(stories) > len(shown):
        print(f"... and {len(stories) - len(shown)} more")
    return shown


def show_timeline(shown, fluxpod):
    reports = [report_path(story.pod.name) for story in shown if story.stages()]
    if reports:  # else nobody came so far as to say who it is
        print(flush=True)
        subprocess.run([fluxpod, "timeline", *reports])


def show_failures(stories):
    failed = [story for story in stories if story.failed()]
    for story in failed[:2]:
        # Without what Flux logs when all is well: syslog's levels 6 and 7.
        lines = [line for line in story.pod.log.splitlines() if not line.startswith(("<6>", "<7>"))]
        print(f"\nthe end of the log of {story.pod.name}:")
        print("\n".join("  " + line for line in lines[-8:]))


def keep_logs(directory, stories):
    directory = f"/proc/self/fd/{directory}"
    for story in stories:
        name = story.pod.name
        Path(directory, f"{name}.log").write_text(story.pod.log + story.pod.stdout)
        if Path(report_path(name)).exists():
            shutil.copy(report_path(name), Path(directory, f"{name}.report"))


def main():
    arguments = parse_arguments(sys.argv[1:])
    print("building fluxpod in build/gcc", flush=True)
    script = ["bash", "-euo", "pipefail", "-c", BUILD, "container/try", "src/fluxpod"]
    if subprocess.run(script, cwd=ROOT).returncode != 0:
        return 1
    podnet.enter()
    cluster = Cluster(arguments)
    print(f"{len(cluster.plans)} pods, each with {cluster.describe()}", flush=True)
    with podnet.Net(**cluster.net) as net:
        progress = Progress()
        stories = boot(cluster, net, progress)
        progress.done()
        lead = stories[0].pod
        if lead.stdout:
            print(lead.stdout.rstrip() + "\n")
        shown = show_table(stories)
        show_timeline(shown, cluster.fluxpod)
        show_failures(stories)
        if arguments.logs:
            keep_logs(arguments.logs, stories)
    # A lead that was only stopped because another pod failed may well have ended with 0.
    first_failed = next((story.pod for story in stories if story.failed()), lead)
    code = lead.returncode or first_failed.returncode
    print(f"\n{'the cluster booted' if code == 0 else 'it failed'}: exit code {code}")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # while it builds; later, podnet.enter's guard sees to it
        sys.exit(128 + signal.SIGINT)
