"""Reads what the widget shows, never more than a page needs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import status_tracker as st
from status_tracker.core.cursors import Position, format_cursor
from status_tracker.core.port import KeptCounts
from status_tracker.dynamodb import Count
from status_tracker.operations.filters import TaskFilter
from status_tracker.operations.pausing import Pause
from status_tracker.operations.pipeline import Pipeline, StatusOfStep
from status_tracker.operations.reasons import Reason, reason_of
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.events import BadEventError
from status_tracker_ops.widget.requests import TaskList

PAGE_SIZE = 20
COUNTED_PER_SHARD = 2_000
"""The most that is counted of a shard: a dashboard counts again with each refresh, and each read costs."""

GROUPED = 500
"""The newest so many are grouped by their reasons."""

_NEWEST_FIRST = ("succeeded", "ignored", "exhausted")
_WITH_REASONS = ("failed", "ignored", "exhausted")

Row: TypeAlias = st.BaseTask | st.TaskUnreadableError


@dataclass(frozen=True)
class Patience:
    """How far a search goes before it says how far it has come.

    Attributes:
        listed: tasks that are looked at in the index alone.
        whole: tasks that are read in full, since their errors decide.
        seconds: all of it takes at most.
    """

    listed: int = 20_000
    whole: int = 1_000
    seconds: float = 10.0


class Found(NamedTuple):
    """A task that was found, and where it stands in the listing."""

    task: Any
    moment: datetime
    key: str


@dataclass(frozen=True)
class Walk:
    """What a search through the tasks of a status has found.

    Attributes:
        found: what matches, in the order of the listing.
        cursor: from here the rest follows; None where there is nothing behind.
        more: whether one more is known to match.
        examined: how many tasks were looked at.
        ended: whether that was all there are.
    """

    found: Sequence[Found]
    cursor: str | None
    more: bool
    examined: int
    ended: bool


@dataclass(frozen=True)
class Group:
    """Tasks that have the same kind of reason; `reason` is theirs, with ``#`` where it differs."""

    reason: Reason
    number: int


@dataclass(frozen=True)
class Groups:
    """The reasons of a status, the most frequent first. `of`: how many tasks were looked at; `all`: whether all."""

    groups: Sequence[Group]
    of: int
    all: bool


@dataclass(frozen=True)
class TaskPage:
    """Some tasks of a status, read in full; for an item that is no task, the error that says why.

    Attributes:
        next_cursor, previous_cursor: where the pages after and before begin, None where there is none.
        total: how many tasks the list has; None where that is not known.
        examined: how many tasks were looked at, where the search was given up before its end; otherwise None.
        groups: the reasons of the whole list; None where it is not asked for them.
    """

    rows: Sequence[Row]
    next_cursor: str | None = None
    previous_cursor: str | None = None
    total: Count | None = None
    examined: int | None = None
    groups: Groups | None = None


@dataclass(frozen=True)
class Counts:
    """How many tasks have each status code.

    Attributes:
        kept: the counts that are kept with every change, which follow the table a moment later, where these are from
            there.
    """

    by_code: Mapping[int, Count]
    kept: KeptCounts | None = None

    def at_least(self, code: int, seen: int) -> Count:
        """How many tasks have that status, of which so many have been seen."""
        count = self.by_code[code]
        return Count(max(count.number, seen), more=count.more)


def newest_first(place: StatusOfStep) -> bool:
    """Whether the newest come first: so with tasks that have ended, not with those that wait."""
    return place.status in _NEWEST_FIRST


def count_tasks(widget: DeployedWidget, codes: Sequence[int] | None = None) -> Counts:
    """How many tasks have each of the codes, by default of all steps: as kept, or by the index up to a bound."""
    pipeline = widget.pipeline
    wanted = {code for step in pipeline for code in step.statuses.values()} if codes is None else set(codes)
    kept = pipeline.kept_counts() if widget.counts else None
    if kept is not None and kept.exact:
        return Counts({code: Count(max(kept.by_code.get(code, 0), 0)) for code in wanted}, kept)
    counted: dict[int, Count] = {}
    for step in pipeline:
        new = [code for code in step.statuses.values() if code in wanted and code not in counted]
        counted |= step.task_class.count_up_to(new, per_shard=COUNTED_PER_SHARD) if new else {}
    return Counts(counted)


def read_pauses(pipeline: Pipeline) -> Sequence[Pause] | Exception:
    """What is paused now; where the board holds something else, the error, so that it hides nothing beside it."""
    try:
        return pipeline.pauses()
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        return error


def read_page(widget: DeployedWidget, asked: TaskList, patience: Patience = Patience()) -> TaskPage:
    """A page of the tasks of a status.

    Raises:
        BadEventError: the cursor is not one of ours, or the conditions are none.
    """
    step = widget.pipeline.step(asked.place.step)
    code = step.statuses[asked.place.status]
    chosen = asked.narrowed.filter(code)
    forwards = not newest_first(asked.place)
    walked = walk(
        step.task_class, chosen, older_first=forwards is not asked.back, cursor=asked.cursor, patience=patience
    )
    found = walked.found[::-1] if asked.back else walked.found
    is_first = asked.start == 1
    # What has moved on since the index was read is listed where it is now.
    rows = [task for task in _whole(step.task_class, chosen, found) if _is_still(task, code)]
    return TaskPage(
        rows,
        next_cursor=(cursor_at(code, found[-1]) if found else None) if asked.back else walked.cursor,
        previous_cursor=None if is_first or not found else cursor_at(code, found[0]),
        total=_total(widget, asked, walked),
        examined=None if walked.ended or walked.more else walked.examined,
        groups=_groups(step.task_class, code) if is_first and _has_reasons(asked) else None,
    )


def walk(
    tasks: Any,
    chosen: TaskFilter,
    *,
    older_first: bool,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
    patience: Patience = Patience(),
) -> Walk:
    """The next tasks that match, at most `limit`, searched for as long as the patience lasts."""
    whole = chosen.by_error or not chosen.id_prefix
    narrowed = chosen.by_error or bool(chosen.id_prefix)
    deadline = time.monotonic() + patience.seconds
    found: list[Found] = []
    examined, behind, [code] = 0, cursor, chosen.statuses
    try:
        query = tasks.query_by_status(
            code, None if narrowed else limit + 1, older_first, whole, until=chosen.until, cursor=cursor
        )
        while examined < (patience.whole if narrowed and whole else patience.listed):
            task = _next(query)
            if task is None:
                return Walk(found, None, more=False, examined=examined, ended=True)
            examined += 1
            if not narrowed or _matches(task, chosen, whole=whole):
                if len(found) == limit:
                    return Walk(found, behind, more=True, examined=examined, ended=False)
                found.append(Found(task, query.place[code].moment, tasks.make_key(str(task.task_id))))
                behind = query.cursor
            if time.monotonic() > deadline:
                break
        return Walk(found, behind if len(found) == limit else query.cursor, more=False, examined=examined, ended=False)
    except (ValueError, RecursionError, OverflowError) as error:
        raise BadEventError("Where the next page begins cannot be read: open the list anew.") from error


def read_task(widget: DeployedWidget, task_id: str) -> st.BaseTask:
    """The task as it is now, as a task of the step that works on it next.

    Raises:
        BadEventError: there is none, or no task can have that id.
        TaskUnreadableError: the item is no task.
    """
    first: type[st.BaseTask] = widget.pipeline.first.task_class
    try:
        found = first.get_many([task_id], consistent_read=True)
    except ValueError as error:
        raise BadEventError(str(error)) from error
    if not found:
        raise BadEventError(f"There is no task {task_id!r}: type an id as the lists show it.")
    task = found[0]
    if isinstance(task, st.TaskUnreadableError):
        raise task
    current: type[st.BaseTask] = widget.pipeline.step_at(task.status).task_class
    return task if current is first else current.from_raw_data(task.to_dynamodb_dict())


def _total(widget: DeployedWidget, asked: TaskList, walked: Walk) -> Count | None:
    """How many tasks the list has, where that is known or can be counted."""
    seen = asked.start - 1 + len(walked.found)
    if walked.ended and not asked.back:
        return Count(seen)
    code = widget.pipeline.step(asked.place.step).statuses[asked.place.status]
    behind = 1 if walked.more and not asked.back else 0
    return None if asked.narrowed else count_tasks(widget, [code]).at_least(code, seen + behind)


def _next(query: Any) -> Row | None:
    try:
        task: Row = next(query)
    except StopIteration:
        return None
    except st.TaskUnreadableError as error:
        return error
    return task


def _matches(task: Row, chosen: TaskFilter, *, whole: bool) -> bool:
    """Whether a task matches; of one that cannot be read only the id is known."""
    if isinstance(task, st.TaskUnreadableError) or not whole:
        return not chosen.by_error and str(task.task_id).startswith(chosen.id_prefix)
    return chosen.admits(task.task_id, task.tracked_state())


def _whole(tasks: Any, chosen: TaskFilter, found: Sequence[Found]) -> list[Row]:
    """What was found, in full: a search by the prefix alone reads only the index."""
    if chosen.by_error or not chosen.id_prefix:
        return [each.task for each in found]
    rows: list[Row] = tasks.get_many([str(each.task.task_id) for each in found])
    return rows


def _is_still(task: Row, code: int) -> bool:
    return isinstance(task, st.TaskUnreadableError) or task.status == code


def cursor_at(code: int, found: Found) -> str:
    """The cursor from which the tasks behind that one follow, in either order."""
    return format_cursor({code: Position(found.moment, [], found.key)})


def _has_reasons(asked: TaskList) -> bool:
    return asked.place.status in _WITH_REASONS and not asked.narrowed


def _groups(tasks: Any, code: int) -> Groups:
    patience = Patience(listed=GROUPED)
    walked = walk(tasks, TaskFilter((code,)), older_first=False, limit=GROUPED, patience=patience)
    reasons: dict[str, Counter[Reason]] = {}
    for task, *_ in walked.found:
        reason = None if isinstance(task, st.TaskUnreadableError) else reason_of(task.errors)
        if reason is not None:
            reasons.setdefault(reason.kind, Counter())[reason] += 1
    groups = [_group(each) for each in reasons.values()]
    groups.sort(key=lambda group: -group.number)
    return Groups(groups, len(walked.found), walked.ended)


def _group(reasons: Counter[Reason]) -> Group:
    told = next(iter(reasons))
    return Group(told if len(reasons) == 1 else told.general, reasons.total())
