"""What a block changes while its own `update` is under way is stored later, and never lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from status_tracker.testing import MemoryStore


@pytest.fixture
def held_up(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """The first update waits: two events, that it is under way, and that it may go on."""
    under_way, go_on = threading.Event(), threading.Event()
    write = MemoryStore.write

    def waiting(store: Any, request: Any) -> Any:
        answer = write(store, request)
        if "data" in request.changes and not under_way.is_set():
            under_way.set()
            go_on.wait(60)
        return answer

    monkeypatch.setattr(MemoryStore, "write", waiting)
    return under_way, go_on


def set_first(ctx: Any) -> None:
    ctx.set_data({"n": 1})


def look_and_set_first(ctx: Any) -> None:
    assert ctx.task.data == {"n": 0}
    ctx.set_data({"n": 1})


def leave_first(ctx: Any) -> None:
    ctx.task.data["n"] = 1


def assign_first(ctx: Any) -> None:
    ctx.task.data = {"n": 1}


def set_anew(ctx: Any) -> None:
    ctx.set_data({"n": 2})


def set_the_same_object_anew(ctx: Any) -> None:
    ctx.set_data(ctx.pending_data or ctx.task.data)
    (ctx.pending_data or ctx.task.data)["n"] = 2


def change_in_place(ctx: Any) -> None:
    ctx.task.data["n"] = 2


def assign(ctx: Any) -> None:
    ctx.task.data = {"n": 2}


def assign_what_was_stored_before(ctx: Any) -> None:
    ctx.task.data = {"n": 0}


def change_and_set_anew(ctx: Any) -> None:
    ctx.task.data["n"] = 5
    ctx.set_data({"n": 2})


@pytest.mark.parametrize(
    ("first", "meanwhile", "stored"),
    [
        *((first, set_anew, 2) for first in (set_first, look_and_set_first, leave_first, assign_first)),
        *((first, set_the_same_object_anew, 2) for first in (set_first, leave_first, assign_first)),
        *((first, change_in_place, 2) for first in (look_and_set_first, leave_first, assign_first)),
        *((first, assign, 2) for first in (look_and_set_first, leave_first, assign_first)),
        *((first, assign_what_was_stored_before, 0) for first in (leave_first, assign_first)),
        *((first, change_and_set_anew, 2) for first in (look_and_set_first, leave_first, assign_first)),
        *((first, lambda _: None, 1) for first in (set_first, look_and_set_first, leave_first, assign_first)),
    ],
)
def test_what_is_changed_during_an_update_is_stored_at_the_end(
    step: Any,
    held_up: tuple[threading.Event, threading.Event],
    first: Callable[[Any], None],
    meanwhile: Callable[[Any], None],
    stored: int,
) -> None:
    under_way, go_on = held_up

    async def work() -> None:
        async with step.astart("t") as ctx:
            first(ctx)
            update = asyncio.create_task(ctx.update())
            await asyncio.to_thread(under_way.wait, 10)
            meanwhile(ctx)
            go_on.set()
            await update
            assert step.get_one_or_none("t").data == {"n": 1}
        assert ctx.task.data == {"n": stored}

    step.make_and_save("t", {"n": 0})
    asyncio.run(work())
    task = step.get_one_or_none("t")
    assert (task.status_name, task.data) == ("succeeded", {"n": stored})
