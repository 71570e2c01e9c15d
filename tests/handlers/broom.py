"""Drives the sweep's function, on an application that is older than it looks."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import status_tracker as st
from status_tracker_ops.executions import execution_name
from status_tracker_ops.sweep.state import sweep_task
from tests.handlers.support import DOCUMENT_BUCKET, ENVIRONMENT, SWEEP_SETTINGS, FakeContext

if TYPE_CHECKING:
    from types import ModuleType

    from tests.handlers.support import Application, MetricsReader


ARN = ENVIRONMENT["WORKFLOW_ARN"]


@dataclass
class Broom:
    """The function, and an application that is older than it looks."""

    app: Application
    module: ModuleType
    sweep_task: type[st.BaseTask]
    monkeypatch: pytest.MonkeyPatch
    later: timedelta = field(default_factory=timedelta)

    @classmethod
    def of(cls, app: Application, monkeypatch: pytest.MonkeyPatch) -> Broom:
        """The sweep of `app`, until `monkeypatch` takes its settings back."""
        for name, value in SWEEP_SETTINGS.items():
            monkeypatch.setenv(name, value)
        broom = cls(
            app,
            importlib.import_module("status_tracker_ops.deployed.sweep"),
            sweep_task(app.tasks.PIPELINE),
            monkeypatch,
        )
        for config in (*(step.task_class.config for step in app.tasks.PIPELINE), broom.sweep_task.config):
            monkeypatch.setitem(config.__dict__, "clock", broom.now)
        monkeypatch.setattr("status_tracker_ops.sweep.run.get_utc_now", broom.now)
        return broom

    def wait(self, **duration: float) -> None:
        """Let time pass, for the tasks and for the sweep."""
        self.later += timedelta(**duration)

    def now(self) -> datetime:
        return datetime.now().astimezone() + self.later

    def sweep(self, context: FakeContext | None = None) -> None:
        self.module.handler({}, context or FakeContext())

    def state(self) -> dict[str, Any]:
        task = self.sweep_task.get_one_or_none("documents")
        assert task is not None
        return task.data

    def runs(self) -> list[tuple[str, int]]:
        """The executions that were started, by task and run."""
        started = [json.loads(each["input"]) for each in self.app.executions()]
        return sorted((each["task_id"], each["run"]) for each in started)

    def last(self) -> tuple[str, Any]:
        """The last step: its name, and its class."""
        step = self.app.tasks.PIPELINE.steps[-1]
        return step.name, step.task_class

    def stop(self, task_id: str, run: int = 0) -> None:
        arn = f"{ARN.replace(':stateMachine:', ':execution:')}:{execution_name(task_id, run)}"
        self.app.step_functions.stop_execution(executionArn=arn)


def made_but_not_started(app: Application, key: str) -> str:
    etag = app.upload(key, b"content")["detail"]["object"]["etag"]
    app.tasks.ExtractTask.make_and_save(
        f"{key}#{etag}", {"bucket": DOCUMENT_BUCKET, "key": key, "etag": etag, "size": 7}
    )
    return f"{key}#{etag}"


def told(metrics: MetricsReader) -> dict[str, float]:
    """The metrics as ``step/name`` or ``step/status/name``; their dimensions are those agreed upon."""
    values = {}
    for record in metrics.records():
        if "ColdStart" in record:
            continue
        [declared] = record["_aws"]["CloudWatchMetrics"]
        assert declared["Namespace"] == "StatusTracker"
        assert record["service"] == "pdf_processing"
        [dimensions] = declared["Dimensions"]
        names = [metric["Name"] for metric in declared["Metrics"]]
        assert set(dimensions) == {"service", "step", *(["status"] if names == ["Tasks"] else [])}
        for name in names:
            key = "/".join([record["step"], *([record["status"]] if "status" in record else []), name])
            assert key not in values
            values[key] = sum(record[name])
    return values


def fail(step: Any, task_id: str) -> None:
    with pytest.raises(OSError, match="no"), step.start(task_id):
        raise OSError("no")
