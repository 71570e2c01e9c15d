"""What Linux tells of a process."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

_AFTER_NAME = 2  # the fields of ``stat`` are counted from 1, and the name in parentheses is the second
_PARENT = 4
_OF_ENDED_CHILDREN = (16, 17)  # user and system
_OF_ALL_THREADS = 2  # which of a process's clocks, as the kernel numbers them


def cpu_seconds(pid: int) -> float:
    """The user and system time of a process, by its clock: ``stat`` has it in hundredths of a second."""
    return time.clock_gettime((~pid << 3) | _OF_ALL_THREADS)


def cpu_seconds_with_children(pid: int) -> float:
    """As `cpu_seconds`, with its children: those that there are, and those that have ended."""
    user, system = (int(_stat(pid)[each - _AFTER_NAME - 1]) for each in _OF_ENDED_CHILDREN)
    seconds = cpu_seconds(pid) + (user + system) / os.sysconf("SC_CLK_TCK")
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(OSError):  # it has ended meanwhile
            seconds += cpu_seconds(int(child))
    return seconds


def parent_of(pid: int) -> int:
    """The process that started it."""
    return int(_stat(pid)[_PARENT - _AFTER_NAME - 1])


def peak_bytes(pid: int) -> int:
    """The most memory that was resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
