# SPDX-License-Identifier: Apache-2.0
"""`fluxpod wait dns:NAME` with real resolvers, whose caches and limits are not CoreDNS's.
docs/decisions/dns-cache-keys.md says what each of them does with the gate's cache keys."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import podnet
import pytest

AUTHORITY, CACHE = "10.96.0.54", "10.96.0.53"
NAME = "lead.flux-service.default.svc.cluster.local"
MANY = "many.flux-service.default.svc.cluster.local"
A, OPT = 1, 41


# ---- a question by hand --------------------------------------------------------------------------


class Reply:
    def __init__(self, packet):
        flags, _, self.answers = struct.unpack_from(">3H", packet, 2)
        self.truncated = bool(flags & 0x0200)


def ask(server, name, kind=A, payload=1232):
    """The reply to one question over UDP, or None if none came within a second."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">6H", 1, 0x0100, 1, 0, 0, 1) + labels + struct.pack(">BHH", 0, kind, 1)
    query += struct.pack(">BHHIH", 0, OPT, payload, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(1)
        asking.connect((server, 53))
        try:
            asking.send(query)
            return Reply(asking.recv(65535))
        except OSError:
            return None


# ---- the servers ---------------------------------------------------------------------------------


class Daemon:
    """A DNS server of Debian's with its configuration in a directory of its own."""

    def __init__(self, argv, directory, address):
        program = shutil.which(argv[0])
        if program is None:
            pytest.skip(f"there is no {argv[0]}")
        # Under another path, so that no AppArmor profile of the package keeps it to /etc.
        copy = shutil.copy(program, directory / argv[0])
        self.log_path = directory / "log"
        with self.log_path.open("w") as log:
            self._process = subprocess.Popen(
                [copy, *argv[1:]], cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            podnet.until(lambda: self._process.poll() is not None or ask(address, "up.test"), 20)
            assert self._process.poll() is None, self.log
        except BaseException:
            self.stop()
            raise

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def signal(self, number):
        self._process.send_signal(number)

    def stop(self):
        self._process.kill()
        self._process.wait()


class Authority(Daemon):
    """NSD with the cluster's zone. Denials are held for `minimum` seconds."""

    def __init__(self, directory, minimum):
        self._minimum, self._serial, self._zone = minimum, 0, directory / "zone"
        self._records = [f"{MANY}. A 10.244.9.{number}" for number in range(1, 101)]
        self._write()
        (directory / "nsd.conf").write_text(f"""
server:
  ip-address: {AUTHORITY}
  username: ""
  server-count: 1
  zonesdir: "{directory}"
  database: ""
  pidfile: ""
  xfrdfile: "{directory}/xfrd"
  xfrdir: "{directory}"
  zonelistfile: "{directory}/zones"
remote-control:
  control-enable: no
zone:
  name: cluster.local
  zonefile: zone
""")
        super().__init__(["nsd", "-d", "-c", str(directory / "nsd.conf")], directory, AUTHORITY)

    def _write(self):
        self._serial += 1
        soa = f"@ SOA ns hostmaster {self._serial} 7200 1800 86400 {self._minimum}"
        text = ["$ORIGIN cluster.local.", "$TTL 30", soa, "@ NS ns", f"ns A {AUTHORITY}"]
        new = self._zone.with_suffix(".new")
        new.write_text("\n".join(text + self._records) + "\n")
        os.rename(new, self._zone)

    def publish(self, name, address):
        self._records.append(f"{name}. A {address}")
        self._write()
        self.signal(signal.SIGHUP)

        def there():
            reply = ask(AUTHORITY, name)
            return reply and reply.answers

        podnet.until(there, 10, "the authority's new record")


def dnsmasq(directory):
    return ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=",
            "--user=root", "--no-resolv", "--no-hosts", "--log-facility=-", "--log-queries",
            f"--listen-address={CACHE}", "--bind-interfaces", f"--server={AUTHORITY}"]  # fmt: skip


def unbound(directory):
    (directory / "unbound.conf").write_text(f"""
server:
  interface: {CACHE}
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  log-queries: yes
  module-config: "iterator"
  do-ip6: no
stub-zone:
  name: cluster.local
  stub-addr: {AUTHORITY}
""")
    return ["unbound", "-d", "-c", str(directory / "unbound.conf")]


def named(directory):
    (directory / "named.conf").write_text(f"""
options {{
  directory "{directory}";
  listen-on {{ {CACHE}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile none;
  recursion yes;
  allow-query {{ any; }};
  allow-recursion {{ any; }};
  dnssec-validation no;
  querylog yes;
}};
controls {{ }};
zone "cluster.local" {{ type static-stub; server-addresses {{ {AUTHORITY}; }}; }};
""")
    return ["named", "-g", "-4", "-n", "1", "-c", str(directory / "named.conf")]


@pytest.fixture(scope="module")
def net():
    """One for all tests: the resolvers keep nothing of the one before."""
    with podnet.Net() as made:
        yield made


@pytest.fixture(scope="module")
def servers(net):
    for address in (AUTHORITY, CACHE):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "pods"], check=True)


@pytest.fixture
def behind(net, servers, tmp_path):
    """The authority, and a resolver of that kind in front of it."""
    running = []

    def start(resolver, minimum=30):
        for kind in ("authority", "cache"):
            (tmp_path / kind).mkdir()
        running.append(Authority(tmp_path / "authority", minimum))
        argv = resolver(tmp_path / "cache")
        running.append(Daemon(argv, tmp_path / "cache", CACHE))
        return running

    yield start
    for daemon in running:
        daemon.stop()


@pytest.fixture
def waiting(net, fluxpod, unique_name):
    def start(name, *options):
        def use_the_cache():
            Path("/etc/resolv.conf").write_text(f"nameserver {CACHE}\n")

        argv = [fluxpod, "wait", *(options or ("--timeout", "45s")), f"dns:{name}"]
        return net.pod(unique_name(), argv, setup=use_the_cache)

    return start


# ---- the claims ----------------------------------------------------------------------------------

# A poll every 2.1 s at most, and a loaded machine.
POLL = 10


def seconds_from_publication(authority, cache, pod):
    """How long the pod waits for a name after it exists. It appears while the pod polls."""
    podnet.until(lambda: cache.log.count(NAME) >= 5, 10, "five questions of the pod")
    assert pod.poll() is None, pod.log_tail()
    authority.publish(NAME, "10.244.8.1")
    published = time.monotonic()
    assert pod.wait(45) == 0, pod.log_tail()
    return time.monotonic() - published


@pytest.mark.parametrize("resolver", [dnsmasq, unbound, named])
def test_a_name_is_denied_for_the_denials_ttl_and_no_longer(behind, waiting, resolver):
    held = 4
    authority, cache = behind(resolver, minimum=held)
    assert seconds_from_publication(authority, cache, waiting(NAME)) < held + POLL


# BIND cannot do better than the denial's TTL: it holds a denial against every question of the name.
@pytest.mark.parametrize("resolver", [dnsmasq, unbound])
def test_a_denial_that_is_held_for_30_seconds_is_got_round(behind, waiting, resolver):
    authority, cache = behind(resolver)
    pod = waiting(NAME, "--timeout", "20s")
    assert seconds_from_publication(authority, cache, pod) < 20


@pytest.mark.parametrize("resolver", [dnsmasq, unbound, named])
def test_a_name_that_is_there_is_found_at_once(behind, waiting, resolver):
    authority, _ = behind(resolver)
    authority.publish(NAME, "10.244.8.1")
    pod = waiting(NAME)
    assert pod.wait(10) == 0, pod.log_tail()
    assert "no such name" not in pod.log


@pytest.mark.parametrize("resolver", [dnsmasq, unbound, named])
def test_more_addresses_than_a_packet_holds_come_by_tcp(behind, waiting, resolver):
    behind(resolver)
    reply = ask(CACHE, MANY)
    assert reply.truncated
    pod = waiting(MANY)
    assert pod.wait(10) == 0, pod.log_tail()


@pytest.mark.parametrize("resolver", [dnsmasq, unbound, named])
def test_an_authority_that_is_down_is_not_an_error(behind, waiting, resolver):
    authority, cache = behind(resolver, minimum=2)
    authority.signal(signal.SIGSTOP)
    pod = waiting(NAME)
    podnet.until(lambda: cache.log.count(NAME) >= 3, 10, "three questions of the pod")
    authority.signal(signal.SIGCONT)
    authority.publish(NAME, "10.244.8.1")
    assert pod.wait(45) == 0, pod.log_tail()
