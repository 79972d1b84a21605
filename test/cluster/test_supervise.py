# SPDX-License-Identifier: Apache-2.0
"""run --supervise with real brokers: what happens to a cluster whose pods die, move, lose the
network, and are told to end. FLUXPOD_RESTARTS says how often, and FLUXPOD_CUT for how many seconds,
where more than what a CI run has time for is wanted."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import podnet
import pytest

pytestmark = [pytest.mark.flux, pytest.mark.usefixtures("needs_flux")]

RESTARTS = int(os.environ.get("FLUXPOD_RESTARTS", "8"))
CUT = int(os.environ.get("FLUXPOD_CUT", "22"))  # Flux's own tcp_user_timeout is 20 s


@pytest.fixture
def cluster(boot):
    def start(*options, size=3, **how):
        return boot("run", "--supervise", *options, size=size, **how)

    return start


def online(pods):
    """All of them, by what the lead that runs now says."""
    line = f"online: fp-[0-{len(pods) - 1}]"
    podnet.until(lambda: line in pods[0].log, 60, line)
    return pods


def run_in(pod, *words):
    return subprocess.run(
        ["nsenter", f"--target={pod.pid}", "--mount", "--net", "--pid", "--uts", "--ipc", *words],
        text=True, capture_output=True, timeout=60,
    )  # fmt: skip


def flux(pod, *words):
    """Asks the pod's broker."""
    done = run_in(pod, "env", "FLUX_URI=local:///run/fluxpod/run/flux/local", "flux", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def broker_of(pod):
    """The one child of fluxpod that is not a command which asks the broker."""
    found = []
    for pid in Path(f"/proc/{pod.pid}/task/{pod.pid}/children").read_text().split():
        with contextlib.suppress(OSError):  # such a command has ended meanwhile
            if Path(f"/proc/{pid}/comm").read_text().startswith("flux-broker"):
                found.append(int(pid))
    return found


def inside(pod, name):
    """A file below the pod's --root."""
    return Path(f"/proc/{pod.pid}/root/run/fluxpod", name)


def launches(pod):
    return json.loads(inside(pod, "run/state.json").read_text())["launches"]


def command_lines(pid):
    """Returns the start times of all that descends from that process."""
    lines = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            lines.append(Path(f"/proc/{child}/cmdline").read_bytes().rstrip(b"\0").split(b"\0"))
            lines += command_lines(child)
    return lines


def ends(pod, code, within=150):
    assert pod.wait(within) == code, f"{pod.name}:\n{pod.log_tail(30)}"


# ---- parents that go without a goodbye -----------------------------------------------------------


def test_a_lead_that_was_killed_and_made_again_has_all_its_ranks(cluster):
    pods = online(cluster())
    pods[0].kill()
    online(cluster(ranks=[0]) + pods[1:])
    assert all(pod.poll() is None for pod in pods)


def test_a_lead_that_moved_to_another_address_has_all_its_ranks(cluster):
    pods = online(cluster())
    pods[0].kill()
    pods[0].move("10.244.77.7")
    online(cluster(ranks=[0]) + pods[1:])
    for pod in pods[1:]:
        assert pod.log.count("the parent is lost: ") == 1, pod.log_tail(30)
        # Only the new address is one that its broker knows.
        assert "10.244.77.7:8050" in inside(pod, "etc/flux/config/broker.toml").read_text()


def test_a_lead_that_vanishes_without_a_packet_is_found_elsewhere(cluster):
    """The followers see no answer, no refusal and no closed connection."""
    pods = online(cluster(size=2))
    pods[0].cut()
    pods[0].kill()
    pods[0].move("10.244.77.7")
    pods[0].cut(off=False)
    online(cluster(size=2, ranks=[0]) + pods[1:])
    assert pods[1].poll() is None


def test_the_ranks_below_a_lost_parent_join_again(cluster):
    pods = online(cluster("--topology", "kary:1"))
    # The lead hears of a rank before that rank itself runs.
    podnet.until(lambda: "quorum->run" in pods[2].log, 60, "the first join of fp-2")
    pods[1].kill()
    cluster("--topology", "kary:1", ranks=[1])
    podnet.until(lambda: pods[2].log.count("quorum->run") == 2, 60, "the second join of fp-2")
    assert pods[0].poll() is None and pods[2].poll() is None


def test_a_cluster_survives_many_restarts_of_its_lead(cluster):
    pods = online(cluster(size=2))
    for _ in range(RESTARTS):
        pods[0].kill()
        online(cluster(size=2, ranks=[0]) + pods[1:])
    assert pods[1].poll() is None


def test_a_follower_that_was_killed_joins_again(cluster):
    pods = online(cluster(size=2))
    pods[1].kill()
    cluster(size=2, ranks=[1])
    podnet.until(lambda: "quorum->run" in pods[1].log, 60, "the join")


def test_a_followers_broker_that_was_killed_is_started_again(cluster):
    pods = online(cluster(size=2))
    podnet.until(lambda: "quorum->run" in pods[1].log, 60, "the first join")
    for pid in broker_of(pods[1]):
        os.kill(pid, signal.SIGKILL)
    podnet.until(lambda: pods[1].log.count("quorum->run") == 2, 60, "the second join")
    assert "ended with status 137; back to the gates" in pods[1].log


def test_a_job_survives_a_network_that_is_cut_for_longer_than_flux_waits(cluster):
    pods = online(cluster(size=2))
    job = flux(pods[0], "submit", "--requires=rank:1", "sleep", str(CUT + 1))
    podnet.until(lambda: flux(pods[0], "jobs", "-no{state}", job) == "RUN", 20, "the job")
    before = broker_of(pods[1])
    assert len(before) == 1
    begun = time.monotonic()
    pods[1].cut()
    podnet.wait_any(pods, CUT)  # this is how long the cut lasts, and nobody may end by it
    pods[1].cut(off=False)
    assert time.monotonic() - begun >= CUT
    assert flux(pods[0], "job", "status", "-v", job) == ""
    assert broker_of(pods[1]) == before


def test_what_is_not_fluxpods_own_survives_a_rejoin(cluster):
    """A helper that was there before fluxpod, and an orphan that another one leaves later."""
    helpers = 'sleep 4711 & sh -c "sleep 0.5; setsid sleep 4712 &" & exec "$@"'
    pods = cluster(size=2, ranks=[0])
    pods += cluster(size=2, ranks=[1], below=("sh", "-c", helpers, "sh"))
    online(pods)
    others = [[b"sleep", b"4711"], [b"sleep", b"4712"]]

    def there():
        lines = command_lines(pods[1].pid)
        return [line for line in lines if line in others]

    podnet.until(lambda: sorted(there()) == others, 20, "the helpers")
    podnet.until(lambda: "quorum->run" in pods[1].log, 60, "the first join")
    pods[0].kill()
    online(cluster(size=2, ranks=[0]) + pods[1:])
    assert "back to the gates" in pods[1].log
    assert sorted(there()) == others
    pods[1].signal(signal.SIGTERM)
    ends(pods[1], 0)


# ---- what is final -------------------------------------------------------------------------------


@pytest.mark.parametrize("what, code", [("complete", 0), ("fail", 21)])
def test_a_follower_may_be_told_to_end_once_its_parent_is_lost(cluster, what, code):
    pods = online(cluster("--when-parent-leaves", what, size=2))
    podnet.until(lambda: "quorum->run" in pods[1].log, 60, "the join")
    # A look or two at the connection makes it a join.
    podnet.until(lambda: "heartbeat" in pods[1].log or pods[0].poll() is None, 10)
    pods[0].kill()
    ends(pods[1], code)


def test_followers_end_with_0_when_the_lead_ends_in_order(cluster):
    pods = cluster(lead_command=["sh", "-c", "exit 7"])
    ends(pods[0], 7)
    for pod in pods[1:]:
        ends(pod, 0)


def test_a_lead_that_ended_in_order_and_comes_again_is_joined_where_that_is_wanted(cluster):
    pods = online(cluster("--grace", "2m", "--when-parent-leaves", "rejoin", size=2))
    pods[0].signal(signal.SIGTERM)
    ends(pods[0], 0)
    online(cluster(size=2, ranks=[0]) + pods[1:])


def test_a_lead_that_takes_long_to_end_is_not_joined_meanwhile(cluster):
    """It lets its ranks go first, and then it saves; all that time its port is open."""
    slow = ("--grace", "2m", "--broker-option", "broker.rc3_path=flux modprobe rc3; sleep 5")
    pods = cluster(*slow, size=2, ranks=[0])
    pods += cluster("--when-parent-leaves", "rejoin", size=2, ranks=[1])
    online(pods)
    podnet.until(lambda: "quorum->run" in pods[1].log, 60, "the join")
    pods[0].signal(signal.SIGTERM)
    podnet.until(lambda: "back to the gates" in pods[1].log, 60, "the end of the first broker")
    ends(pods[0], 0)
    assert launches(pods[1]) == 1
    online(cluster(size=2, ranks=[0]) + pods[1:])
    podnet.until(lambda: pods[1].log.count("quorum->run") == 2, 60, "the second join")
    assert launches(pods[1]) == 2
    assert pods[1].log.count("back to the gates") == 1


def test_a_configuration_that_flux_refuses_is_final(cluster):
    cluster(size=2, ranks=[0])
    pods = cluster("--broker-option", "tbon.torpid_min=nonsense", size=2, ranks=[1])
    ends(pods[0], 1)
    assert "the broker ended with status 1" in pods[0].log
    assert "back to the gates" not in pods[0].log


# ---- what exec mode gives up (docs/pid1.md) ------------------------------------------------------


def test_without_supervise_a_follower_of_a_killed_lead_is_neither_ready_nor_alive(boot, fluxpod):
    pods = online(boot("run", size=2))
    probes = ("readiness", "liveness")

    def answers():
        return [run_in(pods[1], fluxpod, "probe", probe).returncode for probe in probes]

    podnet.until(lambda: answers() == [0, 0], 60, "the join")
    pods[0].kill()
    podnet.until(lambda: answers() == [1, 1], 60, "the loss")
    assert pods[1].poll() is None


def test_without_supervise_it_says_that_a_program_may_never_run_and_the_status_be_0(boot):
    pods = boot("run", size=2, ranks=[0], lead_command=["true"])
    podnet.until(lambda: "online: fp-0" in pods[0].log, 60, "the lead")
    assert "although the program never ran" in pods[0].log
    pods[0].signal(signal.SIGTERM)
    ends(pods[0], 0)


# ---- told to end ---------------------------------------------------------------------------------


def test_a_follower_that_is_told_to_end_waits_for_its_job_and_takes_jobs_when_it_is_back(cluster):
    pods = online(cluster(size=2))
    job = flux(pods[0], "submit", "--requires=rank:1", "sleep", "3")
    podnet.until(lambda: flux(pods[0], "jobs", "-no{state}", job) == "RUN", 20, "the job")
    pods[1].signal(signal.SIGTERM)
    ends(pods[1], 0)
    assert flux(pods[0], "job", "status", "-v", job) == ""
    assert "fluxpod" in flux(pods[0], "resource", "drain", "-no{reason}")
    cluster(size=2, ranks=[1])
    podnet.until(lambda: flux(pods[0], "resource", "drain", "-no{reason}") == "", 30, "the undrain")


def test_a_second_signal_ends_at_once(cluster):
    pods = online(cluster(size=2))
    flux(pods[0], "submit", "--requires=rank:1", "sleep", "1000")
    podnet.until(lambda: flux(pods[0], "jobs", "-no{state}") == "RUN", 20, "the job")
    pods[1].signal(signal.SIGTERM)
    podnet.until(lambda: "waiting for 1 job" in pods[1].log, 20, "the wait for the job")
    pods[1].signal(signal.SIGTERM)
    ends(pods[1], 128 + signal.SIGKILL, 5)


def test_a_program_that_never_ran_is_a_failure(cluster):
    pods = cluster(size=2, ranks=[0], lead_command=["true"])
    podnet.until(lambda: "online: fp-0" in pods[0].log, 60, "the lead")
    pods[0].signal(signal.SIGTERM)
    ends(pods[0], 128 + signal.SIGTERM)
    assert "before the program began" in pods[0].log
