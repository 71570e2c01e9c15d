"""Creating thousands of tasks: a few at the same time, and what became of each told exactly.

The backends' `create_many` are made of it. Ids are taken from the iterable as they are needed, and what became of them
is told in their order, so that a million of them takes no more memory than a thousand.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Semaphore
from typing import Any, Generic, NamedTuple, TypeVar

from .core.errors import TaskExecutionError, TasksNotCreatedError
from .core.history import told

PARALLEL = 64
"""At most so many tasks are created at the same time, where a request creates one."""

KEPT_FAILURES = 100
_FAILURES_TO_STOP = 20
_AHEAD = 4
"""So many times as many wait to be told of at most: a slow request holds up only who tells of it, not the others."""

TaskT = TypeVar("TaskT")


class Found(enum.StrEnum):
    """What became of an id."""

    CREATED = "created"
    EXISTED = "existed"
    FAILED = "failed"


class Answer(NamedTuple, Generic[TaskT]):
    """What became of one task; the attributes are those of `CreateOutcome`."""

    found: Found
    task: TaskT | None = None
    error: Exception | None = None

    @classmethod
    def of(cls, task: TaskT | None, created: bool) -> Answer[TaskT]:
        """The answer for a task that is there."""
        return Answer(Found.CREATED if created else Found.EXISTED, task)

    @classmethod
    def failed(cls, error: Exception) -> Answer[TaskT]:
        """The answer for a task that could not be created."""
        return Answer(Found.FAILED, error=error)


@dataclass(frozen=True, slots=True)
class CreateOutcome(Generic[TaskT]):
    """What became of one of the ids.

    Attributes:
        task_id: the id, as text.
        found: whether this call created the task, or it existed and was left as it was, or neither.
        task: the task as it is stored; None if it failed, and for a job in a SQL database that existed: it is not read.
        error: why it failed; of a task that is there, why it could not be dispatched.
    """

    task_id: str
    found: Found
    task: TaskT | None = None
    error: Exception | None = None


@dataclass(slots=True)
class CreateResult(Generic[TaskT]):
    """The result of a `create_many`. Each id is counted once, as created, existed or failed.

    Attributes:
        created, existed, failed: how many ids were.
        undispatched: how many of the tasks that are there could not be dispatched.
        troubles: the first 100 outcomes that failed or were not dispatched.
        stopped: whether it ended early, because task after task failed: nothing was sent of the ids that followed.
    """

    created: int = 0
    existed: int = 0
    failed: int = 0
    undispatched: int = 0
    troubles: list[CreateOutcome[TaskT]] = field(default_factory=list)
    stopped: bool = False

    def add(self, outcome: CreateOutcome[TaskT]) -> None:
        """Count one more."""
        self.created += outcome.found is Found.CREATED
        self.existed += outcome.found is Found.EXISTED
        self.failed += outcome.found is Found.FAILED
        self.undispatched += outcome.found is not Found.FAILED and outcome.error is not None
        if outcome.error is not None and len(self.troubles) < KEPT_FAILURES:
            self.troubles.append(outcome)

    def raise_if_incomplete(self) -> None:
        """Raise `TasksNotCreatedError` unless every id has its task, and every dispatch was made."""
        if not self.troubles:
            return
        first = self.troubles[0]
        error: Any = first.error
        undispatched = f", {self.undispatched:,} were not dispatched" if self.undispatched else ""
        ended = f" It ended after {_FAILURES_TO_STOP} failures in a row: what follows was not begun."
        taken = self.created + self.existed + self.failed
        raise TasksNotCreatedError(
            f"Of {taken:,} tasks {self.failed:,} were not created{undispatched}; the first is {first.task_id!r:.80}: "
            f"{told(error).rstrip('.')}.{ended if self.stopped else ''} The others are there: the same call again "
            "creates what is missing.",
            result=self,
        ) from error


def create_many(
    given: Iterable[Any] | Mapping[Any, Any],
    make: Callable[[Any], Any],
    create: Callable[[Sequence[Any]], Sequence[Answer[TaskT]]],
    key_of: Callable[[Any], object],
    *,
    parallel: int = 1,
    chunk: int = 1,
    each: Callable[[CreateOutcome[TaskT]], object] | None = None,
) -> CreateResult[TaskT]:
    """Create a task of each that is given.

    An id is taken from the iterable only when it can be sent at once, or fills a chunk. So whatever ends it early, an
    error of the ids or of the store or Ctrl-C, what is sent is carried out and told of, and nothing else is sent.

    Args:
        given: ids, pairs of an id and data, or what else `make` takes; or data by id.
        make: what `create` takes, such as the task in memory; what it raises is the failure of that id.
        create: stores a chunk of tasks, and answers for each. Called from several threads if `parallel` is above 1.
        key_of: the same for two tasks that are one. Given twice, the first one's data counts.
        each: called with each outcome, in the order of what was given; what it raises ends it, and it is not called
            again.

    Raises:
        TasksNotCreatedError: some failed. The others are created.
        TypeError: what is given is a text.
    """
    creating = _Creating(make, create, key_of, parallel, chunk, each)
    creating.run(_entries(given))
    creating.result.raise_if_incomplete()
    return creating.result


def one_by_one(
    create: Callable[[Any], tuple[TaskT, bool]], dispatch: Callable[[TaskT], object] | None = None
) -> Callable[[Sequence[Any]], list[Answer[TaskT]]]:
    """Creates the tasks of a chunk by themselves.

    Args:
        create: stores the task unless it is there; returns the stored one, and whether it is new.
        dispatch: called with each that waits for its first worker, new or not: who created it may have died before.
    """

    def answer(task: Any) -> Answer[TaskT]:
        try:
            found: Answer[TaskT] = Answer.of(*create(task))
        except Exception as error:  # noqa: BLE001  # it is the failure of this task, and the others go on
            return Answer.failed(error)
        return found if dispatch is None or found.task is None else _dispatched(found, found.task, dispatch)

    return lambda tasks: [answer(task) for task in tasks]


def _dispatched(found: Answer[TaskT], task: Any, dispatch: Callable[[TaskT], object]) -> Answer[TaskT]:
    try:
        is_over = task.is_pending() and dispatch(task) is False
    except Exception as error:  # noqa: BLE001  # the user's own code, and the others go on
        return found._replace(error=error)
    if is_over:
        return found._replace(error=RuntimeError("what drives its run is over already: a sweep gives it a new run"))
    return found


def split(given: Any) -> tuple[Any, Any]:
    """The id and the data of what is given; the data is None where there is only an id."""
    return given if isinstance(given, tuple) and len(given) == 2 else (given, None)  # noqa: PLR2004  # a pair


def checked(given: Any) -> tuple[Any, Any]:
    """As `split`. Raises `TypeError` for data that is no dict, as the second field of a row is."""
    task_id, data = split(given)
    if not (data is None or isinstance(data, Mapping)):
        raise TypeError(f"The data is {data!r:.80}: give a dict, or None.")
    return task_id, data


def _entries(given: Iterable[Any] | Mapping[Any, Any]) -> Iterable[Any]:
    if isinstance(given, str | bytes):
        raise TypeError(f"A text is given, {given[:80]!r}: give a list of ids, or of pairs of an id and data.")
    return given.items() if isinstance(given, Mapping) else given


class _Chunk(Generic[TaskT]):
    """Tasks that are created together, once it is full."""

    __slots__ = ("answers", "tasks")

    def __init__(self) -> None:
        self.tasks: list[Any] = []
        self.answers: Future[Sequence[Answer[TaskT]]] | None = None


@dataclass(slots=True, eq=False)
class _Taken(Generic[TaskT]):
    """One of the ids that have been taken and not been told of.

    Attributes:
        chunk, place: where its answer will be; None if it could not be made.
        again: the same task, where it is under way already: it is told by its answer.
    """

    task_id: str
    key: object = None
    task: Any = None
    chunk: _Chunk[TaskT] | None = None
    place: int = 0
    error: Exception | None = None
    again: bool = False

    @property
    def is_sent(self) -> bool:
        """Whether it is known, or will be, what has become of it."""
        return self.chunk is None or self.chunk.answers is not None


class _Creating(Generic[TaskT]):
    def __init__(
        self,
        make: Callable[[Any], Any],
        create: Callable[[Sequence[Any]], Sequence[Answer[TaskT]]],
        key_of: Callable[[Any], object],
        parallel: int,
        chunk: int,
        each: Callable[[CreateOutcome[TaskT]], object] | None,
    ) -> None:
        self.result: CreateResult[TaskT] = CreateResult()
        self._make, self._create, self._key_of, self._each = make, create, key_of, each or _nobody
        self._chunk_size = chunk
        self._pool = ThreadPoolExecutor(parallel) if parallel > 1 else None
        self._free = Semaphore(parallel - 1)
        self._most = _AHEAD * parallel * chunk
        self._filling: _Chunk[TaskT] = _Chunk()
        self._under_way: deque[_Taken[TaskT]] = deque()
        self._by_key: dict[object, _Taken[TaskT]] = {}
        self._failures = 0
        self._is_first = True
        self._is_stopped = False

    def run(self, given: Iterable[Any]) -> None:
        try:
            self._go_through(given)
        except BaseException:
            self._is_stopped = True
            self._tell_what_is_sent()
            raise
        finally:
            if self._pool is not None:
                self._pool.shutdown()

    def _go_through(self, given: Iterable[Any]) -> None:
        for each in given:
            self._take(each)
            while self._is_to_tell():
                self._tell()
            if self._is_stopped:
                break
        else:
            self._begin()
        self._tell_what_is_sent()

    def _tell_what_is_sent(self) -> None:
        while self._under_way and self._under_way[0].is_sent:
            self._tell()

    def _take(self, given: Any) -> None:
        try:
            task = self._make(given)
            key = self._key_of(task)
            known = self._by_key.get(key)
        except Exception as error:  # noqa: BLE001  # it is the failure of this id, and the others go on
            self._under_way.append(_Taken(_named(given), error=error))
            return
        if known is not None:
            self._under_way.append(_Taken(_named(given), key, task, known.chunk, known.place, again=True))
            return
        taken = _Taken(_named(given), key, task, self._filling, len(self._filling.tasks))
        self._by_key[key] = taken
        self._under_way.append(taken)
        self._filling.tasks.append(task)
        if len(self._filling.tasks) == self._chunk_size:
            self._begin()

    def _begin(self) -> None:
        """Send what has been taken, and wait until there is a thread for more."""
        chunk, self._filling = self._filling, _Chunk()
        if not chunk.tasks:
            return
        if self._pool is None:
            answers = self._create(chunk.tasks)
            chunk.answers = Future()
            chunk.answers.set_result(answers)
        else:
            chunk.answers = self._pool.submit(self._create, chunk.tasks)
            chunk.answers.add_done_callback(lambda _: self._free.release())
            self._free.acquire()

    def _is_to_tell(self) -> bool:
        if not self._under_way:
            return False
        first = self._under_way[0].chunk
        if self._is_first and self._pool is not None:
            return True  # so that clients and the like are made by one thread, on first use
        is_done = first is None or (first.answers is not None and first.answers.done())
        return is_done or len(self._under_way) >= self._most

    def _tell(self) -> None:
        taken = self._under_way[0]
        outcome = self._outcome_of(taken)
        self._is_first = self._is_first and taken.chunk is None
        self._under_way.popleft()
        if self._by_key.get(taken.key) is taken:
            del self._by_key[taken.key]
        self.result.add(outcome)
        if outcome.error is None:
            self._failures = 0
        elif not isinstance(outcome.error, ValueError | TypeError | TaskExecutionError):  # that concerns this one only
            self._failures += 1
            if self._failures == _FAILURES_TO_STOP:
                self.result.stopped = self._is_stopped = True
        each, self._each = self._each, _nobody
        each(outcome)
        self._each = each  # unless it has raised

    def _outcome_of(self, taken: _Taken[TaskT]) -> CreateOutcome[TaskT]:
        if taken.chunk is None:
            return CreateOutcome(taken.task_id, Found.FAILED, error=taken.error)
        if taken.chunk is self._filling:
            self._begin()
        answers: Any = taken.chunk.answers
        answer: Answer[TaskT] = answers.result()[taken.place]
        if taken.again and answer.found is Found.FAILED and not self._is_stopped:
            answer = self._create([taken.task])[0]
        elif taken.again and answer.found is not Found.FAILED:
            answer = Answer(Found.EXISTED, answer.task)
        return CreateOutcome(taken.task_id, *answer)


def _nobody(_outcome: object) -> None:
    """Is not told."""


def _named(given: Any) -> str:
    task_id, _ = split(given)
    named = getattr(task_id, "task_id", None) or getattr(task_id, "id", None)
    return str(task_id if named is None else named)
