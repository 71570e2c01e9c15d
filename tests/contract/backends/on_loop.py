"""Drivers of backends on an event loop: the suite's blocks, which know nothing of it, are those of `astart`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from status_tracker.testing import Clock
from status_tracker.testing.contract import Attempt, Backend

AnswerT = TypeVar("AnswerT")


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="event-loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, AnswerT]) -> AnswerT:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def closed(leaving: Coroutine[Any, Any, AnswerT]) -> AnswerT:
    """What leaving a block gives where its coroutine is closed and no loop runs: nothing is waited for.

    On a loop the end is stored a little later, which ``tests/unit/aio`` has.
    """
    try:
        leaving.send(None)
    except StopIteration as stop:
        answer: AnswerT = stop.value
        return answer
    raise AssertionError("it waits")


class LoopAttempt:
    """What the block of `astart` has, for a suite that awaits nothing."""

    def __init__(self, loop: Loop, context: Any) -> None:
        self._loop = loop
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def update(self) -> None:
        self._loop.run(self._context.update())

    def extend_lock(self, seconds: float | None = None) -> None:
        self._loop.run(self._context.extend_lock(seconds))


class LoopJobAttempt(LoopAttempt):
    """The same of a job, whose block has its updates."""

    @property
    def updates(self) -> Any:
        return self._context

    def set_data(self, data: dict[str, Any] | None) -> None:
        self._context.set("data", data)


class StepOnLoop:
    """A step whose class has methods for asyncio.

    Args:
        step: the driver without asyncio; what it alone has stays as it is.
    """

    def __init__(self, loop: Loop, step: Any) -> None:
        self._loop = loop
        self._step = step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._step, name)

    def create(self, task_id: str, data: dict[str, Any] | None = None) -> object:
        return self._loop.run(self._step.task_class.amake_and_save(task_id, data))

    def create_many(self, tasks: Any, *, each: Any) -> Any:
        return self._loop.run(self._step.task_class.acreate_many(tasks, each=each))

    def start(self, task_id: str, *, lease: float | None = None, **arguments: Any) -> Any:
        block = self._step.task_class.astart(task_id, lock_expire_seconds=lease, **arguments)
        return self._in(block, lambda context: LoopAttempt(self._loop, context))

    @contextmanager
    def _in(self, block: Any, shown: Callable[[Any], Attempt]) -> Iterator[Attempt]:
        entered = self._loop.run(block.__aenter__())
        try:
            yield shown(entered)
        except BaseException as error:
            leaving = block.__aexit__(type(error), error, error.__traceback__)
            if not (closed(leaving) if isinstance(error, GeneratorExit) else self._loop.run(leaving)):
                raise
        else:
            self._loop.run(block.__aexit__(None, None, None))

    def rerun(self, task_id: str, **why: Any) -> object:
        return self._act("arerun", task_id, why)

    def ignore(self, task_id: str, **why: Any) -> object:
        return self._act("aignore", task_id, why)

    def cancel(self, task_id: str, **why: Any) -> object:
        return self._act("acancel", task_id, why)

    def unignore(self, task_id: str, **why: Any) -> object:
        return self._act("aunignore", task_id, why)

    def unlock(self, task_id: str, **why: Any) -> object:
        return self._act("aunlock", task_id, why)

    def listed(self, status: int) -> list[str]:
        query = self._step.task_class.aquery_by_status(status, limit=None)
        return [task.task_id for task in self._loop.run(query.all())]

    def _act(self, name: str, task_id: str, why: dict[str, Any]) -> object:
        return self._loop.run(getattr(self._step.task_class, name)(task_id, **why))


class JobStepOnLoop(StepOnLoop):
    """A step of jobs on an engine."""

    def create(self, task_id: str, data: dict[str, Any] | None = None) -> object:
        job_class, engine = self._step.job_class, self._step.engine
        return self._loop.run(job_class.acreate_and_save(engine, task_id, job_class.config.pending_status, data))

    def create_many(self, tasks: Any, *, each: Any) -> Any:
        return self._loop.run(self._step.job_class.acreate_many(self._step.engine, tasks, each=each))

    def start(self, task_id: str, *, lease: float | None = None, **arguments: Any) -> Any:
        block = self._step.job_class.astart(self._step.engine, task_id, expire=lease, **arguments)
        return self._in(block, lambda entered: LoopJobAttempt(self._loop, entered[1]))

    def listed(self, status: int) -> list[str]:
        query = self._step.job_class.aquery_by_status(self._step.engine, status, limit=1000)
        return [job.id for job in self._loop.run(query.all())]

    def _act(self, name: str, task_id: str, why: dict[str, Any]) -> object:
        return self._loop.run(getattr(self._step.job_class, name)(self._step.engine, task_id, **why))


class BackendOnLoop:
    """A backend whose steps are used on an event loop."""

    def __init__(self, backend: Backend, loop: Loop, step: type[StepOnLoop] = StepOnLoop) -> None:
        self.promises = backend.promises
        self.backend_errors = backend.backend_errors
        self._backend = backend
        self._loop = loop
        self._step = step

    def step(self, codes: Mapping[str, int], clock: Clock, **settings: Any) -> Any:
        return self._step(self._loop, self._backend.step(codes, clock, **settings))
