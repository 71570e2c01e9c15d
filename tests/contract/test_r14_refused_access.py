"""R6 and R14: a transaction refused for a reason that lies neither in the task nor in its writes is no failure."""

from __future__ import annotations

from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import Clock
from tests.support.items import FREE, raw_item, stored
from tests.support.wire import ALWAYS, Fault, Wire, access_denied, answer_lost, answered_500_although_done, refused

TRANSACTION = "TransactWriteItems"
NO_ACCESS: dict[str, Fault] = {
    "access denied": access_denied,
    "token expired": refused("ExpiredTokenException"),
    "token unknown": refused("UnrecognizedClientException"),
}


@pytest.fixture(params=NO_ACCESS.values(), ids=NO_ACCESS)
def no_access(request: pytest.FixtureRequest) -> Fault:
    return request.param


@pytest.mark.parametrize("lost", [answer_lost, answered_500_although_done], ids=["lost", "500"])
def test_r14_lost_answer_whose_repetition_is_refused_leaves_the_success_stored(
    step1: Any, wire: Wire, page: Any, pages: Any, lost: Fault, no_access: Fault
) -> None:
    with wire.counting() as requests, pytest.raises(st.StatusNotSavedError), step1.start("t", create=True) as ctx:
        ctx.set_data({"page": 1})
        ctx.also.save(page("new"), condition=page.number.does_not_exist())
        wire.inject(TRANSACTION, lost)
        wire.inject(TRANSACTION, no_access, times=ALWAYS)
    wire.heal()
    assert requests["UpdateItem"] == 1
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock, task.data) == (40, 0, FREE, {"page": 1})
    assert (task.errors, pages()) == ({"history": []}, {"new": (None, 0)})
    with pytest.raises(st.TaskAlreadySucceedError):
        step1.start("t").__enter__()


def test_r6_transaction_without_access_is_not_the_tasks_failure(
    step1: Any, wire: Wire, clock: Clock, page: Any, pages: Any, no_access: Fault
) -> None:
    with wire.counting() as requests:
        with pytest.raises(st.StatusNotSavedError) as unsaved, step1.start("t", create=True) as ctx:
            ctx.also.save(page("new"))
            held = raw_item(wire, step1, "t")
            wire.inject(TRANSACTION, no_access, times=ALWAYS)
        wire.heal()
    assert (requests["UpdateItem"], requests[TRANSACTION]) == (1, 1)
    assert (unsaved.value.use_case_id, unsaved.value.task_id) == ("test", "t")
    assert (raw_item(wire, step1, "t"), pages()) == (held, {})
    clock.advance(60)
    with step1.start("t") as again:
        assert again.task.retry == 1
        again.also.save(page("new"))
    assert [entry["error"].partition("(")[0] for entry in stored(step1, "t").errors["history"]] == ["LeaseExpired"]
    assert pages() == {"new": (None, 0)}


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ValidationException"])
def test_r14_transaction_that_dynamodb_will_never_take_is_recorded(
    step1: Any, wire: Wire, page: Any, pages: Any, code: str
) -> None:
    with pytest.raises(st.TaskTransactionError, match=code) as error, step1.start("t", create=True) as ctx:
        ctx.also.save(page("new"))
        wire.inject(TRANSACTION, refused(code))
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock, pages()) == (30, 1, FREE, {})
    assert [entry["error"] for entry in task.errors["history"]] == [repr(error.value)]
    assert ctx.task.serialize() == raw_item(wire, step1, "t")
