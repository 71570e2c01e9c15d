"""`BaseTracker`: a task whose class loads and dumps its state."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from ..core.config import TrackerConfig
from ..core.execution import ExecutionContext
from ..core.retries import Patience, acquire, repeated, sleep_of
from ..core.signals import whole
from .actions import TrackerActions
from .attempts import Attempt, TrackerExecution, told_of_its_failure
from .clock import ClockFrom
from .declared import BOOKKEEPING, EPOCH, T_ID, user_values
from .fields import create_token
from .known import is_known, keep, keep_as, note_values
from .locking import Hold
from .model import TrackerModel
from .store import TrackerStore

if TYPE_CHECKING:
    from ..creating import CreateOutcome, CreateResult

_blocks: dict[str | None, tuple[TrackerModel, ExecutionContext[Any]]] = {}
# The objects being worked on in this process and their blocks, by token: a tracker may have no attribute for it.
_attempts: dict[int, tuple[TrackerModel, Attempt[Any]]] = {}
# The objects being started in this process, by identity: what a subclass's own `mark_as_…` calls finds them here.


class BaseTracker(TrackerActions):
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
        errors: ``history``, the last ``error`` and ``traceback``, and ``actions``; empty while nothing has failed and
            nobody has acted. `dump` finds in ``errors["tracker"]`` what the library keeps besides, and `load` leaves it
            there: it is taken out afterwards. A class whose fields are a framework's (SQLAlchemy, Django, PynamoDB) may
            declare a further field `tracker_state`, for a dict or None: it is kept there instead.

    The fields beyond the ten are those that the class declares in the way in which it declares the ten, and properties
    that can be set. The state of a framework, cached values and private attributes that are not declared are no fields.
    """

    _creates_at_once = 1  # no field; more only where `load` and `dump` are known to stand several threads

    @classmethod
    def new(cls, id: T_ID, **kwargs: Any) -> Self:  # noqa: A002  # the seed's name
        """Create a tracker, pending.

        Args:
            kwargs: further fields of the class, and `data`.

        Raises:
            TaskAlreadyExistsError: there is one of that id; it was left as it is.
            ValueError: the id is empty, or longer than 2,048 bytes.
        """
        tracker, created = cls._created(id, **kwargs)
        if created:
            return tracker
        config = cls.get_config()
        raise cls._rules(config, id).exists(TrackerStore(cls, id, config).state(tracker))

    @classmethod
    def create_many(
        cls,
        trackers: Iterable[T_ID | tuple[T_ID, dict[str, Any] | None]] | Mapping[T_ID, dict[str, Any] | None],
        *,
        each: Callable[[CreateOutcome[Self]], object] | None = None,
    ) -> CreateResult[Self]:
        """Create a pending tracker for each id; one that exists is left as it is.

        The result counts what was new and what existed; `each` is told it of every id. Interrupted or failed, the same
        call again completes it. Ids are taken from the iterable as they are needed. An id that is given twice is one
        tracker, with the data of the first.

        Args:
            trackers: ids, or pairs of an id and its data, in any mix; or a mapping of ids to data. Further fields have
                the defaults of the class.
            each: called with the `CreateOutcome` of each id, in their order.

        Raises:
            TasksNotCreatedError: an id is invalid, or `dump` did not take it. Its `result` says which; the others are
                created. After 20 failures of the storage one after the other, no more ids are taken.
            TypeError: a text is given, and not several ids.
        """
        from ..creating.given import checked  # noqa: PLC0415  # few need it
        from ..creating.many import create_many  # noqa: PLC0415
        from ..creating.single import one_by_one  # noqa: PLC0415

        def created(pair: tuple[T_ID, dict[str, Any] | None]) -> tuple[Self, bool]:
            id_, data = pair
            return cls._created(id_) if data is None else cls._created(id_, data=data)

        return create_many(
            trackers,
            checked,
            one_by_one(created),
            lambda pair: str(pair[0]),
            parallel=cls._creates_at_once,
            each=each,
        )

    @classmethod
    def _created(cls, id: T_ID, **kwargs: Any) -> tuple[Self, bool]:  # noqa: A002  # as above
        """The tracker that is stored, and whether this call has created it."""
        config = cls.get_config()
        cls._rules(config, id)  # refuses an id that cannot be stored
        now, token = config.now(), uuid.uuid4().hex
        fields: dict[str, Any] = {
            "id": id,
            "status": config.pending_status,
            "attempts": 0,
            "create_time": now,
            "update_time": now,
            "lock": None,
            "lock_time": EPOCH,
            "lock_expire_time": EPOCH,
            "errors": {},
        }
        tracker = cls(**fields, **{"data": {}, **kwargs})
        keep(tracker, {"create_token": token}, {"history": []})
        store = TrackerStore(cls, id, config)
        answer = repeated(lambda: store.create(tracker), sleep_of(config.clock))
        if answer.applied or answer.task is None:
            return tracker, True
        store.state(answer.task)  # raises for one that cannot be read
        return answer.task, create_token(answer.task) == token  # ours, if our first answer was lost (R5)

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

        The stored state decides on status, attempts, lock and errors, not this object. What was changed before in its
        `data` and further fields is stored with the start, and is there in the block; what somebody else has stored
        since this object was loaded stays, and is told in the log. The block may change `data` and further fields of
        the class: a success stores them in the same write; a failure drops them, and the object shows the stored state
        again. Changes of the other fields are not stored. To store data earlier, use `update`. If the end cannot be
        stored, the object stays as the block left it. After a success it keeps the block's values, even if they are
        stored in another form (a tuple as a JSON list).

        A subclass may override what this calls, and call `super()` there: `mark_as_in_progress`,
        `mark_as_succeeded` and `mark_as_failed_or_exhausted` on this object, `lock_it` and `unlock_it` on the one that
        is about to be dumped, `is_locked` on the one that was loaded.

        Args:
            lock: a lock this start may take over even while live, see `lock_it`.
            now: the present time; the clock of this attempt runs on from it.
            expire: the lease of this attempt in seconds; by default `get_expire`.
            ignore_lock: take the task also from another worker, which then gets `TaskLockLostError`.
            force_execution: start also what has succeeded, is exhausted or ignored.
            verbose: show on the console what happens.
            heartbeat: renew the lease every so many seconds, from a thread, until the block ends.

        Raises:
            TaskIsNotReadyToStartError: it cannot be started now; the subclass says why: `TaskIsNotInitializedError`,
                `TaskLockedError`, `TaskAlreadySucceedError`, `TaskExhaustedError`, `TaskIgnoredError` or
                `TaskNotDueError`.
            TaskLockLostError: at the end, another worker had taken the task over; nothing of this one was stored.
            StatusNotSavedError: at the end, nothing could be stored while the lease lasted.
            TrackerNotStorableError: `dump` could not write the user's values. At the beginning nothing was started; at
                the end, the attempt failed.
            RuntimeError: `load` does not make a new object each time, so that it hides what others write.
            Exception: at the beginning, what `load` or `dump` raised.
        """
        if not isinstance(self, BaseTracker):  # start() of the class, where other backends have it
            raise TypeError(f"A tracker is started, and {self!r} is none: load it first, `load({self!r}).start()`.")
        config, clock = self._config_at(now)
        rules = self._rules(config, self.id, force=force_execution, ignore_lock=ignore_lock, known_lock=lock)
        store = TrackerStore(type(self), self.id, config, worked_on=self)

        def execution(expire: float | None) -> TrackerExecution[Self]:
            return TrackerExecution(self, store, rules, config.lease(expire), heartbeat=heartbeat, debug=verbose)

        attempt: Attempt[Self] = Attempt(execution, clock)
        outer = _attempts.get(id(self))
        _attempts[id(self)] = self, attempt
        try:
            with attempt.taking_marks():
                self.mark_as_in_progress(now=now, expire=expire)
            self._begin(attempt, expire)
            yield self
            self._end_succeeded(attempt)
        except BaseException as error:
            if attempt.is_open:
                told_of_its_failure(attempt, self.mark_as_failed_or_exhausted, error)
            raise
        finally:
            self._leave(attempt, outer)

    def update(self) -> None:
        """Store `data` and the further fields now, before the block ends.

        Raises:
            TrackerNotStorableError: `dump` could not write what this object holds.
            TaskLockLostError: another worker has taken the task over; nothing was stored.
            StatusNotSavedError: nothing could be stored while the lease lasted.
            RuntimeError: a block works on another object of this task; nothing was stored.
        """
        block = self._block()
        if block is None:
            self._show(self._hold().update())
        else:
            block.set_data({}).update()  # the store takes this object's own values
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
        """Acquire the task: for the `start` that calls this, or else without a block, as `start` does.

        Raises:
            TaskIsNotReadyToStartError: one of its subclasses says why it cannot be started now.
        """
        attempt = self._marked()
        if attempt is not None:
            self._begin(attempt, expire)
            return
        config, _ = self._config_at(now)
        rules, store = self._rules(config, self.id), TrackerStore(type(self), self.id, config, worked_on=self)
        self._show(acquire(store, rules, uuid.uuid4().hex, config.lease(expire), Patience(rules)))

    def mark_as_succeeded(self) -> None:
        """End the attempt: succeeded, with this object's data and further fields.

        Raises:
            TaskLockLostError, StatusNotSavedError: as for `update`.
            TrackerNotStorableError: `dump` could not write what this object holds.
        """
        attempt = self._marked()
        if attempt is None:
            self._show(self._hold().succeed())
            return
        try:
            attempt.end()
        finally:
            self._show_end(attempt)

    def mark_as_failed_or_exhausted(self, e: BaseException) -> None:
        """End the attempt: failed with that error, or exhausted; this object then shows what is stored.

        Raises:
            TaskLockLostError, StatusNotSavedError: as for `update`.
        """
        attempt = self._marked()
        if attempt is None:
            self._show(self._hold().fail(e))
            return
        attempt.end(e)
        self._show_end(attempt)

    @classmethod
    def _config_at(cls, now: datetime | None) -> tuple[TrackerConfig, ClockFrom | None]:
        config = cls.get_config()
        clock = None if now is None else ClockFrom(now, config.clock)
        return (config if clock is None else replace(config, clock=clock)), clock

    def _marked(self) -> Attempt[Self] | None:
        """The attempt whose `start` is calling the marks; None for a mark that is made by hand."""
        started, attempt = _attempts.get(id(self), (None, None))
        return attempt if started is self and attempt is not None and attempt.takes_marks else None

    def _begin(self, attempt: Attempt[Self], expire: float | None) -> None:
        if attempt.context is None:
            context = attempt.begin(expire)
            _blocks[attempt.token] = self, context
            self._show(context.task)

    def _end_succeeded(self, attempt: Attempt[Self]) -> None:
        if attempt.is_ours:
            with attempt.taking_marks():
                self.mark_as_succeeded()
        attempt.end()

    def _show_end(self, attempt: Attempt[Self]) -> None:
        """Show what the end has stored; if nothing was, what the block left here is nothing to store with a start."""
        if attempt.context is not None and attempt.is_stored:
            self._show(attempt.context.task)
        else:
            note_values(self)

    def _leave(self, attempt: Attempt[Self], outer: tuple[TrackerModel, Attempt[Any]] | None) -> None:
        _attempts.pop(id(self), None)
        if outer is not None:
            _attempts[id(self)] = outer
        if attempt.context is not None:
            _blocks.pop(attempt.token, None)
            self._show_end(attempt)

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
        if not is_known(self) and (stored := store.read()) is not None:
            keep_as(self, stored)
        return Hold(self, store, self._rules(config, self.id))

    def _show(self, stored: Self) -> None:
        """Copy the stored state into this object."""
        for name, value in user_values(stored).items():
            setattr(self, name, value)
        self._show_bookkeeping(stored)
        note_values(self)

    def _show_bookkeeping(self, stored: Self) -> None:
        for name in BOOKKEEPING:
            setattr(self, name, getattr(stored, name))
        keep_as(self, stored)
