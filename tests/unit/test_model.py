"""Many workers on one task, against a small model of what should come of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

import status_tracker as st
from status_tracker.core.execution import Execution
from status_tracker.core.history import KEPT_ACTIONS
from status_tracker.core.lifecycle import Lifecycle
from status_tracker.core.state import is_recorded
from status_tracker.testing import BackendError, Fault, MemoryStore, Record
from tests.unit.reference_model import ALL_CODES, MAX_RETRY, Model, Step1, Step2
from tests.unit.steps import LEASE, TICK, Clock, make_config

# The same lines a hundred thousand times: other tests measure them.
pytestmark = pytest.mark.no_cover


class PatientClock(Clock):
    """Moves during pauses only while time flies."""

    time_flies = False

    def sleep(self, seconds: float) -> None:
        if self.time_flies:
            super().sleep(seconds)


class RetryLaterError(Exception):
    """A failure that asks to wait."""

    retry_after = 45


@dataclass
class Worker:
    """One attempt that is in its block."""

    name: int
    step: type[Step1 | Step2]
    execution: Execution[Record]
    context: st.ExecutionContext[Record]
    lease_end: datetime
    pending: Any = None


steps = some.sampled_from([Step1, Step2])
actions = some.sampled_from(["rerun", "ignore", "unignore", "unlock"])
faults = some.sampled_from([None, None, None, Fault.SENT_TWICE, Fault.ANSWER_LOST, Fault.UNAVAILABLE, Fault.BROKEN])
seconds = some.sampled_from([0.0, 0.5, 20.0, 45.0, 59.999999, 60.0, 200.0])
errors = some.sampled_from([ValueError, RetryLaterError, st.NonRetryableError, KeyboardInterrupt])


class ManyWorkers(RuleBasedStateMachine):
    """Workers start, work, end or vanish, in any order, while the network drops what it likes."""

    inside = Bundle("inside")

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.model = PatientClock(), Model()
        self.store = MemoryStore(Record(self.model.status, errors={"history": []}))
        self.workers: dict[int, Worker] = {}
        self.started = 0
        self.fences: list[int] = []

    def rules_of(self, step: type[Step1 | Step2]) -> Lifecycle:
        config = make_config(
            **{f"{status.name}_status": status for status in step}, max_retry=MAX_RETRY, clock=self.clock
        )
        return Lifecycle(config, config.use_case_id, "t-1", config.startable_statuses(None))

    # What happens

    @rule(elapsed=seconds)
    def time_passes(self, elapsed: float) -> None:
        self.clock.move(elapsed)

    @precondition(lambda self: self.model.is_live(self.clock.now))
    @rule(tick=some.sampled_from([-TICK, timedelta(0)]))
    def the_lease_comes_to_its_end(self, tick: timedelta) -> None:
        assert self.model.lease_end is not None
        self.clock.now = self.model.lease_end + tick

    @rule(target=inside, step=steps, fault=faults)
    def start(self, step: type[Step1 | Step2], fault: Fault | None) -> Any:
        self.started += 1
        name = self.started
        execution = Execution(self.store, self.rules_of(step), LEASE)
        if fault:
            self.store.befall(fault)
        if fault is Fault.BROKEN:
            self.refused(execution, BackendError)
            return multiple()
        refusal = self.model.start(name, step, self.clock.now)
        if refusal:
            self.refused(execution, refusal)
            return multiple()
        return self.entered(name, step, execution)

    def refused(self, execution: Execution[Record], reason: type[Exception]) -> None:
        with pytest.raises((BackendError, st.TaskExecutionError)) as caught:
            execution.__enter__()
        assert caught.type is reason

    def entered(self, name: int, step: type[Step1 | Step2], execution: Execution[Record]) -> Worker:
        live = [worker.name for worker in self.workers.values() if self.clock.now < worker.lease_end]
        assert not live, "two workers inside, both with a live lease"
        context = execution.__enter__()
        assert not self.fences or context.fence > self.fences[-1]
        self.fences.append(context.fence)
        assert context.task.lock_expire_time is not None
        worker = Worker(name, step, execution, context, context.task.lock_expire_time)
        self.workers[name] = worker
        return worker

    @rule(worker=consumes(inside))
    def vanish(self, worker: Worker) -> None:
        del self.workers[worker.name]

    @rule(worker=inside, data=some.sampled_from([{}, {"version": 1}, {"version": 2}]))
    def set_data(self, worker: Worker, data: Any) -> None:
        worker.context.set_data(data)
        worker.pending = data

    @rule(worker=inside, twice=some.booleans())
    def update(self, worker: Worker, twice: bool) -> None:
        if worker.pending is None:
            worker.context.update()
        elif self.is_held_by(worker):
            if twice:
                self.store.befall(Fault.SENT_TWICE)
            worker.context.update()
            self.model.data, worker.pending = worker.pending, None
        else:
            self.assert_lost(worker.context.update)

    @rule(worker=inside, lease=some.sampled_from([10.0, 300.0]), twice=some.booleans())
    def extend(self, worker: Worker, lease: float, twice: bool) -> None:
        if not self.is_held_by(worker):
            self.assert_lost(lambda: worker.context.extend_lock(lease))
            return
        if twice:
            self.store.befall(Fault.SENT_TWICE)
        worker.context.extend_lock(lease)
        end = max(worker.lease_end, self.clock.now + timedelta(seconds=lease))
        self.model.lease_end = worker.lease_end = end

    @rule(worker=consumes(inside), fault=faults, times=some.integers(1, 40))
    def succeed(self, worker: Worker, fault: Fault | None, times: int) -> None:
        ended = self.end(worker, None, fault, times)
        if self.is_held_by(worker) and ended:
            self.model.succeed(worker.step, worker.pending)

    @rule(worker=consumes(inside), kind=errors, fault=faults, times=some.integers(1, 40))
    def fail(self, worker: Worker, kind: type[BaseException], fault: Fault | None, times: int) -> None:
        error, now = kind(f"of worker {worker.name}"), self.clock.now
        ended = self.end(worker, error, fault, times)
        if self.is_held_by(worker) and ended:
            self.model.fail(worker.step, repr(error), hopeless=kind is st.NonRetryableError)
            if kind is RetryLaterError:
                self.model.not_before = now + timedelta(seconds=45)

    def end(self, worker: Worker, error: BaseException | None, fault: Fault | None, times: int) -> bool:
        """Leave the block; whether the store must have taken the end, if the worker still held the task."""
        del self.workers[worker.name]
        if fault:
            self.store.befall(fault, times if fault is Fault.UNAVAILABLE else 1)
        before = self.store.task
        self.clock.time_flies = True
        problem = self.leave(worker, error)
        self.clock.time_flies = False
        self.store.forget_faults()
        if not self.is_held_by(worker):
            assert self.store.task == before
            assert problem in {st.TaskLockLostError, st.StatusNotSavedError}
        elif fault in {None, Fault.SENT_TWICE}:
            assert problem is None
        elif problem is not None:
            assert problem is st.StatusNotSavedError
            assert fault is Fault.BROKEN or self.clock.now + timedelta(seconds=5) >= worker.lease_end
        return problem is None or fault is Fault.ANSWER_LOST

    def leave(self, worker: Worker, error: BaseException | None) -> type[Exception] | None:
        """The problem that leaving raised, or noted on the user's exception."""
        try:
            swallowed = worker.execution.__exit__(error and type(error), error, None)
        except (st.TaskLockLostError, st.StatusNotSavedError) as problem:
            assert error is None
            return type(problem)
        assert not swallowed
        notes = "".join(getattr(error, "__notes__", []))
        if not notes:
            return None
        return st.StatusNotSavedError if "was not stored" in notes else st.TaskLockLostError

    @rule(action=actions, step=steps, twice=some.booleans())
    def somebody_acts(self, action: str, step: type[Step1 | Step2], twice: bool) -> None:
        before = self.store.task
        assert before is not None
        holder = self.model.holder
        refusal = getattr(self.model, action)(step, self.clock.now)
        record = {"action": action, "id": f"a-{self.model.actions}", "reason": "why", "by": None}
        state, rule_of = self.store.state(before), getattr(self.rules_of(step), action)
        if refusal is not None:
            with pytest.raises(st.TaskExecutionError) as caught:
                rule_of(state, self.clock.now, record)
            assert caught.type is refusal
            return
        if twice:
            self.store.befall(Fault.SENT_TWICE)
        answer = self.store.write(rule_of(state, self.clock.now, record))
        assert answer.applied is not twice
        assert answer.task is not None
        assert is_recorded(self.store.state(answer.task), record)
        if holder in self.workers:
            self.workers[holder].lease_end = self.clock.now  # it was given up for lost

    def is_held_by(self, worker: Worker) -> bool:
        return self.model.holder == worker.name

    def assert_lost(self, act: Any) -> None:
        before = self.store.task
        with pytest.raises(st.TaskLockLostError):
            act()
        assert self.store.task == before

    # What must hold, whatever happened

    @invariant()
    def what_is_stored_is_what_the_model_says(self) -> None:
        task = self.store.task
        assert task is not None
        assert (task.status, task.retry or 0, task.data) == (self.model.status, self.model.retry, self.model.data)
        assert (task.fence or 0, task.run or 0) == (self.model.fence, self.model.run)
        assert (task.lock is None) == (self.model.holder is None)
        assert task.lock is None or task.lock_expire_time == self.model.lease_end
        assert len(task.errors.get("actions", [])) == min(self.model.actions, KEPT_ACTIONS)

    @invariant()
    def every_failed_and_vanished_attempt_is_in_the_history_once(self) -> None:
        assert self.store.task is not None
        history = [
            (entry["nth_retry"], "LeaseExpired" if entry["error"].startswith("LeaseExpired(") else entry["error"])
            for entry in self.store.task.errors["history"]
        ]
        assert history == self.model.history

    @invariant()
    def limits_hold(self) -> None:
        assert self.store.task is not None
        assert (self.store.task.retry or 0) <= MAX_RETRY
        assert self.store.task.status in ALL_CODES

    @invariant()
    def at_most_one_inside_can_finish(self) -> None:
        assert sum(self.is_held_by(worker) for worker in self.workers.values()) <= 1


ManyWorkers.TestCase.settings = settings(max_examples=200, stateful_step_count=40)
TestManyWorkers = ManyWorkers.TestCase
