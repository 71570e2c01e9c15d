"""What is paused, with who, why and since when, and the buttons to pause work and to go on with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from status_tracker.core.history import told
from status_tracker.operations.pausing import Pause
from status_tracker_ops.widget.components import call, duration, field, message, moment
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.events import Surroundings
from status_tracker_ops.widget.markup import Child, Markup, element, fragment
from status_tracker_ops.widget.requests import PauseRequest
from status_tracker_ops.widget.results import ActionResult

_NO_REASON = "type why work is to be paused; those who wait for it are told."


def pauses(widget: DeployedWidget, around: Surroundings, found: Sequence[Pause] | Exception) -> Markup:
    """What is in force now, with the buttons to go on; or why that is not known."""
    if isinstance(found, Exception):
        return message("What is paused cannot be read", told(found), failed=True)
    return fragment([_in_force(widget, around, pause) for pause in found])


def pausing(widget: DeployedWidget, around: Surroundings) -> Markup:
    """The fields and buttons to pause work."""
    steps = [None, *(step.name for step in widget.pipeline)] if len(widget.pipeline.steps) > 1 else [None]
    return element(
        "details",
        {"open": bool(around.typed("pause_reason"))},
        element("summary", None, element("span", {"class": "quiet"}, "Pause work")),
        element("p", None, "Work under way goes on to its end; new tasks are registered, and nothing is begun."),
        element(
            "div",
            {"class": "row"},
            field("Why, for those who wait", "pause_reason", "the reason", 400, around.typed("pause_reason")),
            field("For how many hours", "pause_hours", "until resumed", 10, around.typed("pause_hours")),
        ),
        element("div", {"class": "row"}, [_pause_button(widget, step) for step in steps]),
    )


def change_pauses(widget: DeployedWidget, asked: PauseRequest, by: str) -> ActionResult:
    """Pause work, or go on with it."""
    pipeline, what = widget.pipeline, asked.step or "all steps"
    if asked.action == "resume":
        was_paused = pipeline.resume(asked.step, by=by, reason=asked.reason or None)
        return ActionResult(f"Work on {what} goes on." if was_paused else f"Nothing was paused of {what}.")
    if not asked.reason:
        return ActionResult(_NO_REASON, failed=True)
    now = pipeline.first.task_class.config.now()
    until = None if asked.hours is None else now + timedelta(hours=asked.hours)
    pause = pipeline.pause(asked.step, reason=asked.reason, by=by, until=until)
    end = "somebody resumes it" if pause.until is None else f"{pause.until:%Y-%m-%d %H:%M:%S} UTC"
    return ActionResult(f"No more work is begun on {what}, until {end}.")


def _in_force(widget: DeployedWidget, around: Surroundings, pause: Pause) -> Markup:
    now = widget.pipeline.first.task_class.config.now()
    what = "All steps are paused" if pause.step is None else f"{pause.step} is paused"
    until: Child = "somebody resumes it" if pause.until is None else moment(pause.until, around)
    return element(
        "div",
        {"class": "message paused", "role": "status"},
        element("p", None, element("strong", None, what, ": "), element("bdi", None, pause.reason)),
        element(
            "p",
            {"class": "quiet"},
            ["For ", duration(now - pause.since), ", since ", moment(pause.since, around), ", until ", until, ", by "],
            element("bdi", None, pause.by or "somebody"),
        ),
        _resume_button(widget, pause.step),
    )


def _resume_button(widget: DeployedWidget, step: str | None) -> Markup:
    label = "Resume all" if step is None else f"Resume {step}"
    return _button(widget, "resume", step, label, f"{label}\n\nWork on it begins again.")


def _pause_button(widget: DeployedWidget, step: str | None) -> Markup:
    label = "Pause all steps" if step is None else f"Pause {step}"
    return _button(widget, "pause", step, label, f"{label}\n\nNo more work is begun on it until somebody resumes it.")


def _button(widget: DeployedWidget, action: str, step: str | None, label: str, confirmation: str) -> Markup:
    values: dict[str, object] = {"action": action, **({} if step is None else {"act_on": step})}
    return call(widget.admin_arn, values, label, look="act", confirmation=confirmation)
