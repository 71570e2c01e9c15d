"""Existing classes of an application in memory, for as long as a test lasts: `in_memory`, and `TrackerMemory`.

Pytest has it as the fixture `tracker_memory`, of the plugin that comes with the distribution.
"""

from __future__ import annotations

from .memory import TrackerMemory, in_memory

__all__ = ["TrackerMemory", "in_memory"]
