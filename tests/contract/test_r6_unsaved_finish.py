"""R6: what the store cannot write is never told as the task's failure."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from pynamodb.exceptions import UpdateError

import status_tracker as st
from tests.support.clock import TICK, Clock
from tests.support.items import FREE, raw_item, stored
from tests.support.wire import ALWAYS, Fault, Wire, access_denied, answer_lost, cut, server_error, then, throttled

BOTOCORE_ATTEMPTS = 3


class DocumentError(Exception):
    """The worker's own failure."""


@pytest.fixture(params=[throttled, server_error, cut])
def fault(request: pytest.FixtureRequest) -> Fault:
    return request.param


@pytest.fixture
def never(wire: Wire, clock: Clock, fault: Fault) -> Callable[[], None]:
    """From now on no write goes through, and each attempt takes ten seconds."""
    return lambda: wire.inject("UpdateItem", then(fault, lambda: clock.advance(10)), times=ALWAYS)


def test_r6_finish_is_retried_beyond_what_botocore_does(step1: Any, wire: Wire, fault: Fault) -> None:
    step1.make_and_save("t")
    runs = 0
    with wire.counting() as requests:
        with step1.start("t") as ctx:
            runs += 1
            ctx.set_data({"page": 1})
            wire.inject("UpdateItem", fault, times=BOTOCORE_ATTEMPTS + 1)
        after = ctx.task
    assert runs == 1
    assert requests == {"UpdateItem": 1 + BOTOCORE_ATTEMPTS + 2}
    task = stored(step1, "t")
    assert (task.status, task.data, task.retry, task.errors) == (40, {"page": 1}, 0, {"history": []})
    assert after.status == 40


def test_r6_finish_of_a_failure_is_retried_likewise(step1: Any, wire: Wire, fault: Fault) -> None:
    step1.make_and_save("t")
    own = DocumentError("no page")
    with pytest.raises(DocumentError), step1.start("t"):
        wire.inject("UpdateItem", fault, times=BOTOCORE_ATTEMPTS + 1)
        raise own
    assert not getattr(own, "__notes__", [])
    task = stored(step1, "t")
    assert (task.status, task.retry) == (30, 1)
    assert [entry["error"] for entry in task.errors["history"]] == [repr(own)]


def test_r6_success_that_can_never_be_written(step1: Any, wire: Wire, clock: Clock, never: Callable[[], None]) -> None:
    step1.make_and_save("t")
    with pytest.raises(st.StatusNotSavedError) as unsaved, step1.start("t") as ctx:
        ctx.set_data({"page": 1})
        held = raw_item(wire, step1, "t")
        never()
    assert isinstance(unsaved.value.__cause__, UpdateError)
    assert (unsaved.value.use_case_id, unsaved.value.task_id) == ("test", "t")
    wire.heal()
    assert raw_item(wire, step1, "t") == held
    clock.now = max(clock.now, stored(step1, "t").lock_expire_time)
    with step1.start("t") as again:
        assert again.task.retry == 1
    assert [entry["error"].split("(")[0] for entry in stored(step1, "t").errors["history"]] == ["LeaseExpired"]


def test_r6_failure_that_can_never_be_written(step1: Any, wire: Wire, clock: Clock, never: Callable[[], None]) -> None:
    step1.make_and_save("t")
    own = DocumentError("no page")
    with pytest.raises(DocumentError) as raised, step1.start("t"):
        held = raw_item(wire, step1, "t")
        never()
        raise own
    assert raised.value is own
    assert any("was not stored" in note for note in own.__notes__)
    wire.heal()
    assert raw_item(wire, step1, "t") == held
    clock.now = max(clock.now, stored(step1, "t").lock_expire_time)
    with step1.start("t") as again:
        assert again.task.retry == 1


def test_r6_retries_end_with_the_lease_and_not_before(step1: Any, clock: Clock, never: Callable[[], None]) -> None:
    step1.make_and_save("t")
    with pytest.raises(st.StatusNotSavedError), step1.start("t", lock_expire_seconds=100) as ctx:
        end = ctx.task.lock_expire_time
        never()
    one_request_of_botocore = timedelta(seconds=10 * BOTOCORE_ATTEMPTS)
    assert end - TICK <= clock.now <= end + one_request_of_botocore


@pytest.mark.parametrize("saved", [True, False])
def test_r6_a_block_that_was_left_stores_no_other_end(step1: Any, wire: Wire, saved: bool) -> None:
    step1.make_and_save("t")
    start = step1.start("t")
    with pytest.raises(RuntimeError, match="is not under way"):
        start.__exit__(None, None, None)
    start.__enter__().set_data({"page": 1})
    if not saved:
        wire.inject("UpdateItem", access_denied)
    with nullcontext() if saved else pytest.raises(st.StatusNotSavedError):
        start.__exit__(None, None, None)
    left = raw_item(wire, step1, "t")
    for error in (None, DocumentError()):
        with pytest.raises(RuntimeError, match="is not under way"):
            start.__exit__(None if error is None else DocumentError, error, None)
    assert raw_item(wire, step1, "t") == left


def test_r6_what_no_retry_can_mend_is_told_at_once(step1: Any, wire: Wire) -> None:
    step1.make_and_save("t")
    with wire.counting() as requests:
        with pytest.raises(st.StatusNotSavedError), step1.start("t"):
            wire.inject("UpdateItem", access_denied, times=ALWAYS)
        wire.heal()
    assert requests == {"UpdateItem": 2}
    assert stored(step1, "t").status == 20


def test_r6_update_and_extend_are_retried_too(step1: Any, wire: Wire, fault: Fault) -> None:
    step1.make_and_save("t")
    with step1.start("t") as ctx:
        wire.inject("UpdateItem", fault, times=BOTOCORE_ATTEMPTS + 1)
        ctx.set_data({"page": 1}).update()
        wire.inject("UpdateItem", fault, times=BOTOCORE_ATTEMPTS + 1)
        ctx.extend_lock()
        assert stored(step1, "t").data == {"page": 1}


@pytest.mark.parametrize("act", ["update", "extend_lock"])
def test_r6_update_and_extend_that_can_never_be_written_are_told_in_the_block(
    step1: Any, wire: Wire, never: Callable[[], None], act: str
) -> None:
    step1.make_and_save("t", {"page": 0})
    with step1.start("t") as ctx:
        ctx.set_data({"page": 1})
        held = raw_item(wire, step1, "t")
        never()
        with pytest.raises(st.StatusNotSavedError) as unsaved:
            getattr(ctx, act)()
        wire.heal()
        assert raw_item(wire, step1, "t") == held
        assert ctx.pending_data == {"page": 1}
    assert isinstance(unsaved.value.__cause__, UpdateError)
    task = stored(step1, "t")
    assert (task.status, task.data, task.errors) == (40, {"page": 1}, {"history": []})


def test_r6_start_that_cannot_be_asked_leaves_the_task_as_it_was(step1: Any, wire: Wire, fault: Fault) -> None:
    step1.make_and_save("t")
    before = raw_item(wire, step1, "t")
    wire.inject("UpdateItem", fault, times=ALWAYS)
    with pytest.raises(UpdateError):
        step1.start("t").__enter__()
    wire.heal()
    assert raw_item(wire, step1, "t") == before


def test_r5_acquire_is_repeated_beyond_what_botocore_does(step1: Any, wire: Wire) -> None:
    step1.make_and_save("t")
    wire.inject("UpdateItem", answer_lost, times=BOTOCORE_ATTEMPTS)
    with step1.start("t") as ctx:
        assert (ctx.fence, ctx.task.retry) == (1, 0)
    assert stored(step1, "t").status == 40


@pytest.mark.parametrize(
    "error",
    [
        UpdateError("of the user's own table"),
        EndpointConnectionError(endpoint_url="https://elsewhere"),
        st.TaskLockedError("of another task"),
        st.TaskLockLostError("of another task"),
        st.StatusNotSavedError("of another task"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_r6_the_users_own_store_errors_are_the_tasks_failures(step1: Any, wire: Wire, error: Exception) -> None:
    step1.make_and_save("t")
    with wire.counting() as requests:
        execution = step1.start("t")
        with pytest.raises(type(error)) as raised, execution:
            raise error
    assert raised.value is error
    assert requests == {"UpdateItem": 2}
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock) == (30, 1, FREE)
    assert [entry["error"] for entry in task.errors["history"]] == [repr(error)]
