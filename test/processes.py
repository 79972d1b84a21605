# SPDX-License-Identifier: Apache-2.0
"""The processes below this one: how much they compute, and their end."""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """The fields of proc(5)'s stat after the name, from the state on; None without the process."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return None


def state(pid):
    """The letter of proc(5), as R for running; None without the process or for a zombie."""
    fields = _stat(pid)
    return None if not fields or fields[0] == "Z" else fields[0]


def descendants(pid):
    """Children of `pid`, their children, and so on."""
    children = {}
    for entry in os.listdir("/proc"):
        fields = _stat(entry) if entry.isdigit() else None
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, queue = set(), [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.add(child)
            queue.append(child)
    return found


def cpu_seconds(pids):
    """CPU time of these processes and of the children that they have waited for."""
    ticks = (sum(map(int, fields[11:15])) for fields in map(_stat, pids) if fields)
    return sum(ticks) / _TICKS


def kill(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def adopt_orphans():
    """Makes this process the parent of every descendant whose own parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@contextlib.contextmanager
def killed_at_the_end():
    """Ends every descendant, also when a signal ends this process."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        # A descendant may start another one meanwhile.
        while left := descendants(os.getpid()):
            kill(left)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)
