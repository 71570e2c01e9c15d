"""R5, R6 and R14: transactions whose answers are lost, that conflict with others, or that cannot be sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import Clock
from tests.support.items import FREE, raw_item, stored
from tests.support.wire import (
    ALWAYS,
    Fault,
    Wire,
    answer_lost,
    answered_500_although_done,
    cut,
    passed,
    server_error,
    then,
    throttled,
    transaction_cancelled,
)

TRANSACTION = "TransactWriteItems"
BOTOCORE_ATTEMPTS = 3
TRANSIENT: dict[str, Fault] = {
    "throttled": throttled,
    "500": server_error,
    "cut": cut,
    "conflict on the task": transaction_cancelled("None", "TransactionConflict"),
    "conflict on the page": transaction_cancelled("TransactionConflict", "None"),
    "page throttled": transaction_cancelled("ThrottlingError", "None"),
    "task over its throughput": transaction_cancelled("None", "ProvisionedThroughputExceeded"),
    "conflict beside a failing condition": transaction_cancelled("ConditionalCheckFailed", "TransactionConflict"),
}


@pytest.fixture(params=[answer_lost, answered_500_although_done], ids=["lost", "500"])
def lost(request: pytest.FixtureRequest) -> Fault:
    return request.param


@pytest.mark.parametrize("times", [1, BOTOCORE_ATTEMPTS + 1], ids=["once", "beyond botocore"])
def test_r5_transaction_whose_answer_was_lost_is_done_once(
    step1: Any, wire: Wire, page: Any, pages: Any, lost: Fault, times: int
) -> None:
    page("read", reads=1).save()
    with wire.counting() as requests, step1.start("t", create=True) as ctx:
        ctx.set_data({"page": 1})
        ctx.also.save(page("new"), condition=page.number.does_not_exist())
        ctx.also.update(page("read"), actions=[page.reads.add(1)])
        wire.inject(TRANSACTION, lost, times=times)
    assert requests == {"UpdateItem": 1, TRANSACTION: 1 + times}
    assert pages() == {"new": (None, 0), "read": (None, 2)}
    task = stored(step1, "t")
    assert (task.status, task.data, task.retry, task.errors) == (40, {"page": 1}, 0, {"history": []})
    assert ctx.task.serialize() == raw_item(wire, step1, "t")


def test_r5_repeated_transaction_carries_the_same_token(step1: Any, wire: Wire, page: Any) -> None:
    with wire.reading(TRANSACTION) as sent:
        with step1.start("t", create=True) as ctx:
            ctx.also.save(page("new"))
            wire.inject(TRANSACTION, answer_lost, times=BOTOCORE_ATTEMPTS + 1)
        with step1.start("u", create=True) as ctx:
            ctx.also.save(page("new"))
    *repeated, other = [request["ClientRequestToken"] for request in sent]
    assert len(repeated) == BOTOCORE_ATTEMPTS + 2
    assert set(repeated) == {repeated[0]}
    assert other != repeated[0]


def test_r5_repeated_transaction_after_the_next_step_went_on(
    step1: Any, step2: Any, wire: Wire, page: Any, pages: Any, lost: Fault
) -> None:
    def the_next_step_succeeds() -> None:
        with step2.start("t"):
            page("read", reads=5).save()

    with step1.start("t", create=True) as ctx:
        ctx.also.update(page("read"), actions=[page.reads.add(1)])
        wire.inject(TRANSACTION, then(lost, the_next_step_succeeds))
    assert (stored(step2, "t").status, pages()) == (90, {"read": (None, 5)})


def test_r5_lost_answer_before_the_token_expired_is_known_by_the_task_itself(
    step1: Any, wire: Wire, page: Any, pages: Any
) -> None:
    """DynamoDB forgets the token of a transaction after ten minutes; here it is another one from the beginning."""
    tokens = iter("ab")

    def another_token(params: dict[str, Any], **_: Any) -> None:
        params["ClientRequestToken"] = next(tokens)

    events, event = wire.client.meta.events, f"provide-client-params.dynamodb.{TRANSACTION}"
    with step1.start("t", create=True) as ctx:
        ctx.also.update(page("read"), actions=[page.reads.add(1)])
        wire.inject(TRANSACTION, answer_lost, cut, cut, passed)
        events.register(event, another_token)
    assert next(tokens, None) is None
    assert (stored(step1, "t").status, pages()) == (40, {"read": (None, 1)})
    assert ctx.task.serialize() == raw_item(wire, step1, "t")


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
def test_r14_transaction_is_retried_within_the_lease(
    step1: Any, wire: Wire, page: Any, pages: Any, fault: Fault
) -> None:
    runs = 0
    with step1.start("t", create=True) as ctx:
        runs += 1
        ctx.also.save(page("new"))
        wire.inject(TRANSACTION, fault, times=BOTOCORE_ATTEMPTS + 1)
    assert runs == 1
    assert not wire.pending(TRANSACTION)
    task = stored(step1, "t")
    assert (task.status, task.retry, task.errors, pages()) == (40, 0, {"history": []}, {"new": (None, 0)})


@pytest.mark.parametrize("fault", [cut, TRANSIENT["conflict on the page"]], ids=["cut", "conflict"])
def test_r6_transaction_that_can_never_be_sent_is_not_the_tasks_failure(
    step1: Any, wire: Wire, clock: Clock, page: Any, pages: Any, fault: Fault
) -> None:
    with pytest.raises(st.StatusNotSavedError), step1.start("t", create=True) as ctx:
        ctx.also.save(page("new"))
        held = raw_item(wire, step1, "t")
        wire.inject(TRANSACTION, then(fault, lambda: clock.advance(10)), times=ALWAYS)
    wire.heal()
    assert (raw_item(wire, step1, "t"), pages()) == (held, {})
    clock.now = max(clock.now, stored(step1, "t").lock_expire_time)
    with step1.start("t") as again:
        assert again.task.retry == 1


def test_r14_task_taken_over_while_the_transaction_is_retried_stores_nothing(
    step1: Any, wire: Wire, page: Any, pages: Any
) -> None:
    def another_takes_over() -> None:
        step1.unlock("t", reason="it looked dead")
        step1.start("t").__enter__()

    with pytest.raises(st.TaskLockLostError), step1.start("t", create=True) as ctx:
        ctx.also.save(page("new"))
        wire.inject(TRANSACTION, then(transaction_cancelled("None", "TransactionConflict"), another_takes_over))
    assert (stored(step1, "t").status, stored(step1, "t").fence, pages()) == (20, 2, {})


def test_r14_heartbeat_that_conflicts_with_nothing_goes_on_until_the_transaction(
    step1: Any, wire: Wire, page: Any, pages: Any
) -> None:
    with step1.start("t", create=True, heartbeat=0.02) as ctx, wire.reading("UpdateItem") as beats:
        ctx.also.save(page("new"))
        _wait_for(beats)
    assert (stored(step1, "t").status, stored(step1, "t").lock, pages()) == (40, FREE, {"new": (None, 0)})
    assert ctx.task.serialize() == raw_item(wire, step1, "t")


@pytest.mark.parametrize("fault", [passed, transaction_cancelled("ConditionalCheckFailed", "None")])
def test_r14_refusal_and_then_the_failure_can_never_be_written(
    new_step: Callable[..., Any], wire: Wire, clock: Clock, page: Any, pages: Any, fault: Fault
) -> None:
    step1 = new_step(lock_expire_seconds=30)
    with pytest.raises(st.TaskTransactionError) as error, step1.start("t", create=True) as ctx:
        ctx.also.save(page("new"), condition=page.number.exists())
        wire.inject(TRANSACTION, fault)
        wire.inject("UpdateItem", then(cut, lambda: clock.advance(10)), times=ALWAYS)
    wire.heal()
    assert any("was not stored" in note for note in error.value.__notes__)
    task = stored(step1, "t")
    assert (task.status, task.lock_expire_time - task.lock_time, pages()) == (20, timedelta(seconds=30), {})


def _wait_for(beats: list[Any]) -> None:
    deadline = time.monotonic() + 30
    while not beats:
        assert time.monotonic() < deadline, "the heart does not beat"
        time.sleep(0.02)
