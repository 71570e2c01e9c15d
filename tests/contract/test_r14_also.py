"""R14: what the block asks to be stored along with its success is stored with it, or neither is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import Clock
from tests.support.items import FREE, raw_item, stored
from tests.support.wire import Wire


class DocumentError(Exception):
    """The worker's own failure."""


def _ask(ctx: Any, page: Any) -> None:
    """One write of each kind, each with a condition that holds."""
    ctx.also.save(page("new", text="made"), condition=page.number.does_not_exist())
    ctx.also.update(page("read"), actions=[page.reads.add(1)], condition=page.reads == 1)
    ctx.also.delete(page("old"), condition=page.text == "old")


def _prepare(page: Any) -> dict[str, Any]:
    page("read", reads=1).save()
    page("old", text="old").save()
    return {"read": (None, 1), "old": ("old", 0)}


AFTER = {"new": ("made", 0), "read": (None, 2)}


def test_r14_success_and_writes_are_stored_together(step1: Any, wire: Wire, page: Any, pages: Any) -> None:
    _prepare(page)
    step1.make_and_save("t", {"page": 0}, retry=1)
    with wire.counting() as requests, step1.start("t") as ctx:
        ctx.set_data({"page": 1})
        _ask(ctx, page)
    assert requests == {"UpdateItem": 1, "TransactWriteItems": 1}
    assert pages() == AFTER
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock, task.data) == (40, 0, FREE, {"page": 1})


def test_r14_writes_to_the_tasks_own_table(step1: Any, step2: Any) -> None:
    step1.make_and_save("old")
    step1.make_and_save("read", {"page": 0})
    with step1.start("t", create=True) as ctx:
        ctx.also.save(step2.make("next", {"from": "t"}), condition=step2.key.does_not_exist())
        ctx.also.update(step1(step1.make_key("read")), actions=[step1.data.set({"page": 1})])
        ctx.also.delete(step1(step1.make_key("old")), condition=step1.status == 10)
    assert stored(step1, "t").status == 40
    assert (stored(step2, "next").status, stored(step2, "next").data) == (40, {"from": "t"})
    assert stored(step1, "read").data == {"page": 1}
    assert stored(step1, "old") is None


def test_r14_writes_without_conditions(step1: Any, page: Any, pages: Any) -> None:
    _prepare(page)
    with step1.start("t", create=True) as ctx:
        ctx.also.save(page("new", text="made"))
        ctx.also.update(page("read"), [page.reads.add(1)])
        ctx.also.delete(page("old"))
    assert pages() == AFTER


FAILING: dict[str, Callable[[Any, Any], None]] = {
    "save": lambda ctx, page: ctx.also.save(page("read"), condition=page.number.does_not_exist()),
    "update": lambda ctx, page: ctx.also.update(page("read"), [page.reads.add(1)], condition=page.reads == 7),
    "delete": lambda ctx, page: ctx.also.delete(page("read"), condition=page.reads == 7),
}


@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
def test_r14_failing_condition_stores_nothing_and_fails_the_attempt(
    step1: Any, wire: Wire, page: Any, pages: Any, failing: Callable[[Any, Any], None]
) -> None:
    before = _prepare(page)
    step1.make_and_save("t", {"page": 0})
    with wire.counting() as requests, pytest.raises(st.TaskTransactionError) as error, step1.start("t") as ctx:
        ctx.set_data({"page": 1})
        ctx.also.save(page("new", text="made"))
        failing(ctx, page)
    assert requests == {"UpdateItem": 2, "TransactWriteItems": 1}
    assert "ConditionalCheckFailed" in str(error.value)
    assert (error.value.use_case_id, error.value.task_id) == ("test", "t")
    assert pages() == before
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock, task.data) == (30, 1, FREE, {"page": 0})
    assert [entry["error"].partition("(")[0] for entry in task.errors["history"]] == ["TaskTransactionError"]
    assert ctx.task.serialize() == raw_item(wire, step1, "t")


def test_r14_failing_conditions_end_in_ignored(new_step: Callable[..., Any], page: Any, pages: Any) -> None:
    step1 = new_step(max_retry=2)
    before = _prepare(page)
    for n in range(2):
        with pytest.raises(st.TaskTransactionError), step1.start("t", create=True) as ctx:
            assert ctx.task.retry == n
            ctx.also.delete(page("old"), condition=page.text == "another")
    assert (stored(step1, "t").status, pages()) == (50, before)


def test_r14_block_that_raises_sends_nothing(step1: Any, wire: Wire, page: Any, pages: Any) -> None:
    before = _prepare(page)
    with wire.counting() as requests, pytest.raises(DocumentError), step1.start("t", create=True) as ctx:
        _ask(ctx, page)
        raise DocumentError("no page")
    assert requests == {"UpdateItem": 2}
    assert (stored(step1, "t").status, pages()) == (30, before)


def test_r14_nothing_is_sent_before_the_block_ends(step1: Any, wire: Wire, page: Any, pages: Any) -> None:
    before = _prepare(page)
    with step1.start("t", create=True) as ctx:
        with wire.counting() as requests:
            _ask(ctx, page)
        assert not requests
        ctx.set_data({"page": 1}).update()
        assert pages() == before
    assert pages() == AFTER


def test_r14_task_tells_what_is_stored_after_a_transaction(
    new_step: Callable[..., Any], wire: Wire, page: Any, clock: Clock
) -> None:
    step1 = new_step(ttl={40: timedelta(days=1)})
    step1.make_and_save("t", {"page": 0}, retry=1, errors={"history": [{"error": "E()"}]})
    with step1.start("t") as ctx:
        ctx.extend_lock()
        clock.advance(5)
        ctx.set_data({"page": 1})
        ctx.also.save(page("new"))
    assert ctx.task.serialize() == raw_item(wire, step1, "t")
    assert (ctx.task.status, ctx.task.is_locked(), ctx.task.data) == (40, False, {"page": 1})
    assert (ctx.task.shard_id, ctx.task.update_time) == (stored(step1, "t").shard_id, clock.now)


def test_r14_ninety_nine_writes_go_through_and_the_hundredth_is_refused(step1: Any, page: Any, pages: Any) -> None:
    with step1.start("t", create=True) as ctx:
        for n in range(99):
            ctx.also.save(page(f"{n}"))
    assert (stored(step1, "t").status, len(pages())) == (40, 99)

    with pytest.raises(ValueError, match="99"), step1.start("u", create=True) as ctx:
        for n in range(100, 200):
            ctx.also.save(page(f"{n}"))
    assert (stored(step1, "u").status, stored(step1, "u").lock, len(pages())) == (30, FREE, 99)


@pytest.mark.parametrize("whose", ["the user's", "the task's"])
def test_r14_two_writes_of_one_item_are_refused_and_recorded(
    step1: Any, wire: Wire, page: Any, pages: Any, whose: str
) -> None:
    before = _prepare(page)
    with pytest.raises(st.TaskTransactionError) as error, step1.start("t", create=True) as ctx:
        ctx.also.save(page("new"))
        if whose == "the user's":
            ctx.also.delete(page("new"))
        else:
            ctx.also.update(step1(step1.make_key("t")), actions=[step1.data.set({})])
    assert "multiple operations on one item" in str(error.value)
    assert pages() == before
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock) == (30, 1, FREE)
    assert ctx.task.serialize() == raw_item(wire, step1, "t")


def test_r14_write_of_an_item_that_is_too_large_is_refused_and_recorded(step1: Any, page: Any, pages: Any) -> None:
    with pytest.raises(st.TaskTransactionError), step1.start("t", create=True) as ctx:
        ctx.also.save(page("new", text="x" * 401 * 1024))
    assert (stored(step1, "t").status, stored(step1, "t").lock, pages()) == (30, FREE, {})


def test_r14_write_to_a_table_that_is_not_there_is_refused_and_recorded(step1: Any, page: Any) -> None:
    page.delete_table()
    with pytest.raises(st.TaskTransactionError), step1.start("t", create=True) as ctx:
        ctx.also.save(page("new"))
    assert (stored(step1, "t").status, stored(step1, "t").lock) == (30, FREE)


@pytest.mark.parametrize("how", ["taken over", "unlocked", "deleted"])
def test_r14_lock_lost_meanwhile_stores_nothing(
    step1: Any, wire: Wire, clock: Clock, page: Any, pages: Any, how: str
) -> None:
    before = _prepare(page)
    step1.make_and_save("t")
    stale = step1.start("t")
    _ask(stale.__enter__(), page)
    if how == "taken over":
        clock.advance(60)
        step1.start("t").__enter__()
    elif how == "unlocked":
        step1.unlock("t", reason="it looked dead")
    else:
        step1.delete_all()
    item = raw_item(wire, step1, "t")
    with pytest.raises(st.TaskLockLostError):
        stale.__exit__(None, None, None)
    assert raw_item(wire, step1, "t") == item
    assert pages() == before


def test_r14_lock_lost_and_a_failing_condition_is_told_as_the_lost_lock(
    step1: Any, clock: Clock, page: Any, pages: Any
) -> None:
    before = _prepare(page)
    stale = step1.start("t", create=True)
    stale.__enter__().also.delete(page("old"), condition=page.text == "another")
    clock.advance(60)
    step1.start("t").__enter__()
    with pytest.raises(st.TaskLockLostError):
        stale.__exit__(None, None, None)
    assert (stored(step1, "t").fence, pages()) == (2, before)
