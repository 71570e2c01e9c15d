"""Trackers over the models of PynamoDB (on DynamoDB Local), SQLAlchemy (SQLite, PostgreSQL) and Django."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

import status_tracker as st
from status_tracker.abstract import BaseTracker, TrackerPauseBoard, TrackerUnreadableError
from status_tracker.operations.pausing import Pauses
from tests.abstract import django_jobs
from tests.abstract.frameworks import dynamo_jobs, sql_jobs
from tests.support.postgres import fresh_database

Fixture = Callable[[str], Any]


@contextmanager
def _dynamo(get: Fixture, _folder: Path, *, model_first: bool) -> Iterator[Any]:
    job = dynamo_jobs(get("dynamodb_local_engine").host, model_first=model_first)
    yield job
    job._connection.connection.client.close()


@contextmanager
def _sqlite(_get: Fixture, folder: Path, **how: bool) -> Iterator[Any]:
    engine = sa.create_engine(f"sqlite:///{folder / 'jobs.sqlite'}")
    yield sql_jobs(engine, **how)
    engine.dispose()


@contextmanager
def _postgres(get: Fixture, _folder: Path, **how: bool) -> Iterator[Any]:
    with fresh_database(get("postgres_url")) as url:
        engine = sa.create_engine(url)
        yield sql_jobs(engine, **how)
        engine.dispose()


@contextmanager
def _django(_get: Fixture, folder: Path, *, model_first: bool, use_tz: bool = True) -> Iterator[Any]:
    job = django_jobs.ModelFirst if model_first else django_jobs.TrackerFirst
    with django_jobs.table(job, folder / "jobs.sqlite", use_tz=use_tz):
        yield job


FRAMEWORKS: dict[str, Callable[[Fixture, Path], Any]] = {
    "pynamodb": lambda get, folder: _dynamo(get, folder, model_first=False),
    "pynamodb, the model first": lambda get, folder: _dynamo(get, folder, model_first=True),
    "sqlalchemy": lambda get, folder: _sqlite(get, folder, model_first=False),
    "sqlalchemy, the model first": lambda get, folder: _sqlite(get, folder, model_first=True),
    "sqlalchemy, by add": lambda get, folder: _sqlite(get, folder, model_first=True, by_add=True),
    "sqlalchemy, with versions": lambda get, folder: _sqlite(get, folder, model_first=False, comparing=True),
    "sqlalchemy on postgresql": lambda get, folder: _postgres(get, folder, model_first=False),
    "django": lambda get, folder: _django(get, folder, model_first=False),
    "django, the model first": lambda get, folder: _django(get, folder, model_first=True),
    "django without zones": lambda get, folder: _django(get, folder, model_first=False, use_tz=False),
}


@pytest.fixture(params=FRAMEWORKS)
def job_class(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with FRAMEWORKS[request.param](request.getfixturevalue, tmp_path) as made:
        yield made


def told(job: Any) -> tuple[Any, ...]:
    return job.status_name, job.attempts, job.data, job.note, job.lock, job.fence


def test_r7_a_success_is_stored_once_and_stays(job_class: Any) -> None:
    job = job_class.new("1", data={"rows": 1}, note="made")
    with job.start() as same:
        assert same is job
        assert told(job)[:4] == ("in_progress", 1, {"rows": 1}, "made")
        job.data["rows"] = 7
        job.note = "done"
    stored = job_class.load("1")
    assert told(stored) == told(job) == ("succeeded", 1, {"rows": 7}, "done", None, 1)
    with pytest.raises(st.TaskAlreadySucceedError), stored.start():
        pass
    with stored.start(force_execution=True):
        stored.data = {**stored.data, "again": True}
    assert told(job_class.load("1")) == ("succeeded", 1, {"rows": 7, "again": True}, "done", None, 2)


def test_r8_a_failure_stores_nothing_of_the_block(job_class: Any) -> None:
    job = job_class.new("1", data={"rows": 1}, note="made")
    for nth in (1, 2):
        with pytest.raises(ValueError, match="mine"), job.start():
            job.data["rows"] = 7
            job.note = "half done"
            raise ValueError("mine")
        stored = job_class.load("1")
        assert told(stored) == told(job) == ("failed", nth, {"rows": 1}, "made", None, nth)
        assert (stored.errors["error"], len(stored.errors["history"])) == ("ValueError('mine')", nth)


def test_r4_a_worker_whose_task_was_taken_over_stores_nothing(job_class: Any) -> None:
    job = job_class.new("1")
    with pytest.raises(st.TaskLockLostError), job.start():
        job.data["by"], job.note = "the first", "the first"
        other = job_class.load("1")
        with other.start(ignore_lock=True):
            other.data["by"], other.note = "the second", "the second"
    assert told(job_class.load("1")) == ("succeeded", 2, {"by": "the second"}, "the second", None, 2)


def test_r12_updates_and_renewals_in_the_block(job_class: Any) -> None:
    job = job_class.new("1")
    with pytest.raises(KeyError), job.start(expire=60):
        job.data["rows"], job.note = 1, "one"
        job.extend_lock(100)
        assert (job.data, job.note) == ({"rows": 1}, "one")
        BaseTracker.update(job)  # PynamoDB's models have an `update` of their own
        job.data["rows"], job.note = 2, "two"
        raise KeyError
    assert told(job_class.load("1")) == ("failed", 1, {"rows": 1}, "one", None, 1)
    with job.start(expire=60):
        job.note = "two"
        job.extend_lock(100)
    assert told(job_class.load("1")) == ("succeeded", 2, {"rows": 1}, "two", None, 2)


@pytest.mark.parametrize("got", ["load", "queried"])
def test_what_was_changed_before_the_start_is_stored_with_it(job_class: Any, got: str) -> None:
    job_class.new("1", data={"rows": 1})
    job = getattr(job_class, got)("1")
    job.data = {"rows": 2}
    job.note = "given"
    with pytest.raises(KeyError), job.start():
        assert (job.data, job.note) == ({"rows": 2}, "given")
        raise KeyError
    assert told(job_class.load("1")) == ("failed", 1, {"rows": 2}, "given", None, 1)


def test_r11_actions_by_hand_and_marks(job_class: Any) -> None:
    job_class.new("1")
    job_class.ignore("1", reason="a duplicate", by="ann", request_id="one")
    job_class.ignore("1", reason="a duplicate", by="ann", request_id="one")
    job = job_class.unignore("1", reason="it is none")
    assert [each["action"] for each in job.errors["actions"]] == ["ignore", "unignore"]
    job.mark_as_in_progress()
    job.note = "by hand"
    job.mark_as_succeeded()
    assert told(job_class.load("1")) == ("succeeded", 1, {}, "by hand", None, 1)


def test_r8_errors_are_empty_where_the_class_has_a_place_for_the_rest(job_class: Any) -> None:
    has_place = hasattr(job_class, "tracker_state")
    job = job_class.new("1")
    assert (not job.errors, not job_class.load("1").errors) == (has_place, has_place)
    with job.start():
        assert (not job.errors) == has_place
    stored = job_class.load("1")
    assert (not stored.errors, stored.fence) == (has_place, 1)


def test_r5_a_lost_creation_is_known_again(job_class: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dump, left = job_class.dump, [ConnectionResetError("gone")]

    def answer_lost(self: Any, **_: Any) -> None:
        dump(self)
        if left:
            raise left.pop()

    monkeypatch.setattr(job_class, "dump", answer_lost)
    job = job_class.new("1", note="mine")
    left.append(ConnectionResetError("gone"))
    with job.start():
        assert job.attempts == 1
        left.append(ConnectionResetError("gone"))
    assert told(job_class.load("1")) == ("succeeded", 1, {}, "mine", None, 1)


def test_r20_a_board_of_pauses_on_a_model_of_a_framework(job_class: Any) -> None:
    pauses = Pauses("invoices", lambda: TrackerPauseBoard(job_class, "board"))
    pauses.pause(reason="the printer is out of ink", by="ada")
    with pytest.raises(st.TaskPausedError, match="out of ink"):
        pauses.check("Print")
    pauses.pause(reason="and out of paper", by="ben")
    with pytest.raises(st.TaskPausedError, match="out of paper"):
        pauses.check("Print")
    pauses.resume(by="ada")
    pauses.check("Print")


def test_r3_djangos_own_times_without_zones_are_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    job_class: Any = django_jobs.Plain
    with django_jobs.table(job_class, tmp_path / "jobs.sqlite", use_tz=False):
        with pytest.raises(ValueError, match="timezone-aware"):
            job_class.new("1")
        assert job_class.load("1") is None
        with django_jobs.override_settings(USE_TZ=True):
            job_class.new("1")
        with pytest.raises(TrackerUnreadableError, match="a datetime with a time zone"):
            job_class.queried("1").mark_as_in_progress()


COMPARING = {
    "pynamodb": FRAMEWORKS["pynamodb"],
    "sqlalchemy": lambda get, folder: _postgres(get, folder, model_first=False, comparing=True),
    "sqlalchemy, by add": lambda get, folder: _postgres(get, folder, model_first=True, comparing=True, by_add=True),
}


@pytest.mark.parametrize("framework", COMPARING)
def test_r1_a_dump_that_compares_lets_one_of_four_threads_in(
    request: pytest.FixtureRequest, tmp_path: Path, framework: str
) -> None:
    with COMPARING[framework](request.getfixturevalue, tmp_path) as job_class:
        ids = [str(number) for number in range(15)]
        for task_id in ids:
            job_class.new(task_id)
        starting_line, won = threading.Barrier(4), list[str]()

        def work() -> None:
            starting_line.wait()
            for task_id in ids:
                job = job_class.load(task_id)
                with suppress(st.TaskIsNotReadyToStartError), job.start():
                    won.append(task_id)
                    job.note = "mine"
                    job.extend_lock(1_000)

        with ThreadPoolExecutor(4) as pool:
            for each in [pool.submit(work) for _ in range(4)]:
                each.result()
        assert Counter(won) == dict.fromkeys(ids, 1)
        for task_id in ids:
            assert told(job_class.load(task_id)) == ("succeeded", 1, {}, "mine", None, 1)


def test_r7_what_a_framework_has_not_loaded_is_not_loaded_for_it(tmp_path: Path) -> None:
    """Neither a relationship nor a deferred column: that would cost a query each."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    job_class = sql_jobs(engine, model_first=False)
    base: Any = next(each for each in job_class.__mro__ if orm.DeclarativeBase in each.__bases__)

    class Page(base):  # type: ignore[misc, valid-type]
        __tablename__ = "page"
        number = sa.Column(sa.Integer, primary_key=True)
        job_id = sa.Column(sa.ForeignKey("job.id"))

    job_class.text = orm.deferred(sa.Column(sa.String))
    job_class.pages = orm.relationship(Page)
    base.metadata.drop_all(engine)
    base.metadata.create_all(engine)
    job_class.new("1", text="long", pages=[Page(number=1), Page(number=2)])
    asked: list[str] = []
    sessions = [orm.Session(engine)]  # that stay open, so that something could be loaded

    def load(cls: Any, id: str) -> Any:  # noqa: A002  # the seed's name
        sessions.append(orm.Session(engine))
        return sessions[-1].get(cls, id)

    job_class.load = classmethod(load)
    sa.event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    job = job_class.load("1")
    with job.start():
        job.note = "done"
    with pytest.raises(KeyError), job.start(force_execution=True):
        raise KeyError
    assert not [each for each in asked if "FROM page" in each or (each.startswith("SELECT") and "job.text" in each)]
    for each in sessions:
        each.close()
    with orm.Session(engine) as session:
        stored = session.get(job_class, "1")
        assert (stored.note, stored.text, [page.number for page in stored.pages]) == ("done", "long", [1, 2])
    engine.dispose()


# a session that lives long


@pytest.fixture
def session_engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    yield engine
    engine.dispose()


@pytest.mark.parametrize("by_add", [True, False], ids=["add", "merge"])
@pytest.mark.parametrize("expire", [True, False], ids=["expiring", "keeping"])
def test_r4_a_session_that_hides_what_others_write_is_refused(
    session_engine: sa.Engine, by_add: bool, expire: bool
) -> None:
    """Its identity map would give the worker its own object for the stored one, and so no fence."""
    plain = sql_jobs(session_engine, model_first=False)
    plain.new("1", data={"rows": 1})
    plain.new("2")
    with orm.Session(session_engine, expire_on_commit=expire) as session:
        long_lived = sql_jobs(session_engine, model_first=False, by_add=by_add, session=session)
        long_lived.new("3")
        entered = []
        for task_id in ("1", "1", "3"):  # not only the first time
            job = long_lived.load(task_id)
            with pytest.raises(RuntimeError, match=r"identity map .* Let load\(\) read"), job.start():
                entered.append(task_id)
            with pytest.raises(RuntimeError, match="identity map"):
                long_lived.load(task_id).mark_as_in_progress()
        with pytest.raises(RuntimeError, match="identity map"):
            long_lived.rerun("2", reason="try")
        session.commit()
    assert not entered
    assert told(plain.load("1")) == ("pending", 0, {"rows": 1}, None, None, 0)
    assert [plain.load(task_id).status_name for task_id in ("2", "3")] == ["pending", "pending"]


def test_r4_the_block_never_works_on_the_object_that_load_returns(session_engine: sa.Engine) -> None:
    job_class = sql_jobs(session_engine, model_first=False)
    job = job_class.new("1")
    with job.start():
        pass
    job_class.load = classmethod(lambda *_: job)
    with pytest.raises(RuntimeError, match="returned before"), job.start(force_execution=True):
        pass
