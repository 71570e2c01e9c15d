"""Two steps and their tasks, on no table at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import status_tracker as st
from status_tracker.operations.pipeline import Pipeline
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.links import Links

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
VIEWER = "arn:aws:lambda:eu-central-1:123456789012:function:viewer"
ACTOR = "arn:aws:lambda:eu-central-1:123456789012:function:actor"
ADMIN = "arn:aws:lambda:eu-central-1:123456789012:function:admin"


def config(*codes: int) -> st.TrackerConfig:
    names = ("pending", "in_progress", "failed", "succeeded", "ignored")
    statuses = {f"{name}_status": code for name, code in zip(names, codes, strict=True)}
    return st.TrackerConfig.make(use_case_id="pdf_processing", clock=lambda: NOON, **statuses)  # type: ignore[arg-type]


class ExtractTask(st.BaseTask):
    class Meta:
        table_name = "none"
        region = "eu-central-1"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = config(10, 20, 30, 40, 50)


class AnswerTask(ExtractTask):
    config = ExtractTask.config.next_step()


PIPELINE = Pipeline({"Extract": ExtractTask, "Answer": AnswerTask})
FLOW = "arn:aws:states:eu-central-1:123456789012:stateMachine:flow"
LINKS = Links("arn:aws:lambda:eu-central-1:123456789012:function:viewer", ("/aws/extract", "answer"), FLOW)
WIDGET = DeployedWidget(
    pipeline=PIPELINE, viewer_arn=VIEWER, actor_arn=ACTOR, admin_arn=ADMIN, links=LINKS, deletes=True
)


def task(task_id: str = "invoice.pdf#1", status: int = 10, **attributes: Any) -> st.BaseTask:
    """A task as the views get it, changed an hour ago and made two hours ago."""
    model: type[st.BaseTask] = PIPELINE.step_at(status).task_class
    times = {"create_time": NOON - timedelta(hours=2), "update_time": NOON - timedelta(hours=1)}
    return model.make(task_id, _status=status, **{**times, **attributes})
