"""Classes, engines and data that cannot work: refused at once, with what to do."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import StaticPool

import status_tracker as st
from status_tracker.sql import JobMixin
from tests.support.clock import Clock

from .conftest import LEASE, Job, make_config, make_job_class, stored

# Classes


def test_a_job_of_two_tables_is_refused_where_it_is_defined(clock: Clock) -> None:
    parent = make_job_class(clock, config=make_config(clock), __mapper_args__={"polymorphic_identity": "job"})
    body = {"__tablename__": "pdf", "id": orm.mapped_column(sa.ForeignKey("job.id"), primary_key=True)}
    with pytest.raises(TypeError, match=r"Pdf has a table of its own beside Job's.*single-table inheritance"):
        type("Pdf", (parent,), body)


def test_a_job_that_extends_a_table_of_the_users_is_refused_too() -> None:
    class Base(orm.DeclarativeBase):
        pass

    class Node(Base):
        __tablename__ = "node"
        id: orm.Mapped[str] = orm.mapped_column(primary_key=True)

    with pytest.raises(TypeError, match="has a table of its own beside Node's"):
        type(
            "Task",
            (JobMixin, Node),
            {"__tablename__": "task", "id": orm.mapped_column(sa.ForeignKey("node.id"), primary_key=True)},
        )


def test_a_kind_of_job_in_the_same_table_works(engine: sa.Engine, clock: Clock) -> None:
    kind = orm.mapped_column(sa.String(20), default="job")
    mapper = {"polymorphic_on": kind, "polymorphic_identity": "job"}
    parent = make_job_class(clock, config=make_config(clock), kind=kind, __mapper_args__=mapper)
    pdf: Any = type("Pdf", (parent,), {"__mapper_args__": {"polymorphic_identity": "pdf"}})
    parent.metadata.create_all(engine)  # type: ignore[attr-defined]
    parent.create_and_save(engine, "job-1", 10)
    pdf.create_and_save(engine, "pdf-1", 10)
    with pdf.start_next(engine) as (job, updates):
        assert isinstance(job, pdf)
        updates.set("note", "read")
    assert isinstance(stored(parent, engine, "pdf-1"), pdf)
    assert (stored(parent, engine, "pdf-1").status, stored(parent, engine).status) == (40, 10)


# Engines


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="a database for each thread"),
        pytest.param({"poolclass": StaticPool, "connect_args": {"check_same_thread": True}}, id="one thread only"),
    ],
)
def test_r12_a_heartbeat_that_can_never_renew_is_refused_at_the_start(clock: Clock, settings: dict[str, Any]) -> None:
    engine = sa.create_engine("sqlite://", **settings)
    job_class = make_job_class(clock, config=make_config(clock))
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    job_class.create_and_save(engine, "job-1", 10)
    for block in (job_class.start(engine, "job-1", heartbeat=LEASE / 3), job_class.start_next(engine, heartbeat=1)):
        with pytest.raises(ValueError, match=r"heartbeat= renews the lease from a thread.*StaticPool"), block:
            pytest.fail("it was started")
    assert stored(job_class, engine).status == 10
    with job_class.start(engine, "job-1") as (_, updates):
        updates.extend_lock()  # from this thread it can
    engine.dispose()
    gc.collect()


def test_r12_in_memory_it_renews_as_the_error_says(clock: Clock) -> None:
    engine = sa.create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    job_class = make_job_class(clock, config=make_config(clock))
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    job_class.create_and_save(engine, "job-1", 10)
    with job_class.start(engine, "job-1", heartbeat=1) as (job, _):
        assert job.status == 20
    engine.dispose()


# Data


def nested(depth: int) -> Any:
    data: Any = 1
    for _ in range(depth):
        data = [data]
    return data


@pytest.mark.parametrize("depth", [501, 985, 100_000])
def test_r10_data_that_is_nested_too_deep_to_be_read_again_is_refused(
    job_class: type[Job], engine: sa.Engine, depth: int
) -> None:
    with pytest.raises(ValueError, match="nested more than 500 deep"):
        job_class.create_and_save(engine, "job-1", 10, nested(depth))
    job_class.create_and_save(engine, "job-1", 10, {"n": 1})
    with pytest.raises(ValueError, match="nested more than 500"), job_class.start(engine, "job-1") as (_, updates):
        updates.set("data", nested(depth))
    assert (stored(job_class, engine).status, stored(job_class, engine).data) == (30, {"n": 1})


@pytest.mark.parametrize("depth", [985, 2_000])
def test_r10_set_on_the_job_itself_it_fails_the_attempt(job_class: type[Job], engine: sa.Engine, depth: int) -> None:
    job_class.create_and_save(engine, "job-1", 10, {"n": 1})
    with pytest.raises((ValueError, st.TaskExecutionError)), job_class.start(engine, "job-1") as (job, _):
        job.data = nested(depth)
    job = stored(job_class, engine)
    assert (job.status, job.data, job.lock) == (30, {"n": 1}, None)


def test_r10_data_nested_30_deep_is_stored_everywhere(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10, nested(30))
    assert stored(job_class, engine).data == nested(30)


@pytest.fixture
def jsonb(postgres: sa.Engine, clock: Clock) -> type[Job]:
    columns = {name: orm.mapped_column(postgresql.JSONB, nullable=True) for name in ("data", "errors")}
    job_class = make_job_class(clock, config=make_config(clock), **columns)
    job_class.metadata.create_all(postgres)  # type: ignore[attr-defined]
    job_class.create_and_save(postgres, "job-1", 10, {"n": 1})
    return job_class


@pytest.mark.parametrize("text", ["\0", "\ud800", "a\udcff.pdf"])
def test_r8_a_failure_of_any_text_is_recorded_in_jsonb(jsonb: type[Job], postgres: sa.Engine, text: str) -> None:
    with pytest.raises(ValueError, match="name"), jsonb.start(postgres, "job-1"):
        raise ValueError(f"name {text}")
    job = stored(jsonb, postgres)
    assert (job.status, job.lock, len(job.errors["history"])) == (30, None, 1)
    jsonb.rerun(postgres, "job-1", reason=f"again {text}", by=text)
    assert stored(jsonb, postgres).errors["actions"][0]["reason"].startswith("again")


@pytest.mark.parametrize("text", ["\0", "\ud800", "a\udcff.pdf"])
def test_r10_data_that_jsonb_cannot_hold_is_refused(jsonb: type[Job], postgres: sa.Engine, text: str) -> None:
    for data in ({"name": text}, {text: 1}, [["\\u0000", text]]):
        with pytest.raises(ValueError, match="JSONB column cannot hold"):
            jsonb.create_and_save(postgres, "job-2", 10, data)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="JSONB column"), jsonb.start(postgres, "job-1") as (_, updates):
            updates.set("data", data)
        jsonb.rerun(postgres, "job-1", reason="again")
    job = stored(jsonb, postgres)
    assert (job.status, job.data) == (10, {"n": 1})
    with jsonb.start(postgres, "job-1") as (_, updates):
        updates.set("data", {"name": "\\u0000 \\ud800 ä 🧾"})
    assert stored(jsonb, postgres).data == {"name": "\\u0000 \\ud800 ä 🧾"}


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_r8_set_on_the_job_itself_it_fails_the_attempt_and_leaves_nothing_in_progress(
    jsonb: type[Job], postgres: sa.Engine, text: str
) -> None:
    with (
        pytest.raises(ValueError, match="which a JSONB column cannot hold"),
        jsonb.start(postgres, "job-1") as (job, _),
    ):
        job.data = {"name": text}
    assert (stored(jsonb, postgres).status, stored(jsonb, postgres).data) == (30, {"n": 1})


@pytest.mark.parametrize("text", ["\ud800", "a\udcff.pdf"])
def test_r10_other_json_columns_hold_half_of_a_surrogate_pair_but_those_of_mariadb(
    job_class: type[Job], engine: sa.Engine, text: str
) -> None:
    job_class.create_and_save(engine, "job-1", 10, {"n": 1})
    if engine.dialect.name == "mysql":
        with pytest.raises(st.TaskTransactionError), job_class.start(engine, "job-1") as (_, updates):
            updates.set("data", {"name": text})
        assert (stored(job_class, engine).status, stored(job_class, engine).data) == (30, {"n": 1})
        return
    with job_class.start(engine, "job-1") as (_, updates):
        updates.set("data", {"name": text})
    assert stored(job_class, engine).data == {"name": text}


def test_r14_a_hook_of_the_users_that_raises_fails_the_attempt(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)

    def raising(*_: Any) -> None:
        raise LookupError("the audit is full")

    with pytest.raises(st.TaskTransactionError, match="audit"), job_class.start(engine, "job-1") as (_, updates):
        updates.also(sa.text("SELECT 1"))
        sa.event.listen(engine, "before_cursor_execute", raising, once=True)
    assert (stored(job_class, engine).status, stored(job_class, engine).lock) == (30, None)
