"""Whether another thread reaches the jobs: a heartbeat renews the lease from one."""

from __future__ import annotations

import threading
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.pool import SingletonThreadPool, StaticPool

from .columns import JobColumns
from .transactions import reading


def check_threads(job_class: type[JobColumns], engine: sa.Engine) -> None:
    """Refuse an engine by which another thread cannot read the jobs; only pools are tried by which that may be.

    Raises:
        ValueError: with the reason.
    """
    pool = getattr(engine, "pool", None)
    if isinstance(pool, SingletonThreadPool):  # in memory, each thread has a database of its own
        error = _in_a_thread(lambda: _read(job_class, engine))
    elif isinstance(pool, StaticPool):  # SQLite's connection may be bound to the thread that has made it
        with engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            error = None if raw is None else _in_a_thread(lambda: raw.cursor().close())
    else:
        return
    if error is not None:
        raise ValueError(
            f"heartbeat= renews the lease from a thread, and {engine!r} gives another thread no access to the jobs "
            f"({getattr(error, 'orig', error)}). Use a database file; or, for one in memory, "
            "create_engine('sqlite://', poolclass=StaticPool, connect_args={'check_same_thread': False})."
        ) from error


def _read(job_class: type[JobColumns], engine: sa.Engine) -> None:
    with reading(job_class, engine) as session:
        session.execute(sa.select(job_class.id).limit(1))


def _in_a_thread(try_it: Callable[[], None]) -> Exception | None:
    failed: list[Exception] = []

    def run() -> None:
        try:
            try_it()
        except Exception as error:  # noqa: BLE001  # it is told to the caller
            failed.append(error)

    thread = threading.Thread(target=run, name="status-tracker-heartbeat-check")
    thread.start()
    thread.join()
    return failed[0] if failed else None
