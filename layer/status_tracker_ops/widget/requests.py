"""What the event of a custom widget asks for, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeAlias

from status_tracker.operations.filters import TaskFilter
from status_tracker.operations.pipeline import Pipeline, StatusOfStep
from status_tracker_ops.widget.events import BadEventError, asked_of, choice, number, surroundings_of, text
from status_tracker_ops.widget.markup import visible_line

_HEX = re.compile(r"[0-9a-f]{32}")
_SHORTEST_PAUSE_HOURS, _LONGEST_PAUSE_HOURS = 0.01, 24 * 366
_LONGEST_CARRIED = 8_000


@dataclass(frozen=True)
class Narrowing:
    """Which tasks of a list are wanted; an empty text is no condition.

    Attributes:
        prefix: their ids begin with it.
        error_text: their last error contains it.
        error_class: their last failure was of that class.
        kind: their reason is of that kind, see `status_tracker.operations.reasons`.
    """

    prefix: str = ""
    error_text: str = ""
    error_class: str = ""
    kind: str = ""

    def __bool__(self) -> bool:
        return any(self.values().values())

    def values(self) -> dict[str, object]:
        """The conditions that are given, as values of a call."""
        return {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name)}

    def visible_values(self) -> dict[str, str]:
        """As `values`, each on one line, for a question."""
        return {name: visible_line(str(value)) for name, value in self.values().items()}

    def filter(self, code: int, until: datetime | None = None) -> TaskFilter:
        """The filter for tasks of that status. Raises `BadEventError` for what no filter takes."""
        try:
            return TaskFilter(
                (code,),
                error_class=self.error_class or None,
                error_text=self.error_text or None,
                until=until,
                id_prefix=self.prefix,
                reason=self.kind or None,
            )
        except ValueError as error:
            raise BadEventError(str(error)) from error


@dataclass(frozen=True)
class Overview:
    """How many tasks have which status."""


@dataclass(frozen=True)
class TaskList:
    """The tasks of one status of a step.

    Attributes:
        narrowed: which of them.
        cursor: where the page begins; None for the first.
        start: the number of its first task, from 1.
        back: whether the page is the one before `cursor`.
        all_reasons: whether all reasons are shown above it, not only the most frequent.
    """

    place: StatusOfStep
    narrowed: Narrowing = Narrowing()
    cursor: str | None = None
    start: int = 1
    back: bool = False
    all_reasons: bool = False

    def values(self) -> dict[str, object]:
        """This page as values of a call; the first one where its cursor is too long to stand in each of many calls."""
        given: dict[str, object] = {"step": self.place.step, "status": self.place.status, **self.narrowed.values()}
        if self.cursor is not None and len(self.cursor) <= _LONGEST_CARRIED:
            given |= {"cursor": self.cursor, "start": self.start, **({"back": True} if self.back else {})}
        return given | ({"all_reasons": True} if self.all_reasons else {})


@dataclass(frozen=True)
class TaskDetails:
    """One task in full. `back`: the page of the list that it was opened from."""

    task_id: str
    back: TaskList | None = None


@dataclass(frozen=True)
class Rehearsal:
    """What an action on all tasks of a list would be done to; nothing is changed. `cursor`: only to those behind it."""

    place: StatusOfStep
    narrowed: Narrowing = Narrowing()
    cursor: str | None = None


View: TypeAlias = Overview | TaskList | TaskDetails | Rehearsal


@dataclass(frozen=True)
class ActionRequest:
    """What an operator asks to be done to a task.

    Attributes:
        action: one of those of `status_tracker_ops.widget.actions`.
        step: the step whose rules apply.
        request_id: the same for every repetition of the one request.
        fingerprint: of the task when its page was drawn; see `status_tracker_ops.widget.fingerprint`.
        back: the page of a list to show afterwards.
    """

    action: str
    step: str
    task_id: str
    request_id: str
    fingerprint: str
    reason: str
    back: TaskList | None


@dataclass(frozen=True)
class BulkRequest:
    """What an operator asks to be done to all tasks of a list that were there when it was rehearsed.

    Attributes:
        step: the step whose rules apply.
        until: when it was rehearsed; what has changed since is left alone.
        cursor: where an earlier request ended.
        done: how many tasks the earlier ones have acted on.
    """

    action: str
    step: str
    place: StatusOfStep
    narrowed: Narrowing
    until: datetime
    request_id: str
    reason: str
    cursor: str | None
    done: int


@dataclass(frozen=True)
class PauseRequest:
    """That work is to be paused, or to go on.

    Attributes:
        step: None for all steps.
        reason, hours: of a pause; None hours for until somebody resumes it.
        drawn: the marks of the pauses that may be ended; see `status_tracker_ops.widget.fingerprint`.
    """

    action: str
    step: str | None
    reason: str = ""
    hours: float | None = None
    drawn: Sequence[str] = ()


Request: TypeAlias = ActionRequest | BulkRequest | PauseRequest


def view_of(event: object, pipeline: Pipeline) -> View:
    """The view that the event asks for; by default the overview.

    Raises:
        BadEventError: there is no such view, step or status, or the widget would not send such a value.
    """
    asked = asked_of(event)
    view = choice(asked, "view", ("overview", "list", "task", "bulk"), default="overview")
    if view == "task":
        # What is typed comes with the event: the button that opens a typed id does not name one.
        task_id = _task_id(asked) if "task_id" in asked else _typed_id(surroundings_of(event).fields, pipeline)
        return TaskDetails(task_id, back=_page(asked, pipeline))
    if view == "overview":
        return Overview()
    if view == "bulk":
        return Rehearsal(_needed_place(asked, pipeline), _narrowing(asked), text(asked, "cursor") or None)
    if asked.get("search") is True:  # of a reason's tasks, too
        typed = {**_stripped_all(surroundings_of(event).fields), "kind": asked.get("kind", "")}
        return TaskList(_needed_place(asked, pipeline), _narrowing(typed))
    return _needed_page(asked, pipeline)


def request_of(event: object, pipeline: Pipeline, actions: Sequence[str]) -> Request:
    """What the event asks to be done.

    Raises:
        BadEventError: as `view_of`; nothing may be done then.
    """
    asked = asked_of(event)
    action, typed = choice(asked, "action", actions), surroundings_of(event).fields
    if action in {"pause", "resume"}:
        step = _step_of(asked, pipeline) if "act_on" in asked else None
        if action == "resume":
            return PauseRequest(action, step, drawn=text(asked, "drawn").split())
        hours = _hours(text(typed, "pause_hours").strip())
        return PauseRequest(action, step, text(typed, "pause_reason").strip(), hours)
    request_id, reason = text(asked, "request_id"), text(typed, "reason").strip()
    if not _HEX.fullmatch(request_id):
        raise BadEventError("The request has no id, so it could be done twice: open the task and press its button.")
    if "until" in asked:
        return BulkRequest(
            action=action,
            step=_step_of(asked, pipeline),
            place=_needed_place(asked, pipeline),
            narrowed=_narrowing(asked),
            until=_moment(text(asked, "until")),
            request_id=request_id,
            reason=reason or text(asked, "why"),
            cursor=text(asked, "cursor") or None,
            done=number(asked, "done", 0),
        )
    fingerprint = text(asked, "drawn")
    if not _HEX.fullmatch(fingerprint):
        raise BadEventError("It does not say which state of the task it is about: open the task and press its button.")
    return ActionRequest(
        action, _step_of(asked, pipeline), _task_id(asked), request_id, fingerprint, reason, _page(asked, pipeline)
    )


def _step_of(asked: Mapping[str, object], pipeline: Pipeline) -> str:
    return choice(asked, "act_on", [step.name for step in pipeline])


def _narrowing(source: Mapping[str, object]) -> Narrowing:
    return Narrowing(**{each.name: text(source, each.name) for each in fields(Narrowing)})


def _place(asked: Mapping[str, object], pipeline: Pipeline) -> StatusOfStep | None:
    if "step" not in asked:
        return None
    step = choice(asked, "step", [each.name for each in pipeline])
    return StatusOfStep(step, choice(asked, "status", list(pipeline.step(step).statuses)))


def _needed_place(asked: Mapping[str, object], pipeline: Pipeline) -> StatusOfStep:
    place = _place(asked, pipeline)
    if place is None:
        raise BadEventError("The list of which step was asked for is not said: choose a number in the overview.")
    return place


def _page(asked: Mapping[str, object], pipeline: Pipeline) -> TaskList | None:
    return _needed_page(asked, pipeline) if "step" in asked else None


def _needed_page(asked: Mapping[str, object], pipeline: Pipeline) -> TaskList:
    return TaskList(
        _needed_place(asked, pipeline),
        _narrowing(asked),
        text(asked, "cursor") or None,
        max(number(asked, "start", 1), 1),
        back=asked.get("back") is True,
        all_reasons=asked.get("all_reasons") is True,
    )


def _task_id(source: Mapping[str, object]) -> str:
    task_id = text(source, "task_id")
    if not task_id:
        raise BadEventError("No task was named: type its id, as the lists show it.")
    return task_id


def _typed_id(typed: Mapping[str, object], pipeline: Pipeline) -> str:
    """An id that somebody has typed, or copied: one from the table's key begins with the use case."""
    task_id = _task_id(_stripped_all({"task_id": typed.get("task_id", "")}))
    return task_id.removeprefix(f"{pipeline.use_case_id}{pipeline.first.task_class.config.sep}")


def _stripped_all(typed: Mapping[str, object]) -> dict[str, Any]:
    return {name: value.strip() if isinstance(value, str) else value for name, value in typed.items()}


def _moment(told: str) -> datetime:
    try:
        moment = datetime.fromisoformat(told)
    except ValueError as error:
        raise BadEventError(
            "When it was rehearsed cannot be read: open the list anew, and look what matches."
        ) from error
    if moment.tzinfo is None:
        raise BadEventError("When it was rehearsed has no time zone: open the list anew, and look what matches.")
    return moment


def _hours(told: str) -> float | None:
    if not told:
        return None
    try:
        hours = float(told)
    except ValueError:
        hours = -1.0
    if not _SHORTEST_PAUSE_HOURS <= hours <= _LONGEST_PAUSE_HOURS:
        numbers = f"a number from {_SHORTEST_PAUSE_HOURS} to {_LONGEST_PAUSE_HOURS:,}"
        raise BadEventError(f"For how many hours is {told!r}: type {numbers}, or nothing for until resumed.")
    return hours
