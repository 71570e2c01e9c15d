"""What operators can do to a task: which actions it allows now, and carrying one out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from status_tracker.core.state import TaskState
from status_tracker.operations.actions import Action, Kind, TaskAction
from status_tracker.operations.all_steps import AllSteps
from status_tracker_ops.widget.components import where
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.fingerprint import unchanged_since
from status_tracker_ops.widget.markup import visible_line
from status_tracker_ops.widget.requests import ActionRequest
from status_tracker_ops.widget.results import ActionResult

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
    "cancel": ActionText(
        "Cancel in {step}",
        "Cancelled",
        "It is set aside whatever it is doing, and its run is stopped: a worker that holds it stores nothing any more."
        " Un-ignoring or rerunning it takes that back.",
    ),
    "delete": ActionText(
        "Delete",
        "Deleted",
        "It is deleted, with what it was made from and with its results. Nothing brings it back.",
    ),
}

ADMIN_NAMES: Sequence[str] = ("cancel", "delete", "pause", "resume")
"""What only administrators may ask for."""

NAMES: Sequence[str] = tuple(name for name in ACTIONS if name not in ADMIN_NAMES)
"""What operators may ask for."""


REASON_WANTED: Mapping[str, str] = {
    "cancel": "type a reason: whoever meets the cancelled task is told why.",
    "delete": "type a reason: it is all that is left of what is deleted, in the log.",
    "pause": "type why work is to be paused; those who wait for it are told.",
}
"""The actions that need a reason, and why."""


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

    @property
    def consequence(self) -> str:
        return self.text.consequence.format(step=self.step)

    def confirmation(self, task_id: str) -> str:
        """What is asked before it is done."""
        return f"{self.label}: {visible_line(task_id)}\n\n{self.consequence}"

    def endpoint(self, widget: DeployedWidget) -> str:
        """The function that carries it out, which not everybody may invoke."""
        return widget.admin_arn if self.name in ADMIN_NAMES else widget.actor_arn


def offers(widget: DeployedWidget, state: TaskState) -> list[Offer]:
    """The actions that the rules allow now; a rerun is possible from the first step and from the current one."""
    first, current = widget.pipeline.first, widget.pipeline.step_at(state.status)
    wanted = [("rerun", first), *((name, current) for name in ACTIONS if name != "delete" or widget.deletes)]
    return [Offer(name, step.name) for name, step in dict.fromkeys(wanted) if step.task_class.allows(state, name)]


def reason_label(label: str, offered: Sequence[Offer]) -> str:
    """The label of the field for the reason, which says what needs one."""
    wanting = " or ".join(each.name for each in offered if each.name in REASON_WANTED)
    return f"{label}; to {wanting}, it is needed" if wanting else label


def do(widget: DeployedWidget, asked: ActionRequest, by: str) -> ActionResult:
    """Carry the request out, once for its id, if the task is as it was drawn."""
    tasks: Any = target(widget, asked.action, asked.step)
    check = unchanged_since(widget.pipeline, asked)
    one = TaskAction(
        tasks, Action(asked.action), None, asked.reason or DEFAULT_REASON, by, asked.request_id, check=check
    )
    outcome = one.act(asked.task_id)
    if outcome.kind in {Kind.DONE, Kind.REPEATED}:
        return ActionResult(f"{ACTIONS[asked.action].past}. {_now(widget, asked)}", outcomes=[outcome])
    return ActionResult(outcome.message, failed=True, outcomes=[outcome])


def target(widget: DeployedWidget, action: str, step: str) -> Any:
    """What an action is done to: the tasks of the step by its rules, or those of any step for a deletion."""
    return AllSteps(widget.pipeline) if action == "delete" else widget.pipeline.step(step).task_class


def _now(widget: DeployedWidget, asked: ActionRequest) -> str:
    """Where the task is after the action."""
    if asked.action == "delete":
        return f"{asked.task_id} is gone, with what it was made from and with its results."
    task = widget.pipeline.step(asked.step).task_class.get_one_or_none(asked.task_id, consistent_read=True)
    if task is None:
        return f"{asked.task_id} is gone meanwhile."
    return f"{asked.task_id} is now {where(widget.pipeline, task.status, asked.step)}, run {task.run or 0}."


def who(dashboard: str, account: str, request: str) -> str:
    """Who acted, as far as a custom widget can know it.

    CloudWatch does not say who pressed the button. Dashboard and account are the event's claim. The id of the Lambda
    request is ours, and CloudTrail knows the identity behind it.
    """
    return f"CloudWatch dashboard {dashboard or '(not told)'} of account {account or '(not told)'}, Lambda {request}"
