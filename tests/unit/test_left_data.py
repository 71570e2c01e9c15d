"""`task.data` changed in a block is stored with the success, as if given to `set_data`; no change is lost silently."""

from __future__ import annotations

from typing import Any

import pytest

import status_tracker as st
from status_tracker.testing import MemoryStorage, MemoryTask
from tests.unit.steps import Clock, make_config


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())

    class Step(MemoryTask):
        config = make_config(clock=Clock())

    Step.make_and_save("t", {"page": 1, "texts": ["a"]})
    return Step


def stored(step: Any) -> Any:
    return step.get_one_or_none("t").data


def test_data_that_is_assigned_is_stored(step: Any) -> None:
    with step.start("t") as ctx:
        ctx.task.data = {"page": 2}
    assert stored(step) == {"page": 2}


def test_data_that_is_changed_in_place_is_stored(step: Any) -> None:
    with step.start("t") as ctx:
        ctx.task.data["page"] = 2
        ctx.task.data["texts"].append("b")
    assert stored(step) == ctx.task.data == {"page": 2, "texts": ["a", "b"]}


def test_a_failure_drops_it(step: Any) -> None:
    with pytest.raises(ValueError, match="no page"), step.start("t") as ctx:
        ctx.task.data["page"] = 2
        raise ValueError("no page")
    assert stored(step) == {"page": 1, "texts": ["a"]}


def test_it_is_kept_while_the_lease_is_renewed_and_stored_by_update(step: Any) -> None:
    with step.start("t") as ctx:
        task, data = ctx.task, ctx.task.data
        data["page"] = 2
        ctx.extend_lock()
        assert ctx.task is task
        assert ctx.task.data is data
        data["page"] = 3
        ctx.update()
        assert stored(step) == {"page": 3, "texts": ["a"]}
        task.data = {"page": 4}
    assert stored(step) == {"page": 4}


def test_what_is_not_looked_at_is_not_sent(step: Any) -> None:
    with step.start("t") as ctx:
        assert ctx.task.data["page"] == 1
        step.storage.store(ctx.task.key).task.data["page"] = 5
    assert stored(step)["page"] == 5


def test_set_data_replaces_what_was_changed_before(step: Any) -> None:
    with step.start("t") as ctx:
        ctx.task.data["page"] = 2
        ctx.set_data({"page": 3})
    assert stored(step) == {"page": 3}


def test_the_same_object_may_be_set_and_changed(step: Any) -> None:
    with step.start("t") as ctx:
        ctx.set_data(ctx.task.data)
        ctx.task.data["page"] = 2
    assert stored(step)["page"] == 2


def test_a_change_after_set_data_fails_the_attempt_and_says_so(step: Any) -> None:
    told = r"task\.data was changed after set_data.*give set_data all of it"
    with pytest.raises(ValueError, match=told), step.start("t") as ctx:
        ctx.set_data({"page": 3})
        ctx.task.data["page"] = 2
    task = step.get_one_or_none("t")
    assert (task.status_name, task.lock, task.data["page"]) == ("failed", None, 1)


def test_what_json_cannot_hold_fails_the_attempt(step: Any) -> None:
    with pytest.raises(TypeError, match=r"data\['page'\] is a object"), step.start("t") as ctx:
        ctx.task.data["page"] = object()
    assert step.get_one_or_none("t").status_name == "failed"


def test_after_the_block_nothing_of_it_is_stored(step: Any) -> None:
    with step.start("t") as ctx:
        pass
    ctx.task.data["page"] = 9
    with pytest.raises(st.TaskLockLostError):
        ctx.extend_lock()
    assert stored(step)["page"] == 1
