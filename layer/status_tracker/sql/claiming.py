"""Claiming the oldest job that can be started, for workers that share a table."""

from __future__ import annotations

import enum
import logging
import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from ..core.errors import TaskUnreadableError
from ..core.lifecycle import Lifecycle, TryWrite
from ..core.port import Startable, StoreError
from ..core.retries import CONTENDED_ROUNDS, TRIES, Patience
from .candidates import CANDIDATES, any_oldest, claim, claimable, oldest
from .column_types import is_mysql
from .columns import JobColumns
from .database_errors import table_of
from .expressions import Condition, state_of
from .keys import JobId, key_of, text_of_id
from .prepared import Values, changes_of, new_values, selecting, values_of
from .rows import Database, dialect_of, execute, job_of
from .settings import StepSettings
from .store import SqlStore, answers, updated
from .transactions import loading, sending

JobT = TypeVar("JobT", bound=JobColumns)

logger = logging.getLogger("status_tracker")

_CLAIMING_AT_ONCE = frozenset({"postgresql", "sqlite"})
"""The dialects whose UPDATE returns the row, and passes by what others have locked or lets nobody else write."""
_WIDER = 8


class _Look(enum.Enum):
    """What to do when no job was claimed."""

    AGAIN = "others were faster, or the job was set aside"
    WIDER = "all candidates are locked by others, and there may be more"


@dataclass(frozen=True)
class Claim(Generic[JobT]):
    """One worker's search for a job.

    Attributes:
        statuses: those from which the step starts.
    """

    job_class: type[JobT]
    engine: sa.Engine
    step: StepSettings
    statuses: tuple[int, ...]

    def rules(self, id: JobId) -> Lifecycle:  # noqa: A002
        """The rules for one of the jobs."""
        return self.step.rules(id, startable=self.statuses)

    def next(self) -> tuple[str, JobT] | None:
        """The oldest job that could be acquired, and the token that holds it; None if there is none.

        Raises:
            Exception: the database did not answer; SQLAlchemy's own.
        """
        token, limit, unanswered = uuid.uuid4().hex, CANDIDATES, 0
        patience = Patience(self.rules("*"))
        passed_by: set[str] = set()
        refusals: Counter[str] = Counter()
        while True:
            try:
                found = self._try(token, limit, passed_by, refusals, repeated=unanswered > 0)
            except StoreError as error:
                if isinstance(error.cause, TaskUnreadableError) and error.cause.task_id not in passed_by:
                    logger.warning("%s The other jobs are started meanwhile.", error.cause)
                    passed_by.add(str(error.cause.task_id))
                    continue
                unanswered += 1
                if not error.transient or unanswered == CONTENDED_ROUNDS:
                    raise error.cause from error
                patience.pause(min(unanswered, TRIES))
                continue
            if found is _Look.WIDER:
                limit *= _WIDER
            elif found is _Look.AGAIN:
                passed_by |= self._contended(refusals)
                patience.pause(0)
            else:
                return None if found is None else (token, found)

    def _contended(self, refusals: Counter[str]) -> set[str]:
        contended = {each for each, times in refusals.items() if times == CONTENDED_ROUNDS}
        for each in contended:
            del refusals[each]
            logger.warning(
                "Job %r of the table %r could not be claimed, though it was found %d times. The other jobs are started "
                "meanwhile.",
                each,
                table_of(self.job_class).fullname,
                CONTENDED_ROUNDS,
            )
        return contended

    def _try(
        self, token: str, limit: int, passed_by: Collection[str], refusals: Counter[str], *, repeated: bool
    ) -> JobT | _Look | None:
        with sending(self.job_class, self.engine) as database:
            if repeated and (held := self._held_by(database, token)) is not None:
                return held
            now = self.step.config.now()
            guard = self._guard(token, now)
            dialect = dialect_of(database, self.job_class).name
            at_once = dialect in _CLAIMING_AT_ONCE and answers(database, self.job_class) and not passed_by
            look_first = dialect == "sqlite"  # an UPDATE that finds nothing would wait for the only writer there may be
            if at_once and not look_first and (job := self._at_once(database, token, guard)) is not None:
                return job
            ids = database.scalars(*self._oldest(guard, limit, passed_by)).all()
            if not ids:
                return None
            if at_once and look_first and (job := self._at_once(database, token, guard)) is not None:
                return job
            job = self._first_unlocked(database, ids, claimable(self.job_class, guard, self._in_progress))
            if job is None:
                return _Look.WIDER if len(ids) == limit else None
            claimed = self._acquire(database, job, token, now)
            if claimed is _Look.AGAIN:
                refusals[text_of_id(job.id)] += 1
            return claimed

    def _acquire(self, database: Database, job: JobT, token: str, now: datetime) -> JobT | _Look:
        verdict = self.rules(job.id).judge(state_of(job), token, now, self.step.lease)
        if not isinstance(verdict, TryWrite):
            return _Look.AGAIN
        store = SqlStore(self.job_class, self.engine, job.id, self.step.lease.total_seconds())
        answer = store.apply(database, verdict.write)
        if not answer.applied or answer.task is None:
            return _Look.AGAIN
        database.commit()
        return answer.task if verdict.error is None else _Look.AGAIN

    @property
    def _in_progress(self) -> int:
        return self.step.config.in_progress_status

    def _guard(self, token: str, now: datetime) -> Startable:
        since = now - timedelta(seconds=self.step.config.lock_expire_seconds)
        return Startable(token, self.statuses, now, since, or_absent=False)

    def _oldest(self, guard: Startable, limit: int, passed_by: Collection[str]) -> tuple[sa.Select[Any], Values]:
        if passed_by or limit != CANDIDATES:
            without = [key_of(self.job_class, each) for each in passed_by]
            return oldest(self.job_class, guard, self._in_progress, limit, without), {}
        return any_oldest(self.job_class, self.statuses, self._in_progress), values_of(guard)

    def _at_once(self, database: Database, token: str, guard: Startable) -> JobT | None:
        """The oldest job, claimed in one statement; None where there is none, or it needs to be read first."""
        values, increased = changes_of(self.job_class, self.rules("*").acquire(token, guard.now, self.step.lease))
        statement = claim(
            self.job_class, self.statuses, self._in_progress, tuple(values), increased, _is_plain(database)
        )
        try:
            job = updated(database, self.job_class, "?", statement, {**values_of(guard), **new_values(values)})
            if job is not None:
                state_of(job)
                database.commit()
        except TaskUnreadableError:  # which it is the other way finds out
            database.rollback()
            return None
        return job

    def _first_unlocked(self, database: Database, ids: Sequence[JobId], claimable: Condition) -> JobT | None:
        # MySQL and MariaDB lock every row that they look at, and so are shown one at a time.
        groups = [[each] for each in ids] if is_mysql(dialect_of(database, self.job_class)) else [ids]
        for group in groups:
            if (job := self._locked(database, group, claimable)) is not None:
                return job
        return None

    def _locked(self, database: Database, ids: Sequence[JobId], claimable: Condition) -> JobT | None:
        job = self.job_class

        def oldest(what: sa.Select[Any]) -> sa.Result[Any]:
            of_them = what.where(job.id.in_(ids), claimable).order_by(job.update_at, job.id).limit(1)
            return execute(database, of_them.with_for_update(skip_locked=True))

        rows = oldest(selecting(job, plain=_is_plain(database)))
        with loading(job, lambda: oldest(sa.select(job.id)).scalars().first()):
            row = rows.first()
        return None if row is None else job_of(job, database, row)

    def _held_by(self, database: Database, token: str) -> JobT | None:
        """The job that was claimed by a request whose answer was lost."""
        job = self.job_class
        held = sa.and_(job.status == self.step.config.in_progress_status, job.lock == token)
        row = execute(database, selecting(job, plain=_is_plain(database)).where(held)).first()
        return None if row is None else job_of(job, database, row)


def _is_plain(database: Database) -> bool:
    return isinstance(database, sa.Connection)
