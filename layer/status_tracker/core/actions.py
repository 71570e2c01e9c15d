"""A deliberate action on a task, such as a rerun: carried out on its store, and recorded on the task."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from .errors import TaskLockedError
from .history import REASON_BYTES, json_size
from .lifecycle import Lifecycle
from .port import Store, Unchanged, Write
from .retries import CONTENDED_ROUNDS, repeated, sleep_of
from .state import TaskState, is_recorded

TaskT = TypeVar("TaskT")

Rule: TypeAlias = Callable[[TaskState | None, datetime, Mapping[str, Any]], Write]
"""One of the deliberate actions of a `Lifecycle`, such as `rerun`."""


class Acted(NamedTuple, Generic[TaskT]):
    """A task on which an action is recorded.

    Attributes:
        task: as it stands now.
        state: what the rules know of it.
        now: whether this call did it; otherwise it was already recorded under the request's id.
    """

    task: TaskT
    state: TaskState
    now: bool


def act_if(
    store: Store[TaskT],
    rules: Lifecycle,
    action: str,
    check: Callable[[TaskState], None],
    reason: str,
    by: str | None,
    request_id: str | None,
    known: TaskT | None = None,
) -> Acted[TaskT]:
    """As `TrackedTask.act_if`, on the store of the task."""
    rule: Rule = getattr(rules, action)
    asked = False

    def guarded(state: TaskState | None, now: datetime, record: Mapping[str, Any]) -> Write:
        nonlocal asked
        asked = True
        if state is not None:
            check(state)
        return rule(state, now, record)

    task = act(store, rules, guarded, action, reason, by, request_id, known)
    return Acted(task, store.state(task), asked)


def delete_unchanged(store: Store[TaskT], state: TaskState, clock: Callable[[], datetime]) -> bool:
    """As `TrackedTask.delete_if`, on the store of the task; `clock` waits before a repeated request."""
    answer = repeated(lambda: store.remove(Unchanged(state)), sleep_of(clock))
    return answer.task is None


def act(
    store: Store[TaskT],
    rules: Lifecycle,
    rule: Rule,
    action: str,
    reason: str,
    by: str | None,
    request_id: str | None = None,
    known: TaskT | None = None,
) -> TaskT:
    """Apply a deliberate action to one task, and record it: what, why, by whom, when.

    Args:
        rule: a deliberate action of `rules`.
        action: its name, for the record.
        reason, by: why, and who asked for it.
        request_id: if it is recorded already, nothing is done; None for a new one.
        known: the task, as it was read before; by default it is read.

    Raises:
        ValueError: the reason is empty, or the request id too long to be known again.
        TaskExecutionError: what the rule raises.
    """
    if not reason.strip():
        raise ValueError(f"reason is empty: say why ({action} of {rules.task_id!r}); it is recorded on the task.")
    if request_id is not None and json_size(request_id) > REASON_BYTES:
        raise ValueError(
            f"request_id has {json_size(request_id):,} bytes as JSON: give at most {REASON_BYTES}. A longer one would"
            " be cut where it is recorded, and not be known again."
        )
    record = {"action": action, "id": request_id or uuid.uuid4().hex, "reason": reason, "by": by}
    task = store.read() if known is None else known
    for _ in range(CONTENDED_ROUNDS):
        state = None if task is None else store.state(task)
        if task is not None and state is not None and is_recorded(state, record):
            return task
        write = rule(state, rules.config.now(), record)
        answer = repeated(lambda write=write: store.write(write), sleep_of(rules.config.clock))  # type: ignore[misc]
        task = answer.task
        if answer.applied and task is not None:
            return task
    raise TaskLockedError(f"{rules} changed {CONTENDED_ROUNDS} times while it was to be changed: try again.")
