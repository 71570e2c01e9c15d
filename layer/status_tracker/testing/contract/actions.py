"""R11: creating never resets; what people do to a task is deliberate, and recorded."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ...core import errors as st
from ..clock import TICK, Clock
from .driver import Promise, Step
from .steps import (
    FAILED,
    IGNORED,
    IN_PROGRESS,
    LEASE,
    PENDING,
    SUCCEEDED,
    LaterError,
    Scenes,
    enter,
    errors_of,
    fail,
    refused,
    seen,
    succeed,
)

Promised = Callable[[Promise], bool]
Reach = Callable[[Step, Clock], object]


def _stuck(step: Step, clock: Clock) -> None:
    enter(step)
    clock.advance(LEASE)


REACHED: dict[str, tuple[int, Reach]] = {
    "pending": (PENDING, lambda _step, _clock: None),
    "stuck": (IN_PROGRESS, _stuck),
    "failed": (FAILED, lambda step, _clock: fail(step, LaterError(90))),
    "succeeded": (SUCCEEDED, lambda step, _clock: succeed(step)),
    "ignored": (IGNORED, lambda step, _clock: fail(step, st.NonRetryableError("rotten"))),
}
LIVE: tuple[int, Reach] = (IN_PROGRESS, lambda step, _clock: enter(step))
FITTING = {
    "rerun": ("pending", "stuck", "failed", "succeeded", "ignored"),
    "ignore": ("pending", "stuck", "failed"),
    "cancel": ("pending", "stuck", "failed"),
    "unignore": ("ignored",),
    "unlock": ("stuck",),
}
FITS = [(act, name) for act, names in FITTING.items() for name in names]
UNFIT = [(act, name) for act, names in FITTING.items() for name in REACHED if name not in names]
AFTER = {"rerun": PENDING, "ignore": IGNORED, "cancel": IGNORED, "unignore": PENDING, "unlock": IN_PROGRESS}


class ActionRules(Scenes):
    """R11."""

    @pytest.fixture
    def acting(self, step1: Step, promised: Promised) -> bool:
        """Whether the backend has the actions; where it has not, they fail clearly and change nothing."""
        if promised(Promise.ACTIONS):
            return True
        step1.create("untouched")
        for act in FITTING:
            with pytest.raises((AttributeError, NotImplementedError)):
                getattr(step1, act)("untouched", reason="because")
        assert (seen(step1, "untouched").status, seen(step1, "untouched").errors.get("actions")) == (PENDING, None)
        return False

    def test_r11_create_makes_a_pending_task(self, step1: Step, clock: Clock) -> None:
        step1.create("t", {"page": 1})
        task = seen(step1)
        assert (task.status, task.retry, task.locked, task.data) == (PENDING, 0, False, {"page": 1})
        assert (task.history, task.fence, task.run, task.update_time) == ([], 0, 0, clock.now)

    @pytest.mark.parametrize("name", [*REACHED, "live"])
    def test_r11_creating_an_existing_task_changes_nothing(
        self, step1: Step, clock: Clock, promised: Promised, name: str
    ) -> None:
        status, reach = LIVE if name == "live" else REACHED[name]
        step1.create("t", {"page": 1})
        reach(step1, clock)
        before = seen(step1)
        assert before.status == status
        clock.advance(5)
        if not promised(Promise.NEVER_RESETS) and name != "live":
            step1.create("t", {"page": 2})
            task = seen(step1)
            assert (task.status, task.data, task.retry, task.locked) == (PENDING, {"page": 2}, 0, False)
            assert task.history[: len(before.history)] == before.history
            assert [action["status"] for action in task.actions] == [status]
            return
        with pytest.raises((st.TaskAlreadyExistsError, st.TaskLockedError)) as error:
            step1.create("t", {"page": 2})
        assert isinstance(error.value, st.TaskAlreadyExistsError) is promised(Promise.NEVER_RESETS)
        assert error.value.task_id == "t"
        clock.advance(-5)
        assert seen(step1) == before

    @pytest.mark.parametrize(("act", "name"), FITS)
    def test_r11_act_is_done_and_recorded_who_why_when_and_from_which_status(
        self, step1: Step, clock: Clock, acting: bool, act: str, name: str
    ) -> None:
        if not acting:
            return
        status, reach = REACHED[name]
        step1.create("t", {"page": 1})
        reach(step1, clock)
        before = seen(step1)
        clock.advance(5)
        getattr(step1, act)("t", reason="the reader was mended", by="ada")
        task = seen(step1)
        assert (task.status, task.data, task.fence, task.locked) == (AFTER[act], {"page": 1}, before.fence, False)
        assert task.run == (1 if act in {"rerun", "unignore"} else 0)
        (action,) = task.actions
        assert (action["action"], action["reason"], action["by"]) == (act, "the reader was mended", "ada")
        assert (action["status"], action["update_time"]) == (status, clock.now.isoformat())
        vanished = name == "stuck" and act != "unlock"
        assert len(task.history) == len(before.history) + vanished

    @pytest.mark.parametrize(("act", "name"), UNFIT)
    def test_r11_act_that_does_not_fit_is_refused_and_changes_nothing(
        self, step1: Step, clock: Clock, acting: bool, act: str, name: str
    ) -> None:
        if not acting:
            return
        status, reach = REACHED[name]
        step1.create("t")
        reach(step1, clock)
        before = seen(step1)
        with pytest.raises(st.TaskIsNotReadyToStartError) as refusal:
            getattr(step1, act)("t", reason="because")
        assert refusal.value.status == status
        assert seen(step1) == before

    @pytest.mark.parametrize("act", ["rerun", "ignore"])
    def test_r11_live_until_the_very_end_of_the_lease(self, step1: Step, clock: Clock, acting: bool, act: str) -> None:
        if not acting:
            return
        step1.create("t")
        enter(step1)
        clock.advance(LEASE)
        clock.now -= TICK
        with pytest.raises(st.TaskLockedError):
            getattr(step1, act)("t", reason="because")
        clock.now += TICK
        getattr(step1, act)("t", reason="because")
        assert (seen(step1).status, errors_of(step1)) == (AFTER[act], ["LeaseExpired"])

    @pytest.mark.parametrize("act", ["rerun", "unignore"])
    def test_r11_a_task_that_is_run_again_has_all_its_attempts_and_is_due_at_once(
        self, new_step: Callable[..., Step], promised: Promised, act: str
    ) -> None:
        step1 = new_step(max_retry=1)
        step1.create("t")
        fail(step1, LaterError(90))
        if not promised(Promise.ACTIONS):
            assert isinstance(refused(step1), st.NoMoreRetryError)
            return
        getattr(step1, act)("t", reason="the reader was mended")
        assert (seen(step1).retry, seen(step1).not_before, len(seen(step1).history)) == (0, None, 1)
        with step1.start("t") as attempt:
            assert attempt.fence == 2

    def test_r11_unlock_lets_the_next_start_take_over_at_once(self, step1: Step, acting: bool) -> None:
        if not acting:
            return
        step1.create("t")
        enter(step1)
        step1.unlock("t", reason="its machine burnt down", by="ada")
        assert (seen(step1).status, seen(step1).locked, seen(step1).retry) == (IN_PROGRESS, False, 0)
        with step1.start("t") as attempt:
            assert (attempt.fence, seen(step1).retry) == (2, 1)
        assert errors_of(step1) == ["LeaseExpired"]

    @pytest.mark.parametrize("act", FITTING)
    def test_r11_acts_on_no_task(self, step1: Step, acting: bool, act: str) -> None:
        if not acting:
            return
        with pytest.raises(st.TaskIsNotInitializedError):
            getattr(step1, act)("t", reason="because")
        assert step1.read("t") is None

    @pytest.mark.parametrize("act", FITTING)
    def test_r11_acts_without_a_reason_are_refused(self, step1: Step, acting: bool, act: str) -> None:
        if not acting:
            return
        step1.create("t")
        before = seen(step1)
        with pytest.raises(ValueError, match="reason"):
            getattr(step1, act)("t", reason=" ")
        assert seen(step1) == before

    def test_r11_rerun_of_a_task_that_has_not_come_to_this_step_is_refused(
        self, step1: Step, step2: Step, acting: bool, promised: Promised
    ) -> None:
        step1.create("t")
        if not (acting and promised(Promise.STEPS)):
            return
        with pytest.raises(st.TaskIsNotReadyToStartError):
            step2.rerun("t", reason="too early")
        assert (seen(step1).status, seen(step1).actions) == (PENDING, [])

    def test_r11_rerun_of_an_earlier_step(self, step1: Step, step2: Step, acting: bool, promised: Promised) -> None:
        step1.create("t")
        succeed(step1)
        if not (acting and promised(Promise.STEPS)):
            return
        succeed(step2)
        step1.rerun("t", reason="the reader was mended")
        succeed(step1)
        succeed(step2)
        assert (seen(step2).status, seen(step2).run, seen(step2).fence) == (90, 1, 4)
