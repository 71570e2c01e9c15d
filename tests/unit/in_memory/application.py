"""An application as its users have it: classes on their backends, and code that knows of no test."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

import status_tracker as st
from status_tracker import compat
from status_tracker.abstract import FileTracker, S3Tracker
from status_tracker.operations.pipeline import Pipeline
from status_tracker.sql import JobMixin

LEASE = 60
NOWHERE = "http://127.0.0.1:9"
"""Where nothing listens: what is asked for there fails."""


class ExtractTask(st.BaseTask):
    class Meta:
        table_name, region, host = "documents", "eu-central-1", NOWHERE

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = st.TrackerConfig.make("documents", 10, 20, 30, 40, 50, lock_expire_seconds=LEASE)


class AnswerTask(ExtractTask):
    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = ExtractTask.config.next_step()


PIPELINE = Pipeline({"Extract": ExtractTask, "Answer": AnswerTask})


class Photo(compat.BaseStatusTracker):
    class Meta:
        table_name, region, host = "photos", "eu-central-1", NOWHERE

    status_and_update_time_index = compat.StatusAndUpdateTimeIndex()
    JOB_ID, LOCK_EXPIRE_SECONDS = "photos", LEASE

    def make_smaller(self) -> Any:
        return self.start(in_process_status=3, failed_status=6, success_status=9, ignore_status=10)


class Base(orm.DeclarativeBase):
    pass


class Job(Base, JobMixin):
    __tablename__ = "job"
    config = st.TrackerConfig.make("jobs", 10, 20, 30, 40, 50, lock_expire_seconds=LEASE)

    customer_id: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey("customer.id"))


class Customer(Base):
    __tablename__ = "customer"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]


ENGINE = sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:9/nowhere")


@dataclasses.dataclass
class Report(FileTracker):
    @classmethod
    def get_path(cls, id: Any) -> Path:  # noqa: A002
        return Path("/nowhere/at/all", f"{id}.json")


@dataclasses.dataclass
class Upload(S3Tracker):
    @classmethod
    def get_bucket_key(cls, id: Any) -> tuple[str, str]:  # noqa: A002
        return "no-bucket", f"uploads/{id}.json"

    @classmethod
    def get_s3_client(cls) -> Any:
        raise AssertionError("S3 is asked")


def extract(document: str) -> None:
    """Read a document, and ask about it."""
    with ExtractTask.start(document, create=True) as ctx:
        ctx.set_data({"pages": 3})
    with AnswerTask.start(document):
        pass


def run(job_id: str) -> None:
    with Job.start(ENGINE, job_id, create=True) as (_, updates):
        updates.set("data", {"done": True})
