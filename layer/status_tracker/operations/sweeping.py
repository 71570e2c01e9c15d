"""The sweep: finds the tasks of a step that nothing works on any more, and restarts them.

It does not guess: for each candidate it asks the class for the state of its run (`TrackedTask.run_state`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from ..core.config import TrackerConfig, is_whole_number
from ..core.errors import TaskIsNotReadyToStartError, TaskUnreadableError
from ..core.history import told
from ..core.state import TaskState, is_stuck, may_be_unattended
from ..core.task import RunState, TrackedTask
from .swept import Noted, Swept

WORKERS = 8
"""So many tasks the command and the deployed sweep check and restart at a time: within Step Functions' quotas."""


class Unattended(Protocol):
    """What `query_unattended` gives: the tasks, and a `cursor` to continue after the last one given."""

    @property
    def cursor(self) -> str | None: ...

    def __iter__(self) -> Iterator[Any]: ...


class QueryUnattended(Protocol):
    """`query_unattended`, or what is used instead of it."""

    def __call__(
        self, *, pending_after: timedelta, limit: int | None, until: datetime | None, cursor: str | None
    ) -> Unattended: ...


class Sweepable(Protocol):
    """A tracked task whose class can be swept, such as `BaseTask` and `testing.MemoryTask`."""

    config: ClassVar[TrackerConfig]
    run: Any

    @property
    def task_id(self) -> str: ...

    @property
    def status_name(self) -> str: ...

    def tracked_state(self) -> TaskState: ...

    @classmethod
    def query_unattended(
        cls, *, pending_after: timedelta, limit: int | None, until: datetime | None, cursor: str | None
    ) -> Unattended: ...

    @classmethod
    def get_one_or_none(cls, task_id: str, consistent_read: bool) -> Self | None: ...

    @classmethod
    def run_state(cls, task: Self) -> RunState: ...

    @classmethod
    def restart(cls, task_id: str, *, run: int, reason: str, by: str | None) -> Self: ...

    @classmethod
    def dispatch(cls, task: Self) -> bool | None: ...


TaskT = TypeVar("TaskT", bound=Sweepable)


def sweep(
    task_class: type[TaskT],
    *,
    limit: int = 100,
    examine: int = 1000,
    pending_after: timedelta = timedelta(minutes=5),
    by: str = "sweep",
    cursor: str | None = None,
    stop: Callable[[], bool] = lambda: False,
    run_state: Callable[[TaskT], RunState] | None = None,
    query: QueryUnattended | None = None,
    workers: int = 1,
    dry_run: bool = False,
) -> Swept:
    """Restart the tasks of a step that are stuck, failed and due, or pending, and that nothing drives.

    The oldest status comes first. `run_state` gives the state of a task's run: if it is running, the task is left
    alone; if it was never started, the task is passed to `dispatch`; if it has ended, or `dispatch` says so, `restart`
    gives the task its next run, which is recorded on it, and the task is passed to `dispatch`. Several sweeps may run
    at once. Statuses in `more_pending_status` are not checked: they are ends of other steps. Check the result for an
    `error`: it is reported only here.

    Args:
        limit: restart at most so many.
        examine: check the runs of at most so many.
        pending_after: leave a pending task alone until it has been pending for so long.
        by: who restarts them, for the record.
        cursor: where the last sweep stopped, so that tasks left alone do not keep others waiting.
        stop: called before each task; True ends the sweep.
        run_state: used instead of the class's, for callers that can query many runs at once.
        query: used instead of the class's `query_unattended`, for callers that read the tasks anyway.
        workers: how many tasks are checked and restarted at the same time; with more than one, the class's `run_state`
            and `dispatch` are called from several threads.
        dry_run: change and dispatch nothing, and return what would be.

    Raises:
        ValueError: an argument is invalid; nothing was checked.
    """
    _check(task_class, limit, examine, pending_after, by)
    _check_count("workers", workers)
    until, place = _round(task_class.config, cursor)
    listing = query or task_class.query_unattended
    found = listing(pending_after=pending_after, limit=examine, until=until, cursor=place)
    sweeping = _Sweeping(task_class, pending_after, by, run_state or task_class.run_state, dry_run=dry_run)
    with nullcontext() if workers == 1 else ThreadPoolExecutor(workers) as pool:
        goes_on = sweeping.go_through(iter(found), limit, examine, stop, pool, workers)
    complete = not goes_on and sweeping.error is None
    return Swept(
        examined=sweeping.examined,
        restarted=tuple(sweeping.restarted),
        running=sweeping.running,
        left_alone=tuple(sweeping.left_alone),
        failed=tuple(sweeping.failed),
        stuck=sweeping.stuck,
        cursor=None if complete else f"{until.isoformat()} {found.cursor or ''}",
        complete=complete,
        error=sweeping.error,
        dry_run=dry_run,
    )


def _round(config: TrackerConfig, cursor: str | None) -> tuple[datetime, str | None]:
    """When the round of a sweep ends, and where in it the last sweep stopped."""
    if cursor is None:
        return config.now() + timedelta(microseconds=1), None
    moment, _, place = cursor.partition(" ")
    try:
        until: datetime | None = datetime.fromisoformat(moment)
    except ValueError:
        until = None
    if until is None or until.tzinfo is None:
        found = cursor[:80]
        raise ValueError(f"The cursor {found!r} is not one that a sweep gave: pass on the `cursor` of one.")
    return until, place or None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one task: it goes to the list of that name; `running` is only counted."""

    kind: str
    noted: Noted
    stuck: bool = False


class _Sweeping(Generic[TaskT]):
    """Checks the tasks, several at a time, and collects the results in the order of the listing."""

    def __init__(
        self,
        task_class: type[TaskT],
        pending_after: timedelta,
        by: str,
        run_state: Callable[[TaskT], RunState],
        *,
        dry_run: bool,
    ) -> None:
        self._class = task_class
        self._run_state = run_state
        self._pending_after = pending_after
        self._by = by
        self._dry_run = dry_run
        self._under_way: deque[Callable[[], _Outcome]] = deque()
        self.examined = self.running = self.stuck = 0
        self.restarted: list[Noted] = []
        self.left_alone: list[Noted] = []
        self.failed: list[Noted] = []
        self.error: Exception | None = None

    def go_through(
        self,
        tasks: Iterator[TaskT],
        limit: int,
        examine: int,
        stop: Callable[[], bool],
        pool: Executor | None,
        workers: int,
    ) -> bool:
        """Check the tasks until one of the limits is reached; False if there are no more, or the listing failed."""
        goes_on = True
        while goes_on and self.examined < examine and not stop():
            while self._under_way and (
                len(self._under_way) >= 2 * workers or len(self.restarted) + len(self._under_way) >= limit
            ):
                self._collect()
            if len(self.restarted) >= limit:
                break
            goes_on = self._take(tasks, pool)
        while self._under_way:
            self._collect()
        return goes_on

    def _take(self, tasks: Iterator[TaskT], pool: Executor | None) -> bool:
        """Begin to check the next task; False if there is none, or the listing failed."""
        try:
            task = next(tasks, None)
        except TaskUnreadableError as error:
            self.examined += 1
            unreadable = _Outcome("failed", Noted(str(error.task_id), str(error)))
            self._under_way.append(lambda: unreadable)
            return True
        except Exception as error:  # noqa: BLE001  # the backend's own; what was done is to be told all the same
            self.error = error
            return False
        if task is None:
            return False
        self.examined += 1
        if pool is None:
            outcome = self._examined(task)
            self._under_way.append(lambda: outcome)
        else:
            self._under_way.append(pool.submit(self._examined, task).result)
        return True

    def _collect(self) -> None:
        outcome = self._under_way.popleft()()
        self.stuck += outcome.stuck
        if outcome.kind == "running":
            self.running += 1
        else:
            getattr(self, outcome.kind).append(outcome.noted)

    def _examined(self, task: TaskT) -> _Outcome:
        """Check a task, and restart it if nothing drives it."""
        stuck = False
        try:
            stuck = is_stuck(task.tracked_state(), self._class.config, self._class.config.now())
            kind, noted = self._attended(task)
        except TaskIsNotReadyToStartError as refusal:
            kind, noted = "left_alone", Noted(task.task_id, str(refusal))
        except Exception as error:  # noqa: BLE001  # the user's hooks may raise anything, and the next task waits
            kind, noted = "failed", Noted(task.task_id, told(error))
        return _Outcome(kind, noted, stuck)

    def _attended(self, listed: TaskT) -> tuple[str, Noted]:
        run_state = self._run_state(listed)
        if run_state is RunState.RUNNING:
            return "running", Noted(listed.task_id, "")
        task = self._class.get_one_or_none(listed.task_id, consistent_read=True)
        if task is None:
            return "left_alone", Noted(listed.task_id, "it was deleted meanwhile")
        if task.run != listed.run or not self._is_unattended(task):
            return "left_alone", Noted(task.task_id, f"it has changed meanwhile, and is {task.status_name}")
        return "restarted", _noted(task, run_state if self._dry_run else self._restarted(task, run_state))

    def _restarted(self, task: TaskT, run_state: RunState) -> RunState:
        """Have the task worked on again; returns the state of its run, which `dispatch` may know better."""
        if run_state is RunState.NEVER_STARTED:
            if self._class.dispatch(task) is not False:
                return run_state
            run_state = RunState.ENDED
        reason = _noted(task, run_state).why
        self._class.dispatch(self._class.restart(task.task_id, run=task.run or 0, reason=reason, by=self._by))
        return run_state

    def _is_unattended(self, task: TaskT) -> bool:
        config = self._class.config
        return may_be_unattended(task.tracked_state(), config, config.now(), self._pending_after)


def _noted(task: Sweepable, run_state: RunState) -> Noted:
    """Why that task is restarted."""
    state = task.tracked_state()
    since = "" if state.update_time is None else f" since {state.update_time.isoformat(timespec='seconds')}"
    become = "was never started" if run_state is RunState.NEVER_STARTED else "has ended without an end of the task"
    why = f"{task.status_name}{since}, and run {state.run} {become}"
    return Noted(task.task_id, why, f"{task.status_name}, and its run {become}")


def _check(task_class: object, limit: int, examine: int, pending_after: timedelta, by: str) -> None:
    if not (isinstance(task_class, type) and issubclass(task_class, TrackedTask) and hasattr(task_class, "config")):
        raise ValueError(
            f"The task class is {task_class!r}: give a class that derives from BaseTask and has a `config`."
        )
    if not hasattr(task_class, "query_unattended"):
        raise ValueError(
            f"{task_class.__name__} has no query_unattended, by which a sweep finds tasks: it cannot be swept."
        )
    for name, value in (("limit", limit), ("examine", examine)):
        _check_count(name, value)
    if not isinstance(pending_after, timedelta) or pending_after < timedelta(0):
        raise ValueError(f"pending_after is {pending_after!r}: give a timedelta, not below 0.")
    if not isinstance(by, str) or not by.strip():
        raise ValueError(f"by is {by!r}: say who sweeps; it is recorded on the tasks that are restarted.")


def _check_count(name: str, value: int) -> None:
    if not is_whole_number(value) or value < 1:
        raise ValueError(f"{name} is {value!r}: give a whole number, at least 1.")
