"""A model with PynamoDB's `VersionAttribute`: every write of ours counts, and a user's stale `save` is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pynamodb.attributes import UnicodeAttribute, VersionAttribute
from pynamodb.exceptions import PutError

import status_tracker as st
from tests.support.clock import Clock
from tests.support.wire import Wire


@pytest.fixture
def step(step1: Any) -> Any:
    class Versioned(step1):  # type: ignore[misc]
        version = VersionAttribute()
        note = UnicodeAttribute(null=True)

    return Versioned


def stored(step: Any) -> Any:
    return step.get_one_or_none("t", consistent_read=True)


def test_a_life_with_a_version(step: Any, wire: Wire, clock: Clock) -> None:
    task = step.make_and_save("t")
    assert task.version == stored(step).version == 1
    task.note = "mine"
    task.save()
    with wire.counting() as requests, step.start("t") as ctx:
        assert (ctx.task.version, ctx.task.note) == (3, "mine")
        ctx.set_data({"page": 1}).update()
        ctx.extend_lock(120)
        with pytest.raises(st.TaskLockedError):
            step.start("t").__enter__()
    assert requests == {"UpdateItem": 5}
    assert ctx.task.version == stored(step).version == 6
    with pytest.raises(PutError):
        task.save()
    assert stored(step).status == 40
    step.rerun("t", reason="again")
    step.start("t").__enter__()
    clock.advance(60)
    with pytest.raises(OSError, match="no page"), step.start("t"):
        raise OSError("no page")
    assert (stored(step).retry, stored(step).version) == (2, 10)


def test_a_start_that_creates(step: Any) -> None:
    with step.start("t", create=True) as ctx:
        assert ctx.task.version == 1
    assert stored(step).version == 2


def test_a_version_of_items_that_have_none_yet(step: Any, step1: Any) -> None:
    step1.make_and_save("t")
    with step.start("t") as ctx:
        assert ctx.task.version == 1


def test_r14_a_success_with_more(step: Any, page: Any) -> None:
    step.make_and_save("t")
    with step.start("t") as ctx:
        ctx.also.save(page("1", text="read"))
    assert ctx.task.version == stored(step).version == 3


def test_r15_a_moved_task(step: Any) -> None:
    for _ in range(2):
        step.make_and_save("t", _shard_id=9) if stored(step) is None else stored(step).save()
    assert step.reshard(10, from_shards=9) == 1
    assert (stored(step).version, stored(step).shard_id <= 5) == (3, True)
    assert step.reshard(10, from_shards=9) == 0
