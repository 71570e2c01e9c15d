"""R16: ids that cannot be stored, or that could be taken for others, are refused before any request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.items import stored
from tests.support.wire import Wire

PREFIX = len("test____")
USES = {
    "make": lambda step, task_id: step.make(task_id),
    "make_and_save": lambda step, task_id: step.make_and_save(task_id),
    "get_or_create": lambda step, task_id: step.get_or_create(task_id),
    "get_one_or_none": lambda step, task_id: step.get_one_or_none(task_id),
    "start": lambda step, task_id: step.start(task_id).__enter__(),
    "start(create)": lambda step, task_id: step.start(task_id, create=True).__enter__(),
    "rerun": lambda step, task_id: step.rerun(task_id, reason="because"),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_r16_task_ids_are_refused_before_any_request(step1: Any, wire: Wire, use: Callable[[Any, Any], object]) -> None:
    with wire.counting() as requests:
        for task_id, told in (
            ("", "task_id"),
            (None, "task_id"),
            (7.5, "task_id"),
            (True, "task_id"),
            ("x" * 2041, "2,048"),
            ("é" * 1021, "2,048"),
        ):
            with pytest.raises(ValueError, match=told):
                use(step1, task_id)
    assert not requests


@pytest.mark.parametrize(
    "task_id", ["x" * (2048 - PREFIX), "é" * ((2048 - PREFIX) // 2), "a____b", "_", "a b/ü+%.pdf#etag"]
)
def test_r16_every_other_id_goes_through(step1: Any, task_id: str) -> None:
    step1.make_and_save(task_id)
    with step1.start(task_id):
        pass
    task = stored(step1, task_id)
    assert (task.task_id, task.use_case_id, task.status) == (task_id, "test", 40)
    assert [listed.task_id for listed in step1.query_by_status(40)] == [task_id]


@pytest.mark.parametrize("use_case_id", ["", "a____b", "a_", None])
def test_r16_use_case_ids_are_refused_where_they_are_configured(
    new_step: Callable[..., Any], use_case_id: str | None
) -> None:
    with pytest.raises(ValueError, match="use_case_id"):
        new_step(use_case_id=use_case_id)


@pytest.mark.parametrize("use_case_id", ["", "a____b", "a_"])
def test_r16_use_case_ids_are_refused_where_they_are_given(step1: Any, wire: Wire, use_case_id: str) -> None:
    with wire.counting() as requests:
        for use in (
            lambda: step1.make_and_save("t", _use_case_id=use_case_id),
            lambda: step1.get_or_create("t", _use_case_id=use_case_id),
            lambda: step1.get_one_or_none("t", _use_case_id=use_case_id),
            lambda: step1.count_tasks_by_use_case_id(use_case_id),
            lambda: step1.delete_tasks_by_use_case_id(use_case_id),
            lambda: step1.query_by_status(10, use_case_id=use_case_id).all(),
        ):
            with pytest.raises(ValueError, match="use_case_id"):
                use()
    assert not requests


def test_r16_another_separator_makes_other_ids_possible(new_step: Callable[..., Any]) -> None:
    step = new_step(use_case_id="a____b", sep="::")
    with step.start("t", create=True):
        pass
    assert (stored(step, "t").key, stored(step, "t").use_case_id) == ("a____b::t", "a____b")
    assert [task.task_id for task in step.query_by_status(40)] == ["t"]


def test_r16_a_use_case_id_fits_into_the_index_or_is_refused(new_step: Callable[..., Any]) -> None:
    longest = 2048 - len("____020____000")
    step = new_step(use_case_id="u" * longest)
    step.make_and_save("t")
    with step.start("t"):
        pass
    assert [listed.task_id for listed in step.query_by_status(40)] == ["t"]
    for too_long in ("u" * (longest + 1), "é" * (longest // 2 + 1)):
        with pytest.raises(ValueError, match=r"in the index, and at most 2,048"):
            new_step(use_case_id=too_long)
