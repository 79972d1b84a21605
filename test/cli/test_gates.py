# SPDX-License-Identifier: Apache-2.0
"""Exit codes 20 to 23: waits that end at their deadline, and those that nothing can mend."""

import errno
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import podnet
import pytest
import seccomp


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
    refuses(follower(cluster, "--wait-timeout", "3s"), 22, "CURVE", r"tries in 3(\.\d+)?s")


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
    refuses(follower(cluster, "--wait-timeout", "10m"), 22, "certificate|key", within=60)


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


def test_a_command_that_a_target_brings_is_found_after_the_wait(start, fluxpod, tmp_path):
    view = tmp_path / "view"
    process = start([fluxpod, "wait", "--timeout", "20s", f"file:{view}/done", "--",
                     f"{view}/bin/app", "word"])  # fmt: skip
    podnet.until(lambda: "done" in process.log, 10, "the wait")
    assert f"{view}/bin/app cannot be run yet" in process.log
    (view / "bin").mkdir(parents=True)
    app = view / "bin" / "app"
    app.write_text("#!/bin/sh\necho began with $1\n")
    app.chmod(0o755)
    (view / "done").touch()
    assert process.wait(10) == 0, process.log
    assert process.stdout == "began with word\n"


def test_a_command_that_is_still_missing_after_the_wait_is_127(start, refuses, fluxpod):
    process = start([fluxpod, "wait", "file:/etc", "--", "no-such-program"])
    refuses(process, 127, "no-such-program", within=5)


def test_a_missing_command_is_reported_before_the_wait(start, refuses, fluxpod):
    process = start([fluxpod, "wait", "--timeout", "1s", "file:/never", "--", "no-such-program"])
    refuses(process, 23, "/never")
    assert "no-such-program cannot be run yet" in process.log


def test_flux_of_a_view_that_is_on_its_way_is_waited_for(in_pod, fluxpod, fake_flux, tmp_path):
    view = tmp_path / "view"
    process = in_pod([fluxpod, "run", "--size", "1", "--view", str(view), "--wait-timeout", "20s",
                      "--root", str(tmp_path / "root")], name="one-0")  # fmt: skip
    podnet.until(lambda: f"{view}/bin/flux" in process.log, 10, "the wait")
    draft = tmp_path / "draft"
    shutil.copytree(fake_flux, draft / "bin")
    os.rename(draft, view)
    assert process.wait(10) == 0, process.log
    assert "arg " in process.stdout


def test_flux_that_never_comes_is_127_at_the_deadline(in_pod, refuses, fluxpod, tmp_path):
    def lead(flux, timeout):
        return in_pod([fluxpod, "run", "--size", "1", "--wait-timeout", timeout, "--root",
                       str(tmp_path / "root"), "--flux", flux], name="one-0")  # fmt: skip

    refuses(lead("/never/flux", "1s"), 127, "/never/flux", "tries in")
    # A name without a path is not waited for.
    refuses(lead("no-such-flux", "10m"), 127, "no-such-flux", "PATH", within=60)


# ---- what changes while a pod waits -------------------------------------------------------------


def test_a_hosts_file_that_is_written_late_counts(in_pod, fluxpod):
    pod = in_pod([fluxpod, "wait", "--timeout", "20s", "dns:late.example"], dns=False)
    podnet.until(lambda: "late.example" in pod.log, 10, "the first answer")
    with open(f"/proc/{pod.pid}/root/etc/hosts", "a") as file:
        file.write("10.0.0.7 late.example\n")
    assert pod.wait(10) == 0, pod.log


def test_a_resolv_conf_that_is_written_late_counts(in_pod, fluxpod, net):
    def without_servers():
        open("/etc/resolv.conf", "w").close()

    name = f"late-{os.getpid()}"
    pod = in_pod([fluxpod, "wait", "--timeout", "20s", f"dns:{net.fqdn(name)}"],
                 setup=without_servers)  # fmt: skip
    podnet.until(lambda: "no nameserver" in pod.log, 10, "the first answer")
    net.publish(name, "10.244.0.9")
    with open(f"/proc/{pod.pid}/root/etc/resolv.conf", "w") as file:
        file.write(f"nameserver {net.dns_server}\n")
    assert pod.wait(10) == 0, pod.log


def test_a_hosts_file_of_many_mib_is_read_to_its_end(in_pod, fluxpod):
    def grow():
        with open("/etc/hosts", "a") as file:
            file.write("0.0.0.0 some.host.of.a.blocklist\n" * 100_000)
            file.write("10.0.0.7 last.example\n")

    pod = in_pod([fluxpod, "wait", "--timeout", "5s", "dns:last.example"], setup=grow, dns=False)
    assert pod.wait(10) == 0, pod.log


# ---- faults of our own ---------------------------------------------------------------------------


def scarce(what, most):
    def limit():
        if what == resource.RLIMIT_NPROC:  # it does not bind root
            os.setgroups([])
            os.setgid(64321)
            os.setuid(64321)
        resource.setrlimit(what, (most, most))

    return limit


def no_other_end(process, code):
    """The honest end, or this pod's own fault; an abort of a library is neither."""
    end = process.wait(10)
    assert end in (code, 126), (end, process.log)
    errors = [line for line in process.log.splitlines() if "error:" in line]
    assert len(errors) == 1, process.log
    if end == 126:
        assert "too many open files" in errors[0].lower(), errors[0]
        assert "refuse" not in errors[0]
    return end


@pytest.mark.parametrize("target, code", [("dns:nobody.cluster.local", 20), ("tcp:HOST:9", 21),
                                          ("curve:HOST:8050", 22)])  # fmt: skip
def test_too_few_descriptors_are_not_the_peers_fault(
    in_pod, fluxpod, secret, peer, net, cluster, target, code
):
    peer("held = []\n" + LISTENER.format("held.append(peer)"))
    podnet.until(lambda: reachable(net.pods[f"{cluster}-0"].address), 10, "the peer")
    words = [fluxpod, "wait", "--timeout", "600ms", "--curve-secret", secret,
             target.replace("HOST", net.pods[f"{cluster}-0"].address)]  # fmt: skip
    most = [5, 6, 7, 8, 9, 10, 12, 16, 24, 64]
    pods = [in_pod(words, setup=scarce(resource.RLIMIT_NOFILE, each)) for each in most]
    ends = [no_other_end(pod, code) for pod in pods]
    assert ends == sorted(ends, reverse=True), dict(zip(most, ends, strict=True))
    assert (ends[0], ends[-1]) == (126, code)


def reachable(address, port=8050):
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def curve_wait(fluxpod, peer, net, cluster, secret):
    """The words that wait for a CURVE peer whose TCP port is open."""
    peer("held = []\n" + LISTENER.format("held.append(peer)"))
    address = net.pods[f"{cluster}-0"].address
    podnet.until(lambda: reachable(address), 10, "the peer")
    return [fluxpod, "wait", "--timeout", "1s", "--curve-secret", secret, f"curve:{address}:8050"]


def test_too_few_threads_are_not_the_peers_fault(in_pod, refuses, curve_wait, secret):
    os.chown(secret, 64321, 64321)
    for folder in list(Path(secret).parents)[:2]:  # made by pytest for its own user
        folder.chmod(0o755)
    pod = in_pod(curve_wait, setup=scarce(resource.RLIMIT_NPROC, 1))
    refuses(pod, 126, "this pod could not try", "threads cannot be started", "pids limit")


def deny_clone3():
    seccomp.deny(errno.EPERM, seccomp.CLONE3)


def test_threads_that_a_seccomp_profile_denies_are_not_the_peers_fault(
    in_pod, refuses, curve_wait
):
    pod = in_pod(curve_wait, setup=deny_clone3)
    refuses(pod, 126, "threads cannot be started", "operation not permitted", "seccomp")


def preflight_of(cluster, fluxpod, secret, *more):
    return [fluxpod, "preflight", "--size", "2", "--cluster-name", cluster, "--service",
            "flux-service", "--namespace", "default", "--cluster-domain", "cluster.local",
            "--curve-secret", secret, "--wait-timeout", "20s", *more]  # fmt: skip


def test_a_roll_call_without_threads_does_not_blame_another_program(
    in_pod, refuses, fluxpod, secret, cluster
):
    pod = in_pod(preflight_of(cluster, fluxpod, secret), name=f"{cluster}-0", setup=deny_clone3)
    error = refuses(pod, 126, "threads cannot be started", "operation not permitted")
    assert "has the port" not in error


# ---- interfaces that cannot be looked at ---------------------------------------------------------


def test_denied_netlink_is_reported_and_the_hosts_file_gives_the_address(
    in_pod, fluxpod, net, secret, cluster
):
    pods = []
    for rank in (0, 1):
        name = f"{cluster}-{rank}"
        words = preflight_of(cluster, fluxpod, secret)
        pods.append(in_pod(words, name=name, setup=seccomp.deny_netlink))
    net.publish(f"{cluster}-0")
    assert [pod.wait(30) for pod in pods] == [0, 0], pods[0].log + pods[1].log
    warnings = [line for line in pods[0].log.splitlines() if "warning" in line]
    assert any("cannot be listed: Operation not permitted" in line for line in warnings)
    assert any(pods[0].address in line for line in warnings)


def test_denied_netlink_without_an_own_address_is_10(in_pod, refuses, fluxpod, secret, cluster):
    def nothing_known():
        with open("/etc/hosts", "w") as file:
            file.write("127.0.0.1 localhost\n")
        seccomp.deny_netlink()

    words = preflight_of(cluster, fluxpod, secret)
    pod = in_pod(words, name=f"{cluster}-0", setup=nothing_known)
    refuses(pod, 10, "cannot be listed: operation not permitted", "/etc/hosts", "--bind")
    pod = in_pod([*words, "--bind", "eth0"], name=f"{cluster}-0", setup=nothing_known)
    refuses(pod, 10, "cannot be listed: operation not permitted", r"--bind '\*'")


def test_a_lead_that_has_only_loopback_does_not_bind_to_it_unasked(
    in_pod, refuses, fluxpod, secret, cluster
):
    def only_loopback():
        podnet._call("unshare", 0x40000000)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    words = preflight_of(cluster, fluxpod, secret)
    refuses(in_pod(words, name=f"{cluster}-0", setup=only_loopback), 10, "loopback", "--bind")
    alone = [word if word != "2" else "1" for word in words]
    assert in_pod(alone, name=f"{cluster}-0", setup=only_loopback).wait(10) == 0
