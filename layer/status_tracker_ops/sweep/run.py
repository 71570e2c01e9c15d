"""One sweep: restart, count, register, each as far as the time goes; the next one goes on from there."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from status_tracker import get_utc_now
from status_tracker.core.port import CountsNotKeptError
from status_tracker.operations.counts import (
    BEHIND_AFTER_SECONDS,
    CountsBehindError,
    check_counts,
    disown_counts,
    probe_counts,
)
from status_tracker.operations.looks import ended_since, remember
from status_tracker.operations.sweeping import WORKERS, sweep
from status_tracker_ops.clients import s3_client
from status_tracker_ops.intake.reconcile import Reconciled, reconcile
from status_tracker_ops.sweep.counting import count_arrivals, count_unfinished, finished, last_ends, oldest_unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from status_tracker.dynamodb.survey import Survey
    from status_tracker.operations.counts import KeptCounts, Recount
    from status_tracker.operations.pausing import Pause
    from status_tracker.operations.pipeline import Pipeline, PipelineStep
    from status_tracker.operations.swept import Swept
    from status_tracker_ops.settings import SweepSettings
    from status_tracker_ops.sweep.counting import StepCount
    from status_tracker_ops.sweep.state import SweepState

RECOUNT_EVERY = timedelta(days=1)
RECOUNTED_WITHIN = 1_000_000
"""The pause before the next recount grows with the number of ended tasks, up to `RECOUNT_EVERY` at so many."""
RECOUNT_AGAIN = timedelta(hours=1)
"""The pause after a recount that ran out of time, which costs money; and at least between looks at exact counts."""
SETTLING = timedelta(minutes=1)
"""By then the index has a task that has ended: what ends later is for the next count."""
# The part of the time after which each stage stops, so that the next ones have theirs.
_LISTING, _GOING_THROUGH, _COUNTING, _REGISTERING, _RECOUNTING = 0.2, 0.6, 0.7, 0.8, 0.9
_RESTARTING = 0.7
"""The part of a step's share in going through the tasks after which it restarts no more, and only counts."""


class Reporter(Protocol):
    """Takes what was done, as soon as it was."""

    def swept(self, step: str, swept: Swept) -> None: ...

    def paused(self, step: str, pause: Pause) -> None: ...

    def paused_for(self, step: str, seconds: float) -> None: ...

    def counted(self, step: str, counted: StepCount, oldest_seconds: float, finished: int | None) -> None: ...

    def not_counted(self) -> None: ...

    def total(self, step: str, status: str, count: int) -> None: ...

    def checked(self, found: Recount | None) -> None: ...

    def behind(self, error: CountsBehindError) -> None: ...

    def unread_for(self, seconds: float) -> None: ...

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
        surveys: what was seen of the unfinished tasks of each step, by its name.
    """

    pipeline: Pipeline
    settings: SweepSettings
    report: Reporter
    used: Callable[[], float]
    keep: Callable[[SweepState], None]
    failures: list[Exception] = field(default_factory=list, init=False)
    surveys: dict[str, Survey[Any]] = field(default_factory=dict, init=False)

    def run(self, state: SweepState) -> SweepState:
        """Do all stages, and return where each stopped. A stage that fails does not keep the next from its turn.

        Raises:
            ExceptionGroup: what the stages raised.
        """
        _ = self.began, self.counts  # as they are at the beginning
        stages = {
            "Looking for pauses": self._tell_pauses,
            "Looking whether changes are read": self._probe,
            "Restarting": self._go_through,
            "Counting": self._count,
            "Remembering": self._remember,
            "Registering": self._register,
            "Counting anew": self._recount,
        }
        for name, stage in stages.items():
            before = state
            try:
                state = stage(state)
            except Exception as error:  # noqa: BLE001 - raised below
                self._fail(name, error)
            if state != before:
                self.keep(state)
        if self.failures:
            raise ExceptionGroup("The log says why not all of the sweep was done", self.failures)
        return state

    def _fail(self, what: str, error: Exception) -> None:
        self.report.failed(what, error)
        self.failures.append(error)

    def _until(self, part: float) -> Callable[[], bool]:
        return lambda: self.used() >= part

    def _tell_pauses(self, state: SweepState) -> SweepState:
        """Report for how long each step has been paused: 0 where it is not."""
        for step in self.pipeline:
            pause = self.pipeline.paused(step.name)
            seconds = 0.0 if pause is None else (get_utc_now() - pause.since).total_seconds()
            self.report.paused_for(step.name, max(seconds, 0.0))
        return state

    def _probe(self, state: SweepState) -> SweepState:
        """Report for how long nothing has read the table's stream, where counts are kept, or were until then."""
        if self.counts is None:
            return replace(state, probed_at=None)
        probed_at = probe_counts(self.pipeline, state.probed_at)
        if probed_at is not None:
            waited = self.pipeline.first.task_class.config.now() - probed_at
            self.report.unread_for(waited.total_seconds() if probed_at == state.probed_at else 0)
        return replace(state, probed_at=probed_at)

    def _go_through(self, state: SweepState) -> SweepState:
        """Go once through the unfinished tasks of each step, restart what is left behind, and count them all."""
        known: dict[str, Any] = {}
        steps = self.pipeline.steps
        cursors = {step.name: state.cursors.get(step.name) for step in steps}
        share = (_GOING_THROUGH - _LISTING) / len(steps)
        for number, step in enumerate(steps):
            begin = _LISTING + share * number
            survey = self.surveys[step.name] = step.task_class.survey(self._until(begin + share))
            try:
                stop = self._until(begin + share * _RESTARTING)
                cursors[step.name] = self._restart(step, survey, cursors[step.name], known, stop)
            except Exception as error:  # noqa: BLE001 - raised by `run`; the other steps have their turn
                self._fail(f"Restarting {step.name}", error)
            try:
                survey.finish()
            except Exception as error:  # noqa: BLE001 - as above
                self._fail(f"Counting {step.name}", error)
        return replace(state, cursors=cursors)

    def _restart(
        self,
        step: PipelineStep,
        survey: Survey[Any],
        cursor: str | None,
        known: dict[str, Any],
        stop: Callable[[], bool],
    ) -> str | None:
        """Restart what nothing drives, unless the step is paused; returns where the next sweep goes on."""
        if pause := self.pipeline.paused(step.name):
            self.report.paused(step.name, pause)
            return cursor
        run_state = step.task_class.run_states(known, self._until(_LISTING))
        settings = self.settings

        def swept_from(cursor: str | None) -> Swept:
            return sweep(
                step.task_class,
                limit=settings.sweep_max_restarts,
                examine=settings.sweep_max_examined,
                pending_after=timedelta(seconds=settings.sweep_pending_after_seconds),
                cursor=cursor,
                stop=stop,
                run_state=run_state,
                query=survey.query_unattended,
                workers=WORKERS,
            )

        try:
            swept = swept_from(cursor)
        except ValueError:  # about an argument, before any task was looked at
            if cursor is None:
                raise
            swept = swept_from(None)  # it was written by another version
        self.report.swept(step.name, swept)
        if swept.error is not None:
            self._fail(f"Restarting {step.name}", swept.error)
        return swept.cursor

    def _count(self, state: SweepState) -> SweepState:
        """Count what is unfinished, and what has ended since the last sweep; an unfinished count is not reported."""
        stop, until = self._until(_COUNTING), get_utc_now() - SETTLING
        arrivals = self._arrivals(state, until, stop)
        surveys = {step: survey for step in self.pipeline if not (survey := self.surveys[step.name]).broken}
        counts = {step: count_unfinished(step, each, self.kept, stop) for step, each in surveys.items()}
        if arrivals is None or None in counts.values():
            self.report.not_counted()
            return state
        for step, counted in counts.items():
            if counted is not None:
                ended = finished(step, arrivals) if arrivals else None
                self.report.counted(step.name, counted, oldest_unfinished(step.task_class, surveys[step]), ended)
        counted_to = max(until, state.counted_to or until)
        return replace(state, counted_to=counted_to, ended=None if self.counts is None else self.counts.ended)

    def _arrivals(self, state: SweepState, until: datetime, stop: Callable[[], bool]) -> dict[int, int] | None:
        """How many tasks have come to each end since the last sweep; empty where that is not known.

        None where the time was over before all were counted, by the index.
        """
        if self.kept is not None and self.kept.ended and state.ended is not None:
            return ended_since(state.ended, self.kept, {code for step in self.pipeline for code in step.ends})
        since = state.counted_to
        return {} if since is None or since >= until else count_arrivals(self.pipeline, since, until, stop)

    def _remember(self, state: SweepState) -> SweepState:
        """Store beside the kept counts what was seen, if all was."""
        surveys = [self.surveys[step.name] for step in self.pipeline]
        if self.counts is not None and all(survey.complete for survey in surveys):
            oldest = {code: moment for each in surveys for code, moment in each.oldest_by_status().items()}
            remember(self.pipeline, self.counts, self.began, oldest)
        return state

    @cached_property
    def began(self) -> datetime:
        """When the sweep did."""
        return get_utc_now()

    @cached_property
    def counts(self) -> KeptCounts | None:
        """The counts that are kept with every change, if there are any; those that nothing keeps any more are none."""
        try:
            if self.settings.status_tracker_counts == "0":
                disown_counts(self.pipeline)
                return None
            return self.pipeline.kept_counts()
        except Exception as error:  # noqa: BLE001 - raised by `run`; the index has the counts too
            self._fail("Reading the kept counts", error)
            return None

    @property
    def kept(self) -> KeptCounts | None:
        """Those counts, if they can be relied on."""
        return self.counts if self.counts is not None and self.counts.exact else None

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
        """Tell how much has ended; where that is due, count it, and hold the kept counts against what there is."""
        last = last_ends(self.pipeline)
        if self.kept is not None:
            for code, step in last.items():
                self.report.total(step.name, step.task_class.config.status_name(code), self.kept.by_code.get(code, 0))
        now = get_utc_now()
        service = os.environ.get("POWERTOOLS_SERVICE_NAME")
        if state.service == service and state.recount_after is not None and now < state.recount_after:
            return state
        stop = self._until(_RECOUNTING)
        counted = self._count_ended(last, stop) if self.kept is None else sum(self.kept.by_code.get(c, 0) for c in last)
        if counted is None:
            self.report.not_counted()
        pause = RECOUNT_AGAIN if counted is None else RECOUNT_EVERY * min(counted / RECOUNTED_WITHIN, 1)
        if self.kept is not None:
            pause = max(pause, RECOUNT_AGAIN)
        unread_since = self._compare(state.unread_since, stop)
        if unread_since is not None and state.unread_since is None:
            pause = timedelta(seconds=BEHIND_AFTER_SECONDS)
        return replace(state, recount_after=now + pause, service=service, unread_since=unread_since)

    def _compare(self, unread_since: datetime | None, stop: Callable[[], bool]) -> datetime | None:
        """Hold the kept counts against the tasks; returns since when what was written for that has not been read."""
        if self.counts is None:
            return None
        try:
            found = check_counts(self.pipeline, stop, unread_since=unread_since)
        except CountsBehindError as behind:
            self.report.behind(behind)
            return behind.since
        except CountsNotKeptError as error:
            self._fail("Comparing the kept counts", error)
            return unread_since
        self.report.checked(found)
        return unread_since if found is None else None

    def _count_ended(self, last: Mapping[int, PipelineStep], stop: Callable[[], bool]) -> int | None:
        """Count by the index what has ended, and tell it; None where the time was over before the end."""
        complete, counted = True, 0
        for code, step in last.items():
            count = step.task_class.count_within(code, stop=stop)
            if count is None:
                complete = False
                continue
            counted += count
            self.report.total(step.name, step.task_class.config.status_name(code), count)
        return counted if complete else None
