"""Section 4: a task that changes between its listing and its reading is not told as what it no longer is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clock import Clock
from tests.support.items import put_older_item
from tests.support.wire import Wire

Then = Callable[[], object]


def _ids(tasks: Any) -> list[str]:
    return [task.task_id for task in tasks]


def _meanwhile(wire: Wire, act: Then) -> None:
    """After the tasks were listed, and before they are read."""

    def acted(_request: object) -> None:
        act()

    wire.inject("BatchGetItem", acted)


@pytest.mark.parametrize("limit", [1, 10, None])
@pytest.mark.parametrize("how", ["succeeds", "fails", "renews", "is taken over"])
def test_stuck_task_that_moves_on_while_it_is_listed_is_not_given(
    step1: Any, wire: Wire, clock: Clock, how: str, limit: int | None
) -> None:
    worker = step1.start("moving", create=True)
    ctx = worker.__enter__()
    clock.advance(1)
    step1.start("stuck", create=True).__enter__()
    clock.advance(60)
    acts: dict[str, Then] = {
        "succeeds": lambda: worker.__exit__(None, None, None),
        "fails": lambda: worker.__exit__(OSError, OSError("no page"), None),
        "renews": ctx.extend_lock,
        "is taken over": lambda: step1.start("moving").__enter__(),
    }
    _meanwhile(wire, acts[how])
    assert _ids(step1.query_stuck(limit, auto_refresh=True)) == ["stuck"]
    assert not wire.pending("BatchGetItem")


def test_stuck_task_that_ends_while_it_is_listed_by_an_older_index_is_not_given(narrow: Any, clock: Clock) -> None:
    wire = Wire(narrow._get_connection().connection.client)
    put_older_item(wire, narrow, "stuck", status=20, now=clock.now, lock="older-worker", lock_age=3600)
    worker = narrow.start("moving", create=True)
    worker.__enter__()
    clock.advance(60)
    _meanwhile(wire, lambda: worker.__exit__(None, None, None))
    assert _ids(narrow.query_stuck()) == ["stuck"]
    assert not wire.pending("BatchGetItem")


@pytest.mark.parametrize("how", ["starts", "succeeds", "is rerun", "is ignored", "fails otherwise", "is deleted"])
def test_failed_task_that_moves_on_while_it_is_listed_by_error_class_is_not_given(
    step1: Any, wire: Wire, clock: Clock, how: str
) -> None:
    for task_id in ("moving", "failed"):
        clock.advance(1)
        with pytest.raises(OSError, match="no page"), step1.start(task_id, create=True):
            raise OSError("no page")

    def end(error: Exception | None) -> None:
        worker = step1.start("moving")
        worker.__enter__()
        worker.__exit__(error and type(error), error, None)

    acts: dict[str, Then] = {
        "starts": lambda: step1.start("moving").__enter__(),
        "succeeds": lambda: end(None),
        "is rerun": lambda: step1.rerun("moving", reason="once more"),
        "is ignored": lambda: step1.ignore("moving", reason="it is blank"),
        "fails otherwise": lambda: end(KeyError("page")),
        "is deleted": lambda: step1(step1.make_key("moving")).delete(),
    }
    _meanwhile(wire, acts[how])
    assert _ids(step1.query_by_status(30, limit=1, error_class=OSError)) == ["failed"]
    assert not wire.pending("BatchGetItem")
