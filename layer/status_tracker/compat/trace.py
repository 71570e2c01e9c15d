"""The lines that `debug=True` shows of a tracker's attempt: the words and names of v5, each when it is true."""

from __future__ import annotations

from collections.abc import Callable

from ..core.config import TrackerConfig
from ..core.errors import NoMoreRetryError
from ..core.trace import Trace


class TrackerTrace(Trace):
    """Tells the course of one attempt at a tracker; silent unless `debug` is on.

    Args:
        named: the name of a status, by the tracker's enum.
        found: the status of the tracker that is started.
    """

    _width = 80

    def __init__(
        self,
        config: TrackerConfig,
        job_id: str,
        task_id: str,
        named: Callable[[int], str],
        found: int | None,
        *,
        debug: bool,
    ) -> None:
        super().__init__(config, f"task(job_id={job_id!r}, task_id={task_id!r}", debug=debug)
        self._named = named
        self._found = found

    def starting(self) -> None:
        self._rule(f" ▶️ start {self._with(self._found)} ")

    def acquired(self) -> None:
        self._line(f"🔓 set status {self._shown(self._config.in_progress_status)} and lock the task.")

    def not_started(self, error: BaseException) -> None:
        if isinstance(error, NoMoreRetryError):
            self._line("↪️ the task is ignored, do nothing!")
        else:
            super().not_started(error)

    def finished(self, status: int, retry: int, *, before: int) -> None:
        if status == self._config.succeeded_status:
            what = "✅ 🔐 task succeeded, set status"
        elif status == self._config.ignored_status:
            how = f"{retry} times already" if retry >= self._config.max_retry else "for good"
            what = f"❌ 🔐 task failed {how}, set status"
        elif retry == before:
            what = "⏸️ 🔐 task postponed, set status"
        else:
            what = "❌ 🔐 task failed, set stats"
        self._line(f"{what} {self._shown(status)} and unlock the task.")
        self._rule(f" ⏹️ end {self._with(status)} ")

    def _with(self, status: int | None) -> str:
        return f"{self._task}, status={self._shown(status)})"

    def _shown(self, status: int | None) -> str:
        name = None if status is None else self._named(status)
        return repr(name) if name != str(status) else str(status)
