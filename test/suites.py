# SPDX-License-Identifier: Apache-2.0
"""The suites of test/run: cheap checks, builds, and the tests of what was built. They run in two
lanes beside each other: one computes without a pause, with low priority, and one mostly waits."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import xml.etree.ElementTree
from pathlib import Path

import processes

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test/lint"))
import prose  # noqa: E402

BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"
WORKERS = os.cpu_count() or 1
lane = threading.local()  # .niceness of the commands that this thread starts
stopping = threading.Event()  # test/run ends: start nothing any more


class Outcome:
    """The counts of a suite, and its output if it failed."""

    def __init__(self, passed=0, failed=0, skipped=0, details="", left_out=()):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.details = details
        self.left_out = list(left_out)  # reasons

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.details += other.details
        self.left_out += other.left_out
        return self


# A suite is stopped for doing nothing, or for computing without end, never for a slow machine.
IDLE_LIMIT = 300  # seconds without output and without CPU time
CPU_LIMIT = 3600  # seconds of CPU time of the command and all that it started


def run(command, **how):
    """The exit code and the joined output. A command that is stopped leaves no process."""
    if stopping.is_set():
        return 1, "not started: test/run is ending\n"
    niceness = getattr(lane, "niceness", 0)
    if niceness:
        command = ["nice", "-n", str(niceness), *command]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True, **how,
        )  # fmt: skip
        if niceness:  # sched(7): a session may be one for the scheduler, with a niceness of its own
            with contextlib.suppress(OSError):
                Path(f"/proc/{process.pid}/autogroup").write_text(str(niceness))
        reason = stop_reason(process, output)
        if reason:
            processes.kill(processes.descendants(process.pid) | {process.pid})
            process.wait()
        output.seek(0)
        text = output.read().decode(errors="replace")
    return (1, f"{text}\nstopped: {reason}\n") if reason else (process.returncode, text)


def stop_reason(process, output):
    """Why a running command has to be stopped; None when it has ended."""
    seen, since, used = None, time.monotonic(), 0.0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(min(5, IDLE_LIMIT / 4))
            return None
        # Time of a child that ended counts for its parent, once that has waited for it.
        used = max(used, processes.cpu_seconds(processes.descendants(process.pid) | {process.pid}))
        now = (os.fstat(output.fileno()).st_size, round(used, 1))
        if now != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() - since > IDLE_LIMIT:
            return f"no output and no CPU time for {IDLE_LIMIT} s"
        if used > CPU_LIMIT:
            return f"more than {CPU_LIMIT} s of CPU time"


def for_each(function, things):
    """The joined outcomes of a function that is called for each thing, as many at once as there
    are CPUs."""
    niceness = getattr(lane, "niceness", 0)
    total = Outcome()
    with concurrent.futures.ThreadPoolExecutor(
        WORKERS, initializer=lambda: setattr(lane, "niceness", niceness)
    ) as pool:
        for outcome in pool.map(function, things):
            total += outcome
    return total


def one_check(command, **how):
    code, output = run(command, **how)
    return Outcome(passed=1) if code == 0 else Outcome(failed=1, details=output)


def sources(*rooms):
    return sorted(
        str(path.relative_to(ROOT))
        for room in rooms
        for path in (ROOT / room).rglob("*")
        if path.suffix in (".cpp", ".hpp")
    )


# ---- checks of the text --------------------------------------------------------------------------


def check_format():
    files = sources("src", "include", "test")
    return one_check(["clang-format-14", "--dry-run", "-Werror", *files])


def check_layers():
    return one_check([sys.executable, "-B", "test/lint/check_layers.py"])


def check_lint():
    """The words and references of the tree, and the usual checkers of Python and shell."""
    total = one_check([sys.executable, "-B", "test/lint/check_english.py"])
    total += one_check([sys.executable, "-B", "test/lint/check_lines.py"])
    total += one_check([sys.executable, "-m", "pyflakes", *scripts("python")])
    total += one_check(["shellcheck", "--external-sources", *scripts("bash")])
    return total


def scripts(language):
    """Files of ours in Python or bash: by their suffix, or by their first line."""
    found = []
    for path in prose.files(ROOT):
        first = (ROOT / path).read_bytes()[:100].partition(b"\n")[0]
        is_script = first.startswith(b"#!") and language.encode() in first
        if is_script or path.endswith({"python": ".py", "bash": ".sh"}[language]):
            found.append(path)
    return found


def check_docs():
    return one_check([sys.executable, "-B", "test/lint/check_docs.py", str(fluxpod())])


def check_tidy():
    """Each room as one file: clang-tidy looks at the headers of Asio once, and not once for each of
    its files. A room that passed is not looked at again before it, a header or the rules change."""
    rules = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for header in sources("include", "src"):
        if header.endswith(".hpp"):
            rules.update((ROOT / header).read_bytes())
    # Set up and not built: the sanitizers' build has no command for a file alone.
    total = one_check(["bash", "-c", "set -euo pipefail; source container/prepare.sh; "
                       "configure tidy -Dtests=false -Dbuildtype=plain -Dwhole_rooms=true"],
                      env={**os.environ, "CXX": "clang++-14"})  # fmt: skip
    if total.failed:
        return total
    total = tidy_finds_what_is_planted()
    stamps = BUILD / "tidy-passed"
    stamps.mkdir(exist_ok=True)

    def tidy(room):
        key = rules.copy()
        key.update(room.name.encode() + files_of(room))
        stamp = stamps / key.hexdigest()
        if stamp.exists():
            return Outcome(passed=1)
        outcome = one_check(["clang-tidy-14", "-p", str(BUILD / "tidy"), "--quiet", str(room)])
        if outcome.failed == 0:
            stamp.touch()
        return outcome

    def files_of(room):
        names = re.findall(r"^#include *[<\"](.*)[>\"]", room.read_text(), re.MULTILINE)
        return b"".join(Path(name).read_bytes() for name in names)

    rooms = list((BUILD / "tidy/src").glob("*.p/*-unity*.cpp"))
    # The long ones first, so that the workers end together.
    rooms.sort(key=lambda room: -len(files_of(room)))
    total += for_each(tidy, rooms)
    return total


def tidy_finds_what_is_planted():
    """clang-tidy by default looks at included files less closely, above all its analyzer."""
    with tempfile.TemporaryDirectory() as directory:
        planted = Path(directory, "src/planted.cpp")
        planted.parent.mkdir()
        planted.write_text("int BadName(int n) { return n / (n > 2 ? 0 : 1); }\n")
        room = Path(directory, "room.cpp")
        room.write_text(f"#include <{planted}>\n")
        _, output = run(["clang-tidy-14", f"--config-file={ROOT / '.clang-tidy'}", "--quiet",
                         str(room), "--", "-std=c++20"])  # fmt: skip
    expected = ("readability-identifier-naming", "clang-analyzer-core.DivideZero")
    missing = [check for check in expected if check not in output]
    return Outcome(failed=1, details=f"{missing} not found in: {output}") if missing else Outcome()


# ---- builds --------------------------------------------------------------------------------------


def build(directory, options, compiler=None):
    script = (
        "set -euo pipefail; source container/prepare.sh; "
        f'configure {directory} "$@"; quietly meson configure "$repo/build/{directory}" "$@"; '
        f"build {directory}"
    )
    environment = {**os.environ, "CCACHE_NOHASHDIR": "1"}
    if compiler:
        environment["CXX"] = compiler
    return one_check(["bash", "-c", script, "build", *options], env=environment)


def build_gcc():
    return build("gcc", ["-Dtests=true", "-Dwhole_rooms=true", "-Ddebug=false"], "g++")


def build_clang():
    return build(
        "clang",
        ["-Dtests=true", "-Dwhole_rooms=true", "-Dbuildtype=plain",
         "-Db_sanitize=address,undefined", "-Db_lundef=false",
         # clang 14's function sanitizer cannot be combined with coroutines. The check of vptr needs
         # descriptors, which some tests take away.
         "-Dcpp_args=-gline-tables-only -fno-sanitize=function,vptr"],
        "clang++-14",
    )  # fmt: skip


def build_static():
    return one_check(["container/release"])


def fluxpod():
    return BUILD / "gcc/src/fluxpod"


# ---- tests ---------------------------------------------------------------------------------------


def doctest_programs(directory):
    """Each unit test program once; its test cases are what is counted."""
    listed = subprocess.run(
        ["meson", "introspect", "--tests", str(BUILD / directory)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    environment = {
        **os.environ,
        "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:check_initialization_order=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }

    def run_program(test):
        code, output = run(test["cmd"], env={**environment, **test["env"]})
        counts = re.search(r"test cases: *\d+ \| *(\d+) passed \| *(\d+) failed", output)
        passed, failed = (int(counts[1]), int(counts[2])) if counts else (0, 0)
        if code != 0 and failed == 0:  # it crashed, or a sanitizer spoke
            failed = 1
        return Outcome(passed, failed, details=output if failed else "")

    return for_each(run_program, json.loads(listed.stdout))


def unit():
    return doctest_programs("gcc")


def sanitize():
    return doctest_programs("clang")


def pytest_suite(*words):
    results = LOGS / "pytest.xml"
    with contextlib.suppress(FileNotFoundError):
        results.unlink()
    code, output = run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
         f"--junitxml={results}", *words],
        env={**os.environ, "FLUXPOD": str(fluxpod())},
    )  # fmt: skip
    if not results.exists():
        return Outcome(failed=1, details=output)
    suite = xml.etree.ElementTree.parse(results).getroot().find("testsuite")
    failed = int(suite.get("failures")) + int(suite.get("errors"))
    skipped = int(suite.get("skipped"))
    passed = int(suite.get("tests")) - failed - skipped
    if code not in (0, 1, 5):
        failed += 1
    reasons = sorted({mark.get("message") for mark in suite.iter("skipped")})
    return Outcome(passed, failed, skipped, output if failed else "", reasons)


def fuzz():
    """Each target for a bounded number of runs; test/fuzz/run SECONDS is for finding more."""
    code, output = run(["test/fuzz/run"])
    passed = output.count(", nothing found")
    failed = max(output.count("found something"), int(code != 0))
    return Outcome(passed, failed, details=output if failed else "")


def cli():
    return pytest_suite("test/cli")


def release():
    return pytest_suite("test/release")


def cluster():
    return pytest_suite("test/cluster", "-m", "not flux")


def flux():
    return pytest_suite("test/cluster", "-m", "flux")


# ---- all of it -----------------------------------------------------------------------------------


class Suite:
    def __init__(self, function, needs=None, after=None, waits=False):
        self.function = function
        self.needs = needs  # the build that it tests
        self.after = after  # a build of which it tests more, if that was made
        self.waits = waits  # whether it mostly waits: then it runs beside the builds


SUITES = {
    "format": Suite(check_format, waits=True),
    "layers": Suite(check_layers, waits=True),
    "lint": Suite(check_lint, waits=True),
    "build-gcc": Suite(build_gcc),
    "docs": Suite(check_docs, "build-gcc", waits=True),
    "unit": Suite(unit, "build-gcc", waits=True),
    "build-static": Suite(build_static),
    "cli": Suite(cli, "build-gcc", waits=True),
    "release": Suite(release, "build-static", waits=True),
    "cluster": Suite(cluster, "build-gcc", after="build-static", waits=True),
    "flux": Suite(flux, "build-gcc", after="build-static", waits=True),
    "build-clang": Suite(build_clang),
    "sanitize": Suite(sanitize, "build-clang"),
    "fuzz": Suite(fuzz),
    "tidy": Suite(check_tidy),
}
COMPUTING_NICENESS = 10


def choose(wanted):
    unknown = [name for name in wanted if name not in SUITES]
    if unknown:
        sys.exit(f"test/run: no suite {unknown[0]}; there are {', '.join(SUITES)}")
    chosen = set(wanted or SUITES)
    chosen |= {SUITES[name].needs for name in chosen if SUITES[name].needs}
    return [name for name in SUITES if name in chosen]


def main():
    processes.adopt_orphans()
    with processes.killed_at_the_end():
        try:
            return Run(choose(sys.argv[1:])).all()
        finally:
            stopping.set()


class Run:
    """Runs suites in two lanes, and prints a line for each that ended."""

    def __init__(self, names):
        self.names = names
        self.ended = {name: threading.Event() for name in names}
        self.broken = set()
        self.not_run = {}  # a suite that failed: those that need it
        self.total = Outcome()
        self.printing = threading.Lock()

    def all(self):
        LOGS.mkdir(parents=True, exist_ok=True)
        print(f"{'suite':12}{'passed':>8}{'failed':>8}{'skipped':>8}{'time':>8}", flush=True)
        # Daemons, so that a signal need not wait for them.
        lanes = [threading.Thread(target=self.lane, args=(waits,), daemon=True)
                 for waits in (True, False)]  # fmt: skip
        for each in lanes:
            each.start()
        for each in lanes:
            each.join()
        for build, without in self.not_run.items():
            print(f"not run, and counted as failed, since {build} failed: {', '.join(without)}")
            self.total.failed += len(without)
        for reason in self.total.left_out:
            print(f"left out: {reason}")
        total = self.total
        skipped = f", {total.skipped} skipped" if total.skipped else ""
        print(f"{total.passed} passed, {total.failed} failed{skipped}")
        return 1 if total.failed else 0

    def lane(self, waits):
        lane.niceness = 0 if waits else COMPUTING_NICENESS
        for name in self.names:
            if SUITES[name].waits == waits:
                try:
                    self.one(name)
                finally:
                    self.ended[name].set()

    def one(self, name):
        suite = SUITES[name]
        for build in (suite.needs, suite.after):
            if build in self.ended:
                self.ended[build].wait()
        if suite.needs in self.broken:
            self.not_run.setdefault(suite.needs, []).append(name)
            return
        begun = time.monotonic()
        try:
            outcome = suite.function()
        except Exception:  # a fault of the suite's own
            outcome = Outcome(failed=1, details=traceback.format_exc())
        seconds = time.monotonic() - begun
        if outcome.failed:
            self.broken.add(name)
        with self.printing:
            self.report(name, outcome, seconds)

    def report(self, name, outcome, seconds):
        print(f"{name:12}{outcome.passed:8}{outcome.failed:8}{outcome.skipped:8}{seconds:7.0f}s",
              flush=True)  # fmt: skip
        if outcome.failed:
            log = LOGS / f"{name}.log"
            log.write_text(outcome.details)
            print("\n".join("    " + line for line in outcome.details.splitlines()[-60:]))
            print(f"    (all of it: {log.relative_to(ROOT)})", flush=True)
        outcome.left_out = [f"{name}: {reason}" for reason in outcome.left_out]
        self.total += outcome


if __name__ == "__main__":
    sys.exit(main())
