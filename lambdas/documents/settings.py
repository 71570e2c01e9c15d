"""What the environment tells each function, as one small frozen record a handler."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class TrackerSettings:
    """Where the tasks are kept. `max_attempts`: after that many failed attempts a task is ignored."""

    use_case_id: str
    task_table_name: str
    max_attempts: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            use_case_id=_text(environment, "USE_CASE_ID"),
            task_table_name=_text(environment, "TASK_TABLE_NAME"),
            max_attempts=_positive_int(environment, "MAX_ATTEMPTS"),
        )


@dataclass(frozen=True)
class WidgetSettings:
    """The widget's two functions, the one that shows and the one that acts, and where more is told of a task."""

    viewer_arn: str
    actor_arn: str
    workflow_arn: str
    log_groups: tuple[str, ...]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            viewer_arn=_text(environment, "WIDGET_VIEWER_ARN"),
            actor_arn=_text(environment, "WIDGET_ACTOR_ARN"),
            workflow_arn=_text(environment, "WORKFLOW_ARN"),
            log_groups=tuple(_text(environment, "LOG_GROUPS").split(",")),
        )


@dataclass(frozen=True)
class IntakeSettings:
    """`workflow_arn`: the state machine that is started for each document."""

    workflow_arn: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(workflow_arn=_text(environment, "WORKFLOW_ARN"))


@dataclass(frozen=True)
class ExtractSettings:
    """
    Where documents come from and results go; larger documents than `max_document_bytes` are refused.

    `reader`: "pypdf" or "textract". `usd_per_thousand_pages`: Textract's price, for an estimate; None for none.
    """

    document_bucket: str
    result_bucket: str
    max_document_bytes: int
    reader: str = "pypdf"
    usd_per_thousand_pages: float | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            document_bucket=_text(environment, "DOCUMENT_BUCKET"),
            result_bucket=_text(environment, "RESULT_BUCKET"),
            max_document_bytes=_positive_int(environment, "MAX_DOCUMENT_BYTES"),
            reader=_choice(environment, "READER", ("pypdf", "textract")),
            usd_per_thousand_pages=_price(environment, "TEXTRACT_USD_PER_THOUSAND_PAGES"),
        )


@dataclass(frozen=True)
class BedrockSettings:
    """
    Which model answers. `max_prompt_characters`: of a longer document only the beginning is given to the model.

    The prices are those of a million tokens, for an estimate; None for none.
    """

    model_id: str
    max_prompt_characters: int
    usd_per_million_input_tokens: float | None = None
    usd_per_million_output_tokens: float | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            model_id=_text(environment, "BEDROCK_MODEL_ID"),
            max_prompt_characters=_positive_int(environment, "BEDROCK_MAX_PROMPT_CHARACTERS"),
            usd_per_million_input_tokens=_price(environment, "BEDROCK_USD_PER_MILLION_INPUT_TOKENS"),
            usd_per_million_output_tokens=_price(environment, "BEDROCK_USD_PER_MILLION_OUTPUT_TOKENS"),
        )


@dataclass(frozen=True)
class SweepSettings:
    """
    How much one sweep does; the rest is for the next.

    `max_restarts`, `max_examined`: tasks of each step. `pending_after_seconds`: how long a pending task is left alone.
    `max_objects`: objects of the bucket that are looked at. `unregistered_after_seconds`: how old one without a task
    must be to be registered.
    """

    document_bucket: str
    max_restarts: int
    max_examined: int
    pending_after_seconds: int
    max_objects: int
    unregistered_after_seconds: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            document_bucket=_text(environment, "DOCUMENT_BUCKET"),
            max_restarts=_positive_int(environment, "SWEEP_MAX_RESTARTS"),
            max_examined=_positive_int(environment, "SWEEP_MAX_EXAMINED"),
            pending_after_seconds=_positive_int(environment, "SWEEP_PENDING_AFTER_SECONDS"),
            max_objects=_positive_int(environment, "SWEEP_MAX_OBJECTS"),
            unregistered_after_seconds=_positive_int(environment, "SWEEP_UNREGISTERED_AFTER_SECONDS"),
        )


@dataclass(frozen=True)
class AnswerSettings:
    """`result_bucket`: where Extract left its result and the answers go. `bedrock`: None where no model is asked."""

    result_bucket: str
    bedrock: BedrockSettings | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        answerer = _choice(environment, "ANSWERER", ("key_values", "bedrock"))
        return cls(
            result_bucket=_text(environment, "RESULT_BUCKET"),
            bedrock=BedrockSettings.from_environment(environment) if answerer == "bedrock" else None,
        )


@dataclass(frozen=True)
class BulkSettings:
    """
    Where documents and results are, and the pace of what goes over very many of them.

    `tasks_per_second`: at most so many are registered or rerun in a second by one execution. `max_concurrency` and
    `tolerated_failures`: where the input says nothing else, so many functions work at the same time, and so many items
    may fail.
    """

    document_bucket: str
    result_bucket: str
    tasks_per_second: int
    max_concurrency: int
    tolerated_failures: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            document_bucket=_text(environment, "DOCUMENT_BUCKET"),
            result_bucket=_text(environment, "RESULT_BUCKET"),
            tasks_per_second=_positive_int(environment, "BULK_TASKS_PER_SECOND"),
            max_concurrency=_positive_int(environment, "BULK_MAX_CONCURRENCY"),
            tolerated_failures=_natural_number(environment, "BULK_TOLERATED_FAILURES"),
        )


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise ValueError(f"The environment variable {name} is missing or empty: set it on the Lambda function.")
    return value


def _positive_int(environment: Mapping[str, str], name: str) -> int:
    return _whole_number(environment, name, at_least=1)


def _natural_number(environment: Mapping[str, str], name: str) -> int:
    return _whole_number(environment, name, at_least=0)


def _whole_number(environment: Mapping[str, str], name: str, at_least: int) -> int:
    value = _text(environment, name)
    if not value.isascii() or not value.isdigit() or int(value) < at_least:
        raise ValueError(
            f"The environment variable {name} is {value!r}: expected a whole number of at least {at_least}."
        )
    return int(value)


def _choice(environment: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """One of `choices`; the first where nothing is set."""
    value = environment.get(name, "").strip() or choices[0]
    if value not in choices:
        raise ValueError(f"The environment variable {name} is {value!r}: expected one of {', '.join(choices)}.")
    return value


def _price(environment: Mapping[str, str], name: str) -> float | None:
    value = environment.get(name, "").strip()
    if not value:
        return None
    try:
        price = float(value)
    except ValueError:
        price = math.nan
    if not math.isfinite(price) or price < 0:
        raise ValueError(f"The environment variable {name} is {value!r}: expected US dollars, or nothing.")
    return price
