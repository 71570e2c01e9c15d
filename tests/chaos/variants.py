"""Deliberately broken libraries: what the checker must catch. Applied in workers and producers only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pynamodb.expressions.condition import Condition

from status_tracker.abstract import FileTracker, S3Tracker, files
from status_tracker.abstract import store as tracker_store
from status_tracker.core.lifecycle import Lifecycle, TryWrite
from status_tracker.core.port import HeldBy, Startable, Unchanged, Write, WriteResult
from status_tracker.core.state import TaskState
from status_tracker.dynamodb import expressions, store, templates
from status_tracker.sql import prepared as sql_prepared
from status_tracker.sql import store as sql_store
from status_tracker.sql.transactions import storing

from .plan import Options


def apply(options: Options) -> None:
    """Break the library of this process; "none" leaves it as it is."""
    {**_ON_ALL, **_VARIANTS[options.backend]}[options.variant]()


def _no_fence() -> None:
    """Whoever thinks that it holds the task may write to it."""
    honest = expressions.condition

    def condition(task: type[Any], key: str, write: Write) -> Condition:
        held: Condition = task.key.exists()
        return held if isinstance(write.guard, HeldBy) else honest(task, key, write)

    for module in (store, templates):
        vars(module)["condition"] = condition


def _sql_without(guard: type[HeldBy | Startable]) -> None:
    """A guard of that kind always holds."""
    honest = vars(sql_store)["condition"]

    def condition(job: type[Any], write: Write) -> sa.ColumnElement[bool]:
        held: sa.ColumnElement[bool] = sa.true() if isinstance(write.guard, guard) else honest(job, write)
        return held

    for module in (sql_store, sql_prepared):
        vars(module)["condition"] = condition


def _trackers_without(guard: type[HeldBy | Startable]) -> None:
    """A guard of that kind always holds."""
    honest = vars(tracker_store)["admits"]

    def admits(record: dict[str, Any] | None, write: Write) -> bool:
        return isinstance(write.guard, guard) or bool(honest(record, write))

    vars(tracker_store)["admits"] = admits


def _receipts_apart() -> None:
    """What is to be stored with a success is stored before it, in a transaction of its own."""
    honest = sql_store.SqlStore.succeed

    def succeed(self: sql_store.SqlStore[Any], write: Write) -> WriteResult[Any]:
        with storing(self._class, self._bind) as session:
            while self.also:
                session.execute(self.also.pop())
            session.commit()
        return honest(self, write)

    sql_store.SqlStore.succeed = succeed  # type: ignore[method-assign]


def _no_compare() -> None:
    """A file is replaced, whoever has written it since it was read."""

    def dump(self: FileTracker, **_: Any) -> None:
        content = self._encoded()
        files._replace(self.path, content, lambda: True)
        self._stamp = files._stamp_of(content)

    FileTracker.dump = dump  # type: ignore[method-assign]


def _unconditional_put() -> None:
    """An object is replaced, whoever has written it since it was read."""

    def dump(self: S3Tracker, **_: Any) -> None:
        bucket, key = self.get_bucket_key(self.id)
        self._stamp = self.get_s3_client().put_object(Bucket=bucket, Key=key, Body=self._encoded())["ETag"]

    S3Tracker.dump = dump  # type: ignore[method-assign]


def _written_in_place() -> None:
    """A file is overwritten where it is, so that there are moments at which it holds a half."""
    replace = files._replace

    def overwrite(path: Path, content: bytes, may_replace: Callable[[], bool]) -> bool:
        path.write_bytes(content[: len(content) // 2])
        return replace(path, content, may_replace)

    files._replace = overwrite


def _crash_not_counted() -> None:
    """A vanished attempt leaves no trace."""

    def take_over(self: Lifecycle, state: TaskState, token: str, now: datetime, lease: timedelta) -> TryWrite:
        return TryWrite(Write(Unchanged(state), self._locking(token, now, lease)))

    Lifecycle._take_over = take_over  # type: ignore[method-assign]


def _unconditional_create() -> None:
    """Creating a task overwrites the one that is there."""

    def create(_self: store.DynamoStore[Any], task: Any) -> WriteResult[Any]:
        task.save()
        return WriteResult(applied=True, task=task)

    store.DynamoStore.create = create  # type: ignore[method-assign, assignment]


_ON_ALL: dict[str, Callable[[], None]] = {"none": lambda: None, "crash_not_counted": _crash_not_counted}
_ON_SQL: dict[str, Callable[[], None]] = {
    "no_fence": lambda: _sql_without(HeldBy),
    "no_guard": lambda: _sql_without(Startable),
    "receipts_apart": _receipts_apart,
}
_VARIANTS: dict[str, dict[str, Callable[[], None]]] = {
    "dynamodb": {"no_fence": _no_fence, "unconditional_create": _unconditional_create},
    "postgresql": _ON_SQL,
    "sqlite": _ON_SQL,
    "s3": {
        "no_fence": lambda: _trackers_without(HeldBy),
        "no_guard": lambda: _trackers_without(Startable),
        "unconditional_put": _unconditional_put,
    },
    "files": {
        "no_fence": lambda: _trackers_without(HeldBy),
        "no_guard": lambda: _trackers_without(Startable),
        "no_compare": _no_compare,
        "written_in_place": _written_in_place,
    },
}
