"""The `start` context manager that every backend uses, over the `Store` port."""

from __future__ import annotations

import copy
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeGuard, TypeVar

from .errors import StatusNotSavedError, TaskExecutionError, TaskLockLostError
from .heartbeat import Beating, Heartbeat
from .history import comparable, data_size, told
from .lifecycle import Lifecycle
from .port import Store, StoreError, Write, WriteRejectedError, WriteResult
from .retries import Patience, acquire, held, new_end
from .signals import Decorating, Termination
from .state import TaskState, cancelled, holds, is_ended_by, is_finished_by, lease_end, taken_over
from .trace import Trace, tell

TaskT = TypeVar("TaskT")


class Watched(Protocol):
    """A task whose `data` may be changed in the block."""

    data: Any

    def show_stored(self, stored: Any) -> None:
        """Take over everything that is stored."""


def _is_watched(task: object) -> TypeGuard[Watched]:
    return hasattr(type(task), "show_stored")  # a tenth of the cost of isinstance() with a protocol


_NOTHING = "Nothing was stored."
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class ExecutionContext(Generic[TaskT]):
    """The `ctx` of a `with ….start(…) as ctx` block.

    What the block leaves in `task.data` is stored with the success, as if it had been given to `set_data`.

    Attributes:
        pending_data: data given to `set_data` and not stored yet; None if there is none.

    Args:
        execution: the attempt. Without one, as in a test of your own functions that take a context, data can be set,
            and nothing is stored.
    """

    def __init__(self, task: TaskT, execution: Execution[TaskT] | None = None) -> None:
        self._task = task
        self._attempt = execution
        self._data_seen: str | None = None
        self.pending_data: dict[str, Any] | None = None

    @property
    def task(self) -> TaskT:
        """The task as last stored, with what the block has changed of its `data`; after the block, as it is stored."""
        if self._data_seen is None:
            self._note_data()
        return self._task

    @task.setter
    def task(self, task: TaskT) -> None:
        self._task, self._data_seen = task, None

    def _note_data(self) -> None:
        if _is_watched(self._task):
            self._data_seen = comparable(self._task.data)

    def _show(self, stored: TaskT) -> None:
        """Show what a write in the block has stored, but `data` as the block has it."""
        if self._data_seen is None or not _is_watched(self._task):
            self.task = stored
            return
        data = self._task.data
        self._task.show_stored(stored)
        self._task.data = data

    def _show_sent(self, stored: TaskT, sent: Any, text: str, shown: str | None) -> None:
        """As `_show`, with the data that was stored, unless the block has changed its own meanwhile."""
        seen = self._data_seen if shown is None else shown
        self._show(stored)
        if seen is None or not _is_watched(self._task) or not _is_watched(stored):
            return
        if self._task.data is not sent and comparable(self._task.data) == seen:
            self._task.data = stored.data
            text = comparable(stored.data)
        self._data_seen = text

    def _data_to_store(self) -> dict[str, Any] | None:
        """The data given to `set_data`, or what the block has changed in `task.data`; None if there is neither.

        Raises:
            ValueError: it was changed after `set_data`, to something else.
        """
        if self._data_seen is None or not _is_watched(self._task):
            return self.pending_data
        data: dict[str, Any] | None = self._task.data
        text = comparable(data)
        if text == self._data_seen:
            return self.pending_data
        if self.pending_data is not None and comparable(self.pending_data) != text:
            raise ValueError(
                "task.data was changed after set_data(), and only one of them can be stored: give set_data all of it, "
                "or change task.data alone."
            )
        return {} if data is None else data

    @property
    def _execution(self) -> Execution[TaskT]:
        if self._attempt is None:
            raise TypeError("This context belongs to no attempt and stores nothing: take the one that start() gives.")
        return self._attempt

    @property
    def fence(self) -> int:
        """A number that grows with every acquire of this task: downstream systems should refuse a smaller one."""
        return self._execution.fence

    @property
    def taken_over(self) -> Mapping[str, Any] | None:
        """The history entry of the vanished attempt that this start took over from; None if there was none."""
        return self._execution.taken_over

    @property
    def also(self) -> Any:
        """Your own writes, stored together with the success or not at all.

        On DynamoDB a `dynamodb.also.Also`. Raises `TypeError` on a backend without this feature.
        """
        return self._execution.also

    def set_data(self, data: dict[str, Any] | None) -> ExecutionContext[TaskT]:
        """Set the data to store with the success; it is dropped if the block fails.

        Args:
            data: anything JSON can hold; it replaces the stored data. None stands for no data, ``{}``.

        Raises:
            TypeError, ValueError: JSON cannot hold it; the message says which part.
            TaskDataTooLargeError: it does not fit into the task's item.
            TaskLockLostError: the block has ended.
        """
        data = {} if data is None else data
        if self._attempt is None:
            data_size(data)
        else:
            self._attempt.check_open()
            self._attempt.check_data(data)
        self.pending_data = data
        if self._data_seen is not None:
            self._note_data()  # what was changed before is replaced
        return self

    def to_update_actions(self) -> list[Any]:
        """What `update` would store now, as PynamoDB's actions; none without pending data. For PynamoDB models only."""
        return list(self._updates.values())

    @property
    def _updates(self) -> dict[str, Any]:
        data = self._data_to_store()
        return {} if data is None else {"data": type(self.task).data.set(data)}  # type: ignore[attr-defined]

    @contextmanager
    def begin_update(self) -> Iterator[Self]:
        """A block whose `set_data` is taken back if it raises."""
        before = self.pending_data
        try:
            yield self
        except BaseException:
            self.pending_data = before
            raise

    def update(self) -> None:
        """Store the data set with `set_data` now, before the block ends.

        Raises:
            TaskLockLostError: another worker has taken the task over; nothing was stored.
            StatusNotSavedError: the store did not answer while the lease lasted.
        """
        if self._attempt is not None:
            self._attempt.check_open()
        sent = self._data_to_store()
        if sent is None:
            return
        given, text = self.pending_data, comparable(sent)
        shown = comparable(self._task.data) if self._data_seen and _is_watched(self._task) else None
        stored = self._execution.update(sent)
        if self.pending_data is given and (given is None or comparable(given) == text):
            self.pending_data = None
            self._show_sent(stored, sent, text, shown)
        else:  # set anew while this was under way: it waits for the next one
            self._show(stored)

    @property
    def lost(self) -> bool:
        """Whether this worker is known to have lost the task: it was taken over, cancelled, unlocked or deleted.

        It is known after a refused write of this block, or after a heartbeat; nothing is asked for it.
        """
        return self._execution.lost

    @property
    def postponed_until(self) -> datetime | None:
        """When the task may be started again, after a block whose end was stored as a postponement; otherwise None."""
        return self._execution.postponed_until

    @property
    def cancelled(self) -> Mapping[str, Any] | None:
        """The record of the cancellation by which this worker has lost the task; None where there is none known."""
        return self._execution.cancelled

    def raise_if_lost(self) -> None:
        """Leave a long loop early where going on is of no use.

        Raises:
            TaskLockLostError: `lost` is true; the message says why.
        """
        self._execution.raise_if_lost()

    def extend_lock(self, seconds: float | None = None) -> None:
        """Renew the lease: it then ends `seconds` from now (by default the lease this attempt started with).

        A lease that already ends later is left unchanged.

        Raises:
            TaskLockLostError, StatusNotSavedError: as for `update`.
        """
        self._show(self._execution.extend(seconds))


class Execution(Decorating, Generic[TaskT]):
    """One attempt at a task: acquires on entering, finishes on leaving.

    Args:
        lease: how long it may hold the task.
        heartbeat: renew the lease every so many seconds, from a thread.
        debug: show on the console what happens.
        held: the token and the task, if the token has acquired it already.
        again: makes another such attempt, for use as a decorator.
    """

    def __init__(
        self,
        store: Store[TaskT],
        rules: Lifecycle,
        lease: timedelta,
        *,
        heartbeat: float | None = None,
        debug: bool = False,
        held: tuple[str, TaskT] | None = None,
        again: Callable[[], Execution[TaskT]] | None = None,
    ) -> None:
        self._store = store
        self._again = again
        self._rules = rules
        self._lease = lease
        self._patience = Patience(rules)
        self._token = held[0] if held else uuid.uuid4().hex
        self._held = held
        self._trace = Trace(rules.config, rules, debug=debug)
        self._lost_lock: TaskLockLostError | None = None
        self._beat_trouble: str | None = None
        self.postponed_until: datetime | None = None
        self._updates = 0
        self._entered = False
        self._open = False
        self._stored = False
        self._thread = None if heartbeat is None else Heartbeat(self._beat, heartbeat, lease)
        self._heartbeat: Beating | None = self._thread
        self._termination = Termination()
        self._lease_end = _LONG_AGO
        self._end: str
        self._process: int
        self._state: TaskState
        self._context: ExecutionContext[TaskT]

    def beat_by(self, other: Callable[[Heartbeat], Beating]) -> None:
        """Let something else than a thread of its own renew the lease, if it is to be renewed at all."""
        if self._thread is not None:
            self._heartbeat = other(self._thread)

    def anew(self) -> Execution[TaskT]:
        if self._again is None:
            raise TypeError(f"This attempt at {self._rules} is the only one: it cannot decorate a function.")
        return self._again()

    def __deepcopy__(self, _memo: object) -> Self:
        """A copy of a context works on the same attempt."""
        return self

    @property
    def fence(self) -> int:
        return self._state.fence

    @property
    def taken_over(self) -> Mapping[str, Any] | None:
        return taken_over(self._state)

    @property
    def lost(self) -> bool:
        """Whether a write or a heartbeat has found that this worker does not hold the task any more."""
        return self._lost_lock is not None

    @property
    def cancelled(self) -> Mapping[str, Any] | None:
        return None if self._lost_lock is None else self._lost_lock.cancelled

    @property
    def is_stored(self) -> bool:
        """Whether the end of the attempt was stored, as a success or as a failure."""
        return self._stored

    @property
    def also(self) -> Any:
        also = getattr(self._store, "also", None)
        if also is None:
            raise TypeError(f"{type(self._store).__name__} cannot store anything together with a success.")
        return also

    def check_data(self, data: Mapping[str, Any]) -> None:
        self._rules.check_data(data)

    def __enter__(self) -> ExecutionContext[TaskT]:
        if self._entered:
            raise RuntimeError(f"This attempt at {self._rules} was made already: call start() for another one.")
        self._entered = True
        self._process = os.getpid()
        try:
            self._termination.begin()
            self._trace.starting()
            task = self._held[1] if self._held else self._acquire()
            state = self._store.state(task)
            self._state = replace(state, errors=copy.deepcopy(state.errors))  # the block may change those of ctx.task
        except BaseException as error:
            try:
                self._trace.not_started(error)
            finally:
                self._termination.end()
            raise
        self._end = new_end()
        self._context = ExecutionContext(task, self)
        self._open = True
        held[self._token] = self
        try:
            self._note_lease(self._state)
            self._trace.acquired()
            if self._heartbeat is not None:
                self._heartbeat.start()
            self._termination.check()
            return self._context  # noqa: TRY300  # in here, for a signal that comes just before it
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if not self._open:
            raise RuntimeError(f"This attempt at {self._rules} is not under way: enter it once, and leave it once.")
        try:
            self._stop_heartbeat(error)
            if error is None:
                self._finish_succeeded()
            else:
                self._finish_failed(error)
        finally:
            self._open = False
            held.pop(self._token, None)
            self._context.pending_data = None
            del self._context  # it has this attempt: each would keep the other alive
            self._termination.end()

    def _stop_heartbeat(self, error: BaseException | None) -> None:
        try:
            if self._heartbeat is not None:
                self._heartbeat.stop()
        except BaseException as interruption:  # Ctrl-C while a beat hangs
            self._finish_failed(error or interruption)
            raise

    def update(self, data: Mapping[str, Any] | None) -> TaskT:
        self.check_open()
        if data is not None:
            self.check_data(data)  # again, since the block may have changed it after set_data
        self._updates += 1
        return self._write_held(self._rules.update(self._state, self._token, self._updates, data))

    def extend(self, seconds: float | None) -> TaskT:
        self.check_open()
        lease = self._lease if seconds is None else self._rules.config.lease(seconds)
        stored = self._write_held(self._rules.extend(self._state, self._token, self._now(), lease))
        self._note_lease(self._store.state(stored))
        return stored

    def _note_lease(self, state: TaskState) -> None:
        end = lease_end(state, self._rules.config) or self._now()
        self._lease_end = max(self._lease_end, end)  # a slow beat may report an earlier one

    def _now(self) -> datetime:
        return self._rules.config.now()

    def _acquire(self) -> TaskT:
        return acquire(self._store, self._rules, self._token, self._lease, self._patience)

    def _finish_succeeded(self) -> None:
        try:
            data = self._context._data_to_store()
            if data is not None:
                self.check_data(data)  # again, since the block may have changed it after set_data
        except Exception as unfit:
            self._finish_failed(unfit)
            raise
        try:
            self._finish(
                self._rules.succeed(self._state, self._token, self._now(), data, end=self._end), self._store.succeed
            )
        except WriteRejectedError as rejected:
            self._finish_failed(rejected.cause)
            raise rejected.cause from rejected.__cause__
        except TaskExecutionError:
            raise
        except Exception as unwritten:  # what the block has left cannot be made into a request
            self._finish_failed(unwritten)
            raise

    def _finish_failed(self, error: BaseException) -> None:
        try:
            if self._lost_lock is not None:
                self._trace.lost()
                raise self._lost_lock
            self._store_failure(error)
        except (TaskLockLostError, StatusNotSavedError, WriteRejectedError) as unsaved:
            if unsaved is not error:
                _note(error, str(unsaved))

    def _store_failure(self, error: BaseException) -> None:
        now = self._now()
        try:
            self._finish(self._failure(now, error), self._store.write)
        except WriteRejectedError:
            self._finish(self._failure(now, error, briefly=True), self._store.write)

    def _failure(self, now: datetime, error: BaseException, *, briefly: bool = False) -> Write:
        return self._rules.fail(self._state, self._token, now, error, briefly=briefly, end=self._end)

    def _finish(self, write: Write, send: Callable[[Write], WriteResult[TaskT]]) -> None:
        self._check_process()
        try:
            answer = self._patience.until(self._lease_end, send, write)
        except StatusNotSavedError:
            self._trace.not_saved()
            raise
        if answer.task is None or not (answer.applied or is_ended_by(self._store.state(answer.task), self._end)):
            self._trace.lost()
            raise self._lost(answer)
        self._context.task = answer.task
        self._stored = True
        status, retry = write.changes["status"], write.changes["retry"]
        if status != self._rules.config.succeeded_status and retry == self._state.retry:
            self.postponed_until = write.changes["not_before"]
        self._trace.finished(status, retry, before=self._state.retry)

    def _beat(self) -> bool:
        """Renew the lease; whether the task is still held. Where a beat fails, the next one makes up for it."""
        try:
            answer = self._store.write(self._rules.extend(self._state, self._token, self._now(), self._lease))
            if answer.task is None or not self._still_held(answer):
                if not self._stored:  # else it hung until the block had ended, and has lost nothing
                    self._lost(answer)
                return False
            self._note_lease(self._store.state(answer.task))
        except Exception as error:  # noqa: BLE001  # in a thread of its own nobody else would tell of it
            self._missed_beat(error)
        else:
            self._beat_trouble = None
        return True

    def _missed_beat(self, error: Exception) -> None:
        if self._beat_trouble is None:
            end = self._lease_end.isoformat()
            tell(
                logging.WARNING, f"The heartbeat could not renew the lease of {self._rules}, which ends at {end}", error
            )
        self._beat_trouble = told(error.cause if isinstance(error, StoreError) else error)

    def _write_held(self, write: Write) -> TaskT:
        try:
            answer = self._patience.until(self._lease_end, self._store.write, write)
        except WriteRejectedError as rejected:
            raise rejected.cause from rejected.__cause__
        if answer.task is None or not self._still_held(answer):
            stored = "Its last request may have been stored before that." if self._patience.unanswered else _NOTHING
            raise self._lost(answer, stored)
        return answer.task

    def _still_held(self, answer: WriteResult[TaskT]) -> bool:
        return answer.applied or (
            answer.task is not None and holds(self._store.state(answer.task), self._token, self.fence)
        )

    def check_open(self) -> None:
        """Raise `TaskLockLostError` after the block, and in a process that was forked in it."""
        if not self._open:
            raise self._lost_because("the block has ended, and with it this worker's hold on the task")
        self._check_process()

    def _check_process(self) -> None:
        """Refuse to write for a child that was forked in the block: it has the worker's token, and not its task."""
        if os.getpid() != self._process:
            raise self._lost_because("this process was forked from the worker's, which alone holds it")

    def raise_if_lost(self) -> None:
        if self._lost_lock is not None:
            raise self._lost_lock

    def _lost(self, answer: WriteResult[TaskT], stored: str = _NOTHING) -> TaskLockLostError:
        state = None if answer.task is None else self._store.state(answer.task)
        why = f"its lease ended at {self._lease_end.isoformat()} and another worker took the task over"
        record = cancelled(state, self._state)
        if record:
            why = f"{record.get('by') or 'somebody'} cancelled the task ({record.get('reason')})"
        elif is_finished_by(state, self._token):
            why = "a copy of this worker has ended the attempt already"
        elif self._now() < self._lease_end:
            why = "somebody took it over, unlocked or deleted it"
        elif self._beat_trouble is not None:
            why += f"; the heartbeat could not renew it ({self._beat_trouble})"
        self._lost_lock = self._lost_because(why, stored)
        self._lost_lock.cancelled = record
        return self._lost_lock

    def _lost_because(self, why: str, stored: str = _NOTHING) -> TaskLockLostError:
        return TaskLockLostError(
            f"{self._rules} is not held by this worker any more: {why}. {stored}",
            use_case_id=self._rules.use_case_id,
            task_id=self._rules.task_id,
        )


def _note(error: BaseException, text: str) -> None:
    """Tell with the block's own error what became of its record."""
    try:
        error.add_note(text)
    except Exception:  # noqa: BLE001  # a frozen exception takes no notes, and goes on to the caller all the same
        tell(logging.WARNING, text)
