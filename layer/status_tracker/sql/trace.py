"""The lines that `debug=True` shows of a job: the words of sqlalchemy_mate, each when it is true (R17)."""

from __future__ import annotations

from ..core.config import TrackerConfig
from ..core.errors import (
    TaskAlreadySucceedError,
    TaskExhaustedError,
    TaskIgnoredError,
    TaskIsNotInitializedError,
    TaskIsNotReadyToStartError,
    TaskLockedError,
    TaskNotDueError,
)
from ..core.trace import Trace

_WHY_REFUSED: tuple[tuple[type[TaskIsNotReadyToStartError], str], ...] = (
    (TaskIsNotInitializedError, "does not exist"),
    (TaskLockedError, "is locked"),
    (TaskAlreadySucceedError, "is already succeeded, do nothing"),
    (TaskIgnoredError, "is ignored, do nothing"),
    (TaskExhaustedError, "is exhausted, do nothing"),
    (TaskNotDueError, "is not due yet, do nothing"),
)


class JobTrace(Trace):
    """Tells the course of one attempt at a job; silent unless `debug` is on."""

    _width = 80
    _thing = "job"

    def __init__(self, config: TrackerConfig, id: str, *, debug: bool) -> None:  # noqa: A002
        super().__init__(config, f"Job {id!r}", debug=debug)
        self._id = id

    def starting(self) -> None:
        self._rule(f" ▶️ start {self._task}")

    def acquired(self) -> None:
        self._line(f"🔓Try to set status = {self._config.in_progress_status} and lock the job {self._id!r} ...")
        self._line("  Successfully lock the job!")

    def not_started(self, error: BaseException) -> None:
        """Tell why not; no line of an end follows, as nothing has begun."""
        why = next((text for kind, text in _WHY_REFUSED if isinstance(error, kind)), None)
        if why is None and isinstance(error, TaskIsNotReadyToStartError):
            why = f"status is {error.status}, it is not any of the ready-to-start status"
        self._line(f"❌ {self._task} {why or f'could not be started ({type(error).__name__})'}.")

    def finished(self, status: int, retry: int, *, before: int) -> None:
        """Tell the end by the status that was stored."""
        config = self._config
        if status == config.succeeded_status:
            what = "✅ 🔐 job succeeded"
        elif status in {config.ignored_status, config.exhausted_status} and retry >= config.max_retry:
            what = f"❌ 🔐 job failed {retry} times already"
        elif status == config.ignored_status:
            what = "❌ 🔐 job failed for good"
        elif retry == before:
            what = "⏸️ 🔐 job postponed"
        else:
            what = "❌ 🔐 job failed"
        self._line(f"{what}, set status = {status} and unlock the job.")
        self._rule(f" ⏹️ end {self._task} status = {status})")
