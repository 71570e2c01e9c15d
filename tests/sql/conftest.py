"""Jobs in a fresh table, on each kind of database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from status_tracker import TrackerConfig
from status_tracker.sql import JobMixin
from tests.support.clock import Clock
from tests.support.mariadb import fresh_schema
from tests.support.postgres import fresh_database

LEASE = 900


class Codes(TypedDict, total=False):
    """Status arguments, in either spelling."""

    pending_status: int
    in_progress_status: int
    failed_status: int
    succeeded_status: int
    ignored_status: int
    in_process_status: int
    success_status: int
    ignore_status: int


CODES: Codes = {
    "pending_status": 10,
    "in_progress_status": 20,
    "failed_status": 30,
    "succeeded_status": 40,
    "ignored_status": 50,
}


@pytest.fixture(scope="session")
def database(postgres_url: str) -> Iterator[str]:
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
def postgres(database: str) -> Iterator[sa.Engine]:
    """On PostgreSQL, with sessions far from UTC."""
    engine = sa.create_engine(database, connect_args={"options": "-c timezone=America/New_York"})
    yield engine
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()


@pytest.fixture(scope="session")
def mariadb_database(mariadb_url: str) -> Iterator[str]:
    with fresh_schema(mariadb_url) as url:
        yield url


@pytest.fixture
def mariadb(mariadb_database: str) -> Iterator[sa.Engine]:
    """On MariaDB, with sessions far from UTC."""
    engine = sa.create_engine(mariadb_database, connect_args={"init_command": "SET time_zone = '-05:00'"})
    yield engine
    with engine.begin() as connection:
        for table in sa.inspect(connection).get_table_names():
            connection.execute(sa.text(f"DROP TABLE `{table}`"))
    engine.dispose()


def sqlite_engine(folder: Path, *, wal: bool) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{folder / 'jobs.db'}")
    if wal:
        with engine.connect() as connection:
            connection.execute(sa.text("PRAGMA journal_mode=WAL"))
    return engine


@pytest.fixture(params=["sqlite", "sqlite_wal", "postgres", "mariadb"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param in {"postgres", "mariadb"}:
        yield request.getfixturevalue(request.param)
        return
    engine = sqlite_engine(tmp_path, wal=request.param == "sqlite_wal")
    yield engine
    engine.dispose()


class Job(JobMixin):
    """For the type checker: what `make_job_class` makes."""

    note: Any


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make_job_class(clock: Callable[[], Any], *, config: TrackerConfig | None = None, **attributes: Any) -> type[Job]:
    """A class with a table of its own, `job`, and one column of the user's, `note`."""
    base = orm.declarative_base()
    note = orm.mapped_column(sa.String(40), unique=True, nullable=True)
    body = {"__tablename__": "job", "note": note, "clock": clock, **attributes}
    if config is not None:
        body["config"] = config
    return type("Job", (base, JobMixin), body)


def make_config(clock: Callable[[], Any], **settings: Any) -> TrackerConfig:
    return TrackerConfig.make("job", 10, 20, 30, 40, 50, lock_expire_seconds=LEASE, clock=clock, **settings)


@pytest.fixture
def job_class(engine: sa.Engine, clock: Clock) -> type[Job]:
    """A class with a config, its table made."""
    job_class = make_job_class(clock, config=make_config(clock))
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    return job_class


@pytest.fixture
def nameless(engine: sa.Engine, clock: Clock) -> type[Job]:
    """A class without a config, whose calls name the statuses."""
    job_class = make_job_class(clock)
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    return job_class


class Log:
    """What an engine sends: statements without their parameters, COMMIT and ROLLBACK.

    Attributes:
        update: the verbs of an update that is answered with the row.
        insert: those of an insert; PostgreSQL is told first how long to wait.
        claim: those of a claim before its COMMIT; without `UPDATE … RETURNING` the job is read first.
        refusal: those of a start that is refused; PostgreSQL's UPDATE tells why.
        no_claim: those of a claim that finds nothing.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.lines: list[str] = []
        self.update = ["UPDATE"] if engine.dialect.update_returning else ["UPDATE", "SELECT"]
        self.insert = ["SELECT", "INSERT"] if engine.dialect.name == "postgresql" else ["INSERT"]
        self.refusal = ["UPDATE"] if engine.dialect.name == "postgresql" else ["UPDATE", "SELECT"]
        looking = {"postgresql": ["UPDATE"], "sqlite": ["SELECT", "UPDATE"]}
        self.claim = looking.get(engine.dialect.name, ["SELECT", "SELECT", *self.update])
        self.no_claim = ["UPDATE", "SELECT"] if engine.dialect.name == "postgresql" else ["SELECT"]
        sa.event.listen(engine, "before_cursor_execute", lambda *args: self.lines.append(args[2]))
        sa.event.listen(engine, "commit", lambda _: self.lines.append("COMMIT"))

    def verbs(self) -> list[str]:
        """What each does, since the last call; without MariaDB's prefix that bounds its wait, and PostgreSQL's WITH."""
        verbs = [re.sub(r"^(SET STATEMENT .*? FOR |WITH \w+ AS\s*\()", "", line).split()[0] for line in self.lines]
        self.lines.clear()
        return verbs


@pytest.fixture
def log(engine: sa.Engine) -> Log:
    return Log(engine)


def stored(job_class: type[Job], engine: sa.Engine, id: str = "job-1") -> Job:  # noqa: A002
    with orm.Session(engine) as session:
        return session.get_one(job_class, id)
