"""The functions in this process, on moto's S3, DynamoDB and Step Functions."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from aws_lambda_powertools import Logger

from tests.handlers.broom import Broom
from tests.handlers.support import Application, Log, MetricsReader, Time, application

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def app_without_workflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    with application(monkeypatch) as app:
        yield app


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


@pytest.fixture
def broom(app: Application, monkeypatch: pytest.MonkeyPatch) -> Broom:
    return Broom.of(app, monkeypatch)
