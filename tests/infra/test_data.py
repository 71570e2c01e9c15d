"""What is stored: its shape, its encryption, who may reach it, and how long it is kept."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from moto import mock_aws

import status_tracker as st
from documents_stack.settings import Settings, SettingsError
from tests.infra.synthesis import CONTEXT, Synthesized, listed
from tests.infra.variants import KEY, synthesized

REGION = "us-east-1"
BUCKETS = ("AccessLogs", "Documents", "Results")
KEY_OF_UPLOAD = "s3:x-amz-server-side-encryption-aws-kms-key-id"
KEY_OF_UPLOADER = "s3:x-amz-server-side-encryption-customer-algorithm"
STATEFUL = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup")


class Task(st.BaseTask):
    """A user's tasks, as the library's documentation has them."""

    class Meta:
        table_name = "tasks"
        region = REGION
        billing_mode = "PAY_PER_REQUEST"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()


@pytest.fixture
def model_table(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The table that the library's model itself would create."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        Task.create_table()
        return boto3.client("dynamodb", REGION).describe_table(TableName="tasks")["Table"]


def test_table_is_that_of_the_library(stage: Synthesized, model_table: Any) -> None:
    table = stage.properties("AWS::DynamoDB::Table")
    assert table["KeySchema"] == model_table["KeySchema"]
    by_name = {definition["AttributeName"]: definition for definition in model_table["AttributeDefinitions"]}
    assert {definition["AttributeName"]: definition for definition in table["AttributeDefinitions"]} == by_name


def test_index_is_that_of_the_library(stage: Synthesized, model_table: Any) -> None:
    [index] = stage.properties("AWS::DynamoDB::Table")["GlobalSecondaryIndexes"]
    [expected] = model_table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == expected["IndexName"]
    assert index["KeySchema"] == expected["KeySchema"]
    assert index["Projection"]["ProjectionType"] == expected["Projection"]["ProjectionType"] == "INCLUDE"
    assert set(index["Projection"]["NonKeyAttributes"]) == set(expected["Projection"]["NonKeyAttributes"])


def test_table_is_paid_by_request_encrypted_and_recoverable(stage: Synthesized) -> None:
    table = stage.properties("AWS::DynamoDB::Table")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_finished_tasks_can_be_given_a_time_to_live(stage: Synthesized) -> None:
    specification = stage.properties("AWS::DynamoDB::Table")["TimeToLiveSpecification"]
    assert specification == {"AttributeName": Task.expire_at.attr_name, "Enabled": True}
    assert Task.expire_at.attr_name == "expire_at"


@pytest.mark.parametrize("name", BUCKETS)
def test_bucket_is_private_and_encrypted(stage: Synthesized, name: str) -> None:
    bucket = stage.properties("AWS::S3::Bucket", name)
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def refused_uploads(stack: Synthesized) -> list[dict[str, Any]]:
    """The conditions under which nobody may put an object into the document bucket."""
    statements = stack.properties("AWS::S3::BucketPolicy", "Documents")["PolicyDocument"]["Statement"]
    refusals = [each for each in statements if each["Effect"] == "Deny" and each["Action"] == "s3:PutObject"]
    for each in refusals:
        assert (each["Principal"], each["Resource"]) == ({"AWS": "*"}, "<BucketsDocuments.Arn>/*")
    return [each["Condition"] for each in refusals]


def test_uploads_that_nobody_could_decrypt_are_refused(stage: Synthesized) -> None:
    assert refused_uploads(stage) == [{"Null": {KEY_OF_UPLOAD: "false"}}, {"Null": {KEY_OF_UPLOADER: "false"}}]


def test_documents_may_have_a_key_of_the_users_own() -> None:
    stack = synthesized("key")
    [rule] = stack.properties("AWS::S3::Bucket", "Documents")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
    }
    assert refused_uploads(stack) == [
        {"Null": {KEY_OF_UPLOAD: "false"}, "StringNotEquals": {KEY_OF_UPLOAD: KEY}},
        {"Null": {KEY_OF_UPLOADER: "false"}},
    ]
    places = ["<BucketsDocuments.Arn>", "<BucketsDocuments.Arn>/*"]
    decrypting = {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": KEY,
        "Condition": {"StringLike": {"kms:EncryptionContext:aws:s3:arn": places}},
    }
    for role, properties in stack.of_type("AWS::IAM::Role").items():
        policies = properties["Properties"].get("Policies", [])
        given = [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]
        reads = any(role.startswith(reader) for reader in ("ExtractHandler", "AnalysisStart"))
        assert [each for each in given if KEY in listed(each["Resource"])] == ([decrypting] if reads else [])


@pytest.mark.parametrize("given", ["alias/documents", KEY.replace("key/", "alias/"), "", "*"])
def test_a_key_has_to_be_named_by_its_arn(given: str) -> None:
    with pytest.raises(SettingsError, match=r"document_key_arn .* must be the ARN of a KMS key"):
        Settings.from_context(CONTEXT["stages"], "prod", {"document_key_arn": given})


@pytest.mark.parametrize("name", ["Documents", "Results"])
def test_bucket_keeps_a_log_of_who_read_it(stage: Synthesized, name: str) -> None:
    logging = stage.properties("AWS::S3::Bucket", name)["LoggingConfiguration"]
    assert logging == {"DestinationBucketName": "<BucketsAccessLogs>", "LogFilePrefix": f"{name.lower()}/"}


def test_queues_are_encrypted(stage: Synthesized) -> None:
    queues = stage.of_type("AWS::SQS::Queue")
    assert queues
    assert all(queue["Properties"]["SqsManagedSseEnabled"] for queue in queues.values())


@pytest.mark.parametrize(
    ("resource_type", "policy_type", "actions"),
    [
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "s3:*"),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "sqs:*"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "sns:Publish"),
    ],
)
def test_only_tls(stage: Synthesized, resource_type: str, policy_type: str, actions: str) -> None:
    refused = {
        resource
        for policy in stage.of_type(policy_type).values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Action"] == actions
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for resource in listed(statement["Resource"])
    }
    names = stage.of_type(resource_type)
    assert names
    for name in names:
        assert {f"<{name}>", f"<{name}.Arn>"} & refused


def test_prod_keeps_its_data_when_the_stack_is_deleted(prod: Synthesized) -> None:
    """A first deployment that fails deletes what it has made, but for the table, whose protection refuses that."""
    for resource_type in STATEFUL:
        for resource in prod.of_type(resource_type).values():
            protected = resource["Properties"].get("DeletionProtectionEnabled", False)
            assert resource["DeletionPolicy"] == ("Retain" if protected else "RetainExceptOnCreate")
            assert resource["UpdateReplacePolicy"] == "Retain"
    assert prod.properties("AWS::DynamoDB::Table")["DeletionProtectionEnabled"] is True
    assert prod.stack.termination_protection is True


def test_local_leaves_nothing_behind(local: Synthesized) -> None:
    for resource_type in (*STATEFUL, "AWS::KMS::Key"):
        for resource in local.of_type(resource_type).values():
            assert resource["DeletionPolicy"] == "Delete"
    assert local.properties("AWS::DynamoDB::Table")["DeletionProtectionEnabled"] is False


def test_logs_are_kept_as_long_as_the_stage_says(local: Synthesized, prod: Synthesized) -> None:
    for stage, days in ((local, 1), (prod, 365)):
        groups = stage.of_type("AWS::Logs::LogGroup").values()
        writers = (*stage.of_type("AWS::Lambda::Function"), *stage.of_type("AWS::StepFunctions::StateMachine"))
        assert len(groups) == len(writers)
        assert {group["Properties"]["RetentionInDays"] for group in groups} == {days}
