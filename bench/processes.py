"""What Linux tells of a process."""

from __future__ import annotations

import os
from pathlib import Path

_AFTER_NAME = 2  # the fields of ``stat`` are counted from 1, and the name in parentheses is the second
_PARENT, _USER, _SYSTEM = 4, 14, 15


def cpu_seconds(pid: int) -> float:
    """the user and system time of a process."""
    fields = _stat(pid)
    return (int(fields[_USER - _AFTER_NAME - 1]) + int(fields[_SYSTEM - _AFTER_NAME - 1])) / os.sysconf("SC_CLK_TCK")


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
