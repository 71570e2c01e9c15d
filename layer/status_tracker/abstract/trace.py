"""The lines that `verbose=True` shows of a tracker's attempt: the words of abstract_tracker, each when it is true."""

from __future__ import annotations

from ..core.config import TrackerConfig
from ..core.errors import TaskExhaustedError, TaskIgnoredError, TaskLockedError
from ..core.trace import Trace
from .declared import T_ID

_REFUSED: tuple[tuple[type[Exception], str], ...] = (
    (TaskLockedError, "🔓 the task is locked, do nothing!"),
    (TaskExhaustedError, "the task is 🚫 exhausted, do nothing!"),
    (TaskIgnoredError, "the task is 🙅 ignored, do nothing!"),
)


class TrackerTrace(Trace):
    """Tells the course of one attempt at a tracker; silent unless `debug` is on.

    Args:
        task_id, status, attempts: of the object that is started.
    """

    def __init__(
        self, config: TrackerConfig, task: object, task_id: T_ID, status: int, attempts: int, *, debug: bool
    ) -> None:
        super().__init__(config, task, debug=debug)
        self._id = task_id
        nth = attempts + 1 if isinstance(attempts, int) else attempts  # whatever the object has: the stored one decides
        self._found = f"status={status!r} ({config.status_name(status)}), attempts={nth}"

    def starting(self) -> None:
        self._rule(f" ⏱ ⏩ start task(id={self._id!r}, {self._found}) ")

    def acquired(self) -> None:
        self._line(f"set status = {self._config.in_progress_status} (⏳ in_progress) and 🔓 lock the task.")

    def not_started(self, error: BaseException) -> None:
        why = (text for kind, text in _REFUSED if isinstance(error, kind))
        self._line(next(why, f"❌ the task cannot be started ({type(error).__name__}), do nothing!"))
        self._end()

    def finished(self, status: int, retry: int, *, before: int) -> None:
        """Tell the end by what was stored: the status, and the attempts that count; `before`, without this one."""
        config = self._config
        if status == config.succeeded_status:
            what, name = "✅ task succeeded", "✅ succeeded"
        elif status == config.exhausted_status:
            what, name = f"❌ task failed {retry} times already", "🚫 exhausted"
        elif status == config.ignored_status:
            what, name = "❌ task failed for good", "🙅 ignored"
        elif retry == before:
            what, name = "⏸️ task postponed", config.status_name(status)
        else:
            what, name = "❌ task failed", "❌ failed"
        self._line(f"{what}, set status = {status} ({name}) and 🔐 unlock the task.")
        self._end(f" status={status}")

    def _end(self, status: str = "") -> None:
        self._rule(f" ⏰ ⏹️ end task(id={self._id!r}{status}) ")
