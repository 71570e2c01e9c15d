"""How long a finished task is kept: what the config takes, and what the rules store of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.lifecycle import TryWrite
from status_tracker.core.port import Special, Write
from status_tracker.core.state import TaskState
from status_tracker.testing import MemoryStore
from tests.unit.steps import (
    FAILED,
    IGNORED,
    IN_PROGRESS,
    LEASE,
    NEXT_CODES,
    NOON,
    PENDING,
    SUCCEEDED,
    Clock,
    make_config,
    make_rules,
    start,
    stored,
)

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
TTL = {SUCCEEDED: DAY, IGNORED: WEEK}
OVER: dict[str, Any] = {"lock": "their-token", "lock_time": NOON - 2 * LEASE, "lock_expire_time": NOON - LEASE}
RECORD = {"action": "any", "id": "a-1", "reason": "why", "by": None}

RULES = make_rules(make_config(ttl=TTL, max_retry=2))
HELD = TaskState(IN_PROGRESS, lock="our-token")


def take_over(retry: int) -> Write:
    verdict = RULES.judge(TaskState(IN_PROGRESS, retry=retry, **OVER), "our-token", NOON, LEASE)
    assert isinstance(verdict, TryWrite)
    return verdict.write


# The settings


class Status(st.BaseStatusEnum):
    succeeded = SUCCEEDED


@pytest.mark.parametrize(("ttl", "kept"), [(None, {}), ({}, {}), (TTL, TTL), ({Status.succeeded: DAY}, {40: DAY})])
def test_ttl_is_off_by_default_and_by_status(ttl: Any, kept: dict[int, timedelta]) -> None:
    config = make_config(ttl=ttl)
    assert dict(config.ttl) == kept
    assert all(type(status) is int for status in config.ttl)


@pytest.mark.parametrize(
    "ttl",
    [
        {PENDING: DAY},
        {IN_PROGRESS: DAY},
        {FAILED: DAY},
        {90: DAY},
        {SUCCEEDED: timedelta(0)},
        {SUCCEEDED: -DAY},
        {SUCCEEDED: 3600},
        {SUCCEEDED: None},
        {"succeeded": DAY},
        {SUCCEEDED + 0.5: DAY},
        {SUCCEEDED: timedelta.max},
    ],
    ids=str,
)
def test_a_ttl_that_cannot_work_is_refused_by_name_with_what_was_found(ttl: Any) -> None:
    with pytest.raises(ValueError, match="ttl") as caught:
        make_config(ttl=ttl)
    ((status, lifetime),) = ttl.items()
    assert str(status) in str(caught.value)
    assert repr(lifetime) in str(caught.value)


def test_tasks_whose_attempts_are_used_up_have_a_ttl_of_their_own() -> None:
    rules = make_rules(make_config(ttl={IGNORED: WEEK, 55: DAY}, exhausted_status=55, max_retry=1))
    assert rules.fail(HELD, "our-token", NOON, ValueError()).changes["expire_at"] == NOON + DAY
    assert rules.fail(HELD, "our-token", NOON, st.NonRetryableError()).changes["expire_at"] == NOON + WEEK


def test_ttl_is_frozen() -> None:
    mine = dict(TTL)
    config = make_config(ttl=mine)
    mine.clear()
    assert dict(config.ttl) == TTL
    with pytest.raises(TypeError):
        config.ttl[IGNORED] = DAY  # type: ignore[index]


# Across the steps of a use case


def step(name: str, table: str = "tests-unit-ttl", **settings: Any) -> type[st.BaseTask]:
    namespace = {
        "Meta": type("Meta", (), {"table_name": table, "region": "us-east-1"}),
        "status_and_update_time_index": st.StatusAndUpdateTimeIndex(),
        "config": make_config(**settings),
    }
    return type(name, (st.BaseTask,), namespace)


@pytest.mark.parametrize("last_first", [False, True])
@pytest.mark.parametrize(
    ("number", "waiting"),
    [("one", {}), ("two", {"pending_status": 45, "more_pending_status": SUCCEEDED}), ("three", {"failed_status": 40})],
)
def test_a_ttl_on_what_another_step_starts_from_is_refused(
    last_first: bool, number: str, waiting: dict[str, int]
) -> None:
    next_codes = {**NEXT_CODES, **waiting}
    settings: list[tuple[str, dict[str, Any]]] = [("Extract", {"ttl": {SUCCEEDED: DAY}}), ("Answer", next_codes)]
    (first, one), (second, other) = reversed(settings) if last_first else settings
    use_case = f"ttl-{number}-{last_first}"
    known = step(first, use_case_id=use_case, **one)
    with pytest.raises(ValueError, match="40") as caught:
        step(second, use_case_id=use_case, **other)
    assert "Extract gives status 40 a ttl, and Answer starts from it" in str(caught.value)
    if second == "Extract":  # the refused one is not known: without the ttl it is taken
        assert step(second, use_case_id=use_case).config.use_case_id == known.config.use_case_id


def test_a_ttl_on_what_no_other_step_starts_from_is_taken() -> None:
    first = step("First", use_case_id="ttl-last", ttl={IGNORED: WEEK})
    last = step("Last", use_case_id="ttl-last", **NEXT_CODES, ttl={90: DAY, 100: WEEK})
    assert (dict(first.config.ttl), dict(last.config.ttl)) == ({IGNORED: WEEK}, {90: DAY, 100: WEEK})


@pytest.mark.parametrize("elsewhere", [{"use_case_id": "ttl-another"}, {"table": "tests-unit-ttl-another"}], ids=str)
def test_a_ttl_is_no_matter_of_steps_of_another_use_case_or_table(elsewhere: dict[str, str]) -> None:
    mine = {"use_case_id": f"ttl-mine-{next(iter(elsewhere))}"}
    first = step("First", **mine, ttl={SUCCEEDED: DAY})
    other = step("Other", **{**mine, **elsewhere}, **NEXT_CODES)
    assert other.config.pending_status in first.config.ttl


# What is stored


@pytest.mark.parametrize(
    ("write", "expire_at"),
    [
        (RULES.succeed(HELD, "our-token", NOON, None), NOON + DAY),
        (RULES.fail(HELD, "our-token", NOON, ValueError()), Special.REMOVE),
        (RULES.fail(HELD, "our-token", NOON, st.NonRetryableError()), NOON + WEEK),
        (RULES.fail(TaskState(IN_PROGRESS, retry=1), "our-token", NOON, ValueError()), NOON + WEEK),
        (RULES.acquire("our-token", NOON, LEASE), Special.REMOVE),
        (take_over(0), Special.REMOVE),
        (take_over(1), NOON + WEEK),
        (RULES.ignore(TaskState(PENDING), NOON, RECORD), NOON + WEEK),
        (RULES.unignore(TaskState(IGNORED), NOON, RECORD), Special.REMOVE),
        (RULES.rerun(TaskState(SUCCEEDED), NOON, RECORD), Special.REMOVE),
    ],
    ids=["succeed", "fail", "hopeless", "last", "acquire", "takeover", "give up", "ignore", "unignore", "rerun"],
)
def test_the_expiry_goes_with_the_status(write: Write, expire_at: Any) -> None:
    assert write.changes["expire_at"] == expire_at


@pytest.mark.parametrize(
    "write",
    [
        RULES.extend(HELD, "our-token", NOON, LEASE),
        RULES.update(HELD, "our-token", 1, {}),
        RULES.unlock(TaskState(SUCCEEDED, **OVER), NOON, RECORD),
    ],
    ids=["extend", "update", "unlock"],
)
def test_what_leaves_the_status_leaves_the_expiry(write: Write) -> None:
    assert "expire_at" not in write.changes


def test_a_task_that_the_next_step_starts_does_not_expire(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock, ttl=TTL):
        assert stored(store).expire_at is None
    assert stored(store).expire_at == NOON + DAY
    with start(store, clock, pending_status=SUCCEEDED, succeeded_status=90):
        assert stored(store).expire_at is None
    assert stored(store).expire_at is None
