# SPDX-License-Identifier: Apache-2.0
"""fluxpod probe: the answer to Kubernetes' exec probes at each point of a pod's life."""

import contextlib
import json
import socket
import struct
import subprocess
import threading
from pathlib import Path

import podnet
import pytest

PROBES = ["startup", "readiness", "liveness"]


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


@pytest.fixture
def probe(fluxpod, root):
    """Asks, and returns the exit code and the one line."""

    def ask(name, *more):
        done = subprocess.run([fluxpod, "probe", name, "--root", str(root), *more],
                              capture_output=True, text=True, timeout=20)  # fmt: skip
        assert done.stderr == ""
        assert done.stdout.count("\n") == 1
        return done.returncode, done.stdout

    return ask


def answers(probe, *more):
    return {name: probe(name, *more)[0] for name in PROBES}


@pytest.fixture
def at_stage(root):
    def put(stage, **more):
        (root / "run/flux").mkdir(parents=True, exist_ok=True)
        state = {"pod": "fp-0", "rank": 0, "stage": stage, "since": 1.5, "launches": 0, **more}
        (root / "run/state.json").write_text(json.dumps(state))

    return put


class Broker(threading.Thread):
    """Listens as a broker does. With a state it answers; without one it accepts nobody."""

    def __init__(self, root, state):
        super().__init__(daemon=True)
        self.state = state
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{root}/run/flux/local")
        self.listener.listen(5)
        if state:
            self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            client.sendall(b"\0")
            header = client.recv(8, socket.MSG_WAITALL)
            request = client.recv(struct.unpack(">I", header[4:])[0], socket.MSG_WAITALL)
            topic = request[2 : 2 + request[1]]
            payload = json.dumps({"state": self.state, "duration": 1.5}).encode() + b"\0"
            proto = struct.pack(">4B4I", 0x8E, 1, 2, 0x0B, 0, 5, 0, 1)
            message = b"\0" + bytes([len(topic)]) + topic
            message += bytes([len(payload)]) + payload + bytes([len(proto)]) + proto
            client.sendall(header[:4] + struct.pack(">I", len(message)) + message)
            client.close()


# ---- the parent ----------------------------------------------------------------------------------


@pytest.fixture
def parent():
    """Listens and accepts every connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.mark.parametrize("supervised", [False, True])
def test_a_follower_that_is_not_connected_to_its_parent_is_not_ready(
    probe, root, at_stage, parent, supervised
):
    """Flux says "run" although the parent was killed. Without a supervisor only a restart helps."""
    endpoint = "127.0.0.1:%d" % parent.getsockname()[1]
    at_stage("launch", rank=1, launches=1, parent=endpoint, supervised=supervised)
    Broker(root, "run")
    code, line = probe("readiness")
    assert code == 1 and f"not connected to its parent {endpoint}" in line
    if not supervised:
        code, line = probe("liveness")
        assert code == 1 and f"the parent {endpoint} is gone" in line


def test_a_follower_that_is_connected_to_its_parent_is_ready_and_alive(
    probe, root, at_stage, parent
):
    endpoint = "127.0.0.1:%d" % parent.getsockname()[1]
    at_stage("launch", rank=1, launches=1, parent=endpoint)
    Broker(root, "run")
    with socket.create_connection(parent.getsockname()):
        assert answers(probe) == {"startup": 0, "readiness": 0, "liveness": 0}


@pytest.mark.parametrize("state", ["join", "shutdown", "finalize"])
def test_a_follower_that_joins_or_leaves_is_alive_without_its_parent(
    probe, root, at_stage, parent, state
):
    at_stage("launch", rank=1, launches=1, parent="127.0.0.1:%d" % parent.getsockname()[1])
    Broker(root, state)
    assert probe("liveness")[0] == 0


@pytest.mark.parametrize("text", ["", "x", "1.2.3.4", "1.2.3.4:99999", "[::1", "::1:", ":8050"])
def test_a_parent_that_cannot_be_read_says_nothing(probe, root, at_stage, text):
    at_stage("launch", rank=1, launches=1, parent=text)
    Broker(root, "run")
    assert answers(probe) == {"startup": 0, "readiness": 0, "liveness": 0}


# ---- a boot on its way ---------------------------------------------------------------------------


def test_before_a_boot_every_answer_is_no(probe):
    assert answers(probe) == {"startup": 1, "readiness": 1, "liveness": 1}
    assert "no boot" in probe("startup")[1]


def test_a_pod_that_waits_for_its_parent_lives_and_has_not_started(start, follower, probe, root):
    start(follower())
    podnet.until(lambda: probe("liveness")[0] == 0, 10)
    assert answers(probe) == {"startup": 1, "readiness": 1, "liveness": 0}
    assert "gates" in probe("startup")[1]


def test_a_launched_broker_counts_as_started_and_not_yet_as_ready(start, lead, probe):
    process = start(lead("--", "hang"))
    podnet.until(lambda: probe("startup")[0] == 0, 10)
    assert answers(probe) == {"startup": 0, "readiness": 1, "liveness": 0}
    assert "nobody listens" in probe("readiness")[1]
    process.kill()


def test_a_boot_that_failed_says_why(start, follower, probe):
    process = start(follower("--wait-timeout", "200ms"))
    assert process.wait(10) == 20
    code, line = probe("startup")
    assert code == 1 and "the boot failed: cannot wait for the parent" in line


def test_the_state_of_an_earlier_life_is_forgotten(start, follower, probe, at_stage):
    at_stage("launch", launches=1)
    assert probe("startup")[0] == 0
    start(follower())
    podnet.until(lambda: probe("startup")[0] == 1, 10)


# ---- a broker ------------------------------------------------------------------------------------


@pytest.mark.parametrize("state, lead, follower", [
    ("join", 1, 1), ("init", 1, 0), ("quorum", 1, 0), ("run", 0, 0), ("cleanup", 1, 1),
    ("shutdown", 1, 1),
])  # fmt: skip
def test_readiness_follows_the_brokers_state(probe, root, at_stage, state, lead, follower):
    at_stage("launch", launches=1)
    Broker(root, state)
    assert probe("readiness") == (lead, f"readiness: {'no' if lead else 'yes'}, the broker is in "
                                  f'state "{state}"\n')  # fmt: skip
    assert probe("liveness")[0] == 0
    at_stage("launch", launches=1, rank=1)
    assert probe("readiness")[0] == follower


def test_a_broker_that_hangs_is_not_live_and_is_given_up_in_time(probe, root, at_stage):
    at_stage("launch", launches=1)
    # A probe without a bound would wait for this broker for ever.
    with contextlib.closing(Broker(root, None).listener):
        assert answers(probe, "--answer-within", "100ms") == {
            "startup": 0, "readiness": 1, "liveness": 1}  # fmt: skip
        assert "does not answer" in probe("liveness", "--answer-within", "100ms")[1]


def test_while_a_follower_is_back_at_the_gates_no_broker_is_asked(probe, root, at_stage):
    at_stage("gates", launches=1, rank=1)
    with contextlib.closing(Broker(root, None).listener):
        assert answers(probe) == {"startup": 0, "readiness": 1, "liveness": 0}


def test_a_supervisor_that_is_not_there_is_not_live(probe, at_stage):
    at_stage("launch", launches=1, supervised=True)
    code, line = probe("liveness")
    assert code == 1 and "run/pulse" in line


# ---- hostile input, and what probes leave alone --------------------------------------------------


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b'{"stage": 1}', b"x" * 70000])
def test_a_broken_state_file_is_a_no_and_no_crash(probe, root, text):
    (root / "run").mkdir(parents=True)
    (root / "run/state.json").write_bytes(text)
    assert answers(probe) == {"startup": 1, "readiness": 1, "liveness": 1}


@pytest.mark.parametrize("words", [[], ["ready"], ["startup", "liveness"]])
def test_a_probe_that_does_not_exist_is_a_usage_error(start, fluxpod, refuses, words):
    refuses(start([fluxpod, "probe", *words]), 2, "startup, readiness, liveness")


def test_a_no_leaves_the_termination_message_alone(fluxpod, root, tmp_path):
    message = tmp_path / "message"
    message.write_text("the reason")
    words = ["--root", root, "--termination-log", message]
    done = subprocess.run([fluxpod, "probe", "startup", *words])
    assert done.returncode == 1
    assert message.read_text() == "the reason"


def test_the_state_file_is_small_readable_by_all_and_holds_no_secret(start, lead, probe, root):
    start(lead("--", "hang"))
    podnet.until(lambda: probe("startup")[0] == 0, 10)
    file = Path(root, "run/state.json")
    assert file.stat().st_mode & 0o777 == 0o644
    assert file.stat().st_size < 300
    assert set(json.loads(file.read_text())) == {
        "pod", "rank", "stage", "since", "launches", "supervised", "parent",
        "reason"}  # fmt: skip
