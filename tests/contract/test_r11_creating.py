"""R11: creating never resets; a rerun is deliberate, and recorded."""

from __future__ import annotations

from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import TICK, Clock
from tests.support.items import FREE, raw_item, stored
from tests.support.wire import Wire

LOCKED = {"lock": "another", "lock_time": Clock().now, "lock_expire_time": Clock().now.replace(hour=1)}
REACHED = {"pending": 10, "failed": 30, "succeeded": 40, "ignored": 50, "the next step's": 80, "its end": 90}
NOT_REACHED = {"pending": 10, "failed": 30, "ignored": 50}


def test_r11_make_and_save_tells_the_truth_about_a_new_task(step1: Any, wire: Wire, clock: Clock) -> None:
    made = step1.make_and_save("t", {"page": 1})
    assert (made.task_id, made.use_case_id, made.status, made.status_name) == ("t", "test", 10, "pending")
    assert (made.data, made.errors, made.retry) == ({"page": 1}, {"history": []}, 0)
    assert (made.create_time, made.update_time, made.is_locked()) == (clock.now, clock.now, False)
    assert made.serialize() == raw_item(wire, step1, "t")


def test_r11_make_stores_nothing(step1: Any, wire: Wire) -> None:
    with wire.counting() as requests:
        step1.make("t")
    assert not requests
    assert stored(step1, "t") is None


@pytest.mark.parametrize("status", [10, 20, 30, 40, 50, 90])
@pytest.mark.usefixtures("step2")
def test_r11_creating_an_existing_task_changes_nothing(step1: Any, wire: Wire, clock: Clock, status: int) -> None:
    lock = LOCKED if status == 20 else {}
    step1.make_and_save("t", {"page": 1}, _status=status, retry=2, **lock)
    before = raw_item(wire, step1, "t")
    clock.advance(5)
    with wire.counting() as requests:
        with pytest.raises(st.TaskAlreadyExistsError) as error:
            step1.make_and_save("t", {"page": 2})
        task, created = step1.get_or_create("t", {"page": 2})
    assert requests == {"PutItem": 2}
    assert (error.value.use_case_id, error.value.task_id) == ("test", "t")
    assert str(status) in str(error.value)
    assert (created, task.serialize()) == (False, before)
    assert raw_item(wire, step1, "t") == before


def test_r11_get_or_create_makes_it_once(step1: Any, wire: Wire) -> None:
    with wire.counting() as requests:
        first, created = step1.get_or_create("t", {"page": 1})
    assert requests == {"PutItem": 1}
    again, created_again = step1.get_or_create("t", {"page": 1})
    assert (created, created_again) == (True, False)
    assert first.serialize() == again.serialize() == raw_item(wire, step1, "t")


@pytest.mark.parametrize("status", REACHED.values(), ids=REACHED)
@pytest.mark.usefixtures("step2")
def test_r11_rerun_makes_it_pending_keeps_history_and_records_who_and_why(
    step1: Any, wire: Wire, clock: Clock, status: int
) -> None:
    history = [{"nth_retry": 1, "update_time": "before", "error": "E()", "traceback": ""}]
    waiting = {"not_before": clock.now.replace(hour=1)} if status == 30 else {}
    step1.make_and_save("t", {"page": 1}, _status=status, retry=2, errors={"history": history}, fence=4, **waiting)
    clock.advance(5)
    task = step1.rerun("t", reason="the reader was mended", by="ada")
    assert (task.status, task.retry, task.run, task.fence, task.lock) == (10, 0, 1, 4, FREE)
    assert (task.data, task.update_time, task.errors["history"]) == ({"page": 1}, clock.now, history)
    (action,) = task.errors["actions"]
    assert (action["action"], action["reason"], action["by"]) == ("rerun", "the reader was mended", "ada")
    assert (action["status"], action["update_time"]) == (status, clock.now.isoformat())
    assert task.serialize() == raw_item(wire, step1, "t")
    assert [listed.task_id for listed in step1.query_by_status(10)] == ["t"]
    with step1.start("t") as ctx:
        assert ctx.fence == 5


def test_r11_rerun_again_and_again_keeps_each_record(step1: Any) -> None:
    step1.make_and_save("t")
    for n in range(3):
        step1.rerun("t", reason=f"reason {n}")
    task = stored(step1, "t")
    assert task.run == 1
    assert [(action["reason"], action["by"]) for action in task.errors["actions"]] == [
        (f"reason {n}", None) for n in range(3)
    ]


@pytest.mark.parametrize("status", [10, 20, 30, 40])
def test_r11_rerun_is_refused_while_a_worker_is_live(step1: Any, wire: Wire, clock: Clock, status: int) -> None:
    step1.make_and_save("t", _status=status, **LOCKED)
    before = raw_item(wire, step1, "t")
    clock.now = LOCKED["lock_expire_time"] - TICK
    with pytest.raises(st.TaskLockedError) as refusal:
        step1.rerun("t", reason="impatience")
    assert refusal.value.until == LOCKED["lock_expire_time"]
    assert raw_item(wire, step1, "t") == before


def test_r11_rerun_is_refused_while_the_next_steps_worker_is_live(step1: Any, step2: Any) -> None:
    step2.make_and_save("t")
    with step2.start("t"), pytest.raises(st.TaskLockedError):
        step1.rerun("t", reason="impatience")
    assert stored(step2, "t").status == 90


def test_r11_rerun_frees_a_stuck_task(step1: Any, clock: Clock) -> None:
    step1.make_and_save("t")
    stuck = step1.start("t").__enter__()
    clock.now = stuck.task.lock_expire_time
    task = step1.rerun("t", reason="its worker is gone")
    assert (task.status, task.is_locked()) == (10, False)
    with step1.start("t") as ctx:
        assert ctx.task.retry == 0


def test_r11_rerun_that_a_starting_worker_overtakes_is_refused(step1: Any, wire: Wire) -> None:
    step1.make_and_save("t")

    def another_starts(_request: object) -> None:
        step1.start("t").__enter__()

    wire.inject("UpdateItem", another_starts)
    with pytest.raises(st.TaskLockedError):
        step1.rerun("t", reason="at the wrong moment")
    assert (stored(step1, "t").status, stored(step1, "t").run) == (20, None)


@pytest.mark.parametrize("status", NOT_REACHED.values(), ids=NOT_REACHED)
def test_r11_rerun_is_refused_for_a_step_that_the_task_has_not_reached(
    step1: Any, step2: Any, wire: Wire, status: int
) -> None:
    step1.make_and_save("t", _status=status)
    before = raw_item(wire, step1, "t")
    with pytest.raises(st.TaskIsNotReadyToStartError) as refusal:
        step2.rerun("t", reason="too early")
    assert type(refusal.value) is st.TaskIsNotReadyToStartError
    assert refusal.value.status == status
    assert raw_item(wire, step1, "t") == before


def test_r11_rerun_of_no_task(step1: Any) -> None:
    with pytest.raises(st.TaskIsNotInitializedError):
        step1.rerun("t", reason="never made")
    assert stored(step1, "t") is None


@pytest.mark.parametrize("reason", ["", "  "])
def test_r11_rerun_without_a_reason_is_refused_before_any_request(step1: Any, wire: Wire, reason: str) -> None:
    step1.make_and_save("t", _status=50)
    with wire.counting() as requests, pytest.raises(ValueError, match="reason"):
        step1.rerun("t", reason=reason)
    assert not requests
    assert stored(step1, "t").status == 50
