"""What is paused, with who, why and since when, and the buttons to pause work and to go on with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from status_tracker.core.history import told
from status_tracker.operations.actions import NoLongerMatchesError
from status_tracker.operations.pausing import Pause
from status_tracker_ops.widget.components import call, duration, field, message, moment
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.events import Surroundings
from status_tracker_ops.widget.fingerprint import ends_only, pause_mark
from status_tracker_ops.widget.markup import Child, Markup, element, fragment, visible_line
from status_tracker_ops.widget.requests import PauseRequest
from status_tracker_ops.widget.results import ActionResult


def pauses(widget: DeployedWidget, around: Surroundings, found: Sequence[Pause] | Exception) -> Markup:
    """What is in force now, with the buttons to go on; or why that is not known."""
    if isinstance(found, Exception):
        return message("What is paused cannot be read", told(found), failed=True)
    return fragment([_in_force(widget, around, pause, found if pause.step is None else [pause]) for pause in found])


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
        try:
            was_paused = pipeline.resume(asked.step, by=by, check=ends_only(asked.drawn))
        except NoLongerMatchesError as error:
            return ActionResult(str(error), failed=True)
        return ActionResult(f"Work on {what} goes on." if was_paused else f"Nothing was paused of {what}.")
    now = pipeline.first.task_class.config.now()
    until = None if asked.hours is None else now + timedelta(hours=asked.hours)
    pause = pipeline.pause(asked.step, reason=asked.reason, by=by, until=until)
    end = "somebody resumes it" if pause.until is None else f"{pause.until:%Y-%m-%d %H:%M:%S} UTC"
    return ActionResult(f"No more work is begun on {what}, until {end}.")


def _in_force(widget: DeployedWidget, around: Surroundings, pause: Pause, ends: Sequence[Pause]) -> Markup:
    """The pause, with a button that ends these, itself among them."""
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
        _resume_button(widget, pause.step, ends),
    )


def _resume_button(widget: DeployedWidget, step: str | None, ends: Sequence[Pause]) -> Markup:
    label = "Resume all" if step is None else f"Resume {step}"
    ended = "\n".join(_told(pause) for pause in ends)
    drawn = " ".join(pause_mark(pause) for pause in ends)
    return _button(widget, "resume", step, label, f"{label}\n\nWork begins again. This ends:\n{ended}", drawn=drawn)


def _told(pause: Pause) -> str:
    who = f"{pause.by or 'somebody'}, since {pause.since:%Y-%m-%d %H:%M} UTC"
    return visible_line(f"{pause.step or 'All steps'}: {pause.reason} ({who})")


def _pause_button(widget: DeployedWidget, step: str | None) -> Markup:
    label = "Pause all steps" if step is None else f"Pause {step}"
    end = "until the hours that you have typed are over, or until somebody resumes it"
    return _button(widget, "pause", step, label, f"{label}\n\nNo more work is begun on it {end}.")


def _button(
    widget: DeployedWidget, action: str, step: str | None, label: str, confirmation: str, **more: object
) -> Markup:
    values: dict[str, object] = {"action": action, **({} if step is None else {"act_on": step}), **more}
    return call(widget.admin_arn, values, label, look="act", confirmation=confirmation)
