"""What is expected of each function. A new step has one entry in `STEPS`, and needs nothing else in these tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TABLE, QUEUE = "<TasksTable.Arn>", "<DocumentIntakeQueue.Arn>"
DOCUMENTS, RESULTS = "<BucketsDocuments.Arn>", "<BucketsResults.Arn>"
INDEX = f"{TABLE}/index/status_and_update_time-index"
WORKFLOW = "<WorkflowStateMachine>"
EXECUTIONS = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<WorkflowStateMachine.Name>:*"
DEPLOYED = "status_tracker_ops.deployed"
INTAKE, SWEEP, EVENTS = "DocumentIntake", "OperationsSweep", "EventsHandler"
BUS, LETTERS = "<EventsBus>", "<EventsDeadLetterQueue>"
VIEWER, ACTOR, ADMIN = "WidgetViewer", "WidgetActor", "WidgetAdmin"
BULK_FOLDERS = {"Backfill": "backfills/", "BulkRerun": "reruns/", "BulkCancel": "cancellations/"}
"""The bulk machines of every stage, and the folders of their files."""

Rights = set[tuple[str, str]]
"""Actions, each with its resource."""


@dataclass(frozen=True, kw_only=True)
class ExpectedStep:
    """One step of the workflow.

    Attributes:
        handler: the handler of its function.
        variables: what its function is told, beside what all are.
        rights: what its function may do, beside writing its log and traces.
    """

    handler: str
    variables: Mapping[str, str]
    rights: Rights


STEPS: Mapping[str, ExpectedStep] = {
    "Extract": ExpectedStep(
        handler="extract.handler",
        variables={
            "DOCUMENT_BUCKET": "<BucketsDocuments>",
            "RESULT_BUCKET": "<BucketsResults>",
            "MAX_DOCUMENT_BYTES": "52428800",
        },
        rights={
            ("dynamodb:GetItem", TABLE),
            ("dynamodb:UpdateItem", TABLE),
            ("s3:GetObject", f"{DOCUMENTS}/*"),
            ("s3:ListBucket", DOCUMENTS),
            ("s3:PutObject", f"{RESULTS}/*/extracted.json"),
        },
    ),
    "Answer": ExpectedStep(
        handler="answer.handler",
        variables={"RESULT_BUCKET": "<BucketsResults>"},
        rights={
            ("dynamodb:GetItem", TABLE),
            ("dynamodb:UpdateItem", TABLE),
            ("s3:GetObject", f"{RESULTS}/*/extracted.json"),
            ("s3:PutObject", f"{RESULTS}/*/answers.json"),
            ("s3:ListBucket", RESULTS),
        },
    ),
}
WORKERS: Mapping[str, Rights] = {}
"""Each `SqsWorker` by its readable id, with what its function may do beside what all workers may.

Its alarms are in test_sqs_worker.py.
"""
STEP_FUNCTIONS = {name: f"{name}Handler" for name in STEPS}


def own(machine: str) -> str:
    """The files of a bulk machine."""
    return f"{RESULTS}/{BULK_FOLDERS[machine]}*"


STREAM_READING = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")


def _polling(queue: str) -> Rights:
    return {(f"sqs:{action}", queue) for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}


_READING: Rights = {("dynamodb:GetItem", TABLE), ("dynamodb:BatchGetItem", TABLE), ("dynamodb:Query", INDEX)}
RIGHTS: Mapping[str, Rights] = {
    INTAKE: {
        ("dynamodb:GetItem", TABLE),
        ("dynamodb:PutItem", TABLE),
        ("dynamodb:UpdateItem", TABLE),
        ("states:StartExecution", WORKFLOW),
        ("s3:ListBucket", DOCUMENTS),
        *_polling(QUEUE),
    },
    **{STEP_FUNCTIONS[name]: step.rights for name, step in STEPS.items()},
    **{
        f"{worker}Handler": {
            ("dynamodb:GetItem", TABLE),
            ("dynamodb:UpdateItem", TABLE),
            *_polling(f"<{worker}Queue.Arn>"),
            ("sqs:ChangeMessageVisibility", f"<{worker}Queue.Arn>"),
            *more,
        }
        for worker, more in WORKERS.items()
    },
    SWEEP: {
        ("dynamodb:PutItem", TABLE),
        ("dynamodb:GetItem", TABLE),
        ("dynamodb:BatchGetItem", TABLE),
        ("dynamodb:UpdateItem", TABLE),
        ("dynamodb:ConditionCheckItem", TABLE),
        ("dynamodb:DescribeTable", TABLE),
        ("dynamodb:DescribeStream", "<TasksTable.StreamArn>"),
        ("dynamodb:Query", INDEX),
        ("states:StartExecution", WORKFLOW),
        ("states:ListExecutions", WORKFLOW),
        ("states:DescribeExecution", EXECUTIONS),
        ("s3:ListBucket", DOCUMENTS),
    },
    EVENTS: {
        *((f"dynamodb:{action}", "<TasksTable.StreamArn>") for action in STREAM_READING),
        ("dynamodb:GetItem", TABLE),
        ("dynamodb:UpdateItem", TABLE),
        ("events:PutEvents", "<EventsBus.Arn>"),
        ("sqs:SendMessage", "<EventsDeadLetterQueue.Arn>"),
    },
    VIEWER: _READING,
    ACTOR: {*_READING, ("dynamodb:UpdateItem", TABLE), ("states:StartExecution", WORKFLOW)},
    ADMIN: {*_READING, ("dynamodb:UpdateItem", TABLE), ("states:StopExecution", EXECUTIONS)},
    "BackfillPlan": {
        ("s3:ListBucket", DOCUMENTS),
        ("s3:ListBucket", RESULTS),
        ("s3:GetObject", f"{RESULTS}/manifests/*"),
        ("s3:GetObject", own("Backfill")),
        ("s3:PutObject", own("Backfill")),
    },
    "BackfillWork": {
        ("dynamodb:GetItem", TABLE),
        ("dynamodb:PutItem", TABLE),
        ("dynamodb:UpdateItem", TABLE),
        ("states:StartExecution", WORKFLOW),
        ("s3:GetObject", f"{DOCUMENTS}/*"),
        ("s3:ListBucket", DOCUMENTS),
        ("s3:PutObject", own("Backfill")),
    },
    **{
        f"{machine}Plan": {
            ("dynamodb:Query", INDEX),
            ("dynamodb:BatchGetItem", TABLE),
            ("s3:PutObject", own(machine)),
        }
        for machine in ("BulkRerun", "BulkCancel")
    },
    "BulkRerunWork": {
        ("dynamodb:GetItem", TABLE),
        ("dynamodb:UpdateItem", TABLE),
        ("states:StartExecution", WORKFLOW),
        ("s3:PutObject", own("BulkRerun")),
    },
    "BulkCancelWork": {
        ("dynamodb:GetItem", TABLE),
        ("dynamodb:UpdateItem", TABLE),
        ("states:StopExecution", EXECUTIONS),
        ("s3:PutObject", own("BulkCancel")),
    },
    **{
        f"{machine}Report": {
            ("s3:ListBucket", RESULTS),
            ("s3:GetObject", own(machine)),
            ("s3:PutObject", own(machine)),
        }
        for machine in BULK_FOLDERS
    },
}
"""What each function may do, by its readable id without ``Function``, beside writing its log and traces."""
