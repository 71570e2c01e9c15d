"""R4, R12 and R13: who has lost the lease stores nothing; who holds it may renew it; the fence tells them apart."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from ...core import errors as st
from ..clock import Clock
from .driver import Promise, Step
from .steps import (
    IN_PROGRESS,
    LEASE,
    PENDING,
    SUCCEEDED,
    Scenes,
    Worker,
    WorkError,
    enter,
    refused,
    seen,
    succeed,
    wait_until,
)

Promised = Callable[[Promise], bool]
Overtake = Callable[[], object]

ACTS: dict[str, Callable[[Worker], object]] = {
    "update": lambda worker: worker.attempt.update(),
    "extend_lock": lambda worker: worker.attempt.extend_lock(),
    "success": lambda worker: worker.leave(),
}


class HoldingRules(Scenes):
    """R4, R12 and R13."""

    @pytest.fixture(params=["runs", "succeeded", "failed"])
    def overtake(self, request: pytest.FixtureRequest, step1: Step, clock: Clock) -> Overtake:
        """Lets the lease of the worker run out, and another go on with the task."""

        def act() -> None:
            clock.advance(LEASE)
            winner = enter(step1)
            winner.attempt.set_data({"by": "the winner"})
            if request.param == "succeeded":
                winner.leave()
            elif request.param == "failed":
                winner.leave(WorkError("the winner's"))

        return act

    # R4: every write after the acquire carries the token

    @pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
    def test_r4_a_stale_worker_stores_nothing_and_is_told(
        self, step1: Step, overtake: Overtake, act: Callable[[Worker], object], renewing: bool
    ) -> None:
        if not renewing and act is not ACTS["success"]:
            return
        step1.create("t", {"by": "nobody"})
        stale = enter(step1)
        stale.attempt.set_data({"by": "the stale"})
        overtake()
        before = seen(step1)
        with pytest.raises(st.TaskLockLostError) as lost:
            act(stale)
        assert lost.value.task_id == "t"
        assert seen(step1) == before

    def test_r4_a_stale_workers_own_exception_stays_with_the_lost_lock_in_its_notes(
        self, step1: Step, overtake: Overtake
    ) -> None:
        step1.create("t")
        own = WorkError("no page")
        with pytest.raises(WorkError) as raised, step1.start("t"):
            overtake()
            before = seen(step1)
            raise own
        assert raised.value is own
        assert any("not held by this worker" in note for note in own.__notes__)
        assert seen(step1) == before

    @pytest.mark.parametrize("act", ["update", "extend_lock"])
    def test_r4_a_lost_lock_that_the_block_swallows_is_raised_at_its_end(
        self, step1: Step, overtake: Overtake, act: str, renewing: bool
    ) -> None:
        if not renewing:
            return
        step1.create("t")
        with pytest.raises(st.TaskLockLostError), step1.start("t") as attempt:
            attempt.set_data({"by": "the stale"})
            overtake()
            with pytest.raises(st.TaskLockLostError):
                getattr(attempt, act)()

    @pytest.mark.parametrize("act", [*ACTS.values(), None], ids=[*ACTS, "failure"])
    def test_r4_a_worker_that_was_unlocked_stores_nothing(
        self, step1: Step, promised: Promised, act: Callable[[Worker], object] | None
    ) -> None:
        step1.create("t", {"by": "nobody"})
        worker = enter(step1)
        worker.attempt.set_data({"by": "the stale"})
        if not promised(Promise.ACTIONS):
            with pytest.raises((AttributeError, NotImplementedError)):
                step1.unlock("t", reason="it looked dead")
            worker.leave()
            assert seen(step1).data == {"by": "the stale"}
            return
        step1.unlock("t", reason="it looked dead")
        before = seen(step1)
        if act is None:
            worker.leave(own := WorkError("no page"))
            assert any("not held by this worker" in note for note in own.__notes__)
        else:
            with pytest.raises(st.TaskLockLostError):
                act(worker)
        assert seen(step1) == before

    def test_r4_nothing_is_stored_after_the_end_of_the_block(self, step1: Step, renewing: bool) -> None:
        if not renewing:
            return
        step1.create("t")
        worker = enter(step1)
        worker.leave()
        before = seen(step1)
        with suppress(st.TaskLockLostError):  # a tracker's data is its own attribute, which anybody may set
            worker.attempt.set_data({"late": True})
        for act in ("update", "extend_lock"):
            with pytest.raises(st.TaskLockLostError):
                getattr(worker.attempt, act)()
        assert seen(step1) == before

    # R12: renewing the lease

    def test_r12_extend_lock_renews_the_lease_and_touches_nothing_else(
        self, step1: Step, clock: Clock, renewing: bool
    ) -> None:
        if not renewing:
            return
        step1.create("t", {"page": 1})
        with step1.start("t") as attempt:
            before = seen(step1)
            clock.advance(50)
            attempt.extend_lock()
            after = seen(step1)
            assert after.lock_expire_time == clock.now + timedelta(seconds=LEASE)
            assert (after.update_time, after.data, after.fence) == (before.update_time, before.data, before.fence)
            clock.advance(LEASE - 1)
            assert isinstance(refused(step1), st.TaskLockedError)
        assert (seen(step1).status, seen(step1).history) == (SUCCEEDED, [])

    def test_r12_extend_lock_by_so_many_seconds_and_never_to_an_earlier_end(
        self, step1: Step, clock: Clock, renewing: bool
    ) -> None:
        if not renewing:
            return
        step1.create("t")
        with step1.start("t") as attempt:
            end = clock.now + timedelta(seconds=300)
            attempt.extend_lock(300)
            assert seen(step1).lock_expire_time == end
            attempt.extend_lock(10)
            assert seen(step1).lock_expire_time == end

    def test_r12_extend_lock_after_the_lease_while_nobody_has_taken_over(
        self, step1: Step, clock: Clock, renewing: bool
    ) -> None:
        if not renewing:
            return
        step1.create("t")
        with step1.start("t") as attempt:
            clock.advance(2 * LEASE)
            assert not seen(step1).locked
            attempt.extend_lock()
            assert isinstance(refused(step1), st.TaskLockedError)
        assert seen(step1).status == SUCCEEDED

    def test_r12_heartbeat_renews_the_lease_until_the_block_ends(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        with step1.start("t", heartbeat=0.01):
            for _ in range(3):
                clock.advance(50)
                wait_until(lambda: seen(step1).lock_expire_time == clock.now + timedelta(seconds=LEASE))
            assert isinstance(refused(step1), st.TaskLockedError)
        task = seen(step1)
        assert (task.status, task.locked, task.fence, task.history) == (SUCCEEDED, False, 1, [])
        clock.advance(50)
        assert seen(step1) == task

    def test_r12_heartbeat_ends_when_the_block_fails(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        worker = enter(step1, heartbeat=0.01)
        worker.leave(WorkError("no page"))
        clock.advance(LEASE)
        assert (seen(step1).locked, seen(step1).retry) == (False, 1)

    @pytest.mark.parametrize("seconds", [0, -1, LEASE, float("nan")])
    def test_r12_a_heartbeat_that_could_not_keep_the_lease_is_refused(self, step1: Step, seconds: float) -> None:
        step1.create("t")
        with pytest.raises(ValueError, match="heartbeat"):
            step1.start("t", heartbeat=seconds).__enter__()
        assert seen(step1).status == PENDING

    # R13: the fence

    def test_r13_the_fence_grows_with_every_acquire(self, step1: Step, clock: Clock) -> None:
        step1.create("t")
        failing = enter(step1)
        failing.leave(WorkError("no page"))
        vanishing = enter(step1)
        clock.advance(LEASE)
        third = enter(step1)
        assert [worker.attempt.fence for worker in (failing, vanishing, third)] == [1, 2, 3]
        third.leave()
        assert seen(step1).fence == 3

    def test_r13_the_fence_goes_on_from_step_to_step(self, step1: Step, step2: Step, promised: Promised) -> None:
        step1.create("t")
        succeed(step1)
        if not promised(Promise.STEPS):
            assert seen(step1).fence == 1
            return
        with step2.start("t") as attempt:
            assert attempt.fence == 2

    def test_r13_a_refused_start_does_not_raise_the_fence(self, step1: Step) -> None:
        step1.create("t")
        worker = enter(step1)
        refused(step1)
        assert (worker.attempt.fence, seen(step1).fence, seen(step1).status) == (1, 1, IN_PROGRESS)

    def test_r13_the_fence_survives_renewal_update_and_end(self, step1: Step, renewing: bool) -> None:
        if not renewing:
            return
        step1.create("t")
        with step1.start("t") as attempt:
            attempt.set_data({"page": 1})
            attempt.update()
            attempt.extend_lock()
            assert attempt.fence == 1
        assert (seen(step1).fence, seen(step1).data) == (1, {"page": 1})
