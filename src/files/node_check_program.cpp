// SPDX-License-Identifier: Apache-2.0
#include "node_check_program.hpp"

namespace fluxpod {

const std::string_view node_check_imports =
    R"(# Made by fluxpod: ranks on one kernel would have its hardware counted once for each.
import errno
import os
import sys
import time

import flux
import flux.idset
import flux.kvs
from flux.kvs import RAW

)";

const std::string_view node_check_program = R"(
BOOT_ID = "/proc/sys/kernel/random/boot_id"
KEY = "fluxpod.node-check."
DRAINED = "fluxpod.node-drained.%d" % RANK  # there if a life of this rank drained it
APPEND = 32  # FLUX_KVS_APPEND
SECONDS = 20.0


def ask(handle, topic, payload=None, rank=0):
    return handle.rpc(topic, payload or {}, nodeid=rank)


def answer(future):
    future.wait_for(SECONDS)
    return future.get()


class Line:
    # "RANK HOST LIFE PLACE": LIFE is when the broker started, PLACE is "-", "drained" or CPUs.
    def __init__(self, number, text):
        words = text.split()
        self.number, self.rank, self.host = number, int(words[0]), words[1]
        self.life, self.place = words[2], words[3]
        self.cpus = set()
        if self.place not in ("-", "drained"):
            self.cpus = {int(cpu) for cpu in self.place.split(",")}


class Kernel:
    """The ranks on this kernel, as the KVS has them."""

    def __init__(self, handle):
        with open(BOOT_ID) as file:
            self.boot_id = file.read().strip()
        self.handle = handle
        self.key = KEY + self.boot_id + "." + NODE
        self.life = handle.attr_get("broker.starttime")
        self.alive = {}

    def append(self, place):
        """Returns the number of the new line, and all newest lines by rank."""
        text = "%d %s %s %s" % (RANK, HOST, self.life, place)
        data = (text + "\n").encode()
        txn = RAW.flux_kvs_txn_create()
        try:
            RAW.flux_kvs_txn_put_raw(txn, APPEND, self.key, data, len(data))
            flux.kvs.commit(self.handle, _kvstxn=txn)
        finally:
            RAW.flux_kvs_txn_destroy(txn)
        # A follower may still see the list from before its own append.
        give_up = time.monotonic() + SECONDS
        while True:
            lines = self.read()
            number = max((n for n, line in enumerate(lines) if line == text), default=None)
            if number is not None:
                newest = {}
                for n, line in enumerate(lines):
                    if line.strip():
                        newest[Line(n, line).rank] = Line(n, line)
                return number, newest
            if time.monotonic() > give_up:
                raise RuntimeError("the KVS does not show what was appended to " + self.key)
            time.sleep(0.01)

    def read(self):
        try:
            return str(flux.kvs.get(self.handle, self.key)).split("\n")
        except FileNotFoundError:
            return []

    def living(self, lines):
        """Those of `lines` whose broker is still the one that wrote it."""
        lines = [line for line in lines if line.rank != RANK]
        asked = []
        for line in lines:
            if (line.rank, line.life) not in self.alive:
                name = {"name": "broker.starttime"}
                asked.append((line, ask(self.handle, "attr.get", name, line.rank)))
        for line, future in asked:
            try:
                there = answer(future)["value"] == line.life
            except OSError as error:
                there = error.errno != errno.EHOSTUNREACH
            self.alive[line.rank, line.life] = there
        return [line for line in lines if self.alive[line.rank, line.life]]


def drained_here(handle):
    """Whether an earlier life of this rank drained it for this reason."""
    # Flux's answer grows with the cluster, so that it is asked by those only that have to.
    if not flux.kvs.exists(handle, DRAINED):
        return False
    try:
        drains = answer(ask(handle, "resource.status"))["drain"]
    except OSError:
        return False  # Flux still discovers its resources, so no rank is drained yet
    for ids, drain in drains.items():
        if RANK in flux.idset.IDset(ids) and "which is counted there" in drain["reason"]:
            return True
    return False


def check(kernel, number, newest):
    before = [line for line in newest.values() if line.number < number and line.place != "drained"]
    first = min(kernel.living(before), key=lambda line: line.number, default=None)
    if first:
        reason = "on the node of rank %d (%s), which is counted there: kernel boot id %s" % (
            first.rank, first.host, kernel.boot_id)
        drain = {"targets": str(RANK), "reason": reason, "mode": "update"}
        flux.kvs.put(kernel.handle, DRAINED, True)
        flux.kvs.commit(kernel.handle)
        answer(ask(kernel.handle, "resource.drain", drain))
        kernel.append("drained")
        print("fluxpod: node check: drained rank %d: %s" % (RANK, reason), file=sys.stderr)
    elif drained_here(kernel.handle):
        answer(ask(kernel.handle, "resource.undrain", {"targets": str(RANK), "mode": "update"}))
        flux.kvs.put_unlink(kernel.handle, DRAINED)
        flux.kvs.commit(kernel.handle)
    return first is None


def free_block(used, count):
    """`count` CPUs that are not in `used`: of cores that nobody uses if there are enough, in one
    package if one has them, whole cores first."""
    everywhere = [core for package in PACKAGES for core in package]
    for unused, cores in [(unused, cores) for unused in (True, False)
                          for cores in PACKAGES + [everywhere]]:
        free = [[cpu for cpu in core if cpu not in used] for core in cores]
        if unused:
            free = [left if len(left) == len(core) else [] for core, left in zip(cores, free)]
        if sum(map(len, free)) < count:
            continue
        chosen, whole, part = [], [], []
        for core, left in zip(cores, free):
            if len(left) < len(core):
                part.append(left)
            elif len(left) <= count - len(chosen):
                chosen += left
            else:
                whole.append(left)
        while len(chosen) < count:
            for left in whole + part:
                if left and len(chosen) < count:
                    chosen.append(left.pop(0))
        return set(chosen)
    return None


def claim(kernel, number, newest):
    """CPUs that no other rank of this kernel has, or None. The earlier of two claims is valid."""
    for _ in range(2 * len(newest) + 3):
        others = kernel.living(newest.values())
        used = set().union(*(line.cpus for line in others))
        free = set(used)
        for line in others:  # those that are about to claim; pods are equal
            if line.place == "-" and line.number < number:
                free |= free_block(free, COUNT) or set()
        mine = free_block(free, COUNT) or free_block(used, COUNT)
        if mine is None:
            return None
        number, newest = kernel.append(",".join(map(str, sorted(mine))))
        if not any(line.cpus & mine and line.number < number
                   for line in kernel.living(newest.values())):
            return mine
    return None


def bind(kernel, number, newest):
    mine = claim(kernel, number, newest)
    if mine is None:
        kernel.append("-")
        print("fluxpod: no %d CPUs of this node are free: nothing is bound" % COUNT,
              file=sys.stderr)
        return
    tasks = "/proc/%s/task" % kernel.handle.attr_get("broker.pid")
    done = set()
    while set(os.listdir(tasks)) - done:  # a thread may have started one meanwhile
        for thread in set(os.listdir(tasks)) - done:
            done.add(thread)
            try:
                os.sched_setaffinity(int(thread), mine)
            except ProcessLookupError:
                pass
    text = ",".join(map(str, sorted(mine)))
    print("fluxpod: the broker and its jobs run on CPUs " + text, file=sys.stderr)


def node_check(handle):
    # An instance within this one inherits the environment, and is none of ours.
    if handle.attr_get("local-uri") != URI:
        return
    try:
        kernel = Kernel(handle)
        number, newest = kernel.append("-")
        is_counted = check(kernel, number, newest) if DRAINS else True
        if COUNT and is_counted:
            bind(kernel, number, newest)
    except Exception as error:
        message = "fluxpod: the node check failed: %s: %s" % (type(error).__name__, error)
        if REQUIRED:
            raise RuntimeError(message + "; use --node-check off to start without it") from error
        print(message + "; other ranks may count this node too", file=sys.stderr)


if __name__ == "__main__":
    node_check(flux.Flux())
else:
    from flux.modprobe import task

    @task("fluxpod-node-check", after=["resource"], requires=["resource", "kvs"])
    def fluxpod_node_check(context):
        node_check(context.handle)
        # Flux runs the scripts of rc1.d next: the one for older versions is not needed.
        extra = os.environ.get("FLUX_RC_EXTRA", "").split(":")
        os.environ["FLUX_RC_EXTRA"] = ":".join(each for each in extra if each != RC_EXTRA)
)";

}  // namespace fluxpod
