"""A row that another transaction holds, perhaps one that the block itself has left open: nothing waits for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

import status_tracker as st
from status_tracker import get_utc_now

from .conftest import CODES, Job, make_job_class, stored

LEASE = 2.0
LONGEST = 30.0
"""Of a finish, in seconds, on a machine that is busy; who waits for the row itself waits until the test ends."""


@pytest.fixture
def waiting(engine: sa.Engine) -> Iterator[sa.Engine]:
    """An engine whose SQLite waits for a lock no longer than it must."""
    if engine.dialect.name != "sqlite":
        yield engine
        return
    short = sa.create_engine(engine.url, connect_args={"timeout": 0.2})
    yield short
    short.dispose()


@pytest.fixture
def job_class(waiting: sa.Engine) -> type[Job]:
    job_class = make_job_class(get_utc_now)
    job_class.metadata.create_all(waiting)  # type: ignore[attr-defined]
    job_class.create_and_save(waiting, "job-1", 10, {"n": 1})
    return job_class


@contextmanager
def holding(job_class: type[Job], engine: sa.Engine) -> Iterator[None]:
    """A session with an open transaction that has written the job's row."""
    with orm.Session(engine) as session:
        session.get_one(job_class, "job-1").note = "by the block's own session"
        session.flush()
        yield


def test_r6_a_success_is_not_waited_for_longer_than_the_lease(job_class: type[Job], waiting: sa.Engine) -> None:
    begun = time.monotonic()
    with (
        pytest.raises(st.StatusNotSavedError, match="another transaction holds the row"),
        job_class.start(waiting, "job-1", **CODES, expire=LEASE) as (_, updates),
    ):
        updates.set("data", {"n": 2})
        stack = holding(job_class, waiting)
        stack.__enter__()
    assert time.monotonic() - begun < LONGEST
    stack.__exit__(None, None, None)
    found = stored(job_class, waiting)
    assert (found.status, found.data, found.lock is None) == (20, {"n": 1}, False)


def test_r6_a_failure_says_that_it_could_not_be_recorded(job_class: type[Job], waiting: sa.Engine) -> None:
    begun = time.monotonic()
    with pytest.raises(ValueError, match="no page") as caught, job_class.start(waiting, "job-1", **CODES, expire=LEASE):
        stack = holding(job_class, waiting)
        stack.__enter__()
        raise ValueError("no page")
    stack.__exit__(None, None, None)
    assert time.monotonic() - begun < LONGEST
    assert "was not stored" in caught.value.__notes__[0]


def test_r6_it_is_stored_as_soon_as_the_row_is_free(job_class: type[Job], waiting: sa.Engine) -> None:
    held, over = threading.Event(), threading.Event()

    def hold_for_a_while() -> None:
        with holding(job_class, waiting):
            held.set()
            over.wait(1.0)

    holder = threading.Thread(target=hold_for_a_while)
    with job_class.start(waiting, "job-1", **CODES, expire=60) as (_, updates):
        updates.set("data", {"n": 2})
        holder.start()
        assert held.wait(30)
    holder.join()
    assert stored(job_class, waiting).data == {"n": 2}


def test_a_start_of_a_row_that_is_held_tells_so(job_class: type[Job], waiting: sa.Engine) -> None:
    begun = time.monotonic()
    with (
        holding(job_class, waiting),
        pytest.raises(sa.exc.OperationalError),
        job_class.start(waiting, "job-1", **CODES, expire=LEASE),
    ):
        pytest.fail("it was started")
    assert time.monotonic() - begun < LONGEST
    assert stored(job_class, waiting).status == 10


def test_a_creation_does_not_wait_for_the_same_job_in_an_open_session(
    job_class: type[Job], waiting: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("status_tracker.sql.waiting.LONGEST_SECONDS", 0.2)
    with orm.Session(waiting) as session:
        session.add(job_class.create("job-2", 10))
        session.flush()
        with pytest.raises(sa.exc.OperationalError):
            job_class.create_and_save(waiting, "job-2", 10)


def test_the_wait_of_the_users_own_transactions_is_theirs(job_class: type[Job], waiting: sa.Engine) -> None:
    """The bound ends with our transaction, though the connection goes back to the pool."""
    asked = {
        "postgresql": "SHOW lock_timeout",
        "mysql": "SELECT @@innodb_lock_wait_timeout",
        "sqlite": "PRAGMA busy_timeout",
    }
    with waiting.connect() as connection:
        before = connection.scalar(sa.text(asked[waiting.dialect.name]))
    with job_class.start(waiting, "job-1", **CODES, expire=LEASE):
        pass
    with waiting.connect() as connection:
        assert connection.scalar(sa.text(asked[waiting.dialect.name])) == before
