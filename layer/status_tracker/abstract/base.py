"""`BaseTracker`: a task whose class loads and dumps its state."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Self

from ..core.config import TrackerConfig
from ..core.execution import Execution, ExecutionContext
from ..core.lifecycle import Lifecycle
from ..core.port import Write
from ..core.retries import Patience, acquire, repeated, sleep_of
from ..core.signals import whole
from ..core.task import act
from .clock import ClockFrom
from .fields import BOOKKEEPING, EPOCH, KEPT, T_ID, create_token, further_fields
from .locking import Hold
from .model import TrackerModel
from .store import TrackerStore

_blocks: dict[str | None, tuple[TrackerModel, ExecutionContext[Any]]] = {}
# The objects being worked on in this process and their blocks, by token: a tracker may have no attribute for it.


class BaseTracker(TrackerModel):
    """A tracked task; a subclass declares the ten fields, in a dataclass, attrs, pydantic or a class of its own::

        @dataclasses.dataclass
        class Job(BaseTracker):
            id: str
            status: int
            attempts: int
            create_time: datetime
            update_time: datetime
            lock: str | None
            lock_time: datetime
            lock_expire_time: datetime
            data: dict
            errors: dict

            @classmethod
            def load(cls, id): ...

            def dump(self): ...

    This much is for a single worker: another worker may enter between a load and a dump. It is safe
    for many workers once `dump` stores only if the stored state is the one this object was loaded from (or absent, if
    it was not loaded), and otherwise raises `TrackerChangedError`, as those of `FileTracker` and `S3Tracker` do.

    Attributes:
        id: names the task among those of its class.
        status: a code of `get_status_enum()`.
        attempts: the attempts in a row, with the one under way or the one that succeeded.
        create_time, update_time: timezone-aware.
        lock: the token of the worker that holds it; None when nobody does.
        lock_time: when it was locked last.
        lock_expire_time: when the lease ends; the epoch when there is none.
        data: the user's own.
        errors: ``history``, the last ``error`` and ``traceback``, and what the library keeps in ``tracker``.
    """

    @classmethod
    def new(cls, id: T_ID, **kwargs: Any) -> Self:  # noqa: A002  # the seed's name
        """Create a tracker, pending.

        Args:
            kwargs: further fields of the class, and `data`.

        Raises:
            TaskAlreadyExistsError: there is one of that id; it was left as it is.
            ValueError: the id is empty, or longer than 2,048 bytes.
        """
        config = cls.get_config()
        rules, now, token = cls._rules(config, id), config.now(), uuid.uuid4().hex
        fields: dict[str, Any] = {
            "id": id,
            "status": config.pending_status,
            "attempts": 0,
            "create_time": now,
            "update_time": now,
            "lock": None,
            "lock_time": EPOCH,
            "lock_expire_time": EPOCH,
            "errors": {"history": [], KEPT: {"create_token": token}},
        }
        tracker = cls(**fields, **{"data": {}, **kwargs})
        store = TrackerStore(cls, id, config)
        answer = repeated(lambda: store.create(tracker), sleep_of(config.clock))
        if answer.applied or answer.task is None:
            return tracker
        state = store.state(answer.task)
        if create_token(answer.task) == token:
            return answer.task  # our first request was stored, and its answer lost (R5)
        raise rules.exists(state)

    @whole
    def start(
        self,
        lock: str | None = None,
        now: datetime | None = None,
        expire: float | None = None,
        ignore_lock: bool = False,
        force_execution: bool = False,
        verbose: bool = False,
        *,
        heartbeat: float | None = None,
    ) -> Iterator[Self]:
        """Hold the task while the block works on it, and store the result.

        The stored state decides, not this object. Inside the block the object shows the stored state (changes made
        before and not dumped are gone). The block may change `data` and further fields of the class: a success
        stores them in the same write; a failure drops them, and the object shows the stored state again. Changes
        of the other fields are not stored. To store
        data earlier, use `update`. If the end cannot be stored, the object stays as the block left it. After
        a success it keeps the block's values, even if they are stored in another form (a tuple as a JSON list).

        Args:
            lock: a lock this start may take over even while live, see `lock_it`.
            now: the present time; the clock of this attempt runs on from it.
            expire: the lease of this attempt in seconds; by default `get_expire`.
            ignore_lock: take the task also from another worker, which then gets `TaskLockLostError`.
            force_execution: start also what has succeeded, is exhausted or ignored.
            verbose: show on the console what happens.
            heartbeat: renew the lease every so many seconds, from a thread, until the block ends.

        Raises:
            TaskIsNotInitializedError, TaskLockedError, TaskAlreadySucceedError, TaskExhaustedError, TaskIgnoredError,
            TaskNotDueError: why it cannot be started now; all are `TaskIsNotReadyToStartError`.
            TaskLockLostError: at the end, another worker had taken the task over; nothing of this one was stored.
            StatusNotSavedError: at the end, nothing could be stored while the lease lasted.
            TrackerNotStorableError: at the end, `dump` could not write what the block left; the attempt failed.
            Exception: at the beginning, what `load` or `dump` raised.
        """
        config, clock = self._config_at(now)
        rules = self._rules(config, self.id, force=force_execution, ignore_lock=ignore_lock, known_lock=lock)
        store = TrackerStore(type(self), self.id, config, worked_on=self)
        attempt = Execution(store, rules, config.lease(expire), heartbeat=heartbeat, debug=verbose)
        context: ExecutionContext[Self] | None = None
        token = None
        try:
            with attempt as context:
                if clock is not None:
                    clock.go()
                token = context.task.lock
                _blocks[token] = self, context
                self._show(context.task)
                yield self
        finally:
            _blocks.pop(token, None)
            if context is not None and attempt.is_stored:
                self._show(context.task)

    def update(self) -> None:
        """Store `data` and the further fields now, before the block ends.

        Raises:
            TypeError, ValueError: JSON cannot hold the data.
            TaskLockLostError: another worker has taken the task over; nothing was stored.
            StatusNotSavedError: nothing could be stored while the lease lasted.
            RuntimeError: a block works on another object of this task; nothing was stored.
        """
        block = self._block()
        if block is None:
            self._show(self._hold().update())
        else:
            block.set_data(self.data).update()
            self._show(block.task)

    def extend_lock(self, seconds: float | None = None) -> None:
        """Renew the lease: it then ends `seconds` from now. A lease that ends later already is left as it is.

        Args:
            seconds: by default the lease that the block started with; without a block, `get_expire`.

        Raises:
            TaskLockLostError, StatusNotSavedError, RuntimeError: as for `update`.
        """
        block = self._block()
        if block is None:
            self._show_bookkeeping(self._hold().extend(seconds))
        else:
            block.extend_lock(seconds)
            self._show_bookkeeping(block.task)

    def mark_as_in_progress(self, now: datetime | None = None, expire: float | None = None) -> None:
        """Acquire the task without a block, as `start` does with the same arguments.

        Raises:
            TaskIsNotReadyToStartError: one of its subclasses says why it cannot be started now.
        """
        config, _ = self._config_at(now)
        rules, store = self._rules(config, self.id), TrackerStore(type(self), self.id, config)
        self._show(acquire(store, rules, uuid.uuid4().hex, config.lease(expire), Patience(rules)))

    def mark_as_succeeded(self) -> None:
        """End the attempt: succeeded, with this object's data and further fields.

        Raises:
            TaskLockLostError, StatusNotSavedError: as for `update`.
            TrackerNotStorableError: `dump` could not write what this object holds.
        """
        self._show(self._hold().succeed())

    def mark_as_failed_or_exhausted(self, e: BaseException) -> None:
        """End the attempt: failed with that error, or exhausted; this object then shows what is stored.

        Raises:
            TaskLockLostError, StatusNotSavedError: as for `update`.
        """
        self._show(self._hold().fail(e))

    @classmethod
    def rerun(cls, id: T_ID, *, reason: str, by: str | None = None) -> Self:  # noqa: A002  # the seed's name
        """Make a task pending again whatever its status; the reason and the person are recorded.

        Raises:
            TaskLockedError: a worker holds it; wait until its lease ends.
        """
        return cls._act(Lifecycle.rerun, id, reason, by)

    @classmethod
    def ignore(cls, id: T_ID, *, reason: str, by: str | None = None) -> Self:  # noqa: A002  # the seed's name
        """Set a task aside that is pending, failed or stuck.

        Raises:
            TaskLockedError: a worker holds it; wait until its lease ends.
            TaskAlreadySucceedError, TaskExhaustedError, TaskIgnoredError: it does not wait to be started.
        """
        return cls._act(Lifecycle.ignore, id, reason, by)

    @classmethod
    def cancel(cls, id: T_ID, *, reason: str, by: str | None = None) -> Self:  # noqa: A002  # the seed's name
        """Set a task aside even while a worker holds it; see `TrackedTask.cancel`.

        Raises:
            TaskAlreadySucceedError, TaskExhaustedError, TaskIgnoredError: it does not wait to be started.
        """
        return cls._act(Lifecycle.cancel, id, reason, by)

    @classmethod
    def unignore(cls, id: T_ID, *, reason: str, by: str | None = None) -> Self:  # noqa: A002  # the seed's name
        """Make a task pending again that is ignored or exhausted.

        Raises:
            TaskIsNotReadyToStartError: it is neither.
        """
        return cls._act(Lifecycle.unignore, id, reason, by)

    @classmethod
    def unlock(cls, id: T_ID, *, reason: str, by: str | None = None) -> Self:  # noqa: A002  # the seed's name
        """Release the lock of a worker that is known to be gone, so that the next start takes the task over at once.

        If the worker is still alive, it gets `TaskLockLostError` and stores nothing.

        Raises:
            TaskIsNotReadyToStartError: nobody has locked it.
        """
        return cls._act(Lifecycle.unlock, id, reason, by)

    @classmethod
    def _act(cls, rule: Callable[..., Write], task_id: T_ID, reason: str, by: str | None) -> Self:
        config = cls.get_config()
        rules = cls._rules(config, task_id)
        return act(TrackerStore(cls, task_id, config), rules, partial(rule, rules), rule.__name__, reason, by)

    @classmethod
    def _rules(cls, config: TrackerConfig, task_id: T_ID, **settings: Any) -> Lifecycle:
        config.make_key(str(task_id) if isinstance(task_id, int) else task_id)  # refuses what no backend takes (R16)
        startable = config.startable_statuses(None)
        return Lifecycle(config, config.use_case_id, str(task_id), startable=startable, **settings)

    @classmethod
    def _config_at(cls, now: datetime | None) -> tuple[TrackerConfig, ClockFrom | None]:
        config = cls.get_config()
        clock = None if now is None else ClockFrom(now, config.clock)
        return (config if clock is None else replace(config, clock=clock)), clock

    def _block(self) -> ExecutionContext[Self] | None:
        worked_on, block = _blocks.get(self.lock, (self, None))
        if worked_on is not self:
            raise RuntimeError(
                f"The block works on another object of this task: {type(self).__name__} {self.id!r}. Nothing of this "
                "object was stored: use the one that was started."
            )
        return block

    def _hold(self) -> Hold[Self]:
        if self._block() is not None:
            raise RuntimeError(f"The block ends this attempt at {type(self).__name__} {self.id!r} by itself: leave it.")
        config = self.get_config()
        store = TrackerStore(type(self), self.id, config, worked_on=self)
        return Hold(self, store, self._rules(config, self.id))

    def _show(self, stored: Self) -> None:
        """Copy the stored state into this object."""
        self._show_bookkeeping(stored)
        self.data = stored.data
        for name, value in further_fields(stored).items():
            setattr(self, name, value)

    def _show_bookkeeping(self, stored: Self) -> None:
        for name in BOOKKEEPING:
            setattr(self, name, getattr(stored, name))
