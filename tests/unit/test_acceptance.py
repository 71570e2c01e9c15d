"""The acceptance of a pipeline, on one in memory: what holds, what does not, and what is left afterwards."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import status_tracker as st
from status_tracker.operations.acceptance import Acceptance, Check
from status_tracker.operations.pipeline import Pipeline
from status_tracker.operations.samples import DoesNotHoldError, NothingToCheckError, Probe, Sample, Verification
from status_tracker.testing import MemoryStorage, MemoryTask
from tests.unit.steps import wait_until

NAMES = ["take in", "cancel", "good", "hopeless", "big", "duplicate", "rerun"]
HOPELESS = st.NonRetryableError("there is no text on it")


class Print(MemoryTask):
    """The first step."""

    config = st.TrackerConfig.make("print", 10, 20, 30, 40, 50)


class Send(MemoryTask):
    """The second."""

    config = Print.config.next_step()


class Deployed:
    """A deployed pipeline: what is submitted is worked on by a thread of its own, in both steps.

    Attributes:
        objects: what was submitted and not withdrawn.
        results: of the tasks, by their ids.
        deaf: takes nothing in.
        failing: the names whose last step fails for good.
        interrupting: the name during whose submission the process is interrupted; it is taken in all the same.
        again: works on what is submitted, also if it is done already.
        forgetful: takes what is submitted again for something new.
        slow: the names that are worked on until `go`.
        at_work: the ids of those that are.
    """

    def __init__(self) -> None:
        self.objects: set[str] = set()
        self.results: dict[str, str] = {}
        self.deaf = False
        self.failing = {"hopeless"}
        self.interrupting = ""
        self.again = False
        self.forgetful = False
        self.slow: set[str] = set()
        self.at_work: set[str] = set()
        self.go = threading.Event()
        self.wrong_results = False
        self.never_refuses_to_delete = True
        self.threads: list[threading.Thread] = []
        self.pipeline = Pipeline(
            {"Print": self._step(Print), "Send": self._step(Send)},
            delete_results=self._delete_results,
            verification=self._verification,
        )

    def _step(self, task_class: type[MemoryTask]) -> Any:
        def dispatch(_: Any, task: Any) -> bool:
            self._start(task.task_id)
            return True

        def recall(_: Any, __: Any) -> None:
            self.go_soon()  # a function that works then works on

        methods = {"dispatch": classmethod(dispatch), "recall": classmethod(recall)}
        return type(task_class.__name__, (task_class,), methods)

    def go_soon(self) -> None:
        """Let those that are slow go on a moment after now."""
        self.threads.append(threading.Timer(0.05, self.go.set))
        self.threads[-1].start()

    def _verification(self) -> Verification:
        def sample(name: str, check: Callable[[Any], str] = lambda _: "") -> Sample:
            return Sample(name, self._submit, self.objects.discard, check)

        return Verification(
            sample("good", self._checked),
            sample("hopeless"),
            sample("big"),
            [Probe("alarms", self._silent), Probe("widget", lambda good: good().task_id)],
        )

    def _silent(self, _: Any) -> str:
        raise NothingToCheckError("there are no alarms")

    def _checked(self, task: Any) -> str:
        if self.wrong_results:
            raise DoesNotHoldError("the result is wrong")
        return f"with {self.results[task.task_id]}"

    def _submit(self, key: str) -> str:
        if key.rpartition("/")[2] != self.interrupting:
            return self._take_in(key)
        request = threading.Timer(0.3, self._take_in, [key])  # on its way, whoever waits for the answer
        self.threads.append(request)
        request.start()
        os.kill(os.getpid(), signal.SIGINT)
        request.join()
        return self._take_in(key)

    def _take_in(self, key: str) -> str:
        task_id = f"{key}#{2 if self.forgetful and key in self.objects else 1}"
        self.objects.add(key)
        if not self.deaf and (self._first.get_or_create(task_id)[1] or self.again):
            if self.again and task_id in self.results:
                self._first.rerun(task_id, reason="another message")
            self._start(task_id)
        return task_id

    @property
    def _first(self) -> Any:
        return self.pipeline.first.task_class

    def _start(self, task_id: str) -> None:
        self.threads.append(threading.Thread(target=self._work, args=(task_id,), name=task_id))
        self.threads[-1].start()
        if self._is_slow(task_id):
            wait_until(lambda: task_id in self.at_work)

    def works_on(self, task_id: str) -> bool:
        return any(thread.is_alive() for thread in self.threads if thread.name == task_id)

    def join(self) -> None:
        for thread in self.threads:
            thread.join(30)

    def _is_slow(self, task_id: str) -> bool:
        return task_id.rpartition("/")[2].partition("#")[0].partition("-")[0] in self.slow

    def _work(self, task_id: str) -> None:
        name = task_id.rpartition("/")[2].partition("#")[0]
        if name.startswith("cancelled") and not self._is_slow(task_id):
            return  # nothing of it is worked on before it is cancelled
        for step in self.pipeline:
            try:
                with step.task_class.start(task_id):
                    if name in self.failing and step.name == "Send":
                        raise HOPELESS
                    if step.name == "Print" and self._is_slow(task_id):
                        self.at_work.add(task_id)
                        self.go.wait(30)
                    self.results[task_id] = "a receipt"
            except (st.NonRetryableError, st.TaskIsNotReadyToStartError, st.TaskLockLostError):
                return

    def _delete_results(self, task_id: str) -> None:
        if not self.never_refuses_to_delete:
            raise PermissionError("s3:DeleteObject is not allowed")
        self.results.pop(task_id, None)


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())
    monkeypatch.setattr("status_tracker.operations.sample_tasks._LOOK_SECONDS", 0.001)
    deployed = Deployed()
    yield deployed
    deployed.join()


def verified(deployed: Deployed, patience: float = 30) -> tuple[dict[str, Check], Check]:
    acceptance = Acceptance(deployed.pipeline, patience=patience, by="ann")
    checks = {check.name: check for check in acceptance.checks()}
    return checks, acceptance.clean()


def wrong(checks: dict[str, Check]) -> dict[str, str]:
    return {name: check.told for name, check in checks.items() if check.holds is False}


def tasks() -> int:
    return Print.count_tasks_by_use_case_id()


def test_a_sound_pipeline_is_proved_and_left_as_it_was(deployed: Deployed) -> None:
    Print.make_and_save("of somebody else")
    deployed.objects.add("of somebody else")
    checks, cleaned = verified(deployed)
    assert wrong(checks) == {}
    assert list(checks) == [*NAMES[:-1], "alarms", "widget", "rerun"]
    assert (checks["alarms"].holds, checks["alarms"].told) == (None, "there are no alarms")
    assert checks["good"].told == "succeeded with a receipt"
    assert checks["rerun"].told == "run 1 succeeded with a receipt"
    assert "there is no text on it" in checks["hopeless"].told
    assert checks["cancel"].told == "cancelled in Print, and its run has ended"
    assert (cleaned.holds, cleaned.told) == (True, "4 samples withdrawn, 4 tasks and their results deleted")
    assert (deployed.objects, deployed.results, tasks()) == ({"of somebody else"}, {}, 1)


def test_what_takes_nothing_in_is_told(deployed: Deployed) -> None:
    deployed.deaf = True
    checks, cleaned = verified(deployed, patience=0.05)
    assert checks["take in"].holds
    assert wrong(checks)["good"] == "waited 0.05 s in vain for its end: no task was made of it"
    assert checks["duplicate"].holds is None
    assert "4 samples withdrawn, 0 tasks" in cleaned.told
    assert "of 4 no task was seen: one that still comes is set aside" in cleaned.told
    assert not deployed.objects


def test_what_waits_since_it_is_paused_says_so(deployed: Deployed) -> None:
    deployed.deaf = True
    deployed.pipeline.pause("Send", reason="the partner is down", by="ann")
    checks, _ = verified(deployed, patience=0.05)
    assert wrong(checks)["good"].endswith("no task was made of it; Send is paused: the partner is down")


def test_a_sample_that_should_succeed_and_is_set_aside(deployed: Deployed) -> None:
    deployed.failing.add("good")
    checks, cleaned = verified(deployed)
    assert wrong(checks)["good"].startswith("it is ignored in Send: NonRetryableError('there is no text on it'")
    assert set(wrong(checks)) == {"good", "rerun"}
    assert cleaned.holds
    assert tasks() == 0


def test_a_sample_that_should_be_set_aside_and_succeeds(deployed: Deployed) -> None:
    deployed.failing.clear()
    checks, _ = verified(deployed)
    assert wrong(checks) == {"hopeless": "it is succeeded in Send, not ignored"}


def test_a_wrong_result(deployed: Deployed) -> None:
    deployed.wrong_results = True
    checks, _ = verified(deployed)
    assert wrong(checks) == {"good": "the result is wrong", "rerun": "the result is wrong"}
    assert checks["duplicate"].holds is None


def test_work_that_is_done_again_for_a_duplicate(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second message comes late: the task has ended, and is run again."""
    again = deployed._verification

    def verification() -> Verification:
        made = again()

        def reworked(_: Any) -> str:
            task_class = deployed.pipeline.first.task_class
            [task_id] = [each for each in deployed.results if each.endswith("good#1")]
            task_class.rerun(task_id, reason="another message")
            for step in deployed.pipeline:
                with step.task_class.start(task_id):
                    pass
            return ""

        big = Sample("big", made.big.submit, made.big.withdraw, reworked)
        return Verification(made.good, made.hopeless, big)

    monkeypatch.setattr(deployed.pipeline, "verification", verification)
    checks, _ = verified(deployed)
    assert wrong(checks) == {"duplicate": "the good sample, submitted twice, was worked on again: run 1, start 4"}


def test_a_duplicate_that_is_taken_for_another_task(deployed: Deployed) -> None:
    deployed.forgetful = True
    checks, cleaned = verified(deployed)
    assert set(wrong(checks)) == {"duplicate"}
    told = r"the good sample, submitted twice, is two tasks: (\S+good)#1 and \1#2"
    assert re.fullmatch(told, wrong(checks)["duplicate"])
    assert (cleaned.holds, deployed.objects, deployed.results, tasks()) == (True, set(), {}, 0)


def test_what_cannot_be_deleted_is_told_and_the_rest_is_deleted(deployed: Deployed) -> None:
    deployed.never_refuses_to_delete = False
    _, cleaned = verified(deployed)
    assert cleaned.holds is False
    assert cleaned.told.endswith("was deleted: PermissionError: s3:DeleteObject is not allowed")
    assert not deployed.objects


def test_cleaning_before_anything_has_ended_stops_what_is_under_way(deployed: Deployed) -> None:
    acceptance = Acceptance(deployed.pipeline, patience=30)
    checks = acceptance.checks()
    assert [next(checks).name, next(checks).name] == ["take in", "cancel"]
    assert acceptance.clean().holds
    assert acceptance.clean().holds
    assert (deployed.objects, tasks()) == (set(), 0)


def test_what_is_submitted_when_an_interrupt_comes_is_deleted_too(deployed: Deployed) -> None:
    deployed.interrupting = "big"
    acceptance = Acceptance(deployed.pipeline, patience=30)
    with pytest.raises(KeyboardInterrupt):
        next(acceptance.checks())
    assert acceptance.clean().holds
    deployed.join()
    assert (deployed.objects, deployed.results, tasks()) == (set(), {}, 0)


def test_cleaning_waits_for_whoever_works_on_a_sample(deployed: Deployed) -> None:
    deployed.slow = {"good", "big"}
    acceptance = Acceptance(deployed.pipeline, patience=30)
    next(acceptance.checks())
    assert acceptance.clean().holds
    deployed.join()
    assert (deployed.results, tasks()) == ({}, 0)


def test_what_is_worked_on_for_longer_than_patience_is_told_and_left(deployed: Deployed) -> None:
    deployed.slow = {"good"}
    acceptance = Acceptance(deployed.pipeline, patience=0.05)
    next(acceptance.checks())
    deployed.go_soon = lambda: None  # type: ignore[method-assign]
    cleaned = acceptance.clean()
    assert cleaned.holds is False
    assert "waited 0.05 s in vain for the end of the work on status-tracker-verify/" in cleaned.told
    assert "good#1: it is in_progress in Print" in cleaned.told
    deployed.go.set()
    deployed.join()
    assert acceptance.clean().holds
    assert (deployed.results, tasks()) == ({}, 0)


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_sample_is_cancelled_while_somebody_works_on_it(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, interrupted: bool
) -> None:
    """Its run is over when its worker is: a run that is recalled would not tell."""
    deployed.slow = {"cancelled"}

    recalled: set[str] = set()
    interrupts = [KeyboardInterrupt] if interrupted else []

    def run_state(_: Any, task: Any) -> st.RunState:
        if interrupts:
            raise interrupts.pop()
        deployed.go_soon()
        under_way = deployed.works_on(task.task_id) and task.task_id not in recalled
        return st.RunState.RUNNING if under_way else st.RunState.ENDED

    def recall(_: Any, task: Any) -> None:
        recalled.add(task.task_id)

    for step in deployed.pipeline:
        monkeypatch.setattr(step.task_class, "run_state", classmethod(run_state))
        monkeypatch.setattr(step.task_class, "recall", classmethod(recall))
    acceptance = Acceptance(deployed.pipeline, patience=30)
    checks = acceptance.checks()
    next(checks)
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            next(checks)
    else:
        assert next(checks).told == "cancelled in Print, and its run has ended"
    assert acceptance.clean().holds
    deployed.join()
    assert (deployed.results, tasks()) == ({}, 0)


def test_a_sample_that_cannot_be_cancelled_is_told(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(MemoryTask):
        config = st.TrackerConfig.make("print", 110, 120, 130, 140, 150)

    monkeypatch.setattr(deployed, "_submit", lambda key: Other.get_or_create(key)[0].task_id)
    checks, cleaned = verified(deployed, patience=0.05)
    assert "TaskIsNotReadyToStartError: " in wrong(checks)["cancel"]
    assert "its status 110 belongs to another step" in wrong(checks)["cancel"]
    assert "its status 110 belongs to another step" in cleaned.told


def test_a_pipeline_without_samples_is_refused() -> None:
    with pytest.raises(ValueError, match=r"names no samples to verify it with: give Pipeline\(…, verification=…\)"):
        Acceptance(Pipeline({"Print": Print}), patience=1)
