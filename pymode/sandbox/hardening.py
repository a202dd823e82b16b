"""What a worker gives up, so that a hole in WebAssembly's wall would lead to a small room.

On Linux: no new privileges, no core dump, no life after the parent; and once the image is open,
a seccomp filter under which the process can open no file, make no socket and start nothing.
Elsewhere only the resource limits hold. The wall itself does not depend on any of this.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_TSYNC = 1
_SECCOMP_RET_ALLOW = 0x7FFF0000
_SECCOMP_RET_ERRNO = 0x00050000
_X32_BIT = 0x40000000

# From the kernel's system call tables: the audit architecture, the number of seccomp(2), and
# what is denied. Everything that opens, creates, connects, starts, signals or inspects.
_ARCHITECTURES: dict[str, tuple[int, int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        317,
        {
            "open": 2, "socket": 41, "connect": 42, "accept": 43, "sendto": 44, "sendmsg": 46,
            "bind": 49, "listen": 50, "socketpair": 53, "clone": 56, "fork": 57, "vfork": 58,
            "execve": 59, "kill": 62, "truncate": 76, "rename": 82, "mkdir": 83, "creat": 85,
            "link": 86, "unlink": 87, "symlink": 88, "chmod": 90, "chown": 92, "ptrace": 101,
            "mknod": 133, "mount": 165, "keyctl": 250, "openat": 257, "mkdirat": 258,
            "mknodat": 259, "unlinkat": 263, "renameat": 264, "linkat": 265, "symlinkat": 266,
            "fchmodat": 268, "unshare": 272, "accept4": 288, "perf_event_open": 298,
            "name_to_handle_at": 303, "open_by_handle_at": 304, "sendmmsg": 307, "setns": 308,
            "process_vm_readv": 310, "process_vm_writev": 311, "renameat2": 316, "bpf": 321,
            "execveat": 322, "userfaultfd": 323, "pidfd_send_signal": 424,
            "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "pidfd_open": 434,
            "clone3": 435, "openat2": 437, "pidfd_getfd": 438,
        },
    ),
    "aarch64": (
        0xC00000B7,
        277,
        {
            "mknodat": 33, "mkdirat": 34, "unlinkat": 35, "symlinkat": 36, "linkat": 37,
            "renameat": 38, "mount": 40, "truncate": 45, "fchmodat": 53, "openat": 56,
            "unshare": 97, "ptrace": 117, "kill": 129, "socket": 198, "socketpair": 199,
            "bind": 200, "listen": 201, "accept": 202, "connect": 203, "sendto": 206,
            "sendmsg": 211, "keyctl": 219, "clone": 220, "execve": 221, "perf_event_open": 241,
            "accept4": 242, "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268,
            "sendmmsg": 269, "process_vm_readv": 270, "process_vm_writev": 271,
            "renameat2": 276, "bpf": 280, "execveat": 281, "userfaultfd": 282,
            "pidfd_send_signal": 424, "io_uring_setup": 425, "open_tree": 428,
            "move_mount": 429, "pidfd_open": 434, "clone3": 435, "openat2": 437,
            "pidfd_getfd": 438,
        },
    ),
}  # fmt: skip


def lower_privileges() -> None:
    """Give up, at the start of a worker, what even opening the image does not need."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def close_doors() -> str:
    """Close the doors for good; return "closed", or why they stay open."""
    if sys.platform != "linux":
        return f"no seccomp on {sys.platform}"
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None:
        return f"no system call table for {platform.machine()}"
    audit, seccomp, denied = architecture
    program = _filter(audit, sorted(denied.values()))
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog { unsigned short len; struct sock_filter *filter; }
    fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    # On all threads of the process at once.
    flags = _SECCOMP_FILTER_FLAG_TSYNC
    if libc.syscall(seccomp, _SECCOMP_SET_MODE_FILTER, flags, ctypes.c_char_p(fprog)):
        return f"seccomp: {os.strerror(ctypes.get_errno())}"
    return "closed"


def _filter(audit: int, denied: list[int]) -> bytes:
    """Return a BPF program: a denied call, or one of another architecture, gets EPERM."""
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    arch_offset, number_offset = 4, 0
    steps = len(denied)

    def instruction(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    program = [
        instruction(load, 0, 0, arch_offset),
        instruction(equal, 0, steps + 3, audit),
        instruction(load, 0, 0, number_offset),
        instruction(at_least, steps + 1, 0, _X32_BIT),
    ]
    program += [instruction(equal, steps - at, 0, call) for at, call in enumerate(denied)]
    program.append(instruction(give, 0, 0, _SECCOMP_RET_ALLOW))
    program.append(instruction(give, 0, 0, _SECCOMP_RET_ERRNO | errno.EPERM))
    return b"".join(program)
