"""Lists tasks by status: all shards read in parallel and merged in the order of `update_time`, lazily."""

from __future__ import annotations

import heapq
import inspect
import random
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .index import StatusAndUpdateTimeIndex
from .shards import shard_count

if TYPE_CHECKING:
    from .item import TaskItem

TaskT = TypeVar("TaskT", bound="TaskItem")

_BATCH_SIZE = 100
_PARALLEL_READS = 8
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0


class TaskQuery(Generic[TaskT]):
    """The tasks that a query finds; read from DynamoDB as they are asked for, each once."""

    def __init__(self, tasks: Iterator[TaskT]) -> None:
        self._tasks = tasks

    def __iter__(self) -> Iterator[TaskT]:
        return self._tasks

    def __next__(self) -> TaskT:
        return next(self._tasks)

    def all(self) -> list[TaskT]:
        """All that are left."""
        return list(self._tasks)

    def many(self, n: int) -> list[TaskT]:
        """The next `n`, or as many as are left."""
        return list(islice(self._tasks, n))

    def one_or_none(self) -> TaskT | None:
        """The next one, or None."""
        return next(self._tasks, None)

    def one(self) -> TaskT:
        """The next one. Raises `LookupError` if there is none."""
        task = self.one_or_none()
        if task is None:
            raise LookupError("The query found no task, or no further one.")
        return task


def query_by_status(
    task_class: type[TaskT],
    statuses: list[int],
    use_case_id: str,
    *,
    limit: int | None,
    older_first: bool,
    refresh: bool,
) -> TaskQuery[TaskT]:
    """The tasks of these statuses, at most `limit` of each; `refresh` reads them whole."""
    index = _index_of(task_class)
    values = {
        status: [
            task_class.make_value(status, _use_case_id=use_case_id, _shard_id=shard + 1)
            for shard in range(shard_count(task_class, status, use_case_id))
        ]
        for status in statuses
    }
    tasks: Iterator[TaskT] = _merged(index, values, limit=limit, older_first=older_first)
    return TaskQuery(_refreshed(task_class, tasks) if refresh else tasks)


def count_keys(task_class: type[TaskItem], prefix: str) -> int:
    """How many items have a key that begins so."""
    keys = task_class.scan(filter_condition=task_class.key.startswith(prefix), attributes_to_get=["key"])
    return sum(1 for _ in keys)


def delete_keys(task_class: type[TaskItem], prefix: str | None) -> int:
    """Delete the items whose key begins so, or all; returns how many."""
    condition = None if prefix is None else task_class.key.startswith(prefix)
    deleted = 0
    with task_class.batch_write() as batch:
        for task in task_class.scan(filter_condition=condition, attributes_to_get=["key"]):
            batch.delete(task)
            deleted += 1
    return deleted


def _index_of(task_class: type[TaskItem]) -> StatusAndUpdateTimeIndex:
    for _, member in inspect.getmembers(task_class, lambda member: isinstance(member, StatusAndUpdateTimeIndex)):
        return member  # type: ignore[no-any-return]
    raise ValueError(
        f"{task_class.__name__} declares no index: add "
        "`status_and_update_time_index = StatusAndUpdateTimeIndex()` to the class."
    )


def _merged(
    index: StatusAndUpdateTimeIndex, values: dict[int, list[str]], *, limit: int | None, older_first: bool
) -> Iterator[TaskT]:
    partitions = [value for shards in values.values() for value in shards]
    with ThreadPoolExecutor(min(len(partitions), _PARALLEL_READS)) as pool:
        opened = pool.map(lambda value: _open(index, value, limit, older_first), partitions)
        streams = dict(zip(partitions, opened, strict=True))
    by_status = (
        islice(_in_order((streams[value] for value in shards), older_first=older_first), limit)
        for shards in values.values()
    )
    return _in_order(by_status, older_first=older_first)


def _open(index: StatusAndUpdateTimeIndex, value: str, limit: int | None, older_first: bool) -> Iterator[Any]:
    """The tasks of one partition, its first page read already."""
    results = index.query(hash_key=value, scan_index_forward=older_first, limit=limit)
    first = list(islice(results, 1))
    return map(_with_status, chain(first, results))


def _with_status(task: TaskT) -> TaskT:
    """An older, narrower index does not carry the status; its hash key does."""
    if task.status is None:
        task.status = int(task.value.split(task.config.sep)[1])
    return task


def _in_order(streams: Iterable[Iterator[TaskT]], *, older_first: bool) -> Iterator[TaskT]:
    return heapq.merge(*streams, key=lambda task: task.update_time, reverse=not older_first)


def _refreshed(task_class: type[TaskT], tasks: Iterator[TaskT]) -> Iterator[TaskT]:
    while keys := [task.key for task in islice(tasks, _BATCH_SIZE)]:
        found = {task.key: task for task in _read_whole(task_class, keys)}
        yield from (found[key] for key in keys if key in found)


def _read_whole(task_class: type[TaskT], keys: list[str]) -> Iterator[TaskT]:
    """The items of these keys; keys that DynamoDB leaves unprocessed are asked again, with backoff."""
    connection, name = task_class._get_connection(), task_class.key.attr_name
    unread: list[Any] = [{name: {"S": key}} for key in keys]
    longest = _FIRST_PAUSE
    while True:
        page = connection.batch_get_item(unread)
        yield from (task_class.from_raw_data(item) for item in page["Responses"].get(task_class.Meta.table_name, []))
        unread = page["UnprocessedKeys"].get(task_class.Meta.table_name, {}).get("Keys", [])
        if not unread:
            return
        time.sleep(random.uniform(0, longest))  # noqa: S311  # jitter, no secret
        longest = min(2 * longest, _LONGEST_PAUSE)
