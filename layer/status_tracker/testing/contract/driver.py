"""What the suite needs to know of a backend: how to make a step on it, use that, look at it, and make it fail."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ...core.port import Store
from ...creating import CreateOutcome, CreateResult
from ..clock import Clock


class Promise(enum.Enum):
    """What a backend may be unable to promise; for each the suite asserts what happens without it."""

    MANY_WORKERS = "of the workers that start a task at once, one gets it"
    """Without it (only `load` and `dump` are known of the backend, so nothing can be compared and written in one step),
    a task is safe for one worker at a time; a worker that reads a live lock is refused all the same."""

    CREATE_AT_START = "start(create=True) makes the task in the same write"
    """Without it (the backend's rows or objects have fields that only the user can fill), creating is a step of its
    own, and a start of a task that is not there is refused."""

    STEPS = "several steps, with codes of their own, share a task"
    """Without it (the status codes are fixed by the backend's class), a task has one step."""

    ACTIONS = "rerun, ignore, unignore and unlock"
    """Without them, what was given up stays so, until the user changes it by the backend's own means."""

    NEVER_RESETS = "creating a task that exists is refused"
    """Without it (v5's `new`), a task that no worker holds is reset to pending, with its history, and that is recorded;
    one that a worker holds is refused."""

    CREATING_MANY = "thousands of tasks are created by one call"
    """Without it, the backend has no `create_many`: tasks are created one by one."""

    RENEWAL = "update and extend_lock in the block"
    """Without them (v5's block has none), data is stored with the success alone; a lease is renewed by a heartbeat."""

    FURTHER_SETTINGS = "non_retryable and traceback_stack_limit"
    """Without them (v5's classes have none), `NonRetryableError` is what is hopeless, and ten frames are kept."""

    SIZE_LIMIT = "data that would not fit is refused before it is sent"
    """Without it (the backend has no limit near the one of DynamoDB), large data is stored whole."""

    LONG_IDS = "ids of a thousand characters"
    """Without it (the backend's keys are shorter), a longer id is refused, and nothing is stored under a part of it."""

    ALSO = "writes of the user's own that are stored together with the success"
    """Without it (the backend has no transactions over several items), the block has no `also`."""

    DELETING = "a task is deleted if it is as it was read"
    """Without it (only `load` and `dump` are known of the backend), `Store.remove` raises `TypeError`."""

    LISTING = "tasks are listed by status"
    """Without it (there is no index; only the user knows where the tasks are), a task is found by its id."""


@dataclass(frozen=True)
class Seen:
    """A task as the backend tells it.

    Attributes:
        locked: whether a worker's lease holds on it.
        errors: ``{"history": [...]}``, and ``"actions"`` where people acted.
    """

    status: int
    retry: int
    locked: bool
    create_time: datetime
    update_time: datetime
    lock_expire_time: datetime | None = None
    fence: int = 0
    run: int = 0
    not_before: datetime | None = None
    data: Any = None
    errors: Mapping[str, Any] = field(default_factory=dict)

    @property
    def history(self) -> Sequence[Mapping[str, Any]]:
        """The failed attempts."""
        return self.errors.get("history") or []

    @property
    def actions(self) -> Sequence[Mapping[str, Any]]:
        """What people did."""
        return self.errors.get("actions") or []


class Attempt(Protocol):
    """What the block of a start works with."""

    @property
    def fence(self) -> int: ...

    def set_data(self, data: dict[str, Any] | None) -> object: ...

    def update(self) -> object: ...

    def extend_lock(self, seconds: float | None = None) -> object: ...


class Step(Protocol):
    """One step on a backend. What a task is refused with are the library's errors, or subclasses of them."""

    def create(self, task_id: str, data: dict[str, Any] | None = None) -> object:
        """Make a pending task. Raises `TaskAlreadyExistsError`."""

    def create_many(self, tasks: Any, *, each: Callable[[CreateOutcome[Any]], object]) -> CreateResult[Any]:
        """Make a pending task for each id, pair of an id and its data, or item of a mapping, unless it exists.

        Raises:
            TasksNotCreatedError: some failed.
            AttributeError: the backend has no such call.
        """

    def start(
        self,
        task_id: str,
        *,
        create: bool = False,
        data: dict[str, Any] | None = None,
        lease: float | None = None,
        heartbeat: float | None = None,
        more_pending_status: int | Iterable[int] | None = None,
        debug: bool = False,
    ) -> AbstractContextManager[Attempt]: ...

    def read(self, task_id: str) -> Seen | None:
        """The task as it is stored now."""

    def store(self, task_id: str) -> Store[Any]:
        """What the backend gives for that one task: the suite brings it writes late, and twice."""

    def rerun(self, task_id: str, *, reason: str, by: str | None = None) -> object: ...

    def ignore(self, task_id: str, *, reason: str, by: str | None = None) -> object: ...

    def cancel(self, task_id: str, *, reason: str, by: str | None = None) -> object: ...

    def unignore(self, task_id: str, *, reason: str, by: str | None = None) -> object: ...

    def unlock(self, task_id: str, *, reason: str, by: str | None = None) -> object: ...

    def listed(self, status: int) -> list[str]:
        """The ids of the tasks of a status, the one first that was changed first."""

    def also_impossible(self, attempt: Any) -> None:
        """Ask for something to be stored together with the success that the backend will refuse.

        Raises:
            TypeError, AttributeError: nothing can be stored together with it.
        """

    def lose_answers(self, times: int = 1) -> None:
        """The next writes are carried out, and their senders do not get to know it."""

    def refuse_writes(self, times: int = 1) -> None:
        """The next writes are not carried out, and may go through later."""

    def heal(self) -> None:
        """Nothing goes wrong any more."""


class Backend(Protocol):
    """A backend to be tested. For one whose tasks derive from `TrackedTask`, `TrackedTaskStep` is most of the driver::

        class MyDriver:
            promises = frozenset(Promise) - {Promise.ALSO}
            backend_errors = (MyDatabaseError,)

            def step(self, codes, clock, **settings):
                class Step(MyTask):
                    config = TrackerConfig.make(use_case_id="test", clock=clock, **codes, **settings)

                return MyStep(Step)

    Attributes:
        promises: all of `Promise` but what it cannot keep.
        backend_errors: what its own failures are raised as, where a start or a creation cannot be written.
    """

    promises: frozenset[Promise]
    backend_errors: tuple[type[Exception], ...]

    def step(self, codes: Mapping[str, int], clock: Clock, **settings: Any) -> Step:
        """A step of the backend's one use case; all its steps share the tasks.

        Args:
            codes: ``pending_status`` and so on, by the names of `TrackerConfig.make`.
            settings: further arguments of `TrackerConfig.make`, as far as the backend has them.
        """


class TrackedTaskStep:
    """The `Step` of a class that derives from `TrackedTask` and has the class methods of `BaseTask`.

    A backend's own adds `lose_answers`, `refuse_writes` and `heal`.
    """

    def __init__(self, task_class: Any) -> None:
        self.task_class = task_class

    def create(self, task_id: str, data: dict[str, Any] | None = None) -> object:
        return self.task_class.make_and_save(task_id, data)

    def create_many(self, tasks: Any, *, each: Callable[[CreateOutcome[Any]], object]) -> CreateResult[Any]:
        result: CreateResult[Any] = self.task_class.create_many(tasks, each=each)
        return result

    def start(self, task_id: str, *, lease: float | None = None, **arguments: Any) -> AbstractContextManager[Attempt]:
        attempt: AbstractContextManager[Attempt] = self.task_class.start(
            task_id, lock_expire_seconds=lease, **arguments
        )
        return attempt

    def read(self, task_id: str) -> Seen | None:
        task = self.task_class.get_one_or_none(task_id, consistent_read=True)
        if task is None:
            return None
        return Seen(
            status=task.status,
            retry=task.retry,
            locked=task.is_locked(),
            create_time=task.create_time,
            update_time=task.update_time,
            lock_expire_time=task.lock_expire_time,
            fence=task.fence or 0,
            run=task.run or 0,
            not_before=task.not_before,
            data=task.data,
            errors=task.errors,
        )

    def store(self, task_id: str) -> Store[Any]:
        store: Store[Any] = self.task_class.task_store(task_id)
        return store

    def rerun(self, task_id: str, *, reason: str, by: str | None = None) -> object:
        return self.task_class.rerun(task_id, reason=reason, by=by)

    def ignore(self, task_id: str, *, reason: str, by: str | None = None) -> object:
        return self.task_class.ignore(task_id, reason=reason, by=by)

    def cancel(self, task_id: str, *, reason: str, by: str | None = None) -> object:
        return self.task_class.cancel(task_id, reason=reason, by=by)

    def unignore(self, task_id: str, *, reason: str, by: str | None = None) -> object:
        return self.task_class.unignore(task_id, reason=reason, by=by)

    def unlock(self, task_id: str, *, reason: str, by: str | None = None) -> object:
        return self.task_class.unlock(task_id, reason=reason, by=by)

    def listed(self, status: int) -> list[str]:
        return [task.task_id for task in self.task_class.query_by_status(status, limit=None)]
