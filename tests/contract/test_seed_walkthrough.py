"""A walk through the library in one go, as a newcomer from pynamodb_mate would take it: only the import is new."""

from __future__ import annotations

import logging
from typing import Any

import pynamodb.constants
import pytest

import status_tracker as st
from tests.support.engines import Engine
from tests.support.steps import CREDENTIALS


class Step1StatusEnum(st.BaseStatusEnum):
    pending = 10
    in_progress = 20
    failed = 30
    succeeded = 40
    ignored = 50


class Step2StatusEnum(st.BaseStatusEnum):
    pending = 40
    in_progress = 70
    failed = 80
    succeeded = 90
    ignored = 100


class UserError(Exception):
    pass


def _config(statuses: type[st.BaseStatusEnum]) -> st.TrackerConfig:
    return st.TrackerConfig.make(
        use_case_id="test",
        pending_status=statuses.pending.value,
        in_progress_status=statuses.in_progress.value,
        failed_status=statuses.failed.value,
        succeeded_status=statuses.succeeded.value,
        ignored_status=statuses.ignored.value,
        n_pending_shard=5,
        n_in_progress_shard=5,
        n_failed_shard=5,
        n_succeeded_shard=10,
        n_ignored_shard=5,
        status_zero_pad=3,
        status_shard_zero_pad=3,
        max_retry=3,
        lock_expire_seconds=60,
    )


@pytest.fixture
def models(engine: Engine) -> Any:
    class Task(st.BaseTask):
        class Meta:
            table_name = "walk-through"
            region = "us-east-1"
            billing_mode = pynamodb.constants.PAY_PER_REQUEST_BILLING_MODE
            host = engine.host
            aws_access_key_id = CREDENTIALS["aws_access_key_id"]
            aws_secret_access_key = CREDENTIALS["aws_secret_access_key"]

        status_and_update_time_index = st.StatusAndUpdateTimeIndex()

    class Step1(Task):
        status_and_update_time_index = st.StatusAndUpdateTimeIndex()
        config = _config(Step1StatusEnum)

    class Step2(Task):
        status_and_update_time_index = st.StatusAndUpdateTimeIndex()
        config = _config(Step2StatusEnum)

    Task.create_table(wait=True)
    yield Task, Step1, Step2
    Task.delete_table()
    Task._get_connection().connection.client.close()


def test_the_walk_through(models: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="status_tracker")
    task, step1, step2 = models
    _status_codes()
    assert task.delete_all() == 0
    _first_step(step1)
    _second_step(step2)
    _lock(step1)
    _too_many_failures(step1)
    _queries(step1)


def _status_codes() -> None:
    assert Step1StatusEnum.value_to_name(10) == "pending"
    assert Step1StatusEnum.pending.status_name == "pending"
    assert Step1StatusEnum.pending.values() == [10, 20, 30, 40, 50]
    assert Step1StatusEnum.from_value(20) is Step1StatusEnum.in_progress


def _first_step(step1_class: Any) -> None:
    step1 = step1_class.make_and_save(task_id="t-1", data={"version": 1})
    assert {"key", "value", "status", "create_time", "update_time", "retry", "lock", "data"} <= set(step1.to_dict())
    assert (step1.status_name, step1.is_locked()) == ("pending", False)

    exec_ctx: st.ExecutionContext[Any]
    with step1_class.start("t-1", debug=True) as exec_ctx:
        assert (exec_ctx.task.status_name, exec_ctx.task.is_locked()) == ("in_progress", True)
        exec_ctx.set_data({"version": 1})

    step1 = step1_class.get_one_or_none(task_id="t-1")
    assert (step1.status_name, step1.is_locked(), step1.retry) == ("succeeded", False, 0)
    assert (step1.data, step1.errors) == ({"version": 1}, {"history": []})
    assert step1.create_time < step1.update_time
    assert step1.create_time.utcoffset().total_seconds() == 0

    with pytest.raises(st.TaskIsNotReadyToStartError), step1_class.start("t-1", debug=False):
        pytest.fail("it has succeeded")
    with (
        pytest.raises(st.TaskAlreadySucceedError, match="is already succeeded"),
        step1_class.start("t-1", detailed_error=True, debug=False),
    ):
        pytest.fail("it has succeeded")


def _second_step(step2_class: Any) -> None:
    step2 = step2_class.get_one_or_none(task_id="t-1")
    assert (step2.status_name, step2.is_locked()) == ("pending", False)

    with pytest.raises(UserError, match="something is wrong!"), step2_class.start("t-1", debug=True) as exec_ctx:
        exec_ctx.set_data({"version": 2})
        raise UserError("something is wrong!")
    step2 = step2_class.get_one_or_none(task_id="t-1")
    assert (step2.status_name, step2.is_locked(), step2.data) == ("failed", False, {"version": 1})

    with pytest.raises(UserError), step2_class.start("t-1", debug=True) as exec_ctx:
        exec_ctx.set_data({"version": 2})
        exec_ctx.update()
        raise UserError("something is wrong!")
    step2 = step2_class.get_one_or_none(task_id="t-1")
    assert (step2.status_name, step2.is_locked(), step2.data) == ("failed", False, {"version": 2})

    with step2_class.start("t-1", debug=True) as exec_ctx:
        exec_ctx.set_data({"version": 3})
    step2 = exec_ctx.task
    assert (step2.status_name, step2.is_locked(), step2.data) == ("succeeded", False, {"version": 3})
    assert step2_class.get_one_or_none("t-1").data == {"version": 3}


def _lock(step1_class: Any) -> None:
    step1_class.make_and_save(task_id="t-2", data={"version": 0})
    with step1_class.start("t-2", debug=True):
        with (
            pytest.raises(st.TaskLockedError),
            step1_class.start("t-2", detailed_error=True, debug=True),
        ):
            pytest.fail("another worker holds it")
        step1 = step1_class.get_one_or_none(task_id="t-2")
        assert (step1.status_name, step1.is_locked()) == ("in_progress", True)
    step1 = step1_class.get_one_or_none(task_id="t-2")
    assert (step1.status_name, step1.is_locked()) == ("succeeded", False)


def _too_many_failures(step1_class: Any) -> None:
    step1_class.make_and_save(task_id="t-3")
    for nth, status_name in enumerate(("failed", "failed", "ignored"), start=1):
        with pytest.raises(UserError), step1_class.start(task_id="t-3", debug=True):
            raise UserError
        step1 = step1_class.get_one_or_none(task_id="t-3")
        assert (step1.status_name, step1.retry, len(step1.errors["history"])) == (status_name, nth, nth)
    with (
        pytest.raises(st.TaskIgnoredError, match=r"Task\(use_case_id='test', task_id='t-3'\) is ignored"),
        step1_class.start(task_id="t-3", detailed_error=True, debug=True),
    ):
        pytest.fail("it is ignored")


def _queries(step1_class: Any) -> None:
    step1_class.delete_all()
    with step1_class.batch_write() as batch:
        for ith, status in enumerate(Step1StatusEnum, start=1):
            batch.save(step1_class.make(task_id=f"t-{ith}", _status=status.value, data={"status_code": status.value}))

    (step1,) = step1_class.query_by_status(status=Step1StatusEnum.succeeded)
    assert step1.data == {}
    step1.refresh()
    assert step1.data == {"status_code": 40}
    (step1,) = step1.query_by_status(Step1StatusEnum.ignored, auto_refresh=True)
    assert step1.data == {"status_code": 50}

    listed = []
    for shard_id in range(1, 11):
        value = step1_class.make_value(status=Step1StatusEnum.succeeded.value, _shard_id=shard_id)
        listed += step1_class.status_and_update_time_index.query(hash_key=value)
    for step1 in listed:
        step1.refresh()
    assert [step1.to_dict()["data"] for step1 in listed] == [{"status_code": 40}]
