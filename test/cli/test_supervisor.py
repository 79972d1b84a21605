# SPDX-License-Identifier: Apache-2.0
"""run --supervise with a broker that a test scripts, as PID 1 and as an ordinary process: the
status, signals, the grace period, and what is left behind. test/cluster/test_supervise.py has real
ones."""

import contextlib
import glob
import os
import signal
import subprocess
import time
from pathlib import Path

import podnet
import pytest
from command_line import command_line
from fake_broker import FakeBroker


@pytest.fixture
def supervised(start, fluxpod, tmp_path):
    """Starts a lead whose broker is this line of shell, and whose instance is in that state. None:
    its broker accepts every question and answers none."""
    brokers = []

    def run(line, *options, state="run", command=("program",), below=(), others="sleep 1000",
            topics=None, **how):  # fmt: skip
        program = tmp_path / "flux"
        # The commands that a hanging instance would hang.
        program.write_text(f'#!/bin/bash\ncase "$1" in\nbroker) {line};;\n*) {others};;\nesac\n')
        program.chmod(0o755)
        get = None if state is None else f'{{"state":"{state}"}}'
        topics = topics or ({"job_manager_queue_start": None} if state is None else {})
        socket = tmp_path / "root/run/flux/local"
        brokers.append(FakeBroker(socket, state_machine_get=get, **topics))
        words = command_line([fluxpod, "run", "--supervise"], {
            "--size": "1", "--cluster-name": "one", "--index": "0", "--hostname": "one-0",
            "--namespace": "default", "--root": str(tmp_path / "root"), "--flux": str(program),
            "--termination-log": str(tmp_path / "termination"),
        })  # fmt: skip
        Path(tmp_path / "termination").touch()
        return start([*below, *words(*options, "--", *command)], **how)

    yield run
    for broker in brokers:
        broker.close()


# `wait` is the only command of bash that a trap interrupts at any time.
WAITING = "sleep 1000 & echo begun; while :; do wait; done"
STUBBORN = f"trap '' TERM; {WAITING}"


def says(process, word, timeout=10):
    podnet.until(lambda: word in process.stdout, timeout, word)
    return process


@pytest.mark.parametrize("code", [0, 1, 7, 127, 255])
def test_the_brokers_status_is_the_status(supervised, tmp_path, code):
    process = supervised(f"exit {code}")
    assert process.wait(10) == code
    message = (tmp_path / "termination").read_text()
    assert (f"status {code}" in message) == (code != 0)


def test_a_broker_that_a_signal_ended_is_128_plus_it(supervised):
    assert supervised("kill -KILL $$").wait(10) == 137


def test_a_lead_is_not_started_again(supervised):
    process = supervised("echo begun; exit 1")
    assert process.wait(10) == 1
    assert process.stdout.count("begun") == 1


def test_sigterm_ends_the_broker_in_order(supervised):
    line = f"trap 'echo ending; exit 0' TERM; {WAITING}"
    process = says(supervised(line), "begun")
    process.signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert "ending" in process.stdout


def test_the_status_of_a_program_that_sigterm_ended_is_kept(supervised):
    process = says(supervised(f"trap 'exit 129' TERM; {WAITING}"), "begun")
    process.signal(signal.SIGTERM)
    assert process.wait(10) == 129


@pytest.mark.parametrize("state", ["join", "quorum", "init"])
def test_a_program_that_never_ran_is_a_failure(supervised, state):
    process = says(supervised(f"trap 'exit 0' TERM; {WAITING}", state=state), "begun")
    process.signal(signal.SIGTERM)
    assert process.wait(10) == 143


def test_a_second_signal_ends_at_once(supervised):
    process = says(supervised(STUBBORN), "begun")
    process.signal(signal.SIGTERM)
    podnet.until(lambda: "told to end" in process.log, 10)
    process.signal(signal.SIGINT)
    assert process.wait(10) == 137


def test_the_grace_period_is_kept_with_a_reserve(supervised):
    process = says(supervised(STUBBORN, "--grace", "2s"), "begun")
    begun = time.monotonic()
    process.signal(signal.SIGTERM)
    assert process.wait(10) == 137
    # The upper bound is tested in test/unit/supervise/supervisor_test.cpp, where time stands still.
    assert time.monotonic() - begun > 1
    assert "took too long" in process.log


def test_a_broker_that_answers_nothing_is_told_to_end_within_the_grace_period(supervised, tmp_path):
    """Each question is given up in time, so that the broker has the rest of the period."""
    line = f"trap 'echo ending; exit 0' TERM; {WAITING}"
    options = ("--grace", "6s", "--archive", str(tmp_path / "archive.tar"))
    process = says(supervised(line, *options, state=None), "begun")
    process.signal(signal.SIGTERM)
    # And in time: it would have been killed otherwise.
    assert process.wait(60) == 143
    assert "ending" in process.stdout


# What a dump needs of the instance.
IDLE = {"job_manager_queue_start": "{}", "job_manager_idle": "{}", "attr_rm": "{}"}


@pytest.mark.parametrize("seconds, saved, left_out",
                         [(0.1, True, False), (2, True, True), (60, False, False)])  # fmt: skip
def test_a_dump_is_saved_if_the_grace_period_holds_it(
    supervised, tmp_path, seconds, saved, left_out
):
    """A dump may take nearly the whole period of 6 s. Flux itself makes a second one at its end if
    there is time for it."""
    write = DUMP.replace("PATH", "__import__('sys').argv[1]").replace("SIZE", "1000")
    write = write.replace("python3 -", 'python3 - "${@: -1}"')
    archive = tmp_path / "archive.tar"
    process = says(
        supervised(f"trap 'exit 0' TERM; {WAITING}", "--grace", "6s", "--archive", str(archive),
                   command=(), others=f"sleep {seconds} && {write}\n", topics=IDLE),
        "begun",
    )  # fmt: skip
    begun = time.monotonic()
    process.signal(signal.SIGTERM)
    # A broker with so little time may end before it is killed, or not.
    assert process.wait(60) in ([0] if saved else [13, 137]), process.log
    assert archive.exists() == saved
    assert ("is left out" in process.log) == left_out
    assert (time.monotonic() - begun >= 4) == (seconds == 60)


# As Flux's dump begins, and large enough to be seen at work.
DUMP = """python3 - <<'END'
import tarfile
with tarfile.open(PATH, "w", format=tarfile.PAX_FORMAT) as tar:
    tar.addfile(tarfile.TarInfo("resource/eventlog"))
    large = tarfile.TarInfo("large")
    large.size = SIZE
    tar.addfile(large, open("/dev/zero", "rb"))
END"""


def test_a_lead_that_saves_is_alive(supervised, fluxpod, tmp_path):
    dump = tmp_path / "root/var/lib/flux/fluxpod-dump.tar"
    write = DUMP.replace("PATH", repr(str(dump))).replace("SIZE", str(400 << 20))
    archive = tmp_path / "archive.tar"
    lead = supervised(f"{write}\nexit 0", "--archive", str(archive))
    root = str(tmp_path / "root")
    probe = [fluxpod, "probe", "liveness", "--root", root, "--answer-within", "20s"]
    answers = []
    while lead.poll() is None:
        state = tmp_path / "root/run/state.json"
        saves = state.exists() and '"stage":"save"' in state.read_text()
        answer = subprocess.run(probe, capture_output=True, text=True)
        if saves and lead.poll() is None:
            answers.append(answer.stdout)
    assert lead.wait(60) == 0, lead.log
    assert archive.stat().st_size > 400 << 20
    assert answers
    assert [each for each in answers if ": yes" not in each] == []


def test_a_second_signal_stops_a_save_and_leaves_the_archive(supervised, tmp_path):
    dump = tmp_path / "root/var/lib/flux/fluxpod-dump.tar"
    write = DUMP.replace("PATH", repr(str(dump))).replace("SIZE", str(1 << 30))
    archive = tmp_path / "archive.tar"
    lead = supervised(f"{write}\nexit 0", "--archive", str(archive))
    podnet.until(lambda: Path(f"{archive}.new").exists(), 60, "the save")
    lead.signal(signal.SIGTERM)
    lead.signal(signal.SIGINT)
    assert lead.wait(20) == 137, lead.log
    assert "a second signal" in lead.log
    assert not archive.exists() and dump.exists()


def test_other_signals_are_the_brokers(supervised):
    traps = "trap 'echo got HUP' HUP; trap 'echo got USR1' USR1; trap 'exit 5' USR2"
    process = says(supervised(f"{traps}; {WAITING}"), "begun")
    process.signal(signal.SIGHUP)
    says(process, "got HUP")
    process.signal(signal.SIGUSR1)
    says(process, "got USR1")
    process.signal(signal.SIGUSR2)
    assert process.wait(10) == 5


def test_our_own_sigpipe_is_not_the_brokers(supervised):
    """The log has no reader."""

    def nobody_reads():
        read_end, write_end = os.pipe()
        os.dup2(write_end, 2)
        os.close(read_end)
        os.close(write_end)

    line = f"trap 'exit 13' PIPE; trap 'exit 5' WINCH; {WAITING}"
    process = says(supervised(line, setup=nobody_reads), "begun")
    process.signal(signal.SIGWINCH)
    assert process.wait(10) == 5


@pytest.mark.parametrize("start", ["child"], indirect=True)
def test_signals_that_were_ignored_at_the_start_end_nothing(supervised):
    """As nohup(1) and a script's `&` ignore them, and although Flux would catch them."""
    ignored = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)

    def ignore():
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    line = f"trap 'exit 5' USR2; {WAITING}"
    process = says(supervised(line, setup=ignore), "begun")
    for number in ignored:
        process.signal(number)
    process.signal(signal.SIGUSR2)
    assert process.wait(10) == 5
    assert "told to end" not in process.log


# Children from before the exec of fluxpod: one that runs, and one that leaves an orphan meanwhile.
HELPERS = """
sleep 4714 & helper=$!
sh -c 'until [ -e "$1/made" ]; do :; done; setsid sleep 4715 & echo $! >"$1/orphan"' sh "$0" &
echo $helper >"$0/helper"
exec "$@"
"""


def is_alive(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.parametrize("start", ["child"], indirect=True)
def test_children_of_before_and_their_orphans_outlive_the_pod(supervised, tmp_path):
    """Processes that the broker left are ended all the same."""
    line = (f"setsid sleep 4716 & touch {tmp_path}/made; "
            f"until [ -s {tmp_path}/orphan ]; do :; done; exit 4")  # fmt: skip
    process = supervised(line, below=("sh", "-c", HELPERS, str(tmp_path)))
    assert process.wait(10) == 4
    others = [int((tmp_path / name).read_text()) for name in ("helper", "orphan")]
    alive = [is_alive(pid) for pid in others]
    for pid in others:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert alive == [True, True]
    lines = [path.read_bytes() for path in map(Path, glob.glob("/proc/[0-9]*/cmdline"))]
    assert b"sleep\x004716\x00" not in lines


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 6), (signal.SIGUSR2, 5)])
def test_next_to_children_of_before_signals_and_the_status_are_the_same(supervised, number, code):
    line = f"trap 'exit 6' TERM; trap 'exit 5' USR2; {WAITING}"
    helper = 'sleep 20 & exec "$@"'  # which PID 1 ends with it, and nobody otherwise
    process = says(supervised(line, below=("sh", "-c", helper, "sh")), "begun")
    process.signal(number)
    assert process.wait(10) == code


def test_nothing_is_left_behind(supervised, tmp_path):
    """Also not what left the session and ignores SIGTERM."""
    stray = f"trap '' TERM; echo ready >{tmp_path}/stray; exec sleep 4711"
    script = f'setsid sh -c "{stray}" & until [ -s {tmp_path}/stray ]; do :; done; exit 4'
    process = supervised(script)
    assert process.wait(10) == 4
    lines = [path.read_bytes() for path in map(Path, glob.glob("/proc/[0-9]*/cmdline"))]
    assert b"sleep\x004711\x00" not in lines


def test_a_broker_that_cannot_be_started_is_reported_and_final(supervised, tmp_path):
    process = supervised("true", "--flux", str(tmp_path / "none"), "--wait-timeout", "100ms")
    assert process.wait(10) == 127
    assert "none" in process.log


def test_a_signal_before_the_launch_is_128_plus_it(start, fluxpod, secret, tmp_path, fake_flux):
    words = command_line([fluxpod, "run", "--supervise"], {
        "--size": "2", "--cluster-name": "two", "--index": "1", "--hostname": "two-1",
        "--namespace": "default", "--curve-secret": secret, "--root": str(tmp_path / "root"),
        "--hosts": "two-0.nowhere.example,two-1", "--flux": str(fake_flux / "flux"),
    })  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        process = start(words())
        podnet.until(lambda: "DNS" in process.log, 10)  # noqa: B023
        process.signal(number)
        assert process.wait(10) == 128 + number, process.log
