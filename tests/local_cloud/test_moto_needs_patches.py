"""Each patch of `moto_patches` and `.moto_roles` is still needed: moto by itself does not do it yet.

A test that fails here is good news: moto has learnt it, and the patch that its message names can go.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.awslambda.models import EventInvokeConfig, LambdaBackend, LambdaFunction, LayerVersion
from moto.awslambda.responses import LambdaResponse
from moto.backends import list_of_moto_modules
from moto.cloudformation import parsing
from moto.cloudformation.custom_model import CustomModel
from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudwatch.metric_data_expression_parser import parse_expression
from moto.cloudwatch.models import Alarm
from moto.core import serialize
from moto.core import utils as core_utils
from moto.core.common_models import CloudFormationModel
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import LimitedSizeDict
from moto.dynamodb.models.table import StreamShard, Table
from moto.dynamodb.parsing import ast_nodes, expressions
from moto.dynamodb.responses import DynamoHandler
from moto.events.models import EventBus, EventsBackend, Rule
from moto.events.utils import _BASE_EVENT_MESSAGE, EventTemplateParser
from moto.iam import models as moto_iam
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3 import notifications
from moto.scheduler import models as scheduler_models
from moto.scheduler.models import Schedule
from moto.sqs.models import Message, Queue, SQSBackend
from moto.stepfunctions import models as stepfunctions_models
from moto.stepfunctions.parser import models as parser_models
from moto.stepfunctions.parser import quotas
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.parse import asl_parser
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
from moto.stepfunctions.responses import StepFunctionResponse


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def create_stack(kind: str, properties: dict[str, Any]) -> str:
    """Deploy one resource; returns its physical id."""
    cloudformation = boto3.client("cloudformation")
    template = {"Resources": {"It": {"Type": kind, "Properties": properties}}}
    cloudformation.create_stack(StackName="one", TemplateBody=json.dumps(template))
    found: str = cloudformation.describe_stack_resources(StackName="one")["StackResources"][0]["PhysicalResourceId"]
    return found


@pytest.mark.usefixtures("account")
def test_bucket_settings() -> None:
    properties = {
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
    }
    bucket, s3 = create_stack("AWS::S3::Bucket", properties), boto3.client("s3")
    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket=bucket), (
        "_apply_bucket_settings"
    )
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchPublicAccessBlock"):
        s3.get_public_access_block(Bucket=bucket)


@pytest.mark.usefixtures("account")
def test_table_settings() -> None:
    properties = {
        "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "TimeToLiveSpecification": {"AttributeName": "gone", "Enabled": True},
    }
    table, dynamodb = create_stack("AWS::DynamoDB::Table", properties), boto3.client("dynamodb")
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED", "_apply_table_settings"
    time_to_live = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert time_to_live["TimeToLiveStatus"] == "DISABLED", "_apply_table_settings"


def test_a_bus_has_no_name_and_loses_its_rules() -> None:
    assert not hasattr(EventBus, "physical_resource_id"), "_keep_buses"
    assert "original_resource.delete" in inspect.getsource(EventBus.update_from_cloudformation_json), "_keep_buses"
    assert "in self.rules.values()" in inspect.getsource(EventBus.delete), "_keep_buses"


def test_schedules_and_event_invoke_configs_are_not_deployed() -> None:
    deployed = {model.cloudformation_type(): model.__qualname__ for model in parsing.get_model_list()}
    ours = {"AWS::Scheduler::Schedule": "StackSchedule", "AWS::Lambda::EventInvokeConfig": "StackEventInvokeConfig"}
    for kind, model in ours.items():
        assert deployed.get(kind, model) == model, "_deploy_more_types"
    for moto_s in (Schedule, EventInvokeConfig):
        assert not issubclass(moto_s, CloudFormationModel), "_deploy_more_types"


def test_alarms_are_not_deployed_and_not_evaluated() -> None:
    assert not issubclass(Alarm, CloudFormationModel), "_deploy_more_types"
    assert parse_expression("a + a", [{"id": "a", "values": [1], "timestamps": [0]}]) == ([], []), (
        "status_tracker_local.monitoring"
    )
    assert 'state_value = "OK"' in inspect.getsource(Alarm.__init__), "_begin_alarms_without_data"


def test_schedules_are_not_run() -> None:
    assert "invoke" not in inspect.getsource(scheduler_models), "status_tracker_local.scheduler"


def test_function_layers() -> None:
    source = inspect.getsource(LambdaFunction.create_from_cloudformation_json)
    assert '"Layers"' not in source, "_give_functions_their_layers"
    assert '"Architectures"' not in source, "_give_functions_their_layers"


def test_functions_run_in_docker() -> None:
    assert "docker" in inspect.getsource(LambdaFunction._invoke_lambda), "_run_functions"


def test_layer_arn_and_update() -> None:
    assert not hasattr(LayerVersion, "physical_resource_id"), "_give_layers_an_arn"
    assert cannot_update(LayerVersion), "_give_layers_an_arn"


def test_resources_that_cannot_be_updated_are_lost() -> None:
    assert cannot_update(Table)
    source = inspect.getsource(parsing.parse_and_update_resource)
    assert "return None" in source, "keep_what_cannot_be_changed"


def cannot_update(model: Any) -> bool:
    return hasattr(model.update_from_cloudformation_json, "__isabstractmethod__")


def test_state_machines_of_cloudformation_are_not_executed() -> None:
    assert stepfunctions_models.stepfunctions_backends is not parser_models.stepfunctions_parser_backends, (
        "_execute_state_machines"
    )
    source = inspect.getsource(stepfunctions_models.StateMachine.create_from_cloudformation_json)
    assert "stepfunctions_backends[" in source, "_execute_state_machines"


@pytest.mark.usefixtures("account")
def test_executor_clients_are_not_kept() -> None:
    clients = [boto_client.boto_client_for("us-east-1", "lambda") for _ in range(2)]
    assert clients[0] is not clients[1], "_act_as_the_state_machine"


def test_the_executor_has_no_role() -> None:
    assert 'aws_access_key_id="ak"' in inspect.getsource(boto_client), "_act_as_the_state_machine"


def test_queues_and_tables_invoke_on_send_and_write() -> None:
    assert "send_sqs_batch" in inspect.getsource(Queue.add_message), "leave_event_sources_to_the_pollers"
    assert "send_dynamodb_items" in inspect.getsource(StreamShard.add), "leave_event_sources_to_the_pollers"
    assert "batchItemFailures" not in inspect.getsource(LambdaBackend), "leave_event_sources_to_the_pollers"


def test_shards_are_all_alike_and_tell_also_what_changes_nothing() -> None:
    assert '"shardId-0' in inspect.getsource(StreamShard.__init__), "number_records_on"
    assert "==" not in inspect.getsource(StreamShard.add), "tell_changes_only"


def test_a_transaction_copies_the_whole_table() -> None:
    source = inspect.getsource(DynamoDBBackend.transact_write_items)
    assert "original_table_state[table_name] = copy.deepcopy(" in source, "mend_dynamodb"


def test_rules_have_few_targets_and_break_off() -> None:
    source = inspect.getsource(Rule.send_to_targets)
    assert "NotImplementedError" in source, "status_tracker_local.event_targets"
    assert '"lambda"' not in source, "status_tracker_local.event_targets"
    assert "account" not in EventTemplateParser.DEFAULT_EVENT_INPUT_TEMPLATE, "status_tracker_local.event_targets"


def test_operations_are_not_atomic() -> None:
    operations = (
        DynamoHandler.call_action,  # status_tracker.testing.moto
        Queue.delete_message,
        parser_models.StepFunctionsParserBackend.start_execution,
    )
    for operation in operations:
        assert "lock:" not in inspect.getsource(operation), f"_make_operations_atomic: {operation.__qualname__}"


def test_a_refused_update_changes_something() -> None:
    source = inspect.getsource(DynamoDBBackend.update_item)
    assert "orig_item" in source, "mend_dynamodb"
    assert "item.attrs = " not in source, "mend_dynamodb"


def test_the_size_of_an_item_is_not_dynamodb_s() -> None:
    assert "405000" in inspect.getsource(LimitedSizeDict), "mend_dynamodb"


def test_retries_of_asynchronous_invocations() -> None:
    assert "MaximumRetryAttempts" not in inspect.getsource(LambdaFunction.invoke), "status_tracker_local.asynchronous"


@pytest.mark.usefixtures("account")
def test_a_parameter_left_to_its_default_breaks_the_update() -> None:
    template: Any = {
        "Parameters": {"Version": {"Type": "String", "Default": "1"}},
        "Resources": {"It": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "one"}}},
    }
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(StackName="one", TemplateBody=json.dumps(template))
    template["Resources"]["It"]["Properties"]["VisibilityTimeout"] = 60
    kept: Any = [{"ParameterKey": "Version", "UsePreviousValue": True}]
    with pytest.raises(KeyError):
        cloudformation.update_stack(StackName="one", TemplateBody=json.dumps(template), Parameters=kept)
        pytest.fail("_know_the_defaults_of_parameters")


def test_stopping_an_execution_drops_the_error_and_waits() -> None:
    assert '"cause"' not in inspect.getsource(StepFunctionResponse.stop_execution), "abort_executions_at_once"
    source = inspect.getsource(BaseExecutionWorkerCommunication._reflect_execution_status)
    assert "ABORTED:" not in source, "abort_executions_at_once"


def test_sizes_of_payloads() -> None:
    limited = {
        SQSBackend._validate_message: "encode",
        SQSBackend.send_message_batch: 'encode("utf-8")) for',
        EventsBackend.put_events: "size",
        parser_models.StepFunctionsParserBackend.start_execution: "quota",
        quotas.is_within_size_quota: "<=",
    }
    for operation, mark in limited.items():
        assert mark not in inspect.getsource(operation), f"limit_payloads: {operation.__qualname__}"
    assert "6000000" in inspect.getsource(LambdaResponse.invoke), "limit_payloads"


def test_upload_events() -> None:
    source = inspect.getsource(notifications._send_event_bridge_message)
    assert '"eTag"' in source, "status_tracker_local.event_targets"
    assert 'event["id"]' not in source, "status_tracker_local.event_targets"
    assert _BASE_EVENT_MESSAGE["id"], "status_tracker_local.event_targets"


def test_executions_without_a_name_get_none() -> None:
    source = inspect.getsource(parser_models.StepFunctionsParserBackend.start_execution)
    assert "exec_name = name " in source, "_name_executions"


def test_a_map_goes_well_whatever_fails_of_it() -> None:
    source = inspect.getsource(DistributedIterationComponent)
    assert "eval_input.tolerated_failure_count" not in source, "_fail_maps_with_too_many_failures"


def test_what_a_request_looks_for_is_looked_for_each_time() -> None:
    assert inspect.isgeneratorfunction(list_of_moto_modules), "list_modules_once"
    assert "cache" not in inspect.getsource(DomainDispatcherApplication), "find_services_once"
    for function in (core_utils.method_names_from_class, core_utils.camelcase_to_underscores):
        assert not hasattr(function, "cache_info"), f"list_actions_once: {function.__name__}"


def test_a_queue_asks_the_time_for_each_message() -> None:
    for name in ("visible", "delayed"):
        assert "unix_time_millis()" in inspect.getsource(vars(Message)[name].fget), "look_at_the_clock_once_a_queue"
    for name in ("messages", "approximate_number_of_messages_delayed"):
        assert "if m" in inspect.getsource(vars(Queue)[name].fget), "look_at_the_clock_once_a_queue"
    assert "get_queue_attributes" in inspect.getsource(SQSBackend.is_message_valid_based_on_retention_period), (
        "ask_a_queue_for_its_retention_only"
    )


def test_items_are_written_and_updated_in_many_passes() -> None:
    assert len(serialize.DEFAULT_ALIAS_PROVIDERS) > 1, "write_attributes_in_one_pass"
    assert "AttributeValue" not in inspect.getsource(serialize), "write_attributes_in_one_pass"
    parser, traverser = vars(expressions)["UpdateExpressionParser"], vars(ast_nodes)["DepthFirstTraverser"]
    assert "parse()" in inspect.getsource(parser.make), "parse_updates_once"
    assert "self.nodes_to_be_processed()" in inspect.getsource(traverser.traverse_node_recursively), (
        "look_at_the_nodes_of_an_update_once"
    )


def test_definitions_are_parsed_for_each_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Any] = []
    parser = asl_parser.ASLParser
    monkeypatch.setattr(asl_parser, "ASLParser", lambda stream: parsed.append(stream) or parser(stream))
    for _ in range(2):
        asl_parser.AmazonStateLanguageParser.parse('{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}')
    assert len(parsed) == 2, "_parse_definitions_once"


@pytest.mark.parametrize("kind", ["AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy"])
def test_policies_of_resources_are_no_resources(kind: str) -> None:
    script = "import sys; from moto.cloudformation import parsing; sys.exit(sys.argv[1] in parsing.get_model_map())"
    known = subprocess.run([sys.executable, "-c", script, kind], check=False).returncode  # noqa: S603 - our own script
    assert not known, "_deploy_policies"


@pytest.mark.usefixtures("account")
def test_the_rights_of_a_role_are_forgotten() -> None:
    trusting = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    reading = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    properties: dict[str, Any] = {
        "AssumeRolePolicyDocument": trusting,
        "ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
    }
    name, iam = create_stack("AWS::IAM::Role", properties), boto3.client("iam")
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == [], "_deploy_policies"
    properties["Policies"] = [{"PolicyName": "Rights", "PolicyDocument": reading}]
    template = {"Resources": {"It": {"Type": "AWS::IAM::Role", "Properties": properties}}}
    boto3.client("cloudformation").update_stack(StackName="one", TemplateBody=json.dumps(template))
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == [], "_deploy_policies"
    policy = moto_iam.ManagedPolicy
    assert hasattr(policy.update_from_cloudformation_json, "__isabstractmethod__"), "_deploy_policies"


@pytest.mark.usefixtures("account")
def test_bucket_policies_are_judged_without_their_conditions() -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="docs")
    s3.put_object(Bucket="docs", Key="a")
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::docs/*"}
    policy = {"Version": "2012-10-17", "Statement": [{**deny, "Condition": insecure}]}
    s3.put_bucket_policy(Bucket="docs", Policy=json.dumps(policy))
    answer = s3.delete_objects(Bucket="docs", Delete={"Objects": [{"Key": "a"}]})
    assert answer["Errors"][0]["Code"] == "AccessDenied", "_leave_bucket_policies_to_the_judge"


@pytest.mark.usefixtures("account")
def test_a_queue_loses_its_policy_with_another_attribute() -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="q", Attributes={"Policy": json.dumps({"Statement": [{"Sid": "a"}]})})["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "2"})
    left = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    assert "Policy" not in left.get("Attributes", {}), "_keep_policies_of_queues"


def test_events_and_polls_need_no_rights() -> None:
    assert "policy" not in inspect.getsource(Rule._send_to_sqs_queue), "status_tracker_local.event_targets"
    assert "role" not in inspect.getsource(LambdaBackend.create_event_source_mapping), "_check_event_sources"


def test_a_map_starts_no_executions() -> None:
    assert "role_arn" not in inspect.getsource(DistributedIterationComponent), "_hold_maps_to_their_role"


def test_a_refusal_to_invoke_has_the_name_of_its_code() -> None:
    source = inspect.getsource(StateTaskServiceLambda)
    assert "AWSLambdaException" not in source, "_name_the_refusal_to_invoke"


def test_the_answer_about_a_custom_resource_is_not_waited_for() -> None:
    assert "Thread(" in inspect.getsource(CustomModel), "make_custom_resources"
    assert hasattr(CustomModel.update_from_cloudformation_json, "__isabstractmethod__"), "make_custom_resources"


def test_changes_that_fail_are_kept() -> None:
    for change in (CloudFormationBackend.create_stack, CloudFormationBackend.update_stack):
        assert "except" not in inspect.getsource(change), "take_back_what_fails"
    for step in (parsing.parse_and_create_resource, parsing.parse_and_update_resource):
        assert "except" not in inspect.getsource(step), "name_what_fails"


def test_what_was_removed_is_remembered() -> None:
    assert ".pop(" not in inspect.getsource(parsing.ResourceMap.update), "forget_what_is_removed"


def test_nested_stacks_that_change_are_deleted() -> None:
    source = inspect.getsource(Stack.update_from_cloudformation_json)
    assert "delete_from_cloudformation_json" in source, "change_nested_stacks"
    assert not hasattr(Stack, "get_cfn_attribute"), "change_nested_stacks"


def test_changed_inline_code_is_taken_for_a_zip_file() -> None:
    source = inspect.getsource(LambdaFunction.update_from_cloudformation_json)
    assert "plaintext" not in source, "update_inline_code"


@pytest.mark.usefixtures("account")
def test_an_output_about_an_unknown_resource_breaks_the_deployment() -> None:
    about = {"Value": {"Fn::GetAtt": ["Cell", "Arn"]}}
    template = {"Resources": {"Cell": {"Type": "AWS::Unknown::Cell"}}, "Outputs": {"Cell": about}}
    with pytest.raises(AttributeError):
        boto3.client("cloudformation").create_stack(StackName="cells", TemplateBody=json.dumps(template))
        pytest.fail("leave_out_outputs")
