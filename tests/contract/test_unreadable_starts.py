"""A start does not hold what it cannot read: a clear error, and nothing stays locked."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from pynamodb.attributes import UnicodeAttribute

import status_tracker as st
from tests.contract.test_unreadable_items import WHOLE_ONLY, damage
from tests.support.clock import Clock
from tests.support.items import raw_item
from tests.support.wire import Wire, answer_lost

DAMAGES: dict[str, dict[str, Any]] = {
    **WHOLE_ONLY,
    "errors no JSON": {"errors": {"S": "{"}},
    "history no list": {"errors": {"S": '{"history": 7}'}},
    "actions of another kind": {"errors": {"S": '{"actions": ["rerun"]}'}},
    "retry no number": {"retry": {"S": "1"}},
}


class PageAttribute(UnicodeAttribute):
    """An attribute of the user's own, which not every stored text fits."""

    def deserialize(self, value: str) -> str:
        if value == "torn":
            raise ArithmeticError("no page")
        return value


@pytest.fixture
def paged(step1: Any) -> Any:
    class Paged(step1):  # type: ignore[misc]
        page = PageAttribute(null=True)

    return Paged


def start(step: Any) -> st.TaskUnreadableError:
    with pytest.raises(st.TaskUnreadableError) as refusal, step.start("t"):
        pytest.fail("the block was entered")
    return refusal.value


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES)
def test_a_start_says_what_cannot_be_read_and_leaves_nothing_locked(
    step1: Any, wire: Wire, change: dict[str, Any]
) -> None:
    step1.make_and_save("t", {"page": 1})
    damage(wire, step1, "t", change)
    error = start(step1)
    assert str(error).startswith("The item 'test____t' cannot be read: ")
    assert "Mend it in the table, or delete it." in str(error)
    assert (error.use_case_id, error.task_id) == ("test", "t")
    item = raw_item(wire, step1, "t")
    assert item is not None
    assert (item["status"], item["lock"]) == ({"N": "30"}, {"S": "__not_locked__"})
    assert "lock_expire_time" not in item
    assert {name: item[name] for name in change} == change


def test_its_attempts_count_and_say_why(paged: Any, step1: Any, wire: Wire, clock: Clock) -> None:
    """What the tracker needs can be read: so the attempts are on record, and a task nobody mends is set aside."""
    step1.make_and_save("t")
    damage(wire, step1, "t", {"page": {"S": "torn"}})
    for _ in range(3):
        assert "ArithmeticError: no page" in str(start(paged))
        clock.advance(1)
    task = step1.get_one_or_none("t", consistent_read=True)
    assert (task.status, task.retry, task.is_locked(), len(task.finished_locks)) == (50, 3, False, 3)
    assert all("TaskUnreadableError" in entry["error"] for entry in task.errors["history"])
    damage(wire, step1, "t", {"page": {"S": "mended"}})
    paged.rerun("t", reason="mended")
    with paged.start("t") as ctx:
        assert ctx.task.page == "mended"


def test_the_lock_of_another_stays(paged: Any, step1: Any, wire: Wire) -> None:
    step1.make_and_save("t")
    with step1.start("t"):
        damage(wire, step1, "t", {"page": {"S": "torn"}})
        before = raw_item(wire, step1, "t")
        start(paged)
        assert raw_item(wire, step1, "t") == before
    assert step1.get_one_or_none("t", consistent_read=True).status == 40


def test_r5_an_acquire_whose_answer_was_lost_is_given_back_too(paged: Any, step1: Any, wire: Wire) -> None:
    step1.make_and_save("t")
    damage(wire, step1, "t", {"page": {"S": "torn"}})
    wire.inject("UpdateItem", answer_lost)
    start(paged)
    task = step1.get_one_or_none("t", consistent_read=True)
    assert (task.status, task.retry, task.is_locked()) == (30, 1, False)


def test_a_takeover_of_it_is_refused(paged: Any, step1: Any, wire: Wire, clock: Clock) -> None:
    step1.make_and_save("t")
    step1.start("t").__enter__()
    damage(wire, step1, "t", {"page": {"S": "torn"}})
    clock.advance(60)
    before = raw_item(wire, step1, "t")
    start(paged)
    assert raw_item(wire, step1, "t") == before


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_torn_during_the_block_hides_no_end(paged: Any, step1: Any, wire: Wire, fails: bool) -> None:
    """The end is stored, and told as what it is."""
    paged.make_and_save("t")
    with pytest.raises(OSError, match="mine") if fails else nullcontext(), paged.start("t") as ctx:
        damage(wire, step1, "t", {"page": {"S": "torn"}})
        ctx.set_data({"pages": 3})
        if fails:
            raise OSError("mine")
    task = step1.get_one_or_none("t", consistent_read=True)
    assert (task.status, task.retry, task.is_locked()) == ((30, 1, False) if fails else (40, 0, False))
    assert (ctx.task.status, ctx.task.is_locked()) == (task.status, False)
    assert ctx.task.data == ({} if fails else {"pages": 3})


@pytest.mark.parametrize("act", ["rerun", "ignore", "cancel"])
def test_an_action_names_it_and_changes_nothing(paged: Any, step1: Any, wire: Wire, act: str) -> None:
    step1.make_and_save("t")
    before = damage(wire, step1, "t", {"page": {"S": "torn"}})
    with pytest.raises(st.TaskUnreadableError, match="no page"):
        getattr(paged, act)("t", reason="mended")
    with pytest.raises(st.TaskUnreadableError, match="no page"):
        paged.make_and_save("t")
    assert raw_item(wire, step1, "t") == before
