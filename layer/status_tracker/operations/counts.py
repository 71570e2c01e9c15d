"""The counts that are kept with every change, instead of counting all tasks when they are asked for."""

from __future__ import annotations

from ..core.port import KeptCounts

__all__ = ["KeptCounts"]
