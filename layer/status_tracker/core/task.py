"""`TrackedTask`: the class methods of a tracked task, over whatever store a backend gives."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeAlias, TypeVar

from .config import NoConfig, TrackerConfig
from .errors import TaskExecutionError, TaskLockedError
from .execution import Execution
from .history import REASON_BYTES, json_size
from .lifecycle import Lifecycle
from .port import CountBoard, PauseBoard, Store, Unchanged, Write
from .retries import CONTENDED_ROUNDS, repeated, sleep_of
from .state import TaskState, is_live, is_recorded

TaskT = TypeVar("TaskT")

Rule: TypeAlias = Callable[[TaskState | None, datetime, Mapping[str, Any]], Write]
"""One of the deliberate actions of a `Lifecycle`, such as `rerun`."""


class RunState(enum.Enum):
    """The state of whatever drives a run of a task, such as an execution of a workflow."""

    NEVER_STARTED = "never started"
    RUNNING = "running"
    ENDED = "ended"


class TaskStatus:
    """The status of a task and whether it is locked; a mixin for task classes."""

    config: ClassVar[TrackerConfig]
    status: int

    def tracked_state(self) -> TaskState:
        """The state that the rules use, as it was read; for code that operates on tasks of any backend."""
        raise NotImplementedError

    def show_stored(self, stored: Self) -> None:
        """Take over everything that is stored."""
        vars(self).update(vars(stored))

    @property
    def status_name(self) -> str:
        """The name of the status in this step; for another step's status, the code as a string."""
        return self.config.status_name(self.status)

    def is_pending(self) -> bool:
        """Whether nothing works on the task in this step yet."""
        return self.status == self.config.pending_status

    def is_in_progress(self) -> bool:
        """Whether a worker has acquired the task; its lease may be over."""
        return self.status == self.config.in_progress_status

    def is_failed(self) -> bool:
        """Whether the last attempt has failed, and another may follow."""
        return self.status == self.config.failed_status

    def is_succeeded(self) -> bool:
        """Whether the step is done."""
        return self.status == self.config.succeeded_status

    def is_ignored(self) -> bool:
        """Whether the task was set aside."""
        return self.status == self.config.ignored_status

    def is_locked(self, expected_lock: str | None = None, utc_now: datetime | None = None) -> bool:
        """Whether a worker holds a live lease on the task.

        Args:
            expected_lock: a token that does not count as a lock, such as your own.
            utc_now: the time to check; by default the present.
        """
        state = self.tracked_state()
        if expected_lock is not None and state.lock == expected_lock:
            return False
        return is_live(state, self.config, self.config.now() if utc_now is None else utc_now)


class TrackedTask:
    """The base of a backend's task class, which provides `config`, `task_store` and the stored fields.

    Attributes:
        config: the settings of this step.
        max_data_bytes: the most JSON that the backend accepts as a task's data; None for no limit.
    """

    config: ClassVar[TrackerConfig] = NoConfig()  # type: ignore[assignment]  # the config of no step
    max_data_bytes: ClassVar[int | None] = None

    @classmethod
    def task_store(cls, task_id: str) -> Store[Self]:
        """The store of that one task; the backend implements it. Raises `ValueError` for ids that cannot be stored."""
        raise NotImplementedError

    @classmethod
    def _rules(cls, task_id: str, use_case_id: str | None = None, **settings: Any) -> Lifecycle:
        use_case_id = cls.config.use_case_id if use_case_id is None else use_case_id
        return Lifecycle(cls.config, use_case_id, task_id, max_data_bytes=cls.max_data_bytes, **settings)

    @classmethod
    def pause_board(cls) -> PauseBoard:
        """Where it is kept what is paused of the use case; the backend implements it."""
        raise TypeError(f"{cls.__name__} has no place for pauses: override pause_board().")

    @classmethod
    def count_board(cls) -> CountBoard | None:
        """Where the counts of the use case are kept; None where the backend keeps none, as by default."""
        return None

    @classmethod
    def check_data(cls, task_id: str, data: Mapping[str, Any]) -> None:
        """Refuse data that the backend cannot store as that task's.

        Raises:
            TypeError, ValueError: JSON cannot hold it.
            TaskDataTooLargeError: it is longer than `max_data_bytes`.
        """
        cls._rules(task_id).check_data(data)

    @classmethod
    def start(
        cls,
        task_id: str,
        more_pending_status: int | Iterable[int] | None = None,
        detailed_error: bool = False,  # noqa: ARG003  # the seeds' argument: the exact reason is always given
        debug: bool = False,
        *,
        create: bool = False,
        data: dict[str, Any] | None = None,
        lock_expire_seconds: float | None = None,
        heartbeat: float | None = None,
    ) -> Execution[Self]:
        """Hold the task while the block works on it, and store the result.

        The task is in progress inside the block. Leaving the block makes it succeeded; an exception makes it failed,
        or ignored after `max_retry` failures in a row, and goes on to the caller.

        Args:
            more_pending_status: further codes to start from; replaces those of the config.
            detailed_error: accepted, and changes nothing: the exact reason of a refusal is always given.
            debug: show on the console what happens.
            create: make the task if there is none, in the same request.
            data: with `create`, the data of the task that is made. An existing task keeps its own (an item that has
                no attribute `data` at all, which neither this library nor pynamodb_mate writes, is given it).
            lock_expire_seconds: the lease of this attempt; by default the config's.
            heartbeat: renew the lease every so many seconds, from a thread, until the block ends. Best a third
                of the lease. By default the block renews it with `ctx.extend_lock()`, or it ends.

        Raises:
            TaskIsNotInitializedError, TaskLockedError, TaskAlreadySucceedError, TaskIgnoredError, TaskNotDueError:
                why it cannot be started now; all are `TaskIsNotReadyToStartError`, which is itself raised for a
                task whose status belongs to another step.
            TaskLockLostError: at the end, another worker had taken the task over; nothing of this one was stored.
            StatusNotSavedError: at the end, the store did not answer while the lease lasted.
            TaskTransactionError: at the end, what was to be stored with the success was refused; the attempt failed.
            TaskDataTooLargeError: `data` does not fit into the task's item.
            Exception: at the beginning, the backend could not be asked; its own (`pynamodb.exceptions.UpdateError`).
        """
        config = cls.config
        rules = cls._rules(
            task_id, startable=config.startable_statuses(more_pending_status), create=create, initial_data=data
        )
        if data is not None:
            rules.check_data(data)
        return _attempt(partial(cls.task_store, task_id), rules, config.lease(lock_expire_seconds), heartbeat, debug)

    @classmethod
    def rerun(cls, task_id: str, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:
        """Make a task pending again whatever its status, so that this step is run again.

        `run` grows by one, unless nothing has been done to the task since an earlier rerun or unignore: two people who
        ask at once get one run.

        Args:
            reason, by: why, and who asked for it; recorded on the task, as by every action.
            request_id: names this request: repeating it changes nothing and returns the task (while it is among the
                last 20 records), as with every action. By default every call is a new request.

        Raises:
            TaskLockedError: a worker holds it; wait until its lease ends.
            TaskIsNotReadyToStartError: it has not reached this step.
        """
        return cls._act(cls._rules(task_id).rerun, task_id, "rerun", reason, by, request_id)

    @classmethod
    def ignore(cls, task_id: str, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:
        """Set aside a task that is pending, failed or stuck in this step.

        Raises:
            TaskLockedError: a worker holds it; wait until its lease ends.
            TaskAlreadySucceedError, TaskIgnoredError, TaskIsNotReadyToStartError: it does not wait in this step.
        """
        return cls._act(cls._rules(task_id).ignore, task_id, "ignore", reason, by, request_id)

    @classmethod
    def cancel(cls, task_id: str, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:
        """Set aside a task of this step whatever it is doing: pending, failed, stuck, or worked on right now (R18).

        A worker that holds it gets `TaskLockLostError` with its next write, which says who cancelled and why, and its
        `ctx.lost` becomes true with its next heartbeat. `unignore` and `rerun` take the cancellation back.

        Raises:
            TaskAlreadySucceedError, TaskIgnoredError, TaskIsNotReadyToStartError: it does not wait in this step.
        """
        return cls._act(cls._rules(task_id).cancel, task_id, "cancel", reason, by, request_id)

    @classmethod
    def unignore(cls, task_id: str, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:
        """Make an ignored task pending again; `run` grows by one.

        Raises:
            TaskIsNotReadyToStartError: it is not ignored in this step.
        """
        return cls._act(cls._rules(task_id).unignore, task_id, "unignore", reason, by, request_id)

    @classmethod
    def unlock(cls, task_id: str, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:
        """Release the lock of a worker that is known to be gone, so that the next start takes the task over at once.

        If the worker is still alive, it gets `TaskLockLostError` and stores nothing.

        Raises:
            TaskIsNotReadyToStartError: nobody has locked it.
        """
        return cls._act(cls._rules(task_id).unlock, task_id, "unlock", reason, by, request_id)

    @classmethod
    def restart(
        cls, task_id: str, *, run: int, reason: str, by: str | None = None, request_id: str | None = None
    ) -> Self:
        """Give a task that waits or is stuck a new run, after run `run`'s driver stopped without finishing the task.

        `run` grows by one, only once for that run however often it is asked for; nothing else changes.

        Args:
            request_id: names this request, as with every action; by default all requests after that run are one.

        Raises:
            TaskLockedError: a worker holds it.
            TaskNotDueError: its last attempt asked to wait.
            TaskIsNotReadyToStartError: it neither waits in this step nor is stuck in it, or is in a later run already.
        """
        rule = partial(cls._rules(task_id).restart, run=run)
        return cls._act(rule, task_id, "restart", reason, by, request_id or f"after-run-{run}")

    @classmethod
    def act_if(
        cls,
        task_id: str,
        action: str,
        check: Callable[[TaskState], None],
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        known: Self | None = None,
    ) -> Acted[Self]:
        """Do `rerun`, `ignore`, `cancel`, `unignore` or `unlock` unless `check` raises; for code on many tasks.

        `check` gets the state that the write requires, so a task that changes after the check is not acted on. A
        request that is recorded already returns the task, and `check` is not called.

        Args:
            action: the name of the method; or ``delete``, which sets aside a task that is to be deleted (R21): call
                `delete_if` with the state that this returns.
            check: raises to stop the action; this call raises the same, and nothing changes.
            known: the task, whole, as a listing has given it: it need not be read then, and the write is refused if it
                has changed since.

        Raises:
            TaskExecutionError, ValueError: as the method.
        """
        return act_if(cls.task_store(task_id), cls._rules(task_id), action, check, reason, by, request_id, known)

    @classmethod
    def delete_if(cls, task_id: str, state: TaskState) -> bool:
        """Delete the task if it is still in that state; returns whether there is none any more.

        It says nothing of what else the task has, nor of who may bring it back: `status_tracker.operations.deleting`
        does.

        Raises:
            TypeError: the backend cannot delete.
            Exception: the backend's own.
        """
        return delete_unchanged(cls.task_store(task_id), state, cls.config.clock)

    @classmethod
    def allows(cls, state: TaskState, action: str) -> bool:
        """Whether the rules allow the action on a task in that state; makes no request."""
        rule: Rule = getattr(cls._rules("", startable=cls.config.startable_statuses(None)), action)
        try:
            # No rule decides by `errors`, which may be malformed.
            rule(replace(state, errors={}), cls.config.now(), {"action": action, "id": ""})
        except TaskExecutionError:
            return False
        return True

    @classmethod
    def dispatch(cls, task: Self) -> bool | None:
        """Start the work on a task that an action made pending, gave a new run, or unlocked.

        Code that operates on many tasks (`status-tracker`, the sweep, intake) calls it after each action. The default
        does nothing, because workers that look for pending tasks find the task. Override it if each run has to be
        started, for example as an execution of a workflow. It may be called more than once for a run, and from several
        threads.

        Returns:
            False if what drives the run is over already; anything else is taken as started.
        """

    @classmethod
    def recall(cls, task: Self) -> None:
        """Stop whatever `dispatch` started for the task's present run, such as an execution of a workflow.

        The default does nothing. Override it together with `dispatch`; a run that is over, or was never started, is no
        error. A worker that holds the task is not told: cancel the task first.
        """

    @classmethod
    def discard(cls, task: Self) -> None:
        """Delete what the task was made from, such as an uploaded object, when the task is about to be deleted (R21).

        The default does nothing. Override it on the first step's class where something would make the task again. It
        may be called more than once for a task; what is gone already is no error, and what belongs to another task,
        such as a newer upload, stays.
        """

    @classmethod
    def run_state(cls, task: Self) -> RunState:  # noqa: ARG003  # for those that override it
        """The state of whatever `dispatch` started for the task's present run. A sweep uses it to decide.

        Override it together with `dispatch` if that state can be queried; raise if no answer comes. By default the
        answer for a class that overrides `dispatch` is "never started", so the sweep dispatches the run once more,
        which is harmless; otherwise it is "running": workers poll for tasks, and there is nothing to start.
        """
        return (
            RunState.RUNNING if _function(cls.dispatch) is _function(TrackedTask.dispatch) else RunState.NEVER_STARTED
        )

    @classmethod
    def run_states(
        cls,
        known: MutableMapping[str, Any],  # noqa: ARG003  # for those that override it
        stop: Callable[[], bool],  # noqa: ARG003
    ) -> Callable[[Self], RunState]:
        """What gives `run_state` for the many tasks of one deployed sweep.

        The default asks for each task by itself. Override it if the runs that are under way can be asked for at once.

        Args:
            known: what this sweep has asked for already, by a name: steps that share a workflow or a queue ask once.
            stop: returns True when the time to ask in advance is over.
        """
        return cls.run_state

    @classmethod
    def _act(cls, rule: Rule, task_id: str, action: str, reason: str, by: str | None, request_id: str | None) -> Self:
        return act(cls.task_store(task_id), cls._rules(task_id), rule, action, reason, by, request_id)


def _function(method: Callable[..., object]) -> object:
    return getattr(method, "__func__", method)


def _attempt(
    open_store: Callable[[], Store[TaskT]], rules: Lifecycle, lease: timedelta, heartbeat: float | None, debug: bool
) -> Execution[TaskT]:
    again = partial(_attempt, open_store, rules, lease, heartbeat, debug)
    return Execution(open_store(), rules, lease, heartbeat=heartbeat, debug=debug, again=again)


class Creatable(Protocol):
    """A task that can be created.

    Attributes:
        create_token: marks the request that created it.
    """

    create_token: Any


CreatableT = TypeVar("CreatableT", bound=Creatable)


def create(store: Store[CreatableT], task: CreatableT, clock: Callable[[], datetime]) -> tuple[CreatableT, bool]:
    """Store a new task; returns the stored one, and whether this call created it.

    A repeated request is recognized by its `create_token` (R5, R11); `clock` waits before it.
    """
    task.create_token = uuid.uuid4().hex
    answer = repeated(lambda: store.create(task), sleep_of(clock))
    stored = task if answer.task is None else answer.task
    return stored, stored.create_token == task.create_token


class Acted(NamedTuple, Generic[TaskT]):
    """A task on which an action is recorded.

    Attributes:
        task: as it stands now.
        state: what the rules know of it.
        now: whether this call did it; otherwise it was already recorded under the request's id.
    """

    task: TaskT
    state: TaskState
    now: bool


def act_if(
    store: Store[TaskT],
    rules: Lifecycle,
    action: str,
    check: Callable[[TaskState], None],
    reason: str,
    by: str | None,
    request_id: str | None,
    known: TaskT | None = None,
) -> Acted[TaskT]:
    """As `TrackedTask.act_if`, on the store of the task."""
    rule: Rule = getattr(rules, action)
    asked = False

    def guarded(state: TaskState | None, now: datetime, record: Mapping[str, Any]) -> Write:
        nonlocal asked
        asked = True
        if state is not None:
            check(state)
        return rule(state, now, record)

    task = act(store, rules, guarded, action, reason, by, request_id, known)
    return Acted(task, store.state(task), asked)


def delete_unchanged(store: Store[TaskT], state: TaskState, clock: Callable[[], datetime]) -> bool:
    """As `TrackedTask.delete_if`, on the store of the task; `clock` waits before a repeated request."""
    answer = repeated(lambda: store.remove(Unchanged(state)), sleep_of(clock))
    return answer.task is None


def act(
    store: Store[TaskT],
    rules: Lifecycle,
    rule: Rule,
    action: str,
    reason: str,
    by: str | None,
    request_id: str | None = None,
    known: TaskT | None = None,
) -> TaskT:
    """Apply a deliberate action to one task, and record it: what, why, by whom, when.

    Args:
        rule: a deliberate action of `rules`.
        action: its name, for the record.
        reason, by: why, and who asked for it.
        request_id: if it is recorded already, nothing is done; None for a new one.
        known: the task, as it was read before; by default it is read.

    Raises:
        ValueError: the reason is empty, or the request id too long to be known again.
        TaskExecutionError: what the rule raises.
    """
    if not reason.strip():
        raise ValueError(f"reason is empty: say why ({action} of {rules.task_id!r}); it is recorded on the task.")
    if request_id is not None and json_size(request_id) > REASON_BYTES:
        raise ValueError(
            f"request_id has {json_size(request_id):,} bytes as JSON: give at most {REASON_BYTES}. A longer one would"
            " be cut where it is recorded, and not be known again."
        )
    record = {"action": action, "id": request_id or uuid.uuid4().hex, "reason": reason, "by": by}
    task = store.read() if known is None else known
    for _ in range(CONTENDED_ROUNDS):
        state = None if task is None else store.state(task)
        if task is not None and state is not None and is_recorded(state, record):
            return task
        write = rule(state, rules.config.now(), record)
        answer = repeated(lambda write=write: store.write(write), sleep_of(rules.config.clock))  # type: ignore[misc]
        task = answer.task
        if answer.applied and task is not None:
            return task
    raise TaskLockedError(f"{rules} changed {CONTENDED_ROUNDS} times while it was to be changed: try again.")
