"""The tasks of the samples with which a deployed pipeline is verified: made, awaited, and deleted."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from ..core.config import TrackerConfig
from ..core.errors import TaskIsNotReadyToStartError, TaskLockedError, TaskUnreadableError
from ..core.history import last_failure
from ..core.state import TaskState, is_live, lease_end
from ..core.task import RunState, TrackedTask
from .filters import TaskFilter
from .pipeline import Pipeline
from .samples import DoesNotHoldError, Sample

PREFIX = "status-tracker-verify"
REASON = "status-tracker verify"
_LOOK_SECONDS = 0.3
_LATE_SECONDS = 60.0  # far more than a message takes that is not lost
_CLOCKS_DIFFER = timedelta(minutes=5)

T = TypeVar("T")


class SampleTasks:
    """The tasks under one key prefix.

    Args:
        patience: for how long they are waited for after `begin_to_wait`, in seconds.
        by: who cancels what has not ended when all is deleted.

    Attributes:
        prefix: what all keys begin with.
    """

    def __init__(self, pipeline: Pipeline, *, patience: float, by: str | None) -> None:
        self.prefix = f"{PREFIX}/{datetime.now(tz=UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}/"
        self._pipeline = pipeline
        self._first: Any = pipeline.first.task_class
        self._since: datetime = self._first.config.now() - _CLOCKS_DIFFER
        self._patience = patience
        self._by = by
        self._deadline = 0.0
        self._submitter = ThreadPoolExecutor(1, thread_name_prefix=PREFIX)
        self._submitted: list[tuple[Sample, str]] = []
        self._task_ids: dict[str, str] = {}
        self._held_until: dict[str, datetime] = {}

    def submit(self, sample: Sample, name: str) -> str:
        """Submit a sample under that name; returns the id of its task, which may not be there yet.

        An interrupt ends the waiting, not the request, which may be done whoever waits for it: so a thread makes it.
        """
        key = f"{self.prefix}{name}"
        self._submitted.append((sample, key))

        def submitted() -> str:
            self._task_ids[name] = sample.submit(key)
            return self._task_ids[name]

        return self._submitter.submit(submitted).result()

    def _wait_for_submissions(self) -> None:
        """Wait until none is under way: the one thread does this when it has done what came before."""
        self._submitter.submit(bool).result()

    def find(self, task_id: str) -> Any:
        """The task, or None."""
        return self._first.get_one_or_none(task_id, consistent_read=True)

    def existing(self, task_id: str) -> Any:
        """The task. Raises `DoesNotHoldError` where there is none."""
        task = self.find(task_id)
        if task is None:
            raise DoesNotHoldError(f"there is no task {task_id}")
        return task

    def of(self, sample: Sample) -> Any:
        """The task of a sample that was submitted under its own name. Raises `DoesNotHoldError`."""
        return self.existing(self._task_id(sample))

    def ended(self, sample: Sample) -> Any:
        """The same, when it has ended."""
        task_id = self._task_id(sample)

        def look() -> Any:
            task = self.find(task_id)
            return task if task is not None and self._pipeline.is_ended(task.status) else None

        return self.wait("its end", look, partial(self._how_far, task_id))

    def begin_to_wait(self) -> None:
        """From now on, wait as long as patience lasts."""
        self._deadline = time.monotonic() + self._patience

    def wait(self, what: str, look: Callable[[], Any], how_far: Callable[[], str] = lambda: "") -> Any:
        """What `look` gives as soon as that is true.

        Raises:
            DoesNotHoldError: patience is at an end; `how_far` says what has come of it.
        """
        while not (found := look()):
            if time.monotonic() > self._deadline:
                told = how_far()
                raise DoesNotHoldError(f"waited {self._patience:g} s in vain for {what}{told and f': {told}'}")
            time.sleep(_LOOK_SECONDS)
        return found

    def set_aside(self, task_id: str, action: str) -> bool:
        """Cancel or ignore a task, whichever step it is in, and wait until nothing works on it any more.

        Returns:
            Whether it was done; False where the task had ended before.

        Raises:
            TaskIsNotReadyToStartError: its status is of no step.
            DoesNotHoldError: patience is at an end, and a worker may still be at work on it.
        """

        def tried() -> str:
            task = self.existing(task_id)
            if self._pipeline.is_ended(task.status):
                return "had ended"
            step = self._pipeline.step_at(task.status).task_class
            note = partial(self._note_worker, step.config, task_id)
            try:
                step.act_if(task_id, action, note, reason=REASON, by=self._by)
            except TaskIsNotReadyToStartError as error:
                self._held_until.pop(task_id, None)
                if not isinstance(error, TaskLockedError) and self.existing(task_id).status == task.status:
                    raise
                return ""  # it goes on, or has gone on meanwhile
            return "done"

        outcome = self.wait(f"the end of the work on {task_id}", tried, partial(self._how_far, task_id))
        self._wait_for_worker(task_id)
        return bool(outcome == "done")

    def _wait_for_worker(self, task_id: str) -> None:
        """A worker that held a task when it was cancelled works on, and may leave results, until its run is over.

        Where that cannot be known, its lease is the longest. A run that nobody works on is recalled.
        """
        task = self.existing(task_id)
        config = self._first.config
        until = self._held_until.get(task_id)
        if until is not None:
            self.wait(
                f"the end of the work on {task_id}, which was cancelled",
                lambda: config.now() >= until or self._run_state(task) in {RunState.ENDED, RunState.NEVER_STARTED},
            )
        self._pipeline.step_at(task.status).task_class.recall(task)
        self.wait(f"the end of the run of {task_id}", lambda: self._run_state(task) is not RunState.RUNNING)

    def _note_worker(self, config: TrackerConfig, task_id: str, state: TaskState) -> None:
        if is_live(state, config, config.now()) and (end := lease_end(state, config)):
            self._held_until[task_id] = end

    def _run_state(self, task: Any) -> RunState | None:
        """What drives the task's run; None where that cannot be known."""
        step = self._pipeline.step_at(task.status).task_class
        is_known = step.run_state.__func__ is not TrackedTask.run_state.__func__  # type: ignore[attr-defined]
        return step.run_state(task) if is_known else None

    def expect(self, task: Any, status: str) -> None:
        """Raise `DoesNotHoldError` unless the task has ended with that status."""
        names = {each.status for each in self._pipeline.meanings(task.status)}
        if status not in names or not self._pipeline.is_ended(task.status):
            raise DoesNotHoldError(f"it is {self._place(task)}, not {status}")

    def delete_all(self) -> tuple[str, list[Exception]]:
        """Delete what was submitted, tasks, and results; returns what was done, and what kept it from the rest."""
        self.begin_to_wait()
        problems: list[Exception] = []

        def tried(action: Callable[[], T], otherwise: T) -> T:
            try:
                return action()
            except Exception as error:  # noqa: BLE001 - the rest is deleted all the same
                problems.append(error)
                return otherwise

        self._wait_for_submissions()
        submitted = set(self._submitted)
        for sample, key in submitted:
            tried(partial(sample.withdraw, key), None)
        tried(self._wait_for_late_ones, None)
        listed: list[str] = tried(lambda: list(self._listed()), [])
        deleted = {each for each in {*self._task_ids.values(), *listed} if tried(partial(self._delete, each), False)}
        self._task_ids = {name: each for name, each in self._task_ids.items() if each not in deleted}
        unseen = len(self._task_ids)
        later = f"; of {unseen} no task was seen: one that still comes is set aside" if unseen else ""
        return f"{len(submitted)} samples withdrawn, {len(deleted)} tasks and their results deleted{later}", problems

    def _wait_for_late_ones(self) -> None:
        """A sample that was submitted a moment ago becomes a task in a moment."""
        deadline = time.monotonic() + min(self._patience, _LATE_SECONDS)
        while None in map(self.find, self._task_ids.values()) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)

    def _listed(self) -> Iterator[str]:
        """The ids under the prefix, also those that were not learnt."""
        codes = tuple(dict.fromkeys(code for step in self._pipeline for code in step.statuses.values()))
        chosen = TaskFilter(codes, since=self._since, id_prefix=self.prefix)
        for each in chosen.matching(self._first).each():
            if not isinstance(each, TaskUnreadableError):
                yield each.task_id

    def _delete(self, task_id: str) -> bool:
        """Delete a task when nothing works on it any more: else its results would come back."""
        task = self.find(task_id)
        if task is None:
            return False
        if not self._pipeline.is_ended(task.status):
            self._pipeline.step_at(task.status).task_class.recall(task)  # so that no further step begins
        self.set_aside(task_id, "ignore")
        if self._pipeline.delete_results is not None:
            self._pipeline.delete_results(task_id)
        return bool(task.delete_if_exists())

    def _task_id(self, sample: Sample) -> str:
        task_id = self._task_ids.get(sample.name)
        if task_id is None:
            raise DoesNotHoldError("it was not taken in: see above")
        return task_id

    def _how_far(self, task_id: str) -> str:
        task = self.find(task_id)
        told = "no task was made of it" if task is None else f"it is {self._place(task)}"
        paused = [f"{each.step or 'every step'} is paused: {each.reason}" for each in self._pipeline.pauses()]
        return "; ".join([told, *paused])

    def _place(self, task: Any) -> str:
        meanings = self._pipeline.meanings(task.status)
        place = " or ".join(f"{each.status} in {each.step}" for each in meanings) or f"in status {task.status}"
        error = last_failure(task.tracked_state().errors).get("error")
        return f"{place}: {error}" if error else place
