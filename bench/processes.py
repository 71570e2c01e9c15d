"""What Linux tells of a process."""

from __future__ import annotations

import time
from pathlib import Path

_AFTER_NAME = 2  # the fields of ``stat`` are counted from 1, and the name in parentheses is the second
_PARENT = 4
_OF_ALL_THREADS = 2  # which of a process's clocks, as the kernel numbers them


def cpu_seconds(pid: int) -> float:
    """The user and system time of a process, by its clock: ``stat`` has it in hundredths of a second."""
    return time.clock_gettime((~pid << 3) | _OF_ALL_THREADS)


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
