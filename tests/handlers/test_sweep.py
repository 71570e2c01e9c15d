"""The sweep: what it restarts, what it tells of that, and where it goes on."""

from __future__ import annotations

import importlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws_lambda_powertools import Logger
from botocore.client import BaseClient

from status_tracker.dynamodb.survey import Survey
from status_tracker.operations import pausing
from status_tracker_ops.executions import execution_name
from status_tracker_ops.settings import SweepSettings
from status_tracker_ops.sweep.metrics import SweepReporter
from status_tracker_ops.sweep.run import Sweep
from status_tracker_ops.sweep.state import SweepState
from tests.handlers.broom import Broom, made_but_not_started, told
from tests.handlers.support import ENVIRONMENT, FakeContext

if TYPE_CHECKING:
    from tests.handlers.support import Log, MetricsReader


def test_a_task_that_was_never_started_is_started_after_a_while(broom: Broom, log: Log) -> None:
    task_id = made_but_not_started(broom.app, "lost.pdf")
    broom.sweep()
    assert broom.runs() == []
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == [(task_id, 0)]
    line = log.line("Task restarted")
    assert (line["task_id"], line["step"], line["use_case"]) == (task_id, "Extract", "pdf_processing")
    assert "never started" in line["why"]
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == [(task_id, 0)]


def test_what_runs_is_left_alone_and_what_was_stopped_gets_its_next_run(broom: Broom) -> None:
    running, stopped = (broom.app.register(key, b"content") for key in ("running.pdf", "stopped.pdf"))
    broom.stop(stopped)
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == sorted([(running, 0), (stopped, 0), (stopped, 1)])
    [action] = broom.app.task(stopped).errors["actions"]
    assert (action["action"], action["by"]) == ("restart", "sweep")


def test_a_task_that_waits_for_its_second_step_is_restarted_too(broom: Broom) -> None:
    task_id = broom.app.register("second.pdf", b"content")
    with broom.app.tasks.ExtractTask.start(task_id):
        pass
    broom.stop(task_id)
    broom.sweep()
    assert broom.runs() == [(task_id, 0)]
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == [(task_id, 0), (task_id, 1)]
    assert broom.app.task(task_id).status == 40


def test_a_stuck_and_a_failed_task_are_restarted_when_nothing_drives_them(broom: Broom) -> None:
    stuck, failed = (broom.app.register(key, b"content") for key in ("stuck.pdf", "failed.pdf"))
    broom.app.tasks.ExtractTask.start(stuck, lock_expire_seconds=60).__enter__()
    with pytest.raises(RuntimeError), broom.app.tasks.ExtractTask.start(failed):
        raise RuntimeError("no")
    broom.sweep()
    assert len(broom.runs()) == 2
    for task_id in (stuck, failed):
        broom.stop(task_id)
    broom.wait(seconds=61)
    broom.sweep()
    assert broom.runs() == sorted((task_id, run) for task_id in (stuck, failed) for run in (0, 1))


def test_each_run_restarts_so_many_the_oldest_first_and_the_next_goes_on(broom: Broom) -> None:
    made = [made_but_not_started(broom.app, f"{number}.pdf") for number in range(7)]
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == sorted((task_id, 0) for task_id in made[:5])
    assert broom.state()["cursors"]["Extract"] is not None
    broom.sweep()
    assert len(broom.runs()) == 7
    assert broom.state()["cursors"]["Extract"] is None


def test_two_at_once_start_nothing_twice_even_without_the_lock(broom: Broom) -> None:
    made = [made_but_not_started(broom.app, f"{number}.pdf") for number in range(3)]
    stopped = broom.app.register("stopped.pdf", b"content")
    broom.stop(stopped)
    unknown = broom.app.upload("unknown.pdf", b"content")["detail"]["object"]["etag"]
    broom.wait(minutes=11)
    barrier = threading.Barrier(2)

    def sweep(_: int) -> None:
        reporter = SweepReporter(Logger(), "pdf_processing")
        settings = SweepSettings.from_environment()
        each = Sweep(broom.app.tasks.PIPELINE, settings, reporter, lambda: 0.0, lambda _: None)
        barrier.wait(30)
        each.run(SweepState())

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(sweep, range(2)))
    started = [*((task_id, 0) for task_id in made), (stopped, 0), (stopped, 1), (f"unknown.pdf#{unknown}", 0)]
    assert broom.runs() == sorted(started)
    assert broom.app.task(stopped).run == 1


def test_another_sweep_under_way_is_no_error_and_a_killed_one_is_taken_over(broom: Broom, log: Log) -> None:
    task_id = made_but_not_started(broom.app, "lost.pdf")
    broom.wait(minutes=5)
    broom.sweep_task.make_and_save("documents")
    broom.sweep_task.start("documents", lock_expire_seconds=60).__enter__()
    broom.sweep()
    assert "Another sweep is under way" in log.line("Another sweep")["message"]
    assert broom.runs() == []
    broom.wait(seconds=61)
    broom.sweep()
    assert broom.runs() == [(task_id, 0)]


@pytest.mark.parametrize("data", [{}, {"cursors": 7}, {"cursors": {"Extract": "rubbish"}, "listed_to": None}, None])
def test_a_state_that_cannot_be_read_begins_anew(broom: Broom, data: dict[str, Any] | None) -> None:
    task_id = made_but_not_started(broom.app, "lost.pdf")
    fresh = SweepState().to_data()
    broom.sweep_task.make_and_save("documents", {**fresh, "cursors": {"Extract": "x"}} if data is None else data)
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == [(task_id, 0)]


def test_one_execution_that_cannot_be_started_does_not_stop_the_others(
    broom: Broom, log: Log, metrics: MetricsReader
) -> None:
    made = [made_but_not_started(broom.app, f"{number}.pdf") for number in range(2)]
    broom.wait(minutes=5)
    client = importlib.import_module("status_tracker_ops.clients").step_functions_client()
    start = client.start_execution

    def throttled(**execution: Any) -> Any:
        if execution["name"] == execution_name(made[0], 0):
            told = {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}
            raise client.exceptions.ClientError(told, "StartExecution")
        return start(**execution)

    broom.monkeypatch.setattr(client, "start_execution", throttled)
    broom.sweep()
    assert broom.runs() == [(made[1], 0)]
    line = log.line("Task not restarted")
    assert (line["level"], line["task_id"]) == ("ERROR", made[0])
    assert "Rate exceeded" in line["why"]
    assert told(metrics)["Extract/SweepErrors"] == 1


def damage(broom: Broom, task_id: str, name: str) -> None:
    """Break an attribute of the item as somebody may who edits it by hand."""
    boto3.client("dynamodb").update_item(
        TableName=ENVIRONMENT["TASK_TABLE_NAME"],
        Key={"key": {"S": broom.app.tasks.ExtractTask.make_key(task_id)}},
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": {"S": "no json"}},
    )


@pytest.mark.parametrize("attribute", ["data", "retry"])  # the index has it not, and has it
def test_an_item_that_cannot_be_read_is_told_and_stops_nothing(
    broom: Broom, log: Log, metrics: MetricsReader, attribute: str
) -> None:
    made = [made_but_not_started(broom.app, f"{number}.pdf") for number in range(3)]
    answer = broom.app.register("second.pdf", b"content")
    with broom.app.tasks.ExtractTask.start(answer):
        pass
    broom.stop(answer)
    damage(broom, made[0], attribute)
    broom.wait(minutes=5)
    metrics.records()
    broom.sweep()
    assert broom.runs() == sorted([(made[1], 0), (made[2], 0), (answer, 0), (answer, 1)])
    line = log.line("Task not restarted")
    assert (line["task_id"], line["step"]) == (made[0], "Extract")
    assert f"The item 'pdf_processing____{made[0]}' cannot be read" in line["why"]
    figures = told(metrics)
    assert (figures["Extract/SweepErrors"], figures["Answer/SweepErrors"], figures["Extract/Unfinished"]) == (1, 0, 3)
    assert figures["Sweep/TaskSucceeded"] == 1


def surveyed(step: Any, query: Any, stop: Any) -> Survey[Any]:
    """A survey of the step whose candidates go through `query`."""
    survey = Survey(step, stop)
    found = survey.query_unattended
    survey.query_unattended = lambda **chosen: query(found(**chosen))  # type: ignore[method-assign]
    return survey


def test_a_listing_that_breaks_off_loses_neither_what_was_done_nor_the_other_steps(
    broom: Broom, log: Log, metrics: MetricsReader
) -> None:
    made = [made_but_not_started(broom.app, f"{number}.pdf") for number in range(3)]
    broom.wait(minutes=5)
    extract, answer = broom.app.tasks.ExtractTask, broom.app.tasks.AnswerTask

    class Breaking:
        def __init__(self, found: Any) -> None:
            self.found, self.left = found, 2

        cursor = property(lambda self: self.found.cursor)

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            self.left -= 1
            if self.left < 0:
                raise ValueError("what DynamoDB answers is no JSON")
            return next(self.found)

    with broom.monkeypatch.context() as patch:
        for step, query in ((extract, Breaking), (answer, lambda _: 1 / 0)):
            patch.setattr(step, "survey", partial(surveyed, step, query))
        with pytest.raises(ExceptionGroup) as raised:
            broom.sweep()
    assert [type(error) for error in raised.value.exceptions] == [ValueError, ZeroDivisionError]
    failures = [line["message"] for line in log.lines() if line["message"].endswith("failed")]
    assert failures == ["Restarting Extract failed", "Restarting Answer failed"]
    assert broom.runs() == sorted((task_id, 0) for task_id in made[:2])
    restarted = [line["task_id"] for line in log.lines() if line["message"] == "Task restarted"]
    assert sorted(restarted) == sorted(made[:2])
    figures = told(metrics)
    assert (figures["Extract/Restarted"], figures["Extract/SweepErrors"]) == (2, 1)
    assert "Answer/SweepErrors" not in figures
    assert (figures["Extract/Unfinished"], figures["Answer/Unfinished"]) == (3, 0)
    assert figures["Sweep/TaskFailed"] == 1
    assert broom.state()["cursors"]["Extract"] is not None
    broom.sweep()
    assert broom.runs() == sorted((task_id, 0) for task_id in made)


def test_it_stops_before_its_time_is_up_and_the_next_goes_on(broom: Broom) -> None:
    made = [made_but_not_started(broom.app, f"{number}.pdf") for number in range(3)]
    broom.wait(minutes=5)

    class Hurried(FakeContext):
        asked = 0

        def get_remaining_time_in_millis(self) -> int:
            type(self).asked += 1
            return 60_000 if self.asked <= 4 else 1_000

    broom.sweep(Hurried())
    assert broom.runs() == [(made[0], 0)]
    broom.sweep()
    assert broom.runs() == sorted((task_id, 0) for task_id in made)


def test_the_tasks_of_the_sweep_are_not_among_the_documents(broom: Broom) -> None:
    task_id = broom.app.register("invoice.pdf", b"content")
    broom.sweep()
    step = broom.app.tasks.ExtractTask
    assert step.count_tasks_by_use_case_id() == 1
    assert [task.task_id for task in step.query_by_status([10, 20, 30, 40, 50])] == [task_id]
    assert step.delete_tasks_by_use_case_id() == 1
    assert broom.state()["cursors"] == {each.name: None for each in broom.app.tasks.PIPELINE}


@pytest.mark.parametrize(
    ("broken", "told_all_the_same"),
    [
        ("executions.running_executions", ["Extract/Unfinished", "Intake/Registered", "Extract/ignored/Tasks"]),
        ("sweep.run.count_unfinished", ["Extract/Restarted", "Intake/Registered"]),
        ("sweep.run.reconcile", ["Extract/Restarted", "Extract/Unfinished", "Extract/ignored/Tasks"]),
    ],
)
def test_a_stage_that_fails_is_told_and_keeps_none_from_its_turn(
    broom: Broom, log: Log, metrics: MetricsReader, broken: str, told_all_the_same: list[str]
) -> None:
    task_id = made_but_not_started(broom.app, "lost.pdf")
    broom.wait(minutes=5)
    with broom.monkeypatch.context() as patch:
        patch.setattr(f"status_tracker_ops.{broken}", lambda *_, **__: 1 / 0)
        with pytest.raises(ExceptionGroup):
            broom.sweep()
    figures = told(metrics)
    assert figures["Sweep/TaskFailed"] == 1
    assert set(told_all_the_same) <= set(figures)
    failures = [line for line in log.lines() if line["message"].endswith("failed")]
    assert failures
    assert all("ZeroDivisionError" in failure["exception"] for failure in failures)
    broom.sweep()
    assert told(metrics)["Sweep/TaskSucceeded"] == 1
    assert broom.runs() == [(task_id, 0)]


def test_executions_that_run_are_asked_for_all_at_once(broom: Broom) -> None:
    """So that many tasks in the queue behind the concurrency hide nothing behind them for long."""
    broom.monkeypatch.setenv("SWEEP_MAX_EXAMINED", "100")
    running = [broom.app.register(f"{number}.pdf", b"content") for number in range(30)]
    lost = made_but_not_started(broom.app, "lost.pdf")
    broom.wait(minutes=5)
    client = importlib.import_module("status_tracker_ops.clients").step_functions_client()
    asked = []
    describe = client.describe_execution

    def noted(executionArn: str) -> Any:  # noqa: N803  # boto3's name
        asked.append(executionArn)
        return describe(executionArn=executionArn)

    broom.monkeypatch.setattr(client, "describe_execution", noted)
    broom.sweep()
    assert asked == []
    assert broom.runs() == sorted((task_id, 0) for task_id in [*running, lost])


def test_many_that_run_are_passed_by_within_a_bounded_number_of_sweeps(broom: Broom) -> None:
    running = [broom.app.register(f"{number}.pdf", b"content") for number in range(25)]
    lost = made_but_not_started(broom.app, "lost.pdf")
    broom.wait(minutes=5)
    for _ in range(2):
        broom.sweep()
        assert len(broom.runs()) == len(running)
    broom.sweep()
    assert (lost, 0) in broom.runs()


def test_what_a_sweep_of_nothing_costs_in_requests(broom: Broom) -> None:
    """What docs/scale.md says of it."""
    broom.sweep()
    broom.wait(minutes=5)
    sent = Counter[str]()
    send = BaseClient._make_api_call

    def counted(client: Any, operation: str, arguments: Any) -> Any:
        sent[operation] += 1
        return send(client, operation, arguments)

    broom.monkeypatch.setattr(pausing, "ASKED_AGAIN_SECONDS", 3600)  # however slow the machine
    broom.app.tasks.PIPELINE.pause(reason="test")
    broom.app.tasks.PIPELINE.resume()
    broom.monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    broom.sweep()
    assert sent == {
        "GetItem": 1,
        "BatchGetItem": 1,
        "Query": 55 + 60 * (len(broom.app.tasks.PIPELINE.steps) - 1),
        "PutItem": 1,
        "UpdateItem": 4,
        "ListExecutions": 1,
        "ListObjectsV2": 1,
    }
