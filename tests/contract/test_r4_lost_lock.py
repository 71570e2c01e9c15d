"""R4, R12, R13: who has lost the lease stores nothing; who holds it may renew it; the fence tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import TICK, Clock
from tests.support.items import raw_item, stored
from tests.support.wire import Wire, answer_lost


class DocumentError(Exception):
    """The worker's own failure."""


Overtake = Callable[[], None]


@pytest.fixture(params=["runs", "succeeded", "failed", "rerun", "deleted"])
def overtake(request: pytest.FixtureRequest, step1: Any, clock: Clock) -> Overtake:
    """Lets the lease run out and somebody else go on with task "t"."""

    def act() -> None:
        clock.advance(60)
        if request.param == "rerun":
            step1.rerun("t", reason="the worker is stuck")
            return
        if request.param == "deleted":
            step1.delete_all()
            return
        winner = step1.start("t")
        winner.__enter__().set_data({"by": "the winner"})
        if request.param == "succeeded":
            winner.__exit__(None, None, None)
        elif request.param == "failed":
            winner.__exit__(DocumentError, DocumentError("the winner's"), None)

    return act


@contextmanager
def _nothing_stored(wire: Wire, step: Any) -> Iterator[None]:
    before = raw_item(wire, step, "t")
    yield
    assert raw_item(wire, step, "t") == before


def test_r4_stale_success_is_refused(step1: Any, wire: Wire, overtake: Overtake) -> None:
    step1.make_and_save("t")
    stale = step1.start("t")
    stale.__enter__().set_data({"by": "the stale"})
    overtake()
    with _nothing_stored(wire, step1), pytest.raises(st.TaskLockLostError) as lost:
        stale.__exit__(None, None, None)
    assert (lost.value.use_case_id, lost.value.task_id) == ("test", "t")


@pytest.mark.parametrize("act", ["update", "extend_lock"])
def test_r4_stale_worker_is_told_inside_the_block(step1: Any, wire: Wire, overtake: Overtake, act: str) -> None:
    step1.make_and_save("t")
    with pytest.raises(st.TaskLockLostError) as seen_outside, step1.start("t") as ctx:
        ctx.set_data({"by": "the stale"})
        overtake()
        before = raw_item(wire, step1, "t")
        try:
            getattr(ctx, act)()
        except st.TaskLockLostError as error:
            seen_inside = error
            raise
    assert seen_outside.value is seen_inside
    assert raw_item(wire, step1, "t") == before


@pytest.mark.parametrize("act", ["update", "extend_lock"])
def test_r4_lost_lock_that_the_block_swallows_is_raised_at_its_end(step1: Any, overtake: Overtake, act: str) -> None:
    step1.make_and_save("t")
    with pytest.raises(st.TaskLockLostError), step1.start("t") as ctx:
        ctx.set_data({"by": "the stale"})
        overtake()
        with pytest.raises(st.TaskLockLostError):
            getattr(ctx, act)()


def test_r4_stale_workers_own_exception_stays_with_the_lost_lock_in_its_notes(
    step1: Any, wire: Wire, overtake: Overtake
) -> None:
    step1.make_and_save("t")
    own = DocumentError("no page")
    with pytest.raises(DocumentError) as raised, step1.start("t"):
        overtake()
        before = raw_item(wire, step1, "t")
        raise own
    assert raised.value is own
    assert any("not held by this worker" in note for note in own.__notes__)
    assert raw_item(wire, step1, "t") == before


def test_r4_own_exception_after_a_lost_update_has_the_lost_lock_in_its_notes(step1: Any, overtake: Overtake) -> None:
    step1.make_and_save("t")
    own = DocumentError("gave up")
    with pytest.raises(DocumentError), step1.start("t") as ctx:
        overtake()
        ctx.set_data({"by": "the stale"})
        try:
            ctx.update()
        except st.TaskLockLostError:
            raise own from None
    assert any("not held by this worker" in note for note in getattr(own, "__notes__", []))


def test_r4_lease_that_ran_out_but_was_not_taken_is_still_held(step1: Any, clock: Clock) -> None:
    step1.make_and_save("t")
    with step1.start("t") as ctx:
        clock.advance(3600)
        ctx.set_data({"page": 1}).update()
    assert (stored(step1, "t").status, stored(step1, "t").retry) == (40, 0)


def test_r12_extend_lock_renews_the_lease_from_now(step1: Any, clock: Clock) -> None:
    step1.make_and_save("t")
    ctx = step1.start("t", lock_expire_seconds=10).__enter__()
    for seconds, lasts in ((None, 10), (100, 100)):
        clock.advance(9)
        ctx.extend_lock(seconds)
        assert ctx.task.lock_expire_time == stored(step1, "t").lock_expire_time == clock.now + timedelta(seconds=lasts)
    clock.now = ctx.task.lock_expire_time - TICK
    with pytest.raises(st.TaskLockedError):
        step1.start("t").__enter__()
    clock.now += TICK
    step1.start("t").__enter__()
    with pytest.raises(st.TaskLockLostError):
        ctx.extend_lock()


def test_r12_extend_lock_touches_no_index_key_and_nothing_else(step1: Any, wire: Wire, clock: Clock) -> None:
    step1.make_and_save("t", {"page": 1})
    with step1.start("t") as ctx:
        before = raw_item(wire, step1, "t")
        clock.advance(5)
        ctx.extend_lock()
        after = raw_item(wire, step1, "t")
        assert {name for name in after if after[name] != before[name]} == {"lock_expire_time"}
        assert set(after) == set(before)


def test_r13_fence_grows_with_every_acquire_and_is_never_reset(
    step1: Any, step2: Any, wire: Wire, clock: Clock
) -> None:
    step1.make_and_save("t")
    fences = []

    def attempt(step: Any, error: Exception | None = None) -> None:
        execution = step.start("t")
        fences.append(execution.__enter__().fence)
        execution.__exit__(error and type(error), error, None)

    attempt(step1, DocumentError())
    wire.inject("UpdateItem", answer_lost)
    attempt(step1)
    with pytest.raises(st.TaskAlreadySucceedError):
        step1.start("t").__enter__()
    attempt(step2)
    step1.rerun("t", reason="the reader was mended")
    vanished = step1.start("t").__enter__()
    fences.append(vanished.fence)
    clock.advance(60)
    attempt(step1)
    assert fences == [1, 2, 3, 4, 5]
    assert vanished.fence == 4
    assert stored(step1, "t").fence == 5


def test_r13_fence_starts_with_the_creation_in_the_same_write(step1: Any) -> None:
    with step1.start("t", create=True) as ctx:
        assert ctx.fence == 1
