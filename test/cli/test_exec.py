# SPDX-License-Identifier: Apache-2.0
"""run in exec mode: what the broker is given, and how a boot ends that never reaches it."""

import os
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import podnet
import pytest


def test_the_broker_takes_the_place_of_fluxpod(start, lead, dump):
    process = start(lead("--", "date"))
    pid_inside = int(dump(process).status["pid"])
    assert pid_inside in (1, process.pid)


def test_the_status_of_the_broker_is_the_status(start, lead):
    assert start(lead("--", "end", "exit=7")).wait(10) == 7


def test_a_broker_that_a_signal_ends_is_128_plus_it(start, lead):
    process = start(lead("--", "hang"))
    podnet.until(lambda: "pid " in process.stdout, 10)
    process.signal(signal.SIGKILL)
    assert process.wait(10) == 128 + signal.SIGKILL


def test_arguments_arrive_byte_for_byte(start, lead, dump):
    command = [b"a program", b"", b"two words", b"--", b"$HOME `x` \"'\\", b"\xff\xfe", b"-n1",
               b"\n"]  # fmt: skip
    argv = dump(start(lead("--", *command))).argv
    assert argv[-len(command) :] == command


def test_the_environment_is_passed_on_byte_for_byte(start, lead, dump):
    given = [
        b"PATH=/usr/bin:/bin",
        b"HOME=/tmp",  # one that takes files is kept
        b"TWICE=1",
        b"TWICE=2",
        b"no equals sign",
        b"BYTES=\xff \n\t$x\"'",
        b"EMPTY=",
        b"=odd",
    ]
    env = dump(start(lead("--", "date"), env=given)).env
    assert env[: len(given)] == given
    ours = [entry.split(b"=")[0] for entry in env[len(given) :]]
    assert all(name.startswith(b"FLUX") for name in ours), ours


@pytest.mark.parametrize("before, then", [("", "{}"), ("/own", "/own:{}"), ("{}", "{}"),
                                          ("/own:{}:/more", "/own:{}:/more")])  # fmt: skip
def test_a_search_path_is_extended_once(start, lead, dump, tmp_path, before, then):
    """Manifests set it for those who submit from outside."""
    ours = str(tmp_path / "root/etc/flux/shell")
    env = {"PATH": os.environ["PATH"]}
    if before:
        env["FLUX_SHELL_RC_PATH"] = before.format(ours)
    seen = dump(start(lead("--cpu-limit", "1", "--", "date"), env=env)).env
    assert f"FLUX_SHELL_RC_PATH={then.format(ours)}".encode() in seen


def test_a_clean_signal_state_stays_clean(start, lead, dump):
    seen = dump(start(lead("--", "date")))
    fields = ("SigBlk", "SigIgn", "SigPnd", "ShdPnd")
    assert [seen.signals(field) for field in fields] == [set()] * 4


def test_the_inherited_mask_is_the_brokers_mask(start, lead, dump):
    blocked = {signal.SIGUSR1, signal.SIGHUP, signal.SIGTSTP, signal.SIGRTMIN}
    process = start(
        lead("--", "date"), setup=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    )
    assert dump(process).signals("SigBlk") == blocked


def test_ignored_signals_stay_ignored(start, lead, dump):
    ignored = {signal.SIGPIPE, signal.SIGINT, signal.SIGUSR2, signal.SIGCHLD, signal.SIGTTOU}

    def ignore():
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    assert dump(start(lead("--", "date"), setup=ignore)).signals("SigIgn") == ignored


def test_a_signal_that_is_none_of_ours_stays_pending_for_the_broker(start, lead, dump):
    def leave_pending():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        os.kill(os.getpid(), signal.SIGUSR1)

    seen = dump(start(lead("--", "date"), setup=leave_pending))
    assert signal.SIGUSR1 in seen.signals("ShdPnd") | seen.signals("SigPnd")


def test_a_termination_that_was_pending_at_the_start_ends_the_boot(start, lead):
    def leave_pending():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        os.kill(os.getpid(), signal.SIGTERM)

    process = start(lead("--", "date"), setup=leave_pending)
    assert process.wait(10) == 128 + signal.SIGTERM
    assert process.stdout == ""


def test_our_own_sigpipe_does_not_end_the_broker(start, lead):
    """The log has no reader, and each of its lines leaves a SIGPIPE pending."""

    def nobody_reads():
        read_end, write_end = os.pipe()
        os.dup2(write_end, 2)
        os.close(read_end)
        os.close(write_end)

    assert start(lead("--", "end", "exit=7"), setup=nobody_reads).wait(10) == 7


@pytest.fixture
def slowed(tmp_path):
    """Makes a running process's next system calls of that name take two seconds more."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace")
    tracers = []

    def slow(pid, call, when):
        seen = tmp_path / "strace"
        tracers.append(subprocess.Popen(
            ["strace", "-qq", "-o", seen, "-e", f"inject={call}:{when}=2000000", "-e",
             f"trace={call}", "-p", str(pid)], stderr=subprocess.DEVNULL,
        ))  # fmt: skip
        podnet.until(lambda: "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text(), 10)
        return seen

    yield slow
    for tracer in tracers:
        tracer.kill()
        tracer.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("when", ["delay_enter", "delay_exit"])
def test_a_signal_after_the_last_look_ends_the_boot(start, fluxpod, tmp_path, slowed, when, number):
    """Between the wait and execve(2): while signals are still blocked, and when they no longer are.
    PID 1 has no default action, and the kernel would drop the signal."""
    path = tmp_path / "file"
    process = start([fluxpod, "wait", f"file:{path}", "--", "sh", "-c", "echo began; sleep 100"])
    podnet.until(lambda: str(path) in process.log, 10, "the wait")
    seen = slowed(process.pid, "rt_sigprocmask", when)
    path.touch()
    podnet.until(lambda: seen.exists() and "SIG_SETMASK" in seen.read_text(), 10, "the last step")
    process.signal(number)
    assert process.wait(20) == 128 + number
    assert process.stdout == ""


def test_no_descriptor_of_ours_reaches_the_broker(start, lead, dump, tmp_path):
    report = str(tmp_path / "report")
    assert set(dump(start(lead("--report", report, "--", "date"))).fds) == {0, 1, 2}


def test_inherited_descriptors_are_kept(start, lead, dump, tmp_path):
    inherited = {3: "three", 7: "seven", 50: "fifty"}

    def open_them():
        for number, name in inherited.items():
            fd = os.open(tmp_path / name, os.O_CREAT | os.O_RDWR)
            os.dup2(fd, number, inheritable=True)
            if fd not in inherited:
                os.close(fd)

    fds = dump(start(lead("--", "date"), setup=open_them)).fds
    assert {n: target for n, target in fds.items() if n > 2} == {
        n: str(tmp_path / name) for n, name in inherited.items()
    }


@pytest.mark.parametrize("closed", [{0}, {2}, {0, 2}], ids=str)
def test_closed_standard_descriptors_stay_closed(start, lead, dump, closed):
    process = start(lead("--", "date"), setup=lambda: [os.close(fd) for fd in closed])
    assert set(dump(process).fds) == {0, 1, 2} - closed


def test_a_script_without_an_interpreter_line_is_run_by_the_shell(start, lead, tmp_path):
    script = tmp_path / "flux"
    script.write_text("echo shell $#; exit 5\n")
    script.chmod(0o755)
    process = start(lead("--flux", str(script), "--", "date"))
    assert process.wait(10) == 5, process.log
    assert process.stdout.startswith("shell ")


def test_flux_is_found_in_the_path(start, lead, dump, fake_flux):
    env = {"PATH": f"/nonexistent::{fake_flux}:/usr/bin:/bin"}
    seen = dump(start(lead("--flux", "flux", "--", "date"), env=env))
    assert seen.argv[0].endswith(b"flux")


def test_a_missing_flux_is_127_before_anything_is_written(start, lead, refuses, tmp_path):
    env = {"PATH": "/nonexistent:/usr/bin:/bin"}
    process = start(lead("--flux", "flux", "--", "date"), env=env)
    refuses(process, 127, "flux", "No such file", "PATH", "/nonexistent")
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("kind", ["a directory", "not executable", "a broken interpreter line"])
def test_a_flux_that_cannot_be_run(start, lead, refuses, tmp_path, kind):
    flux = tmp_path / "flux"
    if kind == "a directory":
        flux.mkdir()
    else:
        flux.write_text("#!/nonexistent/interpreter\n")
        flux.chmod(0o644 if kind == "not executable" else 0o755)
    code = 127 if kind == "a broken interpreter line" else 126
    refuses(start(lead("--flux", str(flux), "--", "date")), code, str(flux))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_the_wait_at_once(start, follower, number):
    process = start(follower("--wait-timeout", "60s"))
    podnet.until(lambda: "wait" in process.log or "not" in process.log, 10, "the wait")
    process.signal(number)
    assert process.wait(10) == 128 + number, process.log
    assert process.stdout == ""


def test_a_follower_is_exec_ed_once_its_parent_answers(net, fluxpod, fake_flux, secret, dump):
    """End to end, with a lead that is only a roll call."""
    options = ["--size", "3", "--service", "flux-service", "--curve-secret", secret]
    lead_pod = net.pod("up-0", [fluxpod, "preflight", *options])
    pod = net.pod("up-1", [fluxpod, "run", *options, "--flux", str(fake_flux / "flux")])
    seen = dump(pod)
    assert seen.status["pid"] == "1"
    assert seen.argv[1] == b"broker"
    assert set(seen.fds) == {0, 1, 2}
    assert seen.signals("SigBlk") == set()
    lead_pod.kill()


def test_the_files_of_a_boot_have_their_modes(start, fluxpod, lead, secret, tmp_path, dump):
    root = tmp_path / "root"
    dump(start(lead("--curve-secret", secret, "--", "date")))
    modes = {
        "curve/curve.cert": 0o600,
        "etc/flux/config/broker.toml": 0o644,
        "etc/flux/system/R": 0o644,
        "etc/flux/system/hostlist": 0o644,
        "run/state.json": 0o644,
    }
    assert {path: stat.S_IMODE((root / path).stat().st_mode) for path in modes} == modes
    leftovers = [path for path in root.rglob("*") if path.is_file()]
    assert len(leftovers) == len(modes), leftovers
