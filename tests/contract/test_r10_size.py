"""R10: an item never outgrows DynamoDB, whatever its data, its errors and its past are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pynamodb.attributes import UnicodeAttribute

import status_tracker as st
from status_tracker.core.history import HISTORY_BYTES, MAX_DATA_BYTES
from tests.support.clock import Clock
from tests.support.items import FREE, put_older_item, raw_item, stored
from tests.support.wire import Wire

KB = 1024
CREATE = {
    "make_and_save": lambda step, data: step.make_and_save("t", data),
    "get_or_create": lambda step, data: step.get_or_create("t", data),
    "start(create)": lambda step, data: step.start("t", create=True, data=data).__enter__(),
}


class DocumentError(Exception):
    """The worker's own failure."""


@pytest.fixture
def wide(step1: Any) -> Any:
    """A step whose items have a large attribute of the user's own."""

    class Wide(step1):  # type: ignore[misc]
        text = UnicodeAttribute(null=True)

    return Wide


def _data(size: int) -> dict[str, str]:
    """Data whose JSON is of exactly that many bytes."""
    return {"text": "x" * (size - len(json.dumps({"text": ""})))}


def _fail(step: Any, error: Exception) -> None:
    with pytest.raises(type(error)), step.start("t"):
        raise error


def _errors(step: Any) -> list[str]:
    return [entry["error"].partition("(")[0] for entry in stored(step, "t").errors["history"]]


@pytest.mark.parametrize("create", CREATE.values(), ids=CREATE)
def test_r10_data_at_the_limit_is_created(step1: Any, create: Callable[[Any, Any], object]) -> None:
    create(step1, _data(MAX_DATA_BYTES))
    assert stored(step1, "t").data == _data(MAX_DATA_BYTES)


@pytest.mark.parametrize("create", CREATE.values(), ids=CREATE)
def test_r10_data_over_the_limit_is_refused_at_creation(
    step1: Any, wire: Wire, create: Callable[[Any, Any], object]
) -> None:
    with wire.counting() as requests, pytest.raises(st.TaskDataTooLargeError, match=f"{MAX_DATA_BYTES:,}") as error:
        create(step1, _data(MAX_DATA_BYTES + 1))
    assert (error.value.use_case_id, error.value.task_id) == ("test", "t")
    assert not requests
    assert stored(step1, "t") is None


@pytest.mark.parametrize("create", list(CREATE.values())[:2], ids=list(CREATE)[:2])
def test_r10_users_attributes_over_the_limit_are_refused_at_creation(
    wide: Any, create: Callable[[Any, Any], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = wide.make
    monkeypatch.setattr(wide, "make", lambda *values, **named: make(*values, text="x" * 450 * KB, **named))
    with pytest.raises(st.TaskDataTooLargeError):
        create(wide, {})
    assert stored(wide, "t") is None


def test_r10_data_at_the_limit_is_stored_by_update_and_with_the_success(step1: Any) -> None:
    step1.make_and_save("t")
    with step1.start("t") as ctx:
        ctx.set_data(_data(MAX_DATA_BYTES)).update()
        ctx.set_data(_data(MAX_DATA_BYTES))
    assert (stored(step1, "t").status, stored(step1, "t").data) == (40, _data(MAX_DATA_BYTES))


def test_r10_data_over_the_limit_fails_the_attempt_and_releases(step1: Any) -> None:
    step1.make_and_save("t", {"page": 0})
    with pytest.raises(st.TaskDataTooLargeError), step1.start("t") as ctx:
        ctx.set_data(_data(MAX_DATA_BYTES + 1))
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock, task.data) == (30, 1, FREE, {"page": 0})
    assert _errors(step1) == ["TaskDataTooLargeError"]


def test_r10_block_may_store_something_smaller_instead(step1: Any) -> None:
    step1.make_and_save("t")
    with step1.start("t") as ctx:
        with pytest.raises(st.TaskDataTooLargeError):
            ctx.set_data(_data(MAX_DATA_BYTES + 1))
        ctx.set_data({"see": "s3://results/t.json"})
    assert (stored(step1, "t").status, stored(step1, "t").data) == (40, {"see": "s3://results/t.json"})


@pytest.mark.parametrize(
    ("late", "error"), [("x" * MAX_DATA_BYTES, st.TaskDataTooLargeError), (object(), TypeError)], ids=["large", "odd"]
)
def test_r10_data_that_outgrew_its_item_after_it_was_set_fails_the_attempt(
    step1: Any, late: object, error: type[Exception]
) -> None:
    step1.make_and_save("t", {"page": 0})
    data: dict[str, object] = {"page": 1}
    with pytest.raises(error), step1.start("t") as ctx:
        ctx.set_data(data)
        data["late"] = late
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock, task.data) == (30, 1, FREE, {"page": 0})
    assert _errors(step1) == [error.__name__]
    assert ctx.task.status == 30


@pytest.mark.parametrize("size", [MAX_DATA_BYTES + KB, 500 * KB])
def test_r10_update_checks_again_too(step1: Any, size: int) -> None:
    step1.make_and_save("t", {"page": 0})
    data: dict[str, object] = {"page": 1}
    with pytest.raises(st.TaskDataTooLargeError), step1.start("t") as ctx:
        ctx.set_data(data)
        data["late"] = "x" * size
        ctx.update()
    task = stored(step1, "t")
    assert (task.status, task.lock, task.data) == (30, FREE, {"page": 0})


def test_r10_users_attributes_that_leave_no_room_fail_the_attempt(wide: Any) -> None:
    wide.make_and_save("t", {"page": 0}, text="x" * 200 * KB)
    with pytest.raises(st.TaskDataTooLargeError), wide.start("t") as ctx:
        ctx.set_data(_data(300 * KB))
    task = stored(wide, "t")
    assert (task.status, task.retry, task.lock, task.data) == (30, 1, FREE, {"page": 0})
    assert _errors(wide) == ["TaskDataTooLargeError"]


def test_r10_item_that_another_has_filled_to_the_brim_is_refused_in_words(wide: Any, wire: Wire) -> None:
    wide.make_and_save("t")
    room = 400 * KB - _size(raw_item(wire, wide, "t"))
    wide("test____t").update(actions=[wide.text.set("x" * (room - len("text")))])
    for act in (
        lambda: wide.start("t").__enter__(),
        lambda: wide.rerun("t", reason="in vain"),
        lambda: wide.ignore("t", reason="in vain"),
    ):
        with pytest.raises(st.TaskDataTooLargeError):
            act()
    assert (stored(wide, "t").status, stored(wide, "t").lock) == (10, FREE)


def test_r10_three_hundred_failures_never_brick_the_task(new_step: Callable[..., Any]) -> None:
    step1 = new_step(max_retry=1000)
    step1.make_and_save("t")
    for n in range(300):
        _fail(step1, DocumentError(n, "no page" if n < 250 else "你好\x00" * 4000))
    task = stored(step1, "t")
    history, dropped = task.errors["history"], task.errors["dropped"]
    assert (task.status, task.retry, len(history) + dropped) == (30, 300, 300)
    assert [entry["nth_retry"] for entry in history] == [1, *range(302 - len(history), 301)]
    assert len(json.dumps(history)) < HISTORY_BYTES * 1.05
    with step1.start("t"):
        pass
    assert stored(step1, "t").status == 40


def test_r10_older_item_with_a_huge_history_is_trimmed_by_the_next_failure(
    step1: Any, wire: Wire, clock: Clock
) -> None:
    entry = {"nth_retry": 1, "update_time": "before", "error": "E()", "traceback": "x" * KB}
    history = [{**entry, "nth_retry": n} for n in range(1, 281)]
    put_older_item(wire, step1, "t", status=30, now=clock.now, retry=1, errors={"history": history})
    _fail(step1, DocumentError("no page"))
    task = stored(step1, "t")
    kept = task.errors["history"]
    assert (task.status, task.retry, kept[0], kept[-2]) == (30, 2, history[0], history[-1])
    assert (kept[-1]["error"], len(kept) + task.errors["dropped"]) == ("DocumentError('no page')", 281)
    assert len(json.dumps(kept)) <= HISTORY_BYTES * 1.05


def test_r10_largest_data_history_actions_and_key_fit_together(new_step: Callable[..., Any], wire: Wire) -> None:
    step1 = new_step(use_case_id="u" * 1000, max_retry=100)
    task_id = "t" * (2048 - 1004)
    step1.make_and_save(task_id, _data(MAX_DATA_BYTES))
    for n in range(20):
        step1.rerun(task_id, reason="é" * KB, by=f"{n}" * KB)
    for _ in range(10):
        with pytest.raises(DocumentError), step1.start(task_id):
            raise DocumentError("你" * 10 * KB)
    with step1.start(task_id) as ctx:
        ctx.set_data(_data(MAX_DATA_BYTES))
    task = stored(step1, task_id)
    assert (task.status, len(task.errors["actions"])) == (40, 20)
    assert _size(raw_item(wire, step1, task_id)) <= 400 * KB


@pytest.mark.parametrize("vanishing", [False, True], ids=["fails", "vanishes"])
def test_r10_older_item_with_more_data_than_ours_may_have_still_ends(
    step1: Any, wire: Wire, clock: Clock, vanishing: bool
) -> None:
    put_older_item(wire, step1, "t", status=10, now=clock.now, data=_data(394 * KB))
    for _ in range(3):
        execution = step1.start("t")
        execution.__enter__()
        if vanishing:
            clock.advance(60)
        else:
            error = DocumentError("x" * 10 * KB)
            execution.__exit__(DocumentError, error, None)
            assert not getattr(error, "__notes__", [])
    with pytest.raises(st.TaskIgnoredError):
        step1.start("t").__enter__()
    assert (stored(step1, "t").status, stored(step1, "t").retry) == (50, 3)


def _size(item: dict[str, Any] | None) -> int:
    """As DynamoDB counts: the names and the values, in UTF-8; a number takes at most what its digits do."""
    assert item is not None
    return sum(len(name.encode()) + len(str(*value.values()).encode()) for name, value in item.items())


def test_r10_the_fullest_item_takes_every_further_write(step1: Any) -> None:
    """Data, history, actions and ids of the greatest length at once."""
    task_id = "i" * (2048 - len("test____"))
    step1.make_and_save(task_id, _data(MAX_DATA_BYTES))
    for nth in range(12):
        with pytest.raises(DocumentError), step1.start(task_id):
            raise DocumentError("x" * 5 * KB)
        for action in ("ignore", "unignore"):
            long = {name: f"{nth}{action}".ljust(510, name[0]) for name in ("reason", "by", "request_id")}
            getattr(step1, action)(task_id, **long)
    with pytest.raises(st.Postponed), step1.start(task_id):
        raise st.Postponed("x" * 5 * KB, retry_after=60)
    step1.rerun(task_id, reason="r" * 510, by="b" * 510, request_id="i" * 510)
    task = stored(step1, task_id)
    assert len(task.errors["actions"]) >= 11
    assert task.errors["dropped"] >= 1
    with step1.start(task_id) as ctx:
        ctx.set_data(_data(MAX_DATA_BYTES))
    assert stored(step1, task_id).status == 40
