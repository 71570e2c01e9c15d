"""`TaskFilter`: what it takes, what it refuses, and what matches."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

import status_tracker as st
from status_tracker.core.state import TaskState
from status_tracker.operations.filters import TaskFilter
from status_tracker.testing import MemoryStorage, MemoryTask
from tests.unit.steps import CODES, FAILED, IN_PROGRESS, NOON, PENDING, SUCCEEDED, Clock, make_config

MINUTE = timedelta(minutes=1)


class OverloadedError(Exception):
    """What the tasks here fail with."""


def errors(*history: str) -> dict[str, Any]:
    return {"history": [{"error": error, "traceback": ""} for error in history]}


@pytest.fixture
def step(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())

    class Step(MemoryTask):
        config = make_config(clock=clock)

    return Step


def fail(step: Any, task_id: str, error: Exception, clock: Clock) -> None:
    with pytest.raises(type(error)), step.start(task_id, create=True):
        raise error
    clock.move(60)


def ids(tasks: Any) -> list[str]:
    return [task.task_id for task in tasks]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"statuses": ()}, "statuses is empty"),
        ({"statuses": ("failed",)}, "statuses is 'failed'"),
        ({"statuses": (-1,)}, "statuses is -1"),
        ({"statuses": "30"}, "statuses is '30'"),
        ({"statuses": (30,), "error_class": " "}, "error_class is ' '"),
        ({"statuses": (30,), "error_text": ""}, "error_text is ''"),
        ({"statuses": (30,), "error_text": 3}, "error_text is 3"),
        ({"statuses": (30,), "id_prefix": None}, "id_prefix is None"),
        ({"statuses": (30,), "since": datetime(2026, 1, 1)}, "without a time zone"),  # noqa: DTZ001
        ({"statuses": (30,), "until": "2026-01-01"}, "give a datetime"),
        ({"statuses": (30,), "since": NOON, "until": NOON}, "nothing matches"),
        ({"statuses": (30,), "error_text": "\ud800"}, "error_text is .* half a character"),
        ({"statuses": (30,), "error_class": "x\udfff"}, "error_class is .* half a character"),
        ({"statuses": (30,), "id_prefix": "\ud800"}, "id_prefix is .* half a character"),
        ({"statuses": (30,), "since": datetime.min.replace(tzinfo=timezone(timedelta(hours=23)))}, "no UTC time"),
        ({"statuses": (30,), "until": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))}, "no UTC time"),
    ],
)
def test_what_cannot_work_is_refused(settings: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        TaskFilter(**settings)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({}, "statuses is None: give a list"),
        ([], "The filter is \\[\\]"),
        ({"statuses": 30}, "give a list"),
        ({"statuses": [30], "state": 3}, "'state': known are statuses, error_class"),
        ({"statuses": [30.5]}, "30.5"),
        ({"statuses": [True]}, "True"),
        ({"statuses": ["failed"]}, "'failed'"),
        ({"statuses": [30], "since": "yesterday"}, "since is 'yesterday'"),
        ({"statuses": [30], "since": 3}, "since is 3"),
        ({"statuses": [30], "since": "2026-01-01T00:00:00"}, "'2026-01-01T00:00:00', without a time zone: give"),
    ],
)
def test_json_that_cannot_work_is_refused(content: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        TaskFilter.from_dict(content)


def test_status_is_given_by_name_where_the_step_is_known() -> None:
    config = make_config()
    assert TaskFilter.from_dict({"statuses": ["failed", "50", "In-Progress", 30]}, config).statuses == (30, 50, 20)
    with pytest.raises(ValueError, match=r"no status 'broken': give a code, or one of pending \(10\), in_progress"):
        TaskFilter.from_dict({"statuses": ["broken"]}, config)


@given(
    some.builds(
        TaskFilter,
        statuses=some.lists(some.integers(0, 999), min_size=1, max_size=4).map(tuple),
        error_class=some.none() | some.just("Overloaded"),
        error_text=some.none() | some.just("too many"),
        since=some.none() | some.just(NOON),
        until=some.none() | some.just(NOON + MINUTE),
        id_prefix=some.sampled_from(["", "invoices/"]),
    )
)
def test_filter_survives_json(chosen: TaskFilter) -> None:
    assert TaskFilter.from_dict(json.loads(json.dumps(chosen.to_dict()))) == chosen


def test_every_bound_counts() -> None:
    chosen = TaskFilter((FAILED,), "OverloadedError", "TOO many", NOON, NOON + MINUTE, "a/")
    fits = TaskState(FAILED, NOON, errors=errors("ValueError()", "OverloadedError('too many requests')"))
    assert chosen.admits("a/1", fits)
    assert not chosen.admits("b/1", fits)
    for other in (
        TaskState(PENDING, NOON, errors=fits.errors),
        TaskState(FAILED, NOON - MINUTE, errors=fits.errors),
        TaskState(FAILED, NOON + MINUTE, errors=fits.errors),
        TaskState(FAILED, None, errors=fits.errors),
        TaskState(FAILED, NOON, errors=errors("OverloadedError('too many requests')", "ValueError()")),
        TaskState(FAILED, NOON, errors=errors("OverloadedError('slow down')")),
        TaskState(FAILED, NOON),
    ):
        assert not chosen.admits("a/1", other)


def test_time_of_an_old_task_without_one_matches_no_window() -> None:
    assert TaskFilter((FAILED,)).admits("t", TaskState(FAILED))
    assert not TaskFilter((FAILED,), since=NOON).admits("t", TaskState(FAILED))


def test_matching_tasks_come_the_oldest_first_and_go_on_from_a_cursor(step: Any, clock: Clock) -> None:
    for n in range(6):
        fail(step, f"{'ab'[n % 2]}/{n}", OverloadedError("slow down") if n < 5 else ValueError("bad"), clock)
    step.make_and_save("a/pending")

    assert ids(TaskFilter((FAILED,)).matching(step)) == ["a/0", "b/1", "a/2", "b/3", "a/4", "b/5"]
    assert ids(TaskFilter((FAILED,), error_class="OverloadedError").matching(step, limit=2)) == ["a/0", "b/1"]
    assert ids(TaskFilter((FAILED,), error_text="SLOW").matching(step, older_first=False)) == [
        *("a/4", "b/3", "a/2", "b/1", "a/0")
    ]
    a = TaskFilter((FAILED, PENDING), id_prefix="a/")
    first = a.matching(step, limit=2)
    assert ids(first) == ["a/0", "a/2"]
    assert ids(a.matching(step, cursor=first.cursor)) == ["a/4", "a/pending"]
    window = TaskFilter((FAILED,), since=NOON + MINUTE, until=NOON + 3 * MINUTE)
    assert ids(window.matching(step)) == ["b/1", "a/2"]


def test_errors_are_read_where_they_matter(step: Any, clock: Clock) -> None:
    fail(step, "t", OverloadedError(), clock)
    assert next(TaskFilter((FAILED,)).matching(step)).errors == {"history": []}
    assert next(TaskFilter((FAILED,)).matching(step, whole=True)).errors["history"]
    assert next(TaskFilter((FAILED,), error_text="overloaded").matching(step)).errors["history"]


def test_nothing_is_read_before_it_is_asked_for(step: Any) -> None:
    matching = TaskFilter((SUCCEEDED, IN_PROGRESS)).matching(step)
    assert matching.cursor is None
    assert next(matching, None) is None


def test_foreign_cursor_is_refused(step: Any) -> None:
    with pytest.raises(ValueError, match="is not one that a result gave"):
        TaskFilter((FAILED,)).matching(step, cursor="foreign")


def test_codes_of_every_name() -> None:
    config = make_config()
    assert {f"{name}_status": config.status_code(name) for name in st.StatusNameEnum.__members__} == CODES
    assert NOON.tzinfo is UTC
