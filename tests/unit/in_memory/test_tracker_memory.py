"""`tracker_memory`: what an application tracks is kept in memory for a test, its code unchanged."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import ARRAY

import status_tracker as st
from status_tracker.operations.pausing import Pauses
from status_tracker.sql import JobMixin, SqlPauseBoard
from status_tracker.testing import BackendError, Fault
from status_tracker.testing.in_memory import TrackerMemory, in_memory
from status_tracker_pytest import mended_moto, tracker_memory
from tests.unit.in_memory.application import (
    ENGINE,
    LEASE,
    PIPELINE,
    AnswerTask,
    Base,
    Customer,
    ExtractTask,
    Job,
    Photo,
    Report,
    Upload,
    extract,
    run,
)

__all__ = ["mended_moto", "tracker_memory"]

WORKERS = 8
TASK_IDS = [f"t-{number}" for number in range(10)]


def start_task(task_id: str) -> Any:
    return ExtractTask.start(task_id, create=True)


def start_job(job_id: str) -> Any:
    return Job.start(ENGINE, job_id, create=True)


def start_report(report_id: str) -> Any:
    return (Report.load(report_id) or Report.new(report_id)).start(expire=LEASE)


def start_upload(upload_id: str) -> Any:
    return (Upload.load(upload_id) or Upload.new(upload_id)).start(expire=LEASE)


def start_photo(photo_id: str) -> Any:
    return (Photo.get_one_or_none(photo_id) or Photo.new(photo_id)).make_smaller()


STARTS = pytest.mark.parametrize("start", [start_task, start_job, start_report, start_upload, start_photo])


def create_tasks(given: Any) -> Any:
    return ExtractTask.create_many(given)


def create_jobs(given: Any) -> Any:
    return Job.create_many(ENGINE, given, 10)


def create_reports(given: Any) -> Any:
    return Report.create_many(given)


def create_uploads(given: Any) -> Any:
    return Upload.create_many(given)


@pytest.mark.usefixtures("tracker_memory")
@pytest.mark.parametrize("create", [create_tasks, create_jobs, create_reports, create_uploads])
def test_many_are_created_by_one_call(create: Callable[[Any], Any]) -> None:
    assert create(TASK_IDS[:3]).created == 3
    result = create({task_id: {"pages": 3} for task_id in TASK_IDS})
    assert (result.created, result.existed) == (7, 3)
    with pytest.raises(st.TasksNotCreatedError) as error:
        create([["row", {}], ("row", "second field"), ("row", [1]), "one more"])
    assert (error.value.result.created, error.value.result.failed) == (1, 3)
    assert all(isinstance(each.error, ValueError | TypeError) for each in error.value.result.troubles)


@pytest.mark.usefixtures("tracker_memory")
def test_code_that_starts_tasks_runs_unchanged() -> None:
    extract("d-1")
    done = AnswerTask.get_one_or_none("d-1")
    assert done is not None
    assert (done.status_name, done.data) == ("succeeded", {"pages": 3})
    assert AnswerTask.count_by_status()[AnswerTask.config.succeeded_status] == 1
    with pytest.raises(st.TaskIsNotReadyToStartError):
        extract("d-1")


@pytest.mark.usefixtures("tracker_memory")
def test_code_that_starts_jobs_runs_unchanged_on_its_engine() -> None:
    run("j-1")
    assert [job.data for job in Job.query_by_status(ENGINE, Job.config.succeeded_status)] == [{"done": True}]
    with pytest.raises(st.TaskAlreadySucceedError):
        run("j-1")


@STARTS
@pytest.mark.usefixtures("tracker_memory")
def test_a_success_is_not_repeated(start: Callable[[str], Any]) -> None:
    with start("t"):
        pass
    with pytest.raises(st.TaskAlreadySucceedError):
        start("t").__enter__()


@STARTS
def test_the_clock_stands_still_until_the_test_moves_it(tracker_memory: TrackerMemory, start: Any) -> None:
    vanished = start("t")
    vanished.__enter__()
    tracker_memory.clock.advance(LEASE - 1)
    with pytest.raises(st.TaskLockedError):
        start("t").__enter__()
    tracker_memory.clock.advance(1)
    with start("t"):
        pass


def test_a_new_task_has_the_time_of_the_clock(tracker_memory: TrackerMemory) -> None:
    tracker_memory.clock.now = datetime(2030, 1, 1, tzinfo=UTC)
    assert ExtractTask.make_and_save("t").create_time == tracker_memory.clock.now
    assert ExtractTask(key="k", value="v", status=1).create_time == tracker_memory.clock.now


@STARTS
def test_a_lost_answer_makes_no_failure(tracker_memory: TrackerMemory, start: Any) -> None:
    block = start("t")
    block.__enter__()
    tracker_memory.befall(Fault.ANSWER_LOST)
    block.__exit__(None, None, None)
    with pytest.raises(st.TaskAlreadySucceedError):
        start("t").__enter__()


@STARTS
def test_a_start_that_cannot_be_stored_raises(tracker_memory: TrackerMemory, start: Any) -> None:
    tracker_memory.befall(Fault.BROKEN)
    with pytest.raises(BackendError):
        start("t").__enter__()
    with start("t"):
        pass


@STARTS
@pytest.mark.usefixtures("tracker_memory")
def test_of_eight_threads_one_wins_each_task(start: Any) -> None:
    barrier, wins = threading.Barrier(WORKERS), Counter[str]()
    for task_id in TASK_IDS:
        Photo.new(task_id)  # which resets a task that is there, as it did in v5

    def work(_: int) -> None:
        for task_id in TASK_IDS:
            barrier.wait(30)
            try:
                with start(task_id):
                    wins[task_id] += 1
            except (st.TaskIsNotReadyToStartError, st.TaskAlreadyExistsError):
                continue

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))
    assert wins == dict.fromkeys(TASK_IDS, 1)


@pytest.mark.usefixtures("tracker_memory")
def test_blocks_of_an_event_loop_work() -> None:
    async def work() -> list[Any]:
        async with ExtractTask.astart("t", create=True) as ctx:
            ctx.set_data({"pages": 1})
            await ctx.update()
        async with Job.astart(ENGINE, "j", create=True) as (_, updates):
            updates.set("data", {"pages": 2})
        tasks = [task.data async for task in ExtractTask.aquery_by_status(40, auto_refresh=True)]
        return [*tasks, *[job.data async for job in Job.aquery_by_status(ENGINE, 40)]]

    assert asyncio.run(work()) == [{"pages": 1}, {"pages": 2}]


@pytest.mark.usefixtures("tracker_memory")
def test_what_else_the_application_asks_of_aws_goes_to_moto_from_the_beginning() -> None:
    storage = boto3.client("s3", "us-east-1")
    storage.create_bucket(Bucket="results")
    extract("d-1")
    assert [bucket["Name"] for bucket in storage.list_buckets()["Buckets"]] == ["results"]


@pytest.mark.usefixtures("tracker_memory")
def test_reruns_and_queries_work() -> None:
    for task_id in TASK_IDS:
        extract(task_id)
    ExtractTask.rerun(TASK_IDS[0], reason="once more", by="ada")
    assert [task.task_id for task in ExtractTask.query_for_unfinished()] == [TASK_IDS[0]]
    assert AnswerTask.count_tasks_by_use_case_id() == len(TASK_IDS)
    run("j-1")
    Job.rerun(ENGINE, "j-1", reason="once more")
    assert [job.id for job in Job.query_by_status(ENGINE, Job.config.pending_status)] == ["j-1"]


@pytest.mark.parametrize("nth", range(2))
def test_pauses_are_asked_for_each_time_and_forgotten_with_the_test(tracker_memory: TrackerMemory, nth: int) -> None:
    assert PIPELINE.paused("Extract") is None, f"run {nth} of this test"
    until = tracker_memory.clock() + timedelta(seconds=30)
    PIPELINE.pause("Extract", reason="the scanner is out of order", until=until)
    with pytest.raises(st.TaskPausedError):
        PIPELINE.check_not_paused("Extract")
    tracker_memory.clock.advance(30)
    PIPELINE.check_not_paused("Extract")


@pytest.mark.usefixtures("tracker_memory")
def test_pauses_of_jobs_work() -> None:
    pauses = Pauses("jobs", lambda: SqlPauseBoard(ENGINE, "jobs"))
    pauses.pause(reason="the printer is out of ink")
    with pytest.raises(st.TaskPausedError):
        pauses.check("Print")


@pytest.mark.usefixtures("tracker_memory")
def test_jobs_are_joined_with_what_the_application_keeps_besides() -> None:
    with orm.Session(ENGINE) as session:
        session.add(Customer(id=7, name="Ada"))
        session.add(Job.create("j-1", 10, customer_id=7))
        session.commit()
    with Job.start(ENGINE, "j-1"):
        pass
    with ENGINE.connect() as connection:
        joined = sa.select(Customer.name, Job.status).join(Job, Job.customer_id == Customer.id)
        assert connection.execute(joined).all() == [("Ada", 40)]


@pytest.mark.usefixtures("tracker_memory")
def test_a_session_of_the_applications_own_is_one_transaction() -> None:
    Base.metadata.create_all(ENGINE)
    with orm.Session(ENGINE) as session:
        session.add(Customer(id=7, name="Ada"))
        session.flush()
        session.add(Job.create("j-1", 10))
        session.flush()
        session.rollback()
        assert session.scalars(sa.select(Customer)).all() == []
        assert session.get(Job, "j-1") is None


@pytest.mark.usefixtures("tracker_memory")
def test_every_engine_leads_to_the_same_jobs_also_one_that_is_disposed_of() -> None:
    run("j-1")
    ENGINE.dispose()
    other = sa.create_engine("sqlite:////somewhere/else.db")
    with pytest.raises(st.TaskAlreadySucceedError):
        Job.start(other, "j-1").__enter__()


def test_engines_made_and_disposed_of_meanwhile_are_their_own_afterwards() -> None:
    with in_memory():
        made = sa.create_engine("sqlite://")
        ENGINE.dispose()
        run("j-1")
    assert (made.dialect.name, ENGINE.dialect.name) == ("sqlite", "postgresql")
    with made.connect() as connection, pytest.raises(sa.exc.OperationalError, match="no such table"):
        connection.execute(sa.select(Job.id))
    with pytest.raises(sa.exc.OperationalError, match="onnection"):
        run("j-1")


def test_the_memory_ends_with_its_block() -> None:
    with in_memory():
        extract("d-1")
        start_report("r-1").__enter__()
    with in_memory():
        assert (ExtractTask.get_one_or_none("d-1"), Report.load("r-1")) == (None, None)
    assert Report.load("r-1") is None
    assert abs(ExtractTask.config.now() - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.usefixtures("tracker_memory")
def test_a_class_without_its_index_says_so_each_time() -> None:
    class Lonely(st.BaseTask):
        class Meta:
            table_name, region = "lonely", "eu-central-1"

    Lonely.config = ExtractTask.config
    for _ in range(2):
        with pytest.raises(ValueError, match="StatusAndUpdateTimeIndex"):
            Lonely.get_one_or_none("t")


@pytest.mark.usefixtures("tracker_memory")
def test_two_tables_of_one_name_are_two_where_their_schemas_differ() -> None:
    class OtherBase(orm.DeclarativeBase):
        pass

    class Other(OtherBase, JobMixin):
        __tablename__ = "other_job"
        config = st.TrackerConfig.make("others", 10, 20, 30, 40, 50)

    Other.create_and_save(ENGINE, "j-1", 10)
    assert Job.get_or_create(ENGINE, "j-1", 10)[1]


@pytest.mark.usefixtures("tracker_memory")
def test_jobs_do_not_need_the_other_tables_of_their_metadata_unless_their_keys_refer_to_them() -> None:
    class Own(orm.DeclarativeBase):
        pass

    class Document(Own):
        __tablename__ = "document"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        tags: orm.Mapped[list[str]] = orm.mapped_column(ARRAY(sa.Text))

    class Owner(Own):
        __tablename__ = "owner"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        name: orm.Mapped[str]
        deputy: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey("owner.id"))

    class OwnedJob(Own, JobMixin):
        __tablename__ = "job"
        config = st.TrackerConfig.make("owned", 10, 20, 30, 40, 50)
        owner: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey("owner.id"))

    with OwnedJob.start(ENGINE, "j-1", create=True):
        pass
    with ENGINE.connect() as connection:
        assert connection.execute(sa.text("SELECT name FROM owner")).all() == []
        with pytest.raises(sa.exc.OperationalError, match="no such table"):
            connection.execute(sa.text("SELECT tags FROM document"))


@pytest.mark.usefixtures("tracker_memory")
def test_tables_are_in_the_schemas_they_have() -> None:
    class InSchemas(orm.DeclarativeBase):
        metadata = sa.MetaData(schema="app")

    class Owner(InSchemas):
        __tablename__ = "owner"
        __table_args__ = {"schema": "people's"}  # noqa: RUF012  # as SQLAlchemy has it
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)

    class JobOfApp(InSchemas, JobMixin):
        __tablename__ = "job"
        config = st.TrackerConfig.make("app", 10, 20, 30, 40, 50)
        owner: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey("people's.owner.id"))

    with ENGINE.connect() as older:
        assert older.execute(sa.text("SELECT 1")).scalar() == 1
        with orm.Session(ENGINE) as session:
            session.add(Owner(id=7))
            session.commit()
        with JobOfApp.start(ENGINE, "j-1", create=True):
            run("j-1")  # of a class in no schema, on a table of the same name
        assert JobOfApp.count_by_status(ENGINE)[40] == len(older.execute(sa.select(JobOfApp.id)).all()) == 1
    InSchemas.metadata.create_all(ENGINE)
    with ENGINE.connect() as connection:
        assert connection.execute(sa.text("SELECT id FROM app.job")).all() == [("j-1",)]
    InSchemas.metadata.drop_all(ENGINE)
    assert not JobOfApp.count_by_status(ENGINE)


@pytest.mark.usefixtures("tracker_memory")
def test_a_second_memory_is_refused_and_harms_nothing() -> None:
    extract("d-1")
    with pytest.raises(RuntimeError, match=r"tracker_memory.*end it first"), in_memory():
        pass
    assert AnswerTask.get_one_or_none("d-1") is not None
    run("j-1")


@pytest.mark.usefixtures("mended_moto")
def test_mended_moto_is_for_tests_that_make_their_tables_themselves() -> None:
    names = boto3.client("dynamodb", "eu-central-1").list_tables()["TableNames"]
    assert names == []
