"""Jobs in a SQL database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from ..sql import OperableJobs
from .errors import WrongUsageError

_CONNECT_SECONDS = 5
_WITH_CONNECT_TIMEOUT = {"psycopg", "psycopg2", "pymysql", "mysqldb", "mysqlconnector"}


@contextmanager
def opened_jobs(job_class: Any, url: str, statuses: dict[str, int]) -> Iterator[OperableJobs[Any]]:
    """The jobs at that URL. Raises `WrongUsageError`."""
    try:
        parsed = sa.make_url(url)
        engine = sa.create_engine(parsed, connect_args=_connect_arguments(parsed))
    except exc.ArgumentError as error:
        raise WrongUsageError(f"--url cannot be used: {error}") from error
    except ModuleNotFoundError as error:
        raise WrongUsageError(f"--url needs the package {error.name}, which is not installed.") from error
    if engine.dialect.name == "sqlite" and _is_missing(parsed.database):  # else SQLite would make it
        raise WrongUsageError(f"There is no file {parsed.database}: check --url.")
    try:
        jobs = OperableJobs(job_class, engine, **statuses)
    except TypeError as error:
        raise WrongUsageError(f"{error} Or give --statuses.") from error
    try:
        yield jobs
    finally:
        engine.dispose()


def _connect_arguments(url: sa.URL) -> dict[str, Any]:
    known = url.get_driver_name() in _WITH_CONNECT_TIMEOUT and "connect_timeout" not in url.query
    return {"connect_timeout": _CONNECT_SECONDS} if known else {}


def _is_missing(database: str | None) -> bool:
    in_memory = not database or database == ":memory:" or database.startswith("file:")
    return not in_memory and not Path(str(database)).exists()
