"""R19: a postponement ends an attempt without counting it, until the task has been postponed for too long."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from ...core import errors as st
from ..clock import Clock
from .driver import Promise, Step
from .steps import (
    FAILED,
    GIVEN_UP,
    IGNORED,
    MAX_RETRY,
    PENDING,
    SUCCEEDED,
    Scenes,
    WorkError,
    enter,
    errors_of,
    fail,
    refused,
    seen,
    succeed,
)

DAY = 24 * 3600.0


class ThrottledError(Exception):
    """The service has had too many requests."""


class BusyError(ThrottledError):
    """It says when it has time."""

    retry_after = 7


class RottenError(st.NonRetryableError, ThrottledError):
    """No waiting helps."""


def postponed(reason: str = "S3 is down") -> st.Postponed:
    return st.Postponed(reason, retry_after=60)


class PostponeRules(Scenes):
    """R19."""

    def test_r19_a_postponed_attempt_counts_nothing_and_waits(self, step1: Step, clock: Clock) -> None:
        step1.create("t", {"page": 1})
        worker = enter(step1)
        worker.attempt.set_data({"page": 2})
        clock.advance(5)
        with suppress(st.Postponed):  # a context manager made of a generator raises it itself
            worker.leave(postponed())
        task = seen(step1)
        assert (task.status, task.retry, task.locked, task.fence, task.data) == (PENDING, 0, False, 1, {"page": 1})
        assert (task.history, task.update_time, task.not_before) == ([], clock.now, clock.now + timedelta(seconds=60))
        row, now = task.errors["postponed"], clock.now.isoformat()
        assert (row["times"], row["since"], row["update_time"]) == (1, now, now)
        assert row["error"] == "Postponed('S3 is down')"

    def test_r19_it_is_begun_again_when_it_is_due_and_a_success_ends_the_row(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        fail(step1, postponed())
        due = seen(step1).not_before
        refusal = refused(step1)
        assert isinstance(refusal, st.TaskNotDueError)
        assert refusal.not_before == due
        clock.advance(60)
        succeed(step1)
        assert (seen(step1).status, seen(step1).fence, seen(step1).not_before) == (SUCCEEDED, 2, None)
        assert "postponed" not in seen(step1).errors

    def test_r19_however_often_it_is_postponed_it_is_not_set_aside(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        began = clock.now
        for _ in range(2 * MAX_RETRY):
            fail(step1, postponed())
            clock.advance(60)
        task = seen(step1)
        assert (task.status, task.retry, task.history) == (PENDING, 0, [])
        row = task.errors["postponed"]
        assert (row["times"], row["since"]) == (2 * MAX_RETRY, began.isoformat())

    def test_r19_a_task_that_has_failed_before_stays_so(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        fail(step1)
        fail(step1, postponed())
        assert (seen(step1).status, seen(step1).retry, errors_of(step1)) == (FAILED, 1, ["WorkError"])
        clock.advance(60)
        fail(step1)
        assert (seen(step1).status, seen(step1).retry, errors_of(step1)) == (FAILED, 2, ["WorkError"] * 2)
        assert "postponed" not in seen(step1).errors, "a failure ends the row"

    def test_r19_what_is_postponed_for_a_day_counts_as_failed_from_then_on(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        fail(step1, postponed())
        clock.advance(DAY - 1)
        fail(step1, postponed())
        assert seen(step1).retry == 0
        clock.advance(60)
        for nth in range(1, MAX_RETRY + 1):
            fail(step1, postponed())
            assert (seen(step1).retry, errors_of(step1)) == (nth, ["Postponed"] * nth)
            clock.advance(60)
        assert seen(step1).status in GIVEN_UP
        assert isinstance(refused(step1), st.NoMoreRetryError)

    def test_r19_the_configured_kinds_postpone_for_their_pause_or_the_error_s_own(
        self, new_step: Callable[..., Step], clock: Clock, promised: Callable[[Promise], bool]
    ) -> None:
        if not promised(Promise.FURTHER_SETTINGS):
            return
        step = new_step(postponing={ThrottledError: 30}, postpone_at_most=100)
        step.create("t")
        for error, pause in ((ThrottledError("slow down"), 30), (BusyError("later"), 7)):
            fail(step, error)
            assert seen(step).not_before == clock.now + timedelta(seconds=pause)
            assert seen(step).retry == 0
            clock.advance(pause)
        clock.advance(100 - 37)
        fail(step, ThrottledError("slow down"))
        assert (seen(step).status, seen(step).retry) == (FAILED, 1)

    def test_r19_what_is_hopeless_is_never_postponed(
        self, new_step: Callable[..., Step], promised: Callable[[Promise], bool]
    ) -> None:
        settings = {"postponing": {ThrottledError: 30}} if promised(Promise.FURTHER_SETTINGS) else {}
        step = new_step(**settings)
        step.create("t")
        fail(step, RottenError("gone"))
        assert (seen(step).status, seen(step).retry) == (IGNORED, 1)

    def test_r19_a_group_is_postponed_for_the_longest_if_nothing_in_it_has_failed(
        self, step1: Step, clock: Clock
    ) -> None:
        step1.create("t")
        longer = st.Postponed("the model is busy", retry_after=90)
        fail(step1, ExceptionGroup("both", [postponed(), ExceptionGroup("inner", [longer])]))
        assert (seen(step1).retry, seen(step1).not_before) == (0, clock.now + timedelta(seconds=90))
        clock.advance(90)
        fail(step1, ExceptionGroup("mixed", [postponed(), WorkError("no page")]))
        assert (seen(step1).status, seen(step1).retry) == (FAILED, 1)

    def test_r19_a_lost_answer_postpones_once(self, step1: Step) -> None:
        step1.create("t")
        worker = enter(step1)
        step1.lose_answers()
        with suppress(st.Postponed):
            worker.leave(postponed())
        step1.heal()
        assert (seen(step1).status, seen(step1).errors["postponed"]["times"]) == (PENDING, 1)

    def test_r19_a_rerun_ends_the_row_and_is_due_at_once(
        self, step1: Step, promised: Callable[[Promise], bool]
    ) -> None:
        step1.create("t")
        if not promised(Promise.ACTIONS):
            return
        fail(step1, postponed())
        step1.rerun("t", reason="S3 is back")
        assert (seen(step1).not_before, "postponed" in seen(step1).errors) == (None, False)
        succeed(step1)

    def test_r19_a_worker_whose_task_was_taken_over_postpones_nothing(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        late = enter(step1)
        clock.advance(61)
        enter(step1)
        held, error = seen(step1), postponed()
        with suppress(st.Postponed):
            late.leave(error)
        assert seen(step1) == held
        assert "not held by this worker any more" in "".join(error.__notes__)
