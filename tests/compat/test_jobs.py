"""Several jobs in one table: each is listed, counted and deleted by its exact name."""

from __future__ import annotations

from typing import Any

import pytest

from status_tracker import compat
from tests.support.clock import Clock


@pytest.fixture
def jobs(tracker: Any, clock: Clock) -> Any:
    """Tasks of three jobs whose names begin alike; "job" is that of the class."""
    for job_id in ("job", "job-2", "jo"):
        for nth in range(3):
            clock.advance(1)
            tracker.new(f"{job_id}-{nth}", job_id=job_id)
    return tracker


def test_the_parts_of_a_key(tracker: Any) -> None:
    assert tracker.make_key("t") == "job____t"
    assert tracker.make_key("t", "other") == "other____t"
    assert tracker.make_value(9) == tracker.make_value(compat.BaseStatusEnum("E", {"a": 9}).a) == "job____009"
    assert tracker.make_value(9, job_id="other") == "other____009"
    task = tracker.make("a____b", 0, job_id="other")
    assert (task.job_id, task.task_id, task.status) == ("other", "a____b", 0)


def test_a_job_is_counted_by_its_exact_name(jobs: Any) -> None:
    assert [jobs.count_items_by_job_id(job_id) for job_id in (None, "job-2", "jo", "j")] == [3, 3, 3, 0]


def test_a_job_is_deleted_by_its_exact_name(jobs: Any) -> None:
    assert (jobs.delete_all_by_job_id(), jobs.delete_all_by_job_id()) == (3, 0)
    assert [jobs.count_items_by_job_id(job_id) for job_id in ("job", "job-2", "jo")] == [0, 3, 3]
    assert jobs.delete_all_by_job_id("jo") == 3
    assert jobs.count_items_by_job_id("job-2") == 3


def test_a_job_is_listed_by_its_exact_name(jobs: Any) -> None:
    assert [task.task_id for task in jobs.query_by_status(0)] == ["job-0", "job-1", "job-2"]
    assert [task.task_id for task in jobs.query_by_status([0, 9], job_id="jo", limit=2)] == ["jo-0", "jo-1"]


def test_tasks_of_a_job_that_is_not_the_class_s_own(jobs: Any) -> None:
    task = jobs.get_one_or_none("job-2-0", job_id="job-2")
    assert task.is_item_exists()
    with task.start_job():
        task.set_data({"version": 2})
    assert [(each.job_id, each.data) for each in jobs.query_by_status(9, job_id="job-2", auto_refresh=True)] == [
        ("job-2", {"version": 2})
    ]
    assert jobs.query_by_status(9).all() == []
    assert jobs.new("job-2-0", job_id="job-2").run == 1
    assert jobs.get_one_or_none("job-2-0") is None


def test_a_part_of_a_task_is_read(jobs: Any) -> None:
    task = jobs.get_one_or_none("job-0", attributes_to_get=["key"])
    assert (task.task_id, task.status) == ("job-0", None)
    with task.start_job():
        pass
    assert task.status == 9


def test_r16_a_job_must_be_named(tracker: Any) -> None:
    tracker.JOB_ID = None
    for call in (
        lambda: tracker.new("t"),
        lambda: tracker.query_by_status(0),
        lambda: tracker.get_one_or_none("t"),
        tracker.delete_all_by_job_id,
        tracker.count_items_by_job_id,
    ):
        with pytest.raises(ValueError, match="no JOB_ID"):
            call()
    assert tracker.new("t", job_id="other").job_id == "other"


@pytest.mark.parametrize("job_id", ["", "a____b", "a_"])
def test_r16_job_ids_that_could_be_taken_for_another(tracker: Any, job_id: str) -> None:
    for call in (tracker.delete_all_by_job_id, tracker.count_items_by_job_id):
        with pytest.raises(ValueError, match="use_case_id"):
            call(job_id)
    with pytest.raises(ValueError, match="use_case_id"):
        tracker.new("t", job_id=job_id)


@pytest.mark.parametrize("task_id", ["", None, 7.5, "x" * 2048])
def test_r16_task_ids_that_cannot_be_stored(tracker: Any, task_id: Any) -> None:
    with pytest.raises(ValueError, match="task"):
        tracker.new(task_id)


def test_a_query_of_no_status(tracker: Any) -> None:
    with pytest.raises(ValueError, match="No status"):
        tracker.query_by_status([])


def test_a_tracker_without_index(tracker: Any) -> None:
    class Bare(compat.BaseStatusTracker):
        class Meta(tracker.Meta):  # type: ignore[misc, name-defined]
            pass

        JOB_ID = "job"

    with pytest.raises(ValueError, match="declares no index"):
        Bare.query_by_status(0)


@pytest.mark.parametrize("place", range(4))
def test_only_the_failed_code_may_be_the_default_status(tracker: Any, place: int) -> None:
    codes = [3, 6, 9, 10]
    codes[place] = tracker.DEFAULT_STATUS
    task = tracker.new("t")
    if place == 1:
        with pytest.raises(OSError, match="no page"), task.start(*codes):
            raise OSError("no page")
        assert (task.status, task.retry) == (0, 1)
        return
    with pytest.raises(ValueError, match="only failed may be pending"):
        task.start(*codes)
