"""Job classes that the command is told to work on."""

from sqlalchemy import orm

import status_tracker as st
from status_tracker.sql import JobMixin


class Base(orm.DeclarativeBase):
    """The tables of this module."""


class Job(Base, JobMixin):
    """A step with a config."""

    __tablename__ = "job"
    config = st.TrackerConfig.make("jobs", 10, 20, 30, 40, 50, max_retry=3)


class OldJob(Base, JobMixin):
    """Its calls name the statuses, as sqlalchemy_mate's do."""

    __tablename__ = "old_job"
