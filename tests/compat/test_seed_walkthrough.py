"""A walk through the v5 spelling in one go, as a user of pynamodb_mate 5 would take it: only the import is new."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from status_tracker import compat
from tests.support.engines import Engine
from tests.support.steps import CREDENTIALS


class StatusEnum(compat.BaseStatusEnum):
    s00_todo = 0
    s03_in_progress = 3
    s06_failed = 6
    s09_success = 9
    s10_ignore = 10


@pytest.fixture
def tracker_class(engine: Engine) -> Iterator[Any]:
    class Tracker(compat.BaseStatusTracker):
        class Meta:
            table_name = "walk-through-v5"
            region = "us-east-1"
            billing_mode = compat.PAY_PER_REQUEST_BILLING_MODE
            host = engine.host
            aws_access_key_id = CREDENTIALS["aws_access_key_id"]
            aws_secret_access_key = CREDENTIALS["aws_secret_access_key"]

        status_and_update_time_index = compat.StatusAndUpdateTimeIndex()

        JOB_ID: str = "test-job"
        STATUS_ZERO_PAD = 3
        MAX_RETRY = 3
        LOCK_EXPIRE_SECONDS = 900
        DEFAULT_STATUS = StatusEnum.s00_todo.value
        STATUS_ENUM = StatusEnum

        def start_job(self, debug: bool = True) -> AbstractContextManager[Any]:
            return self.start(
                in_process_status=StatusEnum.s03_in_progress,
                failed_status=StatusEnum.s06_failed,
                success_status=StatusEnum.s09_success,
                ignore_status=StatusEnum.s10_ignore,
                debug=debug,
            )

    Tracker.create_table(wait=True)
    yield Tracker
    Tracker.delete_table()
    Tracker._get_connection().connection.client.close()


def test_the_walk_through(tracker_class: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="status_tracker")
    _success(tracker_class)
    _failure(tracker_class)
    _ignored_after_three_failures(tracker_class)
    _data_of_ones_own(tracker_class)
    _queries(tracker_class)
    assert sum("task succeeded" in line for line in caplog.messages) == 2


def _success(tracker_class: Any) -> None:
    tracker = tracker_class.new("t-1", data={"version": 1})
    assert tracker.to_dict()["data"] == {"version": 1}
    assert (tracker.status_name, tracker.is_locked(), tracker.is_item_exists()) == ("s00_todo", False, True)

    with tracker.start_job(debug=True):
        assert (tracker.status_name, tracker.is_locked()) == ("s03_in_progress", True)
        assert (tracker.to_dict()["lock"], tracker.data) == (tracker.lock, {"version": 1})
        tracker.set_data({"version": 2})

    assert (tracker.status_name, tracker.is_locked(), tracker.data) == ("s09_success", False, {"version": 2})
    tracker.refresh(consistent_read=True)
    assert (tracker.status_name, tracker.is_locked(), tracker.data) == ("s09_success", False, {"version": 2})


def _failure(tracker_class: Any) -> None:
    tracker = tracker_class.new("t-1", data={"version": 1})
    with pytest.raises(ValueError, match="something went wrong"), tracker.start_job(debug=True):
        assert tracker.status_name == "s03_in_progress"
        raise ValueError("something went wrong")
    assert (tracker.status_name, tracker.is_locked(), tracker.data) == ("s06_failed", False, {"version": 1})
    assert tracker.errors["error"] == "ValueError('something went wrong')"
    assert tracker.errors["traceback"].startswith("Traceback (most recent call last)")


def _ignored_after_three_failures(tracker_class: Any) -> None:
    tracker = tracker_class.new("t-1")
    assert (tracker.status, tracker.retry, tracker.data) == (0, 0, {})
    for nth, name in enumerate(("s06_failed", "s06_failed", "s10_ignore"), start=1):
        with pytest.raises(Exception, match=r"^$"), tracker.start_job():
            raise Exception  # noqa: TRY002  # as the seed does
        assert (tracker.status_name, tracker.retry) == (name, nth)
    with pytest.raises(compat.TaskIgnoredError), tracker.start_job():
        pytest.fail("it is ignored")


def _data_of_ones_own(tracker_class: Any) -> None:
    tracker = tracker_class.new("t-1")
    with tracker.start_job():
        tracker.data["custom_metrics"] = {"number of file processed": 100}
        tracker.set_data(tracker.data)
    tracker.refresh(consistent_read=True)
    assert tracker.to_dict()["data"] == {"custom_metrics": {"number of file processed": 100}}


def _queries(tracker_class: Any) -> None:
    for ith, status in enumerate(StatusEnum, start=1):
        tracker_class.make(task_id=f"t-{ith}", status=status.value, data={"status_code": status.value}).save()
    (tracker,) = tracker_class.query_by_status(StatusEnum.s09_success)
    assert (tracker.key, tracker.status, tracker.data) == ("test-job____t-4", 9, {})
    tracker.refresh()
    assert tracker.data == {"status_code": 9}
    (tracker,) = tracker_class.query_by_status(StatusEnum.s10_ignore, auto_refresh=True)
    assert tracker.to_dict()["data"] == {"status_code": 10}
