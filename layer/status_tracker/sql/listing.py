"""Finding jobs: by status, stuck ones, and how many of each status."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Self

import sqlalchemy as sa

from ..core.config import as_status_codes
from .columns import JobColumns
from .expressions import Condition, is_free
from .settings import StepSettings, nameless
from .store import readable
from .transactions import EngineOrSession, reading


class JobListing(JobColumns):
    """The queries over all jobs of a table. Jobs read with an engine are detached, and fully loaded.

    A row that cannot be read, edited by hand perhaps, is left out, with a warning on the logger ``status_tracker``.
    """

    @classmethod
    def query_by_status(
        cls,
        engine_or_session: EngineOrSession,
        status: int | Iterable[int],
        limit: int = 10,
        older_task_first: bool = True,
    ) -> list[Self]:
        """The jobs of one or several statuses, ordered by `update_at`.

        Args:
            engine_or_session: an engine, or a session of yours, which is left open.
            status: a status code, or several.
            limit: how many at most, of each status.
            older_task_first: the oldest first; else the newest first.

        Raises:
            ValueError: no status was given, or something else than codes.
        """
        codes = dict.fromkeys(as_status_codes(status, "status"))
        if not codes:
            raise ValueError("No status was given: give one, or several.")
        with reading(cls, engine_or_session) as session:
            # Each status by itself, as the index has them.
            found = [
                job
                for code in codes
                for job in readable(session, cls, cls._ordered(cls.status == code, limit, older_task_first))
            ]
            return sorted(found, key=lambda job: (job.update_at, job.id), reverse=not older_task_first)

    @classmethod
    def query_stuck(
        cls,
        engine_or_session: EngineOrSession,
        in_progress_status: int | None = None,
        expire: float | None = None,
        limit: int = 10,
    ) -> list[Self]:
        """The jobs in progress whose worker has vanished, its lease over; the oldest first.

        Args:
            in_progress_status: by default that of the class's `config`.
            expire: seconds; when the lease of a job ends that an older library has locked. By default the config's.
            limit: how many at most.

        Raises:
            TypeError: the status is not given, and the class has no config.
        """
        if in_progress_status is None:
            in_progress_status = StepSettings.of(cls, {}).config.in_progress_status
        config = nameless(cls, expire).config
        now = config.now()
        since = now - timedelta(seconds=config.lock_expire_seconds)
        stuck = sa.and_(cls.status == int(in_progress_status), is_free(cls, now, since))
        with reading(cls, engine_or_session) as session:
            return readable(session, cls, cls._ordered(stuck, limit))

    @classmethod
    def count_by_status(cls, engine_or_session: EngineOrSession) -> dict[int, int]:
        """How many jobs there are of each status; a status that no job has is left out."""
        statement = sa.select(cls.status, sa.func.count()).group_by(cls.status).order_by(cls.status)
        with reading(cls, engine_or_session) as session:
            return {row[0]: row[1] for row in session.execute(statement)}

    @classmethod
    def _ordered(cls, where: Condition, limit: int, older_first: bool = True) -> sa.Select[Any]:
        order = (cls.update_at, cls.id) if older_first else (cls.update_at.desc(), cls.id.desc())
        return sa.select(cls).where(where).order_by(*order).limit(limit)
