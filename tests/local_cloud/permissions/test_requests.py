"""What each request of boto3 asks for."""

from __future__ import annotations

import io
import json
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from moto import mock_aws

from status_tracker_local.permissions.asks import Ask
from status_tracker_local.permissions.refusals import Answer, refusal
from status_tracker_local.permissions.requests import asks_of
from status_tracker_local.permissions.requests.api_request import ApiRequest
from tests.local_cloud.permissions.wire import client, environ_of

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/tasks"
QUEUE_URL = "http://localhost:5000/123456789012/jobs"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:jobs"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:work"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:work:one"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:read"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
ITEM = {"k": {"S": "a"}}


def asked(service: str, operation: str, parameters: dict[str, Any], **settings: Any) -> list[Ask]:
    """What the request asks for that boto3 makes of a call."""
    found: list[list[Ask]] = []

    def answer(request: ApiRequest) -> Answer:
        found.append(asks_of(request))
        return refusal(request, "no")

    with pytest.raises(ClientError):
        getattr(client(service, answer, **settings), operation)(**parameters)
    return found[0]


DYNAMODB: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("get_item", {"TableName": "tasks", "Key": ITEM}, [("GetItem", TABLE)]),
    ("get_item", {"TableName": TABLE, "Key": ITEM}, [("GetItem", TABLE)]),
    ("put_item", {"TableName": "tasks", "Item": ITEM}, [("PutItem", TABLE)]),
    ("update_item", {"TableName": "tasks", "Key": ITEM}, [("UpdateItem", TABLE)]),
    ("delete_item", {"TableName": "tasks", "Key": ITEM}, [("DeleteItem", TABLE)]),
    ("query", {"TableName": "tasks"}, [("Query", TABLE)]),
    ("query", {"TableName": "tasks", "IndexName": "own"}, [("Query", f"{TABLE}/index/own")]),
    ("scan", {"TableName": "tasks", "IndexName": "own"}, [("Scan", f"{TABLE}/index/own")]),
    ("describe_table", {"TableName": "tasks"}, [("DescribeTable", TABLE)]),
    ("list_tables", {}, [("ListTables", "*")]),
    (
        "batch_get_item",
        {"RequestItems": {"tasks": {"Keys": [ITEM]}, "other": {"Keys": [ITEM]}}},
        [("BatchGetItem", TABLE), ("BatchGetItem", TABLE.replace("tasks", "other"))],
    ),
    (
        "batch_write_item",
        {"RequestItems": {"tasks": [{"PutRequest": {"Item": ITEM}}]}},
        [("BatchWriteItem", TABLE)],
    ),
    (
        "transact_write_items",
        {
            "TransactItems": [
                {"Put": {"TableName": "tasks", "Item": ITEM}},
                {"Update": {"TableName": "tasks", "Key": ITEM, "UpdateExpression": "SET a = :a"}},
                {"Delete": {"TableName": "other", "Key": ITEM}},
                {"ConditionCheck": {"TableName": "tasks", "Key": ITEM, "ConditionExpression": "a = :a"}},
            ]
        },
        [
            ("PutItem", TABLE),
            ("UpdateItem", TABLE),
            ("DeleteItem", TABLE.replace("tasks", "other")),
            ("ConditionCheckItem", TABLE),
        ],
    ),
    (
        "transact_get_items",
        {"TransactItems": [{"Get": {"TableName": "tasks", "Key": ITEM}}]},
        [("GetItem", TABLE)],
    ),
]


@pytest.mark.parametrize(("operation", "parameters", "expected"), DYNAMODB)
def test_dynamodb(operation: str, parameters: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = asked("dynamodb", operation, parameters)
    assert found == [Ask(f"dynamodb:{action}", resource) for action, resource in expected]


OBJECT = {"Bucket": "docs", "Key": "a b/ü?#%2F.pdf"}
BUCKET_ARN = "arn:aws:s3:::docs"
OBJECT_ARN = f"{BUCKET_ARN}/a b/ü?#%2F.pdf"
UPLOAD = {**OBJECT, "UploadId": "u"}

S3: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("get_object", OBJECT, [("GetObject", OBJECT_ARN)]),
    ("get_object", {**OBJECT, "VersionId": "1"}, [("GetObjectVersion", OBJECT_ARN)]),
    ("head_object", OBJECT, [("GetObject", OBJECT_ARN)]),
    ("put_object", {**OBJECT, "Body": b"x"}, [("PutObject", OBJECT_ARN)]),
    (
        "put_object",
        {**OBJECT, "Body": b"x", "Tagging": "a=b", "ACL": "private"},
        [("PutObject", OBJECT_ARN), ("PutObjectTagging", OBJECT_ARN), ("PutObjectAcl", OBJECT_ARN)],
    ),
    ("delete_object", OBJECT, [("DeleteObject", OBJECT_ARN)]),
    (
        "delete_objects",
        {"Bucket": "docs", "Delete": {"Objects": [{"Key": "a&b"}, {"Key": "c"}]}},
        [("DeleteObject", f"{BUCKET_ARN}/a&b"), ("DeleteObject", f"{BUCKET_ARN}/c")],
    ),
    (
        "delete_objects",
        {"Bucket": "docs", "Delete": {"Objects": [{"Key": "a", "VersionId": "1"}, {"Key": "c"}]}},
        [("DeleteObjectVersion", f"{BUCKET_ARN}/a"), ("DeleteObject", f"{BUCKET_ARN}/c")],
    ),
    (
        "copy_object",
        {**OBJECT, "CopySource": {"Bucket": "from", "Key": "x y"}},
        [("PutObject", OBJECT_ARN), ("GetObject", "arn:aws:s3:::from/x y")],
    ),
    (
        "copy_object",
        {**OBJECT, "CopySource": {"Bucket": "from", "Key": "x", "VersionId": "1"}},
        [("PutObject", OBJECT_ARN), ("GetObjectVersion", "arn:aws:s3:::from/x")],
    ),
    ("create_multipart_upload", OBJECT, [("PutObject", OBJECT_ARN)]),
    ("upload_part", {**UPLOAD, "PartNumber": 1, "Body": b"x"}, [("PutObject", OBJECT_ARN)]),
    ("complete_multipart_upload", {**UPLOAD, "MultipartUpload": {"Parts": []}}, [("PutObject", OBJECT_ARN)]),
    ("abort_multipart_upload", UPLOAD, [("AbortMultipartUpload", OBJECT_ARN)]),
    ("list_parts", UPLOAD, [("ListMultipartUploadParts", OBJECT_ARN)]),
    ("get_object_tagging", OBJECT, [("GetObjectTagging", OBJECT_ARN)]),
    ("get_object_tagging", {**OBJECT, "VersionId": "1"}, [("GetObjectVersionTagging", OBJECT_ARN)]),
    (
        "get_object_attributes",
        {**OBJECT, "ObjectAttributes": ["ETag"]},
        [("GetObject", OBJECT_ARN), ("GetObjectAttributes", OBJECT_ARN)],
    ),
    ("head_bucket", {"Bucket": "docs"}, [("ListBucket", BUCKET_ARN)]),
    ("list_objects_v2", {"Bucket": "docs"}, [("ListBucket", BUCKET_ARN)]),
    ("list_objects", {"Bucket": "docs", "Marker": "a"}, [("ListBucket", BUCKET_ARN)]),
    ("list_object_versions", {"Bucket": "docs"}, [("ListBucketVersions", BUCKET_ARN)]),
    ("list_multipart_uploads", {"Bucket": "docs"}, [("ListBucketMultipartUploads", BUCKET_ARN)]),
    ("get_bucket_location", {"Bucket": "docs"}, [("GetBucketLocation", BUCKET_ARN)]),
    ("get_bucket_policy", {"Bucket": "docs"}, [("GetBucketPolicy", BUCKET_ARN)]),
    ("create_bucket", {"Bucket": "docs"}, [("CreateBucket", BUCKET_ARN)]),
    ("delete_bucket", {"Bucket": "docs"}, [("DeleteBucket", BUCKET_ARN)]),
    ("list_buckets", {}, [("ListAllMyBuckets", "*")]),
]


@pytest.mark.parametrize("style", ["path", "virtual"])
@pytest.mark.parametrize(("operation", "parameters", "expected"), S3)
def test_s3(operation: str, parameters: dict[str, Any], expected: list[tuple[str, str]], style: str) -> None:
    found = asked("s3", operation, parameters, s3={"addressing_style": style})
    assert found == [Ask(f"s3:{action}", resource) for action, resource in expected]


def test_lists_say_their_prefix_and_delimiter() -> None:
    [ask] = asked("s3", "list_objects_v2", {"Bucket": "docs", "Prefix": "a/", "Delimiter": "/", "MaxKeys": 5})
    assert ask.context == (("s3:prefix", "a/"), ("s3:delimiter", "/"))


def test_an_upload_to_s3_has_the_keys_that_encrypt_it_in_its_context() -> None:
    body = {"Bucket": "docs", "Key": "a", "Body": b""}
    [ask] = asked("s3", "put_object", body | {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "mine"})
    assert ask.context == (("s3:x-amz-server-side-encryption-aws-kms-key-id", "mine"),)
    [ask] = asked("s3", "put_object", body | {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32})
    assert ask.context == (("s3:x-amz-server-side-encryption-customer-algorithm", "AES256"),)


def test_what_is_not_known_of_s3_has_no_name_that_a_statement_could_give() -> None:
    [ask] = asked("s3", "get_bucket_cors", {"Bucket": "docs"})
    assert ask == Ask("s3:(GET ?cors)", BUCKET_ARN)


@pytest.mark.parametrize("signature", ["s3", "s3v4"])
def test_a_presigned_request_is_known_by_its_key(signature: str) -> None:
    def answer(request: ApiRequest) -> Answer:
        return refusal(request, "no")

    url = client("s3", answer, signature_version=signature).generate_presigned_url("get_object", Params=OBJECT)

    request = ApiRequest(environ_of(AWSRequest("GET", url=url, headers={})))
    assert (request.access_key, request.service) == ("ASIAEXAMPLE", "s3")
    assert asks_of(request) == [Ask("s3:GetObject", OBJECT_ARN)]


ENTRY = {"Id": "1", "ReceiptHandle": "r"}
OTHERS: list[tuple[str, str, dict[str, Any], list[tuple[str, str]]]] = [
    ("sqs", "send_message", {"QueueUrl": QUEUE_URL, "MessageBody": "m"}, [("sqs:SendMessage", QUEUE)]),
    (
        "sqs",
        "send_message_batch",
        {"QueueUrl": QUEUE_URL, "Entries": [{"Id": "1", "MessageBody": "m"}]},
        [("sqs:SendMessage", QUEUE)],
    ),
    ("sqs", "delete_message_batch", {"QueueUrl": QUEUE_URL, "Entries": [ENTRY]}, [("sqs:DeleteMessage", QUEUE)]),
    ("sqs", "get_queue_url", {"QueueName": "jobs"}, [("sqs:GetQueueUrl", QUEUE)]),
    ("sqs", "start_message_move_task", {"SourceArn": QUEUE}, [("sqs:StartMessageMoveTask", QUEUE)]),
    ("sqs", "list_queues", {}, [("sqs:ListQueues", "*")]),
    ("stepfunctions", "start_execution", {"stateMachineArn": MACHINE}, [("states:StartExecution", MACHINE)]),
    ("stepfunctions", "list_executions", {"stateMachineArn": MACHINE}, [("states:ListExecutions", MACHINE)]),
    ("stepfunctions", "describe_execution", {"executionArn": EXECUTION}, [("states:DescribeExecution", EXECUTION)]),
    ("stepfunctions", "stop_execution", {"executionArn": EXECUTION}, [("states:StopExecution", EXECUTION)]),
    ("stepfunctions", "send_task_success", {"taskToken": "t", "output": "{}"}, [("states:SendTaskSuccess", "*")]),
    ("lambda", "invoke", {"FunctionName": "read"}, [("lambda:InvokeFunction", FUNCTION)]),
    ("lambda", "invoke", {"FunctionName": FUNCTION, "Payload": b"{}"}, [("lambda:InvokeFunction", FUNCTION)]),
    ("lambda", "list_functions", {}, [("lambda:(GET /2015-03-31/functions)", "*")]),
    ("sns", "publish", {"TopicArn": TOPIC, "Message": "m"}, [("sns:Publish", TOPIC)]),
    ("kms", "decrypt", {"KeyId": KEY, "CiphertextBlob": b"x"}, [("kms:Decrypt", KEY)]),
    ("kms", "generate_data_key", {"KeyId": "k"}, [("kms:GenerateDataKey", KEY)]),
    (
        "events",
        "put_events",
        {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}, {"EventBusName": "own"}]},
        [
            ("events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/default"),
            ("events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/own"),
        ],
    ),
    (
        "scheduler",
        "get_schedule",
        {"Name": "s", "GroupName": "g"},
        [("scheduler:GetSchedule", "arn:aws:scheduler:us-east-1:123456789012:schedule/g/s")],
    ),
    ("cloudwatch", "put_metric_data", {"Namespace": "N", "MetricData": []}, [("cloudwatch:PutMetricData", "*")]),
    (
        "logs",
        "filter_log_events",
        {"logGroupName": "/g"},
        [("logs:FilterLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:/g")],
    ),
    (
        "ssm",
        "get_parameter",
        {"Name": "/a/b"},
        [("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/a/b")],
    ),
    (
        "ssm",
        "get_parameters",
        {"Names": ["/a/b", "c"]},
        [
            ("ssm:GetParameters", "arn:aws:ssm:us-east-1:123456789012:parameter/a/b"),
            ("ssm:GetParameters", "arn:aws:ssm:us-east-1:123456789012:parameter/c"),
        ],
    ),
    (
        "secretsmanager",
        "get_secret_value",
        {"SecretId": "gone"},
        [("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:123456789012:secret:gone")],
    ),
    ("sts", "get_caller_identity", {}, []),
    ("textract", "get_document_analysis", {"JobId": "j"}, [("textract:GetDocumentAnalysis", "*")]),
    (
        "bedrock-runtime",
        "converse",
        {"modelId": "maker.model-v1:0", "messages": [{"role": "user", "content": [{"text": "t"}]}]},
        [("bedrock:InvokeModel", "arn:aws:bedrock:us-east-1::foundation-model/maker.model-v1:0")],
    ),
    (
        "bedrock-runtime",
        "invoke_model",
        {"modelId": "eu.maker.model-v1:0"},
        [("bedrock:InvokeModel", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.maker.model-v1:0")],
    ),
    ("xray", "put_trace_segments", {"TraceSegmentDocuments": []}, [("xray:PutTraceSegments", "*")]),
]


@pytest.mark.parametrize(("service", "operation", "parameters", "expected"), OTHERS)
def test_other_services(
    service: str, operation: str, parameters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found = asked(service, operation, parameters)
    assert [(ask.action, ask.resource) for ask in found] == expected


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code", "status"),
    [
        ("dynamodb", "get_item", {"TableName": "t", "Key": ITEM}, "AccessDeniedException", 400),
        ("s3", "get_object", OBJECT, "AccessDenied", 403),
        ("s3", "head_object", OBJECT, "403", 403),
        ("sqs", "send_message", {"QueueUrl": QUEUE_URL, "MessageBody": "m"}, "AccessDenied", 403),
        ("stepfunctions", "start_execution", {"stateMachineArn": MACHINE}, "AccessDeniedException", 400),
        ("lambda", "invoke", {"FunctionName": "read"}, "AccessDeniedException", 403),
        ("events", "put_events", {"Entries": [{"Source": "s"}]}, "AccessDeniedException", 400),
        ("sns", "publish", {"TopicArn": TOPIC, "Message": "m"}, "AuthorizationError", 403),
        ("sts", "get_session_token", {}, "AccessDenied", 403),
        ("kms", "decrypt", {"KeyId": KEY, "CiphertextBlob": b"x"}, "AccessDeniedException", 400),
        ("cloudwatch", "put_metric_data", {"Namespace": "N", "MetricData": []}, "AccessDeniedException", 400),
        ("textract", "get_document_analysis", {"JobId": "j"}, "AccessDeniedException", 400),
        ("scheduler", "get_schedule", {"Name": "s"}, "AccessDeniedException", 403),
    ],
)
def test_each_service_refuses_in_its_own_way(
    service: str, operation: str, parameters: dict[str, Any], code: str, status: int
) -> None:
    said = "User: arn:… is not authorized to perform: x <y> & z"

    def answer(request: ApiRequest) -> Answer:
        return refusal(request, said)

    with pytest.raises(ClientError) as error:
        getattr(client(service, answer), operation)(**parameters)
    response = error.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert response["Error"]["Code"] == code
    assert response["Error"]["Message"] == ("Forbidden" if operation == "head_object" else said)


def test_a_secret_has_its_full_arn_also_where_its_name_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        arn = boto3.client("secretsmanager", "us-east-1").create_secret(Name="own", SecretString="s")["ARN"]
        for given in ("own", arn, arn.rpartition("-")[0]):
            [ask] = asked("secretsmanager", "get_secret_value", {"SecretId": given})
            assert ask == Ask("secretsmanager:GetSecretValue", arn)


def test_the_body_can_be_read_again() -> None:
    body = json.dumps({"TableName": "tasks"}).encode()
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=A/20261128/us-east-1/dynamodb/aws4_request, Signature=x",
        "HTTP_X_AMZ_TARGET": "DynamoDB_20120810.GetItem",
        "CONTENT_TYPE": "application/x-amz-json-1.0",
    }
    assert asks_of(ApiRequest(environ)) == [Ask("dynamodb:GetItem", TABLE)]
    assert environ["wsgi.input"].read() == body  # type: ignore[attr-defined]


def test_a_request_without_a_signature_has_no_key() -> None:
    assert ApiRequest({"REQUEST_METHOD": "GET"}).access_key == ""
