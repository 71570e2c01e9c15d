"""Repeats writes that got no answer; each is safe to repeat (R5)."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from .errors import StatusNotSavedError
from .lifecycle import Lifecycle
from .port import Answer, StoreError, WriteRejectedError
from .writes import Write

TaskT = TypeVar("TaskT")

TRIES = 3
"""How often a start, a creation or an action is sent that gets no answer."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


def repeated(send: Callable[[], Answer[TaskT]], sleep: Callable[[float], None]) -> Answer[TaskT]:
    """What `send` answers, which is asked again a few times where it got no answer.

    Raises:
        Exception: the backend's own, where nothing helped.
    """
    for nth in range(1, TRIES + 1):
        try:
            return send()
        except StoreError as error:
            if not error.transient or nth == TRIES:
                raise error.cause from error
        sleep(_jittered(_FIRST_PAUSE * 2**nth))
    raise AssertionError  # the last try returns or raises


class Patience:
    """Sends writes again and again, with growing, random pauses.

    Args:
        rules: of the task that is written; they know the time, and the task's name.
        sleep: waits for so many seconds.
    """

    def __init__(self, rules: Lifecycle, sleep: Callable[[float], None]) -> None:
        self._rules = rules
        self._sleep = sleep

    def pause(self, nth: int) -> None:
        """Before the nth repetition of an acquire."""
        self._sleep(_jittered(_FIRST_PAUSE * 2**nth))

    def until(self, end: datetime, send: Callable[[Write], Answer[TaskT]], write: Write) -> Answer[TaskT]:
        """For what a worker stores while its lease lasts (R6).

        Raises:
            StatusNotSavedError: the lease is over, or no repetition would help.
            WriteRejectedError: the store will never take this write.
        """
        longest = _FIRST_PAUSE
        while True:
            try:
                return send(write)
            except WriteRejectedError:
                raise
            except StoreError as error:
                pause = _jittered(longest)
                if not error.transient or self._rules.config.now() + timedelta(seconds=pause) >= end:
                    raise self._not_saved(error, end) from error.cause
            self._sleep(pause)
            longest = min(2 * longest, _LONGEST_PAUSE)

    def _not_saved(self, error: StoreError, end: datetime) -> StatusNotSavedError:
        return StatusNotSavedError(
            f"What this worker had to store of {self._rules} was not stored ({error}). "
            f"Unless a request arrived whose answer was lost, it is in progress until {end.isoformat()} "
            "and is then taken over as a vanished attempt.",
            use_case_id=self._rules.use_case_id,
            task_id=self._rules.task_id,
        )


def _jittered(longest: float) -> float:
    return random.uniform(0, longest)  # noqa: S311  # jitter, no secret
