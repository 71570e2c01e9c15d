"""What the event of a custom widget asks for, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta, timezone, tzinfo
from typing import TypeAlias

from status_tracker.operations.pipeline import Pipeline, StatusOfStep

NARROW_PIXELS = 640
_LONGEST = {"task_id": 2_048, "cursor": 100_000, "reason": 2_000}
_LONGEST_OTHER = 200
_HEX = re.compile(r"[0-9a-f]{32}")
_OFFSET = re.compile(r"([+-])(\d\d):([0-5]\d)")


class BadEventError(ValueError):
    """The event asks for something that does not exist; the message says what was found, and what to do."""


@dataclass(frozen=True)
class Surroundings:
    """Where the widget is shown, as CloudWatch describes it, with defaults for the rest.

    Attributes:
        dark, narrow: the theme, and the layout.
        zone: the time zone of all times.
        dashboard, account: as the event claims; empty where it says nothing.
        fields: what was typed, by the name of the field.
    """

    dark: bool = False
    narrow: bool = False
    zone: tzinfo = UTC
    dashboard: str = ""
    account: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Overview:
    """How many tasks have which status."""


@dataclass(frozen=True)
class TaskList:
    """The tasks of one status of a step, from `cursor` on."""

    place: StatusOfStep
    cursor: str | None = None


@dataclass(frozen=True)
class TaskDetails:
    """One task in full. `back`: the list that it was opened from."""

    task_id: str
    back: StatusOfStep | None = None


View: TypeAlias = Overview | TaskList | TaskDetails


@dataclass(frozen=True)
class ActionRequest:
    """What an operator asks to be done to a task.

    Attributes:
        action: one of those of `status_tracker_ops.widget.actions`.
        step: the step whose rules apply.
        request_id: the same for every repetition of the one request.
        fingerprint: of the task when its page was drawn; see `status_tracker_ops.widget.fingerprint`.
        back: the list to show afterwards.
    """

    action: str
    step: str
    task_id: str
    request_id: str
    fingerprint: str
    reason: str
    back: StatusOfStep | None


def surroundings_of(event: object) -> Surroundings:
    """Where the widget is shown; never fails, since the answer has to be drawn somehow."""
    context = _mapping(_mapping(event).get("widgetContext"))
    width = context.get("width")
    return Surroundings(
        dark=context.get("theme") == "dark",
        narrow=isinstance(width, int | float) and 0 < width < NARROW_PIXELS,
        zone=_zone(_mapping(context.get("timezone")).get("offsetISO")),
        dashboard=_claimed(context.get("dashboardName")),
        account=_claimed(context.get("accountId")),
        fields=_mapping(_mapping(context.get("forms")).get("all")),
    )


def is_question_for_documentation(event: object) -> bool:
    return _mapping(event).get("describe") is True


def view_of(event: object, pipeline: Pipeline) -> View:
    """The view that the event asks for; by default the overview.

    Raises:
        BadEventError: there is no such view, step or status, or the widget would not send such a value.
    """
    asked = _asked(event)
    view = _choice(asked, "view", ("overview", "list", "task"), default="overview")
    if view == "task":
        # What is typed comes with the event: the button that opens a typed id does not name one.
        task_id = _task_id(asked) if "task_id" in asked else _typed_id(surroundings_of(event).fields, pipeline)
        return TaskDetails(task_id, back=_place(asked, pipeline))
    if view == "list":
        place = _place(asked, pipeline)
        if place is None:
            raise BadEventError("The list of which step was asked for is not said: choose a number in the overview.")
        return TaskList(place, cursor=_text(asked, "cursor") or None)
    return Overview()


def action_request_of(event: object, pipeline: Pipeline, actions: Sequence[str]) -> ActionRequest:
    """The action that the event asks for.

    Raises:
        BadEventError: as `view_of`; nothing may be done then.
    """
    asked = _asked(event)
    request_id, fingerprint = _text(asked, "request_id"), _text(asked, "drawn")
    if not _HEX.fullmatch(request_id):
        raise BadEventError("The request has no id, so it could be done twice: open the task and press its button.")
    if not _HEX.fullmatch(fingerprint):
        raise BadEventError("It does not say which state of the task it is about: open the task and press its button.")
    return ActionRequest(
        action=_choice(asked, "action", actions),
        step=_choice(asked, "act_on", [step.name for step in pipeline]),
        task_id=_task_id(asked),
        request_id=request_id,
        fingerprint=fingerprint,
        reason=_text(surroundings_of(event).fields, "reason").strip(),
        back=_place(asked, pipeline),
    )


def _asked(event: object) -> Mapping[str, object]:
    if not isinstance(event, Mapping):
        raise BadEventError(f"The event is a {type(event).__name__}; expected an object, as CloudWatch sends it.")
    return event


def _place(asked: Mapping[str, object], pipeline: Pipeline) -> StatusOfStep | None:
    if "step" not in asked:
        return None
    step = _choice(asked, "step", [each.name for each in pipeline])
    return StatusOfStep(step, _choice(asked, "status", list(pipeline.step(step).statuses)))


def _task_id(source: Mapping[str, object]) -> str:
    task_id = _text(source, "task_id")
    if not task_id:
        raise BadEventError("No task was named: type its id, as the lists show it.")
    return task_id


def _typed_id(fields: Mapping[str, object], pipeline: Pipeline) -> str:
    """An id that somebody has typed, or copied: one from the table's key begins with the use case."""
    task_id = _task_id({"task_id": _stripped(fields.get("task_id", ""))})
    return task_id.removeprefix(f"{pipeline.use_case_id}{pipeline.first.task_class.config.sep}")


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _choice(asked: Mapping[str, object], name: str, choices: Sequence[str], default: str = "") -> str:
    value = _text(asked, name) or default
    if value not in choices:
        raise BadEventError(f"There is no {name} {_short(value)}; there is {', '.join(choices)}.")
    return value


def _text(source: Mapping[str, object], name: str) -> str:
    value, longest = source.get(name, ""), _LONGEST.get(name, _LONGEST_OTHER)
    if not isinstance(value, str):
        raise BadEventError(f"{name} is a {type(value).__name__} ({_short(value)}); expected a text.")
    if len(value) > longest:
        raise BadEventError(f"{name} has {len(value):,} characters ({_short(value)}); at most {longest:,} are taken.")
    return value


def _short(value: object) -> str:
    try:
        text = repr(value)
    except RecursionError:
        text = "deeply nested"
    return text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004 - enough to know it again


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _claimed(value: object) -> str:
    return value[:_LONGEST_OTHER] if isinstance(value, str) else ""


def _zone(offset: object) -> tzinfo:
    found = _OFFSET.fullmatch(offset) if isinstance(offset, str) else None
    if found is None or int(found[2]) > 14:  # noqa: PLR2004 - no place on earth is further from UTC
        return UTC
    distance = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-distance if found[1] == "-" else distance)
