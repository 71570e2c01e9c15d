"""The deployed application, as its tests drive it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import status_tracker as st
from demo.tracking import STACK
from status_tracker_local.cloud import LocalCloud
from tests.infra import expected
from tests.local_cloud.support import wait_for

SAMPLES = Path(__file__).parents[2] / "samples" / "documents"
_FIRST, *_NEXT = expected.STEPS
STEPS = {_FIRST: (10, 20, 30, 40, 50)} | {
    name: (base - 10, base + 20, base + 30, base + 40, base + 50)
    for name, base in zip(_NEXT, count(50, 50), strict=False)
}
"""The codes of each step, as `next_step` gives them: pending, in_progress, failed, succeeded, ignored."""
LAST = list(STEPS)[-1]
IN_PROGRESS, IGNORED = (tuple(codes[place] for codes in STEPS.values()) for place in (1, 4))
SUCCEEDED = STEPS[LAST][3]


class Application:
    """The deployed application: uploads documents and looks at their tasks, by key, through the library."""

    def __init__(self, cloud: LocalCloud, stack: str = STACK) -> None:
        self.cloud = cloud
        self.stack = stack
        self.outputs = cloud.outputs[stack]
        self.s3 = cloud.client("s3")
        self.sqs = cloud.client("sqs")
        self.states = cloud.client("stepfunctions")

        class Task(st.BaseTask):
            class Meta:
                table_name = cloud.outputs[stack]["TaskTableName"]
                host = cloud.environment["AWS_ENDPOINT_URL"]
                region = cloud.environment["AWS_REGION"]
                aws_access_key_id = cloud.environment["AWS_ACCESS_KEY_ID"]
                aws_secret_access_key = cloud.environment["AWS_SECRET_ACCESS_KEY"]

            status_and_update_time_index = st.StatusAndUpdateTimeIndex()
            config = st.TrackerConfig.make(
                use_case_id="pdf_processing",
                pending_status=10,
                in_progress_status=20,
                failed_status=30,
                succeeded_status=40,
                ignored_status=50,
                n_pending_shard=5,
                n_in_progress_shard=5,
                n_failed_shard=5,
                n_succeeded_shard=10,
                n_ignored_shard=5,
            )

        self._task = Task

    def upload(self, key: str, body: bytes) -> str:
        """Put an object; returns the id of its task."""
        etag = self.s3.put_object(Bucket=self.outputs["DocumentBucketName"], Key=key, Body=body)["ETag"].strip('"')
        return f"{key}#{etag}"

    def upload_and_delete(self, key: str, body: bytes) -> str:
        """Put an object and delete it before anything is told of it; returns the id of its task."""
        with self.untold():
            task_id = self.upload(key, body)
            self.s3.delete_object(Bucket=self.outputs["DocumentBucketName"], Key=key)
        self.sqs.send_message(QueueUrl=self.outputs["IntakeQueueUrl"], MessageBody=self.event_of(task_id, len(body)))
        return task_id

    def event_of(self, task_id: str, size: int) -> str:
        """What the intake's queue gets when the task's object is put."""
        key, _, etag = task_id.rpartition("#")
        uploaded = {"key": key, "etag": etag, "size": size}
        detail = {"bucket": {"name": self.outputs["DocumentBucketName"]}, "object": uploaded}
        return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})

    @contextmanager
    def untold(self) -> Iterator[None]:
        """No event tells of what is uploaded meanwhile. The sweep finds it all the same, unless it is `unswept`."""
        bucket = self.outputs["DocumentBucketName"]
        self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        try:
            yield
        finally:
            told: Any = {"EventBridgeConfiguration": {}}
            self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told)

    @contextmanager
    def unswept(self) -> Iterator[None]:
        """The sweep does not run by its schedule, and one that had begun has ended."""
        scheduler = self.cloud.client("scheduler")
        [listed] = [each for each in scheduler.list_schedules()["Schedules"] if self.sweep in each["Target"]["Arn"]]
        schedule = scheduler.get_schedule(Name=listed["Name"], GroupName=listed["GroupName"])
        kept = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
        settings = {name: schedule[name] for name in kept}
        scheduler.update_schedule(**settings, State="DISABLED")
        try:
            wait_for("the end of a sweep that had begun", self._no_sweep_runs)
            yield
        finally:
            scheduler.update_schedule(**settings, State="ENABLED")

    @property
    def sweep(self) -> str:
        """The name of the sweep's function."""
        names = [each["FunctionName"] for each in self.cloud.client("lambda").list_functions()["Functions"]]
        [found] = [name for name in names if name.startswith(f"{self.stack}-") and "Sweep" in name]
        return str(found)

    def _no_sweep_runs(self) -> bool:
        log = self.cloud.logs / f"{self.sweep}.log"
        lines = log.read_text() if log.exists() else ""
        return lines.count(" START RequestId: ") == lines.count(" REPORT RequestId: ")

    def task(self, task_id: str) -> Any:
        return self._task.get_one_or_none(task_id, consistent_read=True)

    def extract_task(self) -> Any:
        """The class of the first step."""
        return self._task

    def running(self, task_id: str) -> list[str]:
        """The ARNs of the task's executions that are running."""
        listed = self.states.list_executions(stateMachineArn=self.outputs["WorkflowArn"], statusFilter="RUNNING")
        described = [self.states.describe_execution(executionArn=e["executionArn"]) for e in listed["executions"]]
        return [each["executionArn"] for each in described if json.loads(each["input"])["task_id"] == task_id]

    def in_progress(self, task_id: str) -> Any:
        task = self.task(task_id)
        return task if task and task.status in IN_PROGRESS else None

    def ended(self, task_id: str) -> Any:
        """The task, when it has ended."""

        def look() -> Any:
            task = self.task(task_id)
            return task if task and task.status in (SUCCEEDED, *IGNORED) else None

        return wait_for(f"the end of {task_id}", look)

    def executions(self, task_id: str) -> list[str]:
        """The statuses of the executions of a task, when all have ended."""

        def look() -> list[str] | None:
            listed = self.states.list_executions(stateMachineArn=self.outputs["WorkflowArn"])["executions"]
            described = [self.states.describe_execution(executionArn=each["executionArn"]) for each in listed]
            mine = [each["status"] for each in described if json.loads(each["input"])["task_id"] == task_id]
            return mine if mine and "RUNNING" not in mine else None

        return wait_for(f"executions of {task_id}", look)

    def answers(self, task_id: str) -> dict[str, str]:
        bucket, _, key = self.task(task_id).data["answered"]["result"].removeprefix("s3://").partition("/")
        result = json.load(self.s3.get_object(Bucket=bucket, Key=key)["Body"])
        return {each["id"]: each["answer"] for each in result["answers"] if each["answer"]}

    def extract_processes(self) -> list[int]:
        return [pid for name, pids in self.cloud.processes().items() if "Extract" in name for pid in pids]


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.pdf").read_bytes()


def different(body: bytes, mark: str) -> bytes:
    """The same PDF with other bytes: what follows its end is a comment to a reader."""
    return body + f"%{mark}\n".encode()
