# SPDX-License-Identifier: Apache-2.0
"""A cluster's DNS for benchmarks: what CoreDNS's kubernetes plugin knows, as its cache plugin
passes it on. Answers are held under the key (name, type, DO, CD), denials too, with a TTL that
counts down; packets can be lost.

    cluster_dns.py LISTEN RECORDS [--positive S] [--denial S] [--loss P] [--seed N] [--control DIR]

RECORDS is a directory of hosts(5) files, read at every question that the cache does not answer. In
the control directory, the file `drop-until` holds a time (time.time()) before which every packet is
lost, and `questions.json` receives the count of questions of each client. """

import argparse
import json
import os
import random
import signal
import socket
import struct
import time
from pathlib import Path

A, SOA, OPT = 1, 6, 41
NOERROR, NXDOMAIN = 0, 3
ZONE = b"\x07cluster\x05local\x00"


class Question:
    def __init__(self, packet):
        self.id, self.flags, count, _, _, more = struct.unpack_from(">6H", packet)
        if self.flags & 0x8000 or count != 1:
            raise ValueError("not a question")
        labels, at = [], 12
        while length := packet[at]:
            labels.append(packet[at + 1 : at + 1 + length].decode("latin-1").lower())
            at += 1 + length
        self.name = ".".join(labels)
        self.type, _ = struct.unpack_from(">2H", packet, at + 1)
        self.section = packet[12 : at + 5]
        self.checking_disabled = bool(self.flags & 0x0010)
        self.dnssec_ok = False
        if more and len(packet) >= at + 5 + 11:
            kind, _, extended = struct.unpack_from(">HHI", packet, at + 6)
            self.dnssec_ok = kind == OPT and bool(extended & 0x8000)

    @property
    def key(self):
        return self.name, self.type, self.dnssec_ok, self.checking_disabled


def known_names(records):
    names = {}
    for file in Path(records).iterdir():
        if file.name.startswith("."):
            continue
        for line in file.read_text().splitlines():
            address, *hosts = line.split()
            for host in hosts:
                names.setdefault(host.lower(), []).append(address)
    return names


def look_up(question, records):
    """What the kubernetes plugin says: rcode and addresses."""
    names = known_names(records)
    if question.name in names:
        return NOERROR, names[question.name] if question.type == A else []
    inside = any(name.endswith("." + question.name) for name in names)  # an empty non-terminal
    return (NOERROR if inside else NXDOMAIN), []


def encode(question, rcode, addresses, ttl):
    header = struct.pack(
        ">6H", question.id, 0x8480 | (question.flags & 0x0110) | rcode, 1, len(addresses),
        0 if addresses else 1, 0,
    )  # fmt: skip
    body = b"".join(
        struct.pack(">HHHIH", 0xC00C, A, 1, ttl, 4) + socket.inet_aton(address)
        for address in addresses
    )
    if not addresses:
        data = b"\x02ns\x03dns" + ZONE + b"\x0ahostmaster" + ZONE
        data += struct.pack(">5I", 1, 7200, 1800, 86400, ttl)
        body = ZONE + struct.pack(">HHIH", SOA, 1, ttl, len(data)) + data
    return header + question.section + body


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("listen")
    parser.add_argument("records")
    parser.add_argument("--positive", type=float, default=30)
    parser.add_argument("--denial", type=float, default=30)
    parser.add_argument("--loss", type=float, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--control")
    options = parser.parse_args()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    chance = random.Random(options.seed)
    control = Path(options.control) if options.control else None
    cache, counts = {}, {}

    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    server.bind((options.listen, 53))
    while True:
        packet, client = server.recvfrom(4096)
        now = time.time()
        if control:
            counts[client[0]] = counts.get(client[0], 0) + 1
            (control / ".questions").write_text(json.dumps(counts))
            os.rename(control / ".questions", control / "questions.json")
            until = control / "drop-until"
            if until.exists() and now < float(until.read_text()):
                continue
        # A question and its answer can be lost.
        if options.loss and chance.random() < 1 - (1 - options.loss) ** 2:
            continue
        try:
            question = Question(packet)
        except (ValueError, IndexError, struct.error):
            continue
        held = cache.get(question.key)
        if held is None or held[0] <= now:
            rcode, addresses = look_up(question, options.records)
            hold = options.positive if addresses else options.denial
            held = cache[question.key] = (now + hold, rcode, addresses)
        server.sendto(encode(question, held[1], held[2], int(held[0] - now)), client)


if __name__ == "__main__":
    main()
