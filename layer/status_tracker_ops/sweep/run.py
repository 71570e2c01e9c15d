"""One sweep: restart, count, register, each as far as the time goes; the next one goes on from there."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from status_tracker import get_utc_now
from status_tracker.operations.counts import check_counts
from status_tracker.operations.sweeping import Swept, sweep
from status_tracker_ops.clients import s3_client
from status_tracker_ops.intake.reconcile import Reconciled, reconcile
from status_tracker_ops.sweep.counting import count_arrivals, count_unfinished, finished, last_ends, oldest_unfinished

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from status_tracker import BaseTask, RunState
    from status_tracker.operations.counts import Recount
    from status_tracker.operations.pausing import Pause
    from status_tracker.operations.pipeline import Pipeline
    from status_tracker_ops.settings import SweepSettings
    from status_tracker_ops.sweep.counting import StepCount
    from status_tracker_ops.sweep.state import SweepState

RECOUNT_EVERY = timedelta(days=1)
RECOUNTED_WITHIN = 1_000_000
"""The pause before the next recount grows with the number of ended tasks, up to `RECOUNT_EVERY` at so many."""
RECOUNT_AGAIN = timedelta(hours=1)
"""The pause after a recount that ran out of time: reading all ended tasks costs money."""
SETTLING = timedelta(minutes=1)
"""By then the index has a task that has ended: what ends later is for the next count."""
# The part of the time after which each stage stops, so that the next ones have theirs.
_LISTING, _RESTARTING, _COUNTING, _AGEING, _REGISTERING, _RECOUNTING = 0.2, 0.5, 0.65, 0.7, 0.8, 0.9


class Reporter(Protocol):
    """Takes what was done, as soon as it was."""

    def swept(self, step: str, swept: Swept) -> None: ...

    def paused(self, step: str, pause: Pause) -> None: ...

    def counted(self, step: str, counted: StepCount, oldest_seconds: float, finished: int | None) -> None: ...

    def not_counted(self) -> None: ...

    def total(self, step: str, status: str, count: int) -> None: ...

    def checked(self, found: Recount | None) -> None: ...

    def reconciled(self, reconciled: Reconciled) -> None: ...

    def failed(self, stage: str, error: Exception) -> None: ...


@dataclass(frozen=True)
class Sweep:
    """What a sweep works with.

    Attributes:
        pipeline: whose tasks are swept.
        used: returns which part of the sweep's time has gone, from 0 to 1.
        keep: stores the state, since the sweep may be killed.
        failures: what has been raised so far.
    """

    pipeline: Pipeline
    settings: SweepSettings
    report: Reporter
    used: Callable[[], float]
    keep: Callable[[SweepState], None]
    failures: list[Exception] = field(default_factory=list, init=False)

    def run(self, state: SweepState) -> SweepState:
        """Do all stages, and return where each stopped. A stage that fails does not keep the next from its turn.

        Raises:
            ExceptionGroup: what the stages raised.
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
        self.report.failed(what, error)
        self.failures.append(error)

    def _until(self, part: float) -> Callable[[], bool]:
        return lambda: self.used() >= part

    def _restart(self, state: SweepState) -> SweepState:
        known: dict[str, Any] = {}
        steps = self.pipeline.steps
        cursors = {step.name: state.cursors.get(step.name) for step in steps}
        for number, step in enumerate(steps, start=1):
            stop = self._until(_LISTING + (_RESTARTING - _LISTING) * number / len(steps))
            try:
                if pause := self.pipeline.paused(step.name):
                    self.report.paused(step.name, pause)
                    continue
                run_state = step.task_class.run_states(known, self._until(_LISTING))
                swept = self._sweep(step.task_class, cursors[step.name], stop, run_state)
            except Exception as error:  # noqa: BLE001 - raised by `run`; the other steps have their turn
                self._fail(f"Restarting {step.name}", error)
                continue
            cursors[step.name] = swept.cursor
            self.report.swept(step.name, swept)
            if swept.error is not None:
                self._fail(f"Restarting {step.name}", swept.error)
        return replace(state, cursors=cursors)

    def _sweep(
        self,
        task_class: type[BaseTask],
        cursor: str | None,
        stop: Callable[[], bool],
        run_state: Callable[[BaseTask], RunState],
    ) -> Swept:
        settings = self.settings
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
            return self._sweep(task_class, None, stop, run_state)  # it was written by another version

    def _count(self, state: SweepState) -> SweepState:
        """Count what is unfinished, and what has ended since the last sweep; an unfinished count is not reported."""
        stop, until = self._until(_COUNTING), get_utc_now() - SETTLING
        since = state.counted_to
        arrivals = {} if since is None or since >= until else count_arrivals(self.pipeline, since, until, stop)
        counts = {step.name: count_unfinished(step.task_class, stop) for step in self.pipeline}
        if arrivals is None or None in counts.values():
            self.report.not_counted()
            return state
        for step in self.pipeline:
            if (counted := counts[step.name]) is not None:
                oldest = oldest_unfinished(step.task_class, counted, self._until(_AGEING))
                ended = finished(step.task_class, arrivals) if arrivals else None
                self.report.counted(step.name, counted, oldest, ended)
        return replace(state, counted_to=max(until, since or until))

    def _register(self, state: SweepState) -> SweepState:
        if self.settings.bucket is None:
            return state
        done = reconcile(
            self.pipeline,
            s3_client(),
            self.settings.bucket,
            listed_to=state.listed_to,
            max_objects=self.settings.sweep_max_objects,
            older_than=get_utc_now() - timedelta(seconds=self.settings.sweep_unregistered_after_seconds),
            stop=self._until(_REGISTERING),
        )
        self.report.reconciled(done)
        if done.error is not None:
            self._fail("Registering", done.error)
        return replace(state, listed_to=done.listed_to)

    def _recount(self, state: SweepState) -> SweepState:
        """Count everything that has ended, where that is due again. A total that was not counted is not reported."""
        now = get_utc_now()
        service = os.environ.get("POWERTOOLS_SERVICE_NAME")
        if state.service == service and state.recount_after is not None and now < state.recount_after:
            return state
        stop, complete, counted = self._until(_RECOUNTING), True, 0
        for code, step in last_ends(self.pipeline).items():
            count = step.task_class.count_within(code, stop=stop)
            if count is None:
                complete = False
                continue
            counted += count
            self.report.total(step.name, step.task_class.config.status_name(code), count)
        if not complete:
            self.report.not_counted()
        self.report.checked(check_counts(self.pipeline, stop))
        pause = RECOUNT_EVERY * min(counted / RECOUNTED_WITHIN, 1) if complete else RECOUNT_AGAIN
        return replace(state, recount_after=now + pause, service=service)
