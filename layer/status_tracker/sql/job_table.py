"""The jobs of a table in the form of a class derived from `BaseTask`: for bulk actions and the command line."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack

import sqlalchemy as sa

from ..core.cursors import Cursor, FoundTasks, Position, Progress, each_once, parse_cursor
from ..core.history import failure_of_class
from ..core.port import ConvertingStore
from ..core.state import TaskState
from ..core.task import Acted, act_if, delete_unchanged
from .columns import JobColumns
from .expressions import state_of
from .keys import JobId, key_of
from .settings import Statuses, StepSettings
from .store import SqlStore, readable
from .transactions import reading

if TYPE_CHECKING:
    from ..creating import CreateOutcome, CreateResult

JobT = TypeVar("JobT", bound=JobColumns)

_PAGE = 500


@dataclass(frozen=True, slots=True)
class ListedJob(Generic[JobT]):
    """A job with the attributes of a task."""

    job: JobT

    @property
    def task_id(self) -> str:
        return str(self.job.id)

    @property
    def create_time(self) -> datetime:
        return self.job.create_at

    @property
    def data(self) -> Any:
        return self.job.data

    def tracked_state(self) -> TaskState:
        return state_of(self.job)


class JobQuery(FoundTasks[ListedJob[JobT]]):
    """The jobs that a query finds; read from the database page by page, on demand."""

    def __init__(self, jobs: Iterator[JobT], given: Cursor, *, older_first: bool) -> None:
        self._jobs = jobs
        super().__init__(Progress(given, older_first=older_first))

    def _next(self) -> ListedJob[JobT]:
        job = next(self._jobs)
        self._progress.add(job.status, job.update_at, str(job.id))
        return ListedJob(job)


class OperableJobs(Generic[JobT]):
    """The jobs of a table, with their engine and the settings of their step.

    Args:
        statuses: those of `JobMixin.start`; left out if the class has a `config`.

    Raises:
        TypeError: the statuses are not known.
    """

    def __init__(self, job_class: type[JobT], engine: sa.Engine, **statuses: Unpack[Statuses]) -> None:
        self._class = job_class
        self._engine = engine
        self._step = StepSettings.of(job_class, statuses).named(job_class, "operating on it")
        self.config = self._step.config

    def query_by_status(
        self,
        status: Sequence[int],
        limit: int | None = 10,
        older_task_first: bool = True,
        auto_refresh: bool = False,  # noqa: ARG002  # each job is read whole
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        error_class: str | None = None,
    ) -> JobQuery[JobT]:
        """The jobs of several statuses, in the order of `update_at`; `limit` is per status, as in `BaseTask`."""
        given = {} if cursor is None else parse_cursor(cursor)
        window = _Window(since, until, older_task_first)
        wanted = None if error_class is None else failure_of_class(error_class)

        def of_status(code: int) -> Iterator[JobT]:
            left = limit
            for job in self._pages(code, window, given.get(code)):
                if left == 0:
                    return
                if wanted is None or wanted(job.errors or {}):
                    left = None if left is None else left - 1
                    yield job

        listed = [of_status(code) for code in dict.fromkeys(status)]
        jobs = heapq.merge(*listed, key=lambda job: (job.update_at, job.id), reverse=not older_task_first)
        return JobQuery(
            each_once(jobs, lambda job: str(job.id)) if len(listed) > 1 else jobs, given, older_first=older_task_first
        )

    def get_one_or_none(self, task_id: str, consistent_read: bool = True) -> ListedJob[JobT] | None:  # noqa: ARG002
        """The job of that id, or None."""
        return self.task_store(task_id).read()

    def make(self, task_id: JobId, data: dict[str, Any] | None = None) -> JobT:
        """A new job, pending, not stored."""
        job_class: Any = self._class
        job: JobT = job_class.create(task_id, self.config.pending_status, data)
        return job

    def create_many(
        self,
        tasks: Iterable[JobId | tuple[JobId, dict[str, Any] | None]] | Mapping[Any, dict[str, Any] | None],
        *,
        dispatch: bool = False,  # noqa: ARG002  # workers look for jobs themselves
        each: Callable[[CreateOutcome[JobT]], object] | None = None,
    ) -> CreateResult[JobT]:
        """As `JobMixin.create_many`: pending jobs."""
        job_class: Any = self._class
        result: CreateResult[JobT] = job_class.create_many(self._engine, tasks, self.config.pending_status, each=each)
        return result

    def count_by_status(self) -> dict[int, int]:
        """How many jobs there are of each status of this step."""
        statement = sa.select(self._class.status, sa.func.count()).group_by(self._class.status)
        with reading(self._class, self._engine) as session:
            found = {row[0]: row[1] for row in session.execute(statement)}
        return {status: found.get(status, 0) for status in self.config.status_shards}

    def dispatch(self, task: ListedJob[JobT]) -> None:
        """Nothing: workers look for jobs themselves, with `start_next`."""

    def recall(self, task: ListedJob[JobT]) -> None:
        """Nothing: nothing drives a job but its worker, which loses it when it is cancelled."""

    def discard(self, task: ListedJob[JobT]) -> None:
        """Nothing: what a job was made from is not known here."""

    def delete_if(self, task_id: str, state: TaskState) -> bool:
        """As `TrackedTask.delete_if`."""
        return delete_unchanged(self.task_store(task_id), state, self.config.clock)

    def act_if(
        self,
        task_id: str,
        action: str,
        check: Callable[[TaskState], None],
        *,
        reason: str,
        by: str | None = None,
        request_id: str | None = None,
        known: ListedJob[JobT] | None = None,
    ) -> Acted[ListedJob[JobT]]:
        """As `TrackedTask.act_if`."""
        rules = self._step.rules(task_id)
        return act_if(self.task_store(task_id), rules, action, check, reason, by, request_id, known)

    def task_store(self, task_id: str) -> ConvertingStore[JobT, ListedJob[JobT]]:
        return ConvertingStore(SqlStore(self._class, self._engine, task_id), ListedJob, attrgetter("job"))

    def _pages(self, status: int, window: _Window, given: Position | None) -> Iterator[JobT]:
        known = [self._class.status == status, *window.conditions(self._class)]
        behind = [] if given is None else [window.from_position(self._class, given)]
        while True:
            statement = sa.select(self._class).where(*known, *behind).order_by(*window.order(self._class)).limit(_PAGE)
            with reading(self._class, self._engine) as session:
                page = readable(session, self._class, statement)
            yield from page
            if len(page) < _PAGE:
                return
            behind = [window.behind(self._class, page[-1])]


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of the jobs of a status, in an order."""

    since: datetime | None
    until: datetime | None
    older_first: bool

    def conditions(self, job: type[JobColumns]) -> list[Any]:
        bounds = [None if self.since is None else job.update_at >= self.since]
        bounds += [None if self.until is None else job.update_at < self.until]
        return [each for each in bounds if each is not None]

    def order(self, job: type[JobColumns]) -> tuple[Any, ...]:
        return (job.update_at, job.id) if self.older_first else (job.update_at.desc(), job.id.desc())

    def behind(self, job: type[JobColumns], last: JobColumns) -> Any:
        at_that_moment = sa.and_(job.update_at == last.update_at, self._beyond_id(job, last.id))
        return sa.or_(self._beyond(job, last.update_at), at_that_moment)

    def from_position(self, job: type[JobColumns], given: Position) -> Any:
        new_ones = [job.update_at == given.moment, job.id.not_in([key_of(job, each) for each in given.keys])]
        if given.last is not None:
            new_ones.append(self._beyond_id(job, key_of(job, given.last)))
        return sa.or_(self._beyond(job, given.moment), sa.and_(*new_ones))

    def _beyond_id(self, job: type[JobColumns], last: JobId) -> Any:
        return job.id > last if self.older_first else job.id < last

    def _beyond(self, job: type[JobColumns], moment: datetime) -> Any:
        return job.update_at > moment if self.older_first else job.update_at < moment
