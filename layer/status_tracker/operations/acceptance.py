"""Proves that a deployed pipeline works, end to end, with a few samples of its own; see `Acceptance`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..core.history import last_failure
from .pipeline import Pipeline
from .sample_tasks import REASON, SampleTasks
from .samples import DoesNotHoldError, NothingToCheckError, Probe, Sample, Verification

_CANCEL_TRIES = 3


@dataclass(frozen=True)
class Check:
    """What has come of one check.

    Attributes:
        holds: None where there was nothing to check.
        told: what was seen.
    """

    name: str
    holds: bool | None
    told: str
    seconds: float


class Acceptance:
    """Gives samples to a deployed pipeline, watches what becomes of them, and deletes all that it made.

    It touches only what is under a key prefix of its own, so it is safe where others work.

    Args:
        pipeline: with a `verification`.
        patience: how long the samples may take, in seconds; the rerun and the cleaning may take as long again.
        by: who asks for it; recorded with the rerun and the cancellation.
        probes: further checks than the verification's own.
        explain: the meaning of an error that a check met; None for one that it does not know.

    Raises:
        ValueError: the pipeline has no verification.

    Example::

        acceptance = Acceptance(PIPELINE, patience=600)
        try:
            for check in acceptance.checks():
                print(check.name, check.holds, check.told)
        finally:
            print(acceptance.clean().told)
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        patience: float,
        by: str | None = None,
        probes: Sequence[Probe] = (),
        explain: Callable[[Exception], str | None] = lambda _: None,
    ) -> None:
        if pipeline.verification is None:
            raise ValueError(
                f"The pipeline of {pipeline.use_case_id} names no samples to verify it with: give "
                "Pipeline(…, verification=…), a function that returns a Verification(good=…, hopeless=…, big=…) of "
                "Samples, from status_tracker.operations.samples."
            )
        self._pipeline = pipeline
        self._verification: Verification = pipeline.verification()
        self._by = by
        self._probes = (*self._verification.probes, *probes)
        self._good_ids: set[str] = set()
        self._good_as_it_ended: tuple[Any, ...] = ()
        self._explain = explain
        self._first: Any = pipeline.first.task_class
        self._tasks = SampleTasks(pipeline, patience=patience, by=by)

    @property
    def prefix(self) -> str:
        """What all keys begin with."""
        return self._tasks.prefix

    def checks(self) -> Iterator[Check]:
        """Make the checks, one after the other; whatever one of them meets, the next is made too."""
        samples = self._verification
        yield self._made("take in", self._take_in)
        yield self._made("cancel", self._cancel)
        yield self._made("good", self._good)
        yield self._made("hopeless", partial(self._is_set_aside, samples.hopeless))
        yield self._made("big", partial(self._succeeds, samples.big))
        yield self._made("duplicate", self._is_done_once)
        for probe in self._probes:
            yield self._made(probe.name, partial(probe.look, partial(self._tasks.of, samples.good)))
        yield self._made("rerun", self._rerun)

    def clean(self) -> Check:
        """Delete what was made: what was submitted, results, and tasks. Doing it again does no harm."""
        return self._made("clean", self._clean)

    def _made(self, name: str, check: Callable[[], str]) -> Check:
        begin = time.monotonic()
        holds: bool | None = True
        try:
            told = check()
        except NothingToCheckError as nothing:
            holds, told = None, str(nothing)
        except Exception as error:  # noqa: BLE001 - what a check meets is its result
            holds, told = False, self._meaning(error)
        return Check(name, holds, told, time.monotonic() - begin)

    def _meaning(self, error: Exception) -> str:
        if isinstance(error, DoesNotHoldError):
            return str(error)
        return self._explain(error) or f"{type(error).__name__}: {error}"

    def _take_in(self) -> str:
        samples = self._verification
        self._tasks.begin_to_wait()
        self._good_ids = {self._tasks.submit(samples.good, samples.good.name) for _ in range(2)}
        for sample in (samples.hopeless, samples.big):
            self._tasks.submit(sample, sample.name)
        return f"submitted under {self.prefix}"

    def _good(self) -> str:
        told = self._succeeds(self._verification.good)
        self._good_as_it_ended = self._good_now()
        return told

    def _good_now(self) -> tuple[Any, ...]:
        state = self._tasks.of(self._verification.good).tracked_state()
        return state.run, state.fence, state.update_time

    def _succeeds(self, sample: Sample) -> str:
        task = self._tasks.ended(sample)
        self._tasks.expect(task, "succeeded")
        return f"succeeded {sample.check(task)}".rstrip()

    def _is_set_aside(self, sample: Sample) -> str:
        task = self._tasks.ended(sample)
        self._tasks.expect(task, "ignored")
        reason = str(last_failure(task.tracked_state().errors).get("error", ""))
        if not reason:
            raise DoesNotHoldError("it was set aside, and nothing says why")
        return sample.check(task) or f"set aside: {reason}"

    def _is_done_once(self) -> str:
        if len(self._good_ids) > 1:
            ids = " and ".join(sorted(self._good_ids))
            raise DoesNotHoldError(f"the good sample, submitted twice, is two tasks: {ids}")
        before = self._good_as_it_ended
        if not before:
            raise NothingToCheckError("the good sample did not succeed: see above")
        run, fence, since = self._good_now()
        if (run, fence, since) != before or run:
            raise DoesNotHoldError(f"the good sample, submitted twice, was worked on again: run {run}, start {fence}")
        return "the good sample, submitted twice, is one task and was done once"

    def _rerun(self) -> str:
        task_id = self._tasks.of(self._verification.good).task_id
        task = self._first.rerun(task_id, reason=REASON, by=self._by)
        self._tasks.begin_to_wait()
        self._first.dispatch(task)
        told = self._succeeds(self._verification.good)
        run, found = (each.tracked_state().run for each in (task, self._tasks.existing(task_id)))
        if found != run:
            raise DoesNotHoldError(f"it is run {found}, not {run}")
        return f"run {run} {told}"

    def _cancel(self) -> str:
        big = self._verification.big
        for number in range(1, _CANCEL_TRIES + 1):
            if told := self._cancelled(self._tasks.submit(big, f"cancelled-{number}-{big.name}")):
                return told
        raise NothingToCheckError(f"{_CANCEL_TRIES} samples ended before they could be cancelled")

    def _cancelled(self, task_id: str) -> str:
        """What was seen; empty where the task had ended before."""
        self._tasks.wait(f"the task of {task_id}", partial(self._tasks.find, task_id))
        if not self._tasks.set_aside(task_id, "cancel"):
            return ""
        task = self._tasks.existing(task_id)
        self._tasks.expect(task, "ignored")
        return f"cancelled in {self._pipeline.step_at(task.status).name}, and its run has ended"

    def _clean(self) -> str:
        told, problems = self._tasks.delete_all()
        if problems:
            meanings = dict.fromkeys(map(self._meaning, problems))
            raise DoesNotHoldError(f"not all under {self.prefix} was deleted: {'; '.join(meanings)}")
        return told
