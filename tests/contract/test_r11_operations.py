"""R11: what people do to a task deliberately: each act is recorded, and none is done behind a live worker's back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import TICK, Clock
from tests.support.items import FREE, raw_item, stored
from tests.support.wire import Fault, Wire, answer_lost, answered_500_although_done, then

NOW = Clock().now
LIVE = {"lock": "another", "lock_time": NOW, "lock_expire_time": NOW.replace(hour=1)}
STUCK = {"lock": "vanished", "lock_time": NOW.replace(year=2025), "lock_expire_time": NOW}
HISTORY = {"history": [{"nth_retry": 1, "update_time": "before", "error": "E()", "traceback": ""}]}
NOT_READY = st.TaskIsNotReadyToStartError

Act = Callable[..., Any]

REFUSED = {
    "ignore, live": ("ignore", 20, LIVE, st.TaskLockedError),
    "ignore, pending but locked": ("ignore", 10, LIVE, st.TaskLockedError),
    "ignore, succeeded": ("ignore", 40, {}, st.TaskAlreadySucceedError),
    "ignore, ignored": ("ignore", 50, {}, st.TaskIgnoredError),
    "ignore, in another step": ("ignore", 80, {}, NOT_READY),
    "unignore, pending": ("unignore", 10, {}, NOT_READY),
    "unignore, stuck": ("unignore", 20, STUCK, NOT_READY),
    "unignore, succeeded": ("unignore", 40, {}, NOT_READY),
    "unignore, ignored in another step": ("unignore", 100, {}, NOT_READY),
    "unignore, live": ("unignore", 50, LIVE, st.TaskLockedError),
    "unlock, pending": ("unlock", 10, {}, NOT_READY),
    "unlock, succeeded": ("unlock", 40, {}, NOT_READY),
    "unlock, in progress without a lock": ("unlock", 20, {}, NOT_READY),
}
ALLOWED = {"rerun": (40, {}), "ignore": (10, {}), "unignore": (50, {}), "unlock": (20, LIVE)}


@pytest.fixture(params=[answer_lost, answered_500_although_done], ids=["lost", "500"])
def lost(request: pytest.FixtureRequest) -> Fault:
    return request.param


def _ids(tasks: Any) -> list[str]:
    return [task.task_id for task in tasks]


@pytest.mark.parametrize(
    ("status", "lock", "retry"), [(10, {}, 1), (30, {}, 1), (20, STUCK, 2)], ids=["pending", "failed", "stuck"]
)
def test_r11_ignore_sets_a_waiting_task_aside(
    step1: Any, wire: Wire, clock: Clock, status: int, lock: dict[str, Any], retry: int
) -> None:
    step1.make_and_save("t", {"page": 1}, _status=status, retry=1, errors=HISTORY, **lock)
    clock.advance(5)
    task = step1.ignore("t", reason="the document is blank", by="ada")
    assert (task.status, task.retry, task.lock, task.run) == (50, retry, FREE, None)
    assert (task.data, task.update_time) == ({"page": 1}, clock.now)
    assert task.errors["history"][:1] == HISTORY["history"]
    assert task.serialize() == raw_item(wire, step1, "t")
    assert _ids(step1.query_by_status(50)) == ["t"]
    with pytest.raises(st.TaskIgnoredError):
        step1.start("t").__enter__()


def test_r11_unignore_makes_it_pending_and_counts_anew(step1: Any, wire: Wire, clock: Clock) -> None:
    step1.make_and_save("t", {"page": 1}, _status=50, retry=3, errors=HISTORY, fence=3)
    clock.advance(5)
    task = step1.unignore("t", reason="it was a mistake", by="ada")
    assert (task.status, task.retry, task.run, task.fence) == (10, 0, 1, 3)
    assert (task.data, task.update_time, task.errors["history"]) == ({"page": 1}, clock.now, HISTORY["history"])
    assert task.serialize() == raw_item(wire, step1, "t")
    with step1.start("t") as ctx:
        assert (ctx.task.retry, ctx.fence) == (0, 4)


def test_r11_unlock_lets_the_next_start_take_over_at_once_and_count_the_vanished_attempt(
    step1: Any, wire: Wire, clock: Clock
) -> None:
    step1.make_and_save("t")
    step1.start("t", lock_expire_seconds=86400).__enter__()
    clock.advance(5)
    task = step1.unlock("t", reason="its machine burnt down", by="ada")
    assert (task.status, task.lock, task.retry, task.is_locked()) == (20, FREE, 0, False)
    assert task.serialize() == raw_item(wire, step1, "t")
    assert _ids(step1.query_stuck()) == ["t"]
    with step1.start("t") as ctx:
        assert (ctx.task.retry, ctx.fence) == (1, 2)
    task = stored(step1, "t")
    assert [entry["error"].partition("(")[0] for entry in task.errors["history"]] == ["LeaseExpired"]
    assert len(task.errors["actions"]) == 1


def test_r11_unlock_after_the_last_attempt_allowed_ends_in_ignored(new_step: Callable[..., Any]) -> None:
    step1 = new_step(max_retry=1)
    step1.start("t", create=True).__enter__()
    step1.unlock("t", reason="its machine burnt down")
    with pytest.raises(st.TaskIgnoredError):
        step1.start("t").__enter__()
    assert (stored(step1, "t").status, stored(step1, "t").retry) == (50, 1)


@pytest.mark.parametrize("taken_over", [False, True])
@pytest.mark.parametrize("act", ["update", "extend_lock", "success", "failure"])
def test_r11_unlock_of_a_live_worker_makes_it_store_nothing(step1: Any, wire: Wire, act: str, taken_over: bool) -> None:
    step1.make_and_save("t", {"by": "nobody"})
    stale = step1.start("t")
    ctx = stale.__enter__().set_data({"by": "the stale"})
    step1.unlock("t", reason="it looked dead")
    if taken_over:
        step1.start("t").__enter__()
    before = raw_item(wire, step1, "t")
    if act == "failure":
        own = OSError("no page")
        stale.__exit__(OSError, own, None)
        assert any("not held by this worker" in note for note in own.__notes__)
    else:
        ends: dict[str, Callable[[], None]] = {
            "update": ctx.update,
            "extend_lock": ctx.extend_lock,
            "success": lambda: stale.__exit__(None, None, None),
        }
        with pytest.raises(st.TaskLockLostError):
            ends[act]()
    assert raw_item(wire, step1, "t") == before


@pytest.mark.parametrize(("act", "stored_before"), ALLOWED.items(), ids=ALLOWED)
def test_r11_each_act_is_recorded_who_why_when_and_from_which_status(
    step1: Any, clock: Clock, act: str, stored_before: tuple[int, dict[str, Any]]
) -> None:
    status, lock = stored_before
    step1.make_and_save("t", _status=status, errors=HISTORY, **lock)
    clock.advance(5)
    getattr(step1, act)("t", reason="because", by="ada")
    errors = stored(step1, "t").errors
    (record,) = errors["actions"]
    assert (record["action"], record["reason"], record["by"]) == (act, "because", "ada")
    assert (record["status"], record["update_time"]) == (status, clock.now.isoformat())
    assert errors["history"][:1] == HISTORY["history"]


@pytest.mark.parametrize(("act", "status", "lock", "error"), REFUSED.values(), ids=REFUSED)
@pytest.mark.usefixtures("step2")
def test_r11_what_does_not_fit_is_refused_and_changes_nothing(
    step1: Any, wire: Wire, act: str, status: int, lock: dict[str, Any], error: type[Exception]
) -> None:
    step1.make_and_save("t", _status=status, **lock)
    before = raw_item(wire, step1, "t")
    with pytest.raises(error) as refusal:
        getattr(step1, act)("t", reason="because")
    assert type(refusal.value) is error
    assert refusal.value.status == status
    assert raw_item(wire, step1, "t") == before


@pytest.mark.parametrize("act", ["ignore", "unignore"])
def test_r11_live_until_the_very_end_of_the_lease(step1: Any, clock: Clock, act: str) -> None:
    step1.make_and_save("t", _status={"ignore": 20, "unignore": 50}[act], **LIVE)
    clock.now = LIVE["lock_expire_time"] - TICK
    with pytest.raises(st.TaskLockedError):
        getattr(step1, act)("t", reason="because")
    clock.now += TICK
    getattr(step1, act)("t", reason="because")


@pytest.mark.parametrize("act", ALLOWED)
def test_r11_acts_on_no_task(step1: Any, act: str) -> None:
    with pytest.raises(st.TaskIsNotInitializedError):
        getattr(step1, act)("t", reason="because")
    assert stored(step1, "t") is None


@pytest.mark.parametrize("act", ALLOWED)
def test_r11_acts_without_a_reason_are_refused_before_any_request(step1: Any, wire: Wire, act: str) -> None:
    with wire.counting() as requests, pytest.raises(ValueError, match="reason"):
        getattr(step1, act)("t", reason=" ")
    assert not requests


@pytest.mark.parametrize(("act", "stored_before"), ALLOWED.items(), ids=ALLOWED)
def test_r5_act_whose_answer_was_lost_is_done_and_recorded_once(
    step1: Any, wire: Wire, lost: Fault, act: str, stored_before: tuple[int, dict[str, Any]]
) -> None:
    status, lock = stored_before
    step1.make_and_save("t", _status=status, **lock)
    wire.inject("UpdateItem", lost)
    task = getattr(step1, act)("t", reason="because")
    assert task.serialize() == raw_item(wire, step1, "t")
    assert [record["action"] for record in task.errors["actions"]] == [act]


def test_r5_unlock_whose_answer_was_lost_after_the_next_worker_started(step1: Any, wire: Wire, lost: Fault) -> None:
    step1.start("t", create=True).__enter__()
    wire.inject("UpdateItem", then(lost, lambda: step1.start("t").__enter__()))
    step1.unlock("t", reason="it looked dead")
    task = stored(step1, "t")
    assert (task.is_locked(), task.fence, len(task.errors["actions"])) == (True, 2, 1)


def test_r11_act_that_a_starting_worker_overtakes_is_refused(step1: Any, wire: Wire) -> None:
    step1.make_and_save("t")
    wire.inject("UpdateItem", lambda _request: step1.start("t").__enter__() and None)
    with pytest.raises(st.TaskLockedError):
        step1.ignore("t", reason="at the wrong moment")
    assert (stored(step1, "t").status, stored(step1, "t").errors) == (20, {"history": []})


def test_r11_unlock_that_a_finishing_worker_overtakes_is_refused(step1: Any, wire: Wire) -> None:
    worker = step1.start("t", create=True)
    worker.__enter__()
    wire.inject("UpdateItem", lambda _request: worker.__exit__(None, None, None))
    with pytest.raises(st.TaskIsNotReadyToStartError, match="nothing to unlock"):
        step1.unlock("t", reason="it looked dead")
    assert stored(step1, "t").status == 40


def test_r11_unlock_that_a_renewed_lease_overtakes_unlocks_all_the_same(step1: Any, wire: Wire, clock: Clock) -> None:
    ctx = step1.start("t", create=True).__enter__()
    clock.advance(5)
    wire.inject("UpdateItem", lambda _request: ctx.extend_lock())
    assert not step1.unlock("t", reason="it hangs").is_locked()
    assert len(stored(step1, "t").errors["actions"]) == 1


def test_r11_two_people_at_once_leave_two_records_and_one_run(step1: Any, wire: Wire) -> None:
    step1.make_and_save("t", _status=50)
    wire.inject("UpdateItem", lambda _request: step1.rerun("t", reason="first", by="bob") and None)
    step1.rerun("t", reason="second", by="ada")
    assert [record["by"] for record in stored(step1, "t").errors["actions"]] == ["bob", "ada"]
    assert stored(step1, "t").run == 1


@pytest.mark.parametrize("ahead", [30, -30], ids=["ahead", "behind"])
def test_r11_a_rerun_after_work_on_the_run_before_is_a_run_of_its_own(step1: Any, clock: Clock, ahead: int) -> None:
    """Also where the worker's clock is not the operator's."""
    step1.make_and_save("t")
    for run, outcome in enumerate((None, st.Postponed("not now", retry_after=1), RuntimeError("no")), start=1):
        clock.advance(60)
        assert step1.rerun("t", reason="first").run == run
        assert step1.rerun("t", reason="second").run == run
        clock.advance(ahead)
        with suppress(st.Postponed, RuntimeError), step1.start("t"):
            if outcome is not None:
                raise outcome
        clock.advance(-ahead)
    assert step1.rerun("t", reason="third").run == 4


def test_r11_newest_twenty_records_are_kept(step1: Any) -> None:
    step1.make_and_save("t")
    for n in range(25):
        step1.rerun("t", reason=f"reason {n}")
    reasons = [record["reason"] for record in stored(step1, "t").errors["actions"]]
    assert reasons == [f"reason {n}" for n in range(5, 25)]
