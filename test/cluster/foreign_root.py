# SPDX-License-Identifier: Apache-2.0
"""What a container runtime does between the image and its first process: mounts, a read-only root,
another uid, no capability. For Process.start's `setup`."""

import ctypes
import os
import stat
from pathlib import Path

import podnet

_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 38, 24
_DEVICES = {"null": (1, 3), "zero": (1, 5), "random": (1, 8), "urandom": (1, 9)}
_libc = ctypes.CDLL(None, use_errno=True)


def make_mount_points(root, *more):
    """As a runtime makes those that an image lacks."""
    for directory in ("proc", "sys", "dev", "etc", "run/fluxpod", "tmp", *more):
        (root / directory).mkdir(parents=True, exist_ok=True)
    for file in ("etc/hosts", "etc/resolv.conf"):
        (root / file).touch()


def make_mount_point(root, outside, inside):
    """Like what is to be mounted there: a file or a directory."""
    path = root / inside.lstrip("/")
    if outside.is_dir():
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def container(root, uid=65534, volumes=(), scratch=("/run/fluxpod",)):
    """`volumes` are (path outside, path inside) and read-only, `scratch` are emptyDirs."""

    def setup():
        podnet.mount(root, root, None, podnet.MS_BIND)
        podnet.mount("proc", root / "proc", "proc")
        podnet.mount("/sys", root / "sys", None, podnet.MS_BIND)
        _mount_devices(root / "dev")
        for name in ("hosts", "resolv.conf"):
            podnet.mount(f"/etc/{name}", root / "etc" / name, None, podnet.MS_BIND)
        for outside, inside in volumes:
            _mount_read_only(outside, root / inside.lstrip("/"))
        for directory in scratch:
            podnet.mount("tmpfs", root / directory.lstrip("/"), "tmpfs", 0, "mode=777")
        podnet.mount(None, root, None, podnet.MS_REMOUNT | podnet.MS_BIND | podnet.MS_RDONLY)
        os.chroot(root)
        os.chdir("/")
        drop_privileges(uid)

    return setup


def _mount_devices(directory):
    podnet.mount("tmpfs", directory, "tmpfs", 0, "mode=755")
    for name, numbers in _DEVICES.items():
        os.mknod(directory / name, stat.S_IFCHR, os.makedev(*numbers))
        (directory / name).chmod(0o666)


def _mount_read_only(outside, inside):
    podnet.mount(outside, inside, None, podnet.MS_BIND)
    podnet.mount(None, inside, None, podnet.MS_REMOUNT | podnet.MS_BIND | podnet.MS_RDONLY)


def drop_privileges(uid):
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
