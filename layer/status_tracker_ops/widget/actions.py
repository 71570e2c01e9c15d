"""What operators can do to a task: which actions it allows now, and carrying one out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import status_tracker as st
from status_tracker.operations.actions import Action
from status_tracker_ops.widget.components import plain
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.fingerprint import ChangedError, act_if_unchanged
from status_tracker_ops.widget.markup import visible_line
from status_tracker_ops.widget.requests import ActionRequest

DEFAULT_REASON = "No reason was given, in the CloudWatch dashboard."


@dataclass(frozen=True)
class ActionText:
    """How the widget writes about one of the deliberate actions of the library.

    Attributes:
        label: on the button.
        past: what was done, for the result.
        consequence: what pressing the button does, for its confirmation.
    """

    label: str
    past: str
    consequence: str


ACTIONS: dict[str, ActionText] = {
    "rerun": ActionText(
        "Rerun from {step}",
        "Rerun",
        "It becomes pending in {step}, its attempts count anew, and a new run starts at once.",
    ),
    "unignore": ActionText(
        "Un-ignore in {step}",
        "Un-ignored",
        "It is ignored no longer: it becomes pending in {step}, and a new run starts at once.",
    ),
    "ignore": ActionText(
        "Ignore in {step}",
        "Ignored",
        "It is set aside: nothing works on it until somebody un-ignores or reruns it.",
    ),
    "unlock": ActionText(
        "Unlock in {step}",
        "Unlocked, so that the next start takes it over",
        "Its lock is taken away before the lease ends. Do so only if its worker is known to be gone: one that lives"
        " stores nothing any more, and the work may be done twice.",
    ),
}

NAMES: Sequence[str] = tuple(ACTIONS)


@dataclass(frozen=True)
class Offer:
    """An action that a task allows now, by the rules of a step."""

    name: str
    step: str

    @property
    def text(self) -> ActionText:
        return ACTIONS[self.name]

    @property
    def label(self) -> str:
        return self.text.label.format(step=self.step)

    def confirmation(self, task_id: str) -> str:
        """What is asked before it is done."""
        return f"{self.label}: {visible_line(task_id)}\n\n{self.text.consequence.format(step=self.step)}"


@dataclass(frozen=True)
class ActionResult:
    """What became of an action request, as a sentence."""

    text: str
    failed: bool = False


def offers(widget: DeployedWidget, task: st.BaseTask) -> list[Offer]:
    """The actions that the rules allow now; a rerun is possible from the first step and from the current one."""
    first, current = widget.pipeline.first, widget.pipeline.step_at(task.status)
    wanted = [("rerun", first), ("rerun", current), ("unignore", current), ("ignore", current), ("unlock", current)]
    state = task.tracked_state()
    return [Offer(name, step.name) for name, step in dict.fromkeys(wanted) if step.task_class.allows(state, name)]


def do(widget: DeployedWidget, asked: ActionRequest, by: str) -> ActionResult:
    """Carry the request out, once for its id, if the task is as it was drawn; dispatch the task if it is to run."""
    task_class = widget.pipeline.step(asked.step).task_class
    try:
        task = act_if_unchanged(task_class, asked, reason=asked.reason or DEFAULT_REASON, by=by)
    except ChangedError as changed:
        now = f"it is {_where(widget, changed.status, asked.step)} now, run {changed.run}"
        told = f"{asked.task_id} has changed since its page was drawn: {now}. Nothing was changed; open it to see."
        return ActionResult(told, failed=True)
    except (st.TaskExecutionError, ValueError) as error:
        return ActionResult(str(error), failed=True)
    if Action(asked.action).dispatches:
        task_class.dispatch(task)
    now = f"{asked.task_id} is now {_where(widget, task.status, asked.step)}, run {task.run or 0}."
    return ActionResult(f"{ACTIONS[asked.action].past}. {now}")


def _where(widget: DeployedWidget, code: int, step: str) -> str:
    """What a status code means in that step, or in another one where that step does not have it."""
    places = sorted(widget.pipeline.meanings(code), key=lambda place: place.step != step)
    return f"{plain(places[0].status)} in {places[0].step}" if places else f"in status {code}"


def who(dashboard: str, account: str, request: str) -> str:
    """Who acted, as far as a custom widget can know it.

    CloudWatch does not say who pressed the button. Dashboard and account are the event's claim. The id of the Lambda
    request is ours, and CloudTrail knows the identity behind it.
    """
    return f"CloudWatch dashboard {dashboard or '(not told)'} of account {account or '(not told)'}, Lambda {request}"
