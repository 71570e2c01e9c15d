"""Settings from the environment."""

import dataclasses

import pytest

from documents.settings import AnswerSettings, ExtractSettings, IntakeSettings, SweepSettings, TrackerSettings

ENVIRONMENT = {
    "USE_CASE_ID": "pdf_processing",
    "TASK_TABLE_NAME": "tasks",
    "MAX_ATTEMPTS": "3",
    "WORKFLOW_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:documents",
    "DOCUMENT_BUCKET": "documents",
    "RESULT_BUCKET": "results",
    "MAX_DOCUMENT_BYTES": "1000000",
    "SWEEP_MAX_RESTARTS": "1",
    "SWEEP_MAX_EXAMINED": "2",
    "SWEEP_PENDING_AFTER_SECONDS": "3",
    "SWEEP_MAX_OBJECTS": "4",
    "SWEEP_UNREGISTERED_AFTER_SECONDS": "5",
}
SWEEP_NUMBERS = [name for name in ENVIRONMENT if name.startswith("SWEEP_")]
ALL = [
    (TrackerSettings, ["USE_CASE_ID", "TASK_TABLE_NAME", "MAX_ATTEMPTS"]),
    (IntakeSettings, ["WORKFLOW_ARN"]),
    (ExtractSettings, ["DOCUMENT_BUCKET", "RESULT_BUCKET", "MAX_DOCUMENT_BYTES"]),
    (AnswerSettings, ["RESULT_BUCKET"]),
    (SweepSettings, ["DOCUMENT_BUCKET", *SWEEP_NUMBERS]),
]


def test_what_is_read() -> None:
    assert TrackerSettings.from_environment(ENVIRONMENT) == TrackerSettings("pdf_processing", "tasks", 3)
    assert ExtractSettings.from_environment(ENVIRONMENT) == ExtractSettings("documents", "results", 1_000_000)
    assert IntakeSettings.from_environment(ENVIRONMENT).workflow_arn == ENVIRONMENT["WORKFLOW_ARN"]
    assert AnswerSettings.from_environment(ENVIRONMENT) == AnswerSettings("results")
    assert SweepSettings.from_environment(ENVIRONMENT) == SweepSettings("documents", 1, 2, 3, 4, 5)


@pytest.mark.parametrize(("settings", "name"), [(settings, name) for settings, names in ALL for name in names])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_variable_is_named(settings: type[TrackerSettings], name: str, value: str | None) -> None:
    environment = {**ENVIRONMENT, name: value} if value is not None else {**ENVIRONMENT}
    if value is None:
        del environment[name]
    with pytest.raises(ValueError, match=f"{name} is missing or empty"):
        settings.from_environment(environment)


@pytest.mark.parametrize("value", ["0", "-1", "three", "1.5", "²"])
def test_a_number_that_is_none_is_told(value: str) -> None:
    with pytest.raises(ValueError, match=r"MAX_ATTEMPTS is .* expected a whole number of at least 1"):
        TrackerSettings.from_environment({**ENVIRONMENT, "MAX_ATTEMPTS": value})


@pytest.mark.parametrize("name", SWEEP_NUMBERS)
def test_a_sweep_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} is '0': expected a whole number of at least 1"):
        SweepSettings.from_environment({**ENVIRONMENT, name: "0"})


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        AnswerSettings("results").result_bucket = "other"  # type: ignore[misc]
