"""Outages and pauses: the workflow waits for both, and neither costs an attempt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from status_tracker.operations.pipeline import Pipeline
from tests.local_cloud.application import SUCCEEDED, Application, different, sample
from tests.local_cloud.support import wait_for

NOWHERE = "http://127.0.0.1:9"  # the port of "discard": nothing listens


@contextmanager
def without_s3(app: Application, function: str) -> Iterator[None]:
    """The function reaches no S3."""
    functions = app.cloud.client("lambda")
    [name] = [
        each["FunctionName"] for each in functions.list_functions()["Functions"] if function in each["FunctionName"]
    ]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    away = {**before, "AWS_ENDPOINT_URL_S3": NOWHERE}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": away})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": before})


def logged(app: Application, function: str, *texts: str) -> list[str]:
    """The lines of the function's log that have all these texts."""
    lines = (line for log in app.cloud.logs.glob(f"*{function}*.log") for line in log.read_text().splitlines())
    return [line for line in lines if all(text in line for text in texts)]


@pytest.fixture(scope="module", autouse=True)
def postponed(app: Application) -> str:
    """A task whose Extract met an outage of S3; it is due while the other tests run."""
    with without_s3(app, "Extract"):
        task_id = app.upload("outage.pdf", different(sample("order-form"), "outage"))

        def look() -> Any:
            task = app.task(task_id)
            return task and task.errors.get("postponed")

        wait_for("a postponement", look)
    return task_id


@pytest.fixture
def pipeline(app: Application) -> Iterator[Pipeline]:
    first = app.extract_task()

    class Answer(first):  # type: ignore[misc]
        config = first.config.next_step()

    pipeline = Pipeline({"Extract": first, "Answer": Answer})
    yield pipeline
    pipeline.resume()


def test_r20_the_workflow_waits_before_a_paused_step_and_goes_on_by_itself(
    app: Application, pipeline: Pipeline
) -> None:
    pipeline.pause("Answer", reason="the model is being replaced", by="operator")
    task_id = app.upload("paused.pdf", different(sample("order-form"), "paused"))
    wait_for("two refusals", lambda: len(logged(app, "Answer", task_id, "Not begun: paused")) >= 2)
    assert app.task(task_id).status == 40
    pipeline.resume("Answer", by="operator")
    task = app.ended(task_id)
    assert (task.status, task.retry, task.errors["history"]) == (SUCCEEDED, 0, [])
    assert app.executions(task_id) == ["SUCCEEDED"]


def test_r20_what_comes_during_a_pause_is_registered_and_not_started(app: Application, pipeline: Pipeline) -> None:
    pipeline.pause(reason="deployment", by="operator")
    task_id = app.upload("later.pdf", different(sample("order-form"), "later"))
    task = wait_for("the task", lambda: app.task(task_id))
    assert task.status == 10
    wait_for("the end of intake", lambda: logged(app, "Intake", task_id, "Upload taken in"))
    assert app.running(task_id) == []


def test_r19_the_workflow_waits_for_a_postponed_task_and_its_success_is_the_first_attempt(
    app: Application, postponed: str
) -> None:
    task = app.ended(postponed)
    assert (task.status, task.retry, task.errors["history"]) == (SUCCEEDED, 0, [])
    assert app.executions(postponed) == ["SUCCEEDED"]
