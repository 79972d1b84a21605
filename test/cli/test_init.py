# SPDX-License-Identifier: Apache-2.0
"""fluxpod init; docs/pid1.md lists the tests of each behaviour. Each runs as PID 1, and as an
ordinary process if that makes a difference. PEER=tini (dumb-init, catatonit) puts another init in
its place, and skips a test whose option it does not have; docs/pid1.md has the result."""

import contextlib
import ctypes
import errno
import fcntl
import os
import resource
import select
import shlex
import shutil
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import podnet
import pytest
import seccomp
from command_line import command_line

CHILD = f"{podnet.SHARE}/bin/init_child"
COMMON = (1, 2, 3, 10, 12, 14, 15, 16, 23, 24, 25, 26, 27, 28, 29, 30, 31)
FAULTS = (4, 5, 6, 7, 8, 11)
STOPS = (20, 21, 22)
NEWNS, NEWPID = 0x00020000, 0x20000000
PEER = os.environ.get("PEER", "")


class Namespaced(podnet.Process):
    """A process that is PID 1 of a PID namespace with its own /proc, and nothing else."""

    def __init__(self, name):
        super().__init__(name)
        self.outer = os.open("/proc/self/ns/pid", os.O_RDONLY)

    def _fork(self):
        podnet._call("unshare", NEWPID)
        pid = os.fork()
        if pid != 0:
            podnet._call("setns", self.outer, NEWPID)
            os.close(self.outer)
        return pid

    def _surround(self):
        podnet._call("unshare", NEWNS)
        podnet.mount("proc", "/proc", "proc")


@pytest.fixture(scope="session", autouse=True)
def child_program():
    os.makedirs(os.path.dirname(CHILD), exist_ok=True)
    source = Path(__file__).parent / "init_child.c"
    subprocess.run(["cc", "-Wall", "-static", "-o", CHILD, source], check=True)


@pytest.fixture(params=["pid1", "child"])
def mode(request):
    return request.param


@pytest.fixture
def launch(unique_name):
    """Starts any command line in a mode; kills what is left at the end."""
    started = []

    def run(mode, argv, **how):
        kind = Namespaced if mode == "pid1" else podnet.Process
        process = kind(unique_name())
        started.append(process)
        process.start(argv, **how)
        return process

    yield run
    for process in started:
        for pid in descendants(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.kill()
    for pid in left_behind():
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def words_of_peer(mode, options):
    """How a peer is asked for the same; what changes only what is logged is left out."""
    if "--grace" in options:
        pytest.skip(f"{PEER} has no grace period")
    group = "--group" in options
    if PEER == "dumb-init":
        return [PEER] if group else [PEER, "--single-child"]
    # Told only if asked: https://github.com/krallin/tini#subreaping
    subreaper = ["-s"] if PEER == "tini" and mode == "child" else []
    return [PEER, *subreaper, *(["-g"] if group else [])]


@pytest.fixture
def under(fluxpod, mode):
    """Makes the words of an init, its options and a command."""

    def words(*command, options=()):
        init = words_of_peer(mode, options) if PEER else [fluxpod, "init", *options]
        return [shutil.which(init[0]), *init[1:], "--", *command]

    return words


@pytest.fixture
def init(launch, under, mode):
    """Runs words under fluxpod init."""

    def run(*words, options=(), **how):
        return launch(mode, under(*words, options=options), **how)

    return run


@pytest.fixture
def complains(refuses):
    """A failure of the init itself, which each has its own words and status for."""

    def check(process, code, *patterns):
        if not PEER:
            return refuses(process, code, *patterns)
        assert process.wait(10) != 0 and process.log

    return check


only_ours = pytest.mark.skipif(bool(PEER), reason="a decision of fluxpod, or shown in its own way")


def children(pid):
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return []


def descendants(pid):
    found = children(pid)
    for each in found:
        found += children(each)
    return found


def left_behind():
    """Processes that an ordinary init leaves come to us, who are PID 1 of all tests."""
    return [pid for pid in children(os.getpid())
            if status(pid, "Name") == "init_child" and state(pid) != "Z"]  # fmt: skip


def status(pid, field):
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return value.strip()
    return ""


def descriptors(pid):
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[fd] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return found


def state(pid):
    return status(pid, "State")[:1]


def idle(pid):
    """It waits in sigwaitinfo(2) for something to do."""
    try:
        return "sigtimedwait" in Path(f"/proc/{pid}/wchan").read_text() or state(pid) == "S"
    except OSError:
        return False


def ready(process):
    podnet.until(lambda: "ready" in process.stdout, 60, "the child")
    return process


def got(process):
    return [int(line.split()[1]) for line in process.stdout.splitlines() if line.startswith("got")]


def only_child(process):
    return podnet.until(lambda: len(children(process.pid)) == 1 and children(process.pid)[0], 10)


# ---- 1. exit status and exec ---------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 2, 126, 127, 128, 143, 255])
def test_the_exit_code_of_the_command_is_passed_on(init, code):
    process = init(CHILD, "exit", str(code))
    assert process.wait(10) == code


@pytest.mark.parametrize("number", [1, 2, 6, 9, 11, 13, 15, 34, 64])
def test_a_command_that_a_signal_ends_gives_128_plus_it(init, number):
    assert init(CHILD, "die", str(number)).wait(10) == 128 + number


def test_a_forwarded_sigterm_gives_143(init):
    process = ready(init(CHILD, "nothing"))
    process.signal(signal.SIGTERM)
    assert process.wait(10) == 143


@pytest.mark.parametrize(
    "kind, code",
    [("missing", 127), ("missing path", 127), ("below a file", 126), ("directory", 126),
     ("no x", 126), ("broken interpreter", 127)],
)  # fmt: skip
def test_a_command_that_cannot_be_run_gives_126_or_127_and_one_line(init, tmp_path, kind, code):
    name = str(tmp_path / "program")
    if kind == "missing":
        name = "no-such-program"
    elif kind == "below a file":
        name = "/etc/passwd/program"
    elif kind == "directory":
        os.mkdir(name)
    elif kind != "missing path":
        Path(name).write_text("#!/no/such/shell\n")
        os.chmod(name, 0o644 if kind == "no x" else 0o755)
    process = init(name)
    assert process.wait(10) == code
    assert os.path.basename(name) in process.log and len(process.log.splitlines()) == 1
    assert process.stdout == ""


@pytest.mark.parametrize("program", ["no-such-program", "broken"])
def test_a_failed_exec_gives_127_though_nobody_reads_stderr(init, tmp_path, program):
    def nobody_reads():
        read_end, write_end = os.pipe()
        os.dup2(write_end, 2)
        os.close(read_end)
        os.close(write_end)

    if program == "broken":
        program = str(tmp_path / "program")
        Path(program).write_text("#!/no/such/shell\n")
        os.chmod(program, 0o755)
    assert init(program, setup=nobody_reads).wait(10) == 127


def test_a_script_without_an_interpreter_line_is_run_by_sh(init, tmp_path):
    script = tmp_path / "script"
    script.write_text('echo "$1"; exit 4\n')
    script.chmod(0o755)
    process = init(str(script), "two words")
    assert process.wait(10) == 4
    assert process.stdout == "two words\n"


def test_without_a_path_variable_the_default_path_is_searched(init):
    assert init("sh", "-c", "exit 6", env=[b"A=1"]).wait(10) == 6


def test_a_fork_that_fails_gives_126_and_a_message(init, complains):
    def no_process_more():
        os.setgid(65534)
        os.setuid(65534)
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))

    complains(init("/bin/true", setup=no_process_more), 126, "fork")


@pytest.mark.parametrize(
    "words", [[], ["--"], ["true"], ["--grace", "--", "true"], ["--grace", "x", "--", "true"],
              ["--size", "3", "--", "true"]], ids=str,
)  # fmt: skip
@only_ours
def test_wrong_words_are_refused(launch, fluxpod, mode, refuses, words):
    code = 10 if "x" in words else 2
    refuses(launch(mode, [fluxpod, "init", *words]), code)


# ---- 2. signals ----------------------------------------------------------------------------------


def report(init, numbers, options=(), **how):
    return ready(init(CHILD, "report", *map(str, numbers), options=options, **how))


@pytest.mark.parametrize("options", [(), ("--group",)], ids=["alone", "group"])
def test_common_signals_are_forwarded(init, options):
    process = report(init, COMMON, options)
    for number in COMMON:
        process.signal(number)
    assert process.wait(10) == 0
    assert sorted(got(process)) == sorted(COMMON)


@pytest.mark.parametrize("options", [(), ("--group",)], ids=["alone", "group"])
def test_realtime_signals_are_forwarded_in_their_order(init, options):
    numbers = range(34, 65)
    process = report(init, numbers, options)
    for number in numbers:
        os.kill(process.pid, number)
    assert process.wait(10) == 0
    assert got(process) == list(numbers)


@pytest.mark.parametrize("options", [(), ("--group",)], ids=["alone", "group"])
def test_fault_signals_are_forwarded(init, options):
    process = report(init, FAULTS, options)
    for number in FAULTS:
        process.signal(number)
    assert process.wait(10) == 0
    assert sorted(got(process)) == sorted(FAULTS)


def test_stop_signals_are_forwarded(init):
    process = report(init, STOPS)
    for number in STOPS:
        process.signal(number)
    assert process.wait(10) == 0


@pytest.mark.parametrize("number", [1, 6, 15, 20, 28, 40])
def test_a_signal_from_inside_the_pod_is_forwarded(init, number):
    assert init(CHILD, "tell", str(number)).wait(10) == 0


def test_no_queued_realtime_signal_is_lost(init):
    process = report(init, [64])
    for _ in range(100):
        os.kill(process.pid, 40)
    os.kill(process.pid, 64)
    assert process.wait(10) == 0
    assert got(process).count(40) == 100


def test_the_value_of_a_queued_signal_is_passed_on(init):
    process = report(init, [40])
    libc = ctypes.CDLL(None)
    assert libc.sigqueue(process.pid, 40, ctypes.c_void_p(4711)) == 0
    assert process.wait(10) == 0
    assert "got 40 4711" in process.stdout


def test_fifty_hangups_in_a_row_all_arrive(init):
    process = report(init, [15])
    for count in range(1, 51):
        process.signal(signal.SIGHUP)
        podnet.until(lambda: got(process).count(1) == count, 10)  # noqa: B023
    process.signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_a_sigchld_from_a_user_is_not_forwarded(init):
    process = report(init, [15])
    for _ in range(20):
        process.signal(signal.SIGCHLD)
    process.signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert got(process) == [15]


@pytest.mark.parametrize("options", [(), ("--group",)], ids=["alone", "group"])
def test_signals_that_were_pending_before_the_start_arrive(init, options):
    numbers = [1, 2, 10, 12, 15, 20, 40]

    def leave_pending():
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        for number in numbers:
            os.kill(os.getpid(), number)

    process = init(CHILD, "report", *map(str, numbers), options=options, setup=leave_pending)
    assert process.wait(10) == 0


@pytest.mark.parametrize("options", [(), ("--group",)], ids=["alone", "group"])
def test_a_signal_between_fork_and_exec_ends_the_command(init, options):
    """A signal that comes at any moment between the fork and the exec ends the command."""
    for _ in range(15):
        process = init(CHILD, "nothing", options=options)
        podnet.until(lambda: children(process.pid) or process.poll() is not None, 10)  # noqa: B023
        process.signal(signal.SIGTERM)
        assert process.wait(10) == 143


def test_a_stop_and_a_continuation_reach_the_command(init):
    process = ready(init(CHILD, "nothing"))
    child = only_child(process)
    process.signal(signal.SIGTSTP)
    podnet.until(lambda: state(child) == "T", 10, "the stop")
    assert process.poll() is None
    process.signal(signal.SIGCONT)
    podnet.until(lambda: state(child) == "S", 10, "the continuation")
    process.signal(signal.SIGTERM)
    assert process.wait(10) == 143


def test_a_stopped_command_is_not_an_ended_one(init):
    process = ready(init(CHILD, "nothing"))
    child = only_child(process)
    os.kill(child, signal.SIGSTOP)
    podnet.until(lambda: state(child) == "T", 10)
    podnet.until(lambda: idle(process.pid), 10)
    assert process.poll() is None and state(child) == "T"
    os.kill(child, signal.SIGCONT)
    os.kill(child, signal.SIGKILL)
    assert process.wait(10) == 137


def test_orphans_are_reaped_while_the_command_is_stopped(init):
    process = ready(init(CHILD, "orphans", "50"))
    child, *orphans = children(process.pid)
    os.kill(child, signal.SIGSTOP)
    podnet.until(lambda: state(child) == "T", 10)
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)
    podnet.until(lambda: children(process.pid) == [child], 10)
    assert state(child) == "T"


def test_a_command_that_may_not_be_signalled_is_left_alone(launch, under, mode):
    words = under("setpriv", "--reuid=1234", "--clear-groups", CHILD, "report", "1")
    # Without CAP_KILL, which the command may not need.
    process = ready(launch(mode, ["setpriv", "--bounding-set=-kill", "--inh-caps=-all", *words]))
    for number in (15, 10, 40):
        process.signal(number)
    podnet.until(lambda: idle(process.pid), 10)
    assert process.poll() is None and process.log == "" and got(process) == []
    os.kill(only_child(process), 1)
    assert process.wait(10) == 0


@pytest.mark.parametrize("options", [(), ("--group",)], ids=["default", "option"])
def test_with_group_the_children_of_the_command_get_the_signal(init, options):
    """By default the command alone gets the signal, with --group its children as well."""
    line = f"{CHILD} nothing & {CHILD} nothing & trap 'exit 9' USR1; while :; do wait; done"
    process = init("sh", "-c", line, options=options)
    podnet.until(lambda: process.stdout.count("ready") == 2, 10)
    shell = only_child(process)
    others = children(shell)
    pidfds = [os.pidfd_open(pid) for pid in others]
    process.signal(signal.SIGUSR1)
    if options:
        assert all(select.select([fd], [], [], 10)[0] for fd in pidfds)
        assert process.wait(10) == 9
    else:
        assert process.wait(10) == 9
    for fd in pidfds:
        os.close(fd)


def test_init_below_init_forwards_signals(launch, under, mode):
    process = ready(launch(mode, under(*under(CHILD, "report", "15", "40"))))
    os.kill(process.pid, 40)
    process.signal(15)
    assert process.wait(10) == 0


def test_a_stopped_init_forwards_once_it_continues(init):
    process = report(init, [15, 18])
    os.kill(process.pid, signal.SIGSTOP)
    podnet.until(lambda: state(process.pid) == "T", 10)
    process.signal(15)
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait(10) == 0


def test_a_signal_gets_through_a_storm_of_orphans(init):
    """Also a signal whose number is above SIGCHLD's gets through."""
    process = ready(init(CHILD, "storm"))
    os.kill(process.pid, 34)
    assert process.wait(10) == 0


def test_a_signal_in_a_storm_of_orphans_is_soon_passed_on(init):
    """The best of three, while orphans end without a pause. On a quiet machine it is far less."""

    def delay():
        process = ready(init(CHILD, "storm"))
        begun = time.monotonic()
        os.kill(process.pid, 34)
        assert process.wait(30) == 0
        return float(process.stdout.split()[-1]) - begun

    assert min(delay() for _ in range(3)) < 10


@only_ours
def test_all_signals_are_blocked_before_the_first_file_is_opened(launch, fluxpod):
    """All signals are blocked before the program itself opens any file."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace")
    trace = launch("child", ["strace", "-f", "-o", "/proc/self/fd/1", "-e",
                             "trace=rt_sigprocmask,openat,execve", fluxpod, "init", "--", CHILD,
                             "exit", "0"])  # fmt: skip
    assert trace.wait(20) == 0
    calls = trace.stdout.splitlines()
    blocked = next(n for n, call in enumerate(calls) if "SIG_BLOCK, ~[]" in call or "~[RT" in call)
    mine = [call for call in calls[1:blocked] if "openat" in call and ".so" not in call
            and "/etc/ld" not in call and "/proc/" not in call and "/sys/" not in call]  # fmt: skip
    assert mine == []


# ---- 3. reaping ----------------------------------------------------------------------------------


def reaches(count, goal):
    """Waits as long as there is progress: how long that takes is the machine's affair."""
    while (now := count()) != goal:
        podnet.until(lambda: count() != now, 60, f"progress from {now}")  # noqa: B023


def test_five_thousand_orphans_are_all_reaped(init):
    process = init(CHILD, "orphans", "5000")
    reaches(lambda: len(children(process.pid)), 5001)
    ready(process).signal(signal.SIGUSR1)
    reaches(lambda: len(children(process.pid)), 1)
    process.signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_the_status_of_the_command_is_told_from_those_of_orphans(init):
    """The command's end among those of many others is not missed, nor is theirs taken for it."""
    line = f"for i in 1 2 3 4 5 6 7 8; do (exit 1) & {CHILD} leave nothing; done; exit 42"
    process = init("sh", "-c", line)
    assert process.wait(10) == 42


def test_a_child_from_before_the_exec_is_reaped(init):
    """A child that was there before the exec of the init."""
    made = []

    def leave_one():
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(write_end)
            os.read(read_end, 1)
            os._exit(7)
        os.set_inheritable(write_end, False)
        made.append(pid)

    process = report(init, [15], setup=leave_one)
    podnet.until(lambda: len(children(process.pid)) == 1, 10)
    process.signal(15)
    assert process.wait(10) == 0


def test_an_ignored_sigchld_at_the_start_changes_nothing(init):
    process = init(CHILD, "exit", "5", setup=lambda: signal.signal(17, signal.SIG_IGN))
    assert process.wait(10) == 5


@pytest.mark.parametrize("options", [(), ("--grace", "5")], ids=["plain", "grace"])
def test_idle_means_no_wakeup(init, options):
    process = report(init, [15], options)
    podnet.until(lambda: idle(process.pid), 10)

    def woken():
        return int(status(process.pid, "voluntary_ctxt_switches"))

    before = woken()
    assert not select.select([process._pidfd], [], [], 2)[0]  # nothing happens for two seconds
    assert woken() == before


def test_idle_means_no_cpu_time(init):
    """No tick of CPU while idle, by the kernel's own count in nanoseconds."""
    process = report(init, [15])
    podnet.until(lambda: idle(process.pid), 10)

    def used():
        return int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0])

    before = used()
    assert not select.select([process._pidfd], [], [], 1)[0]  # nothing happens for a second
    assert used() == before


def test_the_cost_of_reaping_grows_with_the_number_of_orphans(init):
    """What it costs to reap many orphans does not grow with their number squared."""

    def cost(count):
        process = ready(init(CHILD, "orphans", str(count)))
        schedstat = Path(f"/proc/{process.pid}/schedstat")
        before = int(schedstat.read_text().split()[0])
        process.signal(signal.SIGUSR1)
        reaches(lambda: len(children(process.pid)), 1)
        used = int(schedstat.read_text().split()[0]) - before
        process.signal(signal.SIGTERM)
        assert process.wait(10) == 0
        return used

    assert cost(2000) < 40 * cost(200)


@pytest.mark.parametrize("mode", ["child"])
def test_outside_pid_1_no_line_is_printed(init):
    process = init(CHILD, "exit", "0", options=("--log-level", "debug"))
    assert process.wait(10) == 0
    assert process.log == "" and process.stdout == ""


@pytest.mark.parametrize("mode", ["child"])
def test_outside_pid_1_init_is_a_subreaper(init):
    process = ready(init(CHILD, "orphans", "3"))
    assert len(children(process.pid)) == 4
    assert process.log == ""


def test_an_orphan_does_not_delay_the_end(init):
    process = init(CHILD, "leave", "stubborn")
    assert process.wait(5) == 3


# ---- 4. what the child gets ----------------------------------------------------------------------


@pytest.fixture
def dumped(init, fake_flux, dump):
    def run(*words, **how):
        return dump(init(str(fake_flux / "flux"), *words, **how))

    return run


def test_a_clean_signal_state_stays_clean(dumped):
    seen = dumped()
    fields = ("SigBlk", "SigIgn", "SigPnd", "ShdPnd")
    assert [seen.signals(field) for field in fields] == [set()] * 4


def test_the_mask_is_the_inherited_one(dumped):
    blocked = {signal.SIGUSR1, signal.SIGTSTP, signal.SIGTTOU, signal.SIGRTMIN}
    seen = dumped(setup=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, blocked))
    assert seen.signals("SigBlk") == blocked


@only_ours
def test_ignored_signals_stay_ignored_outside_pid_1(dumped, mode):
    ignored = {signal.SIGPIPE, signal.SIGINT, signal.SIGCHLD, signal.SIGTTOU}

    def ignore():
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    assert dumped(setup=ignore).signals("SigIgn") == (set() if mode == "pid1" else ignored)


def test_no_descriptor_of_init_reaches_the_command(dumped):
    assert set(dumped().fds) == {0, 1, 2}


def test_inherited_descriptors_reach_the_command_and_init_closes_them(init, fake_flux, tmp_path):
    def open_them():
        for number in (3, 7, 50):
            os.dup2(os.open(tmp_path / str(number), os.O_CREAT | os.O_RDWR), number)

    def held(pid):
        return {int(fd) for fd, target in descriptors(pid).items() if str(tmp_path) in target}

    process = init(str(fake_flux / "flux"), "hang", setup=open_them)
    podnet.until(lambda: "pid " in process.stdout, 10)
    assert held(only_child(process)) == {3, 7, 50}
    podnet.until(lambda: held(process.pid) == set(), 10)
    assert PEER or set(descriptors(process.pid)) == {"0", "1", "2"}


def test_listen_pid_names_the_command(launch, under, mode, fake_flux, dump):
    line = 'LISTEN_PID=$$ LISTEN_FDS=0 exec "$@"'
    command = under(str(fake_flux / "flux"))
    seen = dump(launch(mode, ["/bin/sh", "-c", line, "sh", *command], env=[]))
    pid = seen.status["pid"].encode()
    assert b"LISTEN_PID=" + pid in seen.env and b"LISTEN_FDS=0" in seen.env


@only_ours
def test_what_proves_listen_pid_a_second_time_is_taken_away_with_it(
    launch, under, mode, fake_flux, dump
):
    """LISTEN_PIDFDID names the init too, and sd_listen_fds(3) would refuse the command by it."""
    line = 'LISTEN_PID=$$ LISTEN_PIDFDID=4711 exec "$@"'
    command = under(str(fake_flux / "flux"))
    seen = dump(launch(mode, ["/bin/sh", "-c", line, "sh", *command], env=[]))
    assert b"LISTEN_PID=" + seen.status["pid"].encode() in seen.env
    assert not any(entry.startswith(b"LISTEN_PIDFDID=") for entry in seen.env)


@only_ours
def test_watchdog_pid_names_the_command(launch, under, mode, fake_flux, dump):
    line = 'WATCHDOG_PID=$$ WATCHDOG_USEC=9 exec "$@"'
    command = under(str(fake_flux / "flux"))
    seen = dump(launch(mode, ["/bin/sh", "-c", line, "sh", *command], env=[]))
    assert b"WATCHDOG_PID=" + seen.status["pid"].encode() in seen.env
    assert b"WATCHDOG_USEC=9" in seen.env


def test_another_listen_pid_is_left(dumped):
    given = [b"LISTEN_PID=4242", b"LISTEN_PIDFDID=4711", b"WATCHDOG_PID=4242"]
    assert dumped(env=given).env == given


def test_the_environment_is_passed_on_byte_for_byte(dumped):
    given = [b"A=1", b"A=2", b"no equals sign", b"BYTES=\xff \n\t$x\"'", b"EMPTY=", b"=odd"]
    assert dumped(env=given).env == given


def test_the_arguments_are_passed_on_byte_for_byte(dumped):
    words = [b"", b"two words", b"--", b"--grace", b"$HOME `x`", b"\xff\xfe", b"\n"]
    assert dumped(*words).argv[1:] == words


def test_umask_limits_niceness_and_oom_score_are_kept(init, tmp_path):
    def change():
        os.umask(0o27)
        os.nice(5)
        resource.setrlimit(resource.RLIMIT_NOFILE, (77, 99))

        Path("/proc/self/oom_score_adj").write_text("321")

    line = "pwd; umask; ulimit -n; ulimit -Hn; nice; cat /proc/self/oom_score_adj"
    process = init("sh", "-c", line, cwd=str(tmp_path), setup=change)
    assert process.wait(10) == 0
    niceness = str(min(os.nice(0) + 5, 19))  # the kernel has no more
    assert process.stdout.split() == [str(tmp_path), "0027", "77", "99", niceness, "321"]


def test_the_directory_is_kept_for_the_command_and_left_by_init(init, tmp_path):
    program = tmp_path / "here"
    program.write_text(f"#!/bin/sh\npwd; exec {CHILD} report 15\n")
    program.chmod(0o755)
    process = ready(init("./here", cwd=str(tmp_path)))
    assert process.stdout.splitlines()[0] == str(tmp_path)
    podnet.until(lambda: os.readlink(f"/proc/{process.pid}/cwd") == "/", 10)


@pytest.mark.parametrize("closed", [{0}, {1}, {2}, {0, 1, 2}], ids=str)
def test_closed_standard_streams_stay_closed(init, tmp_path, closed):
    script = (f"exec 9>{tmp_path}/open; "
              "for n in 0 1 2; do test -e /proc/$$/fd/$n && echo $n >&9; done")  # fmt: skip
    process = init("bash", "-c", script + "; exit 8", setup=lambda: [os.close(n) for n in closed])
    assert process.wait(10) == 8
    assert set(map(int, (tmp_path / "open").read_text().split())) == {0, 1, 2} - closed


@pytest.mark.parametrize("level", ["info", "debug"])
def test_no_line_is_printed_at_any_log_level(init, level):
    process = init("sh", "-c", "exit 3", options=("--log-level", level))
    assert process.wait(10) == 3
    assert process.log == "" and process.stdout == ""


# ---- 5. terminal ---------------------------------------------------------------------------------


class Pty:
    """A terminal; what runs on it sees it as /dev/tty."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        self.seen = b""

    def control(self, *streams):
        """To be called in a session leader: makes this its controlling terminal."""
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        for fd in streams:
            os.dup2(self.slave, fd)

    def type(self, data):
        os.write(self.master, data)

    def expect(self, text, timeout=10):
        deadline = time.monotonic() + timeout
        while text not in self.seen:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise TimeoutError(f"{text!r} is not in {self.seen!r}")
            with contextlib.suppress(OSError):
                self.seen += os.read(self.master, 4096)
        self.seen = self.seen.partition(text)[2]

    def foreground(self):
        return struct.unpack("i", fcntl.ioctl(self.master, termios.TIOCGPGRP, b"\0" * 4))[0]


@pytest.fixture
def pty():
    made = Pty()
    yield made
    for fd in (made.master, made.slave):
        with contextlib.suppress(OSError):
            os.close(fd)


@pytest.fixture(params=["init", "supervise"])
def above(request, under, fluxpod, tmp_path):
    """The words of fluxpod init, or of a supervisor whose broker is that command."""
    if request.param == "init":
        return under
    if PEER:
        pytest.skip(f"{PEER} supervises no broker")

    def words(*command):
        broker = tmp_path / "flux"
        broker.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
        broker.chmod(0o755)
        return command_line([fluxpod, "run", "--supervise"], {
            "--size": "1", "--cluster-name": "one", "--index": "0", "--hostname": "one-0",
            "--namespace": "default", "--root": str(tmp_path / "root"), "--flux": str(broker),
        })()  # fmt: skip

    return words


@pytest.fixture
def on_terminal(launch, above, mode):
    def run(*words, **how):
        return launch(mode, above(*words), **how)

    return run


def test_the_command_is_in_the_foreground_of_the_terminal(on_terminal, pty):
    line = "stty -echo; read word; echo answer $word; stty echo; exit 4"
    process = on_terminal("sh", "-c", "echo begun; " + line, setup=lambda: pty.control(0, 1, 2))
    pty.expect(b"begun")
    pty.type(b"hello\n")
    pty.expect(b"answer hello")
    assert process.wait(10) == 4


def test_a_resized_terminal_signals_the_command(on_terminal, pty):
    process = on_terminal(CHILD, "report", "28", setup=lambda: pty.control(0, 1, 2))
    pty.expect(b"ready")
    fcntl.ioctl(pty.master, termios.TIOCSWINSZ, struct.pack("4H", 50, 132, 0, 0))
    assert process.wait(10) == 0


def test_a_hangup_of_the_terminal_reaches_the_command(on_terminal, pty):
    process = ready(on_terminal(CHILD, "report", "1", setup=lambda: pty.control(0)))
    os.close(pty.slave)
    os.close(pty.master)
    assert process.wait(10) == 0


def test_job_control_works_in_an_interactive_shell(on_terminal, pty):
    """Job control in an interactive bash works: a job is stopped and brought back."""
    process = on_terminal(
        "bash", "--norc", "-i", env={"PS1": "prompt> "}, setup=lambda: pty.control(0, 1, 2)
    )
    shell = only_child(process)

    def job_reads():
        # Typed earlier, a line would be bash's.
        jobs = children(shell)
        return jobs and pty.foreground() == jobs[0] and state(jobs[0]) == "S"

    pty.expect(b"prompt>")
    pty.type(b"cat\n")
    podnet.until(job_reads, 10)
    pty.type(b"abc\n")
    pty.expect(b"abc\r\nabc")
    pty.type(b"\x1a")
    pty.expect(b"Stopped")
    pty.expect(b"prompt>")
    pty.type(b"fg\n")
    podnet.until(job_reads, 10)
    pty.type(b"def\n")
    pty.expect(b"def\r\ndef")
    pty.type(b"\x03")
    pty.expect(b"prompt>")
    pty.type(b"exit 5\n")
    assert process.wait(10) == 5


def test_the_command_can_write_with_tostop(on_terminal, pty):
    line = "stty tostop; echo written; exit 3"
    process = on_terminal("sh", "-c", line, setup=lambda: pty.control(0, 1, 2))
    pty.expect(b"written")
    assert process.wait(10) == 3


def test_the_terminal_is_lent_though_stdin_is_elsewhere(on_terminal, pty):
    """With every standard stream elsewhere, a password can still be asked for."""
    line = "echo password: >/dev/tty; read word </dev/tty; test $word = secret"
    process = on_terminal("sh", "-c", line, setup=pty.control)
    pty.expect(b"password:")
    pty.type(b"secret\n")
    assert process.wait(10) == 0


def test_a_typed_ctrl_c_arrives_once(on_terminal, pty):
    process = on_terminal(CHILD, "report", "2", "15", setup=lambda: pty.control(0, 1, 2))
    pty.expect(b"ready")
    pty.type(b"\x03")
    pty.expect(b"got 2 ")
    process.signal(15)
    assert process.wait(10) == 0
    with contextlib.suppress(TimeoutError):
        pty.expect(b"got 15")
    assert b"got 2 " not in pty.seen


def continues_after_a_typed_ctrl_z(process, child, pty):
    switches = status(child, "voluntary_ctxt_switches")
    pty.type(b"\x1a")
    podnet.until(lambda: status(child, "voluntary_ctxt_switches") != switches, 10)
    podnet.until(lambda: state(child) == "S", 10, "the continuation")
    pty.type(b"\x03")
    assert process.wait(10) == 130


def test_a_typed_ctrl_z_that_nobody_can_undo_is_undone(on_terminal, pty):
    """Nobody is there who could continue it: neither above PID 1, nor above a session leader."""
    process = on_terminal(CHILD, "nothing", setup=lambda: pty.control(0, 1, 2))
    pty.expect(b"ready")
    child = only_child(process)
    continues_after_a_typed_ctrl_z(process, child, pty)


@only_ours
def test_a_typed_ctrl_z_after_a_sent_one_that_was_caught_is_undone(on_terminal, pty):
    """The command caught the signal that was forwarded, so that nobody will send it SIGCONT."""
    process = on_terminal(CHILD, "once", "20", setup=lambda: pty.control(0, 1, 2))
    pty.expect(b"ready")
    process.signal(signal.SIGTSTP)
    pty.expect(b"got 20")
    child = only_child(process)
    podnet.until(lambda: state(child) == "S", 10, "the end of the handler")
    continues_after_a_typed_ctrl_z(process, child, pty)


class Shell:
    """A shell with job control that runs one job, as the leader of the terminal's session."""

    def __init__(self, pty, launch, job, foreground=True):
        self.pty = pty
        self.told, tell = os.pipe()
        ask, self.ask = os.pipe()

        def shell():
            pty.control(0, 1, 2)
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            gate, go = os.pipe()
            child = os.fork()
            if child == 0:
                os.setpgid(0, 0)
                signal.signal(signal.SIGTTOU, signal.SIG_DFL)
                os.close(go)
                os.read(gate, 1)
                os.execv(job[0], job)
            os.setpgid(child, child)
            if foreground:
                os.tcsetpgrp(pty.slave, child)
            os.close(gate)
            os.close(go)
            while True:
                _, ended = os.waitpid(child, os.WUNTRACED)
                kind = b"stopped" if os.WIFSTOPPED(ended) else b"ended"
                owner = os.tcgetpgrp(pty.slave)
                holder = {child: b"job", os.getpgrp(): b"shell"}.get(owner, b"other")
                os.tcsetpgrp(pty.slave, os.getpgrp())
                os.write(tell, kind + b" " + holder + b"\n")
                if kind == b"ended":
                    os._exit(os.waitstatus_to_exitcode(ended))
                if os.read(ask, 2) == b"fg":
                    os.tcsetpgrp(pty.slave, child)
                os.killpg(child, signal.SIGCONT)

        self.process = launch("child", job, setup=shell)
        os.close(tell)
        os.close(ask)

    def hears(self, timeout=10):
        assert select.select([self.told], [], [], timeout)[0], "the shell hears nothing"
        return os.read(self.told, 100).decode().strip()

    def says(self, word):
        os.write(self.ask, word)


@pytest.mark.parametrize("mode", ["child"])
def test_the_terminal_is_given_back_to_the_shell(launch, above, pty):
    shell = Shell(pty, launch, above(CHILD, "exit", "3"))
    assert shell.hears() == "ended job"


@pytest.mark.parametrize("mode", ["child"])
def test_a_typed_ctrl_z_stops_the_job_and_fg_continues_it(launch, above, pty):
    line = "echo begun; read one; echo one $one; read two; echo two $two"
    shell = Shell(pty, launch, above("/bin/sh", "-c", line))
    pty.expect(b"begun")
    pty.type(b"first\n")
    pty.expect(b"one first")
    pty.type(b"\x1a")
    assert shell.hears() == "stopped job"
    shell.says(b"fg")
    pty.type(b"second\n")
    pty.expect(b"two second")
    assert shell.hears() == "ended job"


@pytest.mark.parametrize("mode", ["child"])
def test_a_job_that_was_sent_to_the_background_leaves_the_terminal_alone(launch, above, pty):
    shell = Shell(pty, launch, above(CHILD, "nothing"))
    pty.expect(b"ready")
    init_pid = only_child(shell.process)
    pty.type(b"\x1a")
    assert shell.hears() == "stopped job"
    shell.says(b"bg")
    podnet.until(lambda: state(init_pid) == "S", 10)
    os.kill(init_pid, signal.SIGTERM)
    assert shell.hears() == "ended shell"


@pytest.mark.parametrize("mode", ["child"])
def test_in_the_background_the_terminal_is_not_taken(launch, above, pty):
    """In the background it does not take the terminal; the command is stopped when it reads from
    it, which the shell sees, and fg brings it to the foreground."""
    line = "echo begun; read one; echo one $one"
    shell = Shell(pty, launch, above("/bin/sh", "-c", line), foreground=False)
    pty.expect(b"begun")
    assert shell.hears() == "stopped shell"
    shell.says(b"fg")
    pty.type(b"word\n")
    pty.expect(b"one word")
    assert shell.hears() == "ended job"


# ---- 6. hard places ------------------------------------------------------------------------------


def bare_root(program, tmp_path):
    """Moves into a root that holds nothing but two programs, and the libraries of the first."""
    root = f"{tmp_path}/root"

    def enter():
        podnet._call("unshare", NEWNS)
        os.makedirs(root)
        podnet.mount("tmpfs", root, "tmpfs")
        for directory in ("/usr/lib", "/lib64", "/lib"):
            if not os.path.isdir(directory):
                continue
            os.makedirs(root + directory)
            podnet.mount(directory, root + directory, None, podnet.MS_BIND)
        for name, source in (("init", program), ("child", CHILD)):
            Path(f"{root}/{name}").write_bytes(Path(source).read_bytes())
            os.chmod(f"{root}/{name}", 0o755)
        podnet.mount(None, root, None, podnet.MS_REMOUNT | podnet.MS_RDONLY)
        os.chroot(root)
        os.chdir("/")

    return enter


@pytest.mark.parametrize("options", [(), ("--grace", "5")], ids=["plain", "grace"])
def test_init_runs_in_a_read_only_root_without_proc(launch, under, mode, tmp_path, options):
    program, *words = under("/child", "report", "15", options=options)
    process = ready(launch(mode, ["/init", *words], setup=bare_root(program, tmp_path)))
    process.signal(15)
    assert process.wait(10) == 0
    assert process.log == ""


def nobody():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def test_init_runs_as_any_user_without_privileges(launch, under, mode):
    words = under(CHILD, "report", "15")
    process = ready(launch(mode, ["setpriv", "--no-new-privs", *words], setup=nobody))
    process.signal(15)
    assert process.wait(10) == 0
    assert process.log == ""


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS], ids=["EPERM", "ENOSYS"])
def test_denied_newer_system_calls_are_not_needed(init, error):
    """pidfd_send_signal, pidfd_open, clone3, close_range, openat2, pidfd_getfd, faccessat2 and
    epoll_pwait2, the same numbers on every architecture."""
    newer = (424, 434, 435, 436, 437, 438, 439, 441)
    process = report(init, [15], setup=lambda: seccomp.deny(error, *newer))
    assert PEER or set(descriptors(process.pid)) <= {"0", "1", "2"}
    process.signal(15)
    assert process.wait(10) == 0
    assert process.log == ""


def test_four_descriptors_are_enough(init):
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))  # noqa: E731
    process = report(init, [15], setup=limit)
    process.signal(15)
    assert process.wait(10) == 0


def test_two_processes_and_one_thread_are_enough(init):
    def two():
        os.setgroups([])
        os.setgid(64321)
        os.setuid(64321)
        resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))

    process = ready(init(CHILD, "report", "15", setup=two))
    assert status(process.pid, "Threads") == "1"
    process.signal(15)
    assert process.wait(10) == 0


# ---- 7. options ----------------------------------------------------------------------------------


def test_after_the_grace_period_the_command_is_killed(init):
    process = ready(init(CHILD, "stubborn", options=("--grace", "300ms")))
    begun = time.monotonic()
    process.signal(signal.SIGTERM)
    assert process.wait(10) == 137
    assert time.monotonic() - begun >= 0.3


def test_a_command_that_ends_in_time_is_not_waited_for(init):
    process = ready(init(CHILD, "nothing", options=("--grace", "60")))
    process.signal(signal.SIGTERM)
    assert process.wait(10) == 143


def test_with_grace_leftovers_are_ended(init):
    """Processes that the command leaves are ended, in whatever session they are, also if
    stopped."""
    for kind in ("nothing", "stopped"):
        assert init(CHILD, "leave", kind, options=("--grace", "60")).wait(10) == 3


def test_with_grace_stubborn_leftovers_are_killed(init):
    begun = time.monotonic()
    process = init(CHILD, "leave", "stubborn", options=("--grace", "300ms"))
    assert process.wait(10) == 3
    assert time.monotonic() - begun >= 0.3
    assert left_behind() == []


def test_without_grace_nothing_is_hurried(init):
    process = ready(init(CHILD, "stubborn"))
    process.signal(signal.SIGTERM)
    podnet.until(lambda: idle(process.pid), 10)
    assert process.poll() is None
