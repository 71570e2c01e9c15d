"""The pure rules, one test for each row and boundary."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

import status_tracker as st
from status_tracker.lifecycle import KEPT_FINISHED_LOCKS, is_finished_by, is_live, is_recorded
from status_tracker.writes import (
    AlreadyOurs,
    Attempt,
    HeldBy,
    Refused,
    Special,
    Startable,
    TaskState,
    Unchanged,
    Verdict,
)
from tests.support.memory_store import MemoryStore, MemoryTask
from tests.unit.steps import (
    FAILED,
    IGNORED,
    IN_PROGRESS,
    LEASE,
    NEXT_CODES,
    NOON,
    PENDING,
    SUCCEEDED,
    TICK,
    make_config,
    make_rules,
)

OURS, THEIRS = "our-token", "their-token"
MORE_PENDING = 15
OTHER_STEP = 70
LIVE: dict[str, Any] = {"lock": THEIRS, "lock_time": NOON - LEASE / 2, "lock_expire_time": NOON + LEASE / 2}
OVER: dict[str, Any] = {"lock": THEIRS, "lock_time": NOON - 2 * LEASE, "lock_expire_time": NOON - LEASE}
FREE: dict[str, Any] = {}


def judge(state: TaskState | None, **settings: Any) -> Verdict:
    return make_rules(make_config(more_pending_status=MORE_PENDING), **settings).judge(state, OURS, NOON, LEASE)


def refusal(verdict: Verdict) -> st.TaskIsNotReadyToStartError:
    assert isinstance(verdict, Refused)
    return verdict.error


def is_plain_acquire(verdict: Verdict, **settings: Any) -> bool:
    rules = make_rules(make_config(more_pending_status=MORE_PENDING), **settings)
    return isinstance(verdict, Attempt) and verdict.error is None and verdict.write == rules.acquire(OURS, NOON, LEASE)


# R1


def test_r1_an_acquire_sets_status_lock_and_times_and_nothing_else() -> None:
    write = make_rules().acquire(OURS, NOON, LEASE)
    assert write.changes == {
        "status": IN_PROGRESS,
        "lock": OURS,
        "lock_time": NOON,
        "lock_expire_time": NOON + LEASE,
        "update_time": NOON,
        "fence": Special.INCREMENT,
    }
    assert write.defaults == {}
    assert write.guard == Startable((PENDING, FAILED), NOON, unknown_lease_since=NOON - LEASE, or_absent=False)


# R2, row by row


def test_r2_nothing_stored_is_not_initialized() -> None:
    error = refusal(judge(None))
    assert type(error) is st.TaskIsNotInitializedError
    assert (error.use_case_id, error.task_id, error.status) == ("test", "t-1", None)
    assert "make_and_save" in str(error)


def test_r2_nothing_stored_with_create_makes_and_acquires_in_the_same_write() -> None:
    verdict = judge(None, create=True, initial_data={"a": 1})
    assert is_plain_acquire(verdict, create=True, initial_data={"a": 1})
    store = MemoryStore()
    write = make_rules(create=True, initial_data={"a": 1}).acquire(OURS, NOON, LEASE)
    assert store.write(write).applied
    assert store.task == MemoryTask(
        status=IN_PROGRESS,
        create_time=NOON,
        update_time=NOON,
        retry=0,
        lock=OURS,
        lock_time=NOON,
        lock_expire_time=NOON + LEASE,
        fence=1,
        data={"a": 1},
        errors={"history": []},
    )


def test_r2_create_on_an_existing_task_ignores_data_and_keeps_what_is_stored() -> None:
    entry = {"nth_retry": 1, "error": "ValueError()"}
    before = MemoryTask(
        FAILED,
        create_time=NOON - LEASE,
        retry=1,
        data={"old": 1},
        errors={"history": [entry]},
        update_time=NOON - LEASE,
    )
    store = MemoryStore(before)
    assert store.write(make_rules(create=True, initial_data={"new": 1}).acquire(OURS, NOON, LEASE)).applied
    after = store.task
    assert after is not None
    assert after.lock == OURS
    kept = ("create_time", "retry", "data", "errors")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]


def test_r2_create_on_an_existing_task_without_data_does_not_give_it_data() -> None:
    store = MemoryStore(MemoryTask(PENDING, create_time=NOON, data=None))
    store.write(make_rules(create=True, initial_data={"new": 1}).acquire(OURS, NOON, LEASE))
    assert store.task is not None
    assert not store.task.data


@pytest.mark.parametrize("lock", [FREE, OVER], ids=["free", "lease over"])
@pytest.mark.parametrize("status", [PENDING, FAILED, MORE_PENDING])
def test_r2_startable_statuses_without_a_live_lock_are_acquired(status: int, lock: dict[str, Any]) -> None:
    assert is_plain_acquire(judge(TaskState(status, retry=1, **lock)))


def test_r2_in_progress_with_a_live_lock_of_another_is_locked_and_says_until_when() -> None:
    error = refusal(judge(TaskState(IN_PROGRESS, **LIVE)))
    assert type(error) is st.TaskLockedError
    assert error.until == LIVE["lock_expire_time"]
    assert error.until is not None
    assert error.until.isoformat() in str(error)
    assert error.status == IN_PROGRESS


def test_r2_in_progress_with_our_own_live_lock_is_ours() -> None:
    assert judge(TaskState(IN_PROGRESS, **{**LIVE, "lock": OURS})) == AlreadyOurs()


@pytest.mark.parametrize("status", [PENDING, FAILED, SUCCEEDED, IGNORED, OTHER_STEP])
def test_r2_our_own_live_lock_on_a_task_not_in_progress_is_not_ours(status: int) -> None:
    assert isinstance(refusal(judge(TaskState(status, **{**LIVE, "lock": OURS}))), st.TaskLockedError)


@pytest.mark.parametrize(
    "lock", [OVER, FREE, {"lock": THEIRS}], ids=["lease over", "no lock", "a lock without any time"]
)
def test_r2_in_progress_without_a_live_lock_is_taken_over(lock: dict[str, Any]) -> None:
    earlier = {"nth_retry": 1, "error": "ValueError()"}
    state = TaskState(IN_PROGRESS, retry=1, errors={"history": [earlier], "other": "kept"}, **lock)
    verdict = judge(state)
    assert isinstance(verdict, Attempt)
    assert verdict.error is None
    assert verdict.write.guard == Unchanged(state)
    changes = dict(verdict.write.changes)
    errors = changes.pop("errors")
    acquired = {**make_rules().acquire(OURS, NOON, LEASE).changes, "retry": 2}
    assert changes == acquired
    assert errors["other"] == "kept"
    assert errors["history"][0] == earlier
    (vanished,) = errors["history"][1:]
    assert vanished["error"].startswith("LeaseExpired(")
    assert vanished["nth_retry"] == 2
    assert vanished["update_time"] == NOON.isoformat()
    assert set(vanished) == {"nth_retry", "update_time", "error", "traceback"}


def test_r2_a_takeover_tells_when_the_lease_ended() -> None:
    verdict = judge(TaskState(IN_PROGRESS, **OVER))
    assert isinstance(verdict, Attempt)
    assert OVER["lock_expire_time"].isoformat() in verdict.write.changes["errors"]["history"][0]["error"]


def test_r2_a_takeover_of_the_last_allowed_attempt_ignores_the_task() -> None:
    state = TaskState(IN_PROGRESS, retry=2, fence=3, **OVER)
    verdict = judge(state)
    assert isinstance(verdict, Attempt)
    assert verdict.write.guard == Unchanged(state)
    changes = verdict.write.changes
    assert (changes["status"], changes["retry"], changes["lock"]) == (IGNORED, 3, None)
    assert changes["lock_expire_time"] is Special.REMOVE
    assert changes["update_time"] == NOON
    assert "fence" not in changes
    assert len(changes["errors"]["history"]) == 1
    assert isinstance(verdict.error, st.TaskIgnoredError)
    assert verdict.error.given_up_now
    assert "3 of 3" in str(verdict.error)


@pytest.mark.parametrize("status", [PENDING, FAILED, SUCCEEDED, IGNORED, MORE_PENDING, OTHER_STEP, IN_PROGRESS])
def test_r2_a_live_lock_is_told_first_whatever_the_status(status: int) -> None:
    due_later = {"not_before": NOON + 2 * LEASE}
    assert type(refusal(judge(TaskState(status, **LIVE, **due_later)))) is st.TaskLockedError


@pytest.mark.parametrize("lock", [FREE, OVER], ids=["free", "lease over"])
@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (SUCCEEDED, st.TaskAlreadySucceedError, "rerun()"),
        (IGNORED, st.TaskIgnoredError, "errors['history']"),
        (OTHER_STEP, st.TaskIsNotReadyToStartError, "10 (pending), 30 (failed), 15 (15)"),
    ],
)
def test_r2_other_statuses_are_refused(
    status: int, kind: type[st.TaskIsNotReadyToStartError], hint: str, lock: dict[str, Any]
) -> None:
    error = refusal(judge(TaskState(status, **lock)))
    assert type(error) is kind
    assert error.status == status
    assert hint in str(error)
    assert "Task(use_case_id='test', task_id='t-1')" in str(error)


def test_r2_another_steps_status_is_named() -> None:
    assert "70" in str(refusal(judge(TaskState(OTHER_STEP))))


def test_r2_an_ignored_task_was_not_given_up_now() -> None:
    error = refusal(judge(TaskState(IGNORED)))
    assert isinstance(error, st.TaskIgnoredError)
    assert not error.given_up_now


def test_r2_the_next_step_starts_from_what_this_one_succeeded_with() -> None:
    next_step = make_rules(make_config(**NEXT_CODES))
    assert isinstance(next_step.judge(TaskState(SUCCEEDED), OURS, NOON, LEASE), Attempt)
    refused = next_step.judge(TaskState(IN_PROGRESS, **OVER), OURS, NOON, LEASE)
    assert type(refusal(refused)) is st.TaskIsNotReadyToStartError


@pytest.mark.parametrize(
    "kind",
    [
        st.TaskIsNotInitializedError,
        st.TaskLockedError,
        st.TaskAlreadySucceedError,
        st.TaskIgnoredError,
        st.TaskNotDueError,
    ],
)
def test_r2_the_errors_are_a_family(kind: type[Exception]) -> None:
    assert issubclass(kind, st.TaskIsNotReadyToStartError)
    assert issubclass(st.TaskIsNotReadyToStartError, st.TaskExecutionError)


# R3: a lease ends exactly at its end


@pytest.mark.parametrize(("after_end", "live"), [(-TICK, True), (timedelta(0), False), (TICK, False)])
@pytest.mark.parametrize(
    "state",
    [
        TaskState(IN_PROGRESS, lock=THEIRS, lock_time=NOON, lock_expire_time=NOON + 3 * LEASE),
        TaskState(IN_PROGRESS, lock=THEIRS, lock_expire_time=NOON + 3 * LEASE),
        TaskState(IN_PROGRESS, lock=THEIRS, lock_time=NOON + 2 * LEASE),
    ],
    ids=["lock_expire_time", "without lock_time", "without lock_expire_time: lock_time + lock_expire_seconds"],
)
def test_r3_the_end_of_a_lease(state: TaskState, after_end: timedelta, live: bool) -> None:
    rules, now = make_rules(), NOON + 3 * LEASE + after_end
    assert is_live(state, rules.config, now) is live
    verdict = rules.judge(state, OURS, now, LEASE)
    assert isinstance(verdict, Refused if live else Attempt)


def test_r3_the_end_of_an_unknown_lease_is_told() -> None:
    error = refusal(judge(TaskState(IN_PROGRESS, lock=THEIRS, lock_time=NOON)))
    assert isinstance(error, st.TaskLockedError)
    assert error.until == NOON + LEASE


def test_r3_an_expiry_that_an_older_library_left_on_a_free_task_is_no_lease() -> None:
    state = TaskState(PENDING, lock=None, lock_expire_time=NOON + LEASE)
    assert not is_live(state, make_config(), NOON)
    assert is_plain_acquire(judge(state))


@pytest.mark.parametrize(("after_end", "admitted"), [(-TICK, False), (timedelta(0), True), (TICK, True)])
@pytest.mark.parametrize("expiry_known", [True, False])
def test_r3_the_blind_acquire_knows_the_same_end(after_end: timedelta, admitted: bool, expiry_known: bool) -> None:
    expiry = NOON if expiry_known else None
    store = MemoryStore(MemoryTask(FAILED, lock=THEIRS, lock_time=NOON - LEASE, lock_expire_time=expiry))
    assert store.write(make_rules().acquire(OURS, NOON + after_end, LEASE)).applied is admitted


# The guard of the blind acquire and `judge` say the same

moments = some.sampled_from([NOON + n * step for n in (-2, -1, 0, 1) for step in (TICK, LEASE, LEASE - TICK)])
maybe_moment = some.none() | moments
any_task = some.builds(
    MemoryTask,
    status=some.sampled_from([PENDING, IN_PROGRESS, FAILED, SUCCEEDED, IGNORED, MORE_PENDING, OTHER_STEP]),
    retry=some.integers(0, 3),
    lock=some.sampled_from([None, OURS, THEIRS]),
    lock_time=maybe_moment,
    lock_expire_time=maybe_moment,
    not_before=maybe_moment,
)


@given(any_task, some.sampled_from([(), (MORE_PENDING,), (SUCCEEDED, IGNORED, OTHER_STEP)]), some.booleans())
@example(MemoryTask(PENDING, lock=THEIRS, lock_time=NOON - LEASE), (), False)
@example(MemoryTask(PENDING, lock=THEIRS, lock_time=NOON - LEASE + TICK), (), False)
@example(MemoryTask(FAILED, not_before=NOON), (), True)
def test_r2_the_blind_acquire_admits_exactly_what_judging_admits(
    task: MemoryTask, more_pending: tuple[int, ...], create: bool
) -> None:
    config = make_config()
    rules = make_rules(config, startable=config.startable_statuses(more_pending), create=create)
    store = MemoryStore(task)
    acquire = rules.acquire(OURS, NOON, LEASE)
    verdict = rules.judge(store.state(task), OURS, NOON, LEASE)
    admitted = isinstance(verdict, Attempt) and verdict.error is None and verdict.write == acquire
    assert store.admits(acquire.guard) is admitted


@given(any_task)
def test_r2_judging_always_ends_in_a_write_that_the_judged_state_admits_or_in_a_reason(task: MemoryTask) -> None:
    store = MemoryStore(task)
    verdict = judge(store.state(task))
    if isinstance(verdict, Attempt):
        assert store.admits(verdict.write.guard)
    elif isinstance(verdict, Refused):
        assert isinstance(verdict.error, st.TaskIsNotReadyToStartError)
    else:
        assert task.lock == OURS


# R4, R12


def test_r4_every_write_after_the_acquire_carries_the_token() -> None:
    rules, state = make_rules(), TaskState(IN_PROGRESS)
    writes = [
        rules.succeed(state, OURS, NOON, None),
        rules.fail(state, OURS, NOON, ValueError()),
        rules.extend(OURS, NOON, LEASE),
        rules.update(OURS, {}),
    ]
    assert [write.guard for write in writes] == [HeldBy(OURS)] * 4


def test_r12_renewing_the_lease_touches_no_index_key() -> None:
    assert make_rules().extend(OURS, NOON, LEASE).changes == {"lock_expire_time": NOON + LEASE}


# R5


def test_r5_the_last_few_finishing_tokens_are_kept() -> None:
    rules, state = make_rules(), TaskState(IN_PROGRESS)
    for n in range(KEPT_FINISHED_LOCKS + 2):
        state = replace(state, finished_locks=rules.succeed(state, f"token-{n}", NOON, None).changes["finished_locks"])
    assert state.finished_locks == tuple(f"token-{n}" for n in range(2, KEPT_FINISHED_LOCKS + 2))
    assert is_finished_by(state, "token-2")
    assert not is_finished_by(state, "token-1")
    assert not is_finished_by(None, "token-2")
    assert KEPT_FINISHED_LOCKS >= 2


# R7


@pytest.mark.parametrize("data", [{"pages": 3}, {}])
def test_r7_success_releases_and_stores_data_in_one_write(data: dict[str, Any]) -> None:
    state = TaskState(IN_PROGRESS, retry=2, lock=OURS, finished_locks=("before",), errors={"history": [1]})
    assert make_rules().succeed(state, OURS, NOON, data).changes == {
        "status": SUCCEEDED,
        "update_time": NOON,
        "lock": None,
        "lock_expire_time": Special.REMOVE,
        "not_before": Special.REMOVE,
        "retry": 0,
        "finished_locks": ("before", OURS),
        "data": data,
    }


def test_r7_success_without_data_leaves_the_stored_data() -> None:
    assert "data" not in make_rules().succeed(TaskState(IN_PROGRESS), OURS, NOON, None).changes


# R8


def raised(error: Exception) -> Exception:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


@pytest.mark.parametrize(("retry", "status"), [(0, FAILED), (1, FAILED), (2, IGNORED), (7, IGNORED)])
def test_r8_failure_counts_and_after_max_retry_ignores(retry: int, status: int) -> None:
    state = TaskState(IN_PROGRESS, retry=retry, lock=OURS)
    changes = make_rules().fail(state, OURS, NOON, ValueError("x")).changes
    assert (changes["status"], changes["retry"]) == (status, retry + 1)
    assert (changes["lock"], changes["lock_expire_time"]) == (None, Special.REMOVE)
    assert changes["update_time"] == NOON
    assert changes["finished_locks"] == (OURS,)
    assert changes["not_before"] is Special.REMOVE


def test_r8_failure_writes_one_entry_and_keeps_what_is_there() -> None:
    earlier = {"nth_retry": 1, "error": "KeyError()"}
    state = TaskState(IN_PROGRESS, retry=1, errors={"history": [earlier], "actions": ["kept"]})
    errors = make_rules().fail(state, OURS, NOON, raised(ValueError("broken page"))).changes["errors"]
    assert errors["actions"] == ["kept"]
    assert errors["history"][:-1] == [earlier]
    entry = errors["history"][-1]
    assert {**entry, "traceback": ""} == {
        "nth_retry": 2,
        "update_time": NOON.isoformat(),
        "error": "ValueError('broken page')",
        "traceback": "",
    }
    assert "raise error" in entry["traceback"]
    assert entry["traceback"].endswith("ValueError: broken page\n")
    assert state.errors["history"] == [earlier]


def test_r8_failure_drops_data() -> None:
    assert "data" not in make_rules().fail(TaskState(IN_PROGRESS), OURS, NOON, ValueError()).changes


@pytest.mark.parametrize("errors", [{}, {"history": None}])
def test_r8_an_item_without_history_gets_one(errors: dict[str, Any]) -> None:
    state = TaskState(IN_PROGRESS, errors=errors)
    assert len(make_rules().fail(state, OURS, NOON, ValueError()).changes["errors"]["history"]) == 1


def test_r8_only_the_newest_frames_are_kept() -> None:
    def deeper(levels: int) -> None:
        if levels:
            deeper(levels - 1)
        raise ValueError("at the bottom")

    with pytest.raises(ValueError, match="bottom") as caught:
        deeper(20)
    rules = make_rules(make_config(traceback_stack_limit=2))
    trace = rules.fail(TaskState(IN_PROGRESS), OURS, NOON, caught.value).changes["errors"]["history"][0]["traceback"]
    assert trace.count("File ") == 2
    assert "at the bottom" in trace


def test_r8_an_error_whose_repr_raises_is_recorded_by_its_type() -> None:
    class RudeError(Exception):
        def __repr__(self) -> str:
            raise RuntimeError("no")

        __str__ = __repr__

    entry = make_rules().fail(TaskState(IN_PROGRESS), OURS, NOON, RudeError()).changes["errors"]["history"][0]
    assert "RudeError" in entry["error"]


# R9


class UnreadableError(Exception):
    """A user's own hopeless error."""


class VeryUnreadableError(UnreadableError):
    """A kind of it."""


class HopelessError(st.NonRetryableError):
    """A subclass of the library's."""


@pytest.mark.parametrize("error", [st.NonRetryableError("no text"), HopelessError(), VeryUnreadableError()])
def test_r9_non_retryable_is_ignored_at_once(error: Exception) -> None:
    rules = make_rules(make_config(non_retryable=[UnreadableError]))
    changes = rules.fail(TaskState(IN_PROGRESS), OURS, NOON, error).changes
    assert (changes["status"], changes["retry"]) == (IGNORED, 1)
    assert changes["errors"]["history"][0]["error"] == repr(error)


def test_r9_the_users_type_is_retryable_where_it_is_not_configured() -> None:
    assert make_rules().fail(TaskState(IN_PROGRESS), OURS, NOON, UnreadableError()).changes["status"] == FAILED


def error_with_retry_after(seconds: object) -> Exception:
    error = ValueError("later")
    error.retry_after = seconds  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("seconds", [90, 90.0])
def test_r9_retry_after_sets_not_before(seconds: float) -> None:
    changes = make_rules().fail(TaskState(IN_PROGRESS), OURS, NOON, error_with_retry_after(seconds)).changes
    assert changes["not_before"] == NOON + timedelta(seconds=90)
    assert changes["status"] == FAILED


@pytest.mark.parametrize("seconds", [0, -1, True, None, "5", float("nan"), float("inf"), -float("inf")])
def test_r9_a_retry_after_that_is_no_wait_is_none(seconds: object) -> None:
    changes = make_rules().fail(TaskState(IN_PROGRESS), OURS, NOON, error_with_retry_after(seconds)).changes
    assert changes["not_before"] is Special.REMOVE


@pytest.mark.parametrize("seconds", [1e12, 1e300, 10**400], ids=["past year 9999", "no timedelta", "no float"])
def test_r9_a_retry_after_beyond_the_calendar_does_not_keep_the_failure_from_being_recorded(seconds: float) -> None:
    changes = make_rules().fail(TaskState(IN_PROGRESS), OURS, NOON, error_with_retry_after(seconds)).changes
    assert changes["status"] == FAILED
    assert len(changes["errors"]["history"]) == 1


def test_r9_a_retry_after_that_raises_does_not_keep_the_failure_from_being_recorded() -> None:
    class MoodyError(Exception):
        @property
        def retry_after(self) -> float:
            raise RuntimeError("no")

    assert make_rules().fail(TaskState(IN_PROGRESS), OURS, NOON, MoodyError()).changes["status"] == FAILED


@pytest.mark.parametrize("status", [PENDING, FAILED, MORE_PENDING])
@pytest.mark.parametrize(("until_due", "due"), [(TICK, False), (timedelta(0), True), (-TICK, True)])
def test_r9_a_start_before_it_is_due_is_refused(status: int, until_due: timedelta, due: bool) -> None:
    verdict = judge(TaskState(status, not_before=NOON + until_due))
    if due:
        assert is_plain_acquire(verdict)
        return
    error = refusal(verdict)
    assert type(error) is st.TaskNotDueError
    assert error.not_before == NOON + until_due
    assert (NOON + until_due).isoformat() in str(error)


# R11: rerun

RECORD = {"action": "rerun", "id": "r-1", "reason": "mended the parser", "by": "ops"}


@pytest.mark.parametrize("lock", [FREE, OVER], ids=["free", "lease over"])
@pytest.mark.parametrize("status", [PENDING, FAILED, SUCCEEDED, IGNORED, OTHER_STEP])
def test_r11_rerun_makes_pending_and_keeps_history(status: int, lock: dict[str, Any]) -> None:
    history = [{"nth_retry": 1, "error": "ValueError()"}]
    state = TaskState(
        status,
        retry=3,
        fence=4,
        run=1,
        not_before=NOON + LEASE,
        errors={"history": history, "actions": ["first"]},
        **lock,
    )
    write = make_rules().rerun(state, NOON, RECORD)
    assert write.guard == Unchanged(state)
    assert write.changes == {
        "status": PENDING,
        "update_time": NOON,
        "retry": 0,
        "run": 2,
        "lock": None,
        "lock_expire_time": Special.REMOVE,
        "not_before": Special.REMOVE,
        "errors": {
            "history": history,
            "actions": ["first", {**RECORD, "update_time": NOON.isoformat(), "status": status}],
        },
    }
    assert state.errors["actions"] == ["first"]


def test_r11_rerun_of_a_stuck_task_records_the_vanished_attempt() -> None:
    changes = make_rules().rerun(TaskState(IN_PROGRESS, retry=1, **OVER), NOON, RECORD).changes
    assert (changes["status"], changes["retry"], changes["lock"]) == (PENDING, 0, None)
    assert [entry["error"][:13] for entry in changes["errors"].get("history", [])] == ["LeaseExpired("]


@pytest.mark.parametrize("status", [IN_PROGRESS, PENDING, SUCCEEDED, OTHER_STEP])
def test_r11_rerun_is_refused_while_a_worker_is_live(status: int) -> None:
    with pytest.raises(st.TaskLockedError):
        make_rules().rerun(TaskState(status, **LIVE), NOON, RECORD)


def test_r11_rerun_is_allowed_at_the_very_end_of_the_lease() -> None:
    state = TaskState(IN_PROGRESS, lock=THEIRS, lock_expire_time=NOON)
    assert make_rules().rerun(state, NOON, RECORD).changes["status"] == PENDING
    with pytest.raises(st.TaskLockedError):
        make_rules().rerun(state, NOON - TICK, RECORD)


def test_r11_rerun_of_nothing() -> None:
    with pytest.raises(st.TaskIsNotInitializedError):
        make_rules().rerun(None, NOON, RECORD)


@pytest.mark.parametrize("status", [PENDING, IN_PROGRESS, FAILED, IGNORED])
def test_r11_rerun_of_a_step_that_was_never_reached_is_refused(status: int) -> None:
    with pytest.raises(st.TaskIsNotReadyToStartError) as caught:
        make_rules(make_config(**NEXT_CODES)).rerun(TaskState(status), NOON, RECORD)
    assert type(caught.value) is st.TaskIsNotReadyToStartError


def test_r11_a_recorded_rerun_is_known_again() -> None:
    errors = make_rules().rerun(TaskState(FAILED), NOON, RECORD).changes["errors"]
    assert is_recorded(TaskState(PENDING, errors=errors), RECORD)
    assert not is_recorded(TaskState(PENDING, errors=errors), {**RECORD, "id": "r-2"})
    assert not is_recorded(TaskState(PENDING), RECORD)


# R13


def test_r13_every_way_to_acquire_increments_the_fence() -> None:
    takeover = judge(TaskState(IN_PROGRESS, fence=5, **OVER))
    assert isinstance(takeover, Attempt)
    for write in (make_rules().acquire(OURS, NOON, LEASE), takeover.write):
        assert write.changes["fence"] is Special.INCREMENT


def test_r13_nothing_else_touches_the_fence() -> None:
    rules, state = make_rules(), TaskState(IN_PROGRESS, fence=5)
    writes = [
        rules.succeed(state, OURS, NOON, {}),
        rules.fail(state, OURS, NOON, ValueError()),
        rules.extend(OURS, NOON, LEASE),
        rules.update(OURS, {}),
        rules.rerun(state, NOON, RECORD),
    ]
    assert all("fence" not in write.changes for write in writes)
