"""How root gives a server's program to a user without rights: run as a script, it becomes that program.

PostgreSQL refuses to run as root. Its data then belongs to another user, who may well be unable to enter the folders
on the way (a clone or a virtual environment under /root): with "pass" that user keeps one capability, to walk through
folders, and only that.

    python -I -S unprivileged.py UID GID pass|plain PROGRAM ARGUMENT…
"""

import ctypes
import os
import struct
import sys
from pathlib import Path

# linux/prctl.h, linux/capability.h, linux/securebits.h
_PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 28, 47, 2
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_SECBIT_NO_SETUID_FIXUP = 4
_CAPABILITY_VERSION_3 = 0x20080522


def main(uid: int, gid: int, passage: str, program: list[str]) -> None:
    """Never returns: the program takes this process over, under the same process id."""
    capability = _walking_capability() if passage == "pass" else None
    if capability is not None:
        # Otherwise access(2), with which PostgreSQL checks its programs, would not count the capability.
        _kernel("prctl", _PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if capability is not None:
        only = 1 << capability
        header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
        _kernel("capset", header, struct.pack("6I", only, only, only, 0, 0, 0))
        # Ambient: kept by the programs that the server itself starts.
        _kernel("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)
    os.execv(program[0], program)  # noqa: S606


def _walking_capability() -> int:
    """The lesser right, to read and to search, where root has it; containers often leave root only the greater."""
    status = Path("/proc/self/status").read_text()
    held = int(status.split("CapEff:")[1].split()[0], 16)
    return _CAP_DAC_READ_SEARCH if held >> _CAP_DAC_READ_SEARCH & 1 else _CAP_DAC_OVERRIDE


def _kernel(call: str, *arguments: int | bytes) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, call)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
