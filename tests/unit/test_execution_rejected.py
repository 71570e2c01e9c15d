"""A store that will never take a write, whoever sends it and when (R8, R10, R14)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import status_tracker as st
from status_tracker.testing import Fault, MemoryStore, Record
from tests.unit.steps import (
    FAILED,
    IGNORED,
    IN_PROGRESS,
    LEASE,
    NOON,
    SUCCEEDED,
    Clock,
    history,
    start,
    stored,
    take_over,
)


def reason() -> st.TaskTransactionError:
    return st.TaskTransactionError("the condition of the second write failed", use_case_id="test", task_id="t-1")


# What goes which way


def test_r14_only_the_success_is_sent_as_a_success(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(ValueError, match="mine"), start(store, clock) as ctx:
        ctx.set_data({"version": 1}).update()
        ctx.extend_lock()
        raise ValueError("mine")
    assert store.successes == []
    with start(store, clock):
        pass
    assert [write.changes["status"] for write in store.successes] == [SUCCEEDED]
    assert store.successes == store.writes[-1:]


def test_r6_a_success_is_repeated_as_a_success(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock):
        store.befall(Fault.UNAVAILABLE, times=3)
    assert len(store.successes) == 4
    assert stored(store).status == SUCCEEDED


def test_r14_a_store_that_cannot_store_more_says_so(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(TypeError, match="MemoryStore"), start(store, clock) as ctx:
        _ = ctx.also
    assert stored(store).status == FAILED


# A rejected success


def test_r14_a_rejected_success_is_a_failed_attempt_and_its_reason_is_raised(store: MemoryStore, clock: Clock) -> None:
    why = reason()
    with pytest.raises(st.TaskTransactionError) as caught, start(store, clock) as ctx:
        ctx.set_data({"version": 1})
        store.reject(why)
    assert caught.value is why
    assert not hasattr(why, "__notes__")
    task = stored(store)
    assert (task.status, task.lock, task.lock_expire_time, task.retry) == (FAILED, None, None, 1)
    assert task.data == {"version": 0}
    assert ctx.task == task
    (entry,) = history(store)
    assert entry["error"] == repr(why)
    assert len(store.writes) == 3
    assert clock.pauses == []


def test_r14_rejected_successes_count_and_end_in_ignored(store: MemoryStore, clock: Clock) -> None:
    for _ in range(3):
        with pytest.raises(st.TaskTransactionError), start(store, clock):
            store.reject(reason())
    assert (stored(store).status, stored(store).retry) == (IGNORED, 3)
    with pytest.raises(st.TaskIgnoredError), start(store, clock):
        pytest.fail("the block was entered")


def test_r9_a_rejection_may_be_configured_as_hopeless(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(st.TaskTransactionError), start(store, clock, non_retryable=[st.TaskTransactionError]):
        store.reject(reason())
    assert stored(store).status == IGNORED


def test_r4_a_rejection_after_a_takeover_records_nothing(store: MemoryStore, clock: Clock) -> None:
    why = reason()
    with pytest.raises(st.TaskTransactionError) as caught, start(store, clock):
        take_over(store, clock)
        before = store.task
        store.reject(why)
    assert caught.value is why
    assert store.task == before
    assert any("not held by this worker" in note for note in why.__notes__)


def test_r6_a_rejection_that_cannot_be_recorded_has_that_in_its_notes(store: MemoryStore, clock: Clock) -> None:
    why = reason()
    with pytest.raises(st.TaskTransactionError), start(store, clock):
        store.reject(why)
        store.befall(Fault.BROKEN)
    assert any("was not stored" in note for note in why.__notes__)
    assert stored(store).status == IN_PROGRESS


# Other rejected writes


def test_r10_a_failure_that_does_not_fit_is_recorded_briefly(store: MemoryStore, clock: Clock) -> None:
    for message in ("first", "second " + "x" * 10_000):
        with pytest.raises(ValueError, match=message[:5]), start(store, clock):
            store.reject(st.TaskDataTooLargeError("it does not fit"), times=int(message != "first"))
            raise ValueError(message)
    failed = stored(store)
    assert (failed.status, failed.retry, failed.lock) == (FAILED, 2, None)
    [entry] = failed.errors["history"]
    assert (entry["nth_retry"], entry["traceback"], failed.errors["dropped"]) == (2, "", 1)
    assert entry["error"].startswith("ValueError('second ")
    assert len(entry["error"]) < 600


def test_r10_a_failure_that_is_rejected_leaves_the_users_exception_with_the_reason_in_its_notes(
    store: MemoryStore, clock: Clock
) -> None:
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught, start(store, clock):
        store.reject(st.TaskDataTooLargeError("it does not fit"), times=2)
        raise error
    assert caught.value is error
    assert error.__notes__ == ["it does not fit"]


def test_r10_a_rejected_update_raises_its_reason_and_the_attempt_goes_on(store: MemoryStore, clock: Clock) -> None:
    why = st.TaskDataTooLargeError("it does not fit")
    with start(store, clock) as ctx:
        store.reject(why)
        with pytest.raises(st.TaskDataTooLargeError) as caught:
            ctx.set_data({"version": 1}).update()
        assert caught.value is why
        ctx.set_data({"version": 2})
    assert (stored(store).status, stored(store).data) == (SUCCEEDED, {"version": 2})


# A takeover that the item has no room for


def fill(store: MemoryStore) -> None:
    """The item holds a stuck task and three long entries, and has no room for more history than that."""
    entries = [{"nth_retry": n, "error": f"ValueError('{'x' * 1000}')"} for n in (1, 2, 3)]
    store.task = Record(
        IN_PROGRESS, retry=3, fence=4, lock="gone", lock_expire_time=NOON - LEASE, errors={"history": entries}
    )

    def no_room() -> None:
        if len(store.writes[-1].changes.get("errors", {}).get("history", ())) > len(entries):
            store.reject(st.TaskDataTooLargeError("it does not fit"))

    store.before_write = no_room


@pytest.mark.parametrize("faults", [0, 1, 2])
def test_r10_a_takeover_that_does_not_fit_is_done_briefly(store: MemoryStore, clock: Clock, faults: int) -> None:
    fill(store)
    store.befall(Fault.UNAVAILABLE, times=faults)
    with start(store, clock, max_retry=9) as ctx:
        assert (ctx.fence, ctx.task.status, ctx.task.retry) == (5, IN_PROGRESS, 4)
        assert ctx.task.errors["dropped"] == 3
        [entry] = history(store)
        assert entry["error"].startswith("LeaseExpired(")
        assert (entry["nth_retry"], stored(store).vanished_locks) == (4, ("gone",))
    assert stored(store).status == SUCCEEDED
    assert len(clock.pauses) == faults


def test_r5_a_brief_takeover_without_an_answer_is_made_once(store: MemoryStore, clock: Clock) -> None:
    fill(store)
    no_room = store.before_write

    def lose_the_answer() -> None:
        assert no_room is not None
        no_room()
        if len(store.writes) == 3:
            store.befall(Fault.ANSWER_LOST)

    store.before_write = lose_the_answer
    with start(store, clock, max_retry=9) as ctx:
        assert (ctx.fence, ctx.task.retry, len(history(store))) == (5, 4, 1)
    assert stored(store).status == SUCCEEDED


def test_r10_a_stuck_task_that_has_no_room_is_given_up_briefly(store: MemoryStore, clock: Clock) -> None:
    fill(store)
    with pytest.raises(st.TaskIgnoredError) as caught, start(store, clock, max_retry=4):
        pytest.fail("the block was entered")
    assert caught.value.given_up_now
    assert (stored(store).status, stored(store).retry, stored(store).lock) == (IGNORED, 4, None)
    assert [entry["error"][:13] for entry in history(store)] == ["LeaseExpired("]
    assert stored(store).errors["dropped"] == 3


@pytest.mark.parametrize("stuck", [False, True], ids=["acquire", "takeover"])
def test_r10_a_rejected_start_raises_its_reason(store: MemoryStore, clock: Clock, stuck: bool) -> None:
    why: Any = st.TaskDataTooLargeError("it does not fit")
    if stuck:
        store.task = Record(IN_PROGRESS, lock="gone", lock_expire_time=NOON - LEASE, errors={})
        store.before_write = lambda: store.reject(why) if len(store.writes) >= 2 else None
    else:
        store.task = replace(stored(store), errors={})
        store.reject(why)
    before = store.task
    with pytest.raises(st.TaskDataTooLargeError) as caught, start(store, clock):
        pytest.fail("the block was entered")
    assert caught.value is why
    assert store.task == before


# A success that cannot even be sent


def test_r8_a_success_that_cannot_be_made_into_a_request_is_recorded_as_a_failure(
    store: MemoryStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwritable(_: object) -> None:
        raise TypeError("Object of type set is not serializable")

    monkeypatch.setattr(store, "succeed", unwritable)
    with pytest.raises(TypeError, match="of type set"), start(store, clock):
        pass
    assert (stored(store).status, stored(store).lock) == (FAILED, None)
    assert history(store)[0]["error"].startswith("TypeError(")


# What a worker is told


def test_r4_an_update_that_may_have_been_stored_before_a_takeover_is_not_denied(
    store: MemoryStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = store.write
    with pytest.raises(st.TaskLockLostError) as lost, start(store, clock) as ctx:
        store.befall(Fault.ANSWER_LOST)

        sent = []

        def taken_over_before_the_second(update: Any) -> Any:
            sent.append(update)
            if len(sent) == 2:
                monkeypatch.setattr(store, "write", write)
                take_over(store, clock)
            return write(update)

        monkeypatch.setattr(store, "write", taken_over_before_the_second)
        ctx.set_data({"version": 1})
        ctx.update()
    assert str(lost.value).endswith("Its last request may have been stored before that.")


def test_r8_what_a_block_changes_in_the_errors_of_its_task_is_not_stored(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(ValueError, match="first"), start(store, clock):
        raise ValueError("first")
    with pytest.raises(ValueError, match="second"), start(store, clock) as ctx:
        ctx.task.errors["history"].clear()
        ctx.task.errors["mine"] = 1
        raise ValueError("second")
    assert [entry["error"] for entry in history(store)] == ["ValueError('first')", "ValueError('second')"]
    assert "mine" not in stored(store).errors
