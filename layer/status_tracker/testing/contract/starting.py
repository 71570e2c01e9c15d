"""R1 to R3: what a start does by what is stored, and when a lease ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, timezone
from typing import Any

import pytest

from ...core import errors as st
from ..clock import TICK, Clock
from .driver import Promise, Step
from .steps import (
    FAILED,
    GIVEN_UP,
    IGNORED,
    IN_PROGRESS,
    LEASE,
    OTHER_CODES,
    PENDING,
    SUCCEEDED,
    Scenes,
    enter,
    errors_of,
    fail,
    refused,
    seen,
    succeed,
)

Promised = Callable[[Promise], bool]


class StartingRules(Scenes):
    """R1 to R3."""

    # R1: acquire is one conditional write

    def test_r1_start_sets_status_lock_and_lease_and_keeps_the_rest(self, step1: Step, clock: Clock) -> None:
        step1.create("t", {"page": 1})
        before = seen(step1)
        clock.advance(5)
        with step1.start("t", lease=90):
            task = seen(step1)
        assert (task.status, task.locked, task.retry) == (IN_PROGRESS, True, 0)
        assert (task.data, task.errors) == (before.data, before.errors)
        assert task.update_time == clock.now
        assert task.lock_expire_time == clock.now + timedelta(seconds=90)

    def test_r1_a_refused_start_tells_which_task_and_its_status(self, step1: Step) -> None:
        step1.create("t")
        succeed(step1)
        refusal = refused(step1)
        assert (refusal.task_id, refusal.status) == ("t", SUCCEEDED)
        assert "t" in str(refusal)

    def test_r1_every_start_takes_a_lock_of_its_own(self, step1: Step) -> None:
        step1.create("a")
        step1.create("b")
        first, second = enter(step1, "a"), enter(step1, "b")
        first.leave()
        assert seen(step1, "b").locked
        second.leave()
        assert (seen(step1, "a").status, seen(step1, "b").status) == (SUCCEEDED, SUCCEEDED)

    # R2: what start does, by what is stored

    def test_r2_nothing_is_stored(self, step1: Step) -> None:
        assert isinstance(refused(step1), st.TaskIsNotInitializedError)
        assert step1.read("t") is None

    def test_r2_nothing_is_stored_and_create(self, step1: Step, promised: Promised) -> None:
        if not promised(Promise.CREATE_AT_START):
            with pytest.raises((TypeError, st.TaskIsNotInitializedError)):
                step1.start("t", create=True, data={"page": 1}).__enter__()
            assert step1.read("t") is None
            return
        with step1.start("t", create=True, data={"page": 1}):
            task = seen(step1)
        assert (task.status, task.locked, task.data, task.retry) == (IN_PROGRESS, True, {"page": 1}, 0)
        assert (seen(step1).status, seen(step1).data, seen(step1).history) == (SUCCEEDED, {"page": 1}, [])

    def test_r2_create_ignores_data_for_a_task_that_exists(self, step1: Step, promised: Promised) -> None:
        step1.create("t", {"page": 1})
        fail(step1)
        if not promised(Promise.CREATE_AT_START):
            with pytest.raises(TypeError):
                step1.start("t", create=True, data={"page": 2}).__enter__()
            assert (seen(step1).status, seen(step1).data) == (FAILED, {"page": 1})
            return
        succeed(step1, create=True)
        assert (seen(step1).data, len(seen(step1).history)) == ({"page": 1}, 1)

    def test_r2_pending(self, step1: Step) -> None:
        step1.create("t")
        assert seen(step1).status == PENDING
        with step1.start("t"):
            assert seen(step1).status == IN_PROGRESS

    def test_r2_failed(self, step1: Step) -> None:
        step1.create("t")
        fail(step1)
        with step1.start("t"):
            assert (seen(step1).status, seen(step1).retry) == (IN_PROGRESS, 1)

    @pytest.mark.parametrize("where", ["config", "start"])
    @pytest.mark.parametrize("more", [SUCCEEDED, [35, SUCCEEDED]], ids=["one", "several"])
    def test_r2_more_pending_status(
        self, step1: Step, new_step: Callable[..., Step], promised: Promised, where: str, more: Any
    ) -> None:
        if not promised(Promise.STEPS):
            with pytest.raises((TypeError, ValueError)):
                new_step(OTHER_CODES, more_pending_status=more)
            return
        other = new_step(OTHER_CODES, **({"more_pending_status": more} if where == "config" else {}))
        step1.create("t")
        succeed(step1)
        succeed(other, **({"more_pending_status": more} if where == "start" else {}))
        assert seen(other).status == OTHER_CODES["succeeded_status"]

    def test_r2_in_progress_among_the_pending_adds_nothing(self, step1: Step, clock: Clock, promised: Promised) -> None:
        """Its lease keeps others out; when that is over, the vanished attempt counts."""
        step1.create("t")
        if not promised(Promise.STEPS):
            with pytest.raises((TypeError, ValueError)):
                step1.start("t", more_pending_status=IN_PROGRESS).__enter__()
            return
        enter(step1)
        clock.advance(LEASE - 1)
        with pytest.raises(st.TaskLockedError):
            step1.start("t", more_pending_status=IN_PROGRESS).__enter__()
        clock.advance(1)
        with step1.start("t", more_pending_status=[35, IN_PROGRESS]):
            assert (seen(step1).retry, len(seen(step1).history)) == (1, 1)

    def test_r2_in_progress_with_a_live_lock(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        enter(step1)
        refusal = refused(step1)
        assert isinstance(refusal, st.TaskLockedError)
        assert refusal.until == clock.now + timedelta(seconds=LEASE)
        assert refusal.until.isoformat() in str(refusal)

    def test_r2_a_live_lock_of_another_step_is_told_first(self, step1: Step, step2: Step, promised: Promised) -> None:
        step1.create("t")
        succeed(step1)
        if not promised(Promise.STEPS):
            assert isinstance(refused(step2), st.TaskAlreadySucceedError)
            return
        enter(step2)
        assert isinstance(refused(step1), st.TaskLockedError)

    @pytest.mark.parametrize("unlocked", [False, True], ids=["lease over", "no lock"])
    def test_r2_takeover_records_the_vanished_attempt_and_acquires(
        self, step1: Step, clock: Clock, promised: Promised, unlocked: bool
    ) -> None:
        step1.create("t", {"page": 1})
        fail(step1)
        enter(step1)
        if unlocked and promised(Promise.ACTIONS):
            step1.unlock("t", reason="its machine burnt down")
        else:
            clock.advance(LEASE)
        taken_over_at = clock.now
        with step1.start("t"):
            task = seen(step1)
        assert (task.status, task.locked, task.retry, task.data) == (IN_PROGRESS, True, 2, {"page": 1})
        _, entry = task.history
        assert entry["nth_retry"] == 2
        assert entry["error"].startswith("LeaseExpired(")
        assert entry["update_time"] == taken_over_at.isoformat()
        assert (seen(step1).status, seen(step1).retry, len(seen(step1).history)) == (SUCCEEDED, 0, 2)

    def test_r2_takeover_of_the_last_attempt_allowed_gives_up(
        self, new_step: Callable[..., Step], clock: Clock
    ) -> None:
        step1 = new_step(max_retry=1)
        step1.create("t")
        enter(step1)
        clock.advance(LEASE)
        with pytest.raises(st.NoMoreRetryError) as given_up:
            step1.start("t").__enter__()
        assert given_up.value.given_up_now
        assert seen(step1).status in GIVEN_UP
        assert (seen(step1).retry, seen(step1).locked) == (1, False)
        assert errors_of(step1) == ["LeaseExpired"]
        again = refused(step1)
        assert isinstance(again, st.NoMoreRetryError)
        assert not again.given_up_now

    def test_r2_succeeded(self, step1: Step) -> None:
        step1.create("t")
        succeed(step1)
        assert isinstance(refused(step1), st.TaskAlreadySucceedError)

    def test_r2_ignored(self, step1: Step) -> None:
        step1.create("t")
        fail(step1, st.NonRetryableError("rotten"))
        assert seen(step1).status == IGNORED
        assert isinstance(refused(step1), st.TaskIgnoredError)

    def test_r2_a_status_of_another_step_is_named_with_those_it_could_start_from(
        self, step1: Step, step2: Step, promised: Promised
    ) -> None:
        step1.create("t")
        if not promised(Promise.STEPS):
            succeed(step2)  # it is the same step
            return
        refusal = refused(step2)
        assert not isinstance(refusal, st.TaskLockedError | st.TaskAlreadySucceedError | st.NoMoreRetryError)
        assert refusal.status == PENDING
        assert all(code in str(refusal) for code in ("10", "40", "80"))

    def test_r2_a_pipeline_goes_from_step_to_step(self, step1: Step, step2: Step, promised: Promised) -> None:
        step1.create("t")
        succeed(step1, data={"page": 1})
        if not promised(Promise.STEPS):
            assert isinstance(refused(step2), st.TaskAlreadySucceedError)
            return
        succeed(step2)
        assert (seen(step2).status, seen(step2).data) == (90, {"page": 1})

    def test_r2_tasks_do_not_touch_each_other(self, step1: Step) -> None:
        for task_id in ("a", "b", "c"):
            step1.create(task_id, {"id": task_id})
        enter(step1, "a")
        fail(step1, task_id="b")
        succeed(step1, "c")
        assert [seen(step1, each).status for each in "abc"] == [IN_PROGRESS, FAILED, SUCCEEDED]
        assert [seen(step1, each).data for each in "abc"] == [{"id": each} for each in "abc"]

    # R3: a lease ends exactly at its end

    @pytest.mark.parametrize("lease", [None, 7.0], ids=["config's", "start's"])
    def test_r3_a_lease_holds_until_one_tick_before_its_end(
        self, step1: Step, clock: Clock, lease: float | None
    ) -> None:
        step1.create("t")
        end = clock.now + timedelta(seconds=lease or LEASE)
        worker = enter(step1, lease=lease)
        clock.now = end - TICK
        assert isinstance(refused(step1), st.TaskLockedError)
        assert seen(step1).locked
        worker.leave()
        assert seen(step1).status == SUCCEEDED

    @pytest.mark.parametrize("lease", [None, 7.0], ids=["config's", "start's"])
    def test_r3_a_start_at_the_very_end_of_the_lease_takes_over(
        self, step1: Step, clock: Clock, lease: float | None
    ) -> None:
        step1.create("t")
        end = clock.now + timedelta(seconds=lease or LEASE)
        enter(step1, lease=lease)
        clock.now = end
        assert not seen(step1).locked
        succeed(step1)
        assert errors_of(step1) == ["LeaseExpired"]

    def test_r3_a_clock_without_time_zone_is_refused(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        aware, clock.now = clock.now, clock.now.replace(tzinfo=None)
        uses: list[Callable[[], object]] = [lambda: step1.create("other"), lambda: enter(step1)]
        for use in uses:
            with pytest.raises(ValueError, match="time zone"):
                use()
        clock.now = aware
        assert (seen(step1).status, step1.read("other")) == (PENDING, None)

    def test_r3_a_clock_of_another_time_zone_tells_the_same_times(self, step1: Step, clock: Clock) -> None:
        utc = clock.now
        clock.now = utc.astimezone(timezone(timedelta(hours=5, minutes=30)))
        step1.create("t")
        enter(step1)
        assert seen(step1).update_time == utc
        assert seen(step1).lock_expire_time == utc + timedelta(seconds=LEASE)
        clock.now = utc + timedelta(seconds=LEASE) - TICK
        assert isinstance(refused(step1), st.TaskLockedError)
        clock.now += TICK
        succeed(step1)

    @pytest.mark.parametrize("seconds", [0, -1])
    def test_r3_a_lease_of_no_length_is_refused(self, step1: Step, seconds: float) -> None:
        step1.create("t")
        with pytest.raises(ValueError, match=str(seconds)):
            step1.start("t", lease=seconds).__enter__()
        assert seen(step1).status == PENDING

    def test_r3_a_block_that_outlives_its_lease_untaken_still_succeeds(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        worker = enter(step1)
        clock.advance(10 * LEASE)
        worker.leave()
        assert (seen(step1).status, seen(step1).retry) == (SUCCEEDED, 0)
