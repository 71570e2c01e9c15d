"""The walk-through of `sqlalchemy_mate`'s own documentation, with the import changed."""

from __future__ import annotations

import enum
import inspect
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from status_tracker import sql as status_tracker
from status_tracker.sql import JobMixin


class StatusEnum(int, enum.Enum):
    pending = 10
    in_progress = 20
    failed = 30
    succeeded = 40
    ignored = 50


class CustomError(Exception):
    pass


@pytest.fixture
def job_class(engine: sa.Engine) -> Any:
    base = orm.declarative_base()

    class Job(base, status_tracker.JobMixin):  # type: ignore[misc, valid-type]
        __tablename__ = "sqlalchemy_mate_status_tracker_job"

        @classmethod
        def start_job(cls, id: str, skip_error: bool = False, debug: bool = False) -> Any:  # noqa: A002
            return cls.start(
                engine=engine,
                id=id,
                in_process_status=StatusEnum.in_progress.value,
                failed_status=StatusEnum.failed.value,
                success_status=StatusEnum.succeeded.value,
                ignore_status=StatusEnum.ignored.value,
                expire=15,
                max_retry=3,
                skip_error=skip_error,
                debug=debug,
            )

    base.metadata.create_all(engine)
    with orm.Session(engine) as ses:
        for number in (1, 2, 3):
            Job.create_and_save(
                engine_or_session=ses, id=f"job-{number}", status=StatusEnum.pending.value, data={"version": 0}
            )
    return Job


def get(job_class: Any, engine: sa.Engine, id: str) -> Any:  # noqa: A002
    with orm.Session(engine) as ses:
        return ses.get(job_class, id)


def test_a_job_that_succeeds(job_class: Any, engine: sa.Engine) -> None:
    with job_class.start_job(id="job-1", debug=True) as (job, updates):
        updates.set(key="data", value={"version": job.data["version"] + 1})

    job = get(job_class, engine, "job-1")
    assert (job.status, job.data, job.retry, job.lock) == (StatusEnum.succeeded.value, {"version": 1}, 0, None)
    with pytest.raises(status_tracker.JobAlreadySucceededError), job_class.start_job(id="job-1"):
        pytest.fail("it was started")


def test_a_job_that_fails(job_class: Any, engine: sa.Engine) -> None:
    with pytest.raises(CustomError), job_class.start_job(id="job-2", debug=True) as (job, updates):
        updates.set(key="data", value={"version": job.data["version"] + 1})
        raise CustomError("something wrong in job-2")

    job = get(job_class, engine, "job-2")
    assert (job.status, job.data, job.retry, job.lock) == (StatusEnum.failed.value, {"version": 0}, 1, None)
    assert job.errors["error"] == "CustomError('something wrong in job-2')"
    assert "CustomError: something wrong in job-2" in job.errors["traceback"]
    assert [entry["error"] for entry in job.errors["history"]] == [job.errors["error"]]


def test_a_job_that_fails_too_often(job_class: Any, engine: sa.Engine) -> None:
    for nth in ("first", "second", "third"):
        with pytest.raises(CustomError), job_class.start_job(id="job-3", debug=True):
            raise CustomError(f"something wrong in job-3 {nth} attempts")
    with pytest.raises(status_tracker.JobIgnoredError), job_class.start_job(id="job-3", debug=True):
        pytest.fail("it was started")

    job = get(job_class, engine, "job-3")
    assert (job.status, job.retry) == (StatusEnum.ignored.value, 3)
    assert "third" in job.errors["error"]
    assert len(job.errors["history"]) == 3


def test_many_new_jobs_in_one_session(job_class: Any, engine: sa.Engine) -> None:
    with orm.Session(engine) as ses:
        for number in (4, 5):
            ses.add(job_class.create(id=f"job-{number}", status=StatusEnum.pending, data={"version": 0}))
        ses.commit()
    assert [job.id for job in job_class.query_by_status(engine, StatusEnum.pending)] == [
        f"job-{n}" for n in range(1, 6)
    ]


SIGNATURES = {
    "create": "id, status, data=None, **kwargs",
    "create_and_save": "engine_or_session, id, status, data=None, **kwargs",
    "is_locked": "self, expire",
    "lock_it": "self, engine_or_session, in_progress_status, debug=False",
    "update": "self, engine_or_session, updates",
    "start": "engine, id, pending_status, in_progress_status, failed_status, succeeded_status, ignored_status, expire, "
    "max_retry, more_pending_status=None, traceback_stack_limit=10, skip_error=False, debug=False",
    "query_by_status": "engine_or_session, status, limit=10, older_task_first=True",
}
"""Those of sqlalchemy_mate 2.0.0.3."""


@pytest.mark.parametrize("name", SIGNATURES)
def test_each_signature_of_sqlalchemy_mate_is_the_beginning_of_ours(name: str) -> None:
    theirs = SIGNATURES[name].split(", ")
    ours = inspect.signature(getattr(JobMixin, name)).parameters.values()
    beginning = [each for each in ours if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert len(beginning) == len(theirs)
    for parameter, text in zip(beginning, theirs, strict=True):
        named, _, default = text.partition("=")
        assert str(parameter).split(":")[0] == named
        if default:
            assert repr(parameter.default) == default


def test_a_missing_job_is_a_value_error_as_it_was(job_class: Any) -> None:
    with pytest.raises(ValueError, match="job-9"), job_class.start_job(id="job-9"):
        pytest.fail("it was started")
