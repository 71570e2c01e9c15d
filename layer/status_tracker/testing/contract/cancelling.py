"""R18: a cancellation sets a task aside whatever it is doing, and its worker is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from ...core import errors as st
from ..clock import Clock
from .driver import Promise, Step
from .leases import ACTS
from .steps import IGNORED, LEASE, PENDING, Scenes, WorkError, enter, refused, seen, succeed


class CancelRules(Scenes):
    """R18."""

    @pytest.fixture
    def cancelling(self, promised: Callable[[Promise], bool], step1: Step) -> bool:
        """Whether the backend has the actions; where it has not, `ActionRules` says what happens."""
        step1.create("t", {"page": 1})
        return promised(Promise.ACTIONS)

    def test_r18_a_live_task_is_set_aside_in_one_write_and_no_failure_is_counted(
        self, step1: Step, clock: Clock, cancelling: bool
    ) -> None:
        if not cancelling:
            return
        enter(step1)
        clock.advance(5)
        step1.cancel("t", reason="wrong customer", by="ada")
        task = seen(step1)
        assert (task.status, task.locked, task.retry, task.fence, task.data) == (IGNORED, False, 0, 1, {"page": 1})
        assert (task.history, task.update_time) == ([], clock.now)
        (action,) = task.actions
        assert (action["action"], action["reason"], action["by"]) == ("cancel", "wrong customer", "ada")
        assert isinstance(refused(step1), st.TaskIgnoredError)

    @pytest.mark.parametrize("act", ACTS)
    def test_r18_the_worker_is_told_who_cancelled_and_why_and_stores_nothing(
        self, step1: Step, cancelling: bool, renewing: bool, act: str
    ) -> None:
        if not cancelling or (act != "success" and not renewing):
            return
        worker = enter(step1)
        worker.attempt.set_data({"page": 2})
        step1.cancel("t", reason="wrong customer", by="ada")
        cancelled = seen(step1)
        with pytest.raises(st.TaskLockLostError, match=r"ada cancelled the task \(wrong customer\)"):
            ACTS[act](worker)
        assert seen(step1) == cancelled

    def test_r18_a_failure_after_the_cancellation_changes_nothing(self, step1: Step, cancelling: bool) -> None:
        if not cancelling:
            return
        worker = enter(step1)
        step1.cancel("t", reason="wrong customer")
        cancelled = seen(step1)
        failure = WorkError("too late")
        with suppress(WorkError):  # a context manager made of a generator raises it itself
            worker.leave(failure)
        assert seen(step1) == cancelled
        assert "cancelled the task" in "".join(getattr(failure, "__notes__", ()))

    def test_r18_what_the_lease_of_a_stuck_task_has_ended_is_counted_as_vanished(
        self, step1: Step, clock: Clock, cancelling: bool
    ) -> None:
        if not cancelling:
            return
        enter(step1)
        clock.advance(LEASE)
        step1.cancel("t", reason="wrong customer")
        assert (seen(step1).status, seen(step1).retry, len(seen(step1).history)) == (IGNORED, 1, 1)

    def test_r18_a_cancelled_task_can_be_begun_anew(self, step1: Step, clock: Clock, cancelling: bool) -> None:
        if not cancelling:
            return
        worker = enter(step1)
        step1.cancel("t", reason="wrong customer")
        clock.advance(1)
        step1.unignore("t", reason="right after all")
        assert (seen(step1).status, seen(step1).run) == (PENDING, 1)
        with pytest.raises(st.TaskLockLostError):
            worker.leave()
        succeed(step1)
        assert (seen(step1).fence, [each["action"] for each in seen(step1).actions]) == (2, ["cancel", "unignore"])
