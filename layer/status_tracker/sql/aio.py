"""The methods of jobs for asyncio. Imports asyncio when one is called first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.pool import SingletonThreadPool, StaticPool

from .actions import JobActions
from .keys import JobId
from .settings import Statuses
from .transactions import refuse_async

if TYPE_CHECKING:
    from ..aio.blocks import AsyncBlock
    from ..aio.queries import AsyncQuery
    from ..creating import CreateOutcome, CreateResult
    from .aio_blocks import AsyncUpdates
    from .updates import Updates

AnswerT = TypeVar("AnswerT")


class AsyncJobs(JobActions):
    """The methods of `JobMixin` on an event loop: each is the one without the ``a``, its requests made in threads.

    The engine is an ordinary one, of `sqlalchemy.create_engine`; sessions stay with the thread that uses them.
    """

    @classmethod
    def astart(
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
    ) -> AsyncBlock[tuple[Self, Updates], tuple[Self, AsyncUpdates]]:
        """As `start`, for ``async with``; ``await updates.update()`` and ``await updates.extend_lock()`` are awaited.

        Args:
            heartbeat: renew the lease every so many seconds, from a task of the loop. A block that keeps the loop busy
                keeps it from beating.
        """
        from ..aio.blocks import AsyncBlock  # noqa: PLC0415  # on first use, see the module's docstring
        from .aio_blocks import shown  # noqa: PLC0415

        _check(engine)
        statuses = (pending_status, in_progress_status, failed_status, succeeded_status, ignored_status)
        return AsyncBlock(
            lambda: _of(cls).start(
                engine,
                id,
                *statuses,
                expire,
                max_retry,
                more_pending_status,
                traceback_stack_limit,
                skip_error,
                debug,
                in_process_status=in_process_status,
                success_status=success_status,
                ignore_status=ignore_status,
                create=create,
                data=data,
                heartbeat=heartbeat,
            ),
            shown,
        )

    @classmethod
    def astart_next(
        cls,
        engine: sa.Engine,
        more_pending_status: int | Iterable[int] | None = None,
        traceback_stack_limit: int = 10,
        skip_error: bool = False,
        debug: bool = False,
        *,
        heartbeat: float | None = None,
        **statuses: Unpack[Statuses],
    ) -> AsyncBlock[tuple[Self | None, Updates], tuple[Self | None, AsyncUpdates]]:
        """As `start_next`, for ``async with``; see `astart`."""
        from ..aio.blocks import AsyncBlock  # noqa: PLC0415  # on first use, see the module's docstring
        from .aio_blocks import shown  # noqa: PLC0415

        _check(engine)
        settings = (more_pending_status, traceback_stack_limit, skip_error, debug)
        return AsyncBlock(lambda: _of(cls).start_next(engine, *settings, heartbeat=heartbeat, **statuses), shown)

    @classmethod
    async def acreate_and_save(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        status: int,
        data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Self:
        """As `create_and_save`, with an engine."""
        job: Self = await _in_thread(engine, lambda: _of(cls).create_and_save(engine, id, status, data, **kwargs))
        return job

    @classmethod
    async def aget_or_create(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        status: int,
        data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[Self, bool]:
        """As `get_or_create`, with an engine."""
        found: tuple[Self, bool] = await _in_thread(
            engine, lambda: _of(cls).get_or_create(engine, id, status, data, **kwargs)
        )
        return found

    @classmethod
    async def acreate_many(
        cls,
        engine: sa.Engine,
        jobs: Iterable[JobId | tuple[JobId, dict[str, Any] | None] | Self] | Mapping[Any, dict[str, Any] | None],
        status: int | None = None,
        *,
        each: Callable[[CreateOutcome[Self]], object] | None = None,
    ) -> CreateResult[Self]:
        """As `create_many`; `jobs` is iterated over, and `each` called, in a thread.

        Once it is cancelled, no more ids are taken, and the cancellation goes on after those under way.
        """
        from ..aio.threads import until_cancelled  # noqa: PLC0415  # on first use, see the module's docstring

        given = until_cancelled(jobs)
        result: CreateResult[Self] = await _in_thread(
            engine, lambda: _of(cls).create_many(engine, given, status, each=each)
        )
        return result

    @classmethod
    def aquery_by_status(
        cls, engine: sa.Engine, status: int | Iterable[int], limit: int = 10, older_task_first: bool = True
    ) -> AsyncQuery[Self]:
        """As `query_by_status`, with an engine, for ``async for``; its one request comes with the first job."""
        return _query(engine, lambda: _of(cls).query_by_status(engine, status, limit, older_task_first))

    @classmethod
    def aquery_stuck(
        cls,
        engine: sa.Engine,
        in_progress_status: int | None = None,
        expire: float | None = None,
        limit: int = 10,
    ) -> AsyncQuery[Self]:
        """As `query_stuck`, with an engine, for ``async for``."""
        return _query(engine, lambda: _of(cls).query_stuck(engine, in_progress_status, expire, limit))

    @classmethod
    async def acount_by_status(cls, engine: sa.Engine) -> dict[int, int]:
        """As `count_by_status`, with an engine."""
        counts: dict[int, int] = await _in_thread(engine, lambda: _of(cls).count_by_status(engine))
        return counts

    @classmethod
    async def arerun(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        **statuses: Unpack[Statuses],
    ) -> Self:
        """As `rerun`."""
        return await _in_thread(
            engine, lambda: cls.rerun(engine, id, reason=reason, by=by, request_id=request_id, **statuses)
        )

    @classmethod
    async def aignore(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        **statuses: Unpack[Statuses],
    ) -> Self:
        """As `ignore`."""
        return await _in_thread(
            engine, lambda: cls.ignore(engine, id, reason=reason, by=by, request_id=request_id, **statuses)
        )

    @classmethod
    async def acancel(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        **statuses: Unpack[Statuses],
    ) -> Self:
        """As `cancel`."""
        return await _in_thread(
            engine, lambda: cls.cancel(engine, id, reason=reason, by=by, request_id=request_id, **statuses)
        )

    @classmethod
    async def aunignore(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        **statuses: Unpack[Statuses],
    ) -> Self:
        """As `unignore`."""
        return await _in_thread(
            engine, lambda: cls.unignore(engine, id, reason=reason, by=by, request_id=request_id, **statuses)
        )

    @classmethod
    async def arestart(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        *,
        run: int,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        **statuses: Unpack[Statuses],
    ) -> Self:
        """As `restart`."""
        return await _in_thread(
            engine, lambda: cls.restart(engine, id, run=run, reason=reason, by=by, request_id=request_id, **statuses)
        )

    @classmethod
    async def aunlock(
        cls,
        engine: sa.Engine,
        id: JobId,  # noqa: A002
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        **statuses: Unpack[Statuses],
    ) -> Self:
        """As `unlock`."""
        return await _in_thread(
            engine, lambda: cls.unlock(engine, id, reason=reason, by=by, request_id=request_id, **statuses)
        )


def _check(engine: sa.Engine) -> None:
    """Refuse what several threads cannot use.

    Raises:
        TypeError: it is a session, or an engine for asyncio.
        ValueError: each thread would see another database, or all of them the same connection.
    """
    if isinstance(engine, orm.Session | orm.scoped_session):
        raise TypeError(f"{engine!r} is a session, which belongs to one thread: give the engine.")
    refuse_async(engine)
    if isinstance(getattr(engine, "pool", None), SingletonThreadPool | StaticPool):
        raise ValueError(
            f"asyncio makes its requests in threads, and {engine!r} has no connection for each. Use a database file; "
            "or, for one in memory, create_engine('sqlite://', poolclass=QueuePool, pool_size=1, max_overflow=0, "
            "connect_args={'check_same_thread': False})."
        )


async def _in_thread(engine: sa.Engine, call: Callable[[], AnswerT]) -> AnswerT:
    from ..aio.threads import in_thread  # noqa: PLC0415  # on first use, see the module's docstring

    _check(engine)
    return await in_thread(call)


def _query(engine: sa.Engine, find: Callable[[], Any]) -> AsyncQuery[Any]:
    from ..aio.queries import AsyncQuery  # noqa: PLC0415  # on first use, see the module's docstring

    _check(engine)
    return AsyncQuery(find)


def _of(job_class: object) -> Any:
    """The methods without the ``a``, which `JobMixin` has."""
    return job_class
