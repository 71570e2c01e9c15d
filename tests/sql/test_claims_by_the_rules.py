"""`start_next` gives the job that the rules give, as they change it: whether in one statement, or after reading it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import orm

from status_tracker.core.lifecycle import Lifecycle, TryWrite
from status_tracker.core.port import Special
from status_tracker.sql.expressions import columns_of, state_of
from status_tracker.sql.store import new

from .conftest import LEASE, Job, make_config, make_job_class

PENDING, IN_PROGRESS, FAILED, SUCCEEDED, IGNORED, ELSEWHERE = 10, 20, 30, 40, 50, 77
AROUND = (-LEASE - 1, -LEASE, -1, 0, 1, LEASE)
"""Seconds from the present moment, at which leases and pauses end."""

moments = st.none() | st.sampled_from(AROUND)
rows = st.fixed_dictionaries(
    {
        "status": st.sampled_from([PENDING, IN_PROGRESS, FAILED, SUCCEEDED, IGNORED, ELSEWHERE]),
        "age": st.integers(-1, 2),
        "retry": st.integers(0, 3),
        "lock": st.sampled_from([None, None, "other"]),
        "locked": st.sampled_from(AROUND[:3]),
        "expires": moments,
        "not_before": moments,
        "fence": st.sampled_from([None, 0, 7]),
        "run_number": st.sampled_from([None, 2]),
        "finished_locks": st.sampled_from([None, "", "a,=b,c"]),
        "vanished_locks": st.sampled_from([None, "d,e"]),
        "update_count": st.sampled_from([None, 3]),
        "errors": st.sampled_from(
            [None, {}, {"history": [{"error": "oh", "update_time": "2025-01-01T00:00:00+00:00"}]}]
        ),
        "broken": st.sampled_from([False, False, False, True]),
    }
)
tables = st.lists(rows, max_size=5)


def after(now: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)


NOW = datetime(2026, 1, 1, tzinfo=UTC)


class StillClock:
    """Time does not pass, nor while somebody waits."""

    def __call__(self) -> datetime:
        return NOW

    def sleep(self, seconds: float) -> None:
        """At once."""


@pytest.fixture
def still(engine: sa.Engine) -> type[Job]:
    clock = StillClock()
    job_class = make_job_class(clock, config=make_config(clock))
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    return job_class


def fill(job_class: type[Job], engine: sa.Engine, now: datetime, table: Iterable[Mapping[str, Any]]) -> None:
    with orm.Session(engine) as session:
        session.execute(sa.delete(job_class))
        for number, row in enumerate(table):
            job = job_class.create(f"job-{number}", row["status"])
            job.update_at = job.create_at = now - timedelta(seconds=row["age"])
            job.lock_at = now + timedelta(seconds=row["locked"])
            job.lock_expire_at, job.not_before = after(now, row["expires"]), after(now, row["not_before"])
            for name in ("retry", "lock", "fence", "run_number", "finished_locks", "vanished_locks", "update_count"):
                setattr(job, name, row[name])
            job.errors = [1] if row["broken"] else row["errors"]  # type: ignore[assignment]
            session.add(job)
        session.commit()


def everything(job_class: type[Job], engine: sa.Engine) -> dict[str, dict[str, Any]]:
    columns = sa.inspect(job_class, raiseerr=True).columns
    with engine.connect() as connection:
        found = [dict(row) for row in connection.execute(sa.select(*columns)).mappings()]
    return {row["id"]: row for row in found}


def by_the_rules(
    job_class: type[Job], before: Mapping[str, Mapping[str, Any]], token: str
) -> tuple[str | None, dict[str, dict[str, Any]]]:
    """What `start_next` gives, and what is stored then."""
    expected = {name: dict(row) for name, row in before.items()}
    config = make_config(StillClock())
    for name, row in sorted(expected.items(), key=lambda item: (item[1]["update_at"], item[0])):
        if not isinstance(row["errors"], dict | None):
            continue
        rules = Lifecycle(config, "job", name, startable=(PENDING, FAILED))
        state = state_of(new(job_class, row))
        verdict = rules.judge(state, token, NOW, timedelta(seconds=LEASE))
        if not isinstance(verdict, TryWrite):
            continue
        changes = dict(verdict.write.changes)
        if changes.get("fence") is Special.INCREMENT:
            changes["fence"] = state.fence + 1
        row.update(columns_of(job_class, changes))
        if verdict.error is None:
            return name, expected
    return None, expected


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables)
def test_it_is_what_the_rules_say(still: type[Job], engine: sa.Engine, table: list[Mapping[str, Any]]) -> None:
    fill(still, engine, NOW, table)
    before = everything(still, engine)
    block = still.start_next(engine)
    job, updates = block.__enter__()
    found = everything(still, engine)
    token = "nobody" if job is None else str(job.lock)
    claimed, expected = by_the_rules(still, before, token)
    assert (job and job.id) == claimed
    assert without_given_up(found) == without_given_up(expected)
    if job is not None:
        assert {name: getattr(job, name) for name in found[job.id]} == found[job.id]
        assert updates.fence == found[job.id]["fence"]
        block.__exit__(None, None, None)
        end = everything(still, engine)[job.id]
        assert (end["status"], end["lock"], end["retry"]) == (SUCCEEDED, None, 0)


def without_given_up(table: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Without the token that has set a job aside, which is known to nobody afterwards."""
    return {
        name: {column: value for column, value in row.items() if row["status"] != IGNORED or column != "finished_locks"}
        for name, row in table.items()
    }
