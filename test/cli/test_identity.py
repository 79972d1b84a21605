# SPDX-License-Identifier: Apache-2.0
"""Exit code 11: index, host name and host list that do not fit."""

import socket
import struct
import threading
import time

import podnet
import pytest


def words(fluxpod, secret, tmp_path, *more):
    return [fluxpod, "run", "--size", "4", "--service", "flux-service", "--curve-secret", secret,
            "--root", str(tmp_path / "root"), "--flux", "/bin/true", "--wait-timeout", "1s",
            *more]  # fmt: skip


@pytest.mark.parametrize(
    "hostname, env, more, patterns",
    [
        ("fp-1", {"JOB_COMPLETION_INDEX": "2"}, [], ["fp-1", "2"]),
        ("fp-1", {}, ["--index", "2"], ["fp-1", "2"]),
        ("fp-4", {}, [], ["4"]),
        ("fp-0", {"JOB_COMPLETION_INDEX": "4"}, [], ["4"]),
        ("fp-0", {"JOB_COMPLETION_INDEX": "x"}, [], ["JOB_COMPLETION_INDEX", "x"]),
        ("fp-0", {"JOB_COMPLETION_INDEX": "-1"}, [], ["JOB_COMPLETION_INDEX", "-1"]),
        ("fp-1", {"JOB_COMPLETION_INDEX": "1"}, ["--cluster-name", "other"], ["fp-1", "other"]),
        ("fp-1", {}, ["--hosts", "a,b,c,d"], ["fp-1"]),
        ("fp_x-0", {}, [], ["fp_x-0"]),
        ("a" * 62 + "-0", {}, [], ["63"]),
        ("noordinal", {}, ["--cluster-name", "fp"], ["noordinal"]),
    ],
    ids=[
        "the index is not the ordinal",
        "the flag is not the ordinal",
        "the ordinal is past the size",
        "the index is past the size",
        "the index is not a number",
        "the index is negative",
        "the name is another cluster's",
        "the name is not in the host list",
        "a name with an underscore",
        "a name of 64 characters",
        "no index at all",
    ],
)
def test_what_does_not_fit_is_11(
    in_pod, refuses, fluxpod, secret, tmp_path, hostname, env, more, patterns
):
    argv = words(fluxpod, secret, tmp_path, *more)
    process = in_pod(argv, name=hostname, env=env, dns=False)
    refuses(process, 11, *patterns)
    assert not (tmp_path / "root").exists()


# ---- the reverse name of a compose replica -------------------------------------------------------

SERVFAIL, NXDOMAIN = 2, 3


class Engine:
    """A container engine's DNS that knows no name of any address until names() is called."""

    def __init__(self, address, rcode, header_only=False):
        self._rcode, self._header_only, self._names = rcode, header_only, None
        self.questions = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._socket.settimeout(0.05)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def names(self, *names):
        self._names = names

    def close(self):
        self._closed.set()
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while not self._closed.is_set():
            try:
                query, asking = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            self._socket.sendto(self._answer(query), asking)

    def _answer(self, query):
        self.questions += 1
        question = query[12 : query.index(0, 12) + 5]
        if self._names is None:
            asked = 0 if self._header_only else 1
            head = query[:2] + struct.pack(">5H", 0x8180 | self._rcode, asked, 0, 0, 0)
            return head + (b"" if self._header_only else question)
        reply = query[:2] + struct.pack(">5H", 0x8180, 1, len(self._names), 0, 0) + question
        for name in self._names:
            labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
            reply += struct.pack(">HHHIH", 0xC00C, 12, 1, 600, len(labels) + 1) + labels + b"\0"
        return reply


@pytest.fixture
def replica(in_pod, net, fluxpod, secret, tmp_path):
    """Starts a container of four replicas, and its engine's DNS."""
    engines = []

    def start(rcode, *more, header_only=False):
        def ask_the_engine():
            with open("/etc/resolv.conf", "w") as file:
                file.write(f"nameserver {net.gateway}\n")

        engines.append(Engine(net.gateway, rcode, header_only))
        argv = [fluxpod, "render", "--size", "4", "--curve-secret", secret, "--explain",
                "--root", str(tmp_path / "root"), *more]  # fmt: skip
        return in_pod(argv, name="3f2a9c81d0be", setup=ask_the_engine), engines[-1]

    yield start
    for engine in engines:
        engine.close()


@pytest.mark.parametrize("rcode, header_only", [(NXDOMAIN, False), (SERVFAIL, False),
                                                (SERVFAIL, True)])  # fmt: skip
def test_a_reverse_name_that_fails_at_first_is_waited_for(replica, rcode, header_only):
    process, engine = replica(rcode, header_only=header_only)
    told = "NXDOMAIN" if rcode == NXDOMAIN else "SERVFAIL"
    podnet.until(lambda: engine.questions >= 5 and told in process.log, 10, "some questions")
    engine.names("3f2a9c81d0be", "flux.project_default", "project-flux-2.project_default")
    assert process.wait(10) == 0, process.log
    assert "project-flux-2" in process.stdout


def test_a_reverse_name_that_never_comes_is_11_at_the_deadline(replica, refuses):
    begun = time.monotonic()
    process, _ = replica(NXDOMAIN, "--wait-timeout", "1500ms")
    refuses(process, 11, "NXDOMAIN", r"tries in 1\.5s", "3f2a9c81d0be", "--index")
    assert time.monotonic() - begun >= 1.5


def test_sigterm_ends_the_wait_for_a_reverse_name_at_once(replica):
    process, engine = replica(NXDOMAIN, "--wait-timeout", "10m")
    podnet.until(lambda: engine.questions >= 2, 10, "a question")
    process.signal(15)
    assert process.wait(60) == 143, process.log
    assert "error" not in process.log
