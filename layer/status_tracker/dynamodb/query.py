"""Lists tasks by status: all shards read in parallel and merged in the order of `update_time`, lazily."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, groupby, islice
from operator import attrgetter
from threading import Event
from typing import Any, Literal, NamedTuple, TypeVar

from ..core.config import is_whole_number
from ..core.cursors import Cursor, FoundTasks, Position, Progress, each_once
from ..core.errors import TaskUnreadableError
from .batch_get import BATCH_SIZE, PARALLEL_READS, Listed, WholeReader
from .index import StatusAndUpdateTimeIndex, index_of
from .item import TaskItem
from .paging import pages
from .shards import shard_count
from .unreadable import task_of, unreadable

TaskT = TypeVar("TaskT", bound=TaskItem)

_PARALLEL_COUNTS = 16
"""How many partitions are counted at once; the client hardly works for them."""

_HELD = 20_000
"""How many entries of the index a listing holds, each of about 3 KB, unless it has more than 40 partitions."""

_SMALLEST_PAGE = 500
_LARGEST_PAGE = 4_000
"""About so many entries are in a megabyte, which is the most that DynamoDB answers with."""

_TICK = timedelta(microseconds=1)
_TOLD_SECONDS = 0.2
_COUNT: Mapping[str, Any] = {"select": "COUNT"}
_EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tasks to list.

    Attributes:
        limit: at most so many of each status; None for all.
        refresh: which of the listed tasks to read in full; True for all, None for none.
        since, until: bounds of `update_time`, the first included, the second not.
        cursor: the position to continue from.
        keep: which of the read tasks to give; None for all.
        settled: `until` is past, so no task can appear twice.
    """

    statuses: list[int]
    use_case_id: str
    limit: int | None
    older_first: bool
    refresh: Callable[[Any], bool] | Literal[True] | None = None
    since: datetime | None = None
    until: datetime | None = None
    cursor: Cursor = field(default_factory=dict)
    keep: Callable[[Any], bool] | None = None
    settled: bool = False

    def __post_init__(self) -> None:
        for name, moment in (("since", self.since), ("until", self.until)):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{name} is {moment!r}, without a time zone: use datetime.now(timezone.utc).")
        if not self.statuses:
            raise ValueError("No status was given: give one, or several.")
        if self.limit is not None and (not is_whole_number(self.limit) or self.limit < 0):
            raise ValueError(f"limit is {self.limit!r}: give an integer of at least 0, or None for all.")

    def page_limit(self, partitions: int) -> int | None:
        """How many tasks a page may have where so many partitions are read at once; None for a megabyte."""
        if self.limit:
            return self.read_at_most or max(self.limit, BATCH_SIZE)
        each = _HELD // partitions
        return max(_SMALLEST_PAGE, each) if each < _LARGEST_PAGE else None

    @property
    def read_at_most(self) -> int | None:
        """How many tasks of a partition to request; None if the number needed is not known beforehand.

        Tasks of one moment come in any order: if more than a page is wanted, all of them are read and sorted.
        """
        few = self.limit is not None and self.limit <= BATCH_SIZE
        return self.limit if few and not self.keep and not self.cursor else None

    def bounds(self, status: int) -> tuple[datetime, datetime]:
        """The first and the last `update_time` to read of a status, both included."""
        first, last = self.since or _EVER[0], _EVER[1] if self.until is None else max(self.until, _EVER[0]) - _TICK
        if status not in self.cursor:
            return first, last
        moment = self.cursor[status].moment
        return (max(first, moment), last) if self.older_first else (first, min(last, moment))


class Count(NamedTuple):
    """How many tasks there are; with `more`, at least so many."""

    number: int
    more: bool = False


class TaskQuery(FoundTasks[TaskT]):
    """The tasks that a query finds; read from DynamoDB on demand, each once.

    For an item that cannot be read it raises `TaskUnreadableError`; iteration can then continue with the next one.
    """

    def __init__(self, listed: Iterator[Listed], selection: Selection) -> None:
        self._listed = listed
        by_key = selection.read_at_most is None
        super().__init__(Progress(selection.cursor, older_first=selection.older_first, by_key=by_key))

    def _next(self) -> TaskT:
        listed = next(self._listed)
        self._progress.add(listed.status, listed.moment, listed.key)
        if isinstance(listed.task, TaskUnreadableError):
            raise listed.task
        task: TaskT = listed.task
        return task


def select(task_class: type[TaskT], selection: Selection) -> TaskQuery[TaskT]:
    """The tasks of a selection."""
    index = index_of(task_class)
    values = {status: index_values(task_class, status, selection.use_case_id) for status in selection.statuses}
    return TaskQuery(merged(task_class, index, values, selection), selection)


def read_whole(task_class: type[TaskT], keys: list[str], *, consistent: bool) -> Iterator[TaskT | TaskUnreadableError]:
    """The items with these keys, in their order; for one that is no task the error; one that is gone is left out."""
    listed = (Listed(_EVER[0], key, 0, None) for key in keys)
    with _pool() as pool:
        reader = WholeReader(task_class, True, pool, consistent=consistent)
        for each in reader.read(listed, len(keys), filtered=False):
            yield each.task


def count(
    task_class: type[TaskItem], statuses: Iterable[int], use_case_id: str, progress: Callable[[int], object] | None
) -> dict[int, int]:
    """How many tasks have each of the statuses, by the index."""
    counted = {status: index_values(task_class, status, use_case_id) for status in statuses}
    numbers = dict.fromkeys((value for values in counted.values() for value in values), 0)
    name = index_of(task_class).Meta.index_name
    ended = Event()

    def of_shard(value: str) -> None:
        for page in pages(task_class, value, index_name=name, **_COUNT):
            numbers[value] += page["Count"]
            if ended.is_set():
                return

    _ = task_class._get_connection().connection.client  # made once here, not in each thread
    with _pool(_PARALLEL_COUNTS) as pool:
        left = {pool.submit(of_shard, value) for value in numbers}
        try:
            while left:
                done, left = wait(left, _TOLD_SECONDS)
                for each in done:
                    each.result()
                if progress is not None:
                    progress(sum(numbers.values()))
        finally:
            ended.set()
    return {status: sum(numbers[value] for value in values) for status, values in counted.items()}


def count_up_to(task_class: type[TaskItem], statuses: list[int], use_case_id: str, per_shard: int) -> dict[int, Count]:
    """How many tasks have each of the statuses, by the index; of each shard, at most so many are counted."""
    if not is_whole_number(per_shard) or per_shard < 1:
        raise ValueError(f"per_shard is {per_shard!r}: give an integer of at least 1.")
    name = index_of(task_class).Meta.index_name
    _ = task_class._get_connection().connection.client  # made once here, not in each thread

    def of_shard(value: str) -> Count:
        page = next(pages(task_class, value, index_name=name, limit=per_shard, **_COUNT))
        return Count(page["Count"], more="LastEvaluatedKey" in page)

    shards = [(status, value) for status in statuses for value in index_values(task_class, status, use_case_id)]
    counted = dict.fromkeys(statuses, Count(0))
    with _pool(_PARALLEL_COUNTS) as pool:
        found = pool.map(of_shard, [value for _, value in shards])
        for (status, _), (number, more) in zip(shards, found, strict=True):
            counted[status] = Count(counted[status].number + number, counted[status].more or more)
    return counted


def count_within(task_class: type[TaskItem], status: int, selection: Selection, stop: Callable[[], bool]) -> int | None:
    """How many tasks have a status, within the selection's bounds; None if `stop` ended it before all were counted."""
    index = index_of(task_class)
    within = type(index).update_time.between(*selection.bounds(status))

    def of_shard(value: str) -> int | None:
        counted = 0
        for page in pages(task_class, value, range_key_condition=within, index_name=index.Meta.index_name, **_COUNT):
            counted += int(page["Count"])
            if "LastEvaluatedKey" in page and stop():
                return None
        return counted

    with _pool(_PARALLEL_COUNTS) as pool:
        counts = list(pool.map(of_shard, index_values(task_class, status, selection.use_case_id)))
    known = [each for each in counts if each is not None]
    return sum(known) if len(known) == len(counts) else None


def index_values(task_class: type[TaskItem], status: int, use_case_id: str) -> list[str]:
    """The hash keys of the index partitions over which a status is spread."""
    return [
        task_class.make_value(status, _use_case_id=use_case_id, _shard_id=shard + 1)
        for shard in range(shard_count(task_class, status, use_case_id))
    ]


@contextmanager
def _pool(threads: int = PARALLEL_READS) -> Iterator[Executor]:
    """Threads that send requests; the end does not wait for requests under way."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def merged(
    task_class: type[TaskT],
    index: StatusAndUpdateTimeIndex,
    values: dict[int, list[str]],
    selection: Selection,
) -> Iterator[Listed]:
    if selection.limit == 0:
        return
    partitions = {value: status for status, shards in values.items() for value in shards}
    with _pool() as pool:
        size = selection.page_limit(len(partitions))
        opened = pool.map(lambda value: _open(task_class, index, value, partitions[value], selection, size), partitions)
        streams = dict(zip(partitions, opened, strict=True))
        by_status = []
        for shards in values.values():
            listed = _in_order((streams[value] for value in shards), selection.older_first)
            if selection.refresh is not None:
                reader = WholeReader(task_class, selection.refresh, pool)
                listed = reader.read(listed, selection.limit, filtered=selection.keep is not None)
            if selection.keep is not None:
                listed = _kept(task_class, listed, selection.keep)
            by_status.append(islice(listed, selection.limit))
        found = _in_order(by_status, selection.older_first)
        yield from found if selection.settled else each_once(found, attrgetter("key"))


def _open(
    task_class: type[TaskItem],
    index: StatusAndUpdateTimeIndex,
    value: str,
    status: int,
    selection: Selection,
    page_limit: int | None,
) -> Iterator[Listed]:
    """The tasks of one partition; its first page is read at once."""
    first, last = selection.bounds(status)
    if first > last:
        return iter(())
    when: Any = type(index).update_time
    given = selection.cursor.get(status)
    # Where all are read whole, anything else that the index tells would be parsed for nothing.
    only_places = selection.refresh is True
    read = pages(
        task_class,
        value,
        range_key_condition=None if (first, last) == _EVER else when.between(first, last),
        index_name=index.Meta.index_name,
        scan_index_forward=selection.older_first,
        limit=page_limit,
        attributes_to_get=[task_class.key.attr_name, when.attr_name] if only_places else None,
    )
    opened = list(islice(read, 1))
    items = islice(_items(chain(opened, read)), selection.read_at_most)
    listed = _placed(task_class, items, status, first if selection.older_first else last)
    new = _by_key((each for each in listed if not _given_already(each, given, selection)), selection.older_first)
    return new if only_places else (_as_indexed(task_class, each) for each in new)


def _items(read: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The items of pages, which hold only what is still to come: a page of each partition may be in memory."""
    for page in read:
        left = page["Items"]
        left.reverse()
        while left:
            yield left.pop()


def _given_already(listed: Listed, given: Position | None, selection: Selection) -> bool:
    if given is None or listed.moment != given.moment:
        return False
    return given.includes(listed.key, older_first=selection.older_first)


def _by_key(listed: Iterator[Listed], older_first: bool) -> Iterator[Listed]:
    """Sort the tasks of one moment by key, since the index does not."""
    for _, same_moment in groupby(listed, lambda each: each.moment):
        yield from sorted(same_moment, key=lambda each: each.key, reverse=not older_first)


def _as_indexed(task_class: type[TaskItem], listed: Listed) -> Listed:
    task = task_of(task_class, listed.key, listed.task)
    if not isinstance(task, TaskUnreadableError):
        task.status = listed.status  # an older, narrower index does not carry it; its hash key does
    return listed._replace(task=task)


def _placed(
    task_class: type[TaskItem], items: Iterable[dict[str, Any]], status: int, before: datetime
) -> Iterator[Listed]:
    """Items and their positions; one whose `update_time` is no moment gets the position of the one before."""
    key, when = task_class.key.attr_name, task_class.update_time
    for item in items:
        with suppress(ValueError):
            before = when.deserialize(item[when.attr_name]["S"])
        yield Listed(before, item[key]["S"], status, item)


def _kept(task_class: type[TaskItem], listed: Iterator[Listed], keep: Callable[[Any], bool]) -> Iterator[Listed]:
    """The tasks to keep, and those that cannot be read, which may show only here, in their JSON."""
    for each in listed:
        try:
            kept = isinstance(each.task, TaskUnreadableError) or (each.task.status == each.status and keep(each.task))
        except Exception as error:  # noqa: BLE001  # whatever what was stored makes of it
            yield each._replace(task=unreadable(task_class, each.key, error))
        else:
            if kept:
                yield each


def _in_order(streams: Iterable[Iterator[Listed]], older_first: bool) -> Iterator[Listed]:
    return heapq.merge(*streams, key=lambda listed: (listed.moment, listed.key), reverse=not older_first)
