"""Trackers that are locked and marked by hand, as seed 004 lets them be."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

import status_tracker as st
from status_tracker import abstract
from status_tracker.abstract import BaseStatusEnum, get_utc_now
from tests.abstract.jobs import LEASE, FileJob, InMemory, ModelJob


def test_lock_it_and_unlock_it_change_this_object_only(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    job.lock_it()
    assert job.lock is not None
    assert job.lock_expire_time - job.lock_time == LEASE
    stored = jobs.load("1")
    assert stored is not None
    assert stored.lock is None
    job.unlock_it()
    assert job.lock is None
    with pytest.raises(ValueError, match="give a time after"):
        job.lock_it(expire_time=get_utc_now() - LEASE)


def test_r3_a_lock_without_a_time_zone_is_refused(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match=r"now is .* without a time zone"):
        job.lock_it(now=naive)
    with pytest.raises(ValueError, match=r"expire_time is .* without a time zone"):
        job.lock_it(expire_time=naive)
    with pytest.raises(ValueError, match=r"now is .* without a time zone"):
        job.is_locked(now=naive)
    assert job == jobs.load("1")


def test_a_status_enum_needs_all_six_names(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> None:
    five = BaseStatusEnum("five", {"pending": 0, "in_progress": 1, "failed": 2, "succeeded": 3, "ignored": 4})
    monkeypatch.setattr(jobs, "get_status_enum", lambda: five)
    with pytest.raises(ValueError, match=r"lacks \['exhausted'\]"):
        jobs.new("1")


def test_is_locked(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert not job.is_locked()
    job.lock_it(now=noon, expire_time=noon + LEASE)
    assert not job.is_locked(now=noon + LEASE)
    assert job.is_locked(now=noon)
    assert job.is_locked(now=noon, lock="another")
    assert not job.is_locked(now=noon, lock=job.lock)


def test_a_dumped_lock_keeps_out_who_does_not_know_it(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    job.lock_it()
    token = job.lock
    job.dump()
    with pytest.raises(abstract.TaskLockedError), job.start():
        pass
    with job.start(lock=token):
        assert job.lock not in {None, token}
    assert (job.status_name, job.attempts) == ("succeeded", 1)


def test_ignore_lock_takes_the_task_from_its_worker(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    with pytest.raises(st.TaskLockLostError), job.start():
        other = jobs.load("1")
        assert other is not None
        with other.start(ignore_lock=True):
            pass
    stored = jobs.load("1")
    assert stored == other
    assert "told to ignore" in other.errors["history"][0]["error"]


def test_marking_by_hand(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    job.mark_as_in_progress()
    assert (job.status_name, job.attempts) == ("in_progress", 1)
    job.data["rows"] = 1
    job.mark_as_failed_or_exhausted(ValueError("mine"))
    assert (job.status_name, job.data, job.errors["error"]) == ("failed", {}, "ValueError('mine')")
    job.mark_as_in_progress(expire=5)
    assert job.lock_expire_time - job.lock_time == timedelta(seconds=5)
    job.extend_lock(60)
    job.data["rows"] = 2
    job.update()
    job.data["rows"] = 3
    job.mark_as_succeeded()
    assert (job.status_name, job.attempts, job.data) == ("succeeded", 2, {"rows": 3})
    assert jobs.load("1") == job


@pytest.mark.parametrize(
    "mark",
    [
        FileJob.mark_as_succeeded,
        lambda job: job.mark_as_failed_or_exhausted(ValueError("mine")),
        FileJob.extend_lock,
        FileJob.update,
    ],
    ids=["succeeded", "failed", "extend", "update"],
)
def test_r4_marking_needs_the_lock(jobs: type[FileJob], mark: object) -> None:
    assert callable(mark)
    job = jobs.new("1")
    with pytest.raises(st.TaskLockLostError, match="holds no lock"):
        mark(job)
    job.mark_as_in_progress()
    jobs.unlock("1", reason="its machine is gone")
    before = job.path.read_bytes()
    with pytest.raises(st.TaskLockLostError, match="not held by this worker"):
        mark(job)
    assert job.path.read_bytes() == before


def test_r4_a_replaced_errors_is_told_from_a_takeover() -> None:
    """Where a framework holds the fields, what the library keeps is in `errors`."""
    job = ModelJob.new("1")
    job.mark_as_in_progress()
    job.errors = {"mine": True}
    before = dict(InMemory.stored)
    with pytest.raises(st.TaskLockLostError, match=r"its fence is 1 .* says 0, as when `errors` was replaced"):
        job.mark_as_succeeded()
    assert InMemory.stored == before
    again = ModelJob.load("1")
    assert again is not None
    again.mark_as_succeeded()
    assert again.status_name == "succeeded"


def test_r8_a_replaced_errors_is_not_stored_and_costs_nothing(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    job.mark_as_in_progress()
    job.errors = {"mine": True}
    job.mark_as_succeeded()
    assert (job.status_name, job.fence, job.errors) == ("succeeded", 1, {})
    assert jobs.load("1") == job


def pickled(job: FileJob) -> FileJob:
    again: FileJob = pickle.loads(pickle.dumps(job))  # noqa: S301  # our own bytes
    return again


@pytest.mark.parametrize("other", [copy.copy, pickled])
def test_r13_a_copy_of_a_tracker_is_as_good_as_the_tracker(
    jobs: type[FileJob], other: Callable[[FileJob], FileJob]
) -> None:
    job = jobs.new("1")
    job.mark_as_in_progress()
    copied = other(job)
    copied.extend_lock(1_000)
    copied = other(copied)
    copied.note = "mine"
    copied.dump()
    copied = other(copied)
    copied.mark_as_succeeded()
    stored = jobs.load("1")
    assert stored == copied
    assert (stored.status_name, stored.fence, stored.note) == ("succeeded", 1, "mine")


@pytest.mark.parametrize("act", [FileJob.update, FileJob.extend_lock], ids=["update", "extend"])
def test_r4_a_block_stores_nothing_of_another_object(jobs: type[FileJob], act: object) -> None:
    assert callable(act)
    job = jobs.new("1")
    with job.start():
        other = jobs.load("1")
        assert other is not None
        other.data["rows"] = 7
        before = job.path.read_bytes()
        with pytest.raises(RuntimeError, match="works on another object of this task: FileJob '1'"):
            act(other)
        assert job.path.read_bytes() == before
        assert other.data == {"rows": 7}
        job.data["rows"] = 1
        job.update()
    stored = jobs.load("1")
    assert stored is not None
    assert stored.data == {"rows": 1}


@pytest.mark.parametrize("itself", [True, False])
def test_r4_an_attempt_of_a_block_is_not_ended_by_hand(jobs: type[FileJob], itself: bool) -> None:
    job = jobs.new("1")
    with job.start():
        by_hand = job if itself else jobs.load("1")
        assert by_hand is not None
        for end in (by_hand.mark_as_succeeded, lambda: by_hand.mark_as_failed_or_exhausted(ValueError())):
            with pytest.raises(RuntimeError, match="The block"):
                end()
        job.data["rows"] = 1
    stored = jobs.load("1")
    assert stored is not None
    assert (stored.status_name, stored.data) == ("succeeded", {"rows": 1})


def test_actions_are_recorded(jobs: type[FileJob]) -> None:
    jobs.new("1")
    jobs.ignore("1", reason="a duplicate", by="ann")
    job = jobs.unignore("1", reason="it is none", by="bob")
    assert [(each["action"], each["reason"], each["by"]) for each in job.errors["actions"]] == [
        ("ignore", "a duplicate", "ann"),
        ("unignore", "it is none", "bob"),
    ]
    with pytest.raises(ValueError, match="reason is empty"):
        jobs.rerun("1", reason=" ")


def _failed(jobs: type[FileJob]) -> None:
    with pytest.raises(ValueError, match="mine"), jobs.new("1").start():
        raise ValueError("mine")


def _ignored(jobs: type[FileJob]) -> None:
    jobs.new("1")
    jobs.ignore("1", reason="a duplicate")


@pytest.mark.parametrize(
    ("action", "reach"),
    [
        ("rerun", _failed),
        ("ignore", _failed),
        ("cancel", _failed),
        ("unignore", _ignored),
        ("unlock", lambda jobs: jobs.new("1").mark_as_in_progress()),
    ],
)
def test_r11_an_action_with_the_same_request_id_happens_once(
    jobs: type[FileJob], action: str, reach: Callable[[type[FileJob]], object]
) -> None:
    reach(jobs)
    act = getattr(jobs, action)
    first = act("1", reason="asked for", by="ann", request_id="r-1")
    before = first.path.read_bytes()
    again = act("1", reason="asked for once more", by="bob", request_id="r-1")
    assert (again, first.path.read_bytes()) == (first, before)
    assert (again.errors["actions"][-1]["id"], again.errors["actions"][-1]["by"]) == ("r-1", "ann")
    with pytest.raises(ValueError, match="request_id has"):
        act("1", reason="asked for", request_id="x" * 1_000)


def test_r5_of_two_objects_of_one_attempt_the_one_whose_end_is_not_stored_learns_it(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    job.mark_as_in_progress()
    other = copy.deepcopy(job)
    other.mark_as_failed_or_exhausted(ValueError("no page"))
    with pytest.raises(st.TaskLockLostError, match="another object of this attempt has ended it already"):
        job.mark_as_succeeded()
    stored = jobs.load("1")
    assert stored is not None
    assert stored.status_name == "failed"


def test_r5_of_two_objects_of_one_attempt_that_update_each_is_stored_or_learns_it(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    job.mark_as_in_progress()
    for n in range(20):
        one, other = copy.deepcopy(job), copy.deepcopy(job)
        one.data, other.data = {"one": n}, {"other": n}
        one.update()
        latest = one
        with suppress(st.TaskLockLostError):
            other.update()
            latest = other
        stored = jobs.load("1")
        assert stored is not None
        assert stored.data == latest.data
        job = stored
    job.mark_as_succeeded()
