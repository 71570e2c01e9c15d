"""One pass over the unfinished tasks of a step, which counts them and finds those that nothing may be working on."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain, islice
from typing import Any, Generic, TypeVar

from ..core.cursors import FoundTasks, Position, Progress, parse_cursor
from ..core.errors import TaskUnreadableError
from ..core.state import asked_for_again, is_stuck, may_be_unattended
from .batch_get import BATCH_SIZE, Listed, read_items
from .index import index_of
from .item import TaskItem
from .query import Selection, index_values, merged
from .unreadable import task_of

TaskT = TypeVar("TaskT", bound=TaskItem)

_TICK = timedelta(microseconds=1)
_FIRST = 10
"""How many of the oldest pending tasks are read, since some may be unreadable."""


class Survey(Generic[TaskT]):
    """Goes once through the tasks that are in progress or failed, the oldest status first, and keeps none of them.

    Of the pending ones only those are read that `query_unattended` gives: an index counts the others.

    Attributes:
        counts: how many tasks were seen of each of these statuses, by its code.
        stuck: how many of them are in progress with their lease over.
        complete: whether all were seen.
        broken: whether the listing has raised, so that they will not be.

    Args:
        stop: called for every hundredth task; True ends the pass.
    """

    def __init__(self, task_class: type[TaskT], stop: Callable[[], bool]) -> None:
        config = task_class.config
        self._class, self._config, self._stop = task_class, config, stop
        self._now = config.now()
        begun = list(dict.fromkeys((config.in_progress_status, config.failed_status)))
        self._waiting = [code for code in (config.pending_status,) if code not in begun]
        self.counts: Counter[int] = Counter(dict.fromkeys(begun, 0))
        self.stuck = 0
        self.complete = self.broken = False
        self._since: dict[int, datetime] = {}
        self._ages = _Ages(task_class, stop)
        self._begun = self._seen(self._listed(begun, until=self._now + _TICK, refresh=_lock_is_unknown))

    def query_unattended(
        self, *, pending_after: timedelta, limit: int | None, until: datetime | None, cursor: str | None
    ) -> Unattended[TaskT]:
        """As the class's `query_unattended`, from this pass; at most once, and before `finish`.

        Args:
            limit: read at most so many in full at once.
        """
        given = {} if cursor is None else parse_cursor(cursor)
        end = self._now + _TICK if until is None else until
        due = min(end, self._now - pending_after + _TICK)
        waiting = self._listed(self._waiting, until=due, cursor=given) if self._waiting else iter(())

        def is_wanted(task: TaskItem) -> bool:
            return may_be_unattended(task.tracked_state(), self._config, self._now, pending_after)

        behind = (each for each in self._begun if each.moment < end and not _is_given(each, given.get(each.status)))
        return Unattended(self._class, chain(behind, waiting), is_wanted, Progress(given), limit)

    def finish(self) -> None:
        """Go on to the end, or until `stop` returns True; what DynamoDB raises comes through."""
        for _ in self._begun:
            pass

    def oldest_by_status(self) -> dict[int, datetime]:
        """Since when the oldest task of each of the statuses has had it, pending ones too; without unreadable ones.

        Where not all were seen, it is the oldest of those that were.
        """
        return {**self._since, **self._oldest_waiting}

    def oldest(self) -> datetime | None:
        """Since when the oldest unfinished task has been unfinished; None where there is none.

        One in progress or failed counts from when it was created or last asked for again: no attempt makes it younger.
        One that waits for its first attempt counts from when it became pending. Where `stop` returned True early, it is
        the oldest of those that were looked at.
        """
        self._ages.look()
        moments = [*self._oldest_waiting.values(), *([] if self._ages.oldest is None else [self._ages.oldest])]
        return min(moments, default=None)

    @cached_property
    def _oldest_waiting(self) -> dict[int, datetime]:
        """Since when the oldest pending task has been pending, by the code; empty where there is none."""
        first = self._listed(self._waiting, limit=_FIRST) if self._waiting else iter(())
        return dict([(each.status, each.moment) for each in first if _is_readable(each)][:1])

    def _listed(self, statuses: list[int], **chosen: Any) -> Iterator[Listed]:
        chosen = {"limit": None, **chosen}
        selection = Selection(statuses, self._config.use_case_id, older_first=True, settled=True, **chosen)
        values = {status: index_values(self._class, status, selection.use_case_id) for status in statuses}
        return merged(self._class, index_of(self._class), values, selection)

    def _seen(self, listed: Iterator[Listed]) -> Iterator[Listed]:
        try:
            for number, each in enumerate(listed):
                if number % BATCH_SIZE == 0 and self._stop():
                    return
                self.counts[each.status] += 1
                if _is_readable(each):
                    self._since.setdefault(each.status, each.moment)
                    self.stuck += is_stuck(each.task.tracked_state(), self._config, self._now)
                    self._ages.add(each)
                yield each
        except Exception:
            self.broken = True
            raise
        self.complete = True


class Unattended(FoundTasks[TaskT]):
    """The tasks of a survey that nothing may be working on, read in full; an unreadable one is raised in its place."""

    def __init__(
        self,
        task_class: type[TaskT],
        listed: Iterator[Listed],
        is_wanted: Callable[[Any], bool],
        progress: Progress,
        at_once: int | None,
    ) -> None:
        self._class = task_class
        self._is_wanted = is_wanted
        self._candidates = (each for each in listed if self._may_be(each.task))
        self._at_once = min(at_once or BATCH_SIZE, BATCH_SIZE)
        self._read: deque[Listed] = deque()
        super().__init__(progress)

    def _next(self) -> TaskT:
        while not self._read:
            batch = list(islice(self._candidates, self._at_once))
            if not batch:
                raise StopIteration
            self._read.extend(self._whole(batch))
        listed = self._read.popleft()
        self._progress.add(listed.status, listed.moment, listed.key)
        if isinstance(listed.task, TaskUnreadableError):
            raise listed.task
        task: TaskT = listed.task
        return task

    def _whole(self, batch: list[Listed]) -> Iterator[Listed]:
        """The tasks of the batch as they are now, without those that are no candidates any more."""
        items = read_items(self._class, [each.key for each in batch if not isinstance(each.task, TaskUnreadableError)])
        for each in batch:
            if isinstance(each.task, TaskUnreadableError):
                yield each
            elif each.key in items:
                task = task_of(self._class, each.key, items[each.key])
                if self._may_be(task):
                    yield each._replace(task=task)

    def _may_be(self, task: Any) -> bool:
        return isinstance(task, TaskUnreadableError) or self._is_wanted(task)


class _Ages:
    """Finds the oldest of the tasks that are told to it, and keeps a hundred of them at most."""

    def __init__(self, task_class: type[TaskItem], stop: Callable[[], bool]) -> None:
        self._class, self._stop = task_class, stop
        self._names = [each.attr_name for each in (task_class.key, task_class.create_time, task_class.errors)]
        self._made: dict[str, datetime] = {}
        self.oldest: datetime | None = None

    def add(self, listed: Listed) -> None:
        if self.oldest is None or listed.moment < self.oldest:
            self.oldest = listed.moment
        created: datetime | None = listed.task.create_time
        if created is not None and created < self.oldest:
            self._made[listed.key] = created
        if len(self._made) == BATCH_SIZE:
            self.look()

    def look(self) -> None:
        """Read when those that may be older than the oldest were last asked for."""
        made = {key: created for key, created in self._made.items() if self.oldest and created < self.oldest}
        self._made.clear()
        if not made or self._stop():
            return
        items = read_items(self._class, made, self._names)
        found = [self._since(key, items[key], created) for key, created in made.items() if key in items]
        self.oldest = min([*found, *([] if self.oldest is None else [self.oldest])], default=None)

    def _since(self, key: str, item: dict[str, Any], created: datetime) -> datetime:
        task = task_of(self._class, key, item)
        errors = {} if isinstance(task, TaskUnreadableError) else task.errors or {}
        return asked_for_again(errors) or created


def _is_readable(listed: Listed) -> bool:
    return not isinstance(listed.task, TaskUnreadableError)


def _is_given(listed: Listed, given: Position | None) -> bool:
    """Whether a listing that stopped there has given the task."""
    if given is None or listed.moment != given.moment:
        return given is not None and listed.moment < given.moment
    return given.includes(listed.key, older_first=True)


def _lock_is_unknown(task: TaskItem) -> bool:
    """An older, narrower index lacks the lock: its tasks must be read to check them."""
    return task.lock is None
