"""Mistakes are told where they are made: when a class is made, and by the call that is wrong."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

import status_tracker as st
from status_tracker.abstract import FileTracker
from status_tracker.dynamodb import shards
from status_tracker.operations.pipeline import Pipeline
from status_tracker.sql import JobMixin, columns
from status_tracker.testing import MemoryStorage, MemoryTask, memory
from tests.unit.steps import CODES, NEXT_CODES, Clock, make_config

# Steps are declared anew in these tests, as in a notebook.
pytestmark = pytest.mark.filterwarnings("ignore:This declarative base already contains:sqlalchemy.exc.SAWarning")


class Base(st.BaseTask):
    class Meta:
        table_name = "mistakes"
        region = "us-east-1"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()


def declared(name: str, codes: dict[str, int], base: Any = Base, module: str = __name__, **meta: str) -> Any:
    """A step as a module declares it."""
    body: dict[str, Any] = {"config": make_config(use_case_id="declared", **codes), "__module__": module}
    if meta:
        body["Meta"] = type("Meta", (), {"table_name": "mistakes", "region": "us-east-1", **meta})
    return type(name, (base,), body)


@pytest.fixture(autouse=True)
def only_these_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in (shards, columns, memory):
        monkeypatch.setattr(backend._steps, "_declared", [])


def job_base(table: str = "job") -> Any:
    """A job without a config: steps that are derived from it share its table."""
    database = type("Database", (orm.DeclarativeBase,), {})
    return type("AnyJob", (database, JobMixin), {"__tablename__": table})


@pytest.fixture(params=["dynamodb", "sql", "memory"])
def base(request: pytest.FixtureRequest) -> Any:
    """What steps are derived from, on each backend whose classes know their codes."""
    return {"dynamodb": lambda: Base, "sql": job_base, "memory": lambda: MemoryTask}[request.param]()


class JobBase(orm.DeclarativeBase):
    pass


class Job(JobBase, JobMixin):
    __tablename__ = "job"
    config = make_config(use_case_id="jobs", n_pending_shard=1)


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())

    class Step(MemoryTask):
        config = make_config(clock=Clock())

    Step.make_and_save("t")
    return Step


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'jobs.db'}")
    JobBase.metadata.create_all(engine)
    Job.create_and_save(engine, "t", 10)
    yield engine
    engine.dispose()


# The class


@pytest.mark.parametrize("base", [Base, MemoryTask])
def test_a_class_without_a_config_says_so(base: Any) -> None:
    class Step(base):  # type: ignore[misc]
        pass

    for call in (
        lambda: Step.start("t"),
        lambda: Step.make("t"),
        lambda: Step.query_by_status(10),
        lambda: Step.config,
    ):
        with pytest.raises(AttributeError, match=r"Step has no config: give it `config = TrackerConfig\.make\("):
            call()
    assert not hasattr(Step, "config")


def test_a_step_without_an_index_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Step declares no index: add `status_and_update_time_index = "):

        class Step(st.BaseTask):
            class Meta:
                table_name = "mistakes"

            config = make_config(use_case_id="no-index")


def test_a_table_without_an_index_is_not_made() -> None:
    class Table(st.BaseTask):
        class Meta:
            table_name = "mistakes"
            region = "us-east-1"

    with pytest.raises(ValueError, match="Table declares no index"):
        Table.create_table()


@pytest.mark.parametrize("base", [Base, MemoryTask])
def test_a_config_may_come_from_a_mixin_after_the_base(base: Any) -> None:
    class Settings:
        config = make_config(use_case_id="mixin")

    class Step(base, Settings):  # type: ignore[misc]
        pass

    assert Step.config is Settings.config


def test_steps_of_one_use_case_whose_codes_collide_are_refused(base: Any) -> None:
    read = declared("Read", CODES, base)
    for name in ("in_progress", "failed", "succeeded", "ignored"):
        with pytest.raises(ValueError, match=rf"20 is in_progress of Read and {name} of Answer.*codes of its own"):
            declared("Answer", {**NEXT_CODES, f"{name}_status": 20}, base)
    follows = declared("Follows", NEXT_CODES, base)
    assert follows.config.pending_status == read.config.succeeded_status


def test_steps_of_one_name_are_told_apart_by_their_modules(base: Any) -> None:
    steps = [declared("Read", CODES, base, module="pages")]
    with pytest.raises(ValueError, match=r"20 is in_progress of pages\.Read and failed of mails\.Read\."):
        declared("Read", {**NEXT_CODES, "failed_status": 20}, base, module="mails")
    steps.append(declared("Answer", {**NEXT_CODES, "pending_status": 400, "succeeded_status": 10}, base))
    with pytest.raises(ValueError, match=r"The steps mails\.Read, Answer, pages\.Read of .* to mails\.Read,"):
        declared("Read", {**LAST_CODES, "pending_status": 40, "succeeded_status": 400}, base, module="mails")


LAST_CODES = {
    "pending_status": NEXT_CODES["succeeded_status"],
    **{f"{name}_status": code for code, name in enumerate(("in_progress", "failed", "succeeded", "ignored"), 200)},
}


@pytest.mark.parametrize("length", [3, 4])
def test_steps_that_pass_their_tasks_on_in_a_circle_are_refused(base: Any, length: int) -> None:
    steps = [declared("Read", CODES, base), declared("Answer", NEXT_CODES, base)]
    if length == 4:
        steps.append(declared("Check", LAST_CODES, base))
    codes = {f"{name}_status": code for code, name in enumerate(("in_progress", "failed", "ignored"), 300)}
    back = {"pending_status": steps[-1].config.succeeded_status, "succeeded_status": CODES["pending_status"], **codes}
    names = ", ".join(["Send", *(step.__name__ for step in steps)])
    with pytest.raises(ValueError, match=f"The steps {names} of .* in a circle.*the last to Send.*finished work"):
        declared("Send", back, base)
    assert declared("Send", {**back, "succeeded_status": 400}, base).config.succeeded_status == 400


def test_a_pipeline_that_runs_in_a_circle_is_refused() -> None:
    back = {**LAST_CODES, "succeeded_status": CODES["pending_status"]}
    tables = [type(f"Table{n}", (), {"storage": MemoryStorage()}) for n in range(3)]
    steps = [
        declared(name, codes, type(f"Of{name}", (table, MemoryTask), {}))
        for name, codes, table in zip(("Read", "Answer", "Send"), (CODES, NEXT_CODES, back), tables, strict=True)
    ]
    with pytest.raises(ValueError, match="10 is pending of Read and succeeded of Send"):
        Pipeline({step.__name__: step for step in steps})


def test_jobs_of_two_tables_may_have_the_same_codes() -> None:
    declared("Read", CODES, job_base("read"))
    declared("Answer", {**NEXT_CODES, "failed_status": CODES["in_progress_status"]}, job_base("answer"))


def test_tasks_of_two_storages_may_have_the_same_codes() -> None:
    declared("Read", CODES, MemoryTask)
    other = type("Elsewhere", (MemoryTask,), {"storage": MemoryStorage()})
    declared("Answer", {**NEXT_CODES, "failed_status": CODES["in_progress_status"]}, other)


@pytest.mark.parametrize("other", [{"table_name": "another"}, {"region": "eu-west-1"}, {"host": "http://here:8000"}])
def test_steps_of_two_tables_may_have_the_same_codes(other: dict[str, str]) -> None:
    declared("Read", CODES, host="http://there:8000")
    declared("Elsewhere", {**CODES, "pending_status": 5}, **{"host": "http://there:8000", **other})


@pytest.mark.parametrize(
    "codes", [{"succeeded_status": 10}, {"failed_status": 10}, {"pending_status": 50}, {"pending_status": 10}]
)
def test_codes_by_which_finished_work_runs_again_are_refused(base: Any, codes: dict[str, int]) -> None:
    read = declared("Read", CODES, base)
    with pytest.raises(ValueError, match=r"Two steps of (use case|table) .* share codes"):
        declared("Answer", {**NEXT_CODES, **codes}, base)
    assert read.config.pending_status == 10


def test_steps_may_share_what_starts_nothing(base: Any) -> None:
    answer = {**NEXT_CODES, "ignored_status": CODES["ignored_status"]}
    steps = [declared("Read", CODES, base), declared("Answer", answer, base)]
    assert {each.config.ignored_status for each in steps} == {50}


def test_a_step_that_was_replaced_refuses_none(base: Any) -> None:
    steps = [declared("Read", CODES, base), declared("Answer", NEXT_CODES, base)]
    steps.append(declared("Answer", {name: code + 100 for name, code in NEXT_CODES.items()}, base))
    steps.append(declared("Read", {**CODES, "in_progress_status": NEXT_CODES["failed_status"]}, base))


def test_steps_that_functions_make_are_none_of_each_others() -> None:
    def of_one_test() -> Any:
        class Read(Base):
            config = make_config(use_case_id="local")

        return Read

    def of_another_test() -> Any:
        class Other(Base):
            config = make_config(use_case_id="local", pending_status=5)

        return Other

    assert {of_one_test().config.in_progress_status, of_another_test().config.in_progress_status} == {20}


def test_a_step_that_is_declared_again_replaces_itself() -> None:
    for in_progress in (20, 25):

        class Read(Base):
            config = make_config(use_case_id="again", in_progress_status=in_progress)

    assert Read.config.in_progress_status == 25


def test_a_step_may_be_derived_from_a_step() -> None:
    class Read(Base):
        config = make_config(use_case_id="derived")

    class Careful(Read):
        config = make_config(use_case_id="derived", max_retry=10)

    assert Careful.config.max_retry == 10


# Statuses


@pytest.mark.parametrize("status", ["succeeded", ["succeeded"], [10, "failed"], 40.0, None])
def test_a_status_is_given_as_a_code(step: Any, engine: sa.Engine, status: Any) -> None:
    class Read(Base):
        config = make_config(use_case_id="statuses")

    for query in (step.query_by_status, Read.query_by_status, partial(Job.query_by_status, engine)):
        with pytest.raises(ValueError, match=r"status .*(succeeded|failed|40\.0|None).*give an integer|No status"):
            query(status)


# Data

UNFIT = [
    ({"page": object()}, TypeError, r"data\['page'\] is a object, which JSON cannot hold"),
    ({"pages": [1, {"text": b"x"}]}, TypeError, r"data\['pages'\]\[1\]\['text'\] is a bytes"),
    ({"score": float("nan")}, ValueError, r"data\['score'\] is nan"),
    ({"scores": [1.0, float("inf")]}, ValueError, r"data\['scores'\]\[1\] is inf"),
    ({"pages": {1: "a"}}, TypeError, r"data\['pages'\] has the key 1, .*'1'"),
    ({None: 1}, TypeError, r"data has the key None"),
]


@pytest.mark.parametrize(("data", "error", "message"), UNFIT)
def test_data_that_json_cannot_hold_is_refused_with_its_place(
    step: Any, engine: sa.Engine, data: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        step.make_and_save("u", data)
    with pytest.raises(error, match=message), step.start("t") as ctx:
        ctx.set_data(data)
    with pytest.raises(error, match=message):
        Job.create(id="u", status=10, data=data)
    with pytest.raises(error, match=message), Job.start(engine, "t") as (_, updates):
        updates.set("data", data)


def test_data_as_json_has_it_is_taken(step: Any) -> None:
    data = {"a": [1, 2.5, None, True, {"b": "c"}], "d": {}}
    with step.start("t") as ctx:
        ctx.set_data(data)
    assert step.get_one_or_none("t").data == data


# After the block


def test_nothing_is_set_after_the_block(step: Any, engine: sa.Engine) -> None:
    with step.start("t") as ctx:
        pass
    with pytest.raises(st.TaskLockLostError, match="the block has ended"):
        ctx.set_data({"page": 1})
    with Job.start(engine, "t") as (_, updates):
        pass
    with pytest.raises(st.TaskLockLostError, match="the block has ended"):
        updates.set("data", {"page": 1})
    with pytest.raises(st.TaskLockLostError, match="the block has ended"):
        updates.also(sa.text("SELECT 1"))


# Starting


def test_a_nested_start_says_that_this_process_holds_the_task(step: Any, engine: sa.Engine) -> None:
    with step.start("t"), pytest.raises(st.TaskLockedError, match="is a block of this very process"):
        step.start("t").__enter__()
    with Job.start(engine, "t"), pytest.raises(Exception, match="is a block of this very process"):
        Job.start(engine, "t").__enter__()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_is_in_no_block_of_its_parent(step: Any) -> None:
    reader, writer = os.pipe()
    with step.start("t"):
        child = os.fork()
        if child == 0:
            try:
                step.start("t").__enter__()
            except st.TaskLockedError as error:
                os.write(writer, str(error).encode())
            os._exit(0)
        os.waitpid(child, 0)
    told = os.read(reader, 10_000).decode()
    assert "locked" in told
    assert "this very process" not in told


def test_start_and_astart_say_which_block_they_are(step: Any, engine: sa.Engine) -> None:
    async def main() -> None:
        attempts: list[Any] = [step.start("t"), Job.start(engine, "t"), Job.start_next(engine)]
        for attempt in attempts:
            with pytest.raises(TypeError, match=r"write `async with ….astart\("):
                async with attempt:
                    raise AssertionError
        blocks: list[Any] = [step.astart("t"), Job.astart(engine, "t")]
        for block in blocks:
            with pytest.raises(TypeError, match=r"write `with ….start\("), block:
                raise AssertionError

    asyncio.run(main())
    with pytest.raises(TypeError, match=r"decorate an `async def` with astart\("):

        @step.start("t")  # type: ignore[untyped-decorator]
        async def work() -> None:
            raise AssertionError

    assert step.get_one_or_none("t").is_pending()


def test_a_tracker_is_started_and_not_its_class(tmp_path: Path) -> None:
    class Report(FileTracker):
        folder = tmp_path

    with pytest.raises(
        TypeError, match=r"A tracker is started, and 'a' is none: load it first, `load\('a'\)\.start\(\)`"
    ):
        Report.start("a").__enter__()  # type: ignore[arg-type]
