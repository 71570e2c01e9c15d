"""Jobs at hand: locked and updated without a block."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from ..core.errors import TaskIsNotReadyToStartError, TaskLockLostError
from ..core.retries import Patience, acquire
from ..core.state import is_live
from . import settings
from .columns import JobColumns, mirror
from .database_errors import table_of
from .errors import JobIsNotInitializedError, job_error
from .expressions import Condition, state_of
from .store import SqlStore, column_names, update
from .trace import JobTrace
from .transactions import EngineOrSession, reading, undoable
from .updates import Updates, check_column


class JobAtHand(JobColumns):
    """What an instance can do. A session of yours is committed, with what else it has to store."""

    def is_locked(self, expire: float | None = None) -> bool:
        """Whether a worker's lease on the job holds, by what this instance has read.

        Args:
            expire: seconds; how long a lock lasts that an older library took, without a `lock_expire_at`. By default
                the config's, or 300.
        """
        config, state = settings.nameless(type(self)).config, state_of(self)
        if expire is not None and state.lock_expire_time is None:
            state = replace(state, lock_expire_time=self.lock_at + timedelta(seconds=expire))
        return is_live(state, config, config.now())

    def lock_it(
        self, engine_or_session: EngineOrSession, in_progress_status: int, debug: bool = False
    ) -> tuple[str, datetime]:
        """Hold the job without a block, from the status that this instance has read; it then has no end but its lease.

        Args:
            engine_or_session: an engine, or a session of yours, which is committed.
            in_progress_status: the status while it is held.
            debug: show on the console what happens.

        Returns:
            The token, and when it was locked. The lease lasts as long as that of the class's config, or 300 seconds.

        Raises:
            JobLockedError: another worker holds it.
            JobIsNotReadyToStartError: its status is not the one any more that this instance has read.
        """
        job_class = type(self)
        step = settings.locking(job_class, in_progress_status)
        known = () if self.status == step.config.in_progress_status else (self.status,)
        rules = step.rules(self.id, startable=known)
        trace = JobTrace(step.config, self.id, debug=debug)
        store, token = SqlStore(job_class, engine_or_session, self.id), uuid.uuid4().hex
        try:
            job = acquire(store, rules, token, step.lease, Patience(rules))
        except TaskIsNotReadyToStartError as error:
            trace.not_started(error)
            raise job_error(error) from error.__cause__
        trace.acquired()
        mirror(self, job)
        return token, self.lock_at

    def update(self, engine_or_session: EngineOrSession, updates: Updates) -> None:
        """Store the values at once. If this instance has a lock it must still be that one.

        Args:
            engine_or_session: an engine, or a session of yours, which is committed.
            updates: of columns that the library does not keep.

        Raises:
            KeyError: a column cannot be set.
            TaskLockLostError: the job is not held any more by the lock that this instance has; nothing was stored.
            JobIsNotInitializedError: there is no such job.
        """
        job_class = type(self)
        for name in updates.values:
            check_column(name, column_names(job_class))
        if not updates.values:
            return
        with reading(job_class, engine_or_session) as session:
            with undoable(engine_or_session, session):
                job = update(session, job_class, self.id, self._still_held(), updates.values)
            if job is None:
                raise self._not_updated()
            session.commit()
            mirror(self, job)

    def _still_held(self) -> Condition:
        job_class = type(self)
        if self.lock is None:
            return sa.true()
        return sa.and_(job_class.lock == self.lock, sa.func.coalesce(job_class.fence, 0) == (self.fence or 0))

    def _not_updated(self) -> TaskLockLostError | JobIsNotInitializedError:
        table = table_of(type(self)).fullname
        if self.lock is None:
            gone = f"Job {self.id!r} is not found: it was deleted, or never stored."
            return JobIsNotInitializedError(gone, use_case_id=table, task_id=self.id)
        lost = f"Job {self.id!r} is not held by the lock {self.lock!r} any more: nothing was stored. Read it again."
        return TaskLockLostError(lost, use_case_id=table, task_id=self.id)
