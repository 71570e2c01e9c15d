"""What should come of many workers on one task, from the rules' words alone.

It knows no token, no guard and no verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import status_tracker as st
from tests.unit.steps import LEASE

MAX_RETRY = 3


class Step1(st.BaseStatusEnum):
    pending = 10
    in_progress = 20
    failed = 30
    succeeded = 40
    ignored = 50


class Step2(st.BaseStatusEnum):
    pending = 40
    in_progress = 70
    failed = 80
    succeeded = 90
    ignored = 100


ALL_CODES = {*Step1.values(), *Step2.values()}


@dataclass
class Model:
    """What should be stored. A task that succeeded in step 1 is pending in step 2: the two share the code."""

    status: int = Step1.pending
    retry: int = 0
    holder: int | None = None
    lease_end: datetime | None = None
    not_before: datetime | None = None
    fence: int = 0
    run: int = 0
    data: Any = None
    history: list[tuple[int, str]] = field(default_factory=list)
    actions: int = 0
    unlocked: bool = False
    given_at: tuple[int, int] | None = None
    """How many starts and actions there were when an action last gave it a run."""

    def is_live(self, now: datetime) -> bool:
        return self.holder is not None and self.lease_end is not None and now < self.lease_end

    def fail(self, step: type[Step1 | Step2], error: str, *, hopeless: bool = False) -> None:
        self.retry += 1
        self.history.append((self.retry, error))
        self.holder = self.lease_end = self.not_before = None
        self.status = step.ignored if hopeless or self.retry >= MAX_RETRY else step.failed

    def hold(self, worker: int, step: type[Step1 | Step2], now: datetime) -> None:
        self.status = step.in_progress
        self.holder, self.lease_end, self.unlocked = worker, now + LEASE, False
        self.fence += 1

    def start(self, worker: int, step: type[Step1 | Step2], now: datetime) -> type[Exception] | None:
        """What a start raises, or None where it holds the task from now on."""
        if self.is_live(now):
            return st.TaskLockedError
        if self.status == step.in_progress:
            self.fail(step, "LeaseExpired")
            if self.status == step.ignored:
                return st.TaskIgnoredError
        elif self.status in {step.pending, step.failed}:
            if self.not_before is not None and now < self.not_before:
                return st.TaskNotDueError
        else:
            return self.refusal(step)
        self.hold(worker, step, now)
        return None

    def succeed(self, step: type[Step1 | Step2], data: Any) -> None:
        self.status, self.retry = step.succeeded, 0
        self.holder = self.lease_end = self.not_before = None
        self.data = self.data if data is None else data

    def rerun(self, step: type[Step1 | Step2], now: datetime) -> type[Exception] | None:
        if self.is_live(now):
            return st.TaskLockedError
        if self.status not in step.values() and self.status < step.succeeded:
            return st.TaskIsNotReadyToStartError
        in_another_step = self.status not in step.values()
        if self.status == step.in_progress or (in_another_step and (self.holder is not None or self.unlocked)):
            self.fail(step, "LeaseExpired")
        return self.make_pending(step, runs=0 if self.waits_for_its_run(step) else 1)

    def unignore(self, step: type[Step1 | Step2], now: datetime) -> type[Exception] | None:
        if self.is_live(now):
            return st.TaskLockedError
        return self.make_pending(step) if self.status == step.ignored else st.TaskIsNotReadyToStartError

    def ignore(self, step: type[Step1 | Step2], now: datetime) -> type[Exception] | None:
        if self.is_live(now):
            return st.TaskLockedError
        if self.status == step.in_progress:
            self.fail(step, "LeaseExpired")
        elif self.status not in {step.pending, step.failed}:
            return self.refusal(step)
        self.status = step.ignored
        return self.unlock_and_record()

    def unlock(self, _step: type[Step1 | Step2], _now: datetime) -> type[Exception] | None:
        if self.holder is None:
            return st.TaskIsNotReadyToStartError
        self.unlock_and_record()
        self.unlocked = True
        return None

    def refusal(self, step: type[Step1 | Step2]) -> type[Exception]:
        refusals = {step.succeeded: st.TaskAlreadySucceedError, step.ignored: st.TaskIgnoredError}
        return refusals.get(self.status, st.TaskIsNotReadyToStartError)

    def waits_for_its_run(self, step: type[Step1 | Step2]) -> bool:
        return self.status == step.pending and self.given_at == (self.fence, self.actions)

    def make_pending(self, step: type[Step1 | Step2], *, runs: int = 1) -> None:
        self.status, self.retry, self.not_before = step.pending, 0, None
        self.run += runs
        self.unlock_and_record()
        self.given_at = (self.fence, self.actions)

    def unlock_and_record(self) -> None:
        self.holder = self.lease_end = None
        self.unlocked = False
        self.actions += 1
