"""Takes what is given, has it created, and tells of it in its order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Semaphore
from typing import Any, Generic

from ..core.errors import TaskExecutionError
from .given import entries, named
from .outcomes import FAILURES_TO_STOP, Answer, CreateOutcome, CreateResult, Found, TaskT

PARALLEL = 64
"""At most so many tasks are created at the same time, where a request creates one."""

_AHEAD = 4
"""So many times as many wait to be told of at most: a slow request holds up only who tells of it, not the others."""


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
    creating.run(entries(given))
    creating.result.raise_if_incomplete()
    return creating.result


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
            self._under_way.append(_Taken(named(given), error=error))
            return
        if known is not None:
            self._under_way.append(_Taken(named(given), key, task, known.chunk, known.place, again=True))
            return
        taken = _Taken(named(given), key, task, self._filling, len(self._filling.tasks))
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
            if self._failures == FAILURES_TO_STOP:
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
