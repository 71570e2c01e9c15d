"""One sweep: restart, count, register, each as far as the time goes; the next one goes on from there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from documents.aws import s3_client, step_functions_client
from documents.tasks import STEPS
from status_tracker import RunState, get_utc_now
from status_tracker.operations.sweeping import Swept, sweep
from status_tracker_ops.executions import execution_name, running_executions
from status_tracker_ops.intake.reconcile import Reconciled, reconcile
from status_tracker_ops.settings import WorkflowSettings
from status_tracker_ops.sweep.ages import oldest_unfinished
from status_tracker_ops.sweep.counting import count_arrivals, count_unfinished, finished, last_ends

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from status_tracker import BaseTask
    from status_tracker_ops.settings import SweepSettings
    from status_tracker_ops.sweep.counting import StepCount
    from status_tracker_ops.sweep.state import SweepState

RECOUNT_EVERY = timedelta(days=1)
RECOUNTED_WITHIN = 1_000_000
"""What has ended is counted anew after a part of `RECOUNT_EVERY`, as of so many: few at once, very many once a day."""
RECOUNT_AGAIN = timedelta(hours=1)
"""After a recount that did not come to its end: it reads all that has ended, which has its price."""
SETTLING = timedelta(minutes=1)
"""By then a task that has ended is in the index: what ends later is for the next count."""
# Which part of the time has gone when each stage stops: after it there is room for those behind.
_LISTING, _RESTARTING, _COUNTING, _AGEING, _REGISTERING, _RECOUNTING = 0.2, 0.5, 0.65, 0.7, 0.8, 0.9


class Teller(Protocol):
    """Is told what was done, as soon as it was."""

    def swept(self, step: str, swept: Swept) -> None: ...

    def counted(self, step: str, counted: StepCount, oldest_seconds: float, finished: int | None) -> None: ...

    def not_counted(self) -> None: ...

    def total(self, step: str, status: str, count: int) -> None: ...

    def reconciled(self, reconciled: Reconciled) -> None: ...

    def failed(self, stage: str, error: Exception) -> None: ...


@dataclass(frozen=True)
class Sweep:
    """
    What a sweep works with.

    `used`: which part of its time has gone, from 0 to 1. `keep`: stores the state, since the sweep may be killed.
    `failures`: what has been raised so far.
    """

    settings: SweepSettings
    tell: Teller
    used: Callable[[], float]
    keep: Callable[[SweepState], None]
    failures: list[Exception] = field(default_factory=list, init=False)

    def run(self, state: SweepState) -> SweepState:
        """
        Do all stages, and return where each stopped.

        A stage that fails keeps none behind it from its turn. Raises an `ExceptionGroup` of what was raised.
        """
        stages = {
            "Restarting": self._restart,
            "Counting": self._count,
            "Registering": self._register,
            "Counting anew": self._recount,
        }
        for name, stage in stages.items():
            try:
                state = stage(state)
            except Exception as error:  # noqa: BLE001 - raised below
                self._fail(name, error)
            self.keep(state)
        if self.failures:
            raise ExceptionGroup("The log says why not all of the sweep was done", self.failures)
        return state

    def _fail(self, what: str, error: Exception) -> None:
        self.tell.failed(what, error)
        self.failures.append(error)

    def _until(self, part: float) -> Callable[[], bool]:
        return lambda: self.used() >= part

    def _restart(self, state: SweepState) -> SweepState:
        arn = WorkflowSettings.from_environment().workflow_arn
        running = running_executions(step_functions_client(), arn, self._until(_LISTING))
        cursors = {step: state.cursors.get(step) for step, _ in STEPS}
        for number, (step, task_class) in enumerate(STEPS, start=1):
            stop = self._until(_LISTING + (_RESTARTING - _LISTING) * number / len(STEPS))
            try:
                swept = self._sweep(task_class, cursors[step], stop, running)
            except Exception as error:  # noqa: BLE001 - raised by `run`; the other step has its turn
                self._fail(f"Restarting {step}", error)
                continue
            cursors[step] = swept.cursor
            self.tell.swept(step, swept)
            if swept.error is not None:
                self._fail(f"Restarting {step}", swept.error)
        return replace(state, cursors=cursors)

    def _sweep(
        self, task_class: type[BaseTask], cursor: str | None, stop: Callable[[], bool], running: AbstractSet[str]
    ) -> Swept:
        settings = self.settings

        def run_state(task: BaseTask) -> RunState:
            known = execution_name(task.task_id, task.run or 0) in running
            return RunState.RUNNING if known else task_class.run_state(task)

        try:
            return sweep(
                task_class,
                limit=settings.sweep_max_restarts,
                examine=settings.sweep_max_examined,
                pending_after=timedelta(seconds=settings.sweep_pending_after_seconds),
                cursor=cursor,
                stop=stop,
                run_state=run_state,
            )
        except ValueError:  # about an argument, before any task was looked at
            if cursor is None:
                raise
            return self._sweep(task_class, None, stop, running)  # it was written by another version

    def _count(self, state: SweepState) -> SweepState:
        """Count what is unfinished, and what has ended since the last sweep; a count that is not done is not told."""
        stop, until = self._until(_COUNTING), get_utc_now() - SETTLING
        since = state.counted_to
        arrivals = {} if since is None or since >= until else count_arrivals(STEPS, since, until, stop)
        counts = {step: count_unfinished(task_class, stop) for step, task_class in STEPS}
        if arrivals is None or None in counts.values():
            self.tell.not_counted()
            return state
        for step, task_class in STEPS:
            if (counted := counts[step]) is not None:
                oldest = oldest_unfinished(task_class, counted, self._until(_AGEING))
                self.tell.counted(step, counted, oldest, finished(task_class, arrivals) if arrivals else None)
        return replace(state, counted_to=max(until, since or until))

    def _register(self, state: SweepState) -> SweepState:
        done = reconcile(
            s3_client(),
            self.settings.document_bucket,
            listed_to=state.listed_to,
            max_objects=self.settings.sweep_max_objects,
            older_than=get_utc_now() - timedelta(seconds=self.settings.sweep_unregistered_after_seconds),
            stop=self._until(_REGISTERING),
        )
        self.tell.reconciled(done)
        if done.error is not None:
            self._fail("Registering", done.error)
        return replace(state, listed_to=done.listed_to)

    def _recount(self, state: SweepState) -> SweepState:
        """Count and tell all that has ended, where that is due again: no total is told that was not counted."""
        now = get_utc_now()
        if state.recount_after is not None and now < state.recount_after:
            return state
        stop, complete, counted = self._until(_RECOUNTING), True, 0
        for code, (step, task_class) in last_ends(STEPS).items():
            count = task_class.count_within(code, stop=stop)
            if count is None:
                complete = False
                continue
            counted += count
            self.tell.total(step, task_class.config.status_name(code), count)
        if not complete:
            self.tell.not_counted()
        pause = RECOUNT_EVERY * min(counted / RECOUNTED_WITHIN, 1) if complete else RECOUNT_AGAIN
        return replace(state, recount_after=now + pause)
