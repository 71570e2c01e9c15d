"""R20: a pipeline, or a step of it, is paused: work on it is not begun until somebody resumes it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..core.config import get_utc_now
from ..core.errors import TaskLockedError, TaskPausedError
from ..core.history import REASON_BYTES, cut
from ..core.port import PauseBoard

ALL_STEPS = "*"
KEPT_RECORDS = 20
ASKED_AGAIN_SECONDS = 5.0
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Pause:
    """That a step, or all of them, is paused.

    Attributes:
        step: the name of the step; None for all.
        reason, by: why, and who asked for it.
        since: when it was paused (UTC).
        until: when it goes on by itself (UTC); None for when somebody resumes it.
    """

    step: str | None
    reason: str
    by: str | None
    since: datetime
    until: datetime | None

    def is_over(self, now: datetime) -> bool:
        """Whether it has ended by itself, at `until`."""
        return self.until is not None and self.until <= now

    def told(self, use_case_id: str) -> str:
        """What is paused until when, why, by whom and since when."""
        end = "until somebody resumes it" if self.until is None else f"until {self.until.isoformat()}"
        what = use_case_id if self.step is None else f"{use_case_id}, step {self.step},"
        return f"{what} is paused {end}: {self.reason} ({self.by or 'somebody'}, {self.since.isoformat()})"

    def error(self, use_case_id: str, task_id: str | None = None) -> TaskPausedError:
        """What a worker is told."""
        error = TaskPausedError(
            f"{self.told(use_case_id)}. Nothing was begun.", use_case_id=use_case_id, task_id=task_id
        )
        error.until, error.reason, error.by = self.until, self.reason, self.by
        return error


class Pauses:
    """The pauses of one use case, on a board of its backend. A `Pipeline` has them; workers without one make their own.

    Args:
        use_case_id: what is paused, for the messages.
        board: gives the board; asked each time, so that another place of the tasks has other pauses.
        clock: tells the time.
    """

    def __init__(
        self, use_case_id: str, board: Callable[[], PauseBoard], clock: Callable[[], datetime] = get_utc_now
    ) -> None:
        self._use_case_id = use_case_id
        self._board = board
        self._clock = clock
        self._asked = float("-inf")
        self._known: Mapping[str, Pause] = {}

    def pause(
        self, step: str | None = None, *, reason: str, by: str | None = None, until: datetime | None = None
    ) -> Pause:
        """Pause the step, or all of them; see `Pipeline.pause`. A pause of the same that is there is replaced."""
        if not reason.strip():
            raise ValueError("reason is empty: say why work is paused; those who wait for it are told.")
        now = self._clock().astimezone(UTC)
        if until is not None and (until.tzinfo is None or until <= now):
            raise ValueError(f"until is {until!r}: give a time with a time zone, after now ({now.isoformat()}).")
        short = cut(reason, REASON_BYTES)
        pause = Pause(step, short, by and cut(by, REASON_BYTES), now, until and until.astimezone(UTC))
        self._change("pause", pause, lambda paused: {**paused, _name(step): _stored(pause)})
        return pause

    def resume(
        self,
        step: str | None = None,
        *,
        by: str | None = None,
        reason: str | None = None,
        check: Callable[[Sequence[Pause]], None] = lambda _: None,
    ) -> bool:
        """End the pause of the step; without one, every pause. Returns whether there was one in force.

        A pause of all steps still holds for a step that is resumed by itself.

        Args:
            check: gets the pauses that would end, and raises if they are not to.
        """
        now = self._clock().astimezone(UTC)
        record = Pause(step, cut(reason or "", REASON_BYTES), by and cut(by, REASON_BYTES), now, None)

        def resumed(paused: Mapping[str, Any]) -> Mapping[str, Any]:
            in_force = {name: each for name, each in paused.items() if not _loaded(name, each).is_over(now)}
            left = {} if step is None else {name: each for name, each in in_force.items() if name != step}
            check([_loaded(name, each) for name, each in in_force.items() if name not in left])
            return paused if left == in_force else left

        return self._change("resume", record, resumed)

    def read(self) -> Mapping[str, Pause]:
        """The pauses in force now, by the step's name or ``"*"``; asks the backend."""
        self._known = {name: _loaded(name, each) for name, each in _parsed(self._board().read())["paused"].items()}
        self._asked = time.time()
        return {name: each for name, each in self._known.items() if not each.is_over(self._clock())}

    def of(self, step: str) -> Pause | None:
        """The pause that keeps the step from work; the backend is asked at most every few seconds a process."""
        # By the clock of the day, which goes on while Lambda has frozen the process.
        if abs(time.time() - self._asked) >= ASKED_AGAIN_SECONDS:
            self.read()
        found = self._known.get(ALL_STEPS), self._known.get(step)
        return next((each for each in found if each is not None and not each.is_over(self._clock())), None)

    def check(self, step: str, task_id: str | None = None) -> None:
        """Raise `TaskPausedError` if the step, or everything, is paused; to be called before work is begun."""
        pause = self.of(step)
        if pause is not None:
            raise pause.error(self._use_case_id, task_id)

    def _change(self, action: str, record: Pause, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> bool:
        """Whether the change makes a difference; it is recorded with who asked for it."""
        board = self._board()
        self._asked = float("-inf")
        entry = {"action": action, "step": record.step, **_stored(record)}
        for refused in range(_TRIES):
            before = board.read()
            stored = _parsed(before)
            if refused and entry in stored["records"]:  # by a request whose answer was lost
                return True
            paused = change(stored["paused"])
            if paused == stored["paused"]:
                return False
            records = [*stored["records"], entry][-KEPT_RECORDS:]
            if board.replace(before, json.dumps({"paused": paused, "records": records}, sort_keys=True)):
                return True
        raise TaskLockedError(f"The pauses changed {_TRIES} times while they were to be changed: try again.")


def _name(step: str | None) -> str:
    return ALL_STEPS if step is None else step


def _stored(pause: Pause) -> dict[str, Any]:
    until = None if pause.until is None else pause.until.isoformat()
    return {"reason": pause.reason, "by": pause.by, "since": pause.since.isoformat(), "until": until}


def _loaded(name: str, stored: Mapping[str, Any]) -> Pause:
    until = stored.get("until")
    return Pause(
        step=None if name == ALL_STEPS else name,
        reason=stored["reason"],
        by=stored.get("by"),
        since=datetime.fromisoformat(stored["since"]),
        until=None if until is None else datetime.fromisoformat(until),
    )


def _parsed(text: str | None) -> dict[str, Any]:
    stored: dict[str, Any] = {} if text is None else json.loads(text)
    return {"paused": stored.get("paused", {}), "records": stored.get("records", [])}
