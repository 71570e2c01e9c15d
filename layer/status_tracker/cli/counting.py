"""How many tasks have each status, since when the oldest wait, and how fast they end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pynamodb.exceptions import PynamoDBException

from ..core.errors import TaskUnreadableError
from ..core.port import KeptCounts
from ..core.state import TaskState
from ..operations.filters import Query
from ..operations.looks import SHORTEST, WINDOW, ended_lately, newest
from .progress import Reading
from .scope import Scope
from .text import say

_MINUTE = timedelta(minutes=1)
_NEWEST = 1000
"""At most so many of each status are looked at."""


@dataclass(frozen=True)
class Counts:
    """The tasks by the codes of their statuses.

    Attributes:
        exact: whether these are the numbers; where not, they are nearly those.
        kept: the kept counts, where these are from there; None where they were counted by the index.
    """

    by_code: Mapping[int, int]
    exact: bool = True
    kept: KeptCounts | None = None

    @property
    def total(self) -> int:
        """All tasks."""
        return sum(self.by_code.values())


@dataclass(frozen=True)
class Oldest:
    """Since when the oldest task of a status has had it, of those in which tasks wait for something.

    Attributes:
        since: by the code of the status.
        as_of: when a sweep saw it so; None for now.
    """

    since: Mapping[int, datetime] = field(default_factory=dict)
    as_of: datetime | None = None


@dataclass(frozen=True)
class Pace:
    """How fast tasks end.

    Attributes:
        per_minute: how many have ended a minute.
        over: the time that was looked at.
        left: how long the unfinished ones will take at that pace; None where that cannot be known.
    """

    per_minute: float
    over: timedelta
    left: timedelta | None


def count(scope: Scope, *, quiet: bool = False) -> Counts:
    """The kept counts, in one request; where there are none, all tasks are counted by the index.

    Args:
        quiet: do not say how far the counting is.
    """
    kept = _kept(scope)
    if kept is not None and (kept.exact or kept.error is not None):
        by_code = {code: max(0, kept.by_code.get(code, 0)) for code in scope.statuses}
        return Counts(by_code, kept.exact, kept)
    return _by_index(scope, quiet=quiet)


def _kept(scope: Scope) -> KeptCounts | None:
    """The kept counts; None where there are none, nothing keeps them any more, or there is no right to read them."""
    given_up = os.environ.get("STATUS_TRACKER_COUNTS") == "0"  # as `env` tells of a stack
    try:
        return None if scope.pipeline is None or given_up else scope.pipeline.kept_counts()
    except PynamoDBException as error:
        if error.cause_response_code != "AccessDeniedException":
            raise
    say("There is no right to read the kept counts (dynamodb:BatchGetItem on the table): the tasks are counted.")
    return None


def oldest(scope: Scope, counts: Counts) -> Oldest:
    """As the last sweep has left it beside the kept counts; without that, as the index has it now."""
    waiting = [code for code, number in counts.by_code.items() if number and code not in scope.ended]
    look = None if counts.kept is None else newest(counts.kept, scope.config.now())
    if look is not None:
        return Oldest({code: look.oldest[code] for code in waiting if code in look.oldest}, look.at)
    found: dict[int, datetime] = {}
    if waiting:
        query = scope.first.query_by_status(waiting, 1, True)
        for state in _states(query):
            if state.update_time is not None:
                found[state.status] = state.update_time
    return Oldest(found)


def pace(scope: Scope, counts: Counts, *, paused: bool) -> Pace | None:
    """How fast tasks end; None where a step that is not covered begins with them.

    Where a sweep has left beside the kept counts how many had ended then, it goes by how many more have since. Else it
    goes by when those that have ended were last changed: of each status at most the newest thousand are looked at, and
    the time since the first of these.

    Args:
        paused: whether work is; then nobody knows how long the rest will take.
    """
    if not scope.ends_here:
        return None
    now = scope.config.now()
    lately = None if counts.kept is None else ended_lately(counts.kept, scope.ended, now)
    if lately is not None:
        per_minute, over = lately.number / (lately.over / _MINUTE), lately.over
    else:
        per_minute, over = _pace_by_index(scope, counts, now)
    unfinished = sum(number for code, number in counts.by_code.items() if code not in scope.ended)
    left = timedelta(minutes=unfinished / per_minute) if per_minute and unfinished and not paused else None
    return Pace(per_minute, _in_minutes(over), left)


def _pace_by_index(scope: Scope, counts: Counts, now: datetime) -> tuple[float, timedelta]:
    """How many have ended a minute, and the time that was looked at."""
    ended = {code for code in scope.ended if counts.by_code.get(code)}
    times = _newest_ends(scope, ended, now - WINDOW)
    first = min((each[-1] for each in times.values()), default=now - WINDOW)
    return sum(_per_minute(each, now) for each in times.values()), now - first


def _by_index(scope: Scope, *, quiet: bool) -> Counts:
    by_code: dict[int, int] = {}
    with Reading(f"Counting the tasks of {scope.use_case_id} by the index", quiet=quiet) as reading:
        for _, step in scope.steps:
            by_code.update(_of_step(step, partial(_told, reading, sum(by_code.values()))))
            if reading.interrupted:  # a backend that counts at once does not look
                raise KeyboardInterrupt
    return Counts({code: by_code.get(code, 0) for code in scope.statuses})


def _told(reading: Reading, before: int, number: int) -> None:
    reading.look(f"{before + number:,}")


def _of_step(step: Any, progress: Callable[[int], object]) -> dict[int, int]:
    counted: dict[int, int] = (
        step.count_by_status(progress=progress) if hasattr(step, "count_within") else step.count_by_status()
    )
    return counted


def _newest_ends(scope: Scope, codes: set[int], since: datetime) -> dict[int, list[datetime]]:
    """When tasks of these statuses have come to them, by status, the newest first."""
    found: dict[int, list[datetime]] = {}
    if codes:
        query = scope.first.query_by_status(sorted(codes), _NEWEST, False, since=since)
        for state in _states(query):
            if state.update_time is not None:
                found.setdefault(state.status, []).append(state.update_time)
    return found


def _in_minutes(time: timedelta) -> timedelta:
    """The time, rounded up to whole minutes."""
    return max(-(-time // _MINUTE), 1) * _MINUTE


def _per_minute(times: list[datetime], now: datetime) -> float:
    """How many a minute there were since the first of them."""
    return len(times) / (max(now - times[-1], SHORTEST) / _MINUTE)


def _states(query: Query[Any]) -> Iterator[TaskState]:
    """The states of the tasks that can be read."""
    while True:
        try:
            yield next(query).tracked_state()
        except StopIteration:
            return
        except TaskUnreadableError:
            continue
