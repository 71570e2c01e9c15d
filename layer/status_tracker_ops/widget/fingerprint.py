"""The fingerprint of a task's state: the buttons of a page do nothing to a task that has changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import UTC

from status_tracker.core.state import TaskState
from status_tracker.operations.actions import NoLongerMatchesError
from status_tracker.operations.pausing import Pause
from status_tracker.operations.pipeline import Pipeline
from status_tracker_ops.widget.components import where
from status_tracker_ops.widget.requests import ActionRequest


def fingerprint(state: TaskState) -> str:
    """The fingerprint of a task's state; updates by its worker and renewals of the lease do not change it.

    It is a hash, since nobody may see the token of the worker's lock.
    """
    when = state.update_time and state.update_time.astimezone(UTC).isoformat()
    told = repr((state.status, when, state.run, state.fence, state.lock))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def pause_mark(pause: Pause) -> str:
    """The mark of a pause: what, why, who, since when and until when."""
    return hashlib.sha256(repr(pause).encode()).hexdigest()[:16]


def ends_only(drawn: Collection[str]) -> Callable[[Sequence[Pause]], None]:
    """A check of the pauses that would end: raises `NoLongerMatchesError` unless all of them were drawn."""

    def drawn_all(ending: Sequence[Pause]) -> None:
        if {pause_mark(pause) for pause in ending} - set(drawn):
            raise NoLongerMatchesError(
                "Somebody has paused work since this was drawn. Nothing was resumed; look again."
            )

    return drawn_all


def unchanged_since(pipeline: Pipeline, asked: ActionRequest) -> Callable[[TaskState], None]:
    """A check of the very state that a write demands: raises `NoLongerMatchesError` unless it is that of the page.

    Where the rules do not allow the action at all, the check passes, and they say why not.
    """
    rules = pipeline.step(asked.step).task_class

    def unchanged(state: TaskState) -> None:
        if fingerprint(state) == asked.fingerprint or not rules.allows(state, asked.action):
            return
        now = f"it is {where(pipeline, state.status, asked.step)} now, run {state.run}"
        raise NoLongerMatchesError(
            f"{asked.task_id} has changed since its page was drawn: {now}. Nothing was changed; open it to see."
        )

    return unchanged
