"""What wakes somebody up: of each alarm the metric, the window, what is so without data, and what it says to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from app import build
from documents_stack.settings import Settings
from tests.infra import expected
from tests.infra.alarm_table import ALARM, Alarm, Metric, alarms_of, all_alarms_of, table
from tests.infra.synthesis import CONTEXT, Synthesized, new_app, readable

DOCS = Path(__file__).parents[2] / "docs"
STEPS = tuple(expected.STEPS)


def of_step(stage: Synthesized, step: str) -> dict[str, str]:
    return {"service": stage.stack.stack_name, "step": step}


@pytest.fixture
def alarms(stage: Synthesized) -> dict[str, Alarm]:
    return alarms_of(stage)


def with_settings(**settings: object) -> tuple[Settings, dict[str, Alarm]]:
    stages = {"prod": {**CONTEXT["stages"]["prod"], **settings}}
    stack = Synthesized.of(build(new_app("prod", stages=stages)))
    return stack.settings, alarms_of(stack)


def assert_alarm(
    alarm: Alarm, metric: Metric, *, over: float = 0, window: tuple[int, int] = (1, 1), without_data: str = "OK"
) -> None:
    """It goes off when that metric is over that, in so many of so many periods."""
    assert alarm.expression is None
    assert alarm.metric == metric
    assert (alarm.operator, alarm.threshold) == (">", over)
    assert (alarm.breaching, alarm.periods) == window
    assert alarm.without_data == without_data


def test_all_alarms(alarms: dict[str, Alarm]) -> None:
    assert set(alarms) == {
        *(
            f"{name}{step}"
            for name in ("NoProgress", "OldestUnfinished", "Stuck", "Paused", "Ignored")
            for step in STEPS
        ),
        *("DuplicateRuns", *(f"DuplicateRunsIgnored{step}" for step in STEPS)),
        *("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"),
        *(f"{name}Failed" for name in expected.BULK_FOLDERS),
        *("DeadLetters", "OldestMessage"),
        *("TableReadsThrottled", "TableWritesThrottled", "IndexReadsThrottled", "IndexWritesThrottled"),
        *(f"{name}Throttled" for name in ("Intake", *STEPS, "Sweep", "Events")),
        *(
            "SweepNotRunning",
            "IntakeErrors",
            "SweepErrors",
            "EventsErrors",
            "EventsDeadLetters",
            "EventsLate",
            "CountDrift",
            "CountsBehind",
        ),
        *(f"CannotSweep{name}" for name in (*STEPS, "Intake")),
    }


# What every alarm has


def test_every_alarm_is_named_after_its_stage(stage: Synthesized) -> None:
    resources = stage.of_type(ALARM)
    for name in alarms_of(stage):
        properties = resources[f"MonitoringAlarm{name}"]["Properties"]
        assert properties["AlarmName"] == f"{stage.stack.stack_name}-{name}"


def test_every_alarm_is_sent(stage: Synthesized) -> None:
    assert all(alarm.actions == ["<MonitoringAlarms>"] for alarm in all_alarms_of(stage).values())


def headings(document: str) -> set[str]:
    return set(re.findall(r"^#+ (.+)$", (DOCS / document).read_text(), re.MULTILINE))


def test_every_alarm_says_what_to_do_and_names_its_section_of_the_runbook(alarms: dict[str, Alarm]) -> None:
    for alarm in alarms.values():
        assert alarm.section in headings("runbook.md")
        assert len(alarm.description.split(". ")) >= 3  # what it is, what to do, where more stands
        assert len(alarm.description) <= 1024


def test_an_alarm_about_tasks_says_where_they_are_listed(stage: Synthesized, alarms: dict[str, Alarm]) -> None:
    name = f"status-tracker-{stage.settings.stack.stage}"
    address = f"console.aws.amazon.com/cloudwatch/home?region=<AWS::Region>#dashboards/dashboard/{name}"
    for alarm, listed in (
        ("IgnoredExtract", "Extract: ignored"),
        ("StuckAnswer", "Answer: in progress"),
        ("OldestUnfinishedExtract", "Extract: pending"),
        ("NoProgressAnswer", "Answer: pending"),
    ):
        assert f"Tasks: https://<AWS::Region>.{address} (widget Tasks, {listed}). " in alarms[alarm].description


def test_every_section_about_an_alarm_is_named_by_one(alarms: dict[str, Alarm]) -> None:
    runbook = (DOCS / "runbook.md").read_text()
    about_alarms = runbook.split("\n## Alarms\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^### (.+)$", about_alarms, re.MULTILINE)) == {alarm.section for alarm in alarms.values()}


def test_the_table_in_the_docs_is_that_of_the_template(prod: Synthesized) -> None:
    *rows, cost = table(prod)
    docs = (DOCS / "operations.md").read_text()
    assert "\n".join(rows) in docs, "renew it: python -m tests.infra.alarm_table"
    assert f"\n{cost}\n" in docs


def test_the_alarms_of_every_step_are_alike(alarms: dict[str, Alarm]) -> None:
    """The table has those of one."""
    conditions = {
        step: [
            (name.replace(step, ""), alarm.condition, alarm.window) for name, alarm in alarms.items() if step in name
        ]
        for step in STEPS
    }
    assert all(each == conditions[STEPS[0]] for each in conditions.values())


def test_no_alarm_looks_back_further_than_cloudwatch_does() -> None:
    longest = {"alarm_no_progress_minutes": 1320, "alarm_stuck_minutes": 1320}
    for interval in (1, 7, 13, 29, 60):
        _, alarms = with_settings(sweep_interval_minutes=interval, sweep_timeout_seconds=60, **longest)
        for alarm in alarms.values():
            assert alarm.period % 60 == 0
            assert alarm.period * alarm.periods <= (86_400 if alarm.period < 3600 else 7 * 86_400)


# Progress, by what the sweep counts


def evaluate(alarm: Alarm, values: Mapping[str, float | None]) -> bool:
    """Whether a period breaches: the expression, as CloudWatch reads it, of these values; None is no data."""
    functions = {
        "IF": lambda condition, then, otherwise: then if condition else otherwise,
        "FILL": lambda value, filling: filling if value is None else value,
    }
    assert alarm.expression is not None
    result = eval(alarm.expression.replace("AND", "and"), {"__builtins__": {}}, {**functions, **values})  # noqa: S307
    return bool(result > alarm.threshold if alarm.operator == ">" else result < alarm.threshold)


@pytest.mark.parametrize(
    ("unfinished", "finished", "succeeded", "goes_off"),
    [
        (0, 0, 0, False),
        (0, 3, 0, False),
        (1, 0, 0, True),
        (5000, 0, 0, True),
        (5000, 1, 0, False),
        (5000, 0, 1, False),  # the next step took it at once
    ],
)
def test_no_progress_is_work_of_which_nothing_ends(
    alarms: dict[str, Alarm], unfinished: int, finished: int, succeeded: int, goes_off: bool
) -> None:
    values = {"unfinished": unfinished, "finished": finished, "succeeded": succeeded}
    for step in STEPS:
        assert evaluate(alarms[f"NoProgress{step}"], values) is goes_off


def test_no_progress_looks_at_every_sweep_of_its_time(stage: Synthesized, alarms: dict[str, Alarm]) -> None:
    period = 120 * stage.settings.sweep.sweep_interval_minutes
    for step in STEPS:
        alarm = alarms[f"NoProgress{step}"]
        # The least that was unfinished, so that work which came in just now is not asked for; all that was finished.
        assert alarm.metrics == {
            "unfinished": Metric("StatusTracker", "Unfinished", of_step(stage, step), "Minimum", period),
            "finished": Metric("StatusTracker", "FinishedSinceLastSweep", of_step(stage, step), "Sum", period),
            "succeeded": Metric("StatusTracker", "TaskSucceeded", of_step(stage, step), "Sum", period),
        }
        assert alarm.periods == alarm.breaching
        assert alarm.periods * period == 60 * stage.settings.alarms.alarm_no_progress_minutes
        assert alarm.without_data == "INSUFFICIENT_DATA"


def test_oldest_unfinished_and_stuck(stage: Synthesized, alarms: dict[str, Alarm]) -> None:
    period = 120 * stage.settings.sweep.sweep_interval_minutes
    n = 30 * 60 // period
    for step in STEPS:
        assert_alarm(
            alarms[f"OldestUnfinished{step}"],
            Metric("StatusTracker", "OldestUnfinished", of_step(stage, step), "Maximum", period),
            over=240 * 60,
            without_data="INSUFFICIENT_DATA",
        )
        assert_alarm(
            alarms[f"Stuck{step}"],
            Metric("StatusTracker", "Stuck", of_step(stage, step), "Minimum", period),
            window=(n, n),
            without_data="INSUFFICIENT_DATA",
        )


@pytest.mark.parametrize(("sweeps", "goes_off"), [(None, True), (0, True), (1, False), (3, False)])
def test_a_sweep_that_does_not_run_is_told_of(
    stage: Synthesized, alarms: dict[str, Alarm], sweeps: int | None, goes_off: bool
) -> None:
    alarm = alarms["SweepNotRunning"]
    period = 180 * stage.settings.sweep.sweep_interval_minutes
    assert alarm.metric == Metric("StatusTracker", "Unfinished", of_step(stage, "Extract"), "SampleCount", period)
    assert (alarm.periods, alarm.breaching) == (1, 1)
    assert alarm.without_data == "ALARM"
    assert evaluate(alarm, {"sweeps": sweeps}) is goes_off


@pytest.mark.parametrize("step", [*STEPS, "Intake"])
def test_a_sweep_that_cannot_put_something_right_is_told_of(
    stage: Synthesized, alarms: dict[str, Alarm], step: str
) -> None:
    period = 120 * stage.settings.sweep.sweep_interval_minutes
    metric = Metric("StatusTracker", "SweepErrors", of_step(stage, step), "Sum", period)
    assert_alarm(alarms[f"CannotSweep{step}"], metric, window=(2, 3))


def test_a_period_of_two_intervals_has_a_sweep_however_late_it_starts() -> None:
    _, alarms = with_settings(sweep_interval_minutes=7)
    assert {alarms[name].period for name in ("NoProgressExtract", "OldestUnfinishedExtract", "StuckAnswer")} == {840}
    assert (alarms["NoProgressExtract"].periods, alarms["StuckExtract"].periods) == (5, 3)  # 70 and 42 minutes


# Outcomes


def test_ignored_tasks_are_told_of_at_the_first(stage: Synthesized, alarms: dict[str, Alarm]) -> None:
    for step in STEPS:
        metric = Metric("StatusTracker", "TaskIgnored", of_step(stage, step), "Sum", 60)
        assert_alarm(alarms[f"Ignored{step}"], metric, window=(1, 15))


def test_duplicate_runs_are_those_of_tasks_that_had_ended(stage: Synthesized, alarms: dict[str, Alarm]) -> None:
    last = Metric("StatusTracker", "RefusedSucceeded", of_step(stage, STEPS[-1]), "Sum", 900)
    assert_alarm(alarms["DuplicateRuns"], last, over=50)
    for step in STEPS:
        metric = Metric("StatusTracker", "RefusedIgnored", of_step(stage, step), "Sum", 900)
        assert_alarm(alarms[f"DuplicateRunsIgnored{step}"], metric, over=50)


@pytest.mark.parametrize("name", expected.BULK_FOLDERS)
def test_bulk_machines_that_fail_are_told_of(alarms: dict[str, Alarm], name: str) -> None:
    machine = {"StateMachineArn": f"<{name}StateMachine>"}
    alarm = alarms[f"{name}Failed"]
    assert alarm.metrics == {
        key: Metric("AWS/States", f"Executions{end}", machine, "Sum", 60)
        for key, end in (("failed", "Failed"), ("timed_out", "TimedOut"), ("aborted", "Aborted"))
    }
    assert (alarm.expression, alarm.threshold) == ("SUM([failed, timed_out, aborted])", 0)
    assert (alarm.breaching, alarm.periods, alarm.without_data) == (1, 15, "OK")


@pytest.mark.parametrize("end", ["Failed", "TimedOut", "Aborted"])
def test_executions_that_end_badly(alarms: dict[str, Alarm], end: str) -> None:
    machine = {"StateMachineArn": "<WorkflowStateMachine>"}
    metric = Metric("AWS/States", f"Executions{end}", machine, "Sum", 60)
    assert_alarm(alarms[f"Executions{end}"], metric, window=(1, 15))


# Flow


def dead_letter_queues(stack: Synthesized) -> set[str]:
    """Every queue that something else sends to what it could not handle."""
    names: set[str] = set()

    def look(value: object) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if key in {"deadLetterTargetArn", "DeadLetterConfig", "DestinationConfig"}:
                    names.update(re.findall(r"'Fn::GetAtt': \['(\w+)', 'Arn'\]", str(inner)))
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(stack.template["Resources"])
    return names


def test_every_dead_letter_queue_has_an_alarm_on_its_visible_messages(stage: Synthesized) -> None:
    queues = dead_letter_queues(stage)
    assert queues
    watched = {
        alarm.metric.dimensions.get("QueueName")
        for alarm in all_alarms_of(stage).values()
        if alarm.expression is None and alarm.metric.name == "ApproximateNumberOfMessagesVisible"
    }
    assert watched == {f"<{readable(name)}.QueueName>" for name in queues}


def test_dead_letters_and_waiting_messages(alarms: dict[str, Alarm]) -> None:
    dead = {"QueueName": "<DocumentIntakeDeadLetterQueue.QueueName>"}
    assert_alarm(alarms["DeadLetters"], Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", dead, "Maximum", 60))
    waiting = {"QueueName": "<DocumentIntakeQueue.QueueName>"}
    metric = Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", waiting, "Maximum", 60)
    assert_alarm(alarms["OldestMessage"], metric, over=30 * 60)


@pytest.mark.parametrize(
    ("source", "dimensions"),
    [("Table", {}), ("Index", {"GlobalSecondaryIndexName": "status_and_update_time-index"})],
)
@pytest.mark.parametrize("requests", ["Read", "Write"])
def test_throttles_of_the_table(
    alarms: dict[str, Alarm], source: str, dimensions: dict[str, str], requests: str
) -> None:
    watched = {"TableName": "<TasksTable>", **dimensions}
    metric = Metric("AWS/DynamoDB", f"{requests}ThrottleEvents", watched, "Sum", 60)
    assert_alarm(alarms[f"{source}{requests}sThrottled"], metric, window=(5, 15))


FUNCTIONS = {
    "Intake": "<DocumentIntakeFunction>",
    **{step: f"<{function}Function>" for step, function in expected.STEP_FUNCTIONS.items()},
    "Sweep": "<OperationsSweepFunction>",
}


@pytest.mark.parametrize(("name", "function"), FUNCTIONS.items())
def test_throttles_of_the_functions(alarms: dict[str, Alarm], name: str, function: str) -> None:
    metric = Metric("AWS/Lambda", "Throttles", {"FunctionName": function}, "Sum", 60)
    assert_alarm(alarms[f"{name}Throttled"], metric, window=(5, 15))


@pytest.mark.parametrize("name", ["Intake", "Sweep"])
def test_errors_of_a_function_that_is_no_step(alarms: dict[str, Alarm], name: str) -> None:
    metric = Metric("AWS/Lambda", "Errors", {"FunctionName": FUNCTIONS[name]}, "Sum", 300)
    assert_alarm(alarms[f"{name}Errors"], metric, window=(2, 3))


def test_errors_of_a_rare_sweep_are_looked_for_over_a_longer_time() -> None:
    _, alarms = with_settings(sweep_interval_minutes=10)
    assert (alarms["SweepErrors"].metric.period, alarms["IntakeErrors"].metric.period) == (600, 300)


# Settings


def test_thresholds_are_those_of_the_stage() -> None:
    _, alarms = with_settings(
        alarm_no_progress_minutes=120,
        alarm_oldest_unfinished_minutes=90,
        alarm_stuck_minutes=20,
        alarm_queue_age_minutes=45,
        alarm_ignored_tasks=7,
        alarm_duplicate_runs=500,
    )
    assert (alarms["NoProgressAnswer"].periods, alarms["StuckAnswer"].periods) == (12, 2)
    thresholds = {
        "OldestUnfinishedExtract": 90 * 60,
        "OldestMessage": 45 * 60,
        "IgnoredExtract": 7,
        "DuplicateRuns": 500,
        "DuplicateRunsIgnoredAnswer": 500,
    }
    assert {name: alarms[name].threshold for name in thresholds} == thresholds
    assert "in 120 minutes" in alarms["NoProgressAnswer"].description
    assert "over 90 minutes" in alarms["OldestUnfinishedExtract"].description


# The table's stream


def test_a_change_that_could_not_be_told(alarms: dict[str, Alarm]) -> None:
    letters = {"QueueName": "<EventsDeadLetterQueue.QueueName>"}
    metric = Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", letters, "Maximum", 60)
    assert_alarm(alarms["EventsDeadLetters"], metric)


def test_changes_that_wait_too_long(alarms: dict[str, Alarm]) -> None:
    metric = Metric("AWS/Lambda", "IteratorAge", {"FunctionName": "<EventsHandlerFunction>"}, "Maximum", 60)
    assert_alarm(alarms["EventsLate"], metric, over=15 * 60_000)
    _, changed = with_settings(alarm_events_age_minutes=5)
    assert changed["EventsLate"].threshold == 5 * 60_000


def test_a_stream_that_nothing_reads(stage: Synthesized, alarms: dict[str, Alarm]) -> None:
    period = 2 * 60 * stage.settings.sweep.sweep_interval_minutes
    metric = Metric("StatusTracker", "CountsBehind", of_step(stage, "Counts"), "Maximum", period)
    assert_alarm(alarms["CountsBehind"], metric, over=15 * 60)


def test_counts_that_have_drifted_until_they_are_right_again(stage: Synthesized, alarms: dict[str, Alarm]) -> None:
    period = 2 * 60 * stage.settings.sweep.sweep_interval_minutes
    metric = Metric("StatusTracker", "CountDrift", of_step(stage, "Counts"), "Maximum", period)
    assert_alarm(alarms["CountDrift"], metric, without_data="as it was")
