"""The lines that `debug=True` shows, each after the thing it tells has happened (R17)."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TextIO

from .config import TrackerConfig
from .errors import (
    TaskAlreadySucceedError,
    TaskExhaustedError,
    TaskIgnoredError,
    TaskIsNotInitializedError,
    TaskIsNotReadyToStartError,
    TaskLockedError,
    TaskNotDueError,
)
from .history import told

logger = logging.getLogger("status_tracker")
_silence = logging.NullHandler()
logger.addHandler(_silence)


class _Console(logging.StreamHandler[TextIO]):
    """Standard output, as it is when a line is written: there the lines stand in order with what the block prints."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter("%(message)s"))

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stdout


_console = _Console()

_WHY_REFUSED: tuple[tuple[type[TaskIsNotReadyToStartError], str], ...] = (
    (TaskIsNotInitializedError, "because it is not initialized yet"),
    (TaskLockedError, "because it is already locked by another worker"),
    (TaskAlreadySucceedError, "because it is already succeeded"),
    (TaskIgnoredError, "because it is ignored"),
    (TaskExhaustedError, "because its attempts are used up"),
    (TaskNotDueError, "because it is not due yet"),
    (TaskIsNotReadyToStartError, "because its status belongs to another step"),
)


class Trace:
    """Tells the course of one attempt; silent unless `debug` is on."""

    _width = 120
    _thing = "task"

    def __init__(self, config: TrackerConfig, task: object, *, debug: bool) -> None:
        self._config = config
        self._task = task
        self._debug = debug
        if debug:
            _ensure_console()

    def starting(self) -> None:
        if self._debug:
            self._rule(f" ▶️ start {self._task})")

    def acquired(self) -> None:
        self._line("🔓 set status 'in_progress' and lock the task.")

    def not_started(self, error: BaseException) -> None:
        if not self._debug:
            return
        why = next(
            (text for kind, text in _WHY_REFUSED if isinstance(error, kind)), f"because of {type(error).__name__}"
        )
        self._line(f"❌ task failed to get lock, {why}.")
        self._end()

    def lost(self) -> None:
        self._line(f"❌ the lease was lost: another worker took the {self._thing} over; nothing was stored.")
        self._end()

    def not_saved(self) -> None:
        self._line("❌ the end of the attempt could not be stored; the lease will run out.")
        self._end()

    def finished(self, status: int, retry: int, *, before: int) -> None:
        """Tell the end by what was stored: the status, and the attempts that count; `before`, without this one."""
        if not self._debug:
            return
        name = self._config.status_name(status)
        if status == self._config.succeeded_status:
            self._line("✅ 🔐 task succeeded, set status 'success' and unlock the task.")
        elif status == self._config.ignored_status and retry < self._config.max_retry:
            self._line("❌ 🔐 task failed for good, set status 'ignore' and unlock the task.")
        elif status == self._config.ignored_status:
            self._line(f"❌ 🔐 task failed {retry} times already, set status 'ignore' and unlock the task.")
        elif status == self._config.exhausted_status:
            self._line(f"❌ 🔐 task failed {retry} times already, set status 'exhausted' and unlock the task.")
        elif retry == before:
            self._line(f"⏸️ 🔐 task postponed, set status '{name}' and unlock the task.")
        else:
            self._line("❌ 🔐 task failed, set stats 'failed' and unlock the task.")
        self._rule(f" ⏹️ end {self._task}, status={status})) (aka {name!r})")

    def _end(self) -> None:
        self._rule(f" ⏹️ end {self._task})")

    def _line(self, message: str) -> None:
        if self._debug:
            tell(logging.INFO, message)

    def _rule(self, message: str) -> None:
        self._line(f"{message:-^{self._width}}")


def tell(level: int, message: str, error: BaseException | None = None) -> None:
    """Log it, with the error's traceback; what a handler or a filter of the application raises changes nothing.

    It goes to standard error, with what was to be logged.
    """
    try:
        logger.log(level, message, exc_info=error)
    except Exception as broken:  # noqa: BLE001  # an application's own handlers may raise anything
        with suppress(Exception):  # there may be no standard error
            sys.stderr.write(f"{message} (not logged: {told(broken)})\n")


def _ensure_console() -> None:
    """Show the lines somewhere: where the application has set up no logging, on standard output."""
    if logger.getEffectiveLevel() > logging.INFO:
        logger.setLevel(logging.INFO)
    others = [handler for handler in logger.handlers if handler is not _console and handler is not _silence]
    if others or logging.getLogger().hasHandlers():
        logger.removeHandler(_console)
    else:
        logger.addHandler(_console)
