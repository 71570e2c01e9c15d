"""What the environment tells each function, as one small frozen record a handler."""

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
class IntakeSettings:
    """`workflow_arn`: the state machine that is started for each document."""

    workflow_arn: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(workflow_arn=_text(environment, "WORKFLOW_ARN"))


@dataclass(frozen=True)
class ExtractSettings:
    """Where documents come from and results go; larger documents than `max_document_bytes` are refused."""

    document_bucket: str
    result_bucket: str
    max_document_bytes: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            document_bucket=_text(environment, "DOCUMENT_BUCKET"),
            result_bucket=_text(environment, "RESULT_BUCKET"),
            max_document_bytes=_positive_int(environment, "MAX_DOCUMENT_BYTES"),
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
    """`result_bucket`: where Extract left its result and the answers go."""

    result_bucket: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(result_bucket=_text(environment, "RESULT_BUCKET"))


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise ValueError(f"The environment variable {name} is missing or empty: set it on the Lambda function.")
    return value


def _positive_int(environment: Mapping[str, str], name: str) -> int:
    value = _text(environment, name)
    if not value.isascii() or not value.isdigit() or int(value) == 0:
        raise ValueError(f"The environment variable {name} is {value!r}: expected a whole number of at least 1.")
    return int(value)
