"""R19: postponements that are no clean ones, and a task whose record of them was edited by hand."""

from __future__ import annotations

import copy
import logging
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.testing import Clock, MemoryStorage, MemoryTask


class ThrottledError(Exception):
    """It has a `retry_after` of its own."""

    def __init__(self, retry_after: object = None) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class BareError(st.Postponed):
    """It never calls its base class."""

    def __init__(self) -> None:
        pass


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def step(clock: Clock) -> Any:
    class Step(MemoryTask):
        storage = MemoryStorage()
        config = st.TrackerConfig.make("u", 10, 20, 30, 40, 50, postponing={ThrottledError: 30}, clock=clock)

    Step.make_and_save("t")
    return Step


def fail(step: Any, error: Exception) -> Any:
    with pytest.raises(type(error)) as raised, step.start("t"):
        raise error
    assert raised.value is error
    return step.get_one_or_none("t")


@pytest.mark.parametrize("asked_for", [None, "soon", -1, 1.7e9, 1.7e12, float("inf")], ids=str)
def test_r19_a_retry_after_that_makes_no_sense_gives_way_to_the_configured_pause(
    step: Any, clock: Clock, asked_for: object
) -> None:
    task = fail(step, ThrottledError(asked_for))
    assert (task.retry, task.not_before) == (0, clock.now + timedelta(seconds=30))


def test_r19_a_postponement_without_a_pause_waits_a_minute(step: Any, clock: Clock) -> None:
    task = fail(step, BareError())
    assert (task.retry, task.not_before) == (0, clock.now + timedelta(seconds=60))


@pytest.mark.parametrize(
    "edited",
    [
        {"postponed": {"since": "2026-01-01T00:00:00", "times": 1}},
        {"postponed": {"since": "yesterday", "times": "3"}},
        {"postponed": "often"},
        {"dropped": "2"},
    ],
    ids=str,
)
@pytest.mark.parametrize("error", [ThrottledError(), ValueError("no page")], ids=["postponed", "failed"])
def test_r8_a_record_that_was_edited_by_hand_replaces_no_error_and_leaves_nothing_locked(
    step: Any, edited: dict[str, Any], error: Exception
) -> None:
    store = step.storage.store("u____t")
    store.task.errors = {"history": [], **edited}
    task = fail(step, error)
    assert (task.status in {10, 30}, task.is_locked()) == (True, False)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "60", None, True, 1e12])
def test_r19_a_pause_that_cannot_be_is_refused_where_it_is_raised(wrong: Any) -> None:
    with pytest.raises(ValueError, match="retry_after is"):
        st.Postponed("S3 is down", retry_after=wrong)


@pytest.mark.parametrize(
    "settings",
    [
        {"postponing": [ThrottledError]},
        {"postponing": {ThrottledError: 0}},
        {"postponing": {"ThrottledError": 30}},
        {"postpone_at_most": -1},
        {"postpone_at_most": "a day"},
    ],
    ids=str,
)
def test_r19_settings_that_cannot_work_are_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        st.TrackerConfig.make("u", 10, 20, 30, 40, 50, **settings)


def test_r5_a_copied_context_works_on_the_same_attempt(step: Any) -> None:
    with step.start("t") as ctx:
        other = copy.deepcopy(ctx)
        ctx.set_data({"by": "one"}).update()
        other.set_data({"by": "other"}).update()
        assert step.get_one_or_none("t").data == {"by": "other"}


def test_r17_the_end_is_told(step: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "status_tracker"), pytest.raises(ThrottledError), step.start("t", debug=True):
        raise ThrottledError
    assert "task postponed, set status 'pending'" in caplog.text
