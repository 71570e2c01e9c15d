"""What has become of a task, told from its item before and after a write; which event tells of it is decided here."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from status_tracker.core.history import last_failure
from status_tracker.core.state import taken_over
from status_tracker.dynamodb.unreadable import state_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from status_tracker.core.state import TaskState
    from status_tracker.operations.pipeline import Pipeline, PipelineStep
    from status_tracker_ops.events.records import StreamRecord

REASON_CHARACTERS = 200
_TOLD = ("errors", "run", "fence", "retry", "update_time")
"""The fields of an item that an event is told from."""


class EventType(enum.StrEnum):
    """The detail type of an event."""

    CREATED = "Task Created"
    STARTED = "Task Started"
    SUCCEEDED = "Task Succeeded"
    FAILED = "Task Failed"
    POSTPONED = "Task Postponed"
    IGNORED = "Task Ignored"
    CANCELLED = "Task Cancelled"
    RERUN = "Task Rerun"
    DELETED = "Task Deleted"
    FINISHED = "Pipeline Finished"


_DELETE = "delete"
_OF_ACTIONS: Mapping[str, Sequence[EventType]] = {
    "cancel": [EventType.CANCELLED],
    "ignore": [EventType.IGNORED],
    "rerun": [EventType.RERUN],
    "unignore": [EventType.RERUN],
    "reset": [EventType.RERUN],
    _DELETE: [],  # it sets a task aside; that the task is gone is told then
}
_OF_STATUSES = {
    "pending": EventType.RERUN,
    "in_progress": EventType.STARTED,
    "failed": EventType.FAILED,
    "succeeded": EventType.SUCCEEDED,
    "ignored": EventType.IGNORED,
    "exhausted": EventType.IGNORED,
}


class NotUnderstoodError(ValueError):
    """A record that changes a task and cannot be told; its text says why."""


class Place(NamedTuple):
    """Where a task is.

    Attributes:
        step: None where no step has the status any more.
        status: its name; None where it has none.
    """

    step: PipelineStep | None
    status: str | None
    code: int


@dataclass(frozen=True)
class Change:
    """What has become of a task.

    Attributes:
        types: the events that tell of it, in order; none where nothing is to be told.
        place: the status that the task has now, or had when it was deleted.
        attempts: how often in a row it was tried, this attempt included; 0 where it waits for the first.
        reason: why, as the item says it; None where it says nothing.
        time: when (UTC).
    """

    types: Sequence[EventType]
    task_id: str
    place: Place
    run: int
    attempts: int
    reason: str | None
    time: datetime


def change_of(pipeline: Pipeline, record: StreamRecord) -> Change | None:
    """The change of a task of the pipeline that a record tells of; None for a record that tells of none.

    Raises:
        NotUnderstoodError: the status has changed, and the item does not say to what or how.
    """
    task_class = pipeline.first.task_class
    code_before, code = record.codes(task_class)
    if code_before is None and code is None:
        return None
    before, _ = _state(task_class, record.before, code_before)
    after, broken = _state(task_class, record.after, code)
    if before is not None and after is not None and code == code_before and not _is_anew(before, after):
        return None
    place = _place(pipeline, code_before, code)
    if after is not None and (unreadable := sorted(broken.intersection(_TOLD))):
        raise NotUnderstoodError(f"{', '.join(unreadable)} cannot be read")
    state = after or before
    assert state is not None  # noqa: S101  # one of the codes is known
    types = _types(before, after, place)
    if types and types[-1] is EventType.SUCCEEDED and place.step is pipeline.steps[-1]:
        types = [*types, EventType.FINISHED]
    return Change(
        types=types,
        task_id=_task_id(task_class, record),
        place=place,
        run=state.run,
        attempts=_attempts(before, state, place),
        reason=_reason(types, before, state, expired=record.expired),
        time=record.moment if after is None else after.update_time or record.moment,
    )


def _state(
    task_class: Any, item: Mapping[str, Any] | None, code: int | None
) -> tuple[TaskState | None, frozenset[str]]:
    return (None, frozenset()) if item is None or code is None else state_in(task_class, dict(item), code)


def _is_anew(before: TaskState, after: TaskState) -> bool:
    """Whether a task of the same status was acquired again, or is to be run again."""
    return after.fence > before.fence or _action(before, after) in _OF_ACTIONS


def _action(before: TaskState, after: TaskState) -> str | None:
    """The deliberate action that the write has recorded; None if it was none."""
    newest = _newest_action(after)
    return None if newest == _newest_action(before) else newest.get("action")


def _newest_action(state: TaskState) -> Mapping[str, Any]:
    """The record of the last deliberate action; empty if there was none."""
    records: Sequence[Mapping[str, Any]] = state.errors.get("actions") or ()
    return records[-1] if records else {}


def _types(before: TaskState | None, after: TaskState | None, place: Place) -> Sequence[EventType]:
    if after is None or place.step is None or place.status is None:
        return [EventType.DELETED]
    if before is None:
        return [EventType.CREATED, *([EventType.STARTED] if place.status == "in_progress" else [])]
    if (told := _OF_ACTIONS.get(_action(before, after) or "")) is not None:
        return told
    if place.status in {"pending", "failed"} and before.status == place.step.task_class.config.in_progress_status:
        if after.errors.get("postponed") not in (None, before.errors.get("postponed")) and after.retry == before.retry:
            return [EventType.POSTPONED]
        return [EventType.FAILED] if after.retry > before.retry else [_OF_STATUSES[place.status]]
    return [_OF_STATUSES[place.status]]


def _place(pipeline: Pipeline, code_before: int | None, code: int | None) -> Place:
    """The status that a task has come to, in the step in which it did.

    A succeeded that is the pending of the next step is the former, unless the task comes from that next step or from a
    later one.

    Raises:
        NotUnderstoodError: the task is there, and no step has its status.
    """
    places = [
        Place(step, name, value)
        for step in pipeline
        for name, value in step.statuses.items()
        if value == (code_before if code is None else code)
    ]
    if not places and code is None and code_before is not None:
        return Place(None, None, code_before)
    if not places:
        raise NotUnderstoodError(f"the status {code_before if code is None else code} is of no step of the pipeline")
    if code is None or code_before is None or code == code_before:
        return places[-1]
    came_from = [index for index, step in enumerate(pipeline) if code_before in step.statuses.values()]
    of_next = len(places) > 1 and bool(came_from) and places[-1].step in pipeline.steps[: came_from[0] + 1]
    return places[-1] if of_next else places[0]


def _attempts(before: TaskState | None, state: TaskState, place: Place) -> int:
    if place.status == "in_progress":
        return state.retry + 1
    if place.status == "succeeded" and before is not None and before is not state:
        return before.retry + 1
    return state.retry


def _reason(types: Sequence[EventType], before: TaskState | None, state: TaskState, *, expired: bool) -> str | None:
    told: Any = None
    if expired:
        told = "its time to live is over"
    elif before is not None and before is not state:
        told = _told(types, before, state)
    elif before is not None and (newest := _newest_action(before)).get("action") == _DELETE:
        told = newest.get("reason")
    return None if told is None else str(told)[:REASON_CHARACTERS]


def _told(types: Sequence[EventType], before: TaskState, state: TaskState) -> Any:
    if _action(before, state) in _OF_ACTIONS:
        return state.errors["actions"][-1].get("reason")
    if EventType.POSTPONED in types:
        return state.errors["postponed"].get("error")
    if EventType.STARTED in types:
        return (taken_over(state) or {}).get("error")
    if not {EventType.FAILED, EventType.IGNORED}.isdisjoint(types):
        return last_failure(state.errors).get("error")
    return None


def _task_id(task_class: Any, record: StreamRecord) -> str:
    use_case_id, task_id = task_class.split_key(record.keys[task_class.key.attr_name]["S"])
    if use_case_id != task_class.config.use_case_id:
        raise NotUnderstoodError(f"its key is of the use case {use_case_id!r}, and it is listed in another")
    return str(task_id)
