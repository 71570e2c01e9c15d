"""An action on one task of many that match a filter, and its outcome."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeAlias, TypeVar

from ..core.config import TrackerConfig
from ..core.errors import (
    TaskExecutionError,
    TaskIsNotInitializedError,
    TaskIsNotReadyToStartError,
    TaskLockedError,
    TaskUnreadableError,
)
from ..core.history import told
from ..core.state import TaskState, is_newest, is_recorded, waits
from ..core.task import Acted, TrackedTask
from ..core.trace import tell
from .all_steps import step_of
from .filters import ListedTask, Listing, TaskFilter

_OF_NO_TASK = -1
"""A fence: a deletion of a task that has it only shows whether there is the right to delete."""

TaskT = TypeVar("TaskT", bound=ListedTask)
Record: TypeAlias = dict[str, str]
"""What names a request on a task: its action, and its id."""


class Action(enum.StrEnum):
    """The actions for many tasks; named as the methods of `TrackedTask`."""

    RERUN = "rerun"
    IGNORE = "ignore"
    UNIGNORE = "unignore"
    UNLOCK = "unlock"
    CANCEL = "cancel"
    DELETE = "delete"

    @property
    def makes_pending(self) -> bool:
        return self in {Action.RERUN, Action.UNIGNORE}

    @property
    def dispatches(self) -> bool:
        """Whether the task is dispatched after the action."""
        return self.makes_pending or self is Action.UNLOCK

    @property
    def recalls(self) -> bool:
        """Whether what drives the task's run is stopped after the action."""
        return self in {Action.CANCEL, Action.DELETE}


class Kind(enum.StrEnum):
    """The outcome for one task.

    Attributes:
        DONE: the action is done and recorded, and what follows it is done: the task is dispatched, its run is stopped,
            or it is deleted.
        REPEATED: it was already recorded under this run id; what follows it is done again, unless the task has gone on.
            Never for a deletion: it is done, or the task has changed.
        LOCKED: a worker holds the task; nothing changed.
        VANISHED: the task does not exist any more.
        CHANGED: it does not match any more; nothing changed.
        REFUSED: the rules do not allow the action; nothing changed.
        UNDISPATCHED: the action is done and recorded, but `dispatch` failed: ask again with the same run id.
        UNFINISHED: the cancellation or deletion is recorded, but the run could not be stopped, or not all could be
            deleted: ask again with the same run id.
        FAILED: the store did not answer, so the result is unknown: ask again with the same run id.
    """

    DONE = "done"
    REPEATED = "repeated"
    LOCKED = "locked"
    VANISHED = "vanished"
    CHANGED = "changed"
    REFUSED = "refused"
    UNDISPATCHED = "undispatched"
    UNFINISHED = "unfinished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """The outcome for one task; if the action was not done, `message` says why and `error` is what was raised."""

    task_id: str
    kind: Kind
    message: str = ""
    error: Exception | None = field(default=None, compare=False)


class Operable(Listing[TaskT], Protocol[TaskT]):
    """What can be acted on: a class derived from `BaseTask` or `MemoryTask`, or anything with these members."""

    config: TrackerConfig

    def act_if(
        self,
        task_id: str,
        action: str,
        check: Callable[[TaskState], None],
        *,
        reason: str,
        by: str | None,
        request_id: str | None,
        known: TaskT | None = ...,
    ) -> Acted[TaskT]: ...

    def dispatch(self, task: TaskT) -> bool | None: ...

    def recall(self, task: TaskT) -> None: ...

    def discard(self, task: TaskT) -> None: ...

    def delete_if(self, task_id: str, state: TaskState) -> bool: ...


class NoLongerMatchesError(Exception):
    """The task is not any more as whoever asked for the action saw it."""


class TaskAction(Generic[TaskT]):
    """Does the action to one task.

    Args:
        chosen: the filter that the task must still match; None to act on the task in any state.
        check: raises `NoLongerMatchesError` for a state in which the task is to be left alone.
        cancels: for a deletion: cancel a task that a worker holds. A repetition deletes it when the worker's lease
            would have ended.
    """

    def __init__(
        self,
        tasks: Operable[TaskT],
        action: Action,
        chosen: TaskFilter | None,
        reason: str,
        by: str | None,
        run_id: str,
        *,
        check: Callable[[TaskState], None] = lambda _: None,
        cancels: bool = False,
    ) -> None:
        self.record: Record = {"action": action.value, "id": run_id}
        self._tasks = tasks
        self._action = action
        self._filter = chosen
        self._reason = reason
        self._by = by
        self._check = check
        self._cancels = cancels
        self._may_delete = False

    def has_begun(self, state: TaskState) -> bool:
        """Whether this very request is recorded on a task in that state."""
        own = [self.record, *([self._cancellation] if self._action is Action.DELETE else [])]
        return any(is_recorded(state, record) for record in own)

    @property
    def _cancellation(self) -> Record:
        """The record of a cancellation that is part of a deletion: no run id of a plain one has such a character."""
        of_deletion = self._action is Action.DELETE
        return {
            "action": Action.CANCEL.value,
            "id": f"{self.record['id']} → delete" if of_deletion else self.record["id"],
        }

    def act(self, task_id: str, known: TaskT | None = None) -> ActionOutcome:
        """Do the action; never raises.

        Args:
            known: the task, whole, as a listing has given it; it need not be read then.
        """
        try:
            acted = self._acted(task_id, known)
        except NoLongerMatchesError as error:
            return ActionOutcome(task_id, Kind.CHANGED, str(error), error)
        except TaskIsNotInitializedError as error:
            return ActionOutcome(task_id, Kind.VANISHED, "There is no such task.", error)
        except TaskLockedError as error:
            return ActionOutcome(task_id, Kind.LOCKED, str(error), error)
        except TaskExecutionError as error:
            kind = Kind.FAILED if isinstance(error, TaskUnreadableError) else Kind.REFUSED
            return ActionOutcome(task_id, kind, str(error), error)
        except Exception as error:  # noqa: BLE001  # whatever the backend raises: one task never stops the rest
            return ActionOutcome(task_id, Kind.FAILED, told(error), error)
        return self._followed(task_id, acted)

    def _acted(self, task_id: str, known: TaskT | None) -> Acted[TaskT]:
        if self._action is Action.DELETE and not self._may_delete:
            self._tasks.delete_if(task_id, TaskState(self._tasks.config.pending_status, fence=_OF_NO_TASK))
            self._may_delete = True  # else it was refused: before anything is lost
        try:
            return self._recorded(task_id, self.record, known)
        except TaskLockedError:
            if not (self._cancels and self._action is Action.DELETE):
                raise
        with suppress(TaskIsNotReadyToStartError):  # it was cancelled before, or has ended meanwhile
            self._tasks.recall(self._recorded(task_id, self._cancellation).task)
        return self._recorded(task_id, self.record)

    def _recorded(self, task_id: str, record: Record, known: TaskT | None = None) -> Acted[TaskT]:
        def still_matches(state: TaskState) -> None:
            if is_newest(state, self._cancellation):
                return  # this very request has cancelled it, so that it can be deleted
            self._check(state)
            if self._filter is not None and not self._filter.admits(task_id, state):
                config = self._tasks.config
                task = f"Task(use_case_id={config.use_case_id!r}, task_id={task_id!r})"
                status = step_of(self._tasks, state).config.status_name(state.status)
                raise NoLongerMatchesError(f"{task} does not match any more: it is {status} by now.")

        return self._tasks.act_if(
            task_id,
            record["action"],
            still_matches,
            reason=self._reason,
            by=self._by,
            request_id=record["id"],
            known=known,
        )

    def _followed(self, task_id: str, acted: Acted[TaskT]) -> ActionOutcome:
        """Do what follows the action, which is recorded: a crash in between is completed by a repetition."""
        kind = Kind.DONE if acted.now else Kind.REPEATED
        try:
            step = step_of(self._tasks, acted.state)
            is_due = self._action.dispatches and (acted.now or waits(acted.state, step.config))
            if is_due and self._tasks.dispatch(acted.task) is False:
                self._follow_up(step, task_id, acted.state.run)
            if self._action.recalls and is_newest(acted.state, self.record):  # else somebody has begun it anew
                self._tasks.recall(acted.task)
                if self._action is Action.DELETE:
                    self._delete(task_id, acted)
                    kind = Kind.DONE
            elif self._action is Action.DELETE:
                message = f"Somebody has begun {task_id!r} anew since this request set it aside: it is left alone."
                return ActionOutcome(task_id, Kind.CHANGED, message)
        except NoLongerMatchesError as error:
            return ActionOutcome(task_id, Kind.CHANGED, str(error), error)
        except Exception as error:  # noqa: BLE001  # the user's own code, and one task never stops the rest
            return self._not_followed(task_id, error)
        return ActionOutcome(task_id, kind)

    def _delete(self, task_id: str, acted: Acted[TaskT]) -> None:
        """What would make the task again goes before the task (docs/decisions/0022)."""
        task = f"{task_id!r} of {self._tasks.config.use_case_id!r}"
        tell(logging.INFO, f"Deleting task {task}, for {self._by}: {self._reason}")
        self._tasks.discard(acted.task)
        if not self._tasks.delete_if(task_id, acted.state):
            raise NoLongerMatchesError(
                f"Somebody has begun {task_id!r} anew while it was deleted: it is there, but not what it was made from."
            )
        tell(logging.INFO, f"Task {task} deleted by {self._by}: {self._reason}")

    def _not_followed(self, task_id: str, error: Exception) -> ActionOutcome:
        if self._action.dispatches:
            message = f"The {self._action} is recorded, but the task could not be dispatched: {told(error)}"
            return ActionOutcome(task_id, Kind.UNDISPATCHED, message, error)
        become = (
            "its run may go on until it meets that" if self._action is Action.CANCEL else "not all of it is deleted"
        )
        message = f"The task is set aside ({self._action}), and {become}: {told(error)}"
        return ActionOutcome(task_id, Kind.UNFINISHED, message, error)

    def _follow_up(self, step: object, task_id: str, run: int) -> None:
        """Give the task its next run, since what drove that one is over."""
        if isinstance(step, type) and issubclass(step, TrackedTask):
            step.dispatch(step.restart(task_id, run=run, reason=self._reason, by=self._by))
