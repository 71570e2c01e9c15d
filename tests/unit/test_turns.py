"""Matching tasks in turns: each once, those of the first statuses first, over any number of interrupted calls."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from status_tracker.core.errors import TaskUnreadableError
from status_tracker.operations.filters import TaskFilter
from status_tracker.operations.turns import matching_in_turn
from status_tracker.testing import MemoryStorage, MemoryTask
from status_tracker.testing.listing import MemoryQuery
from tests.unit.steps import Clock, make_config

CODES = (10, 20, 30, 40, 50)
PAGES = st.lists(st.integers(0, 4), max_size=6)


def make_step() -> Any:
    clock = Clock()

    class Step(MemoryTask):
        config = make_config(clock=clock)
        storage = MemoryStorage()

    Step.clock = clock  # type: ignore[attr-defined]
    return Step


@settings(max_examples=150, deadline=None)
@given(
    tasks=st.lists(st.tuples(st.sampled_from(CODES), st.booleans()), max_size=12),
    first=st.sets(st.sampled_from(CODES)),
    pages=PAGES,
    older_first=st.booleans(),
)
def test_each_is_given_once_in_its_turn_however_often_it_is_interrupted(
    tasks: list[tuple[int, bool]], first: set[int], pages: list[int], older_first: bool
) -> None:
    step = make_step()
    for number, (code, moves) in enumerate(tasks):
        step.clock.move(int(moves))
        step.make_and_save(f"{'a' if number % 3 else 'b'}{number:02}", _status=code)
    turns = [sorted(first), [code for code in CODES if code not in first]]
    chosen = TaskFilter(CODES, id_prefix="a")
    found: list[str] = []
    cursor = None
    for limit in [*pages, None]:
        page = matching_in_turn(chosen, step, turns, cursor=cursor, limit=limit, older_first=older_first)
        found += [task.task_id for task in page]
        cursor = page.cursor
    expected = [
        task.task_id
        for turn in turns
        if turn
        for task in TaskFilter(tuple(turn), id_prefix="a").matching(step, older_first=older_first)
    ]
    assert found == expected


def test_later_turns_are_not_read_before_their_time() -> None:
    step = make_step()
    for code in CODES:
        step.make_and_save(f"t-{code}", _status=code)
    matching = matching_in_turn(TaskFilter(CODES), step, [[30], [10, 20], [40, 50]], limit=1)
    assert [task.task_id for task in matching] == ["t-30"]
    assert matching.done == [([30], 1)]


def test_what_cannot_be_read_counts_as_matching(monkeypatch: pytest.MonkeyPatch) -> None:
    step = make_step()
    for code in CODES:
        step.make_and_save(f"t-{code}", _status=code)
    give = MemoryQuery.__next__

    def refuse(self: Any) -> Any:
        task = give(self)
        if task.status == 30:
            raise TaskUnreadableError("broken", task_id=task.task_id)
        return task

    monkeypatch.setattr(MemoryQuery, "__next__", refuse)
    matching = matching_in_turn(TaskFilter(CODES), step, [[30], [10]], limit=2)
    assert [str(each.task_id) for each in matching.each()] == ["t-30", "t-10"]


def test_what_is_called_before_each_task_can_end_the_reading() -> None:
    step = make_step()
    for number in range(5):
        step.clock.move(1)
        step.make_and_save(f"t-{number}")
    calls = iter(range(3))

    def before_each() -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt

    matching = matching_in_turn(TaskFilter((10,)), step, [[10]], before_each=before_each)
    with pytest.raises(KeyboardInterrupt):
        list(matching)
    rest = matching_in_turn(TaskFilter((10,)), step, [[10]], cursor=matching.cursor)
    assert [task.task_id for task in rest] == ["t-3", "t-4"]
