"""R10 and R14: how much a task holds, and what may be stored together with a success."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ...core import errors as st
from ...core.history import ERROR_BYTES, HISTORY_BYTES, TRACEBACK_BYTES
from .driver import Promise, Step
from .steps import FAILED, PENDING, SUCCEEDED, Scenes, WorkError, errors_of, fail, seen, succeed

Promised = Callable[[Promise], bool]
LARGE = {"text": "x" * 400 * 1024}
"""More than an item of DynamoDB holds."""


class LimitRules(Scenes):
    """R10 and R14."""

    # R10: what a task holds

    def test_r10_large_data_at_creation(self, step1: Step, promised: Promised) -> None:
        if promised(Promise.SIZE_LIMIT):
            with pytest.raises(st.TaskDataTooLargeError) as error:
                step1.create("t", LARGE)
            assert error.value.task_id == "t"
            assert step1.read("t") is None
        else:
            step1.create("t", LARGE)
            assert seen(step1).data == LARGE

    def test_r10_large_data_of_a_block(self, step1: Step, promised: Promised) -> None:
        step1.create("t", {"page": 0})
        if promised(Promise.SIZE_LIMIT):
            with pytest.raises(st.TaskDataTooLargeError):
                succeed(step1, data=LARGE)
            task = seen(step1)
            assert (task.status, task.retry, task.locked, task.data) == (FAILED, 1, False, {"page": 0})
            assert errors_of(step1) == ["TaskDataTooLargeError"]
        else:
            succeed(step1, data=LARGE)
            assert (seen(step1).status, seen(step1).data) == (SUCCEEDED, LARGE)

    def test_r10_a_block_may_store_something_smaller_instead(self, step1: Step, promised: Promised) -> None:
        step1.create("t")
        with step1.start("t") as attempt:
            try:
                attempt.set_data(LARGE)
            except st.TaskDataTooLargeError:
                assert promised(Promise.SIZE_LIMIT)
            attempt.set_data({"see": "elsewhere"})
        assert (seen(step1).status, seen(step1).data) == (SUCCEEDED, {"see": "elsewhere"})

    def test_r10_long_messages_and_tracebacks_are_cut(self, step1: Step) -> None:
        step1.create("t")
        fail(step1, WorkError("é" * 100_000))
        (entry,) = seen(step1).history
        assert entry["error"].startswith("WorkError('éé")
        assert entry["error"].endswith("…")
        assert len(json.dumps(entry["error"])) <= ERROR_BYTES + 10
        assert len(json.dumps(entry["traceback"])) <= TRACEBACK_BYTES + 10

    def test_r10_history_keeps_the_first_and_the_newest_and_counts_the_others(
        self, new_step: Callable[..., Step]
    ) -> None:
        step1 = new_step(max_retry=1_000)
        step1.create("t")
        for n in range(1, 13):
            fail(step1, WorkError(n, "x" * 10_000))
        task = seen(step1)
        numbers = [entry["nth_retry"] for entry in task.history]
        assert numbers[0] == 1
        assert numbers[1:] == list(range(14 - len(numbers), 13))
        assert task.errors["dropped"] == 12 - len(numbers) > 0
        assert len(json.dumps(task.history)) <= HISTORY_BYTES + 1_000
        assert task.retry == 12

    def test_r10_newest_twenty_actions_are_kept(self, step1: Step, promised: Promised) -> None:
        step1.create("t")
        if not promised(Promise.ACTIONS):
            with pytest.raises((AttributeError, NotImplementedError)):
                step1.rerun("t", reason="because")
            return
        for n in range(22):
            step1.rerun("t", reason=f"reason {n}")
        assert [action["reason"] for action in seen(step1).actions] == [f"reason {n}" for n in range(2, 22)]
        assert (seen(step1).run, seen(step1).status) == (1, PENDING)  # nothing has been done in that run

    def test_r10_what_is_handed_out_is_a_copy(self, step1: Step) -> None:
        data: dict[str, Any] = {"pages": [1]}
        step1.create("t", data)
        data["pages"].append(2)
        seen(step1).data["pages"].append(3)
        assert seen(step1).data == {"pages": [1]}

    # R14: together with the success

    def test_r14_what_cannot_be_stored_with_the_success_fails_the_attempt(
        self, step1: Step, promised: Promised
    ) -> None:
        step1.create("t", {"page": 0})
        if not promised(Promise.ALSO):
            with pytest.raises((TypeError, AttributeError)) as missing, step1.start("t") as attempt:
                step1.also_impossible(attempt)
            assert errors_of(step1) == [missing.type.__name__]
            return
        with pytest.raises(st.TaskTransactionError), step1.start("t") as attempt:
            attempt.set_data({"page": 1})
            step1.also_impossible(attempt)
        task = seen(step1)
        assert (task.status, task.retry, task.locked, task.data) == (FAILED, 1, False, {"page": 0})
        assert errors_of(step1) == ["TaskTransactionError"]
