"""A step is declared once: the next step's config follows from this one's, and its class states nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.dynamodb.index import index_of
from tests.unit.steps import Clock

CODES = ("pending_status", "in_progress_status", "failed_status", "succeeded_status", "ignored_status")


class OutOfPaperError(Exception):
    """A task does not recover from it."""


def first(**changes: Any) -> st.TrackerConfig:
    return st.TrackerConfig.make("orders", 10, 20, 30, 40, 50, **changes)


def codes(config: st.TrackerConfig) -> tuple[int, ...]:
    return tuple(getattr(config, name) for name in CODES)


def test_each_step_begins_where_the_one_before_succeeded() -> None:
    second = first().next_step()
    assert codes(second) == (40, 70, 80, 90, 100)
    assert codes(second.next_step()) == (90, 120, 130, 140, 150)
    assert second.exhausted_status == second.ignored_status


def test_explicit_codes_replace_those() -> None:
    assert codes(first().next_step(in_progress_status=60, ignored_status=110)) == (40, 60, 80, 90, 110)


def test_an_exhausted_with_a_code_of_its_own_has_one_in_each_step() -> None:
    second = first(exhausted_status=60).next_step()
    assert (second.exhausted_status, second.status_name(110)) == (110, "exhausted")


def test_other_settings_are_those_of_the_step_before() -> None:
    config = first(
        n_pending_shard=2,
        n_succeeded_shard=7,
        max_retry=9,
        lock_expire_seconds=12,
        sep="__",
        clock=Clock(),
        non_retryable=[OutOfPaperError],
        traceback_stack_limit=1,
        status_zero_pad=5,
    )
    second = config.next_step()
    same = ("use_case_id", "n_pending_shard", "n_succeeded_shard", "max_retry", "lock_expire_seconds", "sep", "clock")
    for name in (*same, "non_retryable", "traceback_stack_limit", "status_zero_pad"):
        assert getattr(second, name) == getattr(config, name), name
    assert config.next_step(max_retry=1).max_retry == 1


def test_what_is_about_the_codes_of_this_step_is_left_out() -> None:
    second = first(more_pending_status=50, ttl={50: timedelta(days=1)}).next_step()
    assert (second.more_pending_status, second.ttl) == ((), {})


@pytest.mark.parametrize("changes", [{"max_retry": 0}, {"failed_status": 70}, {"exhausted_status": 80}])
def test_a_setting_that_cannot_work_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"max_retry|must be different"):
        first().next_step(**changes)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (first(exhausted_status=70), "its in_progress 70 is exhausted here"),
        (st.TrackerConfig.make("orders", 0, 20, 30, 100, 10), "its in_progress 30 is failed here"),
    ],
)
def test_a_next_step_whose_codes_mean_something_in_this_one_is_refused(config: st.TrackerConfig, found: str) -> None:
    with pytest.raises(ValueError, match=f"{found}.*give the others explicitly, such as next_step.in_progress_status="):
        config.next_step()


def test_a_next_step_with_explicit_codes_may_lie_anywhere_else() -> None:
    config = first(exhausted_status=70)
    second = config.next_step(in_progress_status=75, exhausted_status=110)
    assert codes(second) == (40, 75, 80, 90, 100)
    with pytest.raises(ValueError, match=r"its failed 50 is ignored here.*failed_status="):
        first().next_step(failed_status=50)


class Orders(st.BaseTask):
    """What the steps have in common."""

    class Meta:
        table_name = "orders"
        region = "us-east-1"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()


class Print(Orders):
    config = first()


class Send(Orders):
    config = Print.config.next_step()


def test_a_step_inherits_the_table_and_has_an_index_of_its_own() -> None:
    assert Print.Meta is Send.Meta
    for step in (Print, Send):
        assert index_of(step)._model is step
        assert step._get_schema()["global_secondary_indexes"] == Orders._get_schema()["global_secondary_indexes"]
    assert Send.make_value(Send.config.succeeded_status, _shard_id=1) == "orders____090____001"
