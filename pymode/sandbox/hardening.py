"""What a worker gives up, so that code which escapes from WebAssembly gains little.

On Linux a worker gets no new privileges, dumps no core and dies with its parent. Once the image is
open, a seccomp filter leaves it some thirty system calls: it can open no file, make no socket and
start nothing. Elsewhere only the resource limits hold. The sandbox does not depend on any of this.
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

from pymode.sandbox.pages import PAGEMAP_SCAN

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_TSYNC = 1
_SECCOMP_RET_ALLOW = 0x7FFF0000
_SECCOMP_RET_ERRNO = 0x00050000

# What a worker needs once its image is open: to read and write its pipes and wait, to manage its
# memory, threads' locks and signals, to read clocks and random bytes, and to end. Everything else,
# known today or not, gets EPERM. Numbers from the kernel's system call tables, by the audit
# architecture and the numbers of seccomp(2) and ioctl(2). Of ioctls only `PAGEMAP_SCAN` is left.
_ARCHITECTURES: dict[str, tuple[int, int, int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        317,
        16,
        {
            "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9,
            "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14,
            "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25, "madvise": 28, "nanosleep": 35,
            "getpid": 39, "exit": 60, "sigaltstack": 131, "gettid": 186, "futex": 202,
            "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229,
            "clock_nanosleep": 230, "exit_group": 231, "ppoll": 271, "set_robust_list": 273,
            "getrandom": 318, "membarrier": 324, "rseq": 334,
        },
    ),
    "aarch64": (
        0xC00000B7,
        277,
        29,
        {
            "close": 57, "lseek": 62, "read": 63, "write": 64, "ppoll": 73, "fstat": 80, "exit": 93,
            "exit_group": 94, "futex": 98, "set_robust_list": 99, "nanosleep": 101,
            "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115, "sched_yield": 124,
            "restart_syscall": 128, "sigaltstack": 132, "rt_sigaction": 134,
            "rt_sigprocmask": 135, "rt_sigreturn": 139, "getpid": 172, "gettid": 178, "brk": 214,
            "munmap": 215, "mremap": 216, "mmap": 222, "mprotect": 226, "madvise": 233,
            "getrandom": 278, "membarrier": 283, "rseq": 293,
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


def confine() -> str:
    """Leave this process only the system calls that a worker needs, for good.

    Returns:
        "confined", or why it is not.
    """
    if sys.platform != "linux":
        return f"no seccomp on {sys.platform}"
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None:
        return f"no system call table for {platform.machine()}"
    audit, seccomp, ioctl, allowed = architecture
    program = _filter(audit, sorted(allowed.values()), ioctl)
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog { unsigned short len; struct sock_filter *filter; }
    fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    # On all threads of the process at once.
    flags = _SECCOMP_FILTER_FLAG_TSYNC
    if libc.syscall(seccomp, _SECCOMP_SET_MODE_FILTER, flags, ctypes.c_char_p(fprog)):
        return f"seccomp: {os.strerror(ctypes.get_errno())}"
    return "confined"


def _filter(audit: int, allowed: list[int], ioctl: int) -> bytes:
    """Return a BPF program: calls that are not allowed, or of another architecture, get EPERM.

    Args:
        audit: the architecture.
        allowed: the numbers of the calls that are allowed whatever their arguments are.
        ioctl: the number of the call that is allowed with `PAGEMAP_SCAN` only.
    """
    load, equal, give = 0x20, 0x15, 0x06
    # In `struct seccomp_data`. The kernel reads 32 bits of the second argument, a request of ioctl.
    arch_offset, number_offset, request_offset = 4, 0, 24
    calls = len(allowed)

    def instruction(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    # A jump counts the instructions that it skips; the last two give the verdict.
    program = [
        instruction(load, 0, 0, arch_offset),
        instruction(equal, 0, calls + 4, audit),
        instruction(load, 0, 0, number_offset),
    ]
    program += [instruction(equal, calls - at + 3, 0, call) for at, call in enumerate(allowed)]
    program += [
        instruction(equal, 0, 2, ioctl),
        instruction(load, 0, 0, request_offset),
        instruction(equal, 1, 0, PAGEMAP_SCAN),
    ]
    program.append(instruction(give, 0, 0, _SECCOMP_RET_ERRNO | errno.EPERM))
    program.append(instruction(give, 0, 0, _SECCOMP_RET_ALLOW))
    return b"".join(program)
