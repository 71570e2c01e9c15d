"""The functions in this process, on moto's S3, DynamoDB and Step Functions."""

from __future__ import annotations

import importlib
import io
from typing import TYPE_CHECKING

import pytest
from aws_lambda_powertools import Logger, Metrics
from moto import mock_aws

from tests.handlers.support import DOCUMENT_BUCKET, ENVIRONMENT, RESULT_BUCKET, Application, Log, MetricsReader, Time

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def app_without_workflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        names = ("intake", "extract", "answer", "documents.tasks")
        app = Application(*map(importlib.import_module, names))
        for bucket in (DOCUMENT_BUCKET, RESULT_BUCKET):
            app.s3.create_bucket(Bucket=bucket)
        app.tasks.ExtractTask.create_table(wait=True, billing_mode="PAY_PER_REQUEST")
        yield app
        # Powertools keeps one set of metrics a process, and what a refused start has begun stays in it.
        Metrics().clear_metrics()


@pytest.fixture
def app(app_without_workflow: Application) -> Application:
    app_without_workflow.create_workflow()
    return app_without_workflow


@pytest.fixture
def time(app: Application, monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    for step in app.tasks.PIPELINE:
        monkeypatch.setitem(step.task_class.config.__dict__, "clock", time)
    return time


@pytest.fixture
def log(app_without_workflow: Application, monkeypatch: pytest.MonkeyPatch) -> Log:  # noqa: ARG001 - has the settings
    stream = io.StringIO()
    for handler in Logger().handlers:
        monkeypatch.setattr(handler, "stream", stream)
    return Log(stream)


@pytest.fixture
def metrics(capsys: pytest.CaptureFixture[str]) -> MetricsReader:
    return MetricsReader(capsys)
