"""A process that creates tasks until it is killed in the middle: `python creating_worker.py KIND WHERE`.

KIND is "dynamodb", with the endpoint and the table, or "sqlite", with the file.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

import status_tracker as st
from status_tracker.sql import JobMixin
from tests.support.steps import STEP1_CODES, make_base, make_step

IDS = {
    kind: [f"task-{number}" for number in range(count)] for kind, count in {"sqlite": 1_100, "dynamodb": 400}.items()
}
"""More than are under way at a time."""


class Base(orm.DeclarativeBase):
    pass


class Job(Base, JobMixin):
    __tablename__ = "job"
    config = st.TrackerConfig.make(**{"use_case_id": "job", **STEP1_CODES})


def creating(by: str, kind: str, *where: str) -> Any:
    """The call that creates them."""
    given = ((each, {"by": by}) for each in IDS[kind])
    if kind == "sqlite":
        engine = sa.create_engine(f"sqlite:///{where[0]}", connect_args={"timeout": 60})
        return lambda **options: Job.create_many(engine, given, **options)
    step = make_step(make_base(*where), STEP1_CODES)
    return lambda **options: step.create_many(given, **options)


def wait_in_the_middle(told: list[object], outcome: object) -> None:
    told.append(outcome)
    if len(told) == 150:
        sys.stdout.write("in the middle\n")
        sys.stdout.flush()
        time.sleep(300)


if __name__ == "__main__":
    creating("killed", *sys.argv[1:])(each=partial(wait_in_the_middle, []))
