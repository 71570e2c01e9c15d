from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from documents_stack.settings import Settings, SettingsError
from status_tracker_cdk.retries import attempts_to_outlast

STAGES = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())["context"]["stages"]


def with_changes(**changes: Any) -> dict[str, Any]:
    return {"prod": {**STAGES["prod"], **changes}}


@pytest.mark.parametrize("stage", STAGES)
def test_stages_of_cdk_json_are_valid(stage: str) -> None:
    settings = Settings.from_context(STAGES, stage)
    assert settings.stack.stage == stage
    assert settings.steps.lease_seconds == settings.steps.step_timeout_seconds
    assert settings.alarms.alarm_email is None


def test_local_is_quick_and_prod_is_careful() -> None:
    local, prod = (Settings.from_context(STAGES, stage) for stage in ("local", "prod"))
    assert local.retries.retry_interval_seconds == 1
    assert not local.data.retain_data
    assert not local.stack.check_bootstrap_version
    assert prod.data.retain_data
    assert prod.stack.check_bootstrap_version
    assert prod.retries.max_attempts >= local.retries.max_attempts


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_attempts": 0}, "max_attempts must be from 1 to 50, not 0"),
        ({"max_attempts": "3"}, "max_attempts must be int, not '3'"),
        ({"max_attempts": True}, "max_attempts must be int, not True"),
        ({"retain_data": 1}, "retain_data must be bool, not 1"),
        ({"retry_backoff_rate": 0.5}, "retry_backoff_rate must be from 1.0 to 10.0, not 0.5"),
        ({"retry_backoff_rate": float("nan")}, "retry_backoff_rate must be float, not nan"),
        ({"retry_max_interval_seconds": 10}, r"retry_max_interval_seconds \(10\) must be more than"),
        ({"intake_max_concurrency": 1}, "intake_max_concurrency must be from 2 to 1000, not 1"),
        ({"intake_batch_size": 11, "intake_batching_window_seconds": 0}, "intake_batch_size over 10"),
        ({"bulk_tasks_per_second": 1001}, "bulk_tasks_per_second must be from 1 to 1000, not 1001"),
        ({"bulk_tolerated_failures": -1}, "bulk_tolerated_failures must be from 0 to 10000, not -1"),
        ({"bulk_max_concurrency": 101}, r"bulk_max_concurrency \(101\) must be at most bulk_tasks_per_second \(100\)"),
        ({"step_reserved_concurrency": 0}, "step_reserved_concurrency must be from 1 to 1000, not 0"),
        ({"log_level": "WARNING"}, "log_level 'WARNING' must be one of DEBUG, INFO, WARN, ERROR"),
        ({"log_retention": "ONE_CENTURY"}, "log_retention 'ONE_CENTURY' must be one of ONE_DAY, "),
        ({"alarm_email": "nobody"}, "alarm_email 'nobody' must be an e-mail address"),
        ({"alarm_mail": "a@b.example"}, "alarm_mail is unknown"),
        ({"sweep_interval_minutes": 0}, "sweep_interval_minutes must be from 1 to 60, not 0"),
        (
            {"sweep_interval_minutes": 1},
            r"sweep_timeout_seconds \(240\) must be at most .* \(1 x 60 sec",
        ),
        ({"alarm_ignored_tasks": -1}, "alarm_ignored_tasks must be from 0 to 1000000, not -1"),
        ({"alarm_no_progress_minutes": 1321}, "alarm_no_progress_minutes must be from 1 to 1320, not 1321"),
        # 5 attempts of 300 s and as many waits of 120 s; two sweeps and such a wait; 5 deliveries each 185 s
        ({"alarm_no_progress_minutes": 34}, "alarm_no_progress_minutes must be at least 35, not 34: so long one task"),
        ({"alarm_oldest_unfinished_minutes": 69}, "alarm_oldest_unfinished_minutes must be at least 70"),  # two steps
        ({"alarm_stuck_minutes": 11}, "alarm_stuck_minutes must be at least 12, not 11: so long a takeover may take"),
        ({"alarm_queue_age_minutes": 26}, "alarm_queue_age_minutes must be at least 27, not 26: so long a message"),
        ({"step_timeout_seconds": 900}, "alarm_no_progress_minutes must be at least 85, not 60"),
    ],
)
def test_unusable_value_is_refused_with_what_was_expected(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.from_context(with_changes(**changes), "prod")


def test_alarms_may_be_as_impatient_as_what_they_watch() -> None:
    least = {
        "alarm_no_progress_minutes": 35,
        "alarm_oldest_unfinished_minutes": 70,
        "alarm_stuck_minutes": 12,
        "alarm_queue_age_minutes": 28,
    }
    assert Settings.from_context(with_changes(**least), "prod").alarms.alarm_stuck_minutes == 12


def test_context_beside_the_stages_goes_before_them() -> None:
    given = {
        "alarm_email": "a@b.example",
        "max_attempts": "7",
        "retry_backoff_rate": "1.5",
        "retain_data": "false",
        "step_reserved_concurrency": 4,
    }
    settings = Settings.from_context(STAGES, "prod", given)
    assert settings.alarms.alarm_email == "a@b.example"
    assert (settings.retries.max_attempts, settings.retries.retry_backoff_rate, settings.data.retain_data) == (
        7,
        1.5,
        False,
    )
    assert settings.steps.step_reserved_concurrency == 4
    assert settings.steps.step_timeout_seconds == STAGES["prod"]["step_timeout_seconds"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_attempts": "many"}, "max_attempts must be int, not 'many'"),
        ({"max_attempts": "7.5"}, r"max_attempts must be int, not 7\.5"),
        ({"retain_data": "yes"}, "retain_data must be bool, not 'yes'"),
        ({"alarm_email": "nobody"}, "alarm_email 'nobody' must be an e-mail address"),
    ],
)
def test_context_that_cannot_be_used_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.from_context(STAGES, "prod", given)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_context(with_changes(max_attempts=0, step_memory_mb=1), "prod")
    assert "stage 'prod'" in str(refusal.value)
    assert "max_attempts" in str(refusal.value)
    assert "step_memory_mb" in str(refusal.value)


def test_missing_value_is_named() -> None:
    values = {name: value for name, value in STAGES["prod"].items() if name != "max_attempts"}
    with pytest.raises(SettingsError, match="max_attempts is missing"):
        Settings.from_context({"prod": values}, "prod")


@pytest.mark.parametrize(
    ("stages", "stage", "message"),
    [
        (STAGES, None, "no stage was given: choose with -c stage=NAME one of local, prod"),
        (STAGES, "test", "the stage 'test' is not in cdk.json: choose"),
        (None, "prod", 'no "stages"'),
        ({"prod": []}, "prod", "must be an object"),
        ({"Prod_1": STAGES["prod"]}, "Prod_1", "stage 'Prod_1' must be lower-case"),
    ],
)
def test_stage_that_cannot_be_found_or_named(stages: object, stage: str | None, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.from_context(stages, stage)


@pytest.mark.parametrize(
    ("seconds", "interval", "max_interval", "backoff", "attempts"),
    [
        (9, 1, 2, 1.0, 10),  # 1 + 1 + … is 9 after nine waits, and more than 9 after ten
        (9.5, 1, 2, 1.0, 10),
        (6, 1, 100, 2.0, 3),  # 1 + 2 + 4
        (7, 1, 100, 2.0, 4),
        (10, 2, 3, 2.0, 4),  # 2 + 3 + 3 + 3
    ],
)
def test_attempts_to_outlast(
    seconds: float, interval: float, max_interval: float, backoff: float, attempts: int
) -> None:
    counted = attempts_to_outlast(seconds, interval=interval, max_interval=max_interval, backoff=backoff)
    assert counted == attempts
