"""Where the tasks of a race are, told in words that another process understands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import status_tracker as st
from status_tracker.testing.contract import Step
from tests.contract.backends.dynamodb import DynamoBackend, DynamoTable
from tests.contract.backends.s3 import BUCKET, s3_client
from tests.contract.backends.sql import FaultyCommits, SqlBackend, sqlite_engine
from tests.contract.backends.trackers import FileBackend, S3Backend
from tests.support.steps import STEP1_CODES


class NoFaults:
    """Nothing goes wrong."""

    def lose_answers(self, _times: int = 1) -> None:
        raise NotImplementedError

    refuse = lose_answers

    def heal(self) -> None:
        pass


@contextmanager
def open_step(kind: str, **place: Any) -> Iterator[Step]:
    """The step on that place, with a real clock and a lease that no race outlasts.

    Args:
        kind: one of `dynamodb`, `sql`, `files` and `s3`.
        place: what its function below takes.
    """
    opened = {"dynamodb": _dynamodb, "sql": _sql, "files": _files, "s3": _s3}[kind](**place)
    with opened as backend:
        yield backend.step(STEP1_CODES, st.get_utc_now, max_retry=3, lock_expire_seconds=600)


@contextmanager
def _dynamodb(host: str, table: str, use_case_id: str) -> Iterator[Any]:
    opened = DynamoTable(host, table)
    with closing(opened.client):
        yield DynamoBackend(opened, use_case_id=use_case_id)


@contextmanager
def _sql(url: str, table: str, journal: str | None = None) -> Iterator[Any]:
    engine = sqlite_engine(url, wal=journal == "wal") if journal else sa.create_engine(url)
    try:
        yield SqlBackend(engine, FaultyCommits(engine), table)
    finally:
        engine.dispose()


@contextmanager
def _files(folder: str) -> Iterator[Any]:
    yield FileBackend(Path(folder), NoFaults())


@contextmanager
def _s3(host: str, prefix: str) -> Iterator[Any]:
    with closing(s3_client(host)) as client:
        yield S3Backend(client, NoFaults(), BUCKET, prefix)
