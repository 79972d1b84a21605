# SPDX-License-Identifier: Apache-2.0
"""The frame of test/run itself."""

import subprocess
import sys
import time
from pathlib import Path

import podnet
import processes
import suites

TEST = Path(suites.__file__).parent


def test_a_command_that_hangs_is_stopped_with_all_that_it_started(monkeypatch):
    monkeypatch.setattr(suites, "IDLE_LIMIT", 0.4)
    code, output = suites.run(["sh", "-c", "setsid sleep 86399 & echo $!; sleep 86399"])
    assert code == 1
    assert "stopped: no output and no CPU time" in output
    orphan = int(output.split()[0])
    podnet.until(lambda: processes.state(orphan) is None, 10, "the end of the orphan")


def test_a_command_that_computes_without_end_is_stopped(monkeypatch):
    monkeypatch.setattr(suites, "IDLE_LIMIT", 2)
    monkeypatch.setattr(suites, "CPU_LIMIT", 0.1)
    code, output = suites.run(["sh", "-c", "while :; do :; done"])
    assert code == 1
    assert "s of CPU time" in output


def test_a_command_that_ends_keeps_its_status_and_output():
    assert suites.run(["sh", "-c", "echo said; exit 3"]) == (3, "said\n")


def test_orphans_of_the_suites_end_with_them():
    script = (
        f"import sys; sys.path.insert(0, {str(TEST)!r}); import processes, subprocess\n"
        "processes.adopt_orphans()\n"
        "with processes.killed_at_the_end():\n"
        "    subprocess.run(['sh', '-c', 'setsid sleep 86399 & echo $!'], close_fds=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    orphan = int(done.stdout)
    podnet.until(lambda: processes.state(orphan) is None, 10, "the end of the orphan")


def run_suites(monkeypatch, tmp_path, **chosen):
    """Runs these suites; returns the exit code."""
    monkeypatch.setattr(suites, "ROOT", tmp_path)
    monkeypatch.setattr(suites, "LOGS", tmp_path)
    monkeypatch.setattr(suites, "SUITES", chosen)
    return suites.Run(list(chosen)).all()


def test_a_suite_that_waits_runs_beside_one_that_computes(monkeypatch, tmp_path, capsys):
    begun = suites.threading.Event()

    def meets():
        return suites.Outcome(passed=1) if begun.wait(30) else suites.Outcome(failed=1)

    def begins():
        begun.set()
        return suites.Outcome(passed=1)

    code = run_suites(monkeypatch, tmp_path, computes=suites.Suite(meets),
                      waits=suites.Suite(begins, waits=True))  # fmt: skip
    assert code == 0
    assert capsys.readouterr().out.endswith("2 passed, 0 failed\n")


def test_a_suite_waits_for_the_build_that_it_tests(monkeypatch, tmp_path, capsys):
    def build():
        time.sleep(0.2)  # a build takes a while; a suite that waits for it may take any time
        return suites.Outcome(passed=1)

    code = run_suites(monkeypatch, tmp_path, build=suites.Suite(build),
                      test=suites.Suite(lambda: suites.Outcome(passed=1), "build", waits=True))  # fmt: skip
    assert code == 0
    _, first, second, _ = capsys.readouterr().out.splitlines()
    assert (first.split()[0], second.split()[0]) == ("build", "test")


def test_suites_without_their_build_are_named_once_and_count_as_failed(
    monkeypatch, tmp_path, capsys
):
    def never():
        raise AssertionError("a suite was run without its build")

    code = run_suites(monkeypatch, tmp_path,
                      build=suites.Suite(lambda: suites.Outcome(failed=1, details="no")),
                      unit=suites.Suite(never, "build", waits=True),
                      cli=suites.Suite(never, "build", waits=True))  # fmt: skip
    output = capsys.readouterr().out
    assert code == 1
    assert "not run, and counted as failed, since build failed: unit, cli\n" in output
    assert output.endswith("0 passed, 3 failed\n")


def test_a_lane_that_computes_has_a_lower_priority(monkeypatch):
    niceness = ["sh", "-c", "nice"]
    before = int(suites.run(niceness)[1])
    monkeypatch.setattr(suites.lane, "niceness", 5, raising=False)
    assert int(suites.run(niceness)[1]) == min(before + 5, 19)
