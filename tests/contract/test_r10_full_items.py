"""R10: an item that is full is taken over all the same, with a brief entry in place of its long ones."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from pynamodb.attributes import UnicodeAttribute

import status_tracker as st
from tests.support.clock import Clock
from tests.support.items import FREE, raw_item, stored
from tests.support.wire import Wire

STUCK = {"lock": "vanished", "lock_time": Clock().now.replace(year=2025), "lock_expire_time": Clock().now}
LONG = {"nth_retry": 1, "update_time": "before", "error": "E()", "traceback": "x" * 3 * 1024}
LIMIT = 400 * 1024


@pytest.fixture
def full(step1: Any, wire: Wire) -> Any:
    """A step with one stuck task, "t", whose item takes not one byte more."""

    class Wide(step1):  # type: ignore[misc]
        text = UnicodeAttribute(null=True)

    errors = {"history": [LONG], "dropped": 4}
    Wide.make_and_save("t", {"page": 1}, _status=20, retry=1, fence=1, errors=errors, text="", **STUCK)
    low, high = 390 * 1024, LIMIT
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _fits(wire, Wide, middle) else (low, middle - 1)
    return Wide


def _fits(wire: Wire, step: Any, size: int) -> bool:
    item = raw_item(wire, step, "t")
    try:
        wire.client.put_item(TableName=step.Meta.table_name, Item={**item, "text": {"S": "x" * size}})
    except ClientError as error:
        if "size" not in str(error):
            raise
        return False
    return True


def test_r10_full_item_is_taken_over_with_a_brief_entry(full: Any, wire: Wire) -> None:
    with wire.counting() as requests, full.start("t") as ctx:
        assert (ctx.task.retry, ctx.fence, ctx.task.data) == (2, 2, {"page": 1})
    assert requests == {"UpdateItem": 4}
    task = stored(full, "t")
    (entry,) = task.errors["history"]
    assert (entry["nth_retry"], entry["error"].partition("(")[0], entry["traceback"]) == (2, "LeaseExpired", "")
    assert (task.status, task.retry, task.lock, task.errors["dropped"]) == (40, 0, FREE, 5)


def test_r10_full_item_is_given_up_with_a_brief_entry(full: Any) -> None:
    full("test____t").update(actions=[full.retry.set(2)])
    with pytest.raises(st.TaskIgnoredError) as given_up:
        full.start("t").__enter__()
    assert given_up.value.given_up_now
    task = stored(full, "t")
    assert (task.status, task.retry, task.lock, len(task.errors["history"])) == (50, 3, FREE, 1)


def test_r10_full_item_that_another_worker_takes_over_first(full: Any, wire: Wire) -> None:
    """The brief entry is written on the state that was read, and refused when it is not that any more."""

    def another_takes_over(_request: object) -> None:
        wire.heal()
        full.start("t").__enter__()

    wire.inject("UpdateItem", lambda _request: None, lambda _request: None, another_takes_over)
    with pytest.raises(st.TaskLockedError):
        full.start("t").__enter__()
    assert (stored(full, "t").fence, stored(full, "t").retry) == (2, 2)
