"""The same behaviour for dataclasses, attrs and pydantic, with and without slots, over a mere load and dump."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

import status_tracker as st
from status_tracker.abstract import EPOCH, TrackerUnreadableError, get_utc_now
from tests.abstract.jobs import LEASE, InMemory


def test_r7_success_stores_data_and_further_fields(variant: type[InMemory]) -> None:
    job = variant.new("1", note="made")
    with job.start() as same:
        assert same is job
        assert (job.status_name, job.attempts, job.fence) == ("in_progress", 1, 1)
        job.data["rows"] = 7
        job.note = "done"
    stored = variant.load("1")
    assert stored == job
    assert (job.status_name, job.data, job.note, job.lock, job.lock_expire_time) == (
        "succeeded",
        {"rows": 7},
        "done",
        None,
        EPOCH,
    )


def test_r7_success_is_one_dump_more_than_the_start(variant: type[InMemory], monkeypatch: pytest.MonkeyPatch) -> None:
    job = variant.new("1")
    dumped: list[str] = []
    dump = variant.dump
    monkeypatch.setattr(variant, "dump", lambda self: (dumped.append(self.status_name), dump(self))[1])
    with job.start():
        job.data["rows"] = 7
    assert dumped == ["in_progress", "succeeded"]


def test_r8_a_failure_stores_nothing_of_the_block(variant: type[InMemory]) -> None:
    job = variant.new("1", data={"rows": 1}, note="made")
    mine = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as raised, job.start():
        job.data["rows"] = 7
        job.note = "half done"
        raise mine
    assert raised.value is mine
    stored = variant.load("1")
    assert stored == job
    assert (job.status_name, job.attempts, job.data, job.note) == ("failed", 1, {"rows": 1}, "made")
    assert job.errors["error"] == "ValueError('mine')"
    assert job.errors["traceback"].endswith("ValueError: mine\n")
    assert [entry["nth_retry"] for entry in job.errors["history"]] == [1]


@pytest.mark.parametrize("mine", [KeyboardInterrupt(), SystemExit(3), StopIteration(7)], ids=repr)
def test_r8_any_exception_is_recorded_and_goes_on(variant: type[InMemory], mine: BaseException) -> None:
    job = variant.new("1")
    with pytest.raises(type(mine)) as raised, job.start():
        raise mine
    assert raised.value is mine
    assert variant.load("1") == job
    assert (job.status_name, job.errors["error"]) == ("failed", repr(mine))


def test_r9_a_failure_may_ask_to_wait(variant: type[InMemory]) -> None:
    class BusyError(Exception):
        retry_after = 60

    job = variant.new("1")
    with pytest.raises(BusyError), job.start():
        raise BusyError
    with pytest.raises(st.TaskNotDueError) as refused, job.start():
        pass
    due = refused.value.not_before
    assert due == job.update_time + timedelta(seconds=60)
    with job.start(now=due):
        pass
    assert job.status_name == "succeeded"
    (stored,) = map(json.loads, InMemory.stored.values())
    kept = stored.get("tracker_state") or stored["errors"]["tracker"]
    assert (kept["fence"], "not_before" in kept) == (2, False)


def test_r4_a_worker_whose_task_was_taken_over_stores_nothing(variant: type[InMemory]) -> None:
    job = variant.new("1")
    with pytest.raises(st.TaskLockLostError), job.start():
        job.data["by"] = "the first"
        other = variant.load("1")
        assert other is not None
        with other.start(ignore_lock=True):
            other.data["by"] = "the second"
    stored = variant.load("1")
    assert stored == other
    assert other.data == {"by": "the second"}
    assert other.fence == 2


def test_r3_the_lease_of_a_start_with_now_is_judged_by_now(variant: type[InMemory]) -> None:
    noon = get_utc_now().replace(hour=12, minute=0, second=0, microsecond=0)
    job = variant.new("1")
    job.mark_as_in_progress(now=noon)
    assert (job.lock_time, job.lock_expire_time) == (noon, noon + LEASE)
    with pytest.raises(st.TaskLockedError), job.start(now=noon + LEASE - timedelta(microseconds=1)):
        pass
    with job.start(now=noon + LEASE):
        assert job.attempts == 2
    assert "LeaseExpired" in job.errors["history"][0]["error"]
    assert job.update_time >= noon + LEASE


def test_progress_can_be_stored_inside_the_block(variant: type[InMemory]) -> None:
    job = variant.new("1")
    with pytest.raises(KeyError), job.start():
        job.data["rows"], job.note = 1, "one"
        job.update()
        job.data["rows"], job.note = 2, "two"
        raise KeyError
    stored = variant.load("1")
    assert stored is not None
    assert (stored.data, stored.note) == ({"rows": 1}, "one")
    assert (job.data, job.note) == ({"rows": 1}, "one")


def test_r12_extending_keeps_what_the_block_has_changed(variant: type[InMemory]) -> None:
    job = variant.new("1")
    with job.start(expire=10):
        before = job.lock_expire_time
        job.data["rows"] = 1
        job.extend_lock(100)
        assert job.lock_expire_time > before
        assert job.data == {"rows": 1}
    stored = variant.load("1")
    assert stored is not None
    assert stored.data == {"rows": 1}


@pytest.mark.parametrize(
    ("field", "value"),
    [("lock_time", datetime(2026, 1, 1)), ("update_time", datetime(2026, 1, 1)), ("errors", {"tracker": 3})],  # noqa: DTZ001
)
def test_what_cannot_be_right_is_refused_and_left_as_it_is(variant: type[InMemory], field: str, value: object) -> None:
    job = variant.new("1")
    setattr(job, field, value)
    job.dump()
    before = dict(InMemory.stored)
    with pytest.raises(TrackerUnreadableError, match=rf"{variant.__name__} '1' has {field} = "), job.start():
        pass
    assert InMemory.stored == before


@pytest.mark.parametrize("text", ["", "{", '{"id": "1"}', "\ud800", "[" * 100_000], ids=lambda text: text[:10])
def test_r6_what_becomes_unreadable_in_the_block_is_told_and_left_as_it_is(variant: type[InMemory], text: str) -> None:
    job = variant.new("1")
    key = (variant.__name__, "1")
    with pytest.raises(st.StatusNotSavedError), job.start():
        job.note = "done"
        whole = InMemory.stored[key]
        InMemory.stored[key] = text
    assert InMemory.stored[key] == text
    with pytest.raises((ValueError, TypeError, KeyError, RecursionError, TrackerUnreadableError)), job.start():
        pass
    assert InMemory.stored[key] == text
    InMemory.stored[key] = whole
    with job.start(ignore_lock=True):
        assert (job.attempts, job.note) == (2, "")
    assert variant.load("1") == job
    assert (job.status_name, job.fence) == ("succeeded", 2)
