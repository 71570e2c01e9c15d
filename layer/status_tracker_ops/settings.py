"""What each operating function reads from its environment, as one small record, for both sides: the construct that
sets the variables with `to_environment`, and the handler that reads them with `from_environment`.

A setting has one name: that of its field, in capitals in the environment, and as it is in ``cdk.json`` where it can be
chosen there. No `from __future__ import annotations` here: the types of the fields say how they are read.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Self


def number(*, at_least: int) -> Any:
    """A field that is a whole number of at least so much."""
    return field(metadata={"at_least": at_least})


def choice(*choices: str) -> Any:
    """A field that is one of these texts; the first where nothing is set."""
    return field(default=choices[0], metadata={"choices": choices})


def price() -> Any:
    """A field that is an amount in US dollars, or None where nothing is set."""
    return field(default=None, metadata={"price": True})


def optional() -> Any:
    """A field that is a text, or None where nothing is set."""
    return field(default=None)


class EnvironmentSettings:
    """Base of the records. A field is a text, several texts (``tuple[str, ...]``), or what the functions above say."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read every field from the variable of its name in capitals.

        Raises:
            ValueError: a variable is missing, empty, or not what the field is; the message names it.
        """
        return cls(**{each.name: _read(each, environment) for each in fields(cls)})  # type: ignore[arg-type]

    def to_environment(self) -> dict[str, str]:
        """The variables that `from_environment` reads as this record; what has its default is left out."""
        values = {each: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]
        return {each.name.upper(): _written(value) for each, value in values.items() if value != each.default}


@dataclass(frozen=True)
class TrackerSettings(EnvironmentSettings):
    """Where the tasks are kept.

    Attributes:
        use_case_id: of all tasks of the pipeline.
        task_table_name: the DynamoDB table.
        max_attempts: after so many failed attempts a task is ignored.
        status_tracker_counts: "1" where counts may be kept, "0" where nothing keeps them (any more).
    """

    use_case_id: str
    task_table_name: str
    max_attempts: int = number(at_least=1)
    status_tracker_counts: str = choice("1", "0")


@dataclass(frozen=True)
class WorkflowSettings(EnvironmentSettings):
    """`workflow_arn`: the state machine that is started for each task."""

    workflow_arn: str


@dataclass(frozen=True)
class QueueWorkerSettings(EnvironmentSettings):
    """What the handler of a worker on a queue gives to `status_tracker.sqs.process_sqs_batch`.

    Attributes:
        seconds_per_record: the longest that the work on one message takes.
        retry_seconds: when a message whose task failed is delivered again.
    """

    seconds_per_record: int = number(at_least=1)
    retry_seconds: int = number(at_least=1)


@dataclass(frozen=True)
class WidgetSettings(EnvironmentSettings):
    """The widget's functions, which show, act and administrate, and where to find more about a task.

    Attributes:
        log_groups: of the functions that work on tasks.
        workflow_arn: the state machine of the tasks; None where no step runs in one.
        widget_deletes: ``yes`` where tasks may be deleted from the widget.
        widget_beside: the viewers of other use cases, each as ``use case=ARN``, the use case quoted as in a URL.
        status_tracker_counts: "1" where counts may be kept, "0" where nothing keeps them (any more).
    """

    widget_viewer_arn: str
    widget_actor_arn: str
    widget_admin_arn: str
    log_groups: tuple[str, ...]
    workflow_arn: str | None = optional()
    widget_deletes: str = choice("no", "yes")
    widget_beside: tuple[str, ...] = ()
    status_tracker_counts: str = choice("1", "0")


@dataclass(frozen=True)
class SweepSettings(EnvironmentSettings):
    """How much one sweep does; the rest is for the next.

    Attributes:
        sweep_max_restarts: tasks of each step that are restarted, at most.
        sweep_max_examined: tasks of each step that are looked at, at most.
        sweep_pending_after_seconds: how long a pending task is left alone.
        sweep_max_objects: objects of the bucket that are looked at, at most.
        sweep_unregistered_after_seconds: how old an object without a task is when it is registered.
        bucket: the bucket whose objects are tasks; None where no objects are.
        status_tracker_counts: "1" where counts may be kept, "0" where nothing keeps them (any more).
    """

    sweep_max_restarts: int = number(at_least=1)
    sweep_max_examined: int = number(at_least=1)
    sweep_pending_after_seconds: int = number(at_least=1)
    sweep_max_objects: int = number(at_least=1)
    sweep_unregistered_after_seconds: int = number(at_least=1)
    bucket: str | None = optional()
    status_tracker_counts: str = choice("1", "0")


@dataclass(frozen=True)
class BulkSettings(EnvironmentSettings):
    """Where objects and results are, and the pace of what goes over very many of them.

    Attributes:
        result_bucket: where reports and results are.
        bulk_tasks_per_second: tasks that one execution registers or reruns in a second, at most.
        bulk_max_concurrency: functions that work at the same time, where the input says nothing else.
        bulk_tolerated_failures: items that may fail, where the input says nothing else.
        bucket: the bucket whose objects are tasks; None where no objects are.
    """

    result_bucket: str
    bulk_tasks_per_second: int = number(at_least=1)
    bulk_max_concurrency: int = number(at_least=1)
    bulk_tolerated_failures: int = number(at_least=0)
    bucket: str | None = optional()

    @property
    def source(self) -> str:
        """`bucket`, for a function that registers its objects. Raises `ValueError` where there is none."""
        if self.bucket is None:
            raise _missing("BUCKET")
        return self.bucket


@dataclass(frozen=True)
class EventsSettings(EnvironmentSettings):
    """What the function does that reads the table's stream.

    Attributes:
        event_bus_name: the bus that the events go to; None for no events.
        events_dead_letter_queue_url: where the function puts records that it does not understand; None where they are
            only logged.
        status_tracker_counts: "1" to keep counts, "0" not to.
    """

    event_bus_name: str | None = optional()
    events_dead_letter_queue_url: str | None = optional()
    status_tracker_counts: str = choice("1", "0")


@dataclass(frozen=True)
class VerificationSettings(EnvironmentSettings):
    """Which stack is verified.

    Attributes:
        status_tracker_stack: its name.
        bucket: the bucket whose objects are tasks.
    """

    status_tracker_stack: str
    bucket: str


def _read(setting: Field[Any], environment: Mapping[str, str]) -> Any:
    name = setting.name.upper()
    value = environment.get(name, "").strip()
    if not value:
        if setting.default is MISSING:
            raise _missing(name)
        return setting.default
    if "at_least" in setting.metadata:
        return _whole_number(name, value, setting.metadata["at_least"])
    if "price" in setting.metadata:
        return _price(name, value)
    choices = setting.metadata.get("choices", (value,))
    if value not in choices:
        raise ValueError(f"The environment variable {name} is {value!r}: expected one of {', '.join(choices)}.")
    return tuple(value.split(",")) if setting.type == tuple[str, ...] else value


def _missing(name: str) -> ValueError:
    if os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        advice = "set it on the Lambda function"
    else:
        advice = 'run `. .local/env` for the local cloud, or `eval "$(status-tracker env STACK)"` for a stack on AWS'
    return ValueError(f"The environment variable {name} is missing or empty: {advice}.")


def _whole_number(name: str, value: str, at_least: int) -> int:
    if not value.isascii() or not value.isdigit() or int(value) < at_least:
        raise ValueError(
            f"The environment variable {name} is {value!r}: expected a whole number of at least {at_least}."
        )
    return int(value)


def _price(name: str, value: str) -> float:
    try:
        price = float(value)
    except ValueError:
        price = math.nan
    if not math.isfinite(price) or price < 0:
        raise ValueError(f"The environment variable {name} is {value!r}: expected US dollars, or nothing.")
    return price


def _written(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
