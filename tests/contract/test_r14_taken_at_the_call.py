"""R14: a write of the user's own is checked, and taken as it is, at the call; the block learns at once of a bad one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import status_tracker as st
from tests.support.items import FREE, raw_item, stored
from tests.support.wire import Wire

BAD: dict[str, Callable[[Any, Any], None]] = {
    "save": lambda ctx, page: ctx.also.save(page(text="of no number")),
    "update": lambda ctx, page: ctx.also.update(page("1"), actions=[]),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_r14_bad_write_raises_in_the_block_and_is_recorded_if_it_leaves_it(
    step1: Any, wire: Wire, page: Any, pages: Any, bad: Callable[[Any, Any], None]
) -> None:
    step1.make_and_save("t", {"page": 0})
    with (
        wire.counting() as requests,
        pytest.raises(ValueError, match=r"number|actions") as left,
        step1.start("t") as ctx,
    ):
        ctx.set_data({"page": 1})
        ctx.also.save(page("good"))
        try:
            bad(ctx, page)
        except ValueError as error:
            seen_inside = error
            raise
    assert left.value is seen_inside
    assert requests == {"UpdateItem": 2}
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock, task.data, pages()) == (30, 1, FREE, {"page": 0}, {})
    assert [entry["error"] for entry in task.errors["history"]] == [repr(seen_inside)]


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_r14_bad_write_that_the_block_swallows_is_not_stored_and_the_others_are(
    step1: Any, page: Any, pages: Any, bad: Callable[[Any, Any], None]
) -> None:
    with step1.start("t", create=True) as ctx:
        ctx.also.save(page("good"))
        with pytest.raises(ValueError, match=r"number|actions"):
            bad(ctx, page)
    assert (stored(step1, "t").status, pages()) == (40, {"good": (None, 0)})


def test_r14_one_object_saved_twice_is_taken_as_it_was_at_each_call(
    step1: Any, wire: Wire, page: Any, pages: Any
) -> None:
    with step1.start("t", create=True) as ctx:
        one = page("first", text="one", reads=1)
        ctx.also.save(one)
        one.number, one.text, one.reads = "second", "two", 2
        ctx.also.save(one)
        one.number, one.text, one.reads = "third", "three", 3
    assert pages() == {"first": ("one", 1), "second": ("two", 2)}
    assert ctx.task.serialize() == raw_item(wire, step1, "t")


def test_r14_object_changed_after_update_and_delete_changes_neither(step1: Any, page: Any, pages: Any) -> None:
    for number in ("read", "old", "other"):
        page(number, reads=1).save()
    with step1.start("t", create=True) as ctx:
        read, old = page("read"), page("old")
        ctx.also.update(read, actions=[page.reads.add(1)])
        ctx.also.delete(old)
        read.number = old.number = "other"
    assert pages() == {"read": (None, 2), "other": (None, 1)}


def test_r14_bad_write_can_be_named_non_retryable(new_step: Callable[..., Any], page: Any) -> None:
    step1 = new_step(non_retryable=[ValueError])
    with pytest.raises(ValueError, match="actions"), step1.start("t", create=True) as ctx:
        ctx.also.update(page("1"), actions=[])
    with pytest.raises(st.TaskIgnoredError):
        step1.start("t").__enter__()
