"""Who reads and who answers: what each choice brings into the stack, and nothing of what was not chosen."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest

from app import build
from documents.settings import COPIES
from documents.textract.jobs import LONGEST_JOB
from documents.textract.reader import AnalysisFailedError
from documents_stack.settings import Settings, SettingsError
from documents_stack.textract import ANALYSIS_FAILED, ANALYSIS_SECONDS, SERVICE_BUSY
from status_tracker_ops.outages import ServiceBusyError
from tests.infra.expected import DOCUMENTS, RESULTS, STEPS
from tests.infra.synthesis import CONTEXT, Synthesized, listed, new_app, readable
from tests.infra.test_stack import acknowledgements
from tests.infra.test_workflow import EVENTS_OF_A_RETRY, MOST_EVENTS, wait_before
from tests.infra.variants import BEDROCK, SETTINGS, TEXTRACT, synthesized

PROFILE = "us.example.model-v1:0"
CHOICES: dict[str, Mapping[str, Any]] = {name: SETTINGS[name][1] for name in ("prod", "textract", "bedrock", "both")}
MODEL = "arn:<AWS::Partition>:bedrock:<AWS::Region>::foundation-model/example.model-v1:0"
JOBS = f"{RESULTS}/*/textract-job.json"
ANALYSIS_STATES = {
    *("StartAnalysis", "IsAnalysisBegun", "WaitForAnalysis", "CheckAnalysis"),
    *("IsAnalysisOver", "WaitLonger", "StartAnalysisAgain"),
}


@pytest.fixture
def chosen() -> dict[str, Synthesized]:
    return {name: synthesized(name) for name in CHOICES}


@pytest.fixture
def textract(chosen: dict[str, Synthesized]) -> Synthesized:
    return chosen["textract"]


def statements(stack: Synthesized, owner: str) -> list[dict[str, Any]]:
    policies = stack.properties("AWS::IAM::Role", owner)["Policies"]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def rights(stack: Synthesized, owner: str, *services: str) -> set[tuple[str, str]]:
    """The actions of those services with their resources."""
    return {
        (action, resource)
        for statement in statements(stack, owner)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if action.partition(":")[0] in services
    }


def variables(stack: Synthesized, owner: str) -> dict[str, str]:
    found = stack.properties("AWS::Lambda::Function", owner)["Environment"]["Variables"]
    return {name: found[name] for name in found if name.startswith(("READER", "TEXTRACT", "ANSWERER", "BEDROCK"))}


@pytest.mark.parametrize("choice", CHOICES)
def test_rights_are_there_only_for_what_was_chosen(chosen: dict[str, Synthesized], choice: str) -> None:
    stack, settings = chosen[choice], CHOICES[choice]
    has_textract, has_bedrock = "reader" in settings, "answerer" in settings
    template = json.dumps(stack.template)
    assert ("textract" in template.lower()) is has_textract
    assert ("bedrock" in template.lower()) is has_bedrock
    actions = ("AnalyzeDocument", "GetDocumentAnalysis", "StartDocumentAnalysis")
    reading = {(f"textract:{action}", "*") for action in actions}
    assert rights(stack, "ExtractHandler", "textract") == (reading if has_textract else set())
    assert rights(stack, "AnswerHandler", "bedrock") == ({("bedrock:InvokeModel", MODEL)} if has_bedrock else set())
    polling = {("textract:GetDocumentAnalysis", "*")} if has_textract else set()
    assert rights(stack, "Workflow", "textract", "bedrock") == polling
    for owner, service in (("ExtractHandler", "bedrock"), ("AnswerHandler", "textract")):
        assert rights(stack, owner, service) == set()


@pytest.mark.parametrize("choice", CHOICES)
def test_functions_are_told_only_what_was_chosen(chosen: dict[str, Synthesized], choice: str) -> None:
    stack, settings = chosen[choice], CHOICES[choice]
    reader = {"READER": "textract", "TEXTRACT_USD_PER_THOUSAND_PAGES": "50"} if "reader" in settings else {}
    answerer = {
        "ANSWERER": "bedrock",
        "BEDROCK_MODEL_ID": "example.model-v1:0",
        "BEDROCK_MAX_PROMPT_CHARACTERS": "200000",
    }
    assert variables(stack, "ExtractHandler") == reader
    assert variables(stack, "AnswerHandler") == (answerer if "answerer" in settings else {})


@pytest.mark.parametrize("choice", CHOICES)
def test_workflow_changes_with_the_reader_only(chosen: dict[str, Synthesized], choice: str) -> None:
    default, workflow = chosen["prod"].workflow, chosen[choice].workflow
    if "reader" not in CHOICES[choice]:
        assert workflow == default
        return
    assert set(workflow["States"]) == set(default["States"]) | ANALYSIS_STATES
    assert workflow["StartAt"] == "StartAnalysis"
    for name in set(default["States"]) - {"Extract"}:
        assert workflow["States"][name] == default["States"][name]
    extract, before = workflow["States"]["Extract"], default["States"]["Extract"]
    assert extract["Catch"] == [
        {"ErrorEquals": ["AnalysisFailedError"], "ResultPath": None, "Next": "StartAnalysisAgain"},
        *before["Catch"],
    ]
    assert extract["Retry"][0]["ErrorEquals"] == [*before["Retry"][0]["ErrorEquals"], "AnalysisFailedError"]
    assert extract["Retry"][1:] == before["Retry"][1:]


def test_workflow_knows_the_errors_by_their_names() -> None:
    assert AnalysisFailedError.__name__ == ANALYSIS_FAILED
    assert ServiceBusyError.__name__ == SERVICE_BUSY


def test_job_that_the_workflow_does_not_wait_for_any_more_is_one_that_hangs(textract: Synthesized) -> None:
    _, waited = list_polls(textract.workflow["States"])
    assert waited == ANALYSIS_SECONDS
    assert waited - 600 < LONGEST_JOB.total_seconds() < waited


@pytest.mark.parametrize("interval", [1, 150, 1000])
def test_every_wait_between_tries_has_room_below_its_longest(interval: int) -> None:
    waits = {"retry_interval_seconds": interval, "retry_max_interval_seconds": interval + 1, "alarm_stuck_minutes": 120}
    states = Synthesized.of(build(new_app("prod", **TEXTRACT, **waits))).workflow["States"]
    for name in ("StartAnalysis", "CheckAnalysis", "Extract"):
        for retry in states[name]["Retry"]:
            assert retry.get("IntervalSeconds", 0) < retry.get("MaxDelaySeconds", math.inf)


def test_function_that_starts_the_analysis_is_watched(chosen: dict[str, Synthesized]) -> None:
    for choice, stack in chosen.items():
        alarms = stack.of_type("AWS::CloudWatch::Alarm")
        names = {name for name in alarms if "StartAnalysis" in name}
        widget = stack.properties("AWS::Lambda::Function", "WidgetViewer")["Environment"]["Variables"]["LOG_GROUPS"]
        dashboard = json.dumps(stack.properties("AWS::CloudWatch::Dashboard"))
        queries = stack.of_type("AWS::Logs::QueryDefinition").values()
        of_queries = [each["Properties"]["LogGroupNames"] for each in queries]
        if "reader" not in CHOICES[choice]:
            assert not names
            continue
        assert names == {"MonitoringAlarmStartAnalysisErrors", "MonitoringAlarmStartAnalysisThrottled"}
        for name in names:
            dimensions = alarms[name]["Properties"]["Dimensions"]
            assert dimensions == [{"Name": "FunctionName", "Value": "<AnalysisStartFunction>"}]
        assert "<AnalysisStartLogs>" in widget.split(",")
        assert "StartAnalysis" in dashboard
        assert all("<AnalysisStartLogs>" in groups for groups in of_queries)


def test_function_that_starts_the_analysis_may_do_this_and_nothing_else(textract: Synthesized) -> None:
    owner = "AnalysisStart"
    log = f"<{owner}Logs.Arn>"
    assert rights(textract, owner, "dynamodb", "s3", "textract", "logs", "xray", "bedrock") == {
        ("dynamodb:GetItem", "<TasksTable.Arn>"),
        ("s3:GetObject", f"{DOCUMENTS}/*"),
        ("s3:ListBucket", DOCUMENTS),
        *((f"s3:{action}Object", JOBS) for action in ("Get", "Put")),
        *((f"s3:{action}Object", f"{RESULTS}/analyses/*") for action in ("Get", "Put", "Delete")),
        ("s3:ListBucket", RESULTS),
        ("textract:StartDocumentAnalysis", "*"),
        ("textract:GetDocumentAnalysis", "*"),
        ("logs:CreateLogStream", log),
        ("logs:PutLogEvents", log),
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
    }
    assert textract.properties("AWS::Lambda::Function", owner)["Handler"] == "start_analysis.handler"
    assert ("lambda:InvokeFunction", f"<{owner}Function.Arn>") in rights(textract, "Workflow", "lambda")


def test_extract_reads_the_record_of_the_job_and_writes_and_deletes_its_copy(chosen: dict[str, Synthesized]) -> None:
    also = {
        ("s3:ListBucket", RESULTS),
        *((f"s3:{action}Object", keys) for action in ("Get", "Put") for keys in (JOBS, f"{RESULTS}/{COPIES}*")),
        ("s3:DeleteObject", f"{RESULTS}/{COPIES}*"),
    }
    without = rights(chosen["prod"], "ExtractHandler", "s3")
    assert rights(chosen["textract"], "ExtractHandler", "s3") - without == also


@pytest.mark.parametrize("choice", CHOICES)
def test_copies_that_are_left_behind_are_deleted_long_after_their_job(
    chosen: dict[str, Synthesized], choice: str
) -> None:
    """By every stage: they may be of the time before it was set otherwise."""
    rules = chosen[choice].properties("AWS::S3::Bucket", "Results")["LifecycleConfiguration"]["Rules"]
    [rule] = [each for each in rules if each.get("Prefix") == COPIES]
    assert rule["Status"] == "Enabled"
    assert rule["ExpirationInDays"] * 24 * 3600 > 10 * ANALYSIS_SECONDS


def test_every_finding_of_cdk_nag_that_is_accepted_names_its_services(textract: Synthesized) -> None:
    reasons = {path: reason for path, finding, reason in acknowledgements(textract.stack) if "Resource::*" in finding}
    for path in ("Default/Extract/Handler/Role", "Default/Analysis/Start/Role", "Default/Workflow/Role"):
        assert "textract" in reasons[path]
    assert "textract" not in reasons["Default/Answer/Handler/Role"]
    accepted = {(path, readable(finding)) for path, finding, _ in acknowledgements(textract.stack)}
    assert ("Default/Extract", f"AwsSolutions-IAM5[Resource::{RESULTS}/analyses/*]") in accepted


def test_whatever_is_met_while_waiting_leads_to_the_attempt(textract: Synthesized) -> None:
    states = textract.workflow["States"]
    for name in ("StartAnalysis", "CheckAnalysis"):
        assert states[name]["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Extract"}]
    for name in ("IsAnalysisBegun", "IsAnalysisOver"):
        assert states[name]["Default"] == "Extract"
    assert states["StartAnalysisAgain"]["Next"] == "StartAnalysis"
    assert "ServiceBusyError" in states["StartAnalysis"]["Retry"][0]["ErrorEquals"]


def test_polling_ends_and_fits_into_the_history_of_an_execution(textract: Synthesized) -> None:
    states, attempts = textract.workflow["States"], textract.settings.retries.max_attempts
    polls, waited = list_polls(states)
    assert 3600 < waited < textract.workflow["TimeoutSeconds"] / attempts
    assert polls < 60
    events_of_a_poll = 2 + 5 + 2 + 2  # wait, task, choice, pass
    retries = {name: sum(each["MaxAttempts"] for each in states[name].get("Retry", ())) for name in states}
    analyses = polls * (events_of_a_poll + EVENTS_OF_A_RETRY * retries["CheckAnalysis"])
    analyses += EVENTS_OF_A_RETRY * retries["StartAnalysis"]
    # The wait for what is not due outlasts the execution: all steps together have the time for that of one of them.
    patient = [retry["MaxAttempts"] for step in STEPS for retry in states[step]["Retry"] if is_patient(retry)]
    steps = EVENTS_OF_A_RETRY * (sum(retries[step] for step in STEPS) - sum(patient) + max(patient))
    assert len(patient) == len(STEPS)
    assert all(
        waits(retry) >= textract.workflow["TimeoutSeconds"]
        for step in STEPS
        for retry in states[step]["Retry"]
        if is_patient(retry)
    )
    assert analyses * attempts + steps < MOST_EVENTS


def waits(retry: dict[str, Any]) -> float:
    """How long all repetitions of a retrier wait, in seconds."""
    wait, waited = float(retry["IntervalSeconds"]), 0.0
    for _ in range(retry["MaxAttempts"]):
        waited += min(wait, retry["MaxDelaySeconds"])
        wait *= retry["BackoffRate"]
    return waited


def is_patient(retry: dict[str, Any]) -> bool:
    return "TaskNotDueError" in retry["ErrorEquals"]


def list_polls(states: dict[str, Any]) -> tuple[int, int]:
    """How often a job that never ends is asked for, and how long that takes in all, in seconds."""
    longer = int(states["WaitLonger"]["Parameters"]["wait.$"].split(", ")[1].rstrip(")"))
    [choice] = states["IsAnalysisOver"]["Choices"]
    [limit] = [each["NumericLessThan"] for each in choice["And"] if "NumericLessThan" in each]
    wait = states["StartAnalysis"]["ResultSelector"]["wait"]
    polls, waited = 1, wait
    while wait < limit:
        wait += longer
        polls, waited = polls + 1, waited + wait
    return polls, waited


def test_busy_textract_is_waited_out_for_hours_before_that_counts(textract: Synthesized) -> None:
    busy = textract.workflow["States"]["StartAnalysis"]["Retry"][0]
    waits = sum(wait_before(busy, min(attempt, 100)) for attempt in range(busy["MaxAttempts"]))
    assert busy["JitterStrategy"] == "FULL"
    assert waits / 2 > 4 * 3600


def test_r20_a_pause_of_extract_is_waited_out_before_its_analysis_begins(textract: Synthesized) -> None:
    [paused] = [
        retry
        for retry in textract.workflow["States"]["StartAnalysis"]["Retry"]
        if "TaskPausedError" in retry["ErrorEquals"]
    ]
    assert paused["JitterStrategy"] == "FULL"
    assert waits(paused) / 2 > 0.95 * textract.workflow["TimeoutSeconds"]


def bedrock_statements(**settings: str) -> list[dict[str, Any]]:
    stack = Synthesized.of(build(new_app("prod", **{**BEDROCK, **settings})))
    return [each for each in statements(stack, "AnswerHandler") if each["Action"] == "bedrock:InvokeModel"]


def test_profile_has_rights_on_itself_and_by_way_of_it_on_the_model_in_its_regions() -> None:
    own, behind = bedrock_statements(bedrock_model_id=PROFILE, bedrock_model_regions="us-east-1, us-west-2")
    profile = f"arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>:inference-profile/{PROFILE}"
    assert (own["Resource"], own.get("Condition")) == (profile, None)
    assert behind["Resource"] == [
        f"arn:<AWS::Partition>:bedrock:{region}::foundation-model/example.model-v1:0"
        for region in ("us-east-1", "us-west-2")
    ]
    assert behind["Condition"] == {"StringEquals": {"bedrock:InferenceProfileArn": profile}}


def test_global_profile_has_a_right_on_the_model_without_region_too() -> None:
    _, behind = bedrock_statements(bedrock_model_id="global.example.model-v1:0", bedrock_model_regions="eu-west-1")
    assert behind["Resource"] == [
        "arn:<AWS::Partition>:bedrock:::foundation-model/example.model-v1:0",
        "arn:<AWS::Partition>:bedrock:eu-west-1::foundation-model/example.model-v1:0",
    ]


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:bedrock:eu-west-1::foundation-model/example.model-v1:0",
        "arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/abcdef123456",
    ],
)
def test_arn_of_a_model_is_the_resource_itself(arn: str) -> None:
    [own] = bedrock_statements(bedrock_model_id=arn)
    assert (own["Resource"], own.get("Condition")) == (arn, None)


def test_arn_of_a_profile_is_as_its_id() -> None:
    arn = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{PROFILE}"
    own, behind = bedrock_statements(bedrock_model_id=arn, bedrock_model_regions="us-east-2")
    assert own["Resource"] == arn
    assert behind["Resource"] == "arn:aws:bedrock:us-east-2::foundation-model/example.model-v1:0"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reader": "tesseract"}, "reader 'tesseract' must be pdf or textract"),
        ({"reader": "pypdf"}, 'must be pdf or textract \\("pypdf" is called "pdf" now\\)'),
        ({"unreadable_pages": "skip"}, "unreadable_pages 'skip' must be warn or refuse"),
        ({**TEXTRACT, "unreadable_pages": "refuse"}, 'unreadable_pages "refuse" is for reader "pdf"'),
        ({"answerer": "oracle"}, "answerer 'oracle' must be key_values or bedrock"),
        ({"answerer": "bedrock"}, "needs bedrock_model_id"),
        ({"bedrock_model_id": "example.model"}, 'bedrock_model_id is for answerer "bedrock"'),
        ({"textract_usd_per_thousand_pages": 50}, 'textract_usd_per_thousand_pages is for reader "textract"'),
        ({**TEXTRACT, "textract_usd_per_thousand_pages": -1}, "must be from 0 to 10000, not -1"),
        ({**TEXTRACT, "textract_usd_per_thousand_pages": True}, r"must be float \| None, not True"),
        ({**TEXTRACT, "step_timeout_seconds": 299}, r"step_timeout_seconds \(299\) must be at least 300"),
        # 5 attempts of 300 s and as many waits of 120 s, as many jobs of 7,425 s, and a start of 18,000 s
        ({**TEXTRACT, "alarm_no_progress_minutes": 953}, "alarm_no_progress_minutes must be at least 954, not 953"),
        ({**TEXTRACT, "alarm_oldest_unfinished_minutes": 988}, "alarm_oldest_unfinished_minutes must be at least 989"),
        ({"reader": "textract"}, "alarm_no_progress_minutes must be at least 954, not 60: .* with Textract"),
        ({**BEDROCK, "bedrock_usd_per_million_input_tokens": 1}, "come together"),
        ({**BEDROCK, "bedrock_max_prompt_characters": 10}, "bedrock_max_prompt_characters must be from 1000"),
        (
            {**BEDROCK, "bedrock_model_regions": "us-east-1"},
            "is for inference profiles, and example",
        ),
        ({**BEDROCK, "bedrock_model_id": PROFILE}, "needs bedrock_model_regions.* get-inference-profile"),
        ({**BEDROCK, "bedrock_model_id": PROFILE, "bedrock_model_regions": "*"}, "names of regions are wanted"),
        ({**BEDROCK, "bedrock_model_id": "example.*"}, "is not supported"),
        ({**BEDROCK, "bedrock_model_id": "*"}, "is not supported"),
        (
            {**BEDROCK, "bedrock_model_id": "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1"},
            "is not supported: give a model's id",
        ),
        (
            {**BEDROCK, "bedrock_model_id": "arn:aws:bedrock:eu-west-1::foundation-model/*"},
            "is not supported",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any], message: str) -> None:
    stages = {"prod": {**CONTEXT["stages"]["prod"], **changes}}
    with pytest.raises(SettingsError, match=message):
        Settings.from_context(stages, "prod")


def test_textract_can_be_chosen_however_many_attempts_there_are() -> None:
    longest = {"alarm_no_progress_minutes": 1320, "alarm_oldest_unfinished_minutes": 10_000, "max_attempts": 50}
    stages = {"prod": {**CONTEXT["stages"]["prod"], **TEXTRACT, **longest}}
    assert Settings.from_context(stages, "prod").retries.max_attempts == 50


def test_prices_are_read_from_the_command_line() -> None:
    given = {**BEDROCK, "bedrock_usd_per_million_input_tokens": "1", "bedrock_usd_per_million_output_tokens": "5.5"}
    settings = Settings.from_context(CONTEXT["stages"], "prod", given)
    assert settings.answering.bedrock_usd_per_million_input_tokens == 1
    assert settings.answering.bedrock_usd_per_million_output_tokens == 5.5
