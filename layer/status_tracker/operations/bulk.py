"""One deliberate action on all tasks that match a filter: rerun, ignore, unignore, unlock, cancel, delete.

Tasks are listed a hundred at a time, in full. Each action is one conditional write under the state that was listed. If
the task has changed since, it is judged anew, and nothing is stored if it no longer matches. So a task that a worker
moves during the run is left alone, and reported. The run's id is recorded on each task with the action: repeating the
run with it changes no task a second time, even one that has failed and matches again. Tasks whose status was set after
the call began do not match, so a call never acts on its own results.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, takewhile
from typing import Any, Generic

from ..core.config import is_whole_number
from ..core.errors import TaskUnreadableError
from .actions import Action, ActionOutcome, Kind, Operable, TaskAction, TaskT
from .all_steps import configs_of
from .filters import Matching, TaskFilter
from .pace import Pace

__all__ = ["Action", "ActionOutcome", "BulkResult", "BulkRun", "Kind", "Operable", "act_on_all"]

SAMPLE_SIZE = 10
KEPT_TROUBLES = 100

PARALLEL = 32
"""How many tasks are acted on at the same time: what is interrupted has begun with so many more."""
_FAILURES_TO_STOP = 20
_LONGEST_RUN_ID = 100
_TICK = timedelta(microseconds=1)
_INCOMPLETE = frozenset({Kind.FAILED, Kind.UNDISPATCHED, Kind.UNFINISHED})


@dataclass(frozen=True, slots=True)
class BulkResult:
    """The result of a bulk action.

    Attributes:
        run_id: repeat the call with it to do nothing twice.
        matching: how many tasks were taken from the listing.
        counts: how many of them had each outcome; empty after a dry run.
        troubles: the first 100 outcomes that are neither done nor repeated.
        sample: the ids of the first 10 that match, after a dry run.
        cursor: the position of the listing, to continue from; None if it has given nothing.
        stopped: why it ended early, because the failures do not concern single tasks; otherwise None.
    """

    run_id: str
    matching: int
    counts: Mapping[Kind, int]
    troubles: tuple[ActionOutcome, ...] = ()
    sample: tuple[str, ...] = ()
    cursor: str | None = None
    stopped: str | None = None


def act_on_all(
    tasks: Operable[TaskT],
    action: Action | str,
    chosen: TaskFilter,
    *,
    reason: str,
    by: str | None = None,
    run_id: str | None = None,
    limit: int | None = None,
    rate: float | None = None,
    cursor: str | None = None,
    cancel: bool = False,
    dry_run: bool = False,
) -> BulkResult:
    """Do an action on all matching tasks, and return the result. The arguments are those of `BulkRun`.

    Args:
        dry_run: only count the matching tasks, with a sample; nothing is changed.
    """
    run = BulkRun(
        tasks,
        action,
        chosen,
        reason=reason,
        by=by,
        run_id=run_id,
        limit=limit,
        rate=rate,
        cursor=cursor,
        cancel=cancel,
    )
    if dry_run:
        return run.rehearse()
    counts: Counter[Kind] = Counter()
    troubles: list[ActionOutcome] = []
    for outcome in run:
        counts[outcome.kind] += 1
        if outcome.kind not in {Kind.DONE, Kind.REPEATED} and len(troubles) < KEPT_TROUBLES:
            troubles.append(outcome)
    return BulkResult(run.run_id, counts.total(), dict(counts), tuple(troubles), cursor=run.cursor, stopped=run.stopped)


class BulkRun(Generic[TaskT]):
    """An action on all matching tasks, a few at a time; iterating gives the outcome for each task.

    Tasks are taken in the order of `update_time`, the oldest first. Leaving the iteration early
    leaves the remaining tasks unchanged.

    Args:
        tasks: a class derived from `BaseTask`, say, or `AllSteps` of a pipeline. What follows the action, such as its
            `dispatch`, is called from several threads.
        reason, by: why, and who asks for it; recorded on each task.
        run_id: of an earlier call to complete: actions recorded under it are not repeated, and tasks that it made
            pending but did not dispatch are dispatched first, as those are deleted that it has set aside for that. By
            default a new one.
        limit: at most so many tasks are taken from the listing; None for all. Each call counts from
            zero, also one that completes another.
        rate: at most so many tasks a second; None for no limit.
        cursor: of an earlier run, to continue there.
        cancel: for deletions, see `operations.deleting.delete`.

    Attributes:
        run_id: the id of the run.
        stopped: why it ended early, because task after task failed; otherwise None.
        before_each: called before each task is read, for whoever tells how far the run is. By default nothing.

    Raises:
        ValueError: an argument is invalid; raised before any request.
        Exception: in the iteration, if the tasks cannot be listed; the backend's own.
    """

    def __init__(
        self,
        tasks: Operable[TaskT],
        action: Action | str,
        chosen: TaskFilter,
        *,
        reason: str,
        by: str | None = None,
        run_id: str | None = None,
        limit: int | None = None,
        rate: float | None = None,
        cursor: str | None = None,
        cancel: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.action = Action(action)
        self.run_id = checked_run_id(run_id)
        self.stopped: str | None = None
        self._tasks = tasks
        self._until = tasks.config.now() + _TICK
        self._filter = chosen.before(self._until)
        self._one = TaskAction(
            tasks, self.action, self._filter, checked_reason(reason), by, self.run_id, cancels=cancel
        )
        self._completes = run_id is not None
        self._limit = _checked_limit(limit)
        self._pace = Pace(rate, sleep)
        self._cursor = cursor
        self.before_each: Callable[[], object] = lambda: None
        self._listed = self._listing(whole=True, before_each=self._look)
        self._under_way: deque[tuple[Future[ActionOutcome], str | None]] = deque()

    @property
    def cursor(self) -> str | None:
        """The position after the last task whose outcome was given, and before the failures that stopped the run."""
        return self._cursor

    def rehearse(self, before_each: Callable[[], object] = lambda: None) -> BulkResult:
        """Only count the matching tasks; nothing is changed, and the run can still be made.

        Args:
            before_each: called before each task is read; what it raises ends the counting.
        """
        sample: list[str] = []
        count = 0
        for task_id in self._listing(before_each=before_each).ids():
            count += 1
            if len(sample) < SAMPLE_SIZE:
                sample.append(task_id)
        return BulkResult(self.run_id, count, {}, sample=tuple(sample), cursor=self._cursor)

    def __iter__(self) -> Iterator[ActionOutcome]:
        failures = 0
        with closing(self._outcomes()) as outcomes:
            for outcome, cursor in outcomes:
                if not isinstance(outcome.error, TaskUnreadableError):  # that concerns this one only
                    failures = failures + 1 if outcome.kind in _INCOMPLETE else 0
                if not failures and self.stopped is None:
                    self._cursor = cursor
                if failures == _FAILURES_TO_STOP:
                    self.stopped = f"{failures} tasks failed one after the other, the last with: {outcome.message}"
                yield outcome

    def _look(self) -> None:
        self.before_each()

    def _listing(self, *, whole: bool = False, before_each: Callable[[], object]) -> Matching[TaskT]:
        return self._filter.matching(
            self._tasks, cursor=self._cursor, limit=self._limit, whole=whole, as_listed=True, before_each=before_each
        )

    def _outcomes(self) -> Generator[tuple[ActionOutcome, str | None], None, None]:
        """The outcome for each task, in order, with the cursor after it; ends once the run is stopped."""
        under_way = self._under_way
        at_once = 1  # so that clients and the like are created by one thread, on first use
        pool = ThreadPoolExecutor(PARALLEL)
        try:
            for task_id, known, cursor in takewhile(lambda _: self.stopped is None, self._to_do()):
                self._pace.wait()
                under_way.append((pool.submit(self._one.act, task_id, known), cursor))
                while under_way and (len(under_way) >= at_once or under_way[0][0].done()):
                    yield self._handed_on()
                    at_once = PARALLEL
            while under_way:
                yield self._handed_on()
        finally:
            pool.shutdown(cancel_futures=True)

    def _handed_on(self) -> tuple[ActionOutcome, str | None]:
        future, cursor = self._under_way[0]
        outcome = future.result()
        self._under_way.popleft()  # only now: Ctrl-C while it is waited for loses no outcome
        return outcome, cursor

    def not_given(self) -> Iterator[ActionOutcome]:
        """Waits for what was begun with before an error or Ctrl-C ended the iteration, and gives its outcomes."""
        while self._under_way:
            future, _ = self._under_way.popleft()
            if not future.cancelled():
                yield future.result()

    def _to_do(self) -> Iterator[tuple[str, TaskT | None, str | None]]:
        completed = set()
        for task in self._incomplete():
            completed.add(task.task_id)
            yield task.task_id, task, self._cursor
        for each in self._listed.each():
            task_id = str(each.task_id)
            if task_id not in completed:
                yield task_id, None if isinstance(each, TaskUnreadableError) else each, self._listed.cursor

    def _incomplete(self) -> Iterator[TaskT]:
        """Tasks that an earlier call with this run id acted on, and that what follows may not have been done for."""
        if not self._completes:
            return
        chosen = unfinished_by(self._tasks, self.action, self._filter.id_prefix, self._until)
        if chosen is None:
            return
        for task in chosen.matching(self._tasks, whole=True, before_each=self._look).each():
            if not isinstance(task, TaskUnreadableError) and self._one.has_begun(task.tracked_state()):
                yield task


def unfinished_by(tasks: Operable[Any], action: Action, id_prefix: str, until: datetime) -> TaskFilter | None:
    """Where the tasks are, among others, that an earlier run of the action has left unfinished.

    None where nothing follows the action: what is recorded is done.

    Args:
        until: when the run that completes the earlier one has begun.
    """
    if not (action.makes_pending or action.recalls):
        return None
    left_in = pending if action.makes_pending else set_aside
    return TaskFilter(left_in(tasks), until=until, id_prefix=id_prefix)


def pending(tasks: Operable[Any]) -> tuple[int, ...]:
    """The codes of tasks that wait to be worked on for the first time, of every step."""
    return tuple(config.pending_status for config in configs_of(tasks))


def set_aside(tasks: Operable[Any]) -> tuple[int, ...]:
    """The codes of tasks that were given up, of every step."""
    codes = [(config.ignored_status, config.exhausted_status) for config in configs_of(tasks)]
    return tuple(dict.fromkeys(chain.from_iterable(codes)))


def _checked_limit(limit: int | None) -> int | None:
    if limit is not None and (not is_whole_number(limit) or limit < 1):
        raise ValueError(f"limit is {limit!r}: give how many tasks at most, at least 1, or leave it out for all.")
    return limit


def checked_reason(reason: str) -> str:
    """The reason. Raises `ValueError` for an empty one."""
    if not isinstance(reason, str) or not reason.strip():
        raise ValueError("reason is empty: say why; it is recorded on each task.")
    return reason


def checked_run_id(run_id: str | None) -> str:
    """The run id, or a new one for None. Raises `ValueError` for one that would be cut where it is recorded."""
    if run_id is None:
        return uuid.uuid4().hex
    fits = isinstance(run_id, str) and 0 < len(run_id) <= _LONGEST_RUN_ID
    if not fits or not run_id.strip() or not run_id.isascii() or not run_id.isprintable():
        raise ValueError(f"run_id is {run_id!r}: give 1 to {_LONGEST_RUN_ID} printable ASCII characters.")
    return run_id
