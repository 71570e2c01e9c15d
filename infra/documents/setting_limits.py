"""Between which bounds the settings of a stage must be, by themselves and beside each other."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_cdk.aws_logs import RetentionDays

from infra.documents.reading_settings import ANALYSIS_SECONDS, START_SECONDS, TEXTRACT

if TYPE_CHECKING:
    from infra.documents.settings import Settings

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
# The names that both Lambda and Python's logging know.
_LOG_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")
# One poll of SQS brings no more; a larger batch has to be gathered.
_UNGATHERED_BATCH = 10
# An alarm looks back a day at most, and in whole periods of twice the sweep's interval.
_LONGEST_ALARM_MINUTES = 22 * 60
# A document that needs all its attempts needs them in one step, or in two on a very bad day.
_BAD_STEPS = 2
# The bounds are those of the service that takes the value.
_RANGES: Mapping[str, tuple[float, float]] = {
    "max_attempts": (1, 50),
    "retry_interval_seconds": (1, 3600),
    "retry_max_interval_seconds": (1, 3600),
    "retry_backoff_rate": (1.0, 10.0),
    "intake_batch_size": (1, 1000),
    "intake_batching_window_seconds": (0, 300),
    "intake_max_concurrency": (2, 1000),
    "intake_max_receives": (1, 1000),
    "intake_timeout_seconds": (1, 900),
    "intake_memory_mb": (128, 10240),
    "step_timeout_seconds": (1, 900),
    "step_memory_mb": (128, 10240),
    "step_reserved_concurrency": (1, 1000),
    "sweep_interval_minutes": (1, 60),
    "sweep_max_restarts": (1, 10_000),
    "sweep_max_examined": (1, 100_000),
    "sweep_pending_after_seconds": (1, 604_800),
    "sweep_max_objects": (1, 1_000_000),
    "sweep_unregistered_after_seconds": (1, 604_800),
    "sweep_timeout_seconds": (1, 900),
    "sweep_memory_mb": (128, 10240),
    "bulk_tasks_per_second": (1, 1000),
    "bulk_max_concurrency": (1, 1000),
    "bulk_tolerated_failures": (0, 10_000),
    "max_document_bytes": (1, 5 * 1024**4),
    "alarm_no_progress_minutes": (1, _LONGEST_ALARM_MINUTES),
    "alarm_oldest_unfinished_minutes": (1, 365 * 24 * 60),
    "alarm_stuck_minutes": (1, _LONGEST_ALARM_MINUTES),
    "alarm_queue_age_minutes": (1, 4 * 24 * 60),
    "alarm_ignored_tasks": (0, 1_000_000),
    "alarm_duplicate_runs": (0, 1_000_000),
    "textract_usd_per_thousand_pages": (0, 10_000),
    "bedrock_usd_per_million_input_tokens": (0, 10_000),
    "bedrock_usd_per_million_output_tokens": (0, 10_000),
    "bedrock_max_prompt_characters": (1_000, 5_000_000),
}


def limit_problems(settings: Settings) -> list[str]:
    """Everything that is out of bounds."""
    return [*_range_problems(settings), *_choice_problems(settings), *_alarm_problems(settings)]


def _range_problems(settings: Settings) -> list[str]:
    problems = [
        f"{name} must be from {low} to {high}, not {value}"
        for name, (low, high) in _RANGES.items()
        if (value := getattr(settings, name)) is not None and not low <= value <= high
    ]
    if settings.retry_max_interval_seconds <= settings.retry_interval_seconds:
        problems.append(
            f"retry_max_interval_seconds ({settings.retry_max_interval_seconds}) must be more than "
            f"retry_interval_seconds ({settings.retry_interval_seconds})"
        )
    if settings.intake_batch_size > _UNGATHERED_BATCH and settings.intake_batching_window_seconds < 1:
        problems.append(
            f"intake_batch_size over {_UNGATHERED_BATCH} ({settings.intake_batch_size}) needs "
            "intake_batching_window_seconds of at least 1"
        )
    if settings.sweep_timeout_seconds > 60 * settings.sweep_interval_minutes:
        problems.append(
            f"sweep_timeout_seconds ({settings.sweep_timeout_seconds}) must be at most sweep_interval_minutes "
            f"({settings.sweep_interval_minutes} x 60 seconds): a sweep is over when the next is due"
        )
    if settings.bulk_max_concurrency > settings.bulk_tasks_per_second:
        problems.append(
            f"bulk_max_concurrency ({settings.bulk_max_concurrency}) must be at most bulk_tasks_per_second "
            f"({settings.bulk_tasks_per_second}): each function has at least one task a second"
        )
    return problems


def _choice_problems(settings: Settings) -> list[str]:
    problems = []
    if not _STAGE_NAME.fullmatch(settings.stage):
        problems.append(f"stage {settings.stage!r} must be lower-case letters, digits and dashes, at most 20")
    if settings.log_level not in _LOG_LEVELS:
        problems.append(f"log_level {settings.log_level!r} must be one of {', '.join(_LOG_LEVELS)}")
    if settings.log_retention not in RetentionDays.__members__:
        choices = ", ".join(RetentionDays.__members__)
        problems.append(f"log_retention {settings.log_retention!r} must be one of {choices}")
    if settings.alarm_email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+", settings.alarm_email):
        problems.append(f"alarm_email {settings.alarm_email!r} must be an e-mail address, or null")
    return problems


def _alarm_problems(settings: Settings) -> list[str]:
    """Alarms that would go off while all is well."""
    wait = settings.retry_max_interval_seconds
    attempts, whose = (settings.lease_seconds + wait) * settings.max_attempts, "one task may take for all its attempts"
    analysis = 0
    if settings.reader == TEXTRACT:
        analysis = START_SECONDS + ANALYSIS_SECONDS * settings.max_attempts
        whose += " with Textract, which may be busy for hours and have each job waited for"
    takeover = wait + 2 * 60 * settings.sweep_interval_minutes
    redelivery = settings.intake_visibility_seconds * settings.intake_max_receives
    least = {
        "alarm_no_progress_minutes": (min(attempts + analysis, 60 * _LONGEST_ALARM_MINUTES), whose),
        "alarm_oldest_unfinished_minutes": (attempts * _BAD_STEPS + analysis, f"{whose}, in two steps"),
        "alarm_stuck_minutes": (takeover, "a takeover may take, or two sweeps"),
        "alarm_queue_age_minutes": (redelivery, "a message may take for all its deliveries"),
    }
    return [
        f"{name} must be at least {math.ceil(seconds / 60)}, not {value}: so long {why}"
        for name, (seconds, why) in least.items()
        if (value := getattr(settings, name)) * 60 < seconds
    ]
