"""Acquiring a task: one conditional write, and what follows from a refusal."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from .errors import TaskLockedError
from .lifecycle import Lifecycle
from .port import Answer, Store, StoreError, WriteRejectedError
from .retries import TRIES, Patience
from .writes import AlreadyOurs, Attempt, Refused

TaskT = TypeVar("TaskT")

CONTENDED_ROUNDS = 10
"""How often a task may change hands between a read and a write before a worker leaves it to the others."""


def acquire(store: Store[TaskT], rules: Lifecycle, token: str, lease: timedelta, patience: Patience) -> TaskT:
    """The task, held by that token from now on.

    Raises:
        TaskIsNotReadyToStartError: one of its subclasses says why it cannot be started now.
        Exception: the backend's own, where it could not be asked.
    """

    def first_attempt() -> Attempt:
        return Attempt(rules.acquire(token, rules.config.now(), lease))

    attempt, unanswered = first_attempt(), 0
    for _ in range(CONTENDED_ROUNDS):
        try:
            answer = store.write(attempt.write)
        except StoreError as error:
            if isinstance(error, WriteRejectedError) and attempt.brief is not None:
                attempt = Attempt(attempt.brief, attempt.error)
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
        if isinstance(verdict, Attempt):
            attempt = verdict
        elif answer.task is not None:
            return answer.task
    raise TaskLockedError(
        f"{rules} changed hands {CONTENDED_ROUNDS} times while this worker tried to start it: try later.",
        use_case_id=rules.use_case_id,
        task_id=rules.task_id,
    )


def _judged(
    store: Store[TaskT], rules: Lifecycle, refused: Answer[TaskT], token: str, lease: timedelta
) -> AlreadyOurs | Attempt:
    state = None if refused.task is None else store.state(refused.task)
    verdict = rules.judge(state, token, rules.config.now(), lease)
    if isinstance(verdict, Refused):
        raise verdict.error
    return verdict
