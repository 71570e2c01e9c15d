"""What code for pynamodb_mate 6 uses of errors, contexts and query results, besides tracking."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core import errors as library_errors
from status_tracker.core.cursors import FoundTasks, Progress

ERRORS = [
    each for each in vars(library_errors).values() if isinstance(each, type) and issubclass(each, st.TaskExecutionError)
]


class Numbers(FoundTasks[int]):
    def __init__(self, end: int) -> None:
        super().__init__(Progress({}))
        self._left = iter(range(end))

    def _next(self) -> int:
        return next(self._left)


@pytest.mark.parametrize("error_class", ERRORS)
def test_errors_are_made_for_a_task(error_class: Any) -> None:
    error = error_class.make("test", "t-1")
    assert type(error) is error_class
    assert (error.use_case_id, error.task_id) == ("test", "t-1")
    assert str(error).startswith("Task(use_case_id='test', task_id='t-1') ")
    assert str(copy.copy(error)) == str(error)
    assert error_class.to_task("test", "t-1") == "Task(use_case_id='test', task_id='t-1')"


def test_a_context_of_no_attempt_takes_data_and_stores_nothing() -> None:
    task = object()
    ctx = st.ExecutionContext(task=task)
    assert (ctx.task, ctx.pending_data) == (task, None)
    assert ctx.to_update_actions() == []
    ctx.set_data({"version": 1})
    assert ctx.pending_data == {"version": 1}
    with pytest.raises(TypeError, match="JSON"):
        ctx.set_data({"page": object()})
    for use in (ctx.update, ctx.extend_lock, lambda: ctx.fence, lambda: ctx.lost):
        with pytest.raises(TypeError, match="belongs to no attempt"):
            use()


def test_begin_update_takes_back_the_data_of_a_block_that_raises() -> None:
    ctx = st.ExecutionContext(task=object())
    with ctx.begin_update() as same:
        assert same is ctx
        ctx.set_data({"version": 1})
    with pytest.raises(KeyboardInterrupt), ctx.begin_update():
        ctx.set_data({"version": 2})
        raise KeyboardInterrupt
    assert ctx.pending_data == {"version": 1}


def test_results_are_taken_one_by_one_in_part_and_whole() -> None:
    found = Numbers(7)
    assert (found.one(), found.one_or_none(), found.many(2)) == (0, 1, [2, 3])
    assert found.skip(1).many(9) == [5, 6]
    assert (found.one_or_none(), found.all()) == (None, [])


def test_results_that_are_exhausted() -> None:
    found = Numbers(1)
    assert found.many(5) == [0]
    for error in (StopIteration, LookupError):
        with pytest.raises(error):
            found.many(5)
        with pytest.raises(error):
            found.one()
    assert (found.skip(3).all(), found.many(0)) == ([], [])


def test_a_loop_over_many_ends() -> None:
    found, taken = Numbers(5), []
    while True:
        try:
            taken.append(found.many(2))
        except StopIteration:
            break
    assert taken == [[0, 1], [2, 3], [4]]
    assert list(Numbers(5).iter_chunks(2)) == taken
    assert list(Numbers(0).iter_chunks(2)) == []


def test_results_are_filtered() -> None:
    assert Numbers(10).filter(lambda n: n % 2, lambda n: n > 4).all() == [5, 7, 9]
    found = Numbers(10)
    assert (found.one(), found.filter(lambda n: n > 7).one()) == (0, 8)
