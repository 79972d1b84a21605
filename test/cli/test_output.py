# SPDX-License-Identifier: Apache-2.0
"""Standard output and stderr that nobody reads, or that nobody reads any more."""

import contextlib
import os
import re
import signal
import subprocess

import pytest

OUTPUTS = [["help"], ["--help"], ["help", "--man"], ["keygen", "-"], ["render"], ["topology"],
           ["render", "--all", "--size", "64", "--index", "0", "--hostname", "fp-0",
            "--cluster-name", "fp", "--node-rule", "off", "--curve-cert", "/dev/null"]]  # fmt: skip


@pytest.fixture
def full_pipe():
    """The ends of a pipe in which there is no room."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write_end, b"x" * 4096)
    os.set_blocking(write_end, True)
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


@pytest.mark.parametrize("words", OUTPUTS, ids=" ".join)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_write_to_a_full_pipe(fluxpod, full_pipe, words, number):
    process = subprocess.Popen([fluxpod, *words], stdout=full_pipe[1], stderr=subprocess.PIPE)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(number)
        assert process.wait(20) in (128 + number, -number)
    finally:
        process.kill()


@pytest.mark.parametrize("words", OUTPUTS, ids=" ".join)
def test_a_reader_that_has_left_ends_a_write_by_sigpipe(fluxpod, words):
    read_end, write_end = os.pipe()
    os.close(read_end)
    process = subprocess.Popen([fluxpod, *words], stdout=write_end, stderr=subprocess.PIPE)
    os.close(write_end)
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == -signal.SIGPIPE and errors == b""


def test_a_reader_that_has_left_is_an_error_if_sigpipe_is_ignored(fluxpod):
    read_end, write_end = os.pipe()
    os.close(read_end)
    process = subprocess.Popen(
        [fluxpod, "help"], stdout=write_end, stderr=subprocess.PIPE, restore_signals=False
    )
    os.close(write_end)
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == 13 and b"Broken pipe" in errors


def test_a_log_that_nobody_reads_holds_up_nothing(fluxpod, full_pipe):
    words = [fluxpod, "wait", "--log-level", "debug", "file:/nonexistent"]
    process = subprocess.Popen(words, stderr=full_pipe[1])
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
    finally:
        process.kill()


def test_lines_that_nobody_read_are_counted_once_there_is_room(fluxpod, full_pipe):
    words = [fluxpod, "wait", "--log-level", "debug", "file:/nonexistent"]
    process = subprocess.Popen(words, stderr=full_pipe[1])
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        os.set_blocking(full_pipe[0], False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.read(full_pipe[0], 65536)
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
        log = os.read(full_pipe[0], 65536).decode()
        told = r"fluxpod: warning: \d+ log lines were lost, since nobody read stderr\n"
        assert re.match(told, log)
    finally:
        process.kill()


def test_a_closed_stderr_ends_nothing(fluxpod):
    words = ["sh", "-c", 'exec "$0" wait --log-level debug file:/ 2>&-', fluxpod]
    assert subprocess.run(words, timeout=20).returncode == 0
