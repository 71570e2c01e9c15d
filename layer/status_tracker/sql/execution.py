"""The `with` blocks of `start` and `start_next`: an `Execution` that gives ``(job, updates)``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

import sqlalchemy as sa

from ..core.errors import TaskIsNotReadyToStartError
from ..core.execution import Execution, ExecutionContext
from ..core.heartbeat import Beating, Heartbeat
from ..core.history import comparable
from ..core.lifecycle import Lifecycle
from ..core.signals import Termination, Waiting
from .columns import MANAGED_COLUMNS, JobColumns, changed_values, column_values, mirror
from .errors import job_error
from .store import SqlStore, column_names
from .trace import JobTrace
from .updates import Updates, check_json

JobT = TypeVar("JobT", bound=JobColumns)


class JobExecution(Execution[JobT]):
    """An execution that tells in sqlalchemy_mate's words."""

    def __init__(
        self,
        store: SqlStore[JobT],
        rules: Lifecycle,
        lease: timedelta,
        *,
        heartbeat: float | None,
        debug: bool,
        held: tuple[str, JobT] | None = None,
    ) -> None:
        super().__init__(store, rules, lease, heartbeat=heartbeat, debug=debug, held=held)
        self._trace = JobTrace(rules.config, rules.task_id, debug=debug)


class JobBlock(Generic[JobT]):
    """One attempt at a job, from entering the block to leaving it."""

    def __init__(self, execution: Execution[JobT], store: SqlStore[JobT]) -> None:
        self._execution = execution
        self._store = store
        self.updates = Updates(_block=self)
        self._context: ExecutionContext[JobT]
        self._job: JobT
        self._data_seen: str

    @property
    def fence(self) -> int:
        return self._execution.fence

    @property
    def columns(self) -> frozenset[str]:
        return column_names(type(self._job))

    def check_open(self) -> None:
        self._execution.check_open()

    def check_data(self, data: Any) -> None:
        check_json(data, type(self._job))
        self._data_seen = comparable(self._job.data)  # what was changed before is replaced

    @property
    def statements(self) -> list[sa.Executable]:
        return self._store.also

    @property
    def is_stored(self) -> bool:
        return self._execution.is_stored

    @property
    def lost(self) -> bool:
        return self._execution.lost

    def raise_if_lost(self) -> None:
        self._execution.raise_if_lost()

    def update(self) -> None:
        """Store the values now; what the block changes while that is under way stays as the block has it."""
        self._store.values = self._values()
        job, seen, is_set = self._job, self._data_seen, "data" in self.updates.values
        before, text = column_values(job), comparable(job.data)
        self._context.task = stored = self._execution.update(self._store.values.get("data"))
        mirror(job, stored, {name for name, value in column_values(job).items() if value is before[name]} - {"data"})
        if self._data_seen is not seen:  # other data was set meanwhile
            return
        if is_set and comparable(job.data) == text:
            mirror(job, stored, {"data"})
            text = comparable(job.data)
        self._data_seen = text

    def extend_lock(self, seconds: float | None) -> None:
        self._context.extend_lock(seconds)
        mirror(self._job, self._context.task, MANAGED_COLUMNS)  # the others may have been set, and wait for the end

    def beat_by(self, other: Callable[[Heartbeat], Beating]) -> None:
        self._execution.beat_by(other)

    def enter(self) -> tuple[JobT, Updates]:
        """Acquire. Raises the `Job…` error that says why not."""
        try:
            self._context = self._execution.__enter__()
        except TaskIsNotReadyToStartError as error:
            raise job_error(error) from error.__cause__
        self._job = self._context.task
        self._data_seen = comparable(self._job.data)
        return self._job, self.updates

    def _values(self) -> dict[str, Any]:
        """The values to store: set with `updates`, or on the job itself, as sqlalchemy_mate allows.

        Raises:
            ValueError: the job's data was changed after other data was set.
            TypeError, ValueError: what is left in it cannot be stored, as of `Updates.set`.
        """
        assigned = changed_values(self._job).items()
        values = {name: value for name, value in assigned if name not in MANAGED_COLUMNS}
        data = self._job.data
        if comparable(data) != self._data_seen:  # also in place, which SQLAlchemy does not see
            values["data"] = data
            check_json(data, type(self._job))
            if comparable(self.updates.values.get("data", data)) != comparable(data):
                raise ValueError(
                    "job.data was changed after updates.set('data', …), and only one of them can be stored: "
                    "set all of it, or change job.data alone."
                )
        return {**values, **self.updates.values}

    def leave(self, error: BaseException | None) -> None:
        """Store the end; the job then shows what was stored."""
        conflict: TypeError | ValueError | None = None
        try:
            self._store.values = self._values()
        except (TypeError, ValueError) as unfit:
            conflict, self._store.values = unfit, {}
        self._context.pending_data = self._store.values.get("data")
        ended_by = error or conflict
        try:
            self._execution.__exit__(
                type(ended_by) if ended_by else None, ended_by, ended_by.__traceback__ if ended_by else None
            )
        finally:
            mirror(self._job, self._context.task)
        if error is None and conflict is not None:
            raise conflict


class StartNext(Waiting, Generic[JobT]):
    """What `start_next` returns: a context manager that gives the job, or None, and its updates.

    Args:
        begin: makes the attempt when the block is entered; None if there is nothing to do.
        skip_error: whether to suppress an exception of the block once its failure is stored.
    """

    def __init__(self, begin: Callable[[], JobBlock[JobT] | None], *, skip_error: bool) -> None:
        self._begin = begin
        self._skip_error = skip_error
        self._attempt: JobBlock[JobT] | None = None
        self._beats: Callable[[Heartbeat], Beating] | None = None
        self._termination = Termination()

    def beat_by(self, other: Callable[[Heartbeat], Beating]) -> None:
        """Let something else than a thread renew the lease of the attempt; see `Execution.beat_by`."""
        self._beats = other

    def __enter__(self) -> tuple[JobT | None, Updates]:
        try:
            self._termination.begin()  # already while a job is claimed
            if self._attempt is None:
                self._attempt = self._begin()
            if self._attempt is not None and self._beats is not None:
                self._attempt.beat_by(self._beats)
            entered = (None, Updates()) if self._attempt is None else self._attempt.enter()
        except BaseException:
            self._termination.end()
            raise
        try:
            if self._attempt is None:
                self._termination.end()
            self._termination.check()
            return entered  # noqa: TRY300  # in here, for a signal that comes just before it
        except BaseException as signalled:
            self.__exit__(type(signalled), signalled, signalled.__traceback__)
            raise

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool | None:
        if self._attempt is None:
            return False
        try:
            self._attempt.leave(error)
        finally:
            self._termination.end()
        return self._skip_error and isinstance(error, Exception) and self._attempt.is_stored


class Start(Waiting, Generic[JobT]):
    """What `start` returns: as `StartNext`, but always with a job."""

    def __init__(self, begin: Callable[[], JobBlock[JobT]], *, skip_error: bool) -> None:
        self._block = StartNext(begin, skip_error=skip_error)

    def beat_by(self, other: Callable[[Heartbeat], Beating]) -> None:
        """See `StartNext.beat_by`."""
        self._block.beat_by(other)

    def __enter__(self) -> tuple[JobT, Updates]:
        job, updates = self._block.__enter__()
        return cast("JobT", job), updates

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return self._block.__exit__(kind, error, traceback)
