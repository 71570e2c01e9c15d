"""What runs in the cloud is held to its role: seen from within functions, state machines, queues and rules."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from status_tracker_local.cloud import LocalCloud
from tests.local_cloud.support import Functions, allow, document, make_role, trust, wait_for

# Calls what it is told to call, and tells what came of it.
CALLER = """
import base64, boto3
from botocore.config import Config
from botocore.exceptions import ClientError
def handler(event, context):
    client = boto3.client(event["service"], config=Config(retries={"total_max_attempts": 1}))
    try:
        answer = getattr(client, event["operation"])(**event["parameters"])
    except ClientError as error:
        told = error.response["Error"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return {"code": told["Code"], "message": told["Message"], "status": status}
    return {"code": "", "arn": answer.get("Arn", "")}
"""
ACCOUNT = "123456789012"
TABLE = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/rights"
ITEM = {"key": {"S": "a"}}


class Caller:
    """A function whose role has the rights that it is given last."""

    def __init__(self, functions: Functions) -> None:
        self.cloud = functions.cloud
        self._functions = functions
        self._iam = functions.cloud.client("iam")
        role = make_role(functions.cloud, "caller", "lambda.amazonaws.com")
        self.arn = functions.make("caller", CALLER, role=role)

    def may(self, *statements: dict[str, Any]) -> None:
        policy = json.dumps(document(*statements or [allow("none:None", "*")]))
        self._iam.put_role_policy(RoleName="caller", PolicyName="Rights", PolicyDocument=policy)

    def call(self, service: str, operation: str, **parameters: Any) -> Any:
        event = {"service": service, "operation": operation, "parameters": parameters}
        answer, failed = self._functions.invoke("caller", event)
        assert not failed, answer
        return answer


@pytest.fixture(scope="module")
def caller(functions: Functions) -> Caller:
    functions.cloud.client("dynamodb").create_table(
        TableName="rights",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    s3 = functions.cloud.client("s3")
    s3.create_bucket(Bucket="rights")
    s3.put_object(Bucket="rights", Key="in/there", Body=b"x")
    return Caller(functions)


def test_a_function_may_do_what_its_role_allows_and_is_told_what_is_missing(caller: Caller) -> None:
    caller.may(allow("dynamodb:GetItem", TABLE))
    assert caller.call("dynamodb", "get_item", TableName="rights", Key=ITEM)["code"] == ""
    refused = caller.call("dynamodb", "put_item", TableName="rights", Item=ITEM)
    assert (refused["code"], refused["status"]) == ("AccessDeniedException", 400)
    assert refused["message"] == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/caller/caller is not authorized to perform: dynamodb:PutItem on "
        f"resource: {TABLE} because no identity-based policy allows the dynamodb:PutItem action (its policies: the "
        "policy Rights of caller)"
    )
    assert "Item" not in caller.cloud.client("dynamodb").get_item(TableName="rights", Key=ITEM)


def test_each_table_of_a_transaction_is_asked_for(caller: Caller) -> None:
    put = {"Put": {"TableName": "rights", "Item": ITEM}}
    check = {"ConditionCheck": {"TableName": "rights", "Key": ITEM, "ConditionExpression": "attribute_exists(#k)"}}
    check["ConditionCheck"]["ExpressionAttributeNames"] = {"#k": "key"}
    caller.may(allow("dynamodb:PutItem", TABLE))
    assert caller.call("dynamodb", "transact_write_items", TransactItems=[put])["code"] == ""
    refused = caller.call("dynamodb", "transact_write_items", TransactItems=[check])
    assert "not authorized to perform: dynamodb:ConditionCheckItem" in refused["message"]


def test_a_function_is_itself_whatever_it_may_do(caller: Caller) -> None:
    caller.may({**allow("sts:*", "*"), "Effect": "Deny"})
    assert caller.call("sts", "get_caller_identity")["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/caller/caller"


@pytest.mark.parametrize("operation", ["get_object", "head_object"])
def test_without_the_right_to_list_a_bucket_a_missing_object_is_forbidden(caller: Caller, operation: str) -> None:
    reading = allow("s3:GetObject", "arn:aws:s3:::rights/*")
    caller.may(reading)
    assert caller.call("s3", operation, Bucket="rights", Key="in/there")["code"] == ""
    hidden = caller.call("s3", operation, Bucket="rights", Key="in/nowhere")
    assert hidden["status"] == 403
    if operation == "get_object":
        assert "not authorized to perform: s3:ListBucket on resource: arn:aws:s3:::rights" in hidden["message"]
    caller.may(reading, allow("s3:ListBucket", "arn:aws:s3:::rights"))
    assert caller.call("s3", operation, Bucket="rights", Key="in/nowhere")["status"] == 404


def test_a_list_is_limited_to_its_prefix(caller: Caller) -> None:
    caller.may(allow("s3:ListBucket", "arn:aws:s3:::rights", Condition={"StringLike": {"s3:prefix": "in/*"}}))
    assert caller.call("s3", "list_objects_v2", Bucket="rights", Prefix="in/")["code"] == ""
    refused = caller.call("s3", "list_objects_v2", Bucket="rights")
    assert refused["code"] == "AccessDenied"
    assert "its condition on s3:prefix is not met, which is absent" in refused["message"]


def test_the_policy_of_a_bucket_counts_in_both_ways(caller: Caller) -> None:
    s3 = caller.cloud.client("s3")
    role = f"arn:aws:iam::{ACCOUNT}:role/caller"
    caller.may()
    reading = {"Bucket": "rights", "Key": "in/there"}
    assert caller.call("s3", "get_object", **reading)["code"] == "AccessDenied"
    objects = "arn:aws:s3:::rights/*"
    s3.put_bucket_policy(Bucket="rights", Policy=json.dumps(document(allow("s3:*", objects, Principal={"AWS": role}))))
    assert caller.call("s3", "get_object", **reading)["code"] == ""
    deny = {**allow("s3:GetObject", objects, Principal="*"), "Effect": "Deny"}
    s3.put_bucket_policy(Bucket="rights", Policy=json.dumps(document(deny)))
    caller.may(allow("s3:*", "*"))
    assert "with an explicit deny in a resource-based policy" in caller.call("s3", "get_object", **reading)["message"]
    assert s3.get_object(**reading)["Body"].read() == b"x"  # the operator may do everything
    s3.delete_bucket_policy(Bucket="rights")


def test_what_the_local_cloud_cannot_judge_is_not_allowed(caller: Caller) -> None:
    caller.may({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})
    refused = caller.call("dynamodb", "get_item", TableName="rights", Key=ITEM)
    assert "cannot judge it: the policy Rights of caller, statement 1: NotAction" in refused["message"]


def test_a_function_whose_role_does_not_trust_lambda_is_not_run(functions: Functions) -> None:
    role = make_role(functions.cloud, "distrustful", "states.amazonaws.com", allow("*", "*"))
    functions.make("distrusted", "def handler(event, context): return 1", role=role)
    error, failed = functions.invoke("distrusted")
    assert failed
    assert error["errorType"] == "AccessDeniedException"
    assert "The role defined for the function cannot be assumed by Lambda." in error["errorMessage"]


class Polled:
    """A queue, a function with a role of its own, and what the function has seen."""

    def __init__(self, functions: Functions, *actions: str) -> None:
        self.cloud = functions.cloud
        self.name = f"polled-{uuid.uuid4().hex[:8]}"
        self.sqs = functions.cloud.client("sqs")
        self.url = self.sqs.create_queue(QueueName=self.name, Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{self.name}"
        self._role = make_role(functions.cloud, self.name, "lambda.amazonaws.com")
        self.may(*actions)
        functions.make(self.name, "def handler(event, context): return {}", role=self._role)

    def may(self, *actions: str) -> None:
        policy = json.dumps(document(allow([f"sqs:{action}" for action in actions], self.arn)))
        self.cloud.client("iam").put_role_policy(RoleName=self.name, PolicyName="Polling", PolicyDocument=policy)

    def poll(self) -> None:
        self.cloud.client("lambda").create_event_source_mapping(EventSourceArn=self.arn, FunctionName=self.name)

    def checks(self, action: str) -> dict[bool, int]:
        """How often that was allowed, and how often not."""
        kinds = [each for each in self.cloud.permission_checks()["kinds"] if each["resource"] == self.arn]
        found = {True: 0, False: 0}
        for each in kinds:
            if each["action"] == action:
                found[each["why_refused"] is None] += each["count"]
        return found


def test_a_queue_that_the_role_may_not_poll_is_no_event_source(functions: Functions) -> None:
    polled = Polled(functions, "ReceiveMessage", "GetQueueAttributes")
    with pytest.raises(ClientError, match=r"may not poll the queue.*sqs:DeleteMessage") as error:
        polled.poll()
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert (
        polled.cloud.client("lambda").list_event_source_mappings(EventSourceArn=polled.arn)["EventSourceMappings"] == []
    )


def test_rights_to_poll_that_are_taken_away_are_missed(functions: Functions) -> None:
    polled = Polled(functions, "ReceiveMessage", "GetQueueAttributes", "DeleteMessage")
    polled.poll()
    polled.may("ReceiveMessage", "GetQueueAttributes")
    polled.sqs.send_message(QueueUrl=polled.url, MessageBody="m")
    wait_for("a second delivery", lambda: polled.checks("sqs:DeleteMessage")[False] > 1)
    polled.may("GetQueueAttributes", "DeleteMessage")
    wait_for("a poll that is refused", lambda: polled.checks("sqs:ReceiveMessage")[False])


def test_an_event_goes_where_a_policy_takes_it(cloud: LocalCloud) -> None:
    """On the queue; without its policy on the dead-letter queue; without the policy of that nowhere."""
    sqs, events = cloud.client("sqs"), cloud.client("events")
    name = f"rule-{uuid.uuid4().hex[:8]}"
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    urls = {each: sqs.create_queue(QueueName=f"{name}-{each}")["QueueUrl"] for each in ("queue", "dead")}
    arns = {each: f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}-{each}" for each in urls}
    target = {"Id": "1", "Arn": arns["queue"], "DeadLetterConfig": {"Arn": arns["dead"]}}
    events.put_targets(Rule=name, Targets=[target])

    def take(queue: str, source: str) -> None:
        condition = {"ArnEquals": {"aws:SourceArn": source}}
        sending = allow(
            "sqs:SendMessage", arns[queue], Principal={"Service": "events.amazonaws.com"}, Condition=condition
        )
        sqs.set_queue_attributes(QueueUrl=urls[queue], Attributes={"Policy": json.dumps(document(sending))})

    def arrived() -> list[str]:
        events.put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": "{}"}])
        return [each for each, url in urls.items() if sqs.receive_message(QueueUrl=url).get("Messages")]

    assert arrived() == []
    take("dead", rule)
    sqs.set_queue_attributes(QueueUrl=urls["dead"], Attributes={"VisibilityTimeout": "20"})  # which keeps the policy
    assert arrived() == ["dead"]
    take("queue", f"{rule}-other")
    assert arrived() == ["dead"]
    take("queue", rule)
    assert arrived() == ["queue"]


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(cloud: LocalCloud) -> Run:
    """Run a state machine of those states with those rights; returns the execution when it has ended."""
    states = cloud.client("stepfunctions")

    def run(definition: dict[str, Any], *statements: dict[str, Any]) -> dict[str, Any]:
        name = f"machine-{uuid.uuid4().hex[:8]}"
        role = make_role(cloud, name, "states.amazonaws.com", *statements)
        text = json.dumps({"StartAt": "Work", "States": {"Work": {**definition, "End": True}}})
        machine = states.create_state_machine(name=name, definition=text, roleArn=role)["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=machine, name="one", input='{"items": [1, 2]}')[
            "executionArn"
        ]

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        return wait_for(f"the end of {name}", ended)

    return run


def test_a_state_machine_invokes_what_its_role_may_invoke(functions: Functions, run: Run) -> None:
    arn = functions.make("invoked", "def handler(event, context): return 1")
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": arn}}
    assert run(task, allow("lambda:InvokeFunction", arn))["status"] == "SUCCEEDED"
    for refused in (run(task), run(task, allow("lambda:InvokeFunction", f"{arn}-other"))):
        assert (refused["status"], refused["error"]) == ("FAILED", "Lambda.AWSLambdaException")
        assert "is not authorized to perform: lambda:InvokeFunction" in refused["cause"]


def test_an_integrated_service_is_called_under_the_role(cloud: LocalCloud, run: Run) -> None:
    url = cloud.client("sqs").create_queue(QueueName="integrated")["QueueUrl"]
    parameters = {"QueueUrl": url, "MessageBody": "m"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": parameters}
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:integrated"
    assert run(task, allow("sqs:SendMessage", queue))["status"] == "SUCCEEDED"
    assert "is not authorized to perform: sqs:SendMessage" in run(task, allow("sqs:SendMessage", f"{queue}-2"))["cause"]


def test_a_distributed_map_may_start_itself(run: Run) -> None:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Each",
        "States": {"Each": {"Type": "Pass", "End": True}},
    }
    task = {"Type": "Map", "ItemProcessor": processor, "ItemsPath": "$.items"}
    allowed = run(task, allow("states:StartExecution", f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:machine-*"))
    assert allowed["status"] == "SUCCEEDED", allowed
    refused = run(task)
    assert (refused["status"], refused["error"]) == ("FAILED", "States.Permissions")
    assert "is not authorized to perform: states:StartExecution" in refused["cause"]


def test_whoever_answers_a_task_token_needs_a_right_on_the_machine(caller: Caller, run: Run) -> None:
    payload = {
        "service": "stepfunctions",
        "operation": "send_task_success",
        "parameters": {"taskToken.$": "$$.Task.Token", "output": "{}"},
    }
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": caller.arn, "Payload": payload},
        "TimeoutSeconds": 60,
    }
    caller.may(allow("states:SendTaskSuccess", f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:machine-*"))
    assert run(task, allow("lambda:InvokeFunction", caller.arn))["status"] == "SUCCEEDED"


@pytest.fixture
def stack(cloud: LocalCloud) -> Callable[[dict[str, Any]], dict[str, str]]:
    """Create or update a stack of a test's own; returns the physical ids of its resources."""
    cloudformation, name = cloud.client("cloudformation"), f"rights-{uuid.uuid4().hex[:8]}"

    def deploy(resources: dict[str, Any]) -> dict[str, str]:
        names = {each["StackName"] for each in cloudformation.list_stacks()["StackSummaries"]}
        action = cloudformation.update_stack if name in names else cloudformation.create_stack
        action(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
        found = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}

    return deploy


Deploy = Callable[[dict[str, Any]], dict[str, str]]


def test_an_update_of_a_role_changes_its_rights(functions: Functions, stack: Deploy) -> None:
    iam = functions.cloud.client("iam")

    def role(*names: str, **properties: Any) -> dict[str, Any]:
        policies = [{"PolicyName": name, "PolicyDocument": document(allow("s3:GetObject", "*"))} for name in names]
        trusted = {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com"), "Policies": policies, **properties}
        managed = {"PolicyDocument": document(allow("s3:PutObject", "*"))}
        return {
            "Role": {"Type": "AWS::IAM::Role", "Properties": trusted},
            "Managed": {"Type": "AWS::IAM::ManagedPolicy", "Properties": managed},
        }

    name = stack(role("First", "Second"))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="ByHand", PolicyDocument=json.dumps(document(allow("s3:*", "*"))))
    managed = {
        "ManagedPolicyArns": [{"Ref": "Managed"}, "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]
    }
    assert stack(role("Second", "Third", **managed))["Role"] == name
    assert sorted(iam.list_role_policies(RoleName=name)["PolicyNames"]) == ["ByHand", "Second", "Third"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert {each["PolicyName"] for each in attached} > {"AWSLambdaBasicExecutionRole"}
    stack(role("Third"))
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []


def test_policies_of_resources_are_deployed_changed_and_deleted(cloud: LocalCloud, stack: Deploy) -> None:
    def policies(action: str) -> dict[str, Any]:
        def policy(prefix: str, resource: Any) -> dict[str, Any]:
            return document(allow(f"{prefix}:{action}", resource, Principal={"AWS": ACCOUNT}))

        queue = {"Queues": [{"Ref": "Queue"}], "PolicyDocument": policy("sqs", {"Fn::GetAtt": ["Queue", "Arn"]})}
        topic = {"Topics": [{"Ref": "Topic"}], "PolicyDocument": policy("sns", {"Ref": "Topic"})}
        bucket = {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": policy("s3", {"Fn::GetAtt": ["Bucket", "Arn"]})}
        return {
            "QueuePolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": queue},
            "TopicPolicy": {"Type": "AWS::SNS::TopicPolicy", "Properties": topic},
            "BucketPolicy": {"Type": "AWS::S3::BucketPolicy", "Properties": bucket},
        }

    kinds = {"Queue": "AWS::SQS::Queue", "Topic": "AWS::SNS::Topic", "Bucket": "AWS::S3::Bucket"}
    resources: dict[str, Any] = {name: {"Type": kind} for name, kind in kinds.items()}
    sqs, sns, s3 = cloud.client("sqs"), cloud.client("sns"), cloud.client("s3")
    for action in ("First", "Second"):
        ids = stack({**resources, **policies(action)})
        found = [
            sqs.get_queue_attributes(QueueUrl=ids["Queue"], AttributeNames=["Policy"])["Attributes"]["Policy"],
            sns.get_topic_attributes(TopicArn=ids["Topic"])["Attributes"]["Policy"],
            s3.get_bucket_policy(Bucket=ids["Bucket"])["Policy"],
        ]
        actions = [json.loads(text)["Statement"][0]["Action"] for text in found]
        assert actions == [f"sqs:{action}", f"sns:{action}", f"s3:{action}"]
    stack(resources)
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=ids["Queue"], AttributeNames=["Policy"])
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=ids["Bucket"])


def test_an_account_of_all_checks_is_kept(caller: Caller) -> None:
    caller.may()
    before = caller.cloud.permission_checks()
    for _ in range(3):
        caller.call("sns", "publish", TopicArn=f"arn:aws:sns:us-east-1:{ACCOUNT}:none", Message="m")
    after = caller.cloud.permission_checks()
    assert after["refused"] >= before["refused"] + 3
    [kind] = [each for each in after["kinds"] if each["action"] == "sns:Publish" and each["why_refused"]]
    assert kind["count"] == 3
    assert kind["principal"] == f"arn:aws:iam::{ACCOUNT}:role/caller"
