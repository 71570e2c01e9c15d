"""What the patches mend, seen through the API of the running cloud."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from status_tracker_local.cloud import LocalCloud
from status_tracker_local.functions import ENVIRONMENTS_PER_FUNCTION
from tests.local_cloud.support import Functions, allow, document, trust, wait_for, zipped

UNREADY_AT_FIRST = """
class Unready(Exception):
    pass
calls = 0
def handler(event, context):
    global calls
    calls += 1
    if calls < 3:
        raise Unready
    return calls
"""

Resources = dict[str, Any]
Deploy = Callable[[str, Resources], Resources]


@pytest.fixture
def deploy(cloud: LocalCloud) -> Deploy:
    """Create or update a stack; returns the physical ids of its resources by their logical ids."""
    cloudformation = cloud.client("cloudformation")

    def deploy(stack: str, resources: Resources) -> Resources:
        names = {each["StackName"] for each in cloudformation.list_stacks()["StackSummaries"]}
        action = cloudformation.update_stack if stack in names else cloudformation.create_stack
        action(StackName=stack, TemplateBody=json.dumps({"Resources": resources}))
        found = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        return {each["LogicalResourceId"]: each.get("PhysicalResourceId") for each in found}

    return deploy


def role(service: str, *statements: Resources) -> Resources:
    policies = [{"PolicyName": "Rights", "PolicyDocument": document(*statements)}] if statements else []
    properties = {"AssumeRolePolicyDocument": trust(service), "Policies": policies}
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def test_a_function_has_its_layer_and_gets_a_changed_one(cloud: LocalCloud, deploy: Deploy) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="assets")
    s3.put_object(Bucket="assets", Key="code", Body=zipped(module="import x\ndef handler(e, c): return x.VALUE"))
    for value in ("old", "new"):
        s3.put_object(Bucket="assets", Key=value, Body=zipped(python__x=f"VALUE = {value!r}"))

    def deployed(layer: str) -> str:
        content = {"S3Bucket": "assets", "S3Key": layer}
        function = {
            "Code": {"S3Bucket": "assets", "S3Key": "code"},
            "Handler": "module.handler",
            "Runtime": "python3.14",
            "Architectures": ["arm64"],
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Layers": [{"Ref": "Layer"}],
        }
        ids = deploy(
            "layered",
            {
                "Role": role("lambda.amazonaws.com"),
                "Layer": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": content}},
                "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            },
        )
        assert ids["Layer"].startswith("arn:aws:lambda:")
        name: str = ids["Function"]
        return name

    for layer in ("old", "new"):
        name = deployed(layer)
        answer = cloud.client("lambda").invoke(FunctionName=name)
        assert json.load(answer["Payload"]) == layer
    assert cloud.client("lambda").get_function_configuration(FunctionName=name)["Architectures"] == ["arm64"]


def test_an_upload_is_told_to_eventbridge_with_an_id_of_its_own(cloud: LocalCloud, deploy: Deploy) -> None:
    blocked = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    block = dict.fromkeys(blocked, True)
    bucket = {
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        "PublicAccessBlockConfiguration": block,
    }
    rule = {
        "EventPattern": {"source": ["aws.s3"], "detail-type": ["Object Created"]},
        "Targets": [{"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
    }
    queue = {"Fn::GetAtt": ["Queue", "Arn"]}
    sending = allow("sqs:SendMessage", queue, Principal={"Service": "events.amazonaws.com"})  # type: ignore[arg-type]
    policy = {"Queues": [{"Ref": "Queue"}], "PolicyDocument": document(sending)}
    ids = deploy(
        "uploads",
        {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": bucket},
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": policy},
            "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
        },
    )
    s3, sqs = cloud.client("s3"), cloud.client("sqs")
    assert s3.get_public_access_block(Bucket=ids["Bucket"])["PublicAccessBlockConfiguration"] == block
    etags = [s3.put_object(Bucket=ids["Bucket"], Key=key, Body=key.encode())["ETag"].strip('"') for key in ("a", "b c")]
    messages = sqs.receive_message(QueueUrl=ids["Queue"], MaxNumberOfMessages=10)["Messages"]
    events = [json.loads(message["Body"]) for message in messages]
    assert [(event["detail"]["object"]["key"], event["detail"]["object"]["etag"]) for event in events] == [
        ("a", etags[0]),
        ("b c", etags[1]),
    ]
    assert events[0]["id"] != events[1]["id"]


def test_a_table_has_its_recovery_and_time_to_live_and_survives_an_update(cloud: LocalCloud, deploy: Deploy) -> None:
    table = {
        "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "TimeToLiveSpecification": {"AttributeName": "gone", "Enabled": True},
    }
    resources = {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": table}}
    ids = deploy("tables", resources)
    dynamodb = cloud.client("dynamodb")
    backups = dynamodb.describe_continuous_backups(TableName=ids["Table"])["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    ttl = dynamodb.describe_time_to_live(TableName=ids["Table"])["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "gone")
    table["Tags"] = [{"Key": "changed", "Value": "yes"}]
    assert deploy("tables", resources) == ids


def test_a_state_machine_is_executed_and_retries_by_the_name_of_the_error(functions: Functions, deploy: Deploy) -> None:
    arn = functions.make("unready", UNREADY_AT_FIRST)
    task = {
        "Type": "Task",
        "Resource": arn,
        "Retry": [{"ErrorEquals": ["Unready"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 5}],
        "End": True,
    }
    machine = {
        "DefinitionString": json.dumps({"StartAt": "Work", "States": {"Work": task}}),
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    ids = deploy(
        "machines",
        {
            "Role": role("states.amazonaws.com", allow("lambda:InvokeFunction", arn)),
            "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
        },
    )
    states = functions.cloud.client("stepfunctions")
    execution = states.start_execution(stateMachineArn=ids["Machine"], name="once")["executionArn"]

    def ended() -> Any:
        found = states.describe_execution(executionArn=execution)
        return None if found["status"] == "RUNNING" else found

    assert wait_for("the end of the execution", ended)["output"] == "3"


def test_executions_without_a_name_are_executions_of_their_own(cloud: LocalCloud, deploy: Deploy) -> None:
    definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    machine = {"DefinitionString": definition, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}}
    resources = {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine}
    ids = deploy("unnamed", {"Role": role("states.amazonaws.com"), "Machine": resources})
    states = cloud.client("stepfunctions")
    arns = [states.start_execution(stateMachineArn=ids["Machine"])["executionArn"] for _ in range(2)]
    assert len(set(arns)) == 2
    assert all(states.describe_execution(executionArn=arn)["name"] for arn in arns)


def test_a_state_machine_hears_of_a_throttled_function_what_step_functions_would_tell(
    functions: Functions, deploy: Deploy
) -> None:
    arn = functions.make("taken", "import time\ndef handler(event, context): time.sleep(600)", Timeout=600)
    parameters = {"FunctionName": arn, "Payload": {}}
    caught = [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "Next": "Throttled"}]
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters, "Catch": caught}
    states = {"Work": {**task, "End": True}, "Throttled": {"Type": "Succeed"}}
    machine = {
        "DefinitionString": json.dumps({"StartAt": "Work", "States": states}),
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    resources = {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine}
    invoking = role("states.amazonaws.com", allow("lambda:InvokeFunction", arn))
    ids = deploy("throttled", {"Role": invoking, "Machine": resources})
    client = functions.cloud.client("stepfunctions")
    for number in range(ENVIRONMENTS_PER_FUNCTION + 1):
        client.start_execution(stateMachineArn=ids["Machine"], name=f"burst-{number}")

    def succeeded() -> Any:
        listed = client.list_executions(stateMachineArn=ids["Machine"])["executions"]
        return [each for each in listed if each["status"] == "SUCCEEDED"]

    assert len(wait_for("the execution that is throttled", succeeded)) == 1
    for pid in functions.cloud.processes()["taken"]:
        os.kill(pid, signal.SIGKILL)


def test_concurrent_updates_of_an_item_are_all_counted(cloud: LocalCloud) -> None:
    dynamodb = cloud.client("dynamodb")
    dynamodb.create_table(
        TableName="counters",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def add(_: int) -> None:
        dynamodb.update_item(
            TableName="counters",
            Key={"key": {"S": "one"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(400)))
    assert dynamodb.get_item(TableName="counters", Key={"key": {"S": "one"}})["Item"]["n"]["N"] == "400"


def test_no_message_is_lost_while_others_are_deleted(cloud: LocalCloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="crowded")["QueueUrl"]

    def send(number: int) -> None:
        sqs.send_message(QueueUrl=url, MessageBody=f"kept {number}")
        sqs.send_message(QueueUrl=url, MessageBody="deleted")

    with ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(send, number) for number in range(60)]
        kept: set[str] = set()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            done = all(future.done() for future in sending)
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", [])
            for message in messages:
                kept.add(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            if done and not messages:
                break
    assert kept == {f"kept {number}" for number in range(60)} | {"deleted"}


def test_a_schedule_is_deployed_changed_and_deleted(cloud: LocalCloud, deploy: Deploy) -> None:
    scheduler = cloud.client("scheduler")
    target = {"Arn": {"Fn::GetAtt": ["Queue", "Arn"]}, "RoleArn": "arn:aws:iam::123456789012:role/example"}
    rate = {"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {}},
        "Hourly": {"Type": "AWS::Scheduler::Schedule", "Properties": rate},
    }
    name = deploy("scheduled", resources)["Hourly"]
    assert scheduler.get_schedule(Name=name)["Target"]["Arn"].startswith("arn:aws:sqs:")
    rate["ScheduleExpression"] = "rate(2 hours)"
    assert deploy("scheduled", resources)["Hourly"] == name
    assert scheduler.get_schedule(Name=name)["ScheduleExpression"] == "rate(2 hours)"
    cloud.client("cloudformation").delete_stack(StackName="scheduled")
    assert name not in {each["Name"] for each in scheduler.list_schedules()["Schedules"]}


def test_how_a_function_is_invoked_asynchronously_is_deployed_changed_and_deleted(
    functions: Functions, deploy: Deploy
) -> None:
    functions.make("awaited", "def handler(event, context): pass")
    config = {"FunctionName": "awaited", "Qualifier": "$LATEST", "MaximumRetryAttempts": 0}
    resources = {"Config": {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": config}}
    client = functions.cloud.client("lambda")
    deploy("asynchronous", resources)
    assert client.get_function_event_invoke_config(FunctionName="awaited")["MaximumRetryAttempts"] == 0
    config |= {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60}
    deploy("asynchronous", resources)
    found = client.get_function_event_invoke_config(FunctionName="awaited")
    assert (found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]) == (1, 60)
    functions.cloud.client("cloudformation").delete_stack(StackName="asynchronous")
    assert client.list_function_event_invoke_configs(FunctionName="awaited")["FunctionEventInvokeConfigs"] == []


def test_a_parameter_keeps_its_default_when_a_stack_is_updated(cloud: LocalCloud) -> None:
    """As CDK's own synthesizer makes them: `BootstrapVersion` names a parameter of SSM, and is never passed."""
    cloud.client("ssm").put_parameter(Name="/cdk/version", Value="21", Type="String")
    kind = "AWS::SSM::Parameter::Value<String>"
    template: Resources = {
        "Parameters": {"BootstrapVersion": {"Type": kind, "Default": "/cdk/version"}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 30}}},
        "Outputs": {"Version": {"Value": {"Ref": "BootstrapVersion"}}},
    }
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName="versioned", TemplateBody=json.dumps(template))
    template["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] = 60
    kept = [{"ParameterKey": "BootstrapVersion", "UsePreviousValue": True}]
    cloudformation.update_stack(StackName="versioned", TemplateBody=json.dumps(template), Parameters=kept)
    [stack] = cloudformation.describe_stacks(StackName="versioned")["Stacks"]
    assert (stack["StackStatus"], stack["Outputs"][0]["OutputValue"]) == ("UPDATE_COMPLETE", "21")
