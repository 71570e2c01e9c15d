"""How much of its past a task keeps (R10)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

import status_tracker as st
from status_tracker.core.history import (
    ERROR_BYTES,
    HISTORY_BYTES,
    KEPT_ACTIONS,
    MAX_DATA_BYTES,
    REASON_BYTES,
    TRACEBACK_BYTES,
    cut,
    failure,
    json_size,
    with_action,
    with_failure,
)
from status_tracker.core.state import TaskState
from tests.unit.steps import CODES, IN_PROGRESS, NOON, SHARDS, make_config, make_rules

ITEM_BYTES = 400 * 1024
LETTERS = ["x", "ü", "水", "🎈", "\n", '"', "\udc80"]


def entry(number: int, size: int = 0) -> dict[str, Any]:
    return {"nth_retry": number, "update_time": NOON.isoformat(), "error": size * "x", "traceback": ""}


def numbers(errors: Any) -> list[int]:
    return [each["nth_retry"] for each in errors["history"]]


def size_of_entries(errors: Any) -> int:
    return sum(len(json.dumps(each)) for each in errors["history"])


# The budget


@given(some.lists(some.integers(0, HISTORY_BYTES // 3), min_size=1, max_size=40))
def test_r10_the_first_and_the_newest_are_kept_and_those_between_are_counted(sizes: list[int]) -> None:
    errors: dict[str, Any] = {}
    given = [entry(number, size) for number, size in enumerate(sizes, start=1)]
    for number in range(1, len(given) + 1):
        errors = with_failure(errors, given[number - 1])
        first, *newest = numbers(errors)
        assert first == 1
        assert newest == list(range(number - len(newest) + 1, number + 1))[: number - 1]
        assert errors.get("dropped", 0) == number - len(errors["history"])
        assert size_of_entries(errors) <= HISTORY_BYTES
        if len(errors["history"]) < number:
            last_dropped = given[number - len(newest) - 1]
            assert size_of_entries(errors) + len(json.dumps(last_dropped)) > HISTORY_BYTES


def test_r10_what_fits_is_not_dropped() -> None:
    errors: dict[str, Any] = {}
    for number in range(1, 101):
        errors = with_failure(errors, entry(number))
    assert numbers(errors) == list(range(1, 101))
    assert "dropped" not in errors


@pytest.mark.parametrize(("more", "dropped"), [(0, 0), (1, 1)])
def test_r10_the_budget_may_be_used_to_the_last_byte(more: int, dropped: int) -> None:
    small = len(json.dumps(entry(1)))
    errors = with_failure({}, entry(1))
    errors = with_failure(errors, entry(2, 100 + more))
    errors = with_failure(errors, entry(3, HISTORY_BYTES - 3 * small - 100))
    assert errors.get("dropped", 0) == dropped
    assert numbers(errors) == ([1, 3] if dropped else [1, 2, 3])


def test_r10_ten_thousand_failures_never_outgrow_the_budget() -> None:
    errors: dict[str, Any] = {"other": "kept"}
    for number in range(1, 10_001):
        errors = with_failure(errors, entry(number, 2000 + 71 * number % 6001))
        assert number % 7 or size_of_entries(errors) <= HISTORY_BYTES
    assert errors["dropped"] == 10_000 - len(errors["history"])
    assert (numbers(errors)[0], numbers(errors)[-1]) == (1, 10_000)
    assert errors["other"] == "kept"


def test_r10_nothing_that_was_given_is_changed() -> None:
    errors = {"history": [entry(number, 8000) for number in (1, 2, 3)], "dropped": 4}
    before = json.dumps(errors)
    assert with_failure(errors, entry(8, 20_000))["dropped"] == 6
    assert json.dumps(errors) == before


def test_r10_the_many_entries_of_an_older_library_are_trimmed() -> None:
    errors = with_failure({"history": [entry(number, 1000) for number in range(1, 218)]}, entry(218))
    assert size_of_entries(errors) <= HISTORY_BYTES
    assert (numbers(errors)[0], numbers(errors)[-1]) == (1, 218)
    assert errors["dropped"] == 218 - len(errors["history"]) > 0


@pytest.mark.parametrize("position", ["first", "newest"])
def test_r10_one_huge_entry_of_an_older_library_does_not_brick_the_task(position: str) -> None:
    huge, small = entry(1, 380_000), entry(2)
    stored = [huge, small] if position == "first" else [{**small, "nth_retry": 1}, {**huge, "nth_retry": 2}]
    errors = with_failure({"history": stored}, entry(3))
    assert size_of_entries(errors) <= HISTORY_BYTES
    assert (numbers(errors)[0], numbers(errors)[-1]) == (1, 3)


# What is cut


@pytest.mark.parametrize("keep_end", [False, True])
@pytest.mark.parametrize("letter", LETTERS)
def test_r10_a_text_is_cut_to_its_size_as_json_and_no_shorter(letter: str, keep_end: bool) -> None:
    text = "".join(f"{number}{letter}" for number in range(5000))
    short = cut(text, ERROR_BYTES, keep_end=keep_end)
    assert ERROR_BYTES - len(json.dumps(letter)) - 5 <= len(json.dumps(short)) <= ERROR_BYTES
    kept = short.removeprefix("…") if keep_end else short.removesuffix("…")
    assert len(kept) == len(short) - 1
    assert text.endswith(kept) if keep_end else text.startswith(kept)


@given(some.text(max_size=60), some.integers(8, 80), some.booleans())
def test_r10_no_cut_is_longer_than_asked(text: str, size: int, keep_end: bool) -> None:
    short = cut(text, size, keep_end=keep_end)
    assert json_size(short) <= size
    assert (short == text) is (json_size(text) <= size)


def test_r10_a_failure_keeps_the_beginning_of_its_message_and_the_end_of_its_traceback() -> None:
    kept = failure(1, "now", "first" + 9000 * "ü" + "last", "top" + 9000 * "ü" + "bottom")
    assert kept["error"].startswith("first")
    assert kept["error"].endswith("ü…")
    assert kept["traceback"].startswith("…ü")
    assert kept["traceback"].endswith("bottom")
    assert len(json.dumps(kept["error"])) <= ERROR_BYTES
    assert len(json.dumps(kept["traceback"])) <= TRACEBACK_BYTES


def test_r10_the_largest_failures_leave_room_for_the_first_and_several_newest() -> None:
    largest = failure(10**6, NOON.isoformat(), 9000 * "x", 9000 * "x")
    errors: dict[str, Any] = {}
    for _ in range(50):
        errors = with_failure(errors, largest)
    assert len(errors["history"]) >= 3


# Actions of people


def test_r10_the_newest_actions_are_kept_and_their_words_cut() -> None:
    errors: dict[str, Any] = {"history": [entry(1)]}
    for number in range(KEPT_ACTIONS + 5):
        errors = with_action(errors, {"id": str(number), "reason": 9000 * "ü", "by": None})
    assert [record["id"] for record in errors["actions"]] == [str(number) for number in range(5, KEPT_ACTIONS + 5)]
    assert all(len(json.dumps(record["reason"])) <= REASON_BYTES for record in errors["actions"])
    assert all(record["by"] is None for record in errors["actions"])
    assert errors["history"] == [entry(1)]


# Data


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
@pytest.mark.parametrize("letter", ["x", "ü", "🎈"])
def test_r10_the_data_of_a_task_may_have_its_limit_and_not_a_byte_more(letter: str, more: int, fits: bool) -> None:
    rules = make_rules(max_data_bytes=MAX_DATA_BYTES)
    room = MAX_DATA_BYTES - len('{"d": ""}')
    size = len(json.dumps(letter)) - 2
    data = {"d": (room // size) * letter + (room % size + more) * "x"}
    if fits:
        rules.check_data(data)
        return
    with pytest.raises(st.TaskDataTooLargeError, match=f"{MAX_DATA_BYTES + 1:,} bytes"):
        rules.check_data(data)


# All of it together


def worst_state() -> TaskState:
    """What is left of a task that failed, and that people worked on, again and again, in the longest words."""
    rules = make_rules(make_config(max_retry=10**9))
    error = ValueError(9000 * "ü")
    error.retry_after = 5  # type: ignore[attr-defined]
    record = {"action": "unignore", "id": 32 * "f", "reason": 9000 * "x", "by": 9000 * "x"}
    state = TaskState(IN_PROGRESS, retry=10**6, fence=10**6, run=10**6)
    for number in range(400):
        now = NOON + timedelta(microseconds=number + 1)
        short = KeyError() if number else error
        changes = rules.fail(replace(state, status=IN_PROGRESS), 31 * "f" + str(number % 10), now, short).changes
        state = replace(state, errors=changes["errors"], finished_locks=changes["finished_locks"])
        if number % 10 == 0:
            state = replace(state, errors=rules.rerun(state, now, record).changes["errors"])
    return state


def test_r10_all_budgets_together_fit_into_an_item() -> None:
    class Step(st.BaseTask):
        class Meta:
            table_name = "tasks"

        status_and_update_time_index = st.StatusAndUpdateTimeIndex()
        config = st.TrackerConfig.make(2030 * "u", **CODES, **SHARDS)

    state = worst_state()
    assert state.errors["dropped"] > 0
    assert len(state.errors["actions"]) == KEPT_ACTIONS
    room = MAX_DATA_BYTES - len('{"d": ""}')
    times = dict.fromkeys(("lock_time", "lock_expire_time", "not_before", "expire_at"), NOON)
    task = Step.make(
        "t",
        {"d": room * "x"},
        retry=state.retry,
        fence=state.fence,
        run=state.run,
        lock=32 * "f",
        create_token=32 * "f",
        finished_locks=list(state.finished_locks),
        errors=state.errors,
        **times,
    )
    item = {name: "".join(value.values()) for name, value in task.serialize().items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in item.items())
    assert size <= ITEM_BYTES, f"{size - ITEM_BYTES} bytes too many"
