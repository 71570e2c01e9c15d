"""One sweep: restart, count, register, each as far as the time goes; the next one goes on from there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from documents.aws import s3_client, step_functions_client
from documents.settings import IntakeSettings
from documents.tasks import STEPS
from documents.workflow import execution_name, running_executions
from status_tracker import RunState, get_utc_now
from status_tracker.sweeping import Swept, sweep
from sweeping.ages import oldest_unfinished
from sweeping.bucket import Reconciled, reconcile
from sweeping.counting import count_arrivals, count_unfinished, finished, last_ends

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from documents.settings import SweepSettings
    from status_tracker import BaseTask
    from sweeping.counting import StepCount
    from sweeping.record import SweepState

RECOUNT_EVERY = timedelta(days=1)
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
    """

    settings: SweepSettings
    tell: Teller
    used: Callable[[], float]
    keep: Callable[[SweepState], None]

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
        failures = []
        for name, stage in stages.items():
            try:
                state = stage(state)
            except Exception as error:  # noqa: BLE001 - raised below
                self.tell.failed(name, error)
                failures.append(error)
            self.keep(state)
        if failures:
            raise ExceptionGroup("The log says why not all of the sweep was done", failures)
        return state

    def _until(self, part: float) -> Callable[[], bool]:
        return lambda: self.used() >= part

    def _restart(self, state: SweepState) -> SweepState:
        arn = IntakeSettings.from_environment().workflow_arn
        running = running_executions(step_functions_client(), arn, self._until(_LISTING))
        cursors = {}
        for number, (step, task_class) in enumerate(STEPS, start=1):
            stop = self._until(_LISTING + (_RESTARTING - _LISTING) * number / len(STEPS))
            swept = self._sweep(task_class, state.cursors.get(step), stop, running)
            cursors[step] = swept.cursor
            self.tell.swept(step, swept)
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
                limit=settings.max_restarts,
                examine=settings.max_examined,
                pending_after=timedelta(seconds=settings.pending_after_seconds),
                cursor=cursor,
                stop=stop,
                run_state=run_state,
            )
        except ValueError:
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
        totals = {code: count + arrivals.get(code, 0) for code, count in state.totals.items()}
        return replace(state, counted_to=max(until, since or until), totals=totals)

    def _register(self, state: SweepState) -> SweepState:
        done = reconcile(
            s3_client(),
            self.settings.document_bucket,
            listed_to=state.listed_to,
            max_objects=self.settings.max_objects,
            older_than=get_utc_now() - timedelta(seconds=self.settings.unregistered_after_seconds),
            stop=self._until(_REGISTERING),
        )
        self.tell.reconciled(done)
        return replace(state, listed_to=done.listed_to)

    def _recount(self, state: SweepState) -> SweepState:
        """Once a day count all that has ended; every time tell the totals, which between grow by what has come."""
        now, counted_to = get_utc_now(), state.counted_to
        if counted_to is not None and (state.recount_after is None or now >= state.recount_after):
            totals = {**state.totals, **self._counted_anew(counted_to)}
            state = replace(state, totals=totals, recount_after=now + RECOUNT_EVERY)
        for code, (step, task_class) in last_ends(STEPS).items():
            if code in state.totals:
                self.tell.total(step, task_class.config.status_name(code), state.totals[code])
        return state

    def _counted_anew(self, until: datetime) -> dict[int, int]:
        stop = self._until(_RECOUNTING)
        counts = {code: cls.count_within(code, until=until, stop=stop) for code, (_, cls) in last_ends(STEPS).items()}
        return {code: count for code, count in counts.items() if count is not None}
