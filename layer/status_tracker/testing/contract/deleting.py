"""R21: a task is deleted only as it was read, once, and nothing late changes that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ...core import errors as st
from ...core.port import Unchanged
from ...core.task import delete_unchanged
from ..clock import Clock
from .driver import Promise, Step
from .leases import ACTS
from .steps import IGNORED, Scenes, enter, refused, seen, succeed


class DeleteRules(Scenes):
    """R21."""

    @pytest.fixture
    def deleting(self, promised: Callable[[Promise], bool], step1: Step) -> bool:
        """Whether the backend deletes; where it does not, it says so and the task stays."""
        step1.create("t", {"page": 1})
        if promised(Promise.DELETING):
            return True
        before = seen(step1)
        with pytest.raises(TypeError):
            step1.store("t").remove(as_read(step1))
        assert seen(step1) == before
        return False

    def test_r21_a_task_is_deleted_as_it_was_read(self, step1: Step, deleting: bool) -> None:
        if not deleting:
            return
        answer = step1.store("t").remove(as_read(step1))
        assert (answer.applied, answer.task, step1.read("t")) == (True, None, None)
        assert isinstance(refused(step1), st.TaskIsNotInitializedError)

    def test_r21_a_task_that_has_changed_is_left_alone(self, step1: Step, clock: Clock, deleting: bool) -> None:
        if not deleting:
            return
        read = as_read(step1)
        assert not delete_unchanged(step1.store("t"), replace(read.state, fence=-1), clock), (
            "it only asks for the right"
        )
        clock.advance(1)
        succeed(step1)
        changed = seen(step1)
        store = step1.store("t")
        answer = store.remove(read)
        assert (answer.applied, seen(step1)) == (False, changed)
        assert answer.task is not None
        assert store.state(answer.task).status == changed.status
        assert not delete_unchanged(store, read.state, clock)

    def test_r21_a_lost_answer_is_no_failure(self, step1: Step, clock: Clock, deleting: bool) -> None:
        if not deleting:
            return
        read = as_read(step1)
        step1.lose_answers()
        assert delete_unchanged(step1.store("t"), read.state, clock)
        step1.heal()
        assert step1.read("t") is None

    def test_r21_a_late_request_does_not_delete_a_task_that_was_made_again(
        self, step1: Step, clock: Clock, deleting: bool
    ) -> None:
        if not deleting:
            return
        read = as_read(step1)
        step1.store("t").remove(read)
        clock.advance(1)
        step1.create("t", {"page": 2})
        assert not step1.store("t").remove(read).applied
        assert seen(step1).data == {"page": 2}

    @pytest.mark.parametrize("act", ACTS)
    def test_r21_a_worker_cannot_bring_its_task_back(
        self, step1: Step, promised: Callable[[Promise], bool], deleting: bool, renewing: bool, act: str
    ) -> None:
        if not deleting or not promised(Promise.ACTIONS) or (act != "success" and not renewing):
            return
        worker = enter(step1)
        worker.attempt.set_data({"page": 2})
        step1.cancel("t", reason="wrong customer", by="ada")
        assert seen(step1).status == IGNORED
        step1.store("t").remove(as_read(step1))
        with pytest.raises(st.TaskLockLostError):
            ACTS[act](worker)
        assert step1.read("t") is None


def as_read(step: Step) -> Unchanged:
    """The guard that the task is still as it is now."""
    store = step.store("t")
    task = store.read()
    assert task is not None
    return Unchanged(store.state(task))
