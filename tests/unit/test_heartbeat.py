"""The lease that a thread renews (R12): real threads, which wait for one another and never for the time."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.heartbeat import MOST_THREADS, Heartbeat
from status_tracker.core.port import HeldBy, StoreError, Write
from status_tracker.testing import Fault, MemoryStore
from tests.unit.steps import (
    FAILED,
    LEASE,
    NOON,
    SUCCEEDED,
    Clock,
    history,
    make_config,
    make_rules,
    start,
    stored,
    take_over,
    wait_until,
)

OFTEN = 0.001
PATIENCE = 20


def heartbeats() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "status-tracker-heartbeat"]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Any:
    yield
    assert heartbeats() == []


def renewals(store: MemoryStore) -> list[Write]:
    return [write for write in list(store.writes) if set(write.changes) == {"lock_expire_time"}]


# The thread


def test_r12_it_beats_again_and_again_until_it_is_stopped() -> None:
    beats: list[int] = []
    heartbeat = Heartbeat(lambda: bool(beats.append(1)) or True, OFTEN, LEASE)
    heartbeat.start()
    wait_until(lambda: len(beats) >= 3)
    heartbeat.stop()
    assert heartbeats() == []


def test_r12_it_does_not_beat_before_the_first_interval_is_over() -> None:
    beats: list[int] = []
    heartbeat = Heartbeat(lambda: bool(beats.append(1)) or True, 3600, timedelta(hours=2))
    heartbeat.start()
    heartbeat.stop()
    assert beats == []


def test_r12_a_beat_that_answers_false_is_the_last() -> None:
    answers = [True, False, True]
    heartbeat = Heartbeat(lambda: answers.pop(0), OFTEN, LEASE)
    heartbeat.start()
    wait_until(lambda: heartbeats() == [])
    assert answers == [True]
    heartbeat.stop()


def test_r12_stopping_waits_for_the_beat_that_is_under_way() -> None:
    under_way, may_end = threading.Event(), threading.Event()
    course: list[str] = []

    def beat() -> bool:
        under_way.set()
        assert may_end.wait(PATIENCE)
        course.append("beat")
        return True

    heartbeat = Heartbeat(beat, OFTEN, LEASE)
    heartbeat.start()
    assert under_way.wait(PATIENCE)
    stopping = threading.Thread(target=lambda: (heartbeat.stop(), course.append("stopped")))
    stopping.start()
    stopping.join(0.05)
    assert stopping.is_alive()
    may_end.set()
    stopping.join(PATIENCE)
    assert course == ["beat", "stopped"]


def test_r12_many_leases_are_renewed_by_few_threads() -> None:
    beats = [0] * 300
    threads: list[int] = []

    def beat(number: int) -> bool:
        beats[number] += 1
        threads.append(len(heartbeats()))
        return True

    all_of_them = [Heartbeat(partial(beat, number), 0.3, LEASE) for number in range(len(beats))]
    for heartbeat in all_of_them:
        heartbeat.start()
    wait_until(lambda: min(beats) >= 2)
    for heartbeat in all_of_them:
        heartbeat.stop()
    assert max(threads) <= MOST_THREADS + 2  # one waits for the next beat, and one may be about to end


def test_r12_beats_that_hang_keep_no_other_lease_from_being_renewed() -> None:
    hangs, may_end = [threading.Event() for _ in range(MOST_THREADS + 4)], threading.Event()
    beats: list[int] = []
    hanging = [Heartbeat(partial(hang, each, may_end), OFTEN, LEASE) for each in hangs]
    other = Heartbeat(lambda: bool(beats.append(1)) or True, OFTEN, LEASE)
    for heartbeat in (*hanging, other):
        heartbeat.start()
    assert all(each.wait(PATIENCE) for each in hangs)
    before = len(beats)
    wait_until(lambda: len(beats) >= before + 3)
    may_end.set()
    for heartbeat in (*hanging, other):
        heartbeat.stop()


def hang(begun: threading.Event, may_end: threading.Event) -> bool:
    begun.set()
    return may_end.wait(PATIENCE)


def test_r12_a_fork_renews_its_own_leases_and_none_of_its_parent() -> None:
    beats: list[int] = []
    parents = Heartbeat(lambda: bool(beats.append(1)) or True, OFTEN, LEASE)
    parents.start()
    wait_until(lambda: bool(beats))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that a process with threads forks is the case
        child = os.fork()
    if child == 0:
        own = threading.Event()
        before = len(beats)
        childs = Heartbeat(lambda: bool(own.set()) or True, OFTEN, LEASE)
        childs.start()
        beaten = own.wait(PATIENCE)
        childs.stop()
        os._exit(0 if beaten and len(beats) == before and heartbeats() == [] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    parents.stop()


@pytest.mark.parametrize("seconds", [0, -1, 60, 61.5, float("nan"), float("inf"), "20"])
def test_r12_a_heartbeat_that_could_not_hold_the_lease_is_refused(
    store: MemoryStore, clock: Clock, seconds: Any
) -> None:
    with pytest.raises(ValueError, match="heartbeat") as caught:
        start(store, clock, heartbeat=seconds)
    assert repr(seconds) in str(caught.value)
    assert "60" in str(caught.value)
    assert store.writes == []


def test_r12_a_heartbeat_just_below_the_lease_is_taken(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock, heartbeat=59.999):
        pass
    assert renewals(store) == []


# The attempt it beats for


def test_r12_a_heartbeat_keeps_the_task_held(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock, heartbeat=OFTEN):
        for _ in range(3):
            clock.move(LEASE.total_seconds() * 0.9)
            wait_until(lambda: stored(store).lock_expire_time == clock.now + LEASE)
        with pytest.raises(st.TaskLockedError), start(store, clock):
            pytest.fail("the block was entered")
    assert stored(store).status == SUCCEEDED
    assert all(isinstance(write.guard, HeldBy) for write in renewals(store))
    assert len(store.successes) == 1


@pytest.mark.parametrize("error", [None, ValueError("mine")], ids=["success", "failure"])
def test_r12_no_renewal_comes_after_the_finish(store: MemoryStore, clock: Clock, error: ValueError | None) -> None:
    attempt = start(store, clock, heartbeat=OFTEN)
    attempt.__enter__()
    wait_until(lambda: bool(renewals(store)))
    attempt.__exit__(error and type(error), error, None)
    assert heartbeats() == []
    assert store.writes[-1].changes["status"] == (FAILED if error else SUCCEEDED)
    assert stored(store).lock_expire_time is None


def test_r12_the_finish_waits_for_a_renewal_that_is_under_way(store: MemoryStore, clock: Clock) -> None:
    under_way, leaving = threading.Event(), threading.Event()

    def slow_renewal() -> None:
        if len(store.writes) == 2:
            under_way.set()
            assert leaving.wait(PATIENCE)

    store.before_write = slow_renewal
    with start(store, clock, heartbeat=OFTEN):
        assert under_way.wait(PATIENCE)
        threading.Timer(0.02, leaving.set).start()
    assert [set(write.changes) == {"lock_expire_time"} for write in store.writes[:2]] == [False, True]
    assert "status" in store.writes[-1].changes
    assert stored(store).status == SUCCEEDED


def test_r12_a_renewal_that_hangs_beyond_the_block_says_nothing_of_a_loss(
    store: MemoryStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("status_tracker.core.heartbeat.GRACE_SECONDS", 0)
    under_way, left = threading.Event(), threading.Event()

    def hanging_renewal() -> None:
        if len(store.writes) == 2:
            under_way.set()
            assert left.wait(PATIENCE)

    store.before_write = hanging_renewal
    with start(store, clock, heartbeat=OFTEN) as ctx:
        assert under_way.wait(PATIENCE)
    assert stored(store).status == SUCCEEDED
    left.set()
    wait_until(lambda: heartbeats() == [])
    assert not ctx.lost


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.BROKEN, Fault.ANSWER_LOST])
def test_r12_a_renewal_that_gets_no_answer_is_made_up_for_by_the_next(
    store: MemoryStore, clock: Clock, fault: Fault
) -> None:
    with start(store, clock, heartbeat=OFTEN):
        store.befall(fault, times=3)
        wait_until(lambda: len(renewals(store)) >= 4)
        clock.move(10)
        wait_until(lambda: stored(store).lock_expire_time == NOON + timedelta(seconds=10) + LEASE)
    assert stored(store).status == SUCCEEDED


def test_r12_a_lost_lease_ends_the_heartbeat_and_is_told_at_the_end(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(st.TaskLockLostError), start(store, clock, heartbeat=OFTEN):
        steal(store, clock)
        wait_until(lambda: heartbeats() == [])
        before = stored(store)
    assert stored(store) == before


def broken_renewals(store: MemoryStore, error: Exception) -> None:
    """The renewals raise; all other writes are made."""
    store.before_write = lambda: throw(error) if set(store.writes[-1].changes) == {"lock_expire_time"} else None


def throw(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    "error",
    [StoreError(PermissionError("AccessDenied"), transient=False), RuntimeError("AccessDenied: no StoreError")],
    ids=["refused by the store", "raised by the store"],
)
def test_r12_a_heartbeat_that_cannot_renew_is_told_in_the_log_goes_on_and_is_told_at_the_end(
    store: MemoryStore, clock: Clock, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    attempt = start(store, clock, heartbeat=OFTEN)
    ctx = attempt.__enter__()
    broken_renewals(store, error)
    before = len(renewals(store))
    wait_until(lambda: len(renewals(store)) > before + 3)
    assert not ctx.lost
    (warning,) = [record for record in caplog.records if record.name == "status_tracker"]
    assert "could not renew the lease" in warning.getMessage()
    assert (NOON + LEASE).isoformat() in warning.getMessage()
    assert warning.exc_info is not None
    take_over(store, clock)
    assert not ctx.lost
    with pytest.raises(st.TaskLockLostError, match=r"the heartbeat could not renew it \(.*AccessDenied"):
        attempt.__exit__(None, None, None)
    assert ctx.lost


def test_r12_a_heartbeat_that_failed_for_a_while_renews_again_and_is_told_of_once_more_when_it_fails_again(
    store: MemoryStore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with start(store, clock, heartbeat=OFTEN):
        for moment in (10, 20):
            broken_renewals(store, RuntimeError("no connection left"))
            before = len(renewals(store))
            wait_until(lambda before=before: len(renewals(store)) > before + 2)  # type: ignore[misc]
            store.before_write = lambda: None
            clock.move(10)
            wait_until(lambda: stored(store).lock_expire_time == clock.now + LEASE)
            assert len(caplog.records) == moment / 10
    assert stored(store).status == SUCCEEDED


def test_r12_a_heartbeat_whose_thread_ends_says_so(caplog: pytest.LogCaptureFixture) -> None:
    heartbeat = Heartbeat(lambda: sys.exit(1), OFTEN, LEASE)
    heartbeat.start()
    wait_until(lambda: heartbeats() == [])
    assert "The heartbeat has ended" in caplog.text


def test_r12_a_lease_of_a_few_milliseconds_is_kept_by_a_heartbeat(store: MemoryStore) -> None:
    lease = timedelta(milliseconds=20)
    with start(store, st.get_utc_now, lease=lease, heartbeat=0.005) as ctx:  # type: ignore[arg-type]
        wait_until(lambda: st.get_utc_now() > ctx.task.lock_expire_time + 3 * lease)
        assert not ctx.lost
    assert stored(store).status == SUCCEEDED


@pytest.mark.parametrize("seconds", [1e-7, 4e-7, 0, -1, float("nan")])
def test_r3_a_lease_that_would_be_over_at_once_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"lock_expire_seconds is .*: give seconds, at least 0\.000001 "):
        make_config().lease(seconds)
    with pytest.raises(ValueError, match="lock_expire_seconds"):
        make_config(lock_expire_seconds=seconds)


def test_r3_the_shortest_lease_is_a_lease(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock, lease=make_config().lease(1e-6)) as ctx:
        assert ctx.task.lock_expire_time > clock.now
    assert stored(store).status == SUCCEEDED


def steal(store: MemoryStore, clock: Clock) -> None:
    """Take the lock while the heartbeat goes on."""
    rules = make_rules()
    record = {"action": "unlock", "id": "u-1", "reason": "gone", "by": None}
    wait_until(lambda: store.write(rules.unlock(store.state(stored(store)), clock.now, record)).applied)
    with start(store, clock, max_retry=9) as ctx:
        assert ctx.fence == 2


def test_r6_a_renewed_lease_gives_the_finish_more_time(store: MemoryStore, clock: Clock) -> None:
    attempt = start(store, clock, heartbeat=OFTEN)
    attempt.__enter__()
    clock.move(1000)
    wait_until(lambda: stored(store).lock_expire_time == clock.now + LEASE)
    moment = clock.now
    store.before_write = lambda: store.befall(Fault.UNAVAILABLE) if "status" in store.writes[-1].changes else None
    with pytest.raises(st.StatusNotSavedError):
        attempt.__exit__(None, None, None)
    assert moment + timedelta(seconds=50) < clock.now < moment + LEASE


def test_r12_a_failure_in_the_block_stops_the_heartbeat(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(KeyboardInterrupt), start(store, clock, heartbeat=OFTEN):
        raise KeyboardInterrupt
    assert heartbeats() == []
    assert history(store)[0]["error"] == "KeyboardInterrupt()"


def test_r12_a_refused_start_has_no_heartbeat(store: MemoryStore, clock: Clock) -> None:
    start(store, clock).__enter__()
    with pytest.raises(st.TaskLockedError), start(store, clock, heartbeat=OFTEN):
        pytest.fail("the block was entered")
    assert heartbeats() == []


def test_r12_a_heartbeat_that_cannot_start_leaves_no_task_locked(
    store: MemoryStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(RuntimeError, match="new thread"), start(store, clock, heartbeat=OFTEN):
        pytest.fail("the block was entered")
    assert (stored(store).status, stored(store).lock) == (FAILED, None)
    assert "new thread" in history(store)[0]["error"]
