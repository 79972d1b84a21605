# SPDX-License-Identifier: Apache-2.0
"""Exit codes 20 to 23: waits that end at their deadline, and those that nothing can mend."""

import os
import signal
import socket
import time

import podnet
import pytest


def follower_of(cluster, fluxpod, fake_flux, secret, *more):
    return [fluxpod, "run", "--size", "2", "--cluster-name", cluster, "--service", "flux-service",
            "--namespace", "default", "--cluster-domain", "cluster.local",
            "--curve-secret", secret, "--flux", str(fake_flux / "flux"), *more]  # fmt: skip


@pytest.fixture
def follower(in_pod, fluxpod, fake_flux, secret, unique_name):
    """Boots rank 1 of a cluster whose rank 0 is, or is not, there."""

    def boot(cluster, *more, **how):
        argv = follower_of(cluster, fluxpod, fake_flux, secret, *more)
        return in_pod(argv, name=f"{cluster}-1", **how)

    return boot


@pytest.fixture
def cluster(unique_name):
    return unique_name().removesuffix("-0")


def test_a_name_that_never_resolves_ends_the_wait_at_its_deadline(follower, refuses, cluster):
    begun = time.monotonic()
    process = follower(cluster, "--wait-timeout", "1500ms")
    refuses(process, 20, rf"{cluster}-0\.flux-service\.default\.svc\.cluster\.local", "DNS")
    assert time.monotonic() - begun >= 1.5


@pytest.mark.parametrize("kind", ["no resolv.conf", "an empty resolv.conf"])
def test_without_a_nameserver_it_says_so(follower, refuses, cluster, kind):
    def change():
        os.unlink("/etc/resolv.conf")
        if kind == "an empty resolv.conf":
            open("/etc/resolv.conf", "w").close()

    process = follower(cluster, "--wait-timeout", "1s", setup=change)
    refuses(process, 20, "nameserver|resolv.conf")


def test_a_nameserver_that_does_not_answer_is_20(follower, refuses, cluster):
    def change():
        with open("/etc/resolv.conf", "w") as file:
            file.write("nameserver 192.0.2.1\n")

    begun = time.monotonic()
    refuses(follower(cluster, "--wait-timeout", "1500ms", setup=change), 20, "192.0.2.1")
    assert time.monotonic() - begun >= 1.5


@pytest.fixture
def peer(net, cluster, in_pod):
    """Rank 0's pod, in which a Python program of the test does what it likes on port 8050."""

    def run(program):
        return in_pod(["/usr/bin/python3", "-c", program], name=f"{cluster}-0")

    return run


def test_a_port_that_nobody_listens_on_is_21(follower, refuses, peer, cluster):
    peer("import signal; signal.pause()")
    begun = time.monotonic()
    process = follower(cluster, "--wait-timeout", "1500ms")
    refuses(process, 21, "8050", "refuse")
    assert time.monotonic() - begun >= 1.5


def test_an_address_that_swallows_everything_is_21(follower, net, refuses, cluster):
    net.publish(f"{cluster}-0", "10.244.255.254")  # nobody's
    refuses(follower(cluster, "--wait-timeout", "1500ms"), 21, "10.244.255.254")


LISTENER = """
import socket, time
server = socket.create_server(("0.0.0.0", 8050))
while True:
    peer, _ = server.accept()
    {}
"""


@pytest.mark.parametrize(
    "behaviour",
    ["peer.sendall(b'HTTP/1.1 400 Bad Request\\r\\n\\r\\n' * 9)", "peer.sendall(bytes(200))"],
    ids=["HTTP", "zeros"],
)
def test_a_peer_that_is_not_curve_is_22(follower, refuses, peer, cluster, behaviour):
    peer(LISTENER.format(behaviour))
    refuses(follower(cluster, "--wait-timeout", "4s"), 22, "CURVE")


def test_a_peer_that_says_nothing_is_22_at_the_deadline(follower, refuses, peer, cluster):
    peer("held = []\n" + LISTENER.format("held.append(peer)"))
    begun = time.monotonic()
    refuses(follower(cluster, "--wait-timeout", "3s"), 22, "CURVE")
    assert time.monotonic() - begun < 4


def test_a_parent_with_another_certificate_is_22_at_once(
    follower, refuses, in_pod, cluster, fluxpod, tmp_path
):
    other = tmp_path / "other"
    other.write_text("another secret of sixteen bytes")
    in_pod(
        [fluxpod, "preflight", "--size", "2", "--cluster-name", cluster, "--service",
         "flux-service", "--curve-secret", str(other)],
        name=f"{cluster}-0",
    )  # fmt: skip
    begun = time.monotonic()
    refuses(follower(cluster, "--wait-timeout", "60s"), 22, "certificate|key")
    assert time.monotonic() - begun < 3


# ---- fluxpod wait --------------------------------------------------------------------------------


def test_wait_becomes_its_command(start, fluxpod, tmp_path):
    process = start([fluxpod, "wait", f"file:{tmp_path}", "--", "sh", "-c", "echo came; exit 3"])
    assert process.wait(10) == 3
    assert process.stdout == "came\n"


def test_wait_without_a_command_ends_with_0(start, fluxpod):
    assert start([fluxpod, "wait", "file:/etc"]).wait(10) == 0


def test_wait_sees_a_file_that_comes_later(start, fluxpod, tmp_path):
    path = tmp_path / "late"
    process = start([fluxpod, "wait", f"file:{path}"])
    podnet.until(lambda: str(path) in process.log, 10, "the wait")
    path.write_text("")
    assert process.wait(10) == 0, process.log


def test_an_ignored_signal_does_not_end_the_wait(fluxpod, tmp_path, unique_name):
    """As nohup(1) and a script's `&` ignore it. PID 1's signals nobody ignored on purpose."""
    path = tmp_path / "late"
    ignored = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}

    def ignore():
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    process = podnet.Process(unique_name()).start([fluxpod, "wait", f"file:{path}"], setup=ignore)
    podnet.until(lambda: str(path) in process.log, 10, "the wait")
    for number in ignored:
        process.signal(number)
    path.write_text("")
    assert process.wait(10) == 0, process.log


def test_a_file_that_never_comes_is_23(start, refuses, fluxpod, tmp_path):
    begun = time.monotonic()
    process = start([fluxpod, "wait", "--timeout", "1s", f"file:{tmp_path}/never"])
    refuses(process, 23, "never")
    assert time.monotonic() - begun >= 1


def test_wait_tells_dns_from_tcp_by_its_exit_code(in_pod, refuses, fluxpod):
    words = [fluxpod, "wait", "--timeout", "1s"]
    name = "nobody-0.flux-service.default.svc.cluster.local"
    refuses(in_pod([*words, f"dns:{name}"]), 20, name)
    refuses(in_pod([*words, f"tcp:{name}:80"]), 20, name)
    refuses(in_pod([*words, "tcp:127.0.0.1:9"]), 21, "127.0.0.1", "refuse")


def test_wait_for_a_port_that_opens_later(in_pod, fluxpod, unique_name):
    pod = in_pod([fluxpod, "wait", "--timeout", "20s", "tcp:10.244.0.1:7777"])
    podnet.until(lambda: "refuse" in pod.log, 10, "the refusal")
    with socket.create_server(("10.244.0.1", 7777)):
        assert pod.wait(20) == 0, pod.log


@pytest.mark.parametrize("target", ["tcp:nohost", "tcp:host:0", "tcp:host:70000", "udp:host:1", "",
                                    "dns:", "file:", "curve:host", "tcp:[::1:80"])  # fmt: skip
def test_a_target_that_is_none_is_refused(start, refuses, fluxpod, target):
    process = start([fluxpod, "wait", target])
    assert process.wait(10) in (2, 10), process.log
    assert "error:" in process.log


def test_an_ipv6_literal_is_a_target(start, refuses, fluxpod):
    refuses(start([fluxpod, "wait", "--timeout", "500ms", "tcp:[::1]:9"]), 21, "::1")


def test_a_command_that_is_missing_is_127_before_the_wait(start, refuses, fluxpod):
    process = start([fluxpod, "wait", "--timeout", "60s", "file:/never", "--", "no-such-program"])
    refuses(process, 127, "no-such-program", within=5)
