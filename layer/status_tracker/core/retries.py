"""Acquiring a task, and repeating writes that got no answer; each is safe to repeat (R5)."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar
from weakref import WeakValueDictionary

from .errors import StatusNotSavedError, TaskLockedError
from .lifecycle import AlreadyOurs, Lifecycle, Refused, TryWrite
from .port import Store, StoreError, UnreadableError, Write, WriteRejectedError, WriteResult

TaskT = TypeVar("TaskT")
AnswerT = TypeVar("AnswerT")

CONTENDED_ROUNDS = 10
"""How often a task may change between a read and a write before this worker gives up."""

TRIES = 3
"""How often a start, a creation or an action is sent until an answer comes."""

held: WeakValueDictionary[str, object] = WeakValueDictionary()
"""The attempts whose blocks this process is in, by their tokens."""

if hasattr(os, "register_at_fork"):  # a forked child is in no block of its parent's
    os.register_at_fork(after_in_child=held.clear)

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


def repeated(send: Callable[[], AnswerT], sleep: Callable[[float], None]) -> AnswerT:
    """The answer of `send`, which is repeated a few times if no answer comes.

    Raises:
        Exception: the backend's own, if no try was answered.
    """
    for nth in range(1, TRIES + 1):
        try:
            return send()
        except StoreError as error:
            if not error.transient or nth == TRIES:
                raise error.cause from error
        sleep(jittered(_FIRST_PAUSE * 2**nth))
    raise AssertionError  # the last try returns or raises


class Patience:
    """Repeats writes, with growing, random pauses.

    Attributes:
        unanswered: whether the latest write of `until` was sent before without an answer, so that it may be stored.

    Args:
        rules: of the task that is written; the clock of their config tells the time, and waits.
    """

    def __init__(self, rules: Lifecycle) -> None:
        self._rules = rules
        self._sleep = sleep_of(rules.config.clock)
        self.unanswered = False

    def pause(self, nth: int) -> None:
        """Wait before the nth repetition of an acquire."""
        self._sleep(jittered(_FIRST_PAUSE * 2**nth))

    def until(self, end: datetime, send: Callable[[Write], WriteResult[TaskT]], write: Write) -> WriteResult[TaskT]:
        """Repeat a worker's write while its lease lasts (R6).

        Raises:
            StatusNotSavedError: the lease is over, or repeating cannot help.
            WriteRejectedError: the store will never take this write.
        """
        longest, self.unanswered = _FIRST_PAUSE, False
        while True:
            try:
                return send(write)
            except WriteRejectedError:
                raise
            except StoreError as error:
                self.unanswered = True
                pause = jittered(longest)
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


def new_end() -> str:
    """A mark for the end of one attempt; see `Lifecycle.succeed`."""
    return uuid.uuid4().hex[:8]


def sleep_of(clock: Callable[[], datetime]) -> Callable[[float], None]:
    """The function that waits: `clock.sleep` if the clock has one, as test clocks do; otherwise `time.sleep`."""
    return getattr(clock, "sleep", time.sleep)


def jittered(longest: float) -> float:
    """A pause of random length, at most `longest` seconds, so that waiting clients do not all return at once."""
    return random.uniform(0, longest)  # noqa: S311  # jitter, no secret


def acquire(store: Store[TaskT], rules: Lifecycle, token: str, lease: timedelta, patience: Patience) -> TaskT:
    """Acquire the task for that token, and return it.

    Raises:
        TaskIsNotReadyToStartError: one of its subclasses says why it cannot be started now.
        Exception: the backend's own, if it did not answer.
    """

    def first_attempt() -> TryWrite:
        return TryWrite(rules.acquire(token, rules.config.now(), lease))

    attempt, unanswered = first_attempt(), 0
    for _ in range(CONTENDED_ROUNDS):
        try:
            answer = store.write(attempt.write)
        except UnreadableError as error:
            _give_back(store, rules, token, error)
            raise error.cause from error.cause.__cause__
        except StoreError as error:
            if isinstance(error, WriteRejectedError) and attempt.brief is not None:
                attempt = TryWrite(attempt.brief, attempt.error)
                continue
            unanswered += 1
            if not error.transient or unanswered == TRIES:
                raise error.cause from error
            patience.pause(unanswered)
            attempt = first_attempt()  # the token tells whether the one without answer was stored (R5)
            continue
        if answer.applied and attempt.error is not None:
            raise attempt.error
        verdict = AlreadyOurs() if answer.applied else _judged(store, rules, answer, token, lease)
        if isinstance(verdict, TryWrite):
            attempt = verdict
        elif answer.task is not None:
            return answer.task
    raise TaskLockedError(
        f"{rules} changed hands {CONTENDED_ROUNDS} times while this worker tried to start it: try later.",
        use_case_id=rules.use_case_id,
        task_id=rules.task_id,
    )


def _give_back(store: Store[TaskT], rules: Lifecycle, token: str, error: UnreadableError) -> None:
    """End the attempt at a task that was acquired and cannot be read: it has failed, and leaves no lock.

    If this write is lost too, the lease ends by itself.
    """
    if error.acquired is None:
        return
    failed = rules.fail(error.acquired, token, rules.config.now(), error.cause)
    readable = {name: value for name, value in failed.changes.items() if name not in error.broken}
    with suppress(StoreError):
        store.write(Write(failed.guard, readable))


def _judged(
    store: Store[TaskT], rules: Lifecycle, refused: WriteResult[TaskT], token: str, lease: timedelta
) -> AlreadyOurs | TryWrite:
    state = None if refused.task is None else store.state(refused.task)
    held_here = state is not None and state.lock in held
    verdict = rules.judge(state, token, rules.config.now(), lease, held_here=held_here)
    if isinstance(verdict, Refused):
        try:
            raise verdict.error
        finally:
            del verdict  # or the error and its traceback keep each other alive, with all they lead to
    return verdict
