"""`JobMixin`: what users derive their jobs from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self, Unpack

import sqlalchemy as sa

from ..core.config import ensure_status_value
from ..core.heartbeat import check_heartbeat
from ..core.state import pending_as_found
from ..core.task import create
from . import settings
from .aio import AsyncJobs
from .claiming import Claim
from .column_types import check_length
from .columns import EPOCH
from .errors import job_error
from .execution import JobBlock, JobExecution, Start, StartNext
from .keys import JobId, key_of
from .listing import JobListing
from .locking import JobAtHand
from .settings import Statuses, StepSettings
from .store import SqlStore, new
from .threads import check_threads
from .transactions import EngineOrSession
from .updates import check_json

if TYPE_CHECKING:
    from ..creating import CreateOutcome, CreateResult


class JobMixin(JobListing, AsyncJobs, JobAtHand):
    """A tracked job, one row a job; a subclass is the table::

        class Job(Base, JobMixin):
            __tablename__ = "job"

    Its columns are those of `JobColumns`; give it more of your own. Name the statuses of the step in each call, or
    once, as ``config = TrackerConfig.make(...)``.
    """

    @classmethod
    def create(cls, id: JobId, status: int, data: dict[str, Any] | None = None, **kwargs: Any) -> Self:  # noqa: A002
        """A new job in memory; add it to a session to store it, many at a time.

        Args:
            id: unique in the table; of the type of its column.
            status: mostly the pending status.
            data: anything JSON can hold.
            kwargs: values of columns of your own.

        Raises:
            TypeError, ValueError: the id cannot be stored, or the data cannot; see `check_json`.
        """
        rules = settings.nameless(cls).rules(id)
        check_json(data, cls)
        now = rules.config.now()
        fields = {
            "id": key_of(cls, id),
            "status": ensure_status_value(status),
            "create_at": now,
            "update_at": now,
            "lock": None,
            "lock_at": EPOCH,
            "retry": 0,
            "data": data,
            "errors": {},
        }
        return new(cls, {**fields, **kwargs})

    @classmethod
    def create_and_save(
        cls,
        engine_or_session: EngineOrSession,
        id: JobId,  # noqa: A002
        status: int,
        data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Create a job and store it; the arguments are those of `create`.

        Args:
            engine_or_session: an engine; or a session of yours, which is committed, with what else it has to store.

        Raises:
            JobAlreadyExistsError: a job with that id exists; it and your session were left unchanged.
        """
        job, created = cls.get_or_create(engine_or_session, id, status, data, **kwargs)
        if created:
            return job
        step = settings.nameless(cls)
        raise job_error(step.rules(id).exists(SqlStore(cls, engine_or_session, id).state(job)))

    @classmethod
    def get_or_create(
        cls,
        engine_or_session: EngineOrSession,
        id: JobId,  # noqa: A002
        status: int,
        data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[Self, bool]:
        """The stored job, and whether this call created it. For events that are delivered at least once.

        Your session is committed if the job is new, and otherwise left unchanged.
        """
        job = cls.create(id, status, data, **kwargs)
        return create(SqlStore(cls, engine_or_session, id), job, settings.nameless(cls).config.clock)

    @classmethod
    def create_many(
        cls,
        engine: sa.Engine,
        jobs: Iterable[JobId | tuple[JobId, dict[str, Any] | None] | Self] | Mapping[Any, dict[str, Any] | None],
        status: int | None = None,
        *,
        each: Callable[[CreateOutcome[Self]], object] | None = None,
    ) -> CreateResult[Self]:
        """Create a job for each id, many in a statement; a job that exists is left as it is.

        The result counts what was new and what existed; `each` is told it of every id. Interrupted or failed, the same
        call again completes it. Ids are taken from the iterable as they are needed, so that a million of them take no
        more memory than a thousand. An id that is given twice is one job, with the data of the first.

        Args:
            engine: 500 jobs at a time are stored in a transaction of their own.
            jobs: ids, pairs of an id and its data, or what `create` returns, in any mix; or a mapping of ids to data.
            status: of the new jobs; by default the pending of the config. Those that `create` made have their own.
            each: called with the `CreateOutcome` of each id, in their order. Its `task` is detached, and columns that a
                default has filled are not loaded.

        Raises:
            TasksNotCreatedError: an id or its data is invalid, or the database did not take it. Its `result` says
                which; the others are created. After 20 failures of the database one after the other, no more ids are
                taken.
            TypeError: the status is not known; or a text is given, and not several ids.
        """
        from ..creating.given import checked  # noqa: PLC0415  # few need it
        from ..creating.many import create_many  # noqa: PLC0415
        from .creating import CHUNK, ManyJobs, free  # noqa: PLC0415

        if status is None and not hasattr(cls, "config"):
            raise TypeError(f"{cls.__name__} has no config: give the status of the new jobs, mostly the pending one.")
        code = cls.config.pending_status if status is None else status

        def made(given: Any) -> Any:
            if isinstance(given, cls):
                job = free(given)
            else:
                id_, data = checked(given)
                job = cls.create(id_, code, data)
            check_length(cls.id, job.id, engine.dialect)
            return job

        many = ManyJobs(cls, engine)
        return create_many(jobs, made, many.create, attrgetter("id"), chunk=CHUNK, each=each)

    @classmethod
    def start(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        pending_status: int | None = None,
        in_progress_status: int | None = None,
        failed_status: int | None = None,
        succeeded_status: int | None = None,
        ignored_status: int | None = None,
        expire: float | None = None,
        max_retry: int | None = None,
        more_pending_status: int | Iterable[int] | None = None,
        traceback_stack_limit: int = 10,
        skip_error: bool = False,
        debug: bool = False,
        *,
        in_process_status: int | None = None,
        success_status: int | None = None,
        ignore_status: int | None = None,
        create: bool = False,
        data: dict[str, Any] | None = None,
        heartbeat: float | None = None,
    ) -> Start[Self]:
        """Hold the job while the block works on it, and store the result::

            with Job.start(engine, "job-1", 10, 20, 30, 40, 50, expire=900, max_retry=3) as (job, updates):
                updates.set("data", {"version": job.data["version"] + 1})

        The job is in progress inside the block. Leaving the block makes it succeeded, and stores the updates in the
        same statement; an exception makes it failed, or ignored after `max_retry` failures in a row. While the block
        runs, no connection is in use: `job` is detached, and `updates` opens one where it needs one.

        Args:
            engine: a transaction of its own is made for the start and for the end.
            id: the job.
            pending_status, in_progress_status, failed_status, succeeded_status, ignored_status: the codes of the step;
                to be left out where the class has a `config`. Without `pending_status`, a job starts from any status
                that is none of the other four, for which it is read first.
            expire: the lease, in seconds; by default the config's, or 300.
            max_retry: attempts in a row that may fail; by default the config's, or 3.
            more_pending_status: further codes to start from.
            traceback_stack_limit: frames of a traceback to keep; the class's config overrides it.
            skip_error: an `Exception` of the block goes no further, once its failure is stored. What the start and
                the end raise themselves does.
            debug: show on the console what happens.
            in_process_status, success_status, ignore_status: an older spelling of three of the codes.
            create: make the job if there is none, in the same transaction.
            data: with `create`, the data of the job that is made.
            heartbeat: renew the lease every so many seconds, from a thread, until the block ends.

        Raises:
            JobIsNotReadyToStartError: it cannot be started now; a subclass says why: `JobIsNotInitializedError`,
                `JobLockedError`, `JobAlreadySucceededError`, `JobIgnoredError`, `JobNotDueError`.
            TypeError, ValueError: the settings cannot work, before any write; among them an engine for asyncio, and a
                `heartbeat` with an engine that no other thread can use.
            TaskLockLostError: at the end, another worker had taken the job over; nothing of this one was stored.
            StatusNotSavedError: at the end, the database did not answer while the lease lasted.
            TaskTransactionError: at the end, the updates were refused; the attempt failed.
            MissingColumnsError: the table is sqlalchemy_mate's, and `add_missing_columns` has not run.
            Exception: at the beginning, the database could not be asked; SQLAlchemy's own.
        """
        step = StepSettings.of(
            cls,
            {
                "pending_status": pending_status,
                "in_progress_status": in_progress_status,
                "failed_status": failed_status,
                "succeeded_status": succeeded_status,
                "ignored_status": ignored_status,
                "in_process_status": in_process_status,
                "success_status": success_status,
                "ignore_status": ignore_status,
                "expire": expire,
                "max_retry": max_retry,
            },
            traceback_stack_limit,
        )
        statuses = step.startable(more_pending_status)
        step.rules(id)
        check_json(data, cls)
        check_heartbeat(heartbeat, step.lease)

        def begin() -> JobBlock[Self]:
            if heartbeat is not None:
                check_threads(cls, engine)
            store = SqlStore(cls, engine, id, step.lease.total_seconds())
            found: tuple[int, ...] = ()
            if not step.names_pending and (job := store.read()) is not None:
                found = pending_as_found(store.state(job), step.config)
            rules = step.rules(id, startable=(*statuses, *found), create=create, initial_data=data)
            return JobBlock(JobExecution(store, rules, step.lease, heartbeat=heartbeat, debug=debug), store)

        return Start(begin, skip_error=skip_error)

    @classmethod
    def start_next(
        cls,
        engine: sa.Engine,
        more_pending_status: int | Iterable[int] | None = None,
        traceback_stack_limit: int = 10,
        skip_error: bool = False,
        debug: bool = False,
        *,
        heartbeat: float | None = None,
        **statuses: Unpack[Statuses],
    ) -> StartNext[Self]:
        """As `start`, with the oldest job that can be started; with None where there is none::

            while True:
                with Job.start_next(engine) as (job, updates):
                    if job is None:
                        break

        The oldest is the one with the smallest `update_at`. A job whose worker has vanished is taken over in its turn,
        after what waited before it was started; if that was its last attempt it becomes ignored, and the next one is
        claimed. Workers do not wait for each other where locked rows are skipped (PostgreSQL, MariaDB 10.6, MySQL 8).

        Args:
            statuses: `pending_status`, …, `expire` and `max_retry`, as for `start`.

        Raises:
            TypeError: as for `start`, and without a `pending_status`.
        """
        step = StepSettings.of(cls, statuses, traceback_stack_limit).named(cls, "start_next")
        claim = Claim(cls, engine, step, step.startable(more_pending_status))
        check_heartbeat(heartbeat, step.lease)  # before a job is claimed that could not be started

        def begin() -> JobBlock[Self] | None:
            if heartbeat is not None:
                check_threads(cls, engine)
            held = claim.next()
            if held is None:
                return None
            job = held[1]
            store = SqlStore(cls, engine, job.id, step.lease.total_seconds())
            rules = claim.rules(job.id)
            return JobBlock(JobExecution(store, rules, step.lease, heartbeat=heartbeat, debug=debug, held=held), store)

        return StartNext(begin, skip_error=skip_error)
