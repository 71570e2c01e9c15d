"""An action on one task of many that match a filter, and its outcome."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from ..core.config import TrackerConfig
from ..core.errors import TaskExecutionError, TaskIsNotInitializedError, TaskLockedError, TaskUnreadableError
from ..core.history import told
from ..core.state import TaskState, waits
from ..core.task import Acted, TrackedTask
from .filters import ListedTask, Listing, TaskFilter

TaskT = TypeVar("TaskT", bound=ListedTask)


class Action(enum.StrEnum):
    """The actions for many tasks; named as the methods of `TrackedTask`."""

    RERUN = "rerun"
    IGNORE = "ignore"
    UNIGNORE = "unignore"
    UNLOCK = "unlock"

    @property
    def makes_pending(self) -> bool:
        return self in {Action.RERUN, Action.UNIGNORE}

    @property
    def dispatches(self) -> bool:
        """Whether the task is dispatched after the action."""
        return self is not Action.IGNORE


class Kind(enum.StrEnum):
    """The outcome for one task.

    Attributes:
        DONE: the action is done and recorded, and the task dispatched.
        REPEATED: it was already recorded under this run id; dispatched again if the task still waits.
        LOCKED: a worker holds the task; nothing changed.
        VANISHED: the task does not exist any more.
        CHANGED: it does not match any more; nothing changed.
        REFUSED: the rules do not allow the action; nothing changed.
        UNDISPATCHED: the action is done and recorded, but `dispatch` failed: ask again with the same run id.
        FAILED: the store did not answer, so the result is unknown: ask again with the same run id.
    """

    DONE = "done"
    REPEATED = "repeated"
    LOCKED = "locked"
    VANISHED = "vanished"
    CHANGED = "changed"
    REFUSED = "refused"
    UNDISPATCHED = "undispatched"
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
    ) -> Acted[TaskT]: ...

    def dispatch(self, task: TaskT) -> bool | None: ...


class _NoLongerMatchesError(Exception):
    """The filter does not admit the task any more."""


class TaskAction(Generic[TaskT]):
    """Does the action to one task.

    Args:
        chosen: the filter that the task must still match; None to act on the task in any state.
    """

    def __init__(
        self,
        tasks: Operable[TaskT],
        action: Action,
        chosen: TaskFilter | None,
        reason: str,
        by: str | None,
        run_id: str,
    ) -> None:
        self.record: dict[str, str | None] = {"action": action.value, "id": run_id}
        self._tasks = tasks
        self._action = action
        self._filter = chosen
        self._reason = reason
        self._by = by

    def act(self, task_id: str) -> ActionOutcome:
        """Do the action; never raises."""
        try:
            acted = self._acted(task_id)
        except _NoLongerMatchesError as error:
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
        return self._dispatched(task_id, acted)

    def _acted(self, task_id: str) -> Acted[TaskT]:
        def still_matches(state: TaskState) -> None:
            if self._filter is not None and not self._filter.admits(task_id, state):
                config = self._tasks.config
                task = f"Task(use_case_id={config.use_case_id!r}, task_id={task_id!r})"
                status = config.status_name(state.status)
                raise _NoLongerMatchesError(f"{task} does not match any more: it is {status} by now.")

        return self._tasks.act_if(
            task_id,
            self._action.value,
            still_matches,
            reason=self._reason,
            by=self._by,
            request_id=self.record["id"],
        )

    def _dispatched(self, task_id: str, acted: Acted[TaskT]) -> ActionOutcome:
        kind = Kind.DONE if acted.now else Kind.REPEATED
        if self._action.dispatches and (acted.now or waits(acted.state, self._tasks.config)):
            try:
                if self._tasks.dispatch(acted.task) is False:
                    self._follow_up(task_id, acted.state.run)
            except Exception as error:  # noqa: BLE001  # the user's own code, and one task never stops the rest
                message = f"The {self._action} is recorded, but the task could not be dispatched: {told(error)}"
                return ActionOutcome(task_id, Kind.UNDISPATCHED, message, error)
        return ActionOutcome(task_id, kind)

    def _follow_up(self, task_id: str, run: int) -> None:
        """Give the task its next run, since what drove that one is over."""
        tasks: object = self._tasks
        if isinstance(tasks, type) and issubclass(tasks, TrackedTask):
            tasks.dispatch(tasks.restart(task_id, run=run, reason=self._reason, by=self._by))
