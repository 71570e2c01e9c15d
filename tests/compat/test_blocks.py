"""The block of `tracker.start(…)`: what the tracker shows, and how one job follows another."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pynamodb.attributes import UnicodeAttribute

import status_tracker as st
from tests.compat.support import LEASE, StatusEnum, raw_item
from tests.support.clock import Clock
from tests.support.wire import Wire, passed, then


def test_the_block_gets_the_tracker_itself(tracker: Any) -> None:
    task = tracker.new("t")
    with task.start_job() as given:
        assert given is task


def test_set_data_is_for_blocks(tracker: Any) -> None:
    task = tracker.new("t")
    with pytest.raises(RuntimeError, match="within a block"):
        task.set_data({"version": 2})
    with task.start_job():
        assert task.set_data({"version": 2}) is task
        assert task.data == {"version": 2}
        assert tracker.get_one_or_none("t", consistent_read=True).data == {}
    with pytest.raises(RuntimeError, match="within a block"):
        task.set_data({"version": 3})
    assert tracker.get_one_or_none("t", consistent_read=True).data == {"version": 2}


def test_set_data_of_nothing(tracker: Any) -> None:
    task = tracker.new("t", {"version": 1})
    with task.start_job():
        task.set_data(None)
    assert task.data == {}


def test_after_a_failure_the_tracker_shows_what_is_stored(tracker: Any) -> None:
    task = tracker.new("t", {"version": 1})
    with pytest.raises(OSError, match="no page"), task.start_job():
        task.data["version"] = 2
        task.set_data(task.data)
        raise OSError("no page")
    assert (task.status_name, task.retry, task.data, task.is_locked()) == ("s06_failed", 1, {"version": 1}, False)
    assert task.errors["error"] == task.errors["history"][0]["error"] == "OSError('no page')"
    assert task.errors["traceback"] == task.errors["history"][0]["traceback"]
    assert "status_tracker/compat" not in task.errors["traceback"]


def test_the_last_failure_is_stored_once(failed_once: Any) -> None:
    failed_once.refresh(consistent_read=True)
    assert failed_once.errors["error"] == "OSError('no page')"
    assert raw_item(failed_once)["errors"]["S"].count("OSError('no page')") == 1
    failed_once.save()
    assert raw_item(failed_once)["errors"]["S"].count("OSError('no page')") == 1


def test_what_cannot_be_stored_fails_the_attempt(tracker: Any) -> None:
    task = tracker.new("t", {"version": 1})
    with pytest.raises(TypeError), task.start_job():
        task.set_data({"page": object()})
    assert (task.status, task.data) == (6, {"version": 1})


def test_a_worker_that_was_taken_over_shows_nothing_of_its_own(tracker: Any, clock: Clock) -> None:
    task, other = tracker.new("t", {"version": 1}), tracker.get_one_or_none("t")
    with pytest.raises(st.TaskLockLostError), task.start_job():
        clock.advance(LEASE)
        with other.start_job():
            other.set_data({"version": 2})
        task.data["version"] = 3
        task.set_data(task.data)
    assert task.data == {"version": 1}
    assert (other.status, other.data, other.errors["error"][:13]) == (9, {"version": 2}, "LeaseExpired(")


def test_after_a_refusal_the_tracker_shows_what_is_stored(tracker: Any) -> None:
    task, stale = tracker.new("t"), tracker.get_one_or_none("t")
    with task.start_job():
        with pytest.raises(st.TaskLockedError):
            stale.start_job().__enter__()
        assert (stale.status_name, stale.is_locked()) == ("s03_in_progress", True)
    with pytest.raises(st.TaskAlreadySucceedError):
        stale.start_job().__enter__()
    assert (stale.status_name, stale.is_locked()) == ("s09_success", False)


def test_the_last_attempt_vanished(tracker: Any, clock: Clock) -> None:
    tracker.MAX_RETRY = 1
    task = tracker.new("t")
    task.start_job().__enter__()
    clock.advance(LEASE)
    with pytest.raises(st.TaskIgnoredError):
        task.start_job().__enter__()
    assert (task.status_name, task.retry) == ("s10_ignore", 1)


def test_a_task_that_was_never_saved(tracker: Any) -> None:
    task = tracker.new("t", save=False)
    with pytest.raises(st.TaskIsNotInitializedError):
        task.start_job().__enter__()
    assert task.status_name == "s00_todo"


def test_one_job_follows_the_other(tracker: Any) -> None:
    task = tracker.new("t")
    with task.start_job():
        task.set_data({"text": "extracted"})
    with pytest.raises(OSError, match="no page"), task.start_next_job():
        raise OSError("no page")
    assert task.status_name == "s16_next_failed"
    with task.start_next_job():
        assert (task.status_name, task.retry) == ("s13_next_in_progress", 1)
    assert (task.status_name, task.data) == ("s19_next_success", {"text": "extracted"})
    with pytest.raises(st.TaskAlreadySucceedError):
        task.start_next_job().__enter__()


def test_another_job_does_not_take_over_what_is_in_progress(tracker: Any, clock: Clock) -> None:
    task = tracker.new("t")
    task.start_job().__enter__()
    clock.advance(LEASE)
    other = tracker.get_one_or_none("t", consistent_read=True)
    with pytest.raises(st.TaskIsNotReadyToStartError) as refusal:
        other.start_next_job().__enter__()
    assert (type(refusal.value), refusal.value.status) == (st.TaskIsNotReadyToStartError, 3)


def test_who_names_the_pending_status_starts_from_no_other(tracker: Any) -> None:
    tracker.make("t", 77).save()
    task = tracker.get_one_or_none("t")
    with pytest.raises(st.TaskIsNotReadyToStartError):
        task.start_job(more_pending_status=78).__enter__()
    with task.start_job(more_pending_status=[77, 78]):
        pass
    assert task.status == 9


def test_hooks_are_called_around_the_block(tracker: Any) -> None:
    seen = []

    class Hooked(tracker):  # type: ignore[misc]
        def pre_start_hook(self) -> None:
            seen.append(("before", self.status_name))

        def post_start_hook(self) -> None:
            seen.append(("after", self.status_name))

    task = Hooked.new("t")
    with pytest.raises(OSError, match="no page"), task.start_job():
        raise OSError("no page")
    with task.start_job():
        with pytest.raises(st.TaskLockedError):
            task.start_job().__enter__()
        seen.append(("block", task.status_name))
    assert seen == [
        ("before", "s00_todo"),
        ("after", "s06_failed"),
        ("before", "s06_failed"),
        ("before", "s03_in_progress"),
        ("block", "s03_in_progress"),
        ("after", "s09_success"),
    ]


def test_attributes_of_the_users_own_are_kept(tracker: Any) -> None:
    class Document(tracker):  # type: ignore[misc]
        bucket = UnicodeAttribute(null=True)

    task = Document.new("t")
    task.bucket = "scans"
    task.save()
    task = Document.get_one_or_none("t")
    with task.start_job():
        assert task.bucket == "scans"
    assert (task.bucket, task.to_dict()["bucket"]) == ("scans", "scans")


def test_a_lease_is_renewed_by_the_heartbeat(tracker: Any, wire: Wire) -> None:
    task, beaten = tracker.new("t"), threading.Event()
    with task.start_job(heartbeat=0.01):
        wire.inject("UpdateItem", then(passed, beaten.set))
        assert beaten.wait(60)
    assert task.status == 9


def test_the_status_follows_the_value(tracker: Any) -> None:
    tracker.LISTED_BY_V5 = False
    task = tracker(tracker.make_key("t"), value=tracker.make_value(StatusEnum.s06_failed))
    task.save()
    assert (task.status, raw_item(task)["status"]) == (6, {"N": "6"})
    task.value = tracker.make_value(9)
    task.save()
    assert (task.status, raw_item(task)["status"]) == (9, {"N": "9"})


def test_status_names(tracker: Any) -> None:
    assert tracker.make("t", StatusEnum.s19_next_success).status_name == "s19_next_success"
    assert tracker.make("t", 77).status_name == "77"
    tracker.STATUS_ENUM = None
    assert tracker.make("t", 9).status_name == "9"


def test_settings_count_as_they_are(tracker: Any, clock: Clock) -> None:
    task = tracker.new("t")
    tracker.LOCK_EXPIRE_SECONDS = 5
    task.start_job().__enter__()
    clock.advance(5)
    assert not task.is_locked()


def test_a_copied_dict_is_the_users_own(tracker: Any) -> None:
    task = tracker.make("t", 0, {"version": 1})
    task.to_dict(copy=True)["data"]["version"] = 2
    assert task.data == {"version": 1}


@pytest.mark.parametrize(
    "codes", [(3, 3, 9, 10), (0, 6, 9, 10), (3, 6, 9, -1), (3, 6, 9, True), (3, 6, 9, 10.0), (3, 6, 9, "10")]
)
def test_codes_that_cannot_be_those_of_one_job(tracker: Any, codes: Any) -> None:
    task = tracker.new("t")
    with pytest.raises(ValueError, match="status"):
        task.start(*codes)
    assert task.status == 0


@pytest.mark.parametrize("heartbeat", [0, -1, LEASE, "5"])
def test_heartbeats_that_cannot_work(tracker: Any, heartbeat: Any) -> None:
    with pytest.raises(ValueError, match="heartbeat"):
        tracker.new("t").start_job(heartbeat=heartbeat)


def _deep(levels: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(levels):
        data = {"in": data}
    return data


def test_r8_data_that_cannot_be_copied_for_the_block_leaves_no_task_locked(tracker: Any) -> None:
    tracker.new("t", data=_deep(700))
    with pytest.raises(RecursionError), tracker.get_one_or_none("t").start_job():
        pytest.fail("the block was entered")
    task = tracker.get_one_or_none("t")
    assert (task.status, task.is_locked()) == (6, False)
    assert "RecursionError" in task.errors["history"][0]["error"]


def test_r7_data_that_could_not_be_copied_is_stored_and_changes_nothing_of_the_success(tracker: Any) -> None:
    tracker.new("t")
    with tracker.get_one_or_none("t").start_job() as block:
        block.set_data(_deep(700))
    assert (block.status, block.data) == (9, _deep(700))
    assert tracker.get_one_or_none("t").data == _deep(700)
