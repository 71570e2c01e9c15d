"""Endpoints that refuse a write and do not say what is stored: the item is read, and no answer is guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

import status_tracker as st
from tests.support.clock import Clock
from tests.support.wire import ALWAYS, Wire, access_denied, answer_lost, cut, sent


@pytest.fixture
def terse(wire: Wire) -> Callable[[], None]:
    """From now on refusals come without the item."""

    def without_item(request: AWSPreparedRequest) -> AWSResponse:
        body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
        request.body = body.replace(b'"ALL_OLD"', b'"NONE"')
        request.headers["Content-Length"] = str(len(request.body))
        return sent(request)

    return lambda: (
        wire.inject("UpdateItem", without_item, times=ALWAYS)
        or wire.inject(  # type: ignore[func-returns-value]
            "PutItem", without_item, times=ALWAYS
        )
    )


def test_a_start_says_why_it_is_refused(step1: Any, terse: Callable[[], None], clock: Clock) -> None:
    terse()
    with pytest.raises(st.TaskIsNotInitializedError):
        step1.start("t").__enter__()
    step1.make_and_save("t")
    with step1.start("t"), pytest.raises(st.TaskLockedError):
        step1.start("t").__enter__()
    for create in (False, True):
        with pytest.raises(st.TaskAlreadySucceedError):
            step1.start("t", create=create).__enter__()
    step1.rerun("t", reason="again")
    step1.start("t").__enter__()
    clock.advance(60)
    with step1.start("t") as ctx:
        assert ctx.taken_over is not None


def test_creating_does_not_claim_what_exists(step1: Any, terse: Callable[[], None], wire: Wire) -> None:
    terse()
    assert step1.get_or_create("t", {"version": 1})[1]
    task, created = step1.get_or_create("t", {"version": 2})
    assert (created, task.data) == (False, {"version": 1})
    with pytest.raises(st.TaskAlreadyExistsError):
        step1.make_and_save("t")
    wire.heal()
    wire.inject("PutItem", answer_lost)
    terse()
    assert step1.get_or_create("u")[1]


def test_r5_a_lost_answer_is_recognized(step1: Any, terse: Callable[[], None], wire: Wire) -> None:
    step1.make_and_save("t")
    wire.inject("UpdateItem", answer_lost)
    terse()
    with step1.start("t") as ctx:
        ctx.set_data({"version": 1}).update()
        ctx.extend_lock()
        wire.heal()
        wire.inject("UpdateItem", answer_lost)
        terse()
    task = step1.get_one_or_none("t", consistent_read=True)
    assert (task.status, task.fence, task.data) == (40, 1, {"version": 1})


def test_r4_a_worker_that_was_taken_over_is_told(step1: Any, terse: Callable[[], None], clock: Clock) -> None:
    terse()
    step1.make_and_save("t")
    with pytest.raises(st.TaskLockLostError), step1.start("t"):
        clock.advance(60)
        with step1.start("t"):
            pass
    assert step1.get_one_or_none("t", consistent_read=True).status == 40


def test_r6_the_read_may_fail_for_a_moment(step1: Any, terse: Callable[[], None], wire: Wire) -> None:
    step1.make_and_save("t")
    terse()
    with step1.start("t"):
        wire.inject("GetItem", cut, times=3)
        with pytest.raises(st.TaskLockedError):
            step1.start("t").__enter__()


def test_an_endpoint_that_has_returned_an_item_is_not_asked_again(step1: Any, wire: Wire) -> None:
    for requests in ({"UpdateItem": 1, "GetItem": 1}, {"UpdateItem": 1}):
        with wire.counting() as sent_now, pytest.raises(st.TaskIsNotInitializedError):
            step1.start("t").__enter__()
        assert sent_now == requests
        step1.make_and_save("u") if "GetItem" in requests else None
        with pytest.raises(st.TaskAlreadyExistsError):
            step1.make_and_save("u")


def test_a_worker_that_may_not_read_is_told_that_there_is_no_task(step1: Any, wire: Wire) -> None:
    """Permissions are AWS's own, and AWS returns the item: so it is not asked again either."""
    wire.inject("GetItem", access_denied)
    for requests in ({"UpdateItem": 1, "GetItem": 1}, {"UpdateItem": 1}):
        with wire.counting() as sent_now, pytest.raises(st.TaskIsNotInitializedError):
            step1.start("t").__enter__()
        assert sent_now == requests
