"""The errors of refusals: they say what was found, what was expected, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .config import TrackerConfig
from .errors import (
    NoMoreRetryError,
    TaskAlreadyExistsError,
    TaskAlreadySucceedError,
    TaskDataTooLargeError,
    TaskExhaustedError,
    TaskIgnoredError,
    TaskIsNotInitializedError,
    TaskIsNotReadyToStartError,
    TaskLockedError,
    TaskNotDueError,
)
from .state import TaskState


@dataclass(frozen=True, slots=True)
class Refusals:
    """Makes the errors that say why something cannot be done with one task."""

    config: TrackerConfig
    task: str
    use_case_id: str
    task_id: str

    def not_initialized(self) -> TaskIsNotInitializedError:
        return TaskIsNotInitializedError(
            f"{self.task} is not found: it has to be created before it is started.",
            **self._about(None),
        )

    def locked(self, state: TaskState, until: datetime | None, *, held_here: bool = False) -> TaskLockedError:
        here = " That is a block of this very process: leave it first, or do not start the task within it again."
        error = TaskLockedError(
            f"{self.task} is locked by another worker until {until and until.isoformat()}, unless it renews its lease."
            f"{here if held_here else ''}",
            **self._about(state),
        )
        error.until = until
        return error

    def lingering(self, state: TaskState, until: datetime) -> TaskLockedError:
        error = TaskLockedError(
            f"{self.task} was cancelled, and its worker may still be at work until {until.isoformat()}: "
            "delete it after that, or its results may come back.",
            **self._about(state),
        )
        error.until = until
        return error

    def not_due(self, state: TaskState) -> TaskNotDueError:
        moment = state.not_before
        error = TaskNotDueError(
            f"{self.task} is not due: its last attempt asked to wait until {moment and moment.isoformat()}.",
            **self._about(state),
        )
        error.not_before = moment
        return error

    def exists(self, state: TaskState) -> TaskAlreadyExistsError:
        return TaskAlreadyExistsError(
            f"{self.task} exists already, with status {self._named(state.status)}, "
            "and was left as it is: creating never resets. A deliberate rerun runs it again.",
            use_case_id=self.use_case_id,
            task_id=self.task_id,
        )

    def given_up(self, state: TaskState, attempts: int) -> NoMoreRetryError:
        status = self.config.exhausted_status
        kind = TaskIgnoredError if status == self.config.ignored_status else TaskExhaustedError
        error = kind(
            f"{self.task} is {self.config.status_name(status)}: its last allowed attempt ({attempts} of "
            f"{self.config.max_retry}) vanished; its worker was killed or lost. "
            "See errors['history']; a deliberate rerun tries again.",
            **self._about(state),
        )
        error.given_up_now = True
        return error

    def wrong_status(self, state: TaskState, startable: Sequence[int]) -> TaskIsNotReadyToStartError:
        if state.status == self.config.succeeded_status:
            return TaskAlreadySucceedError(
                f"{self.task} is already succeeded; a deliberate rerun runs it again.", **self._about(state)
            )
        if state.status == self.config.ignored_status:
            return TaskIgnoredError(
                f"{self.task} is ignored. See errors['history'] for the reason; a deliberate rerun tries again.",
                **self._about(state),
            )
        if state.status == self.config.exhausted_status:
            return TaskExhaustedError(
                f"{self.task} is exhausted: it failed {state.retry} times, and {self.config.max_retry} attempts are "
                "allowed. See errors['history'] for the reasons; a deliberate rerun tries again.",
                **self._about(state),
            )
        codes = startable or (self.config.pending_status, self.config.failed_status)
        names = ", ".join(map(self._named, codes))
        return self.unfit(
            state,
            f"is not ready to start: its status {state.status} belongs to another step; this one starts from {names}",
        )

    def too_large(self, size: int, most: int) -> TaskDataTooLargeError:
        return TaskDataTooLargeError(
            f"The data of {self.task} is {size:,} bytes of JSON, and at most {most:,} fit into its item: "
            "store it elsewhere, S3 for example, and keep the reference here.",
            use_case_id=self.use_case_id,
            task_id=self.task_id,
        )

    def unfit(self, state: TaskState, why: str) -> TaskIsNotReadyToStartError:
        return TaskIsNotReadyToStartError(f"{self.task} {why}.", **self._about(state))

    def _named(self, status: int) -> str:
        name = self.config.status_name(status)
        return name if name == str(status) else f"{status} ({name})"

    def _about(self, state: TaskState | None) -> dict[str, Any]:
        status = None if state is None else state.status
        return {"use_case_id": self.use_case_id, "task_id": self.task_id, "status": status}
