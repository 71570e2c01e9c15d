"""The methods of task classes for asyncio. Imports asyncio when one is called first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..core.config import BaseStatusEnum
from ..core.task import TrackedTask

if TYPE_CHECKING:
    from ..core.execution import ExecutionContext
    from ..creating import CreateOutcome, CreateResult
    from .blocks import AsyncBlock, AsyncContext
    from .queries import AsyncQuery

AnswerT = TypeVar("AnswerT")


class AsyncTask(TrackedTask):
    """`TrackedTask` on an event loop: each method is the one without the ``a``, its requests made in threads."""

    @classmethod
    def astart(
        cls,
        task_id: str,
        more_pending_status: int | Iterable[int] | None = None,
        detailed_error: bool = False,
        debug: bool = False,
        *,
        create: bool = False,
        data: dict[str, Any] | None = None,
        lock_expire_seconds: float | None = None,
        heartbeat: float | None = None,
    ) -> AsyncBlock[ExecutionContext[Self], AsyncContext[Self]]:
        """As `start`, for ``async with``: ``await ctx.update()`` and ``await ctx.extend_lock()`` are awaited.

        A cancellation of the block is recorded as Ctrl-C is, and goes on; see `docs/asyncio.md`.

        Args:
            heartbeat: renew the lease every so many seconds, from a task of the loop. A block that keeps the loop busy
                keeps it from beating.
        """
        from .blocks import AsyncBlock, AsyncContext  # noqa: PLC0415  # on first use, see the module's docstring

        return AsyncBlock(
            lambda: cls.start(
                task_id,
                more_pending_status,
                detailed_error,
                debug,
                create=create,
                data=data,
                lock_expire_seconds=lock_expire_seconds,
                heartbeat=heartbeat,
            ),
            AsyncContext,
        )

    @classmethod
    async def arerun(cls, task_id: str, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:
        """As `rerun`."""
        return await _in_thread(lambda: cls.rerun(task_id, reason=reason, by=by, request_id=request_id))

    @classmethod
    async def aignore(cls, task_id: str, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:
        """As `ignore`."""
        return await _in_thread(lambda: cls.ignore(task_id, reason=reason, by=by, request_id=request_id))

    @classmethod
    async def acancel(cls, task_id: str, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:
        """As `cancel`."""
        return await _in_thread(lambda: cls.cancel(task_id, reason=reason, by=by, request_id=request_id))

    @classmethod
    async def aunignore(
        cls, task_id: str, *, reason: str, by: str | None = None, request_id: str | None = None
    ) -> Self:
        """As `unignore`."""
        return await _in_thread(lambda: cls.unignore(task_id, reason=reason, by=by, request_id=request_id))

    @classmethod
    async def aunlock(cls, task_id: str, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:
        """As `unlock`."""
        return await _in_thread(lambda: cls.unlock(task_id, reason=reason, by=by, request_id=request_id))

    @classmethod
    async def arestart(
        cls, task_id: str, *, run: int, reason: str, by: str | None = None, request_id: str | None = None
    ) -> Self:
        """As `restart`."""
        return await _in_thread(lambda: cls.restart(task_id, run=run, reason=reason, by=by, request_id=request_id))


class AsyncListing:
    """Creating, reading and listing on an event loop, for classes that have the methods without the ``a``."""

    @classmethod
    async def amake_and_save(
        cls,
        task_id: str | int,
        data: dict[str, Any] | None = None,
        _use_case_id: str | None = None,
        _status: int | BaseStatusEnum | None = None,
        **kwargs: Any,
    ) -> Self:
        """As `make_and_save`."""
        task: Self = await _in_thread(
            lambda: _of(cls).make_and_save(task_id, data, _use_case_id=_use_case_id, _status=_status, **kwargs)
        )
        return task

    @classmethod
    async def aget_or_create(
        cls, task_id: str | int, data: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[Self, bool]:
        """As `get_or_create`."""
        found: tuple[Self, bool] = await _in_thread(lambda: _of(cls).get_or_create(task_id, data, **kwargs))
        return found

    @classmethod
    async def acreate_many(
        cls,
        tasks: Iterable[str | int | tuple[str | int, dict[str, Any] | None] | Self]
        | Mapping[str | int, dict[str, Any] | None],
        *,
        dispatch: bool = False,
        each: Callable[[CreateOutcome[Self]], object] | None = None,
    ) -> CreateResult[Self]:
        """As `create_many`; `tasks` is iterated over, and `each` called, in a thread.

        Once it is cancelled, no more ids are taken, and the cancellation goes on after those under way.
        """
        from .threads import until_cancelled  # noqa: PLC0415  # on first use, see the module's docstring

        given = until_cancelled(tasks)
        result: CreateResult[Self] = await _in_thread(lambda: _of(cls).create_many(given, dispatch=dispatch, each=each))
        return result

    @classmethod
    async def aget_one_or_none(
        cls, task_id: str | int, consistent_read: bool = False, *, _use_case_id: str | None = None
    ) -> Self | None:
        """As `get_one_or_none`."""
        found: Self | None = await _in_thread(
            lambda: _of(cls).get_one_or_none(task_id, consistent_read, _use_case_id=_use_case_id)
        )
        return found

    @classmethod
    def aquery_by_status(
        cls,
        status: int | BaseStatusEnum | Sequence[int | BaseStatusEnum],
        limit: int | None = 10,
        older_task_first: bool = True,
        auto_refresh: bool = False,
        use_case_id: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        error_class: str | type[BaseException] | None = None,
    ) -> AsyncQuery[Self]:
        """As `query_by_status`, for ``async for``. What is wrong with the arguments is raised by the first task."""
        bounds = {"since": since, "until": until, "cursor": cursor, "error_class": error_class}
        return _query(
            lambda: _of(cls).query_by_status(status, limit, older_task_first, auto_refresh, use_case_id, **bounds)
        )

    @classmethod
    def aquery_for_unfinished(
        cls,
        limit: int | None = 10,
        older_task_first: bool = True,
        auto_refresh: bool = False,
        use_case_id: str | None = None,
    ) -> AsyncQuery[Self]:
        """As `query_for_unfinished`, for ``async for``."""
        return _query(lambda: _of(cls).query_for_unfinished(limit, older_task_first, auto_refresh, use_case_id))

    @classmethod
    def aquery_stuck(
        cls, limit: int | None = 10, auto_refresh: bool = False, use_case_id: str | None = None
    ) -> AsyncQuery[Self]:
        """As `query_stuck`, for ``async for``."""
        return _query(lambda: _of(cls).query_stuck(limit, auto_refresh, use_case_id))

    @classmethod
    def aquery_unattended(
        cls,
        *,
        pending_after: timedelta,
        limit: int | None = 10,
        until: datetime | None = None,
        cursor: str | None = None,
    ) -> AsyncQuery[Self]:
        """As `query_unattended`, for ``async for``."""
        return _query(
            lambda: _of(cls).query_unattended(pending_after=pending_after, limit=limit, until=until, cursor=cursor)
        )

    @classmethod
    async def acount_by_status(
        cls, use_case_id: str | None = None, *, progress: Callable[[int], object] | None = None
    ) -> dict[int, int]:
        """As `count_by_status`; `progress` is called in a thread."""
        counts: dict[int, int] = await _in_thread(lambda: _of(cls).count_by_status(use_case_id, progress=progress))
        return counts

    async def arefresh(self) -> None:
        """As `refresh`."""
        await _in_thread(_of(self).refresh)


async def _in_thread(call: Callable[[], AnswerT]) -> AnswerT:
    from .threads import in_thread  # noqa: PLC0415  # on first use, see the module's docstring

    return await in_thread(call)


def _query(find: Callable[[], Any]) -> AsyncQuery[Any]:
    from .queries import AsyncQuery  # noqa: PLC0415  # on first use, see the module's docstring

    return AsyncQuery(find)


def _of(backend: object) -> Any:
    """The methods without the ``a``, which the backend has."""
    return backend
