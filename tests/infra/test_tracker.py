"""`Tracker` in an application of somebody else: what it makes, what is off, and that nothing meets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, NestedStack, Stack, assertions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.aws_s3_notifications import SqsDestination
from constructs import Construct

from status_tracker_cdk import (
    AlarmProps,
    DataProps,
    Deletion,
    Dispatch,
    LogProps,
    PropsError,
    SweepProps,
    TrackedStep,
    Tracker,
)
from tests.infra.own_app import (
    LETTERS,
    PIPELINE,
    THREE,
    app_without_context,
    own_stacks,
    tracker_in,
    with_steps,
    write_code,
)
from tests.infra.synthesis import Synthesized
from tests.infra.test_functions import rights
from tests.infra.test_stack import acknowledgements

ORDERS, RETURNS = "Shop-prod-Orders", "Shop-prod-Returns"
NAMES = {
    "AWS::Lambda::Function": "FunctionName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::QueryDefinition": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::Lambda::LayerVersion": "LayerName",
}
"""The property by which a resource has a name that is chosen."""
TEXTS = ("Description", "AlarmDescription", "DashboardBody")
"""The properties that are read by people."""


@pytest.fixture(scope="session")
def shop() -> Synthesized:
    """Two trackers on one table."""
    return own_stacks()["Shop-prod"]


@pytest.fixture(scope="session")
def bare() -> Synthesized:
    """A tracker with nothing that is optional."""
    return own_stacks()["Bare"]


@pytest.fixture(scope="session")
def parts() -> Synthesized:
    """Parts without a tracker."""
    return own_stacks()["Parts"]


@pytest.fixture
def stack() -> Stack:
    return Stack(app_without_context(), "Wrong")


def names_of(stack: Synthesized) -> Iterator[tuple[str, str]]:
    """The type and the chosen name of each resource that has one, with CloudFormation's part of it put in."""
    for kind, name in NAMES.items():
        for resource in stack.of_type(kind).values():
            if name in resource["Properties"]:
                yield kind, str(resource["Properties"][name]).replace("<AWS::StackName>", stack.stack.stack_name)


def variables_of(stack: Synthesized, function: str) -> dict[str, str]:
    variables: dict[str, str] = stack.properties("AWS::Lambda::Function", function)["Environment"]["Variables"]
    return variables


def test_no_two_things_in_an_account_have_the_same_name() -> None:
    names = [each for name in ("Shop-prod", "Shop-test") for each in names_of(own_stacks()[name])]
    assert len({kind for kind, _ in names}) >= 5
    assert sorted(names) == sorted(set(names))
    named = {name.removeprefix("/aws/vendedlogs/states/") for _, name in names}
    assert all(name.startswith(("Shop-prod-", "Shop-test-")) for name in named)


def test_metrics_of_two_trackers_do_not_mix(shop: Synthesized) -> None:
    for tracker, service, use_case in (("Orders", ORDERS, "Orders"), ("Returns", RETURNS, "Returns")):
        variables = variables_of(shop, f"{tracker}OperationsSweep")
        assert (variables["POWERTOOLS_SERVICE_NAME"], variables["USE_CASE_ID"]) == (service, use_case)
        assert variables["STATUS_TRACKER_TASK"] == PIPELINE
        assert variables["TASK_TABLE_NAME"] == "<OrdersTasksTable>"
        dashboard = json.loads(shop.properties("AWS::CloudWatch::Dashboard", tracker)["DashboardBody"])
        metrics = [metric for each in dashboard["widgets"] for metric in each["properties"].get("metrics", ())]
        ours = [metric for metric in metrics if metric[0] == "StatusTracker"]
        assert ours
        assert {metric[metric.index("service") + 1] for metric in ours} == {service}


def test_a_tracker_of_the_default_id_adds_nothing_to_names(bare: Synthesized) -> None:
    assert variables_of(bare, "InvoiceHandler")["POWERTOOLS_SERVICE_NAME"] == "Bare"
    assert set(bare.outputs) == {"TaskTableName", "InvoiceQueueUrl", "InvoiceDeadLetterQueueUrl"}
    assert "TasksTable" in bare.of_type("AWS::DynamoDB::Table")


def test_data_is_protected_unless_said_otherwise(shop: Synthesized, bare: Synthesized) -> None:
    [table], [unprotected] = (stack.of_type("AWS::DynamoDB::Table").values() for stack in (shop, bare))
    assert (table["DeletionPolicy"], table["Properties"]["DeletionProtectionEnabled"]) == ("Retain", True)
    assert (unprotected["DeletionPolicy"], unprotected["Properties"]["DeletionProtectionEnabled"]) == ("Delete", False)
    assert {group["DeletionPolicy"] for group in shop.of_type("AWS::Logs::LogGroup").values()} <= {
        "Retain",
        "RetainExceptOnCreate",
    }
    for each in (table, unprotected):
        assert each["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_a_stream_is_switched_on_where_it_is_wanted(shop: Synthesized, bare: Synthesized) -> None:
    table, without = (stack.properties("AWS::DynamoDB::Table") for stack in (shop, bare))
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert "StreamSpecification" not in without


def test_what_is_off_leaves_nothing_behind(bare: Synthesized) -> None:
    kinds = {resource["Type"] for resource in bare.template["Resources"].values()}
    assert kinds == {
        "AWS::DynamoDB::Table",
        "AWS::Lambda::LayerVersion",
        "AWS::Logs::LogGroup",
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Lambda::EventSourceMapping",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
    }
    assert "WORKFLOW_ARN" not in variables_of(bare, "InvoiceHandler")


# What each function is told, and may do


_TABLE, _INDEX = "<OrdersTasksTable.Arn>", "<OrdersTasksTable.Arn>/index/status_and_update_time-index"


def expected_rights(tracker: str) -> dict[str, set[tuple[str, str]]]:
    """What each function may do beside its log and traces."""
    workflow, queue = f"<{tracker}WorkflowStateMachine>", f"<{tracker}MailQueue.Arn>"
    executions = f"arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<{workflow[1:-1]}.Name>:*"
    polling = {(f"sqs:{action}", queue) for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}
    work = {("dynamodb:GetItem", _TABLE), ("dynamodb:UpdateItem", _TABLE)}
    starting = {("states:StartExecution", workflow), ("sqs:SendMessage", queue)}
    reading = {("dynamodb:GetItem", _TABLE), ("dynamodb:BatchGetItem", _TABLE), ("dynamodb:Query", _INDEX)}
    return {
        "InvoiceHandler": work | {("sqs:SendMessage", queue)},
        "MailHandler": work | polling | {("sqs:ChangeMessageVisibility", queue)},
        "OperationsSweep": work
        | reading
        | starting
        | {
            ("dynamodb:PutItem", _TABLE),
            ("dynamodb:ConditionCheckItem", _TABLE),
            ("dynamodb:DescribeTable", _TABLE),
            ("dynamodb:DescribeStream", "<OrdersTasksTable.StreamArn>"),
            ("states:ListExecutions", workflow),
            ("states:DescribeExecution", executions),
            ("sqs:GetQueueAttributes", queue),
        },
        "WidgetViewer": reading,
        "WidgetActor": reading | starting | {("dynamodb:UpdateItem", _TABLE)},
        "WidgetAdmin": reading | {("dynamodb:UpdateItem", _TABLE), ("states:StopExecution", executions)},
    }


@pytest.mark.parametrize("owner", expected_rights("Orders"))
@pytest.mark.parametrize("tracker", ["Orders", "Returns"])
def test_function_may_do_this_and_nothing_else(shop: Synthesized, tracker: str, owner: str) -> None:
    found = {each for each in rights(shop, f"{tracker}{owner}") if each[0].partition(":")[0] not in {"logs", "xray"}}
    on_uploads = {("s3:ListBucket", "<Bucket.Arn>")} if (tracker, owner) == ("Returns", "OperationsSweep") else set()
    assert found == expected_rights(tracker)[owner] | on_uploads


def test_intake_starts_the_first_step_only(shop: Synthesized) -> None:
    found = {each for each in rights(shop, "ReturnsIntake") if each[0].startswith(("states:", "sqs:Send"))}
    assert found == {("states:StartExecution", "<ReturnsWorkflowStateMachine>")}
    assert "QUEUE_URL" not in variables_of(shop, "ReturnsIntake")


def test_the_bucket_of_uploads_sends_its_events(shop: Synthesized) -> None:
    [bucket] = [each for name, each in shop.of_type("AWS::S3::Bucket").items() if name == "Bucket"]
    events = bucket["Properties"]["NotificationConfiguration"]["EventBridgeConfiguration"]
    assert events == {"EventBridgeEnabled": True}
    assert variables_of(shop, "ReturnsOperationsSweep")["BUCKET"] == "<Bucket>"
    assert "BUCKET" not in variables_of(shop, "OrdersOperationsSweep")


@pytest.mark.parametrize("when", ["before", "after", "when complete"])
def test_a_bucket_with_handlers_of_its_own_sends_its_events(stack: Stack, when: str) -> None:
    bucket = s3.Bucket(stack, "Uploads")
    tracker = with_steps(tracker_in(stack))

    def upload() -> None:
        tracker.on_upload(bucket)
        if when == "when complete":
            tracker.complete()

    def notify() -> None:
        bucket.add_event_notification(s3.EventType.OBJECT_REMOVED, SqsDestination(sqs.Queue(stack, "Removed")))

    for act in (notify, upload) if when == "before" else (upload, notify):
        act()
    template = assertions.Template.from_stack(stack).to_json()["Resources"].values()
    [notified] = [each["Properties"] for each in template if each["Type"] == "Custom::S3BucketNotifications"]
    assert notified["NotificationConfiguration"]["EventBridgeConfiguration"] == {}
    assert notified["NotificationConfiguration"]["QueueConfigurations"]


@pytest.mark.parametrize("function", ["InvoiceHandler", "OperationsSweep", "WidgetActor", "BulkRerunWork"])
def test_whoever_starts_a_step_of_a_queue_knows_it(shop: Synthesized, function: str) -> None:
    assert variables_of(shop, f"Orders{function}")["QUEUE_URL"] == "<OrdersMailQueue>"


def test_a_worker_has_the_time_of_its_step(shop: Synthesized) -> None:
    variables = variables_of(shop, "OrdersMailHandler")
    assert (variables["SECONDS_PER_RECORD"], variables["RETRY_SECONDS"]) == ("296", "10")
    assert "QUEUE_URL" not in variables
    assert shop.properties("AWS::Lambda::EventSourceMapping", "OrdersMail")["BatchSize"] == 1


def test_workers_are_on_the_dashboard_and_have_alarms(shop: Synthesized) -> None:
    body = json.loads(shop.properties("AWS::CloudWatch::Dashboard", "Orders")["DashboardBody"])
    titles = {each["properties"].get("title") for each in body["widgets"]}
    assert titles >= {"Tasks in Mail, by status", "Messages that wait for a worker", "Dead letters"}
    assert titles & {"Came in", "Intake queue"} == set()
    alarms = shop.of_type("AWS::CloudWatch::Alarm")
    of_worker = {name for name in alarms if name.startswith("OrdersMail")}
    names = {"SetAside", "NotStarted", "DeadLetters", "OldestMessage", "Errors", "Throttled"}
    assert of_worker == {f"OrdersMail{name}" for name in names}
    topics = {tuple(alarm["Properties"]["AlarmActions"]) for name, alarm in alarms.items() if name.startswith("Orders")}
    assert topics == {("<OrdersMonitoringAlarms>",)}
    # They say the same of a step as these would.
    assert not {"OrdersMonitoringAlarmIgnoredMail", "OrdersMonitoringAlarmMailThrottled"} & set(alarms)


def test_texts_speak_of_tasks_and_name_no_runbook_that_is_not_there(shop: Synthesized, parts: Synthesized) -> None:
    for stack in (shop, parts):
        resources = [each for each in stack.template["Resources"].values() if each["Type"] != "AWS::IAM::Role"]
        texts = [str(each["Properties"].get(name, "")) for each in resources for name in TEXTS]
        assert len([text for text in texts if text]) > 20
        assert not [text for text in texts if "document" in text.lower() or "runbook" in text.lower()]


def test_findings_of_cdk_nag_are_accepted_for_a_reason() -> None:
    for stack in own_stacks().values():
        found = list(acknowledgements(stack.stack))
        assert found
        assert all(len(reason.split()) >= 5 for _, _, reason in found)


# Parts that stand alone


def test_parts_work_on_what_is_there_already(parts: Synthesized) -> None:
    kinds = {resource["Type"] for resource in parts.template["Resources"].values()}
    assert not kinds & {"AWS::DynamoDB::Table", "AWS::StepFunctions::Activity", "AWS::SNS::Topic", "AWS::KMS::Key"}
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:mine"
    assert variables_of(parts, "Sweep")["WORKFLOW_ARN"] == machine
    assert "BUCKET" not in variables_of(parts, "Sweep")
    account = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>"
    assert ("states:DescribeExecution", f"{account}:execution:mine:*") in rights(parts, "SweepRole")
    actions = {tuple(alarm["Properties"]["AlarmActions"]) for alarm in parts.of_type("AWS::CloudWatch::Alarm").values()}
    assert actions == {("arn:aws:sns:us-east-1:123456789012:mine",)}
    assert parts.properties("AWS::SNS::Subscription")["Endpoint"] == "operations@example.com"


def test_who_works_on_what_is_encrypted_with_an_own_key_may_use_it(stack: Stack) -> None:
    on_table, on_files = (kms.Key(stack, name) for name in ("TableKey", "FilesKey"))
    key = dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING)
    table = dynamodb.Table(stack, "Tasks", partition_key=key, encryption_key=on_table)
    files = s3.Bucket(stack, "Files", encryption_key=on_files)
    with_steps(tracker_in(stack, table=table, results=files)).on_upload(s3.Bucket(stack, "Uploads"))
    template = Synthesized(stack, None, assertions.Template.from_stack(stack).to_json())  # type: ignore[arg-type]
    used: dict[str, set[str]] = {}
    for name in template.of_type("AWS::IAM::Role"):
        if name.startswith("Orders") and "Rights" in str(template.properties("AWS::IAM::Role", name)):
            for action, resource in rights(template, name):
                if action == "kms:Decrypt":
                    used.setdefault(resource, set()).add(name.removeprefix("Orders").removesuffix("Role"))
    machines = {
        f"{machine}{part}"
        for machine in ("Backfill", "BulkRerun", "BulkCancel")
        for part in ("", "Plan", "Work", "Report")
    }
    on_tasks = {"BackfillWork", *(f"Bulk{each}{part}" for each in ("Rerun", "Cancel") for part in ("Plan", "Work"))}
    operating = {"OperationsSweep", "WidgetViewer", "WidgetActor", "WidgetAdmin", "Intake"}
    assert used == {
        "<TableKey.Arn>": {"InvoiceHandler", "MailHandler", *operating, *on_tasks},
        "<FilesKey.Arn>": machines,
    }


# Wrong use


def problems(**options: Any) -> list[str]:
    """What is wrong with a tracker that is made so."""
    with pytest.raises(PropsError) as raised:
        tracker_in(Stack(app_without_context(), "Wrong"), options.pop("construct_id", "Orders"), **options)
    return raised.value.problems


def test_everything_that_is_wrong_is_told_at_once() -> None:
    [table, name, stream, pipeline] = problems(
        construct_id="O" * 50, stream=True, table=object(), pipeline="orders.tasks"
    )
    assert table.startswith("table must be a TableRights or dynamodb.ITable, not <object")
    assert "at most 50, and has 56 characters" in name
    assert "stream is for a new table" in stream
    assert pipeline == "pipeline 'orders.tasks' must be module:NAME of a Pipeline, such as orders.tasks:PIPELINE"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"code": "no/such/folder"}, "no/such/folder' must be a folder: there is none"),
        ({"pipeline": "order.tasks:PIPELINE"}, "pipeline: order/tasks.py must be in "),
        ({"pipeline": "orders.tasks:PIPE"}, "must have 'PIPE' at its top level, and has "),
        ({"construct_id": "Default"}, 'use_case_id is needed, since the construct\'s id is "Default"'),
        ({"use_case_id": "an order"}, "use_case_id 'an order' must be a text without spaces and #"),
        ({"sweep": 5}, "sweep must be a SweepProps, True or False, not 5"),
        ({"monitoring": SweepProps()}, "monitoring must be a AlarmProps, True or False, not SweepProps("),
        (
            {"construct_id": "Orders & Co", "use_case_id": "orders"},
            "'Wrong-Orders & Co', of the stack and the construct's id, must be letters",
        ),
        ({"construct_id": "O" * 50, "widget": False}, "at most 50, and has 56 characters"),
        ({"pipeline": None}, "pipeline None must be module:NAME of a Pipeline"),
        ({"data": {"retain_data": False}}, "data must be a DataProps, not {'retain_data': False}"),
        ({"retries": 3}, "retries must be a RetryProps, not 3"),
        ({"table": "tasks"}, "table must be a TableRights or dynamodb.ITable, not 'tasks'"),
        ({"results": "files"}, "results must be an s3.IBucket, not 'files'"),
        ({"requirements": "none.txt"}, "requirements 'none.txt' must be a file: there is none"),
    ],
)
def test_what_a_tracker_cannot_be_made_of(options: dict[str, Any], told: str) -> None:
    [problem] = problems(**options)
    assert told in problem


@pytest.mark.parametrize(
    ("name", "handler", "told"),
    [
        ("Invoice", "mail.handler", "step 'Invoice' is there already: each step has a name of its own"),
        ("Mial", "mail.handler", "step 'Mial' is not in orders.tasks:PIPELINE, whose steps are Invoice, Mail"),
        ("Mail", "post.handler", "handler of step 'Mail': post.py must be in "),
        ("Mail", "mail.send", "must have 'send' at its top level, and has MailTask, PIPELINE, handler, queue_handler"),
        ("Mail", "handler", "handler 'handler' of step 'Mail' must be module.name, such as invoice.handler"),
    ],
)
def test_what_is_no_step(stack: Stack, name: str, handler: str, told: str) -> None:
    tracker = tracker_in(stack)
    tracker.step("Invoice", handler="invoice.handler")
    with pytest.raises(PropsError) as raised:
        tracker.step(name, handler=handler)
    assert told in raised.value.problems[-1]


@pytest.mark.parametrize(
    "name", ["Sweep", "Intake", "Workflow", "BulkRerunPlan", "BulkCancel", "BulkDeleteWork", "two words", "2nd", "a-b"]
)
def test_a_step_cannot_have_every_name(stack: Stack, name: str) -> None:
    with pytest.raises(PropsError, match=f"step '{name}' (cannot be named so|must be letters)"):
        tracker_in(stack).step(name, handler="mail.handler")


def test_a_step_that_nothing_works_on_fails_the_synthesis(stack: Stack) -> None:
    tracker = tracker_in(stack)
    tracker.queue_worker(tracker.step("Invoice", handler="invoice.handler"))
    tracker.step("Mail", handler="mail.handler")
    told = "step 'Mail' is in no workflow and has no queue: give it to workflow\\(\\) or queue_worker\\(\\)"
    with pytest.raises(PropsError, match=told):
        tracker.complete()
    with pytest.raises(RuntimeError, match=rf"\[Wrong/Orders\] {told}"):
        assertions.Template.from_stack(stack)


def test_a_tracker_without_steps_fails_the_synthesis(stack: Stack) -> None:
    tracker_in(stack)
    with pytest.raises(RuntimeError, match="the tracker has no step"):
        assertions.Template.from_stack(stack)


def test_a_step_is_worked_on_in_one_way(stack: Stack) -> None:
    tracker = tracker_in(stack)
    invoice, mail = (tracker.step(name, handler=f"{name.lower()}.handler") for name in ("Invoice", "Mail"))
    tracker.workflow(invoice)
    with pytest.raises(PropsError, match="step 'Invoice' is worked on already"):
        tracker.queue_worker(invoice)
    with pytest.raises(PropsError, match="workflow\\(\\) was called twice"):
        tracker.workflow(mail)
    other = tracker_in(stack, "Other")
    with pytest.raises(PropsError, match="step 'Mail' is not one of this tracker"):
        other.queue_worker(mail)
    with pytest.raises(PropsError, match="needs at least one step"):
        other.workflow()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"timeout": Duration.hours(1)}, "step 'Mail': timeout in seconds must be from 1 to 900, not 3600"),
        ({"timeout": Duration.millis(1500)}, "step 'Mail': timeout in seconds must be int, not 1.5"),
        ({"memory_mb": 64}, "step 'Mail': memory_mb must be from 128 to 10240, not 64"),
    ],
)
def test_numbers_of_a_step_are_told_by_the_names_of_arguments(stack: Stack, options: Any, told: str) -> None:
    tracker = tracker_in(stack)
    with pytest.raises(PropsError) as raised:
        tracker.step("Mail", handler="mail.handler", **options)
    assert raised.value.problems == [told]
    tracker.step("Mail", handler="mail.handler")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"batch_size": 9}, "timeout is 12 s: give at least 13 s, one for each of the 9 messages"),
        ({"max_concurrency": 1}, "max_concurrency is 1: give a number from 2 to 1000"),
        ({"batch_size": 0}, "batch_size is 0: give a number from 1 to 10"),
        ({"queue_variable": "TASK_TABLE_NAME"}, "queue_variable 'TASK_TABLE_NAME' must be capital letters"),
        ({"queue_variable": "my QUEUE_URL"}, "with QUEUE_URL among them, such as MAIL_QUEUE_URL"),
        ({"max_concurrency": 30}, "max_concurrency is 30, and step 'Mail' reserves 20: lower it"),
        ({"alarm_age_minutes": 1}, "alarm_age_minutes is 1: give at least 2"),
    ],
)
def test_numbers_of_a_queue_that_do_not_fit(stack: Stack, options: Any, told: str) -> None:
    tracker = tracker_in(stack)
    step = tracker.step("Mail", handler="mail.handler", timeout=Duration.seconds(12), reserved_concurrency=20)
    with pytest.raises(PropsError, match=told):
        tracker.queue_worker(step, **options)
    tracker.queue_worker(step)


def test_tasks_are_submitted_where_their_first_step_is_worked_on(stack: Stack) -> None:
    tracker, steps = three_steps(stack)
    role = iam.Role(stack, "Api", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    with pytest.raises(PropsError, match="step 'Invoice' is in no workflow"):
        tracker.grant_submit(role)
    tracker.queue_worker(steps[0])
    tracker.grant_submit(role)


def three_steps(stack: Stack, *names: str) -> tuple[Tracker, list[TrackedStep]]:
    tracker = tracker_in(stack, pipeline=THREE)
    return tracker, [tracker.step(name, handler="mail.handler") for name in names or ("Invoice", "Mail", "Ship")]


@pytest.mark.parametrize("order", [(0, 2), (2, 1, 0), (1, 0)])
def test_the_steps_of_a_workflow_follow_each_other(stack: Stack, order: tuple[int, ...]) -> None:
    tracker, steps = three_steps(stack)
    with pytest.raises(PropsError, match="those of the tracker are Invoice, Mail, Ship: give it steps that follow"):
        tracker.workflow(*(steps[place] for place in order))
    tracker.workflow(*steps[1:])


def test_a_second_workflow_behind_a_queue_is_a_tracker_of_its_own(stack: Stack) -> None:
    tracker, [invoice, mail, ship] = three_steps(stack)
    tracker.workflow(invoice)
    tracker.queue_worker(mail)
    with pytest.raises(PropsError, match="a queue_worker\\(\\) each, or a tracker of their own"):
        tracker.workflow(ship)


@pytest.mark.parametrize("names", [("Mail", "Invoice", "Ship"), ("Invoice", "Mail")])
def test_the_steps_are_those_of_the_pipeline_in_its_order(stack: Stack, names: tuple[str, ...]) -> None:
    tracker, steps = three_steps(stack, *names)
    tracker.workflow(*steps)
    with pytest.raises(PropsError, match=f"{', '.join(names)}, and those of {THREE} are Invoice, Mail, Ship: add each"):
        tracker.complete()


def test_only_what_step_has_returned_is_a_step(stack: Stack) -> None:
    tracker, _ = three_steps(stack)
    for use in (tracker.workflow, tracker.queue_worker):
        with pytest.raises(PropsError, match="'Invoice' is not a step: give what step\\(\\) has returned"):
            use("Invoice")  # type: ignore[arg-type]


def test_two_trackers_on_one_table_have_two_use_cases(stack: Stack) -> None:
    first = tracker_in(stack)
    with pytest.raises(PropsError, match="use_case_id 'Orders' is another tracker's on the same table"):
        tracker_in(stack, "Other", table=first.table, use_case_id="Orders")


def test_two_trackers_on_one_table_of_elsewhere_have_two_use_cases(stack: Stack) -> None:
    table = dynamodb.Table.from_table_name(stack, "Tasks", "tasks")
    tracker_in(stack, table=table)
    tracker_in(stack, "Other", table=table)
    with pytest.raises(PropsError, match="use_case_id 'Orders' is another tracker's on the same table"):
        tracker_in(stack, "Third", table=table, use_case_id="Orders")


def test_two_trackers_of_an_account_have_two_names() -> None:
    app = app_without_context()
    first = tracker_in(Stack(app, "shop"), "prod-Orders")
    with pytest.raises(PropsError, match="the tracker would be named shop-prod-Orders, as another"):
        tracker_in(Stack(app, "shop-prod"), "Orders")
    elsewhere = Stack(app, "elsewhere", stack_name="shop-prod", env=Environment(region="eu-west-1"))
    assert tracker_in(elsewhere, "Orders").name == first.name


def test_alarms_of_two_trackers_have_two_names(stack: Stack) -> None:
    orders, _ = tracker_in(stack), tracker_in(stack, "Orders-Mail")
    with pytest.raises(PropsError, match="the queue of step 'Mail' would be named Wrong-Orders-Mail, as another"):
        orders.queue_worker(orders.step("Mail", handler="mail.handler"))


def test_a_nested_stack_is_refused(stack: Stack) -> None:
    with pytest.raises(PropsError, match="a tracker cannot be in a NestedStack"):
        tracker_in(NestedStack(stack, "Inner"))


def test_two_queues_have_two_variables(stack: Stack) -> None:
    tracker = tracker_in(stack)
    invoice, mail = (tracker.step(name, handler=f"{name.lower()}.handler") for name in ("Invoice", "Mail"))
    tracker.queue_worker(invoice)
    with pytest.raises(PropsError, match="queue_variable 'QUEUE_URL' is that of step 'Invoice'"):
        tracker.queue_worker(mail)
    tracker.queue_worker(mail, queue_variable="MAIL_QUEUE_URL")
    assert set(tracker.environment) >= {"QUEUE_URL", "MAIL_QUEUE_URL"}


def test_a_tracker_has_one_bucket(stack: Stack) -> None:
    tracker = with_steps(tracker_in(stack))
    tracker.on_upload(s3.Bucket(stack, "Uploads"))
    with pytest.raises(PropsError, match="on_upload\\(\\) was called twice"):
        tracker.on_upload(s3.Bucket(stack, "More"))


def test_nothing_is_added_to_what_is_complete(stack: Stack) -> None:
    tracker = with_steps(tracker_in(stack))
    assert tracker.monitoring is not None
    with pytest.raises(PropsError, match="on_upload\\(\\) comes too late"):
        tracker.on_upload(s3.Bucket(stack, "Uploads"))


def test_a_layer_of_other_code_is_refused(stack: Stack, tmp_path: Path) -> None:
    first = tracker_in(stack)
    with pytest.raises(PropsError, match=r"layer has what .* imports, and code is"):
        tracker_in(stack, "Other", code=write_code(tmp_path), layer=first.layer)


def test_runs_that_cannot_be_found_or_sent_are_refused(stack: Stack) -> None:
    tracker, steps = three_steps(stack)
    body = sfn.DefinitionBody.from_chainable(sfn.Pass(stack, "Pass"))
    express = sfn.StateMachineType.EXPRESS
    with pytest.raises(PropsError, match="the state machine must be a standard one"):
        tracker.workflow(
            *steps, state_machine=sfn.StateMachine(stack, "Mine", definition_body=body, state_machine_type=express)
        )
    with pytest.raises(PropsError, match="the queue of QUEUE_URL must be a standard queue"):
        Dispatch(queues={"QUEUE_URL": sqs.Queue(stack, "Fifo", fifo=True)})


# What an application does with it


def test_files_are_kept_as_long_as_data_and_thresholds_are_those_of_queues_too(stack: Stack) -> None:
    alarms = AlarmProps(alarm_ignored_tasks=7)
    with_steps(tracker_in(stack, data=DataProps(retain_data=False), log_props=LogProps(), monitoring=alarms))
    resources = assertions.Template.from_stack(stack).to_json()["Resources"]
    assert {each["DeletionPolicy"] for each in resources.values() if each["Type"] == "AWS::S3::Bucket"} == {"Delete"}
    assert (
        resources[next(name for name in resources if name.startswith("OrdersMailSetAside"))]["Properties"]["Threshold"]
        == 7
    )


def test_an_application_submits_tasks(stack: Stack) -> None:
    tracker = tracker_in(stack, pipeline=LETTERS, data=DataProps(retain_data=False), bulk_rerun=False)
    role = iam.Role(stack, "Api", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    with pytest.raises(PropsError, match="has no step"):
        tracker.grant_submit(role)
    mail = tracker.step("Mail", handler="mail.handler", timeout=Duration.seconds(30), memory_mb=256)
    tracker.queue_worker(mail, batch_size=3, alarm_age_minutes=90)
    tracker.grant_submit(role)
    bucket = s3.Bucket(stack, "Letters")
    bucket.grant_read(mail.role)
    template = Synthesized(stack, None, assertions.Template.from_stack(stack).to_json())  # type: ignore[arg-type]
    policies = template.of_type("AWS::IAM::Policy")
    granted = {each["Properties"]["Roles"][0]: each["Properties"]["PolicyDocument"] for each in policies.values()}
    allowed = {str(statement["Action"]) for statement in granted["<Api>"]["Statement"]}
    assert allowed == {"['dynamodb:GetItem', 'dynamodb:PutItem']", "sqs:SendMessage"}
    assert "<OrdersMailHandlerRole>" in granted
    assert variables_of(template, "OrdersMailHandler")["SECONDS_PER_RECORD"] == "8"
    assert tracker.queue("Mail") is tracker.queue(mail)
    assert tracker.state_machine is None


def test_a_tracker_in_a_nested_scope_has_a_name_of_its_own() -> None:
    stack = Stack(App(), "Nested")
    first, second = (tracker_in(stack if scope is None else Construct(stack, scope)) for scope in (None, "Billing"))
    assert (first.name, second.name) == ("Nested-Orders", "Nested-Billing-Orders")
    assert isinstance(first, Tracker)


def test_a_deletion_gives_its_rights_to_the_administration_alone(stack: Stack) -> None:
    right = iam.PolicyStatement(actions=["s3:DeleteObject"], resources=["arn:aws:s3:::results/*"])
    with_steps(tracker_in(stack, deletion=Deletion(statements=[right], environment={"RESULT_BUCKET": "results"})))
    resources = assertions.Template.from_stack(stack).to_json()["Resources"]
    for role, deletes in (("Viewer", False), ("Actor", False), ("Admin", True)):
        environment = widget_variables(resources, role.lower())
        assert ("RESULT_BUCKET" in environment, environment["WIDGET_DELETES"]) == (deletes, "yes")
        [told] = [str(each) for name, each in resources.items() if f"Widget{role}Role" in name]
        assert ("s3:DeleteObject" in told, "dynamodb:DeleteItem" in told) == (deletes, deletes)


def test_trackers_beside_each_other_lead_to_each_others_widgets(stack: Stack) -> None:
    orders, returns = with_steps(tracker_in(stack)), with_steps(tracker_in(stack, "Returns", use_case_id="re,turns"))
    orders.beside(returns)
    resources = assertions.Template.from_stack(stack).to_json()["Resources"]
    of_orders, of_returns = (
        str(widget_variables(resources, f"{each.name}-widget-viewer")["WIDGET_BESIDE"]) for each in (orders, returns)
    )
    assert "re%2Cturns=arn:" in of_orders
    assert f"{returns.name}-widget-viewer" in of_orders
    assert f"{orders.name}-widget-viewer" in of_returns
    with pytest.raises(PropsError, match=r"beside\(\) comes too late"):
        returns.beside(orders)


def test_a_deletion_is_checked_where_it_is_given(stack: Stack) -> None:
    with pytest.raises(PropsError, match=r"deletion must be a Deletion, with the rights .*, not True"):
        tracker_in(stack, deletion=True)
    with pytest.raises(PropsError, match="deletion is for the widget, which is off"):
        tracker_in(stack, "Returns", deletion=Deletion(), widget=False)
    with pytest.raises(PropsError, match="bulk_delete needs a deletion, with the rights that deleting needs"):
        tracker_in(stack, "Parcels", bulk_delete=True)


def test_trackers_that_cannot_lead_to_each_other_are_left_as_they_are(stack: Stack) -> None:
    orders, late, other = (
        with_steps(tracker_in(stack, name, use_case_id=use_case))
        for name, use_case in (("Orders", "orders"), ("Late", "late"), ("Other", "orders"))
    )
    blind = with_steps(tracker_in(stack, "Blind", widget=False))
    assert late.widget
    for trackers, told in (
        ([late], "comes too late"),
        ([blind], "is for trackers with a widget, and Wrong-Blind has none"),
        ([other], "names trackers by their use cases, and those of Wrong-Orders, Wrong-Other are orders, orders"),
    ):
        with pytest.raises(PropsError, match=told):
            orders.beside(*trackers)
    resources = assertions.Template.from_stack(stack).to_json()["Resources"]
    assert "WIDGET_BESIDE" not in widget_variables(resources, f"{orders.name}-widget-viewer")


def widget_variables(resources: dict[str, Any], name: str) -> dict[str, Any]:
    """The environment of the one function whose name ends like that."""
    [found] = [
        each["Properties"]["Environment"]["Variables"]
        for each in resources.values()
        if str(each["Properties"].get("FunctionName", "")).endswith(name)
    ]
    return dict(found)
