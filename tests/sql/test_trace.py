"""R17: what `debug=True` shows of a job: sqlalchemy_mate's words, each when it is true."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.support.clock import Clock

from .conftest import LEASE, Job, make_config, make_job_class

START = "----------------------------- ▶️ start Job 'job-1'------------------------------"
LOCKED = ["🔓Try to set status = 20 and lock the job 'job-1' ...", "  Successfully lock the job!"]


def end(status: int) -> str:
    return f"------------------------ ⏹️ end Job 'job-1' status = {status})------------------------"


@pytest.fixture
def engine() -> sa.Engine:
    return sa.create_engine("sqlite://")


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The lines since it was asked last."""
    caplog.set_level(logging.INFO, logger="status_tracker")

    def ask() -> list[str]:
        lines = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return lines

    return ask


def test_r17_a_success(job_class: type[Job], engine: sa.Engine, told: Callable[[], list[str]]) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with job_class.start(engine, "job-1", debug=True):
        assert told() == [START, *LOCKED]
    assert told() == ["✅ 🔐 job succeeded, set status = 40 and unlock the job.", end(40)]
    with pytest.raises(Exception, match="succeeded"), job_class.start(engine, "job-1", debug=True):
        pytest.fail("it was started")
    assert told() == [START, "❌ Job 'job-1' is already succeeded, do nothing."]


def test_r17_failures(job_class: type[Job], engine: sa.Engine, told: Callable[[], list[str]]) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    for what, status in [("failed", 30), ("failed", 30), ("failed 3 times already", 50)]:
        with job_class.start(engine, "job-1", debug=True, skip_error=True):
            told()
            raise ValueError
        assert told() == [f"❌ 🔐 job {what}, set status = {status} and unlock the job.", end(status)]
    with pytest.raises(Exception, match="ignored"), job_class.start(engine, "job-1", debug=True):
        pytest.fail("it was started")
    assert told() == [START, "❌ Job 'job-1' is ignored, do nothing."]


def test_r17_refusals(job_class: type[Job], engine: sa.Engine, told: Callable[[], list[str]]) -> None:
    def why(id: str = "job-1") -> str:  # noqa: A002
        told()
        with pytest.raises(Exception, match=id):
            job_class.start(engine, id, debug=True).__enter__()
        return told()[-1]

    assert why("job-9") == "❌ Job 'job-9' does not exist."
    job_class.create_and_save(engine, "job-1", 60)
    assert why() == "❌ Job 'job-1' status is 60, it is not any of the ready-to-start status."
    job_class.create_and_save(engine, "job-2", 10)
    with job_class.start(engine, "job-2"):
        assert why("job-2") == "❌ Job 'job-2' is locked."


def test_r17_a_lock_by_hand_and_start_next(
    job_class: type[Job], engine: sa.Engine, told: Callable[[], list[str]], clock: Clock
) -> None:
    job = job_class.create_and_save(engine, "job-1", 10)
    job.lock_it(engine, 20, debug=True)
    assert told() == LOCKED
    clock.advance(LEASE)
    with job_class.start_next(engine, debug=True):
        assert told() == [START, *LOCKED]


def test_r17_a_lost_lease_is_no_end(clock: Clock, engine: sa.Engine, told: Callable[[], list[str]]) -> None:
    job_class = make_job_class(clock, config=make_config(clock, max_retry=5))
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    job_class.create_and_save(engine, "job-1", 10)
    with pytest.raises(Exception, match="is not held"), job_class.start(engine, "job-1", debug=True):
        clock.advance(LEASE)
        job_class.start(engine, "job-1").__enter__()
        told()
    assert told() == [
        "❌ the lease was lost: another worker took the job over; nothing was stored.",
        "------------------------------ ⏹️ end Job 'job-1')------------------------------",
    ]
