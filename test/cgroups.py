# SPDX-License-Identifier: Apache-2.0
"""The kernel's own cgroups, for pods with limits."""

import contextlib
import tempfile
from pathlib import Path

import podnet


class Unavailable(Exception):
    """This machine gives no such cgroup."""


class Cgroup:
    """A cgroup of one controller, v1 or v2; its processes are gone when it is removed."""

    def __init__(self, controller):
        root = Path("/sys/fs/cgroup")
        self.v2 = not (root / controller / "cgroup.procs").exists()
        top = root if self.v2 else root / controller
        if self.v2:
            offered = root / "cgroup.subtree_control"
            if not offered.exists() or controller not in offered.read_text().split():
                raise Unavailable(f"no cgroup hierarchy offers the controller {controller}")
        try:
            self.path = Path(tempfile.mkdtemp(prefix="fluxpod-node-", dir=top))
        except OSError as error:
            raise Unavailable(f"no cgroup can be made here: {error}") from error

    def write(self, name, value):
        (self.path / name).write_text(value)

    def limit_cpus(self, count):
        if self.v2:
            self.write("cpu.max", f"{int(count * 100000)} 100000")
        else:
            self.write("cpu.cfs_period_us", "100000")
            self.write("cpu.cfs_quota_us", str(int(count * 100000)))

    def hold_cpus(self, cpus):
        if not self.v2:
            self.write("cpuset.mems", (self.path.parent / "cpuset.mems").read_text())
        self.write("cpuset.cpus", cpus)

    def join(self):
        """For a pod's setup: 0 is the process that writes."""
        self.write("cgroup.procs", "0")

    def remove(self):
        def removed():
            with contextlib.suppress(OSError):
                self.path.rmdir()
            return not self.path.exists()

        podnet.until(removed, 10, f"the end of {self.path}")
