# SPDX-License-Identifier: Apache-2.0
"""seccomp(2) filters as a container runtime sets them, for a process that is about to exec."""

import ctypes
import errno
import platform
import struct

import podnet

_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _FIRST_ARGUMENT = 0, 16  # offsets in struct seccomp_data
_SOCKET = {"x86_64": 41, "aarch64": 198}.get(platform.machine())
_AF_NETLINK = 16
# The same on every architecture.
CLONE3 = 435
FACCESSAT2 = 439


def _install(*instructions):
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    buffer = ctypes.create_string_buffer(program)
    head = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    )
    podnet._call("prctl", 38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    podnet._call("prctl", 22, 2, ctypes.c_void_p(ctypes.addressof(head)))  # PR_SET_SECCOMP


def deny(error, *numbers):
    """As an old runtime denies system calls that it does not know."""
    jumps = [(_JUMP_IF_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    _install((_LOAD, 0, 0, _NUMBER), *jumps, (_RETURN, 0, 0, _ALLOW),
             (_RETURN, 0, 0, _ERRNO | error))  # fmt: skip


def deny_netlink():
    """Nobody can list the interfaces."""
    _install((_LOAD, 0, 0, _NUMBER), (_JUMP_IF_EQUAL, 0, 3, _SOCKET),
             (_LOAD, 0, 0, _FIRST_ARGUMENT), (_JUMP_IF_EQUAL, 0, 1, _AF_NETLINK),
             (_RETURN, 0, 0, _ERRNO | errno.EPERM), (_RETURN, 0, 0, _ALLOW))  # fmt: skip
