"""What may a process do that reads somebody else's bytes? Compute, up to a limit, and answer; nothing else.

Three walls, each by itself: limits on time, memory and files; a filter of system calls (no network, no new processes);
Landlock (no file but the interpreter's own libraries). What a system does not have is left out, and `shut` says so.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from pathlib import Path
from typing import Final

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_FILTER: Final = 2
_EPERM: Final = 1
_ENOSYS: Final = 38
_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_CLONE3: Final = 435
_CLONE_THREAD: Final = 0x10000
_AUDIT: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Network, processes, other processes' memory. By architecture: the kernel numbers its calls differently.
_DENIED: Final = {
    "x86_64": (41, 42, 43, 49, 50, 53, 288, 56, 57, 58, 435, 59, 322, 62, 200, 234, 101, 310, 311, 425, 321, 165, 161),
    "aarch64": (198, 199, 200, 201, 202, 203, 242, 220, 435, 221, 281, 129, 130, 131, 117, 270, 271, 425, 280, 40, 51),
}
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE, _READ_DIRECTORY = 1 << 2, 1 << 3
_EXECUTE: Final = 1
_ALL_OF_FIRST_ABI: Final = (1 << 13) - 1
_BOOT: Final = "/proc/sys/kernel/random"
"""Tells since when the machine runs; who shares an own folder knows by it which locks are still held."""


def shut(*, seconds: int, memory: int) -> list[str]:
    """Shut this process in, for good; return the walls that stand.

    Args:
        seconds: processor time it may still use.
        memory: bytes it may still take.
    """
    _limit(seconds, memory)
    if sys.platform != "linux":
        return ["limits"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return ["limits"]
    walls = ["limits"]
    if _no_files(libc):
        walls.append("landlock")
    if _no_calls(libc):
        walls.append("seccomp")
    return walls


def confine(folder: Path) -> list[str]:
    """Shut this process in, for good, with its threads and one folder to write in; return the walls that stand."""
    if sys.platform != "linux":
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return []
    walls = []
    if _no_files(libc, folder):
        walls.append("landlock")
    if _no_calls(libc, threads=True):
        walls.append("seccomp")
    return walls


def _limit(seconds: int, memory: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (end, end + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _no_files(libc: ctypes.CDLL, own: Path | None = None) -> bool:
    """Let nothing be opened but the interpreter's libraries, for reading, and what is in an own folder."""
    handled = struct.pack("Q", _ALL_OF_FIRST_ABI)
    rules = libc.syscall(_LANDLOCK_CREATE, handled, ctypes.c_size_t(len(handled)), 0)
    if rules < 0:
        return False
    read = {sys.prefix, sys.base_prefix, "/usr/lib", "/usr/share", "/lib", *_import_folders()}
    allowed = dict.fromkeys(read, _READ_FILE | _READ_DIRECTORY)
    if own is not None:
        allowed |= {str(own): _ALL_OF_FIRST_ABI & ~_EXECUTE, _BOOT: _READ_FILE | _READ_DIRECTORY}
    for folder, rights in allowed.items():
        try:
            number = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        except OSError:
            continue
        rule = struct.pack("=Qi", rights, number)
        libc.syscall(_LANDLOCK_ADD, rules, 1, rule, 0)
        os.close(number)
    done = libc.syscall(_LANDLOCK_RESTRICT, rules, 0) == 0
    os.close(rules)
    return bool(done)


def _import_folders() -> set[str]:
    return {folder for folder in sys.path if folder and Path(folder).is_dir()}


def _no_calls(libc: ctypes.CDLL, *, threads: bool = False) -> bool:
    """Answer the system calls that nobody needs to read a file with "not permitted"; those of threads may be let."""
    machine = platform.machine()
    if machine not in _DENIED:
        return False
    denied = _DENIED[machine]
    load, equal, flagged, give = 0x20, 0x15, 0x45, 0x06
    refuse, kill, allow = 0x00050000 | _EPERM, 0x80000000, 0x7FFF0000
    lines = [(load, 0, 0, 4), (equal, 1, 0, _AUDIT[machine]), (give, 0, 0, kill), (load, 0, 0, 0)]
    if threads:  # a thread, not a process; what clone3 would make no filter sees, where it is unknown clone is called
        lines += [(equal, 0, 4, _CLONE[machine]), (load, 0, 0, 16), (flagged, 0, 1, _CLONE_THREAD)]
        lines += [(give, 0, 0, allow), (give, 0, 0, refuse)]
        lines += [(equal, 0, 1, _CLONE3), (give, 0, 0, 0x00050000 | _ENOSYS)]
    lines += [(equal, len(denied) - at, 0, number) for at, number in enumerate(denied)]
    lines += [(give, 0, 0, allow), (give, 0, 0, refuse)]
    program = b"".join(struct.pack("=HBBI", *line) for line in lines)
    held = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HP", len(lines), ctypes.addressof(held))
    return bool(libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(head, len(head)), 0, 0) == 0)
