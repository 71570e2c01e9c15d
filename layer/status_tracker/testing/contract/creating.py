"""R11: many tasks are created by one call; what exists is not changed, and what became of each is told exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ...core import errors as st
from ...creating import CreateOutcome, CreateResult, Found
from ..clock import Clock
from .driver import Promise, Step
from .steps import IN_PROGRESS, PENDING, SUCCEEDED, Scenes, enter, seen, succeed

Promised = Callable[[Promise], bool]
IDS = [f"many-{number}" for number in range(40)]


class CreateRules(Scenes):
    """R11, of many tasks."""

    @pytest.fixture
    def creating(self, promised: Promised, step1: Step) -> bool:
        """Whether the backend creates many; where it does not, it has no such call."""
        if promised(Promise.CREATING_MANY):
            return True
        with pytest.raises(AttributeError):
            step1.create_many(IDS, each=lambda _: None)
        return False

    def test_r11_many_are_created_and_those_that_exist_are_left_alone(
        self, step1: Step, clock: Clock, creating: bool
    ) -> None:
        if not creating:
            return
        for task_id in IDS[:3]:
            step1.create(task_id, {"page": 1})
        held = enter(step1, IDS[1])
        succeed(step1, IDS[2])
        before = [seen(step1, task_id) for task_id in IDS[:3]]
        clock.advance(5)
        result, outcomes = create_many(step1, [IDS[0], *((task_id, {"page": 2}) for task_id in IDS), IDS[5]])
        assert [each.task_id for each in outcomes] == [IDS[0], *IDS, IDS[5]]
        found = dict.fromkeys(IDS[3:], Found.CREATED)
        assert [each.found for each in outcomes] == [
            found.get(each.task_id, Found.EXISTED) for each in outcomes[:-1]
        ] + [Found.EXISTED]
        assert (result.created, result.existed, result.failed, result.troubles) == (37, 5, 0, [])
        assert [seen(step1, task_id) for task_id in IDS[:3]] == before
        assert [task.status for task in before] == [PENDING, IN_PROGRESS, SUCCEEDED]
        for task_id in IDS[3:]:
            task = seen(step1, task_id)
            assert (task.status, task.retry, task.locked, task.data) == (PENDING, 0, False, {"page": 2})
            assert (task.create_time, task.update_time) == (clock.now, clock.now)
        held.leave()
        succeed(step1, IDS[-1])

    def test_r11_what_is_wrong_with_one_keeps_no_other_from_being_created(
        self, step1: Step, creating: bool, promised: Promised
    ) -> None:
        if not creating:
            return
        wrong: list[Any] = ["", ("x" * 3000, {}), ("set", {"pages": {1}})]
        if promised(Promise.SIZE_LIMIT):
            wrong.append(("large", {"text": "x" * 400_000}))
        result, outcomes = create_many(step1, [*IDS[:5], *wrong, *IDS[5:10]])
        assert (result.created, result.existed, result.failed, result.stopped) == (10, 0, len(wrong), False)
        assert [each.task_id for each in outcomes if each.found is Found.FAILED] == [
            one[0] if isinstance(one, tuple) else one for one in wrong
        ]
        assert all(each.error is not None for each in result.troubles)
        assert len(result.troubles) == len(wrong)
        assert [seen(step1, task_id).status for task_id in IDS[:10]] == [PENDING] * 10
        assert step1.read("set") is None

    def test_r5_what_was_created_by_a_request_without_answer_is_new(self, step1: Step, creating: bool) -> None:
        if not creating:
            return
        step1.create(IDS[3])
        step1.lose_answers(2)
        result, outcomes = create_many(step1, IDS[:10])
        step1.heal()
        assert (result.created, result.existed, result.failed) == (9, 1, 0)
        assert [each.task_id for each in outcomes if each.found is Found.EXISTED] == [IDS[3]]

    def test_r11_what_a_store_without_answer_did_not_create_is_created_by_the_same_call(
        self, step1: Step, creating: bool
    ) -> None:
        if not creating:
            return
        step1.refuse_writes(10_000)
        result, _ = create_many(step1, IDS)
        step1.heal()
        assert (result.created, result.existed, result.stopped) == (0, 0, True)
        assert 20 <= result.failed == len(result.troubles)  # so many in a row end it
        assert all(step1.read(task_id) is None for task_id in IDS)
        result, _ = create_many(step1, IDS)
        assert (result.created, result.existed, result.failed) == (40, 0, 0)

    def test_r11_two_calls_at_once_create_each_task_once(self, step1: Step, creating: bool, promised: Promised) -> None:
        if not creating or not promised(Promise.MANY_WORKERS):
            return
        with ThreadPoolExecutor(2) as two:
            both = list(two.map(lambda ids: create_many(step1, ids), [IDS, IDS[::-1]]))
        created = Counter(each.task_id for _, told in both for each in told if each.found is Found.CREATED)
        assert created == Counter(IDS)
        assert [result.created + result.existed for result, _ in both] == [40, 40]


def create_many(step: Step, tasks: Any) -> tuple[CreateResult[Any], list[CreateOutcome[Any]]]:
    """The result, also where not all were created, and what was told of each."""
    outcomes: list[CreateOutcome[Any]] = []
    try:
        return step.create_many(tasks, each=outcomes.append), outcomes
    except st.TasksNotCreatedError as error:
        return error.result, outcomes
