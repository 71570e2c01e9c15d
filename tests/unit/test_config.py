"""The settings: what is refused, with what words, and what they mean."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as some

import status_tracker as st
from status_tracker.core.config import MAX_KEY_BYTES
from tests.unit.steps import CODES, NOON, Clock, make_config


class Step1Status(st.BaseStatusEnum):
    pending = 10
    in_progress = 20
    failed = 30
    succeeded = 40
    ignored = 50


# What cannot work is refused, by name


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_retry", 0),
        ("max_retry", -1),
        ("max_retry", 2.5),
        ("max_retry", None),
        ("traceback_stack_limit", -1),
        ("traceback_stack_limit", None),
        ("lock_expire_seconds", 0),
        ("lock_expire_seconds", -0.5),
        ("lock_expire_seconds", float("nan")),
        ("lock_expire_seconds", float("inf")),
        ("lock_expire_seconds", "60"),
        ("sep", ""),
        ("use_case_id", ""),
        ("use_case_id", None),
        ("use_case_id", 7),
        ("use_case_id", "a____b"),
        ("use_case_id", "a_"),
        ("more_pending_status", "60"),
        ("status_zero_pad", "3"),
        ("status_shard_zero_pad", None),
        ("non_retryable", [ValueError, "KeyError"]),
        ("non_retryable", [ValueError()]),
        ("non_retryable", int),
        ("clock", NOON),
    ],
)
def test_what_cannot_work_is_refused_by_name_with_what_was_found(setting: str, value: object) -> None:
    with pytest.raises(ValueError, match=setting) as caught:
        make_config(**{setting: value})
    assert repr(value) in str(caught.value) or setting == "sep"


@pytest.mark.parametrize("name", ["pending", "in_progress", "failed", "succeeded", "ignored"])
@pytest.mark.parametrize("count", [0, -1, 1.5, None])
def test_a_shard_count_below_one_is_refused(name: str, count: object) -> None:
    with pytest.raises(ValueError, match=r"at least 1") as caught:
        make_config(**{f"n_{name}_shard": count})
    assert f"status {CODES[f'{name}_status']}" in str(caught.value)
    assert repr(count) in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other"), [("pending", "ignored"), ("in_progress", "succeeded"), ("failed", "ignored")]
)
def test_two_statuses_of_the_same_code_are_refused_with_the_code(one: str, other: str) -> None:
    with pytest.raises(ValueError, match=r"different integers") as caught:
        make_config(**{f"{one}_status": CODES[f"{other}_status"]})
    assert str(CODES[f"{other}_status"]) in str(caught.value)


def test_failed_may_be_pending_and_both_have_the_larger_number_of_shards() -> None:
    config = make_config(failed_status=CODES["pending_status"], n_pending_shard=2, n_failed_shard=7)
    assert config.status_shards[CODES["pending_status"]] == 7
    assert config.status_name(CODES["pending_status"]) == "pending"
    assert config.startable_statuses(None) == (CODES["pending_status"],)
    with pytest.raises(ValueError, match="different integers"):
        make_config(failed_status=CODES["pending_status"], ignored_status=CODES["pending_status"])


@pytest.mark.parametrize("code", ["pending", 10.5, None])
def test_a_status_that_is_no_integer_is_refused_by_name(code: object) -> None:
    with pytest.raises(ValueError, match="pending_status"):
        make_config(pending_status=code)


def test_a_float_that_is_anothers_code_is_no_different_code() -> None:
    with pytest.raises(ValueError, match=r"pending_status is 20\.5: give an integer"):
        make_config(pending_status=20.5)


# What works


def test_the_defaults() -> None:
    config = st.TrackerConfig.make("test", 10, 20, 30, 40, 50, 1, 2, 3, 4, 5)
    assert (config.sep, config.status_zero_pad, config.status_shard_zero_pad) == ("____", 3, 3)
    assert (config.max_retry, config.lock_expire_seconds, config.traceback_stack_limit) == (3, 300, 10)
    assert config.more_pending_status == ()
    assert config.non_retryable == (st.NonRetryableError,)
    assert config.clock is st.get_utc_now
    assert dict(config.status_shards) == {10: 1, 20: 2, 30: 3, 40: 4, 50: 5}


def test_enum_members_are_taken_for_their_codes() -> None:
    config = make_config(**{f"{status.name}_status": status for status in Step1Status})
    assert type(config.pending_status) is int
    assert dict(config.status_shards) == dict(make_config().status_shards)
    assert all(type(code) is int for code in config.status_shards)


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        (None, ()),
        (60, (60,)),
        ([60, 61], (60, 61)),
        ((60,), (60,)),
        ({60}, (60,)),
        (iter([60, 61]), (60, 61)),
        (Step1Status.succeeded, (40,)),
        ([Step1Status.succeeded, 60], (40, 60)),
    ],
)
def test_more_pending_status_is_one_several_or_none(more: Any, codes: tuple[int, ...]) -> None:
    config = make_config(more_pending_status=more)
    assert config.more_pending_status == codes
    assert config.startable_statuses(None) == (10, 30, *codes)


def test_more_pending_status_of_a_start_replaces_the_configured() -> None:
    config = make_config(more_pending_status=60)
    assert config.startable_statuses([70, 10]) == (10, 30, 70)
    assert config.startable_statuses([]) == (10, 30)


def test_in_progress_among_the_pending_adds_nothing() -> None:
    """Code for pynamodb_mate 6 names it, for tasks whose lease is over; those are taken over anyway."""
    for config, more in ((make_config(more_pending_status=[60, 20]), None), (make_config(), [60, 20])):
        assert config.startable_statuses(more) == (10, 30, 60)


def test_it_is_copied_pickled_and_made_a_dict() -> None:
    config = make_config(more_pending_status=60, non_retryable=[ValueError])
    assert copy.deepcopy(config) == config
    as_dict = dataclasses.asdict(config)
    assert (as_dict["status_shards"], as_dict["more_pending_status"]) == (dict(config.status_shards), (60,))
    assert as_dict.keys() == {field.name for field in dataclasses.fields(config)}
    assert pickle.loads(pickle.dumps(config.status_shards)) == config.status_shards  # noqa: S301  # our own


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(st.TrackerConfig)])
def test_it_is_frozen(field: str) -> None:
    config = make_config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, field, getattr(config, field))


def test_its_shard_counts_are_frozen_too() -> None:
    with pytest.raises(TypeError):
        make_config().status_shards[10] = 99  # type: ignore[index]
    for change in ("clear", "popitem"):
        with pytest.raises(TypeError, match="frozen"):
            getattr(make_config().status_shards, change)()


def test_a_caller_that_changes_its_own_list_changes_nothing() -> None:
    more, hopeless = [60], [ValueError]
    config = make_config(more_pending_status=more, non_retryable=hopeless)
    more.append(61)
    hopeless.clear()
    assert config.more_pending_status == (60,)
    assert config.non_retryable == (st.NonRetryableError, ValueError)


@pytest.mark.parametrize("hopeless", [ValueError, [ValueError], (ValueError,), iter([ValueError])])
def test_non_retryable_is_one_type_or_several(hopeless: Any) -> None:
    assert make_config(non_retryable=hopeless).non_retryable == (st.NonRetryableError, ValueError)


def test_status_names() -> None:
    config = make_config()
    assert [config.status_name(code) for code in (10, 20, 30, 40, 50, 70)] == [
        "pending",
        "in_progress",
        "failed",
        "succeeded",
        "ignored",
        "70",
    ]
    assert config.status_enum.values() == [10, 20, 30, 40, 50]


# The lease and the clock (R3)


def test_r3_the_lease() -> None:
    config = make_config(lock_expire_seconds=1.5)
    assert config.lease(None) == timedelta(seconds=1.5)
    assert config.lease(20) == timedelta(seconds=20)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e300])
def test_r3_a_lease_of_no_time_or_without_end_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="lock_expire_seconds"):
        make_config().lease(seconds)


def test_r3_the_clock_is_asked_each_time() -> None:
    clock = Clock()
    config = make_config(clock=clock)
    assert config.now() == NOON
    clock.move(1)
    assert config.now() == NOON + timedelta(seconds=1)


def test_r3_a_clock_without_a_time_zone_is_refused() -> None:
    config = make_config(clock=lambda: datetime(2026, 1, 2))  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone") as caught:
        config.now()
    assert "2026" in str(caught.value)


def test_r3_the_default_clock_is_utc() -> None:
    assert st.get_utc_now().tzinfo is UTC


# Ids (R16)


def test_r16_a_key() -> None:
    assert make_config().make_key("t-1") == "test____t-1"
    assert make_config().make_key("t-1", "other") == "other____t-1"
    assert make_config(sep="-").make_key("_t") == "test-_t"


@pytest.mark.parametrize("task_id", ["", None, 7.5, True, b"t"])
def test_r16_an_empty_task_id_is_refused(task_id: Any) -> None:
    with pytest.raises(ValueError, match="task_id"):
        make_config().make_key(task_id)


@pytest.mark.parametrize("use_case_id", ["", "a____b", "a_", 7])
def test_r16_a_use_case_id_that_could_be_anothers_is_refused(use_case_id: Any) -> None:
    with pytest.raises(ValueError, match="use_case_id"):
        make_config().make_key("t-1", use_case_id)


@pytest.mark.parametrize("letter", ["t", "ü", "水", "🎈"])
def test_r16_a_key_may_have_2048_bytes_and_not_one_more(letter: str) -> None:
    room = MAX_KEY_BYTES - len("test____")
    size = len(letter.encode())
    fitting = "x" * (room % size) + letter * (room // size)
    key = make_config().make_key(fitting)
    assert len(key.encode()) == 2048
    with pytest.raises(ValueError, match=r"2,049 bytes .*2,048") as caught:
        make_config().make_key("x" + fitting)
    assert len(str(caught.value)) < 400


def test_r16_a_task_id_that_no_encoding_holds_is_refused_as_such() -> None:
    with pytest.raises(ValueError, match="task_id"):
        make_config().make_key("broken \udc80 name")


letters = some.text("ab_-", min_size=1, max_size=5)


@given(letters, letters, letters)
@example("aba", "bab", "t")
def test_r16_a_key_belongs_to_one_use_case(sep: str, use_case_id: str, task_id: str) -> None:
    config = make_config(sep=sep, use_case_id="0")
    try:
        key = config.make_key(task_id, use_case_id)
    except ValueError:
        assume(False)  # refused: no key at all
    assert key.split(sep, 1) == [use_case_id, task_id]


@given(letters)
def test_r16_an_ordinary_use_case_id_is_not_refused(use_case_id: str) -> None:
    config = make_config(sep="____")
    allowed = "____" not in use_case_id and not use_case_id.endswith("_")
    if allowed:
        config.check_use_case_id(use_case_id)
        return
    with pytest.raises(ValueError, match="use_case_id"):
        config.check_use_case_id(use_case_id)
