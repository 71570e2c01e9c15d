"""Medians, and ratios of rounds that were measured side by side."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and the quartiles on both sides of it."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """The median and the quartiles. Raises `ValueError` where there is no value."""
    if not values:
        raise ValueError("There is nothing to take the median of.")
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratio(values: Sequence[float], floor: Sequence[float]) -> Spread:
    """The ratio to the floor of the same round, so that what slows the machine down for a while slows both.

    Who was measured in fewer rounds is compared in those.
    """
    return spread([value / base for value, base in zip(values, floor, strict=False)])
