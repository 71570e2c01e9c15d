"""The pure rules for what people do to a task besides a rerun: ignore, un-ignore, unlock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.lifecycle import Lifecycle, TryWrite
from status_tracker.core.port import Special, Unchanged, Write
from status_tracker.core.state import TaskState, is_recorded
from tests.unit.steps import (
    FAILED,
    IGNORED,
    IN_PROGRESS,
    LEASE,
    NOON,
    PENDING,
    SUCCEEDED,
    TICK,
    make_rules,
)

OTHER_STEP = 70
LIVE: dict[str, Any] = {"lock": "their-token", "lock_time": NOON, "lock_expire_time": NOON + LEASE}
OVER: dict[str, Any] = {"lock": "their-token", "lock_time": NOON - LEASE, "lock_expire_time": NOON}
FIRST = {"action": "rerun", "id": "a-0"}
ERRORS: dict[str, Any] = {"history": [{"nth_retry": 1, "error": "ValueError()"}], "actions": [FIRST]}
RECORD = {"action": "any", "id": "a-1", "reason": "the scanner was broken", "by": "ops"}

Rule = Callable[[Lifecycle, TaskState | None, datetime, dict[str, Any]], Write]
RULES: list[Rule] = [Lifecycle.rerun, Lifecycle.ignore, Lifecycle.unignore, Lifecycle.unlock]
FITTING = {Lifecycle.rerun: FAILED, Lifecycle.ignore: FAILED, Lifecycle.unignore: IGNORED, Lifecycle.unlock: FAILED}


def forgotten(lock: dict[str, Any]) -> dict[str, Any]:
    return {"vanished_locks": (lock["lock"],)} if lock else {}


def recorded(status: int, fence: int = 0) -> dict[str, Any]:
    record = {**RECORD, "update_time": NOON.isoformat(), "status": status, "fence": fence}
    return {**ERRORS, "actions": [FIRST, record]}


# What all of them have in common


@pytest.mark.parametrize("rule", RULES)
def test_r11_every_action_is_recorded_once_under_the_state_it_was_judged_by(rule: Rule) -> None:
    state = TaskState(FITTING[rule], retry=2, fence=4, errors=ERRORS, **OVER)
    write = rule(make_rules(), state, NOON, RECORD)
    assert write.guard == Unchanged(state)
    assert write.changes["errors"] == recorded(state.status, fence=4)
    assert state.errors["actions"] == [FIRST]
    assert is_recorded(replace(state, errors=write.changes["errors"]), RECORD)
    assert not is_recorded(state, RECORD)


@pytest.mark.parametrize("rule", RULES)
def test_r11_no_action_makes_a_task(rule: Rule) -> None:
    with pytest.raises(st.TaskIsNotInitializedError):
        rule(make_rules(), None, NOON, RECORD)


@pytest.mark.parametrize("rule", RULES)
def test_r13_no_action_touches_the_fence(rule: Rule) -> None:
    assert "fence" not in rule(make_rules(), TaskState(FITTING[rule], fence=4, **OVER), NOON, RECORD).changes


@pytest.mark.parametrize("rule", [Lifecycle.ignore, Lifecycle.unignore])
@pytest.mark.parametrize("status", [PENDING, IN_PROGRESS, FAILED, SUCCEEDED, IGNORED, OTHER_STEP])
def test_r11_a_live_worker_is_told_first(rule: Rule, status: int) -> None:
    state = TaskState(status, **LIVE)
    with pytest.raises(st.TaskLockedError) as caught:
        rule(make_rules(), state, NOON + LEASE - TICK, RECORD)
    assert caught.value.until == NOON + LEASE


# ignore


@pytest.mark.parametrize("lock", [{}, OVER], ids=["free", "lease over"])
@pytest.mark.parametrize("status", [PENDING, FAILED])
def test_r11_ignore_sets_a_waiting_task_aside(status: int, lock: dict[str, Any]) -> None:
    state = TaskState(status, retry=2, run=1, errors=ERRORS, **lock)
    assert make_rules().ignore(state, NOON, RECORD).changes == {
        "status": IGNORED,
        "update_time": NOON,
        "expire_at": Special.REMOVE,
        "lock": None,
        "lock_expire_time": Special.REMOVE,
        "retry": 2,
        "errors": recorded(status),
        **forgotten(lock),
    }


@pytest.mark.parametrize("lock", [{}, OVER], ids=["unlocked", "lease over"])
def test_r11_ignore_of_a_stuck_task_puts_the_vanished_attempt_on_record(lock: dict[str, Any]) -> None:
    state = TaskState(IN_PROGRESS, retry=1, errors=ERRORS, **lock)
    changes = make_rules().ignore(state, NOON, RECORD).changes
    assert (changes["status"], changes["retry"], changes["lock"]) == (IGNORED, 2, None)
    assert changes["errors"]["actions"] == recorded(IN_PROGRESS)["actions"]
    assert changes["errors"]["history"][0] == ERRORS["history"][0]
    (vanished,) = changes["errors"]["history"][1:]
    assert vanished["error"].startswith("LeaseExpired(")
    assert (vanished["nth_retry"], vanished["update_time"]) == (2, NOON.isoformat())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (SUCCEEDED, st.TaskAlreadySucceedError),
        (IGNORED, st.TaskIgnoredError),
        (OTHER_STEP, st.TaskIsNotReadyToStartError),
    ],
)
def test_r11_ignore_of_what_does_not_wait_in_this_step_is_refused(status: int, kind: type[Exception]) -> None:
    with pytest.raises(st.TaskIsNotReadyToStartError) as caught:
        make_rules().ignore(TaskState(status), NOON, RECORD)
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert not getattr(caught.value, "given_up_now", False)


# unignore


@pytest.mark.parametrize("lock", [{}, OVER], ids=["free", "lease over"])
def test_r11_unignore_makes_an_ignored_task_pending_again(lock: dict[str, Any]) -> None:
    state = TaskState(IGNORED, retry=3, run=1, not_before=NOON + LEASE, errors=ERRORS, **lock)
    assert make_rules().unignore(state, NOON, RECORD).changes == {
        "status": PENDING,
        "update_time": NOON,
        "expire_at": Special.REMOVE,
        "lock": None,
        "lock_expire_time": Special.REMOVE,
        "not_before": Special.REMOVE,
        "retry": 0,
        "run": 2,
        "errors": recorded(IGNORED),
        **forgotten(lock),
    }


@pytest.mark.parametrize("status", [PENDING, IN_PROGRESS, FAILED, SUCCEEDED, OTHER_STEP])
def test_r11_unignore_of_what_is_not_ignored_is_refused(status: int) -> None:
    with pytest.raises(st.TaskIsNotReadyToStartError, match="is not ignored in this step") as caught:
        make_rules().unignore(TaskState(status), NOON, RECORD)
    assert type(caught.value) is st.TaskIsNotReadyToStartError
    assert caught.value.status == status


# unlock


@pytest.mark.parametrize("lock", [LIVE, OVER, {"lock": "their-token"}], ids=["live", "lease over", "no times"])
@pytest.mark.parametrize("status", [PENDING, IN_PROGRESS, FAILED, SUCCEEDED, IGNORED, OTHER_STEP])
def test_r11_unlock_takes_the_lock_remembers_it_and_changes_nothing_else(status: int, lock: dict[str, Any]) -> None:
    state = TaskState(status, retry=1, run=1, errors=ERRORS, **lock)
    assert make_rules().unlock(state, NOON, RECORD).changes == {
        "lock": None,
        "lock_expire_time": Special.REMOVE,
        "errors": recorded(status),
        **forgotten(lock),
    }


@pytest.mark.parametrize("status", [PENDING, IN_PROGRESS])
def test_r11_unlock_of_what_is_not_locked_is_refused(status: int) -> None:
    state = TaskState(status, lock_time=NOON, lock_expire_time=NOON + LEASE)
    with pytest.raises(st.TaskIsNotReadyToStartError, match="is not locked") as caught:
        make_rules().unlock(state, NOON, RECORD)
    assert type(caught.value) is st.TaskIsNotReadyToStartError


def test_r2_an_unlocked_task_in_progress_is_taken_over_at_once() -> None:
    state = TaskState(IN_PROGRESS, fence=1, lock_time=NOON)
    verdict = make_rules().judge(state, "our-token", NOON, LEASE)
    assert isinstance(verdict, TryWrite)
    assert verdict.error is None
    assert "had no lease" in verdict.write.changes["errors"]["history"][0]["error"]


# given_up_now


@pytest.mark.parametrize(("token", "now"), [("t-new", True), ("t-old", False)])
def test_r2_only_the_start_that_gave_a_task_up_is_told_that_it_did(token: str, now: bool) -> None:
    rules = make_rules()
    verdict = rules.judge(TaskState(IN_PROGRESS, retry=2, **OVER), "t-new", NOON, LEASE)
    assert isinstance(verdict, TryWrite)
    assert verdict.write.changes["finished_locks"] == ("t-new",)
    given_up = TaskState(IGNORED, retry=3, finished_locks=verdict.write.changes["finished_locks"])
    refused = rules.judge(given_up, token, NOON, LEASE)
    assert isinstance(refused.error, st.TaskIgnoredError)  # type: ignore[union-attr]
    assert refused.error.given_up_now is now  # type: ignore[union-attr]


@pytest.mark.parametrize("ahead", [-LEASE, LEASE])
@pytest.mark.parametrize("recorded_by", ["this version", "an earlier one"])
def test_r11_an_unlocked_attempt_of_another_step_is_recorded_by_a_rerun(ahead: timedelta, recorded_by: str) -> None:
    """By the fence; where an earlier version recorded none, by the clocks of worker and operator."""
    other_step = 70
    held = TaskState(
        other_step,
        fence=1,
        lock="theirs",
        lock_time=NOON + ahead,
        lock_expire_time=NOON + 2 * LEASE,
        errors={"history": []},
    )
    unlocked = replace(
        held,
        lock=None,
        lock_expire_time=None,
        errors=make_rules().unlock(held, NOON, {**RECORD, "action": "unlock"}).changes["errors"],
    )
    known = recorded_by == "this version" or ahead < timedelta()
    if recorded_by == "an earlier one":
        del unlocked.errors["actions"][0]["fence"]
    changes = make_rules().rerun(unlocked, NOON, {**RECORD, "action": "rerun", "id": "2"}).changes
    vanished = [entry["error"].partition("(")[0] for entry in changes["errors"]["history"]]
    assert vanished == (["LeaseExpired"] if known else [])
    later = make_rules().rerun(replace(unlocked, fence=2, lock_time=NOON + LEASE), NOON, {**RECORD, "id": "2"}).changes
    assert later["errors"]["history"] == []
    again = replace(unlocked, status=other_step + 20)
    assert make_rules().rerun(again, NOON, {**RECORD, "action": "rerun", "id": "3"}).changes["errors"]["history"] == []
