"""R7 to R9: what the end of a block stores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import TICK, Clock
from tests.support.items import FREE, raw_item, stored
from tests.support.wire import Wire


class DocumentError(Exception):
    """The worker's own failure."""


class RottenError(st.NonRetryableError):
    """No retry can help."""


class LaterError(Exception):
    def __init__(self, retry_after: object) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class ShyError(Exception):
    """It cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __str__(self) -> str:
        raise RuntimeError("no str")


class UndecidedError(Exception):
    @property
    def retry_after(self) -> float:
        raise RuntimeError("no advice")


def _fail(step: Any, error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, step.start("t"):
        raise error
    assert raised.value is error


def test_r7_success_is_one_write(step1: Any, wire: Wire, clock: Clock) -> None:
    step1.make_and_save("t", {"page": 0}, retry=2)
    with wire.counting() as requests:
        with step1.start("t") as ctx:
            clock.advance(5)
            ctx.set_data({"page": 1}).set_data({"page": 2, "text": "Grüße 你好"})
        after = ctx.task
    assert requests == {"UpdateItem": 2}
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock) == (40, 0, FREE)
    assert (task.data, task.update_time) == ({"page": 2, "text": "Grüße 你好"}, clock.now)
    assert not task.is_locked()
    assert after.serialize() == raw_item(wire, step1, "t")


@pytest.mark.parametrize(("data", "expected"), [({}, {}), (None, {}), ({"deep": [1, None]}, {"deep": [1, None]})])
def test_r7_data_is_what_set_data_gave(step1: Any, data: dict[str, Any] | None, expected: dict[str, Any]) -> None:
    step1.make_and_save("t", {"page": 0})
    with step1.start("t") as ctx:
        ctx.set_data(data)
    assert stored(step1, "t").data == expected


def test_r7_data_stays_when_nothing_was_set(step1: Any) -> None:
    step1.make_and_save("t", {"page": 0})
    with step1.start("t"):
        pass
    assert stored(step1, "t").data == {"page": 0}


def test_r7_data_that_cannot_be_stored_is_refused_where_it_is_set(step1: Any) -> None:
    step1.make_and_save("t")
    with pytest.raises(TypeError), step1.start("t") as ctx:
        ctx.set_data({"page": object()})
    assert (stored(step1, "t").status, stored(step1, "t").lock) == (30, FREE)


def test_r7_data_changed_after_it_was_set_does_not_keep_the_task_locked(step1: Any) -> None:
    step1.make_and_save("t")
    data: dict[str, Any] = {"page": 1}
    try:
        with step1.start("t") as ctx:
            ctx.set_data(data)
            data["page"] = object()
    except TypeError:
        pass
    assert stored(step1, "t").lock == FREE


def test_r8_failure_writes_one_entry_and_releases(step1: Any, wire: Wire, clock: Clock) -> None:
    step1.make_and_save("t", {"page": 0})
    with wire.counting() as requests:
        execution = step1.start("t")
        with pytest.raises(DocumentError) as raised, execution as ctx:
            ctx.set_data({"page": 1})
            clock.advance(5)
            raise DocumentError("no page")
    assert requests == {"UpdateItem": 2}
    assert not getattr(raised.value, "__notes__", [])
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock, task.update_time) == (30, 1, FREE, clock.now)
    assert task.data == {"page": 0}
    (entry,) = task.errors["history"]
    assert set(entry) == {"nth_retry", "update_time", "error", "traceback"}
    assert (entry["nth_retry"], entry["error"]) == (1, "DocumentError('no page')")
    assert entry["update_time"] == clock.now.isoformat()
    assert 'raise DocumentError("no page")' in entry["traceback"]
    assert ctx.task.serialize() == raw_item(wire, step1, "t")


def test_r8_data_stored_by_update_survives_the_failure(step1: Any) -> None:
    step1.make_and_save("t", {"page": 0})
    with pytest.raises(DocumentError), step1.start("t") as ctx:
        ctx.set_data({"page": 1}).update()
        ctx.set_data({"page": 2})
        raise DocumentError
    assert stored(step1, "t").data == {"page": 1}


@pytest.mark.parametrize("max_retry", [1, 2, 3])
def test_r8_ignored_after_max_retry_failures_in_a_row(new_step: Callable[..., Any], max_retry: int) -> None:
    step1 = new_step(max_retry=max_retry)
    step1.make_and_save("t")
    seen = []
    for n in range(max_retry):
        _fail(step1, DocumentError(n))
        seen.append((stored(step1, "t").status, stored(step1, "t").retry))
    assert seen == [(30, n + 1) for n in range(max_retry - 1)] + [(50, max_retry)]
    history = stored(step1, "t").errors["history"]
    assert [(entry["nth_retry"], entry["error"]) for entry in history] == [
        (n + 1, f"DocumentError({n})") for n in range(max_retry)
    ]


def test_r8_a_success_ends_the_row(step1: Any, step2: Any) -> None:
    step1.make_and_save("t")
    _fail(step1, DocumentError(1))
    _fail(step1, DocumentError(2))
    with step1.start("t"):
        pass
    _fail(step2, DocumentError(3))
    task = stored(step2, "t")
    assert (task.status, task.retry, len(task.errors["history"])) == (80, 1, 3)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError(), ShyError()], ids=type)
def test_r8_whatever_ends_the_block_is_recorded_and_releases(step1: Any, error: BaseException) -> None:
    step1.make_and_save("t")
    _fail(step1, error)
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock) == (30, 1, FREE)
    (entry,) = task.errors["history"]
    assert type(error).__name__ in entry["error"]
    assert type(error).__name__ in entry["traceback"]


def test_r8_a_cancelled_coroutine_is_recorded(step1: Any) -> None:
    step1.make_and_save("t")

    async def work(entered: asyncio.Event) -> None:
        with step1.start("t"):
            entered.set()
            await asyncio.Event().wait()

    async def cancel() -> None:
        entered = asyncio.Event()
        worker = asyncio.create_task(work(entered))
        await entered.wait()
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker

    asyncio.run(cancel())
    assert (stored(step1, "t").status, stored(step1, "t").lock) == (30, FREE)


def test_r8_a_generator_that_is_closed_inside_the_block_is_recorded(step1: Any) -> None:
    step1.make_and_save("t")

    def pages() -> Iterator[int]:
        with step1.start("t"):
            yield 1

    opened = pages()
    next(opened)
    opened.close()
    assert (stored(step1, "t").status, stored(step1, "t").lock) == (30, FREE)
    assert stored(step1, "t").errors["history"][0]["error"] == "GeneratorExit()"


def test_r8_traceback_is_limited_to_the_newest_frames(new_step: Callable[..., Any]) -> None:
    step1 = new_step(traceback_stack_limit=2)
    step1.make_and_save("t")

    def outer(depth: int) -> None:
        if depth == 0:
            raise DocumentError("deep")
        outer(depth - 1)

    with pytest.raises(DocumentError), step1.start("t"):
        outer(20)
    trace = stored(step1, "t").errors["history"][0]["traceback"]
    assert trace.count("  File ") == 2
    assert 'raise DocumentError("deep")' in trace


@pytest.mark.parametrize("error", [st.NonRetryableError("rotten"), RottenError("rotten")], ids=type)
def test_r9_hopeless_errors_are_ignored_at_once(step1: Any, error: Exception) -> None:
    step1.make_and_save("t")
    _fail(step1, error)
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock) == (50, 1, FREE)
    assert [entry["error"] for entry in task.errors["history"]] == [repr(error)]


def test_r9_config_adds_types_and_keeps_the_usual_one(new_step: Callable[..., Any]) -> None:
    step1 = new_step(non_retryable=[LookupError])
    for error, status in ((KeyError("page"), 50), (DocumentError(), 30), (RottenError(), 50)):
        step1.delete_all()
        step1.make_and_save("t")
        _fail(step1, error)
        assert stored(step1, "t").status == status


@pytest.mark.parametrize("seconds", [90, 0.5])
def test_r9_retry_after_refuses_starts_until_then(step1: Any, wire: Wire, clock: Clock, seconds: float) -> None:
    step1.make_and_save("t")
    _fail(step1, LaterError(seconds))
    due = clock.now + timedelta(seconds=seconds)
    for now in (clock.now, due - TICK):
        clock.now = now
        with wire.counting() as requests, pytest.raises(st.TaskNotDueError) as refusal:
            step1.start("t").__enter__()
        assert requests == {"UpdateItem": 1}
        assert refusal.value.not_before == due
        assert due.isoformat() in str(refusal.value)
    clock.now = due
    with step1.start("t") as ctx:
        assert ctx.task.retry == 1
    assert stored(step1, "t").not_before is None


def test_r9_next_failure_without_retry_after_is_due_at_once(step1: Any, clock: Clock) -> None:
    step1.make_and_save("t")
    _fail(step1, LaterError(90))
    clock.advance(90)
    _fail(step1, DocumentError())
    with step1.start("t"):
        pass


@pytest.mark.parametrize("advice", [None, 0, -5, True, "90", float("nan"), float("inf")])
def test_r9_advice_that_is_no_time_to_wait_is_not_followed(step1: Any, advice: object) -> None:
    step1.make_and_save("t")
    _fail(step1, LaterError(advice))
    with step1.start("t") as ctx:
        assert ctx.task.retry == 1


@pytest.mark.parametrize("advice", [1e12, 1e300, 10**400], ids=["beyond the calendar", "beyond timedelta", "no float"])
def test_r9_advice_beyond_all_time_still_records_the_failure(step1: Any, advice: float) -> None:
    step1.make_and_save("t")
    _fail(step1, LaterError(advice))
    assert (stored(step1, "t").status, stored(step1, "t").lock) == (30, FREE)


def test_r9_advice_that_cannot_be_read_still_records_the_failure(step1: Any) -> None:
    step1.make_and_save("t")
    _fail(step1, UndecidedError())
    assert (stored(step1, "t").status, stored(step1, "t").lock) == (30, FREE)
