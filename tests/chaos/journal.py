"""A log of one process: a JSON object a line, each written by one system call, so that kill -9 loses none."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any


class SkewedClock:
    """A worker's clock, wrong by `offset` seconds."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.offset)


class Journal:
    """Appends events to a file, with `t`, the true time, and `s`, what the process's own clock says."""

    def __init__(self, path: Path, clock: SkewedClock | None = None) -> None:
        self._clock = clock or SkewedClock()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def now(self) -> dict[str, float]:
        """What an event that is written now would have as its times."""
        return {"t": time.time(), "s": self._clock().timestamp()}

    def write(self, event: str, **facts: Any) -> None:
        line = {"e": event, **self.now(), **facts}
        os.write(self._file, (json.dumps(line, separators=(",", ":")) + "\n").encode())
