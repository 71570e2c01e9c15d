"""How many shards each status needs for a rate of tasks, on DynamoDB: arithmetic only, no I/O."""

from __future__ import annotations

import math
from typing import TypedDict

from .core.config import is_number

PARTITION_WRITE_UNITS = 1000
"""The write units a second that DynamoDB gives one partition, of a table or of an index."""

USABLE_SHARE = 0.9
"""The share of them to plan with: tasks arrive and hash at random, and often write twice within a second."""


class ShardCounts(TypedDict):
    """The arguments of `TrackerConfig.make` that say over how many shards each status is spread."""

    n_pending_shard: int
    n_in_progress_shard: int
    n_failed_shard: int
    n_succeeded_shard: int
    n_ignored_shard: int


WRITES_PASSING_THROUGH = 2
"""Writes to a status, in the index, of a task that is put into it and removed from it again."""

WRITES_STAYING = 1
"""The same, of a task that stays."""

_MOST = 1e9


def propose_shards(tasks_per_second: float, *, headroom: float = 2.0) -> ShardCounts:
    """The shard counts for so many tasks a second, to be passed on::

        config = TrackerConfig.make("billing", 10, 20, 30, 40, 50, **propose_shards(500))

    Each status is given room for every task to pass through it: `failed` for an outage in which every attempt fails,
    `ignored` for a time in which every task is hopeless. A `succeeded` that is the next step's `pending` gets the
    larger count of the two (R15). Index entries of up to 1 KB are meant, that is task ids of up to about 600 bytes.
    A heartbeat is one write more to `in_progress` each time: raise `headroom` for it.

    More shards cost nothing to write. Each is one request more for listing or counting its status.

    Where the numbers come from: a partition takes 1,000 write units a second, as AWS documents, and a change of
    status is one write to the old status and one to the new (`docs/scale.md`, with a simulation).

    Args:
        tasks_per_second: attempts that start in a second on average, retries included; above 0.
        headroom: the peak rate as a multiple of the average; at least 1.

    Returns:
        The arguments ``n_…_shard`` of `TrackerConfig.make`, each at least 1.

    Raises:
        ValueError: an argument is not a number, or out of range.
    """
    if not is_number(tasks_per_second) or not 0 < tasks_per_second <= _MOST:
        raise ValueError(
            f"tasks_per_second is {tasks_per_second!r}: give how many start in a second, above 0, at most {_MOST:,.0f}."
        )
    if not is_number(headroom) or not 1 <= headroom <= _MOST:
        raise ValueError(
            f"headroom is {headroom!r}: give how many times the average a peak brings, from 1 to {_MOST:,.0f}."
        )
    peak, usable = tasks_per_second * headroom, PARTITION_WRITE_UNITS * USABLE_SHARE
    passed_through = math.ceil(peak * WRITES_PASSING_THROUGH / usable)
    stayed_in = math.ceil(peak * WRITES_STAYING / usable)
    return ShardCounts(
        n_pending_shard=passed_through,
        n_in_progress_shard=passed_through,
        n_failed_shard=passed_through,
        n_succeeded_shard=stayed_in,
        n_ignored_shard=stayed_in,
    )
