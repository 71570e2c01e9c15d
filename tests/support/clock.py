"""The clock of the tests: the library's own, which its users test with."""

from __future__ import annotations

from status_tracker.testing import TICK, Clock

__all__ = ["TICK", "Clock"]
