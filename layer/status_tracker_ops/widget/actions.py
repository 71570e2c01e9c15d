"""What operators do to a task: which of it a task allows, and doing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import status_tracker as st
from status_tracker.operations.actions import Action as BulkAction
from status_tracker_ops.widget.board import Desk
from status_tracker_ops.widget.components import plain
from status_tracker_ops.widget.drawn import ChangedError, act_as_drawn
from status_tracker_ops.widget.markup import visible_line
from status_tracker_ops.widget.requests import Deed

DEFAULT_REASON = "No reason was given, in the CloudWatch dashboard."


@dataclass(frozen=True)
class Action:
    """One of the deliberate actions of the library.

    Attributes:
        label: on the button.
        past: what was done, for the outcome.
        consequence: what pressing the button does, for its confirmation.
    """

    label: str
    past: str
    consequence: str


ACTIONS: dict[str, Action] = {
    "rerun": Action(
        "Rerun from {step}",
        "Rerun",
        "It becomes pending in {step}, its attempts count anew, and a new run of its workflow starts at once.",
    ),
    "unignore": Action(
        "Un-ignore in {step}",
        "Un-ignored",
        "It is ignored no longer: it becomes pending in {step}, and a new run of its workflow starts at once.",
    ),
    "ignore": Action(
        "Ignore in {step}",
        "Ignored",
        "It is set aside: nothing works on it until somebody un-ignores or reruns it.",
    ),
    "unlock": Action(
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
    def action(self) -> Action:
        return ACTIONS[self.name]

    @property
    def label(self) -> str:
        return self.action.label.format(step=self.step)

    def confirmation(self, task_id: str) -> str:
        """What is asked before it is done."""
        return f"{self.label}: {visible_line(task_id)}\n\n{self.action.consequence.format(step=self.step)}"


@dataclass(frozen=True)
class Outcome:
    """What became of a deed, as a sentence."""

    text: str
    failed: bool = False


def offers(desk: Desk, task: st.BaseTask) -> list[Offer]:
    """The actions that the rules would not refuse now; a rerun from the first step on, and from the step it is in."""
    first, current = desk.steps[0], desk.step_of(task.status)
    wanted = [("rerun", first), ("rerun", current), ("unignore", current), ("ignore", current), ("unlock", current)]
    state = task.tracked_state()
    return [Offer(name, step.name) for name, step in dict.fromkeys(wanted) if step.model.allows(state, name)]


def do(desk: Desk, deed: Deed, by: str) -> Outcome:
    """Do it, once for each request id, if the task is still as it was drawn; have it worked on where it is to be."""
    action, model, record = ACTIONS[deed.action], desk.step(deed.step).model, {"by": by, "request_id": deed.request_id}
    try:
        reason = deed.reason or DEFAULT_REASON
        task = act_as_drawn(model, deed.action, deed.task_id, deed.drawn, reason=reason, **record)
    except ChangedError as changed:
        now = f"it is {_where(desk, changed.status, deed.step)} now, run {changed.run}"
        told = f"{deed.task_id} has changed since its page was drawn: {now}. Nothing was changed; open it to see."
        return Outcome(told, failed=True)
    except (st.TaskExecutionError, ValueError) as error:
        return Outcome(str(error), failed=True)
    if BulkAction(deed.action).dispatches:
        model.dispatch(task)
    return Outcome(f"{action.past}. {deed.task_id} is now {_where(desk, task.status, deed.step)}, run {task.run or 0}.")


def _where(desk: Desk, code: int, step: str) -> str:
    """What a status code means in that step, or else in the one that it is a status of."""
    places = sorted(desk.places(code), key=lambda place: place.step != step)
    return f"{plain(places[0].status)} in {places[0].step}" if places else f"in status {code}"


def who(dashboard: str, account: str, request: str) -> str:
    """Who acted, as far as a custom widget can know it.

    CloudWatch does not tell the function who pressed the button. What it tells is claimed by the event; the id of the
    Lambda request is ours, and CloudTrail knows the identity behind it.
    """
    return f"CloudWatch dashboard {dashboard or '(not told)'} of account {account or '(not told)'}, Lambda {request}"
