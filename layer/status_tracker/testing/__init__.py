"""For tests: tracked tasks in memory, a clock that stands still, faults, and the contract of every backend.

`MemoryTask` stands in for a backend's base class in the tests of an application. `status_tracker.testing.contract`
holds the suite that a backend is tested with; it needs pytest.
"""

from __future__ import annotations

from .clock import TICK, Clock
from .faults import BackendError, Fault, Faults
from .listing import MemoryQuery
from .memory import MemoryTask
from .store import MemoryStorage, MemoryStore, Record

__all__ = [
    "TICK",
    "BackendError",
    "Clock",
    "Fault",
    "Faults",
    "MemoryQuery",
    "MemoryStorage",
    "MemoryStore",
    "MemoryTask",
    "Record",
]
