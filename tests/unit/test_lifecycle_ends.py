"""The pure rules for what follows an acquire: success, failure, renewal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.lifecycle import KEPT_LOCKS
from status_tracker.core.port import HeldBy, Special
from status_tracker.core.state import TaskState, is_finished_by
from tests.unit.steps import (
    FAILED,
    IGNORED,
    IN_PROGRESS,
    LEASE,
    NOON,
    SUCCEEDED,
    make_config,
    make_rules,
)

OURS = "our-token"

# R4, R12


def test_r4_every_write_after_the_acquire_carries_the_token_and_the_fence_of_the_acquire() -> None:
    rules, state = make_rules(), TaskState(IN_PROGRESS, fence=5)
    writes = [
        rules.succeed(state, OURS, NOON, None),
        rules.fail(state, OURS, NOON, ValueError()),
        rules.extend(state, OURS, NOON, LEASE),
        rules.update(state, OURS, 1, {}),
    ]
    assert [write.guard for write in writes] == [
        HeldBy(OURS, 5),
        HeldBy(OURS, 5),
        HeldBy(OURS, 5, growing="lock_expire_time"),
        HeldBy(OURS, 5, growing="update_count"),
    ]


def test_r12_renewing_the_lease_touches_no_index_key() -> None:
    assert make_rules().extend(TaskState(IN_PROGRESS), OURS, NOON, LEASE).changes == {"lock_expire_time": NOON + LEASE}


# R5


def test_r5_the_last_few_finishing_tokens_are_kept() -> None:
    rules, state = make_rules(), TaskState(IN_PROGRESS)
    for n in range(KEPT_LOCKS + 2):
        state = replace(state, finished_locks=rules.succeed(state, f"token-{n}", NOON, None).changes["finished_locks"])
    assert state.finished_locks == tuple(f"token-{n}" for n in range(2, KEPT_LOCKS + 2))
    assert is_finished_by(state, "token-2")
    assert not is_finished_by(state, "token-1")
    assert not is_finished_by(None, "token-2")
    assert KEPT_LOCKS >= 2


# R7


@pytest.mark.parametrize("data", [{"pages": 3}, {}])
def test_r7_success_releases_and_stores_data_in_one_write(data: dict[str, Any]) -> None:
    state = TaskState(IN_PROGRESS, retry=2, lock=OURS, finished_locks=("before",), errors={"history": [1]})
    assert make_rules().succeed(state, OURS, NOON, data).changes == {
        "status": SUCCEEDED,
        "update_time": NOON,
        "expire_at": Special.REMOVE,
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
    def at_the_bottom() -> None:
        raise ValueError("it happened here")

    def deeper(levels: int) -> None:
        if levels:
            deeper(levels - 1)
        at_the_bottom()

    with pytest.raises(ValueError, match="here") as caught:
        deeper(20)
    rules = make_rules(make_config(traceback_stack_limit=2))
    trace = rules.fail(TaskState(IN_PROGRESS), OURS, NOON, caught.value).changes["errors"]["history"][0]["traceback"]
    assert trace.count("File ") == 2
    assert "in at_the_bottom" in trace
    assert trace.endswith("ValueError: it happened here\n")


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


# R13


def test_r13_nothing_else_touches_the_fence() -> None:
    rules, state = make_rules(), TaskState(IN_PROGRESS, fence=5)
    writes = [
        rules.succeed(state, OURS, NOON, {}),
        rules.fail(state, OURS, NOON, ValueError()),
        rules.extend(state, OURS, NOON, LEASE),
        rules.update(state, OURS, 1, {}),
    ]
    assert all("fence" not in write.changes for write in writes)
