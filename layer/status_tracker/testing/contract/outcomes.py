"""R7 to R9: what the end of a block stores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from ...core import errors as st
from ..clock import TICK, Clock
from .driver import Promise, Step
from .steps import (
    FAILED,
    GIVEN_UP,
    IGNORED,
    LEASE,
    MAX_RETRY,
    PENDING,
    STEP1_CODES,
    SUCCEEDED,
    LaterError,
    Scenes,
    WorkError,
    enter,
    errors_of,
    fail,
    refused,
    seen,
    succeed,
)

Promised = Callable[[Promise], bool]


class RottenError(st.NonRetryableError):
    """No retry can help."""


class ShyError(Exception):
    """It cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class SilentError(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class LeavingError(Exception):
    """To look at it is to leave the program."""

    @property
    def retry_after(self) -> float:
        raise SystemExit(4)

    def __repr__(self) -> str:
        raise SystemExit(4)


class NotedError(Exception):
    """Its notes cannot be had."""

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]
        raise RuntimeError("no notes")


class _Unnamed(type):
    def __getattribute__(cls, name: str) -> Any:
        if name == "__qualname__":
            raise RuntimeError("no name")
        return super().__getattribute__(name)


class UnnamedError(Exception, metaclass=_Unnamed):
    """Its class has no name to show."""


DATA = {"page": 2, "text": "Grüße 你好 🧾", "large": 2**53, "low": -(2**40), "deep": [1, None, {"x": 0.5}]}


class OutcomeRules(Scenes):
    """R7 to R9."""

    # A failure that puts the task back

    def test_r9_failed_may_be_the_pending_status_and_the_attempts_count_all_the_same(
        self, new_step: Callable[..., Step], promised: Promised, clock: Clock
    ) -> None:
        if not promised(Promise.STEPS):
            return  # the codes are those of the backend's class
        step = new_step({**STEP1_CODES, "failed_status": PENDING})
        step.create("t", {"page": 0})
        for nth in range(1, MAX_RETRY):
            fail(step)
            assert (seen(step).status, seen(step).retry, seen(step).locked) == (PENDING, nth, False)
        if promised(Promise.LISTING):
            assert list(step.listed(PENDING)) == ["t"]
        enter(step)
        clock.advance(LEASE)
        with pytest.raises(st.NoMoreRetryError):
            enter(step)
        assert seen(step).status in GIVEN_UP
        assert seen(step).retry == MAX_RETRY

    # R7: success

    def test_r7_success_stores_status_data_and_the_released_lock(self, step1: Step, clock: Clock) -> None:
        """Whatever JSON holds, except NUL in a text: the JSON of PostgreSQL cannot hold that."""
        step1.create("t", {"page": 0})
        fail(step1)
        with step1.start("t") as attempt:
            clock.advance(5)
            attempt.set_data({"page": 1})
            attempt.set_data(DATA)
            assert seen(step1).data == {"page": 0}
        task = seen(step1)
        assert (task.status, task.retry, task.locked, task.update_time) == (SUCCEEDED, 0, False, clock.now)
        assert task.data == DATA
        assert (task.lock_expire_time, errors_of(step1)) == (None, ["WorkError"])

    def test_r7_the_time_of_creation_stays_whatever_happens(self, step1: Step, clock: Clock, renewing: bool) -> None:
        clock.advance(1e-6)
        created_at = clock.now
        step1.create("t")
        clock.advance(5)
        fail(step1)
        enter(step1)
        clock.advance(LEASE)
        with step1.start("t") as attempt:
            if renewing:
                attempt.extend_lock(2 * LEASE)
        assert (seen(step1).status, seen(step1).create_time) == (SUCCEEDED, created_at)

    def test_r7_data_stays_when_nothing_was_set(self, step1: Step) -> None:
        step1.create("t", {"page": 0})
        succeed(step1)
        assert seen(step1).data == {"page": 0}

    @pytest.mark.parametrize("data", [{}, None])
    def test_r7_no_data(self, step1: Step, data: dict[str, Any] | None) -> None:
        step1.create("t", {"page": 0})
        with step1.start("t") as attempt:
            attempt.set_data(data)
        assert seen(step1).data == {}

    def test_r7_data_that_cannot_be_stored_fails_the_attempt_and_releases(self, step1: Step) -> None:
        step1.create("t", {"page": 0})
        with pytest.raises((TypeError, st.TaskExecutionError)) as unfit, step1.start("t") as attempt:
            attempt.set_data({"page": object()})
        task = seen(step1)
        assert (task.status, task.locked, task.data) == (FAILED, False, {"page": 0})
        assert errors_of(step1) == [type(unfit.value).__name__]

    def test_r7_data_spoilt_after_it_was_set_does_not_keep_the_task_locked(self, step1: Step) -> None:
        step1.create("t")
        data: dict[str, Any] = {"page": 1}
        worker = enter(step1)
        worker.attempt.set_data(data)
        data["page"] = object()
        with suppress(TypeError, st.TaskExecutionError):  # unless it was copied when it was set
            worker.leave()
        assert not seen(step1).locked

    def test_r7_update_stores_data_before_the_end(self, step1: Step, renewing: bool) -> None:
        if not renewing:
            return
        step1.create("t")
        with step1.start("t") as attempt:
            for page in (1, 2, 3):
                attempt.set_data({"page": page})
                attempt.update()
                assert (seen(step1).data, seen(step1).locked) == ({"page": page}, True)
        assert seen(step1).data == {"page": 3}

    # R8: failure

    def test_r8_failure_stores_one_entry_and_releases(self, step1: Step, clock: Clock) -> None:
        step1.create("t", {"page": 0})
        with pytest.raises(WorkError) as raised, step1.start("t") as attempt:
            attempt.set_data({"page": 1})
            clock.advance(5)
            raise WorkError("no page")
        assert not getattr(raised.value, "__notes__", [])
        task = seen(step1)
        assert (task.status, task.retry, task.locked, task.update_time) == (FAILED, 1, False, clock.now)
        assert task.data == {"page": 0}
        (entry,) = task.history
        assert set(entry) == {"nth_retry", "update_time", "error", "traceback"}
        assert (entry["nth_retry"], entry["error"]) == (1, "WorkError('no page')")
        assert entry["update_time"] == clock.now.isoformat()
        assert 'raise WorkError("no page")' in entry["traceback"]

    def test_r8_data_stored_by_update_survives_the_failure(self, step1: Step, renewing: bool) -> None:
        if not renewing:
            return
        step1.create("t", {"page": 0})
        with pytest.raises(WorkError), step1.start("t") as attempt:
            attempt.set_data({"page": 1})
            attempt.update()
            attempt.set_data({"page": 2})
            raise WorkError
        assert seen(step1).data == {"page": 1}

    @pytest.mark.parametrize("max_retry", [1, 2, 3])
    def test_r8_given_up_after_max_retry_failures_in_a_row(self, new_step: Callable[..., Step], max_retry: int) -> None:
        step1 = new_step(max_retry=max_retry)
        step1.create("t")
        for n in range(1, max_retry + 1):
            assert n == 1 or (seen(step1).status, seen(step1).retry) == (FAILED, n - 1)
            fail(step1, WorkError(n))
        assert seen(step1).status in GIVEN_UP
        assert (seen(step1).retry, seen(step1).locked) == (max_retry, False)
        recorded = [(entry["nth_retry"], entry["error"]) for entry in seen(step1).history]
        assert recorded == [(n, f"WorkError({n})") for n in range(1, max_retry + 1)]
        assert isinstance(refused(step1), st.NoMoreRetryError)

    def test_r8_vanished_and_failed_attempts_count_together(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        for _ in range(MAX_RETRY - 1):
            enter(step1)
            clock.advance(60)
        fail(step1)
        assert seen(step1).status in GIVEN_UP
        assert errors_of(step1) == ["LeaseExpired"] * (MAX_RETRY - 1) + ["WorkError"]

    def test_r8_a_success_ends_the_row(self, step1: Step, step2: Step, promised: Promised) -> None:
        step1.create("t")
        fail(step1, WorkError(1))
        fail(step1, WorkError(2))
        succeed(step1)
        assert seen(step1).retry == 0
        if not promised(Promise.STEPS):
            return
        fail(step2, WorkError(3))
        assert (seen(step2).status, seen(step2).retry, len(seen(step2).history)) == (80, 1, 3)

    @pytest.mark.parametrize(
        "error",
        [
            KeyboardInterrupt(),
            SystemExit(3),
            asyncio.CancelledError(),
            GeneratorExit(),
            ShyError(),
            SilentError(),
            LeavingError(),
            NotedError(),
            UnnamedError(),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_r8_whatever_ends_the_block_is_recorded_and_releases(self, step1: Step, error: BaseException) -> None:
        step1.create("t", {"page": 0})
        worker = enter(step1)
        worker.attempt.set_data({"page": 1})
        with suppress(type(error)):  # a context manager made of a generator raises it itself
            worker.leave(error)
        task = seen(step1)
        assert (task.status, task.retry, task.locked, task.data) == (FAILED, 1, False, {"page": 0})
        (entry,) = task.history
        assert type(error).__name__ in entry["error"]

    def test_r8_the_traceback_keeps_the_newest_frames(self, new_step: Callable[..., Step], promised: Promised) -> None:
        if not promised(Promise.FURTHER_SETTINGS):
            with pytest.raises(TypeError):
                new_step(traceback_stack_limit=2)
            return
        step1 = new_step(traceback_stack_limit=2)
        step1.create("t")

        def work(depth: int) -> None:
            if depth == 0:
                raise WorkError("deep")
            work(depth - 1)

        with pytest.raises(WorkError), step1.start("t"):
            work(20)
        trace = seen(step1).history[0]["traceback"]
        assert trace.count("  File ") == 2
        assert 'raise WorkError("deep")' in trace

    # R9: hopeless, and not due

    @pytest.mark.parametrize("error", [st.NonRetryableError("rotten"), RottenError("rotten")], ids=["it", "subclass"])
    def test_r9_hopeless_errors_are_ignored_at_once(self, step1: Step, error: Exception) -> None:
        step1.create("t")
        fail(step1, error)
        assert (seen(step1).status, seen(step1).retry, seen(step1).locked) == (IGNORED, 1, False)
        assert [entry["error"] for entry in seen(step1).history] == [repr(error)]
        assert isinstance(refused(step1), st.TaskIgnoredError)

    def test_r9_a_hopeless_error_in_a_group_is_one(self, step1: Step) -> None:
        step1.create("t")
        fail(step1, ExceptionGroup("pages", [WorkError(), ExceptionGroup("more", [RottenError("rotten")])]))
        assert seen(step1).status == IGNORED

    @pytest.mark.parametrize(
        ("error", "status"),
        [(KeyError("page"), IGNORED), (WorkError(), FAILED), (RottenError(), IGNORED)],
        ids=["configured", "other", "usual"],
    )
    def test_r9_config_adds_types_and_keeps_the_usual_one(
        self, new_step: Callable[..., Step], promised: Promised, error: Exception, status: int
    ) -> None:
        if not promised(Promise.FURTHER_SETTINGS):
            with pytest.raises(TypeError):
                new_step(STEP1_CODES, non_retryable=[LookupError])
            return
        step1 = new_step(STEP1_CODES, non_retryable=[LookupError])
        step1.create("t")
        fail(step1, error)
        assert seen(step1).status == status

    def test_r9_retry_after_refuses_starts_until_then(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        fail(step1, LaterError(90))
        due = clock.now + timedelta(seconds=90)
        assert seen(step1).not_before == due
        for now in (clock.now, due - TICK):
            clock.now = now
            refusal = refused(step1)
            assert isinstance(refusal, st.TaskNotDueError)
            assert refusal.not_before == due
        clock.now = due
        succeed(step1)
        assert seen(step1).not_before is None

    def test_r9_next_failure_without_retry_after_is_due_at_once(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        fail(step1, LaterError(90))
        clock.advance(90)
        fail(step1)
        assert seen(step1).not_before is None
        succeed(step1)

    @pytest.mark.parametrize("advice", [None, 0, -5, True, "90", float("nan"), float("inf"), 1e300])
    def test_r9_advice_that_is_no_time_to_wait_is_not_followed(self, step1: Step, advice: object) -> None:
        step1.create("t")
        fail(step1, LaterError(advice))
        assert (seen(step1).status, seen(step1).not_before) == (FAILED, None)
        succeed(step1)
