"""Starts that are told to force or to ignore a lock; exhausted apart from ignored; a pending status that is found."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.lifecycle import Attempt, Refused, Verdict
from status_tracker.core.port import Startable, Unchanged
from status_tracker.core.state import TaskState, pending_as_found
from tests.unit.steps import FAILED, IGNORED, IN_PROGRESS, LEASE, NOON, PENDING, SUCCEEDED, make_config, make_rules

OURS, THEIRS, KNOWN = "our-token", "their-token", "known-token"
EXHAUSTED = 45
LIVE: dict[str, Any] = {"lock": THEIRS, "lock_time": NOON - LEASE / 2, "lock_expire_time": NOON + LEASE / 2}
OVER: dict[str, Any] = {"lock": THEIRS, "lock_time": NOON - 2 * LEASE, "lock_expire_time": NOON - LEASE}


def judge(state: TaskState, *, config: st.TrackerConfig | None = None, **settings: Any) -> Verdict:
    return make_rules(config or make_config(), **settings).judge(state, OURS, NOON, LEASE)


def refusal(verdict: Verdict) -> st.TaskIsNotReadyToStartError:
    assert isinstance(verdict, Refused)
    return verdict.error


# Exhausted


def test_r8_the_last_failure_exhausts_a_task_where_the_step_says_so() -> None:
    rules = make_rules(make_config(exhausted_status=EXHAUSTED, max_retry=2))
    first = rules.fail(TaskState(IN_PROGRESS), OURS, NOON, ValueError())
    last = rules.fail(TaskState(IN_PROGRESS, retry=1), OURS, NOON, ValueError())
    assert [write.changes["status"] for write in (first, last)] == [FAILED, EXHAUSTED]


def test_r9_what_no_retry_can_mend_is_ignored_and_not_exhausted() -> None:
    rules = make_rules(make_config(exhausted_status=EXHAUSTED))
    assert rules.fail(TaskState(IN_PROGRESS), OURS, NOON, st.NonRetryableError()).changes["status"] == IGNORED


def test_r2_the_last_attempt_that_vanished_exhausts_a_task() -> None:
    config = make_config(exhausted_status=EXHAUSTED, max_retry=1)
    verdict = judge(TaskState(IN_PROGRESS, **OVER), config=config)
    assert isinstance(verdict, Attempt)
    assert verdict.write.changes["status"] == EXHAUSTED
    assert isinstance(verdict.error, st.TaskExhaustedError)
    assert verdict.error.given_up_now


@pytest.mark.parametrize(("status", "kind"), [(EXHAUSTED, st.TaskExhaustedError), (IGNORED, st.TaskIgnoredError)])
def test_r2_an_exhausted_task_is_told_apart_from_an_ignored_one(status: int, kind: type[st.NoMoreRetryError]) -> None:
    error = refusal(judge(TaskState(status, retry=3), config=make_config(exhausted_status=EXHAUSTED)))
    assert type(error) is kind
    assert isinstance(error, st.NoMoreRetryError)


def test_r11_an_exhausted_task_can_be_made_pending_again() -> None:
    rules = make_rules(make_config(exhausted_status=EXHAUSTED))
    for act in (rules.rerun, rules.unignore):
        assert act(TaskState(EXHAUSTED, retry=3), NOON, {"id": "1"}).changes["status"] == PENDING


def test_exhausted_is_a_code_of_its_own() -> None:
    config = make_config(exhausted_status=EXHAUSTED, n_ignored_shard=7)
    assert config.status_name(EXHAUSTED) == "exhausted"
    assert config.status_shards[EXHAUSTED] == 7
    with pytest.raises(ValueError, match="different integers"):
        make_config(exhausted_status=IGNORED)
    assert make_config().exhausted_status == IGNORED


# Force


def test_a_forced_start_acquires_what_is_finished() -> None:
    config = make_config(exhausted_status=EXHAUSTED)
    guard = make_rules(config, force=True).acquire(OURS, NOON, LEASE).guard
    assert isinstance(guard, Startable)
    assert set(guard.statuses) == {PENDING, FAILED, SUCCEEDED, IGNORED, EXHAUSTED}


@pytest.mark.parametrize("status", [SUCCEEDED, IGNORED])
def test_a_forced_start_waits_for_a_live_lock_all_the_same(status: int) -> None:
    assert isinstance(refusal(judge(TaskState(status, **LIVE), force=True)), st.TaskLockedError)


def test_a_forced_start_does_not_take_a_task_of_another_step() -> None:
    assert type(refusal(judge(TaskState(70), force=True))) is st.TaskIsNotReadyToStartError


def test_a_forced_start_takes_over_what_is_over_after_the_last_attempt_too() -> None:
    verdict = judge(TaskState(IN_PROGRESS, retry=2, **OVER), force=True)
    assert isinstance(verdict, Attempt)
    assert verdict.error is None
    assert (verdict.write.changes["status"], verdict.write.changes["retry"]) == (IN_PROGRESS, 3)
    assert len(verdict.write.changes["errors"]["history"]) == 1


# A lock that is ignored, or known


@pytest.mark.parametrize("settings", [{"ignore_lock": True}, {"known_lock": THEIRS}])
def test_r4_a_lock_that_is_ignored_is_taken_over_and_its_token_remembered(settings: dict[str, Any]) -> None:
    verdict = judge(TaskState(IN_PROGRESS, **LIVE), **settings)
    assert isinstance(verdict, Attempt)
    assert isinstance(verdict.write.guard, Unchanged)
    changes = verdict.write.changes
    assert (changes["status"], changes["lock"], changes["retry"]) == (IN_PROGRESS, OURS, 1)
    assert changes["vanished_locks"] == (THEIRS,)
    assert "told to ignore" in changes["errors"]["history"][-1]["error"]


@pytest.mark.parametrize("status", [PENDING, FAILED])
def test_a_lock_on_a_waiting_task_can_be_ignored(status: int) -> None:
    verdict = judge(TaskState(status, retry=1, **LIVE), ignore_lock=True)
    assert isinstance(verdict, Attempt)
    assert isinstance(verdict.write.guard, Unchanged)
    assert (verdict.write.changes["lock"], verdict.write.changes["vanished_locks"]) == (OURS, (THEIRS,))
    assert "retry" not in verdict.write.changes


def test_another_lock_than_the_known_one_holds() -> None:
    assert isinstance(refusal(judge(TaskState(IN_PROGRESS, **LIVE), known_lock=KNOWN)), st.TaskLockedError)


def test_r9_a_lock_that_is_ignored_makes_nothing_due() -> None:
    state = TaskState(FAILED, not_before=NOON + timedelta(seconds=1), **LIVE)
    assert isinstance(refusal(judge(state, ignore_lock=True)), st.TaskNotDueError)


# A pending status that is found


@pytest.mark.parametrize(
    ("state", "codes"),
    [
        (TaskState(5), (5,)),
        (TaskState(PENDING), ()),
        (TaskState(IN_PROGRESS, **OVER), ()),
        (TaskState(SUCCEEDED), ()),
        (TaskState(5, **OVER), ()),
    ],
)
def test_the_status_that_is_found_counts_as_pending(state: TaskState, codes: tuple[int, ...]) -> None:
    assert pending_as_found(state, make_config()) == codes
