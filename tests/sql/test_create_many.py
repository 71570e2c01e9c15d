"""R11 in SQL: many jobs in a statement, and the same as if each had been created by itself."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc, orm
from sqlalchemy.ext.asyncio import create_async_engine

from status_tracker import TasksNotCreatedError
from status_tracker.creating import CreateOutcome, CreateResult, Found
from status_tracker.sql import JobMixin
from status_tracker.sql.creating import CHUNK
from tests.support.clock import Clock

from .conftest import Job, Log, make_config, make_job_class, stored


def told(job_class: Any, engine: sa.Engine, jobs: Any) -> tuple[CreateResult[Any], list[CreateOutcome[Any]]]:
    """The result, also if not all were created, and what was told of each."""
    outcomes: list[CreateOutcome[Any]] = []
    try:
        return job_class.create_many(engine, jobs, each=outcomes.append), outcomes
    except TasksNotCreatedError as error:
        return error.result, outcomes


def test_r11_they_are_created_in_few_statements(job_class: type[Job], engine: sa.Engine, log: Log) -> None:
    ids = [f"job-{number}" for number in range(2 * CHUNK)]
    log.verbs()
    assert job_class.create_many(engine, ids).created == len(ids)
    who_was_first = ["SELECT"] if engine.dialect.name == "mysql" else []  # elsewhere the INSERT answers it
    assert log.verbs() == [*log.insert, *who_was_first, "COMMIT"] * 2
    for known in (ids[0], ids[CHUNK], ids[-1]):
        assert job_class.rerun(engine, known, reason="to see it work").status == 10
    again, outcomes = told(job_class, engine, ["job-x", *ids])
    assert (again.created, again.existed) == (1, len(ids))
    assert [each.task_id for each in outcomes if each.found is Found.CREATED] == ["job-x"]


def test_r11_a_job_that_breaks_another_constraint_is_told_and_keeps_none_from_being_created(
    job_class: type[Job], engine: sa.Engine
) -> None:
    job_class.create_and_save(engine, "first", 10, note="taken")
    jobs = [job_class.create(f"job-{number}", 40, {"n": number}, note=f"note {number}") for number in range(20)]
    jobs[7].note = "taken"
    result, outcomes = told(job_class, engine, jobs)
    assert (result.created, result.existed, result.failed) == (19, 0, 1)
    assert [(each.task_id, type(each.error)) for each in result.troubles] == [("job-7", exc.IntegrityError)]
    assert outcomes[7].error is result.troubles[0].error
    job = stored(job_class, engine, "job-8")
    assert (job.status, job.data, job.note) == (40, {"n": 8}, "note 8")
    assert job_class.count_by_status(engine) == {10: 1, 40: 19}
    assert stored(job_class, engine, "first").note == "taken"


def test_r11_a_value_that_the_driver_refuses_fails_its_own_job_only(job_class: type[Job], engine: sa.Engine) -> None:
    jobs = [job_class.create(f"job-{number}", 10, note={} if number == 7 else str(number)) for number in range(20)]
    result, _ = told(job_class, engine, jobs)
    assert (result.created, [each.task_id for each in result.troubles]) == (19, ["job-7"])


def test_r11_a_part_that_was_stored_before_it_failed_is_told_as_created(
    job_class: type[Job], engine: sa.Engine
) -> None:
    job_class.create_and_save(engine, "first", 10, note="taken")
    jobs = [job_class.create(f"job-{number}", 10, note="taken" if number == 7 else None) for number in range(20)]
    result, _ = told(job_class, engine.execution_options(isolation_level="AUTOCOMMIT"), jobs)
    assert (result.created, result.existed, result.failed) == (19, 0, 1)


def test_r11_what_is_told_is_the_stored_job(engine: sa.Engine, clock: Clock) -> None:
    kind = orm.mapped_column(sa.String(8), default="plain")
    job_class: Any = make_job_class(clock, config=make_config(clock), kind=kind)
    job_class.metadata.create_all(engine)
    jobs = [job_class.create("a", 10, note="mine"), "b"]
    result, outcomes = told(job_class, engine, jobs)
    job: Any = outcomes[0].task
    assert (result.created, job.note, job.fence) == (2, "mine", None)
    with orm.Session(engine, expire_on_commit=False) as session:
        session.add(job)
        assert job.kind == "plain"
        job.note = "changed"
        refused, _ = told(job_class, engine, jobs)
        assert (refused.existed, [str(each.error) for each in refused.troubles]) == (
            1,
            ["The job 'a' is in a session: let that store it, or expunge it first."],
        )
        session.commit()
    token = stored(job_class, engine, "a").create_token
    assert told(job_class, engine, jobs)[0].existed == 2  # the same call again
    assert (stored(job_class, engine, "a").note, stored(job_class, engine, "a").create_token) == ("changed", token)


def test_r11_jobs_of_a_subclass_keep_their_own_columns(clock: Clock, tmp_path: Any) -> None:
    kind, arguments = orm.mapped_column(sa.String(8)), {"polymorphic_on": "kind", "polymorphic_identity": "job"}
    job_class: Any = make_job_class(clock, config=make_config(clock), kind=kind, __mapper_args__=arguments)
    address = orm.mapped_column(sa.String(20), nullable=True)
    letter: Any = type(
        "Letter", (job_class,), {"address": address, "__mapper_args__": {"polymorphic_identity": "letter"}}
    )
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'jobs.db'}")
    job_class.metadata.create_all(engine)
    letters = [letter.create(job_id, 10, address="Bern") for job_id in ("a", "b")]
    assert job_class.create_many(engine, ["c", *letters]).created == 3
    with orm.Session(engine) as session:
        assert session.scalars(sa.select(letter.address)).all() == ["Bern", "Bern"]
    assert job_class.create_many(engine, letters).existed == 2  # by themselves, too
    engine.dispose()


def test_r11_columns_of_ones_own_may_be_set_for_some(job_class: type[Job], engine: sa.Engine) -> None:
    with_note = job_class.create("b", 10, note="its own")
    assert job_class.create_many(engine, ["a", with_note, ("c", {"n": 3})]).created == 3
    assert [stored(job_class, engine, job_id).note for job_id in "abc"] == [None, "its own", None]


def test_r11_ids_of_another_type_and_a_status_that_is_named(engine: sa.Engine, clock: Clock) -> None:
    uuid_ids = orm.mapped_column(sa.Uuid, primary_key=True)
    job_class = make_job_class(clock, id=uuid_ids)
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    one, two = uuid.uuid4(), uuid.uuid4()
    with pytest.raises(TypeError, match="Job has no config: give the status"):
        job_class.create_many(engine, [one])
    outcomes: list[Any] = []
    result = job_class.create_many(engine, [one, str(one).upper(), two], 40, each=outcomes.append)
    assert (result.created, result.existed) == (2, 1)
    assert [each.found for each in outcomes] == [Found.CREATED, Found.EXISTED, Found.CREATED]
    assert job_class.count_by_status(engine) == {40: 2}


def test_r11_what_a_flush_would_do_besides_is_done(clock: Clock, tmp_path: Any) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'jobs.db'}")

    class Base(orm.DeclarativeBase):
        pass

    class Batch(Base):
        __tablename__ = "batch"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)

    class BatchJob(Base, JobMixin):
        __tablename__ = "job"
        config = make_config(clock)
        batch_id: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey("batch.id"))
        batch: orm.Mapped[Batch | None] = orm.relationship()

    class Counted(Base, JobMixin):
        __tablename__ = "counted"
        config = make_config(clock)
        version: orm.Mapped[int] = orm.mapped_column(sa.Integer)
        __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    Base.metadata.create_all(engine)
    of_batch = [BatchJob.create(job_id, 10, batch=Batch(id=number)) for number, job_id in enumerate("ab")]
    assert BatchJob.create_many(engine, of_batch).created == 2
    assert Counted.create_many(engine, ["a", "b"]).created == 2
    with orm.Session(engine) as session:
        assert session.scalars(sa.select(BatchJob.batch_id).order_by(BatchJob.id)).all() == [0, 1]
        assert session.scalars(sa.select(Counted.version)).all() == [1, 1]
    seen: list[str] = []
    sa.event.listen(BatchJob, "before_insert", lambda _mapper, _connection, job: seen.append(job.id))
    BatchJob.create_many(engine, ["a", "c", "d"])
    assert set(seen) >= {"c", "d"}
    engine.dispose()


def test_r11_large_data_goes_in_several_statements(job_class: type[Job], engine: sa.Engine, log: Log) -> None:
    log.verbs()
    large = {"text": "x" * 2_500_000}
    assert job_class.create_many(engine, {f"job-{number}": large for number in range(8)}).created == 8
    assert log.verbs().count("INSERT") == 8
    assert stored(job_class, engine, "job-7").data == large


def test_r11_without_a_table_nothing_is_tried_again_and_again(clock: Clock, engine: sa.Engine, log: Log) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    result, _ = told(job_class, engine, map(str, range(3 * CHUNK)))
    assert (result.created, result.failed, result.stopped) == (0, CHUNK, True)
    assert "make it with Job.metadata.create_all" in str(result.troubles[0].error)
    assert log.verbs().count("INSERT") <= CHUNK // 10


def test_r11_it_needs_an_engine(clock: Clock) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    with pytest.raises(TypeError, match="is for asyncio"):
        job_class.create_many(create_async_engine("postgresql+psycopg://nobody@localhost/none"), ["a"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is no engine: give one"):
        job_class.create_many(orm.Session(), ["a"])  # type: ignore[arg-type]
