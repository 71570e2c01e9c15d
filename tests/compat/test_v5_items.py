"""Items that pynamodb_mate 5 wrote, in its own table: read, listed, and started by the rules."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

import status_tracker as st
from tests.compat.support import LEASE, NULL, StatusEnum, V5Table, put_raw, raw_item
from tests.support.clock import TICK, Clock
from tests.support.wire import Wire

LOCK = {"S": "v5-worker"}


@pytest.mark.parametrize("lock", [None, NULL])
@pytest.mark.parametrize("lock_age", [None, 1])
@pytest.mark.parametrize(("status", "retry"), [(0, 0), (6, 2)])
def test_waiting_items_start_with_one_request(
    v5_table: V5Table, lock: Any, lock_age: float | None, status: int, retry: int
) -> None:
    task = v5_table.put(status, lock=lock, lock_age=lock_age, retry=retry)
    assert (task.status, task.retry, task.is_locked(), task.data) == (status, retry, False, {"from": "v5"})
    assert (task.errors, task.lock) == ({}, None)
    wire = Wire(v5_table.tracker._get_connection().connection.client)
    with wire.counting() as requests, task.start_job():
        assert (task.status, task.retry, task.fence, task.is_locked()) == (3, retry, 1, True)
    assert requests == {"UpdateItem": 2}
    assert (task.status, task.retry, task.data) == (9, 0, {"from": "v5"})


def test_items_have_our_form_after_the_first_write(v5_table: V5Table) -> None:
    task = v5_table.put(0)
    with task.start_job():
        pass
    item = raw_item(v5_table.tracker)
    assert (item["value"], item["errors"]) == ({"S": "job____009"}, {"S": "{}"})
    assert not item.keys() & {"lock", "status", "lock_expire_time"}


def test_items_have_the_form_of_base_task_if_that_is_to_list_them(v5_table: V5Table) -> None:
    v5_table.tracker.LISTED_BY_V5 = False
    task = v5_table.put(0)
    with task.start_job():
        pass
    item = raw_item(v5_table.tracker)
    assert (item["value"], item["status"]) == ({"S": "job____009____001"}, {"N": "9"})


def test_what_v5_wrote_over_our_form_is_told_by_its_value(v5_table: V5Table) -> None:
    """A worker of v5 beside ours leaves our `status` as it was."""
    task = v5_table.put(9, lock=NULL, status={"N": "0"})
    assert (task.status, task.to_dict()["status"]) == (9, 9)
    with pytest.raises(st.TaskAlreadySucceedError):
        task.start_job().__enter__()
    task.new("t", {"version": 2})
    assert raw_item(task)["value"] == {"S": "job____000"}


@pytest.mark.parametrize(("status", "error"), [(9, st.TaskAlreadySucceedError), (10, st.TaskIgnoredError)])
def test_ended_items_are_refused(v5_table: V5Table, status: int, error: type[Exception]) -> None:
    task = v5_table.put(status, lock=NULL)
    with pytest.raises(error):
        task.start_job().__enter__()
    assert task.status == status


def test_items_in_progress_are_locked_for_the_lease_of_the_class(v5_table: V5Table, clock: Clock) -> None:
    task = v5_table.put(3, lock=LOCK, lock_age=0)
    end = clock.now = clock.now + LEASE * 1_000_000 * TICK
    clock.now -= TICK
    assert task.is_locked()
    with pytest.raises(st.TaskLockedError) as refusal:
        task.start_job().__enter__()
    assert refusal.value.until == end
    clock.now = end
    assert not task.is_locked()
    with task.start_job():
        assert task.retry == 1
    assert task.errors["error"].startswith("LeaseExpired(")


def test_the_failure_that_v5_kept_begins_the_history(v5_table: V5Table) -> None:
    task = v5_table.put(6, lock=NULL, retry=1, error="ValueError('old')")
    assert (task.errors["error"], len(task.errors["history"])) == ("ValueError('old')", 1)
    with pytest.raises(OSError, match="no page"), task.start_job():
        raise OSError("no page")
    task.refresh(consistent_read=True)
    assert [entry["error"] for entry in task.errors["history"]] == ["ValueError('old')", "OSError('no page')"]
    assert (task.errors["error"], task.retry) == ("OSError('no page')", 2)


@pytest.mark.parametrize("name", ["data", "errors", "lock"])
def test_attributes_that_v5_set_to_none(v5_table: V5Table, name: str) -> None:
    task = v5_table.put(0, lock_age=1, **{"lock": NULL, name: NULL})
    with pytest.raises(OSError, match="no page"), task.start_job():
        raise OSError("no page")
    assert (task.status, len(task.errors["history"])) == (6, 1)


def test_items_of_either_form_are_listed_in_the_order_of_time(v5_table: V5Table, clock: Clock) -> None:
    tracker = v5_table.tracker
    for nth in range(4):
        clock.advance(1)
        v5_table.put(0, f"t-{nth}") if nth % 2 else tracker.new(f"t-{nth}", {"from": "ours"})
    assert [task.task_id for task in tracker.query_by_status(0)] == ["t-0", "t-1", "t-2", "t-3"]
    newest = tracker.query_by_status(StatusEnum.s00_todo, limit=3, older_task_first=False, auto_refresh=True).all()
    assert [task.task_id for task in newest] == ["t-3", "t-2", "t-1"]
    assert [task.data["from"] for task in newest] == ["v5", "ours", "v5"]
    assert {task.status_name for task in tracker.query_by_status([0])} == {"s00_todo"}
    assert tracker.count_items_by_job_id() == 4


def test_a_listed_item_is_started(v5_table: V5Table) -> None:
    v5_table.put(0)
    task = v5_table.tracker.query_by_status(0).one()
    assert (task.data, task.retry) == ({}, None)
    with task.start_job():
        assert task.data == {"from": "v5"}
    assert task.retry == 0


def test_new_resets_items_and_keeps_what_v5_knew(v5_table: V5Table) -> None:
    v5_table.put(6, lock=NULL, retry=2, error="ValueError('old')")
    task = v5_table.tracker.new("t", {"version": 2})
    assert (task.status, task.retry, task.data) == (0, 0, {"version": 2})
    assert [entry["error"] for entry in task.errors["history"]] == ["ValueError('old')"]
    assert task.errors["actions"][0]["status"] == 6


def test_items_of_base_task_are_the_same_tasks(tracker: Any, clock: Clock) -> None:
    class Step(st.BaseTask):
        class Meta(tracker.Meta):  # type: ignore[misc, name-defined]
            pass

        status_and_update_time_index = st.StatusAndUpdateTimeIndex()
        config = st.TrackerConfig.make("job", 0, 3, 6, 9, 10, clock=clock)

    Step._connection = tracker._get_connection()
    tracker.LISTED_BY_V5 = False
    Step.make_and_save("theirs", {"version": 1})
    task = tracker.query_by_status(0).one()
    with pytest.raises(OSError, match="no page"), task.start_job():
        raise OSError("no page")
    with Step.start("theirs") as ctx:
        assert (ctx.fence, list(ctx.task.errors)) == (2, ["history"])
        with pytest.raises(st.TaskLockedError):
            task.start_job().__enter__()
    clock.advance(1)
    tracker.new("ours")
    assert [listed.task_id for listed in Step.query_by_status([0, 9])] == ["theirs", "ours"]
    assert Step.count_by_status() == {0: 1, 3: 0, 6: 0, 9: 1, 10: 0}


@pytest.mark.parametrize("lock", [None, LOCK])
@pytest.mark.parametrize("call", ["rerun", "ignore", "unlock"])
def test_base_task_says_what_an_item_in_v5_s_form_needs(v5_table: V5Table, call: str, lock: Any) -> None:
    class Step(st.BaseTask):
        class Meta(v5_table.tracker.Meta):  # type: ignore[misc, name-defined]
            pass

        status_and_update_time_index = st.StatusAndUpdateTimeIndex()
        config = st.TrackerConfig.make("job", 0, 3, 6, 9, 10)

    Step._connection = v5_table.tracker._get_connection()
    v5_table.put(3 if lock else 0, lock=lock, lock_age=1)
    before = raw_item(v5_table.tracker)
    with pytest.raises(st.TaskUnreadableError, match="LISTED_BY_V5 = False"):
        getattr(Step, call)("t", reason="a test")
    with pytest.raises(st.TaskIsNotReadyToStartError):
        Step.start("t").__enter__()
    assert raw_item(v5_table.tracker) == before


@pytest.mark.parametrize(("status", "error"), [(6, None), (9, st.TaskAlreadySucceedError)])
def test_a_task_that_base_task_lists_in_another_shard_goes_on(
    tracker: Any, status: int, error: type[Exception] | None
) -> None:
    tracker.new("t")
    put_raw(tracker, {**raw_item(tracker), "value": {"S": f"job____{status:03}____004"}, "status": {"N": str(status)}})
    with contextlib.nullcontext() if error is None else pytest.raises(error):
        tracker.get_one_or_none("t").start_job().__enter__()
