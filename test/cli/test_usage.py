# SPDX-License-Identifier: Apache-2.0
"""Exit codes 2 and 10: what is wrong with the words, the environment and the files of settings."""

import os
import signal

import podnet
import pytest


def test_help_and_version_go_to_stdout(start, fluxpod):
    for words in (["--version"], ["--help"], ["help"], ["help", "run"], ["run", "--help"]):
        process = start([fluxpod, *words])
        assert process.wait(10) == 0
        assert process.stdout and process.log == ""


@pytest.mark.parametrize(
    "words, patterns",
    [
        ([], []),
        (["ruin"], ["ruin", "run"]),
        (["run", "--sise", "4"], ["--sise", "--size"]),
        (["run", "--siz", "4"], ["--siz"]),  # no abbreviations
        (["run", "--size"], ["--size"]),
        (["run", "-x"], ["-x"]),
        (["run", "stray", "word"], ["stray"]),
        (["run", "--timeout", "5"], ["--timeout"]),  # another command's option
        (["keygen", "--size", "4"], ["--size"]),
        (["wait"], ["target"]),
        (["help", "nothing"], ["nothing"]),
    ],
    ids=" ".join,
)
def test_wrong_use_is_2(start, refuses, fluxpod, words, patterns):
    process = start([fluxpod, *words])
    if words:
        refuses(process, 2, *patterns)
    else:  # the overview comes before the error
        assert process.wait(10) == 2
        assert "Usage" in process.log


@pytest.mark.parametrize(
    "words, patterns",
    [
        (["--size", "0"], ["size", '"?0"?', "from 1 to"]),
        (["--size", "2000000"], ["size", "2000000", "from 1 to"]),
        (["--size", "-3"], ["size", "-3"]),
        (["--size", "four"], ["size", "four"]),
        (["--size", "4x"], ["size", "4x"]),
        (["--size", " 4"], ["size"]),
        (["--size", ""], ["size"]),
        (["--size", "99999999999999999999"], ["size", "99999999999999999999"]),
        (["--size", "4", "--min-size", "5"], ["min-size", "5", "4"]),
        (["--size", "4", "--max-size", "3"], ["max-size", "3", "4"]),
        (["--port", "0"], ["port"]),
        (["--port", "65536"], ["port", "65536"]),
        (["--topology", "star"], ["topology", "star", "kary"]),
        (["--topology", "kary:x"], ["topology"]),
        (["--wait-timeout", "soon"], ["wait-timeout", "soon"]),
        (["--wait-timeout", "-1s"], ["wait-timeout"]),
        (["--log-level", "loud"], ["log-level", "loud", "debug"]),
        (["--root", "relative/path"], ["root", "absolute"]),
        (["--bind", "nic7"], ["nic7", "lo"]),
        (["--bind", "192.0.2.1"], ["192.0.2.1"]),
        (["--broker-option", "novalue"], ["novalue", "="]),
        (["--broker-config", "/nonexistent.toml"], ["/nonexistent.toml", "No such file"]),
        (["--broker-config", "/etc"], ["/etc", "directory"]),
        (["--config", "/nonexistent.conf"], ["/nonexistent.conf", "No such file"]),
        (["--minicluster", "/nonexistent.yaml"], ["/nonexistent.yaml", "No such file"]),
        (["--minicluster", "/etc"], ["/etc", "directory"]),
        (["--curve-cert", "/a", "--curve-secret", "/b"], ["curve-cert", "curve-secret"]),
        (["--root", "/run/" + "x" * 100], ["96"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("--") else "",
)
def test_a_setting_that_cannot_be_right_is_10(start, refuses, lead, words, patterns, tmp_path):
    refuses(start(lead(*words, "--", "date")), 10, *patterns)
    assert not (tmp_path / "root").exists()


def test_a_flag_given_twice_is_2(start, refuses, lead):
    process = start(lead("--port", "8050", "--port", "8051", "--", "date"))
    refuses(process, 2, "--port", "twice")


def test_an_unknown_variable_is_refused_with_its_neighbour(start, refuses, lead):
    env = {"FLUXPOD_SISE": "4"}
    refuses(start(lead("--", "date"), env=env), 10, "FLUXPOD_SISE", "FLUXPOD_SIZE")


def test_the_variables_that_kubernetes_makes_for_a_service_are_nobodys(start, lead):
    env = {
        "FLUXPOD_SERVICE_HOST": "10.96.3.4",
        "FLUXPOD_SERVICE_PORT": "8050",
        "FLUXPOD_PORT": "tcp://10.96.3.4:8050",
        "FLUXPOD_PORT_8050_TCP_ADDR": "10.96.3.4",
    }
    process = start(lead("--", "date"), env=env)
    assert process.wait(10) == 0, process.log


def test_a_service_called_fluxpod_port_stops_no_pod(start, lead):
    env = {
        "FLUXPOD_PORT_PORT_8050_TCP": "tcp://10.0.0.1:8050",
        "FLUXPOD_PORT_PORT": "tcp://10.0.0.1:8050",
        "FLUXPOD_PORT_SERVICE_PORT": "8050",
    }
    process = start(lead("--", "date"), env=env)
    assert process.wait(10) == 0, process.log


def test_a_setting_that_looks_like_a_link_is_looked_at(start, refuses, lead):
    env = {"FLUXPOD_CLUSTER_NAME": "/bad"}
    words = [word for word in lead("--", "date") if word not in ("--cluster-name", "one")]
    refuses(start(words, env=env), 10, "cluster-name", "/bad", "FLUXPOD_CLUSTER_NAME")


def test_an_unknown_variable_is_a_warning_for_init_and_wait(start, fluxpod):
    for words in (["init", "--", "true"], ["wait", "file:/", "--", "true"]):
        process = start([fluxpod, *words], env={"FLUXPOD_VERSION": "1"})
        assert process.wait(10) == 0, process.log
        assert "FLUXPOD_VERSION" in process.log


@pytest.mark.parametrize(
    "words, patterns",
    [
        (["--broker-option", "broker.quorum=9"], ["broker.quorum=9", "--min-size"]),
        (["--broker-option", "rundir=/x"], ["rundir=/x", "--root"]),
        (["--broker-option", "content.restore=/x"], ["content.restore", "--archive"]),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--") else "",
)
def test_an_attribute_that_the_plan_decides_is_10(start, refuses, lead, words, patterns):
    refuses(start(lead(*words, "--", "date")), 10, *patterns)


def test_a_key_that_the_plan_decides_is_10(start, refuses, lead, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text("[bootstrap]\ndefault_port = 9000\n")
    words = lead("--broker-config", str(mine), "--", "date")
    refuses(start(words), 10, "default_port", "--port", "mine.toml")


def open_for_writing(fifo):
    """A descriptor, once there is a reader."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def test_a_signal_ends_the_wait_for_a_config_file_whose_writer_is_silent(start, lead, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = start(lead("--config", str(fifo), "--", "date"))
    writer = podnet.until(lambda: open_for_writing(fifo), 10, "the reader")
    process.signal(signal.SIGTERM)
    assert process.wait(10) == 143, process.log
    os.close(writer)


def test_a_variable_with_a_wrong_value_names_itself(start, refuses, lead):
    refuses(start(lead("--", "date"), env={"FLUXPOD_PORT": "high"}), 10, "FLUXPOD_PORT", "high")


@pytest.mark.parametrize(
    "text, patterns",
    [
        ("sise = 4\n", ["sise", "size"]),
        ("size = 4\nport = high\n", ["port", "high"]),
        ("what is this\n", ["fluxpod.conf"]),
        ("\0\xff\n" * 50, ["fluxpod.conf"]),
    ],
    ids=["unknown key", "wrong value", "no assignment", "binary"],
)
def test_a_wrong_config_file_is_10(start, refuses, lead, tmp_path, text, patterns):
    path = tmp_path / "fluxpod.conf"
    path.write_text(text, encoding="latin-1")
    refuses(start(lead("--config", str(path), "--", "date")), 10, *patterns)


def test_a_flag_wins_over_the_variable_and_the_variable_over_the_file(start, lead, tmp_path):
    path = tmp_path / "fluxpod.conf"
    path.write_text("port = 1001\nconnect-timeout = 1s\ntcp-user-timeout = 1s\n")
    process = start(
        lead("--config", str(path), "--port", "1003", "--", "date"),
        env={"FLUXPOD_PORT": "1002", "FLUXPOD_CONNECT_TIMEOUT": "2s"},
    )
    assert process.wait(10) == 0, process.log
    toml = (tmp_path / "root/etc/flux/config/broker.toml").read_text()
    assert "default_port = 1003" in toml
    assert 'connect_timeout = "2s"' in toml
    assert 'tcp_user_timeout = "1s"' in toml
