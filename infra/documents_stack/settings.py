"""The settings of one stage: read from the ``stages`` of ``cdk.json``, and given to the constructs that own them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from types import MappingProxyType
from typing import Any, get_type_hints

from documents_stack.buckets import DeletionProps, EncryptionProps
from documents_stack.reading import BEDROCK, LEAST_STEP_SECONDS, TEXTRACT, AnsweringProps, ReadingProps
from documents_stack.textract import ANALYSIS_SECONDS, START_SECONDS
from status_tracker_cdk.bulk_machine import BulkProps
from status_tracker_cdk.events import EventsProps
from status_tracker_cdk.intake import IntakeProps
from status_tracker_cdk.monitoring.alarm_props import LONGEST_ALARM_MINUTES, AlarmProps
from status_tracker_cdk.props import Props, PropsError, is_of_type
from status_tracker_cdk.retention import DataProps, LogProps
from status_tracker_cdk.retries import RetryProps
from status_tracker_cdk.sweep import SweepProps
from status_tracker_cdk.workflow import StepProps

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
# A document that needs all its attempts needs them in one step, or in two on a very bad day.
_BAD_STEPS = 2
_STATED = ("data", "logs", "retries", "steps", "intake", "sweep", "bulk")


class SettingsError(ValueError):
    """The settings in ``cdk.json`` cannot be used; the message lists everything that is wrong with them."""


@dataclass(frozen=True, kw_only=True)
class StackProps(Props):
    """Name and deployment of the stack.

    Attributes:
        stage: name of the stage, part of the stack's name.
        check_bootstrap_version: have CloudFormation check the account's CDK bootstrap version; off where there is
            a CloudFormation that cannot, as in the local cloud.
    """

    stage: str
    check_bootstrap_version: bool

    def conflicts(self) -> Iterator[str]:
        """A name that a stack cannot have."""
        if not _STAGE_NAME.fullmatch(self.stage):
            yield f"stage {self.stage!r} must be lower-case letters, digits and dashes, at most 20"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a stage, by the constructs that own them, under their names in ``cdk.json``.

    A stage states every setting; only optional ones have a default.

    Raises:
        SettingsError: settings of several constructs do not go together.
    """

    stack: StackProps
    data: DataProps
    encryption: EncryptionProps
    deletion: DeletionProps
    logs: LogProps
    retries: RetryProps
    steps: StepProps
    intake: IntakeProps
    sweep: SweepProps
    bulk: BulkProps
    alarms: AlarmProps
    events: EventsProps
    reading: ReadingProps
    answering: AnsweringProps

    def __post_init__(self) -> None:
        if problems := [*_alarm_problems(self), *_service_problems(self)]:
            raise SettingsError(_message(self.stack.stage, problems))

    @classmethod
    def from_context(
        cls, stages: object, stage: object, overrides: Mapping[str, object] = MappingProxyType({})
    ) -> Settings:
        """Settings of `stage` from the ``stages`` of the CDK context.

        Args:
            overrides: settings that override those of the stage, by name; a text, as ``-c`` gives it, is converted to
                the setting's type. By default none.

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
        hints = {name: hint for part in _parts().values() for name, hint in get_type_hints(part).items()}
        values = {**stages[stage], **{name: _read(value, hints[name]) for name, value in overrides.items()}}
        if problems := [*_spelling_problems(values)]:
            raise SettingsError(_message(stage, problems))
        return cls(**_composed(stage, values))

    @classmethod
    def names(cls) -> list[str]:
        """The names of the settings of a stage."""
        return [name for name in _fields() if name != "stage"]


def _parts() -> dict[str, type[Props]]:
    return get_type_hints(Settings)


def _fields() -> dict[str, Any]:
    """The fields of all parts by their names; one that several parts have is the same setting to each."""
    return {each.name: each for part in _parts().values() for each in fields(part)}


def _stated() -> set[str]:
    """The settings that a stage states although their parts have defaults: no stage changes when a default does."""
    parts = [part for name, part in _parts().items() if name in _STATED]
    return {each.name for part in parts for each in fields(part) if each.default is not None}


def _spelling_problems(values: Mapping[str, object]) -> Iterator[str]:
    required = {name for name, each in _fields().items() if each.default is MISSING or name in _stated()} - {"stage"}
    yield from (f"{name} is missing" for name in sorted(required - set(values)))
    known = set(Settings.names())
    yield from (f"{name} is unknown: correct its spelling or remove it" for name in sorted(set(values) - known))


def _composed(stage: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Each part with its values; raises `SettingsError` with everything that is wrong with any of them."""
    values = {**values, "stage": stage}
    composed, problems = {}, []
    for name, part in _parts().items():
        try:
            composed[name] = part(**{each.name: values[each.name] for each in fields(part) if each.name in values})
        except PropsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(_message(stage, list(dict.fromkeys(problems))))
    return composed


def _alarm_problems(settings: Settings) -> Iterator[str]:
    """Alarms that would go off during normal operation."""
    retries, intake = settings.retries, settings.intake
    attempts = retries.seconds_of_every_lease(settings.steps.lease_seconds)
    whose = "one task may take for all its attempts"
    analysis = 0
    if settings.reading.has_textract:
        analysis = START_SECONDS + ANALYSIS_SECONDS * retries.max_attempts
        whose += " with Textract, which may be busy for hours and have each job waited for"
    takeover = retries.retry_max_interval_seconds + 2 * 60 * settings.sweep.sweep_interval_minutes
    redelivery = intake.visibility_seconds * intake.intake_max_receives
    least = {
        "alarm_no_progress_minutes": (min(attempts + analysis, 60 * LONGEST_ALARM_MINUTES), whose),
        "alarm_oldest_unfinished_minutes": (attempts * _BAD_STEPS + analysis, f"{whose}, in two steps"),
        "alarm_stuck_minutes": (takeover, "a takeover may take, or two sweeps"),
        "alarm_queue_age_minutes": (redelivery, "a message may take for all its deliveries"),
    }
    for name, (seconds, why) in least.items():
        value = getattr(settings.alarms, name)
        if value * 60 < seconds:
            yield f"{name} must be at least {math.ceil(seconds / 60)}, not {value}: so long {why}"


def _service_problems(settings: Settings) -> Iterator[str]:
    """A timeout too short for the services that the steps call."""
    seconds = settings.steps.step_timeout_seconds
    if (settings.reading.has_textract or settings.answering.has_bedrock) and seconds < LEAST_STEP_SECONDS:
        yield (
            f"step_timeout_seconds ({seconds}) must be at least {LEAST_STEP_SECONDS} with "
            f'reader "{TEXTRACT}" or answerer "{BEDROCK}", which take longer'
        )


def _read(value: object, hint: Any) -> object:
    """Convert a text to the setting's type; a text that cannot be converted stays, and the checks refuse it."""
    if not isinstance(value, str) or is_of_type(value, hint):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _message(stage: object, problems: list[str]) -> str:
    return f"the settings of stage {stage!r} in cdk.json cannot be used:\n" + "\n".join(f"- {p}" for p in problems)
