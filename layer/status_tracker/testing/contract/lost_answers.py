"""R5 and R6: an answer that is lost is no failure, and what cannot be written is not the task's failure."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from ...core import errors as st
from ..clock import Clock
from .driver import Backend, Promise, Step
from .steps import (
    FAILED,
    IGNORED,
    IN_PROGRESS,
    LEASE,
    PENDING,
    SUCCEEDED,
    Scenes,
    WorkError,
    enter,
    errors_of,
    fail,
    seen,
    succeed,
)

Promised = Callable[[Promise], bool]
FOR_EVER = 10_000
A_FEW = 4


class AnswerRules(Scenes):
    """R5 and R6."""

    # R5: a lost answer is not a failure

    def test_r5_acquire_whose_answer_was_lost(self, step1: Step) -> None:
        step1.create("t")
        step1.lose_answers()
        with step1.start("t") as attempt:
            assert (attempt.fence, seen(step1).retry) == (1, 0)
        assert (seen(step1).status, seen(step1).history) == (SUCCEEDED, [])

    def test_r5_takeover_whose_answer_was_lost_is_recorded_once(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        enter(step1)
        clock.advance(LEASE)
        step1.lose_answers()
        with step1.start("t"):
            assert seen(step1).retry == 1
        assert errors_of(step1) == ["LeaseExpired"]

    def test_r5_creating_start_whose_answer_was_lost(self, step1: Step, promised: Promised) -> None:
        create = promised(Promise.CREATE_AT_START)
        if not create:
            step1.create("t")
        step1.lose_answers()
        with step1.start("t", create=create) as attempt:
            assert attempt.fence == 1
        assert seen(step1).status == SUCCEEDED

    def test_r5_success_whose_answer_was_lost(self, step1: Step) -> None:
        step1.create("t")
        with step1.start("t") as attempt:
            attempt.set_data({"page": 1})
            step1.lose_answers()
        task = seen(step1)
        assert (task.status, task.data, task.retry, task.locked) == (SUCCEEDED, {"page": 1}, 0, False)
        assert task.history == []

    def test_r5_failure_whose_answer_was_lost_counts_once(self, step1: Step) -> None:
        step1.create("t")
        own = WorkError("no page")
        with pytest.raises(WorkError), step1.start("t"):
            step1.lose_answers()
            raise own
        assert not getattr(own, "__notes__", [])
        assert (seen(step1).status, seen(step1).retry, errors_of(step1)) == (FAILED, 1, ["WorkError"])

    def test_r5_update_whose_answer_was_lost(self, step1: Step, renewing: bool) -> None:
        if not renewing:
            return
        step1.create("t")
        with step1.start("t") as attempt:
            attempt.set_data({"page": 1})
            step1.lose_answers()
            attempt.update()
            assert seen(step1).data == {"page": 1}
        assert (seen(step1).status, seen(step1).fence) == (SUCCEEDED, 1)

    def test_r5_renewal_whose_answer_was_lost(self, step1: Step, clock: Clock, renewing: bool) -> None:
        if not renewing:
            return
        step1.create("t")
        with step1.start("t") as attempt:
            clock.advance(50)
            step1.lose_answers()
            renewed_at = clock.now
            attempt.extend_lock()
            assert seen(step1).lock_expire_time == renewed_at + timedelta(seconds=LEASE)
        assert seen(step1).status == SUCCEEDED

    def test_r5_creation_whose_answer_was_lost_is_made_once(self, step1: Step, promised: Promised) -> None:
        step1.lose_answers()
        step1.create("t", {"page": 1})
        step1.heal()
        assert (seen(step1).status, seen(step1).data, seen(step1).actions) == (PENDING, {"page": 1}, [])
        if not promised(Promise.NEVER_RESETS):
            return
        with pytest.raises(st.TaskAlreadyExistsError):
            step1.create("t", {"page": 2})
        assert seen(step1).data == {"page": 1}

    @pytest.mark.parametrize("act", ["rerun", "ignore", "unignore", "unlock"])
    def test_r5_action_whose_answer_was_lost_is_done_and_recorded_once(
        self, step1: Step, backend: Backend, promised: Promised, act: str
    ) -> None:
        step1.create("t")
        if act == "unignore":
            fail(step1, st.NonRetryableError("rotten"))
        if act == "unlock":
            enter(step1)
        if not promised(Promise.ACTIONS):
            with pytest.raises((AttributeError, NotImplementedError)):
                getattr(step1, act)("t", reason="because")
            return
        step1.lose_answers()
        with suppress(*backend.backend_errors):
            getattr(step1, act)("t", reason="because")
        step1.heal()
        task = seen(step1)
        assert [record["action"] for record in task.actions] == [act]
        assert task.run == (1 if act in {"rerun", "unignore"} else 0)
        assert task.status == {"ignore": IGNORED, "unlock": IN_PROGRESS}.get(act, PENDING)

    # R6: a finish that cannot be written

    def test_r6_start_is_repeated(self, step1: Step) -> None:
        step1.create("t")
        step1.refuse_writes()
        with step1.start("t") as attempt:
            assert attempt.fence == 1
        assert seen(step1).status == SUCCEEDED

    def test_r6_start_that_cannot_be_written_leaves_the_task_as_it_was(self, step1: Step, backend: Backend) -> None:
        step1.create("t")
        before = seen(step1)
        step1.refuse_writes(FOR_EVER)
        with pytest.raises(backend.backend_errors):
            step1.start("t").__enter__()
        step1.heal()
        assert seen(step1) == before

    def test_r6_success_is_repeated_and_the_block_is_not(self, step1: Step) -> None:
        step1.create("t")
        runs = 0
        with step1.start("t") as attempt:
            runs += 1
            attempt.set_data({"page": 1})
            step1.refuse_writes(A_FEW)
        task = seen(step1)
        assert (runs, task.status, task.data, task.retry, task.history) == (1, SUCCEEDED, {"page": 1}, 0, [])

    def test_r6_failure_is_repeated(self, step1: Step) -> None:
        step1.create("t")
        own = WorkError("no page")
        with pytest.raises(WorkError), step1.start("t"):
            step1.refuse_writes(A_FEW)
            raise own
        assert not getattr(own, "__notes__", [])
        assert (seen(step1).status, errors_of(step1)) == (FAILED, ["WorkError"])

    def test_r6_success_that_can_never_be_written(self, step1: Step, clock: Clock) -> None:
        step1.create("t", {"page": 0})
        end = clock.now + timedelta(seconds=LEASE)
        with pytest.raises(st.StatusNotSavedError) as unsaved, step1.start("t") as attempt:
            attempt.set_data({"page": 1})
            held = seen(step1)
            step1.refuse_writes(FOR_EVER)
        assert unsaved.value.task_id == "t"
        assert clock.now < end
        step1.heal()
        assert seen(step1) == held
        clock.now = end
        succeed(step1)
        assert (errors_of(step1), seen(step1).data) == (["LeaseExpired"], {"page": 0})

    def test_r6_failure_that_can_never_be_written(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        own = WorkError("no page")
        with pytest.raises(WorkError) as raised, step1.start("t"):
            held = seen(step1)
            step1.refuse_writes(FOR_EVER)
            raise own
        assert raised.value is own
        assert any("was not stored" in note for note in own.__notes__)
        step1.heal()
        assert seen(step1) == held
        clock.advance(LEASE)
        succeed(step1)
        assert errors_of(step1) == ["LeaseExpired"]

    def test_r6_update_and_renewal_are_repeated(self, step1: Step, clock: Clock, renewing: bool) -> None:
        if not renewing:
            return
        step1.create("t")
        with step1.start("t") as attempt:
            attempt.set_data({"page": 1})
            step1.refuse_writes(A_FEW)
            attempt.update()
            assert seen(step1).data == {"page": 1}
            step1.refuse_writes(A_FEW)
            renewed_at = clock.now
            attempt.extend_lock()
            assert seen(step1).lock_expire_time == renewed_at + timedelta(seconds=LEASE)

    def test_r6_update_that_can_never_be_written_is_told_in_the_block(self, step1: Step, renewing: bool) -> None:
        if not renewing:
            return
        step1.create("t", {"page": 0})
        with step1.start("t") as attempt:
            attempt.set_data({"page": 1})
            step1.refuse_writes(FOR_EVER)
            with pytest.raises(st.StatusNotSavedError):
                attempt.update()
            step1.heal()
            assert seen(step1).data == {"page": 0}
        assert (seen(step1).status, seen(step1).data) == (SUCCEEDED, {"page": 1})

    @pytest.mark.parametrize("error", [st.TaskLockedError, st.TaskLockLostError, st.StatusNotSavedError])
    def test_r6_the_librarys_errors_of_another_task_are_the_tasks_own_failures(
        self, step1: Step, error: type[st.TaskExecutionError]
    ) -> None:
        step1.create("t")
        fail(step1, error("of another task"))
        assert (seen(step1).status, seen(step1).locked, errors_of(step1)) == (FAILED, False, [error.__name__])
