"""Settings from the environment."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from documents.answering.answering import choose_answerer
from documents.answering.answers import KeyValueAnswerer
from documents.settings import AnswerSettings, BedrockSettings, ExtractSettings
from status_tracker_ops.settings import (
    BulkSettings,
    EnvironmentSettings,
    SweepSettings,
    TrackerSettings,
    WidgetSettings,
    WorkflowSettings,
)

ENVIRONMENT = {
    "USE_CASE_ID": "pdf_processing",
    "TASK_TABLE_NAME": "tasks",
    "MAX_ATTEMPTS": "3",
    "WORKFLOW_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:documents",
    "DOCUMENT_BUCKET": "documents",
    "BUCKET": "documents",
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
    (WorkflowSettings, ["WORKFLOW_ARN"]),
    (ExtractSettings, ["DOCUMENT_BUCKET", "RESULT_BUCKET", "MAX_DOCUMENT_BYTES"]),
    (AnswerSettings, ["RESULT_BUCKET"]),
    (SweepSettings, SWEEP_NUMBERS),
]


def test_what_is_read() -> None:
    assert TrackerSettings.from_environment(ENVIRONMENT) == TrackerSettings("pdf_processing", "tasks", 3)
    assert ExtractSettings.from_environment(ENVIRONMENT) == ExtractSettings("documents", "results", 1_000_000)
    assert WorkflowSettings.from_environment(ENVIRONMENT).workflow_arn == ENVIRONMENT["WORKFLOW_ARN"]
    assert AnswerSettings.from_environment(ENVIRONMENT) == AnswerSettings("results")
    assert SweepSettings.from_environment(ENVIRONMENT) == SweepSettings(1, 2, 3, 4, 5, "documents")


@pytest.mark.parametrize(("settings", "name"), [(settings, name) for settings, names in ALL for name in names])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_variable_is_named(settings: type[TrackerSettings], name: str, value: str | None) -> None:
    environment = {**ENVIRONMENT, name: value} if value is not None else {**ENVIRONMENT}
    if value is None:
        del environment[name]
    with pytest.raises(ValueError, match=f"{name} is missing or empty"):
        settings.from_environment(environment)


def test_a_missing_variable_is_set_where_the_code_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    with pytest.raises(ValueError, match=r"`\. \.local/env` for the local cloud, or `eval .*status-tracker env STACK"):
        TrackerSettings.from_environment({})
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-Invoice")
    with pytest.raises(ValueError, match=r"empty: set it on the Lambda function\.$"):
        TrackerSettings.from_environment({})


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


BEDROCK = {"ANSWERER": "bedrock", "BEDROCK_MODEL_ID": "m.m", "BEDROCK_MAX_PROMPT_CHARACTERS": "9000"}


def test_the_reader_and_the_answerer_are_those_in_the_function_unless_others_are_set() -> None:
    assert ExtractSettings.from_environment(ENVIRONMENT).reader == "pdf"
    textract = {"READER": "textract", "TEXTRACT_USD_PER_THOUSAND_PAGES": "50"}
    settings = ExtractSettings.from_environment({**ENVIRONMENT, **textract})
    assert (settings.reader, settings.textract_usd_per_thousand_pages) == ("textract", 50)
    assert AnswerSettings.from_environment({**ENVIRONMENT, "BEDROCK_MODEL_ID": "m.m"}).answerer == "key_values"
    assert AnswerSettings.from_environment({**ENVIRONMENT, **BEDROCK}).answerer == "bedrock"
    assert BedrockSettings.from_environment({**ENVIRONMENT, **BEDROCK}) == BedrockSettings("m.m", 9000)


@pytest.mark.parametrize(
    "settings",
    [
        TrackerSettings("pdf_processing", "tasks", 3),
        WorkflowSettings("arn"),
        ExtractSettings("documents", "results", 1_000_000),
        ExtractSettings("documents", "results", 1, "textract", 1.5),
        ExtractSettings("documents", "results", 1, unreadable_pages="refuse"),
        AnswerSettings("results"),
        AnswerSettings("results", "bedrock"),
        BedrockSettings("m.m", 9000),
        BedrockSettings("m.m", 9000, 0.25, 1.0),
        SweepSettings(1, 2, 3, 4, 5, "documents"),
        BulkSettings("results", 100, 10, 0, "documents"),
        BulkSettings("results", 100, 10, 0),
        WidgetSettings("viewer", "actor", "admin", ("intake", "extract"), "workflow"),
    ],
)
def test_what_is_written_for_a_function_is_what_it_reads(settings: EnvironmentSettings) -> None:
    written = settings.to_environment()
    assert type(settings).from_environment(written) == settings
    assert all(name.isupper() and value for name, value in written.items())


@pytest.mark.parametrize("change", [{"BEDROCK_MODEL_ID": " "}, {"BEDROCK_MAX_PROMPT_CHARACTERS": "none"}])
def test_the_settings_of_a_model_are_read_where_it_answers(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    for name, value in {**BEDROCK, **change}.items():
        monkeypatch.setenv(name, value)
    task: Any = SimpleNamespace(retry=0)
    assert isinstance(choose_answerer(AnswerSettings("results"), task), KeyValueAnswerer)
    with pytest.raises(ValueError, match=next(iter(change))):
        choose_answerer(AnswerSettings("results", "bedrock"), task)


@pytest.mark.parametrize(
    ("settings", "changes", "message"),
    [
        (ExtractSettings, {"READER": "tesseract"}, "READER is 'tesseract': expected one of pdf, textract"),
        (ExtractSettings, {"UNREADABLE_PAGES": "skip"}, "UNREADABLE_PAGES is 'skip': expected one of warn, refuse"),
        (ExtractSettings, {"TEXTRACT_USD_PER_THOUSAND_PAGES": "cheap"}, "is 'cheap': expected US dollars"),
        (ExtractSettings, {"TEXTRACT_USD_PER_THOUSAND_PAGES": "-1"}, "is '-1': expected US dollars"),
        (AnswerSettings, {"ANSWERER": "oracle"}, "ANSWERER is 'oracle': expected one of key_values, bedrock"),
        (BedrockSettings, {"ANSWERER": "bedrock"}, "BEDROCK_MODEL_ID is missing or empty"),
        (BedrockSettings, {**BEDROCK, "BEDROCK_MAX_PROMPT_CHARACTERS": "0"}, "expected a whole number of at least 1"),
        (BedrockSettings, {**BEDROCK, "BEDROCK_USD_PER_MILLION_INPUT_TOKENS": "nan"}, "expected US dollars"),
    ],
)
def test_a_choice_that_is_none_is_told(settings: type[TrackerSettings], changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings.from_environment({**ENVIRONMENT, **changes})
