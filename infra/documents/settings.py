"""The settings of one stage, read from the ``stages`` of ``cdk.json`` and validated once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from aws_cdk import RemovalPolicy

from infra.documents.reading_settings import reading_problems
from infra.documents.setting_limits import limit_problems


class SettingsError(ValueError):
    """The settings in ``cdk.json`` cannot be used; the message lists everything that is wrong with them."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What differs from stage to stage. A stage says all that it is: only what may be left off has a default.

    Attributes:
        stage: name of the stage, part of the stack's name.
        max_attempts: attempts of a task before the tracker ignores it.
        retry_interval_seconds: wait before the first retry of a step.
        retry_max_interval_seconds: the longest wait between two retries; more than the first.
        retry_backoff_rate: what each wait is multiplied by to give the next.
        intake_batch_size: SQS messages handed to one invocation of the intake function.
        intake_batching_window_seconds: how long Lambda gathers messages for a batch; 0 is not at all.
        intake_max_concurrency: intake functions that run at the same time, at most. Some 15 of them start as many
            executions a second as Step Functions admits by default (300): ask for a larger quota before going beyond.
        intake_max_receives: deliveries of a message before it goes to the dead letter queue.
        intake_timeout_seconds: timeout of the intake function.
        intake_memory_mb: memory of the intake function.
        step_timeout_seconds: timeout of a step's function, and so the longest lease of an attempt.
        step_memory_mb: memory of a step's function; 1,769 MB is one full CPU.
        step_reserved_concurrency: invocations of one step's function at the same time; None is no limit.
        sweep_interval_minutes: from one sweep to the next.
        sweep_max_restarts: tasks of each step that one sweep restarts, at most.
        sweep_max_examined: tasks of each step that one sweep reads, at most, to find those that no execution works on.
        sweep_pending_after_seconds: how long a pending task may be on its way to its execution before a sweep looks.
        sweep_max_objects: objects of the document bucket that one sweep compares with the tasks, at most.
        sweep_unregistered_after_seconds: how old an object without a task must be for a sweep to register it.
        sweep_timeout_seconds: timeout of the sweep, at most its interval; it stops before, and the next one goes on.
        sweep_memory_mb: memory of the sweep.
        bulk_tasks_per_second: tasks that a backfill or a bulk rerun starts in a second, at most. Leave to the others
            what they need of the executions a second that Step Functions admits by default (300).
        bulk_max_concurrency: functions of a backfill or a bulk rerun that work at the same time, where its input says
            nothing else. Each starts some 20 tasks a second at most.
        bulk_tolerated_failures: items that may fail before a backfill or a bulk rerun does, where its input says
            nothing else.
        max_document_bytes: larger documents are ignored, with that reason.
        log_level: DEBUG, INFO, WARN or ERROR.
        log_retention: how long logs are kept, a name of ``aws_logs.RetentionDays`` such as ONE_YEAR.
        retain_data: keep the table, buckets and logs when the stack is deleted, and protect the table from deletion.
        check_bootstrap_version: have CloudFormation check the account's CDK bootstrap version; off where there is
            a CloudFormation that cannot, as in the local cloud.
        alarm_no_progress_minutes: how long a step may have work and finish none.
        alarm_oldest_unfinished_minutes: how old a document may become without an end, since it came or was last asked
            for again, however often it was tried; and how long it may wait for its first attempt at a step.
        alarm_stuck_minutes: how long there may be tasks whose worker has vanished.
        alarm_queue_age_minutes: how long an upload may wait for intake.
        alarm_ignored_tasks: how many tasks a minute a step may set aside.
        alarm_duplicate_runs: how many executions in 15 minutes may find their task ended already.
        alarm_email: address that the alarms are sent to; None is nobody, only the topic.
        reader: what reads the documents, ``pypdf`` or ``textract``.
        textract_usd_per_thousand_pages: Textract's price, for the estimate on each task; None is no estimate.
        answerer: what answers the questions, ``key_values`` or ``bedrock``.
        bedrock_model_id: the model on Bedrock, or its inference profile, by id or ARN.
        bedrock_model_regions: the regions that an inference profile sends requests to, such as us-east-1,us-west-2.
        bedrock_usd_per_million_input_tokens: its price, for the estimate on each task; None is no estimate.
        bedrock_usd_per_million_output_tokens: likewise.
        bedrock_max_prompt_characters: of a longer document only the beginning is given to the model.
    """

    stage: str
    max_attempts: int
    retry_interval_seconds: int
    retry_max_interval_seconds: int
    retry_backoff_rate: float
    intake_batch_size: int
    intake_batching_window_seconds: int
    intake_max_concurrency: int
    intake_max_receives: int
    intake_timeout_seconds: int
    intake_memory_mb: int
    step_timeout_seconds: int
    step_memory_mb: int
    sweep_interval_minutes: int
    sweep_max_restarts: int
    sweep_max_examined: int
    sweep_pending_after_seconds: int
    sweep_max_objects: int
    sweep_unregistered_after_seconds: int
    sweep_timeout_seconds: int
    sweep_memory_mb: int
    bulk_tasks_per_second: int
    bulk_max_concurrency: int
    bulk_tolerated_failures: int
    max_document_bytes: int
    log_level: str
    log_retention: str
    retain_data: bool
    check_bootstrap_version: bool
    step_reserved_concurrency: int | None = None
    alarm_email: str | None = None
    alarm_no_progress_minutes: int = 60
    alarm_oldest_unfinished_minutes: int = 240
    alarm_stuck_minutes: int = 30
    alarm_queue_age_minutes: int = 30
    alarm_ignored_tasks: int = 0
    alarm_duplicate_runs: int = 50
    reader: str = "pypdf"
    textract_usd_per_thousand_pages: float | None = None
    answerer: str = "key_values"
    bedrock_model_id: str | None = None
    bedrock_model_regions: str | None = None
    bedrock_usd_per_million_input_tokens: float | None = None
    bedrock_usd_per_million_output_tokens: float | None = None
    bedrock_max_prompt_characters: int = 200_000

    def __post_init__(self) -> None:
        """Raise `SettingsError` with everything that is wrong."""
        problems = _type_problems(self) or [*limit_problems(self), *reading_problems(self)]
        if problems:
            raise SettingsError(_message(self.stage, problems))

    @property
    def removal_policy(self) -> RemovalPolicy:
        """What becomes of data and logs when the stack goes."""
        return RemovalPolicy.RETAIN if self.retain_data else RemovalPolicy.DESTROY

    @property
    def bedrock_regions(self) -> tuple[str, ...]:
        """The regions of `bedrock_model_regions`, one by one."""
        return tuple(region.strip() for region in (self.bedrock_model_regions or "").split(",") if region.strip())

    @classmethod
    def from_context(
        cls, stages: object, stage: object, overrides: Mapping[str, object] = MappingProxyType({})
    ) -> Settings:
        """Settings of `stage` from the ``stages`` of the CDK context.

        Args:
            overrides: settings that go before those of the stage, by name; a text, as ``-c`` gives it, is read as
                what the setting is. By default none.

        Raises:
            SettingsError: no such stage, a setting missing, unknown, of a wrong type or out of its range.
        """
        if not isinstance(stages, Mapping) or not stages:
            raise SettingsError('cdk.json has no "stages" in its context: add one with the settings of each stage')
        if not isinstance(stage, str) or stage not in stages:
            found = "no stage was given" if stage is None else f"the stage {stage!r} is not in cdk.json"
            raise SettingsError(f"{found}: choose with -c stage=NAME one of {', '.join(stages)}")
        if not isinstance(stages[stage], Mapping):
            raise SettingsError(f"the stage {stage!r} in cdk.json must be an object, not {stages[stage]!r}")
        known = set(cls.names())
        hints = get_type_hints(cls)
        values = {**stages[stage], **{name: _read(value, hints[name]) for name, value in overrides.items()}}
        required = {field.name for field in fields(cls) if field.default is MISSING} - {"stage"}
        problems = [f"{name} is missing" for name in sorted(required - set(values))]
        problems += [f"{name} is unknown: correct its spelling or remove it" for name in sorted(set(values) - known)]
        if problems:
            raise SettingsError(_message(stage, problems))
        return cls(stage=stage, **values)

    @classmethod
    def names(cls) -> list[str]:
        """What can be set for a stage."""
        return [field.name for field in fields(cls) if field.name != "stage"]

    @property
    def lease_seconds(self) -> int:
        """The longest lease of an attempt: a function takes its lease from the time it has left."""
        return self.step_timeout_seconds

    @property
    def intake_visibility_seconds(self) -> int:
        """When a message that was not handled is delivered again; room for Lambda to be throttled and try again."""
        return 6 * self.intake_timeout_seconds + self.intake_batching_window_seconds


def attempts_to_outlast(seconds: float, *, interval: float, max_interval: float, backoff: float) -> int:
    """How many retries it takes until the waits between them have added up to more than `seconds`.

    The waits are those of Step Functions: `interval` first, each following one `backoff` times as long, never
    longer than `max_interval`. Units are seconds.
    """
    attempts, waited, wait = 0, 0.0, interval
    while waited <= seconds:
        waited += min(wait, max_interval)
        wait = min(wait * backoff, max_interval)
        attempts += 1
    return attempts


def _read(value: object, hint: Any) -> object:
    """What a setting of that type is given as; a text that is no such value is left for the checks to refuse."""
    if not isinstance(value, str) or _is_of_type(value, hint):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _message(stage: object, problems: list[str]) -> str:
    return f"the settings of stage {stage!r} in cdk.json cannot be used:\n" + "\n".join(f"- {p}" for p in problems)


def _type_problems(settings: Settings) -> list[str]:
    hints = get_type_hints(Settings)
    return [
        f"{name} must be {hint.__name__ if isinstance(hint, type) else hint}, not {value!r}"
        for name, hint in hints.items()
        if not _is_of_type(value := getattr(settings, name), hint)
    ]


def _is_of_type(value: object, hint: Any) -> bool:
    if isinstance(value, bool):  # a bool is an int to isinstance, and never one to a reader of cdk.json
        return hint is bool
    if hint is float or (float in get_args(hint) and value is not None):
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, hint)
