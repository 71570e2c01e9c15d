"""R4 and R13: requests that arrive after their worker's attempt was put on record, and tokens that come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

import status_tracker as st
from tests.support.clock import Clock
from tests.support.items import raw_item, stored
from tests.support.wire import Wire


class DocumentError(Exception):
    """The worker's own failure."""


def _fails(step: Any) -> None:
    with pytest.raises(DocumentError), step.start("t"):
        raise DocumentError("no page")


def _taken_over_and_failed(step: Any, clock: Clock) -> None:
    clock.advance(60)
    _fails(step)


def _rerun(step: Any, clock: Clock) -> None:
    clock.advance(60)
    step.rerun("t", reason="it is stuck")


def _set_aside_and_taken_back(step: Any, clock: Clock) -> None:
    clock.advance(60)
    step.ignore("t", reason="it is stuck")
    step.unignore("t", reason="the reader was mended")


def _unlocked(step: Any, _clock: Clock) -> None:
    step.unlock("t", reason="its machine burnt down")


def _unlocked_and_rerun(step: Any, clock: Clock) -> None:
    _unlocked(step, clock)
    step.rerun("t", reason="from the beginning")


def _unlocked_taken_over_and_failed(step: Any, clock: Clock) -> None:
    _unlocked(step, clock)
    _fails(step)


MEANWHILE = (
    _taken_over_and_failed,
    _rerun,
    _set_aside_and_taken_back,
    _unlocked,
    _unlocked_and_rerun,
    _unlocked_taken_over_and_failed,
)


@pytest.mark.parametrize("create", [False, True], ids=["start", "create"])
@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda act: act.__name__.strip("_"))
def test_r4_acquire_that_arrives_again_after_its_attempt_was_put_on_record_is_refused(
    step1: Any, wire: Wire, clock: Clock, meanwhile: Callable[[Any, Clock], None], create: bool
) -> None:
    if not create:
        step1.make_and_save("t")
    with wire.reading("UpdateItem") as asked:
        vanished = step1.start("t", create=create)
        vanished.__enter__()
    meanwhile(step1, clock)
    before = raw_item(wire, step1, "t")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        wire.client.update_item(**asked[0])
    assert raw_item(wire, step1, "t") == before
    with pytest.raises(st.TaskLockLostError):
        vanished.__exit__(None, None, None)
    assert raw_item(wire, step1, "t") == before
    fence = stored(step1, "t").fence
    with step1.start("t") as ctx:
        assert ctx.fence == fence + 1


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_r4_acquire_that_arrives_again_after_its_own_end_is_refused(step1: Any, wire: Wire, end: str) -> None:
    step1.make_and_save("t")
    with wire.reading("UpdateItem") as asked:
        if end == "failed":
            _fails(step1)
        else:
            with step1.start("t"):
                pass
            step1.rerun("t", reason="once more")
    before = raw_item(wire, step1, "t")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        wire.client.update_item(**asked[0])
    assert raw_item(wire, step1, "t") == before


@pytest.mark.parametrize("act", ["update", "extend_lock", "success", "success and more", "failure"])
def test_r13_token_that_is_back_with_a_higher_fence_stores_nothing(
    step1: Any, wire: Wire, clock: Clock, page: Any, pages: Any, act: str
) -> None:
    step1.make_and_save("t", {"by": "nobody"})
    stale = step1.start("t")
    ctx = stale.__enter__().set_data({"by": "the stale"})
    if act == "success and more":
        ctx.also.save(page("new"))
    token = stored(step1, "t").lock
    clock.advance(60)
    step1.start("t").__enter__()
    step1("test____t").update(actions=[step1.lock.set(token), step1.fence.set(3)])
    clock.advance(5)
    before = raw_item(wire, step1, "t")
    if act == "failure":
        own = DocumentError("no page")
        stale.__exit__(DocumentError, own, None)
        assert any("not held by this worker" in note for note in own.__notes__)
    else:
        acts = {"update": ctx.update, "extend_lock": ctx.extend_lock}
        with pytest.raises(st.TaskLockLostError):
            acts.get(act, lambda: stale.__exit__(None, None, None))()
    assert (raw_item(wire, step1, "t"), pages()) == (before, {})
