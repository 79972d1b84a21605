# SPDX-License-Identifier: Apache-2.0
"""The frame of test/run itself."""

import subprocess
import sys
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
