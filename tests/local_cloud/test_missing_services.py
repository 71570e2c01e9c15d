"""What calls Textract or Bedrock is deployed, and its calls fail; what encrypts objects with a key is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from status_tracker_local.cloud import LocalCloud
from tests.local_cloud.stack import Stack, left_out

PAGE: dict[str, Any] = {"Document": {"Bytes": b"%PDF"}, "FeatureTypes": ["FORMS"]}


def template(*actions: str) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    rights = {"Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    role = {
        "AssumeRolePolicyDocument": {"Statement": [trust]},
        "Policies": [{"PolicyName": "Rights", "PolicyDocument": rights}],
    }
    return json.dumps({"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": role}}})


def test_a_stack_that_encrypts_with_a_key_of_its_own_is_refused_by_name(cloud: LocalCloud) -> None:
    place = {"StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::docs/*"}}
    stack = json.loads(template("kms:Decrypt"))
    policies = stack["Resources"]["Role"]["Properties"]["Policies"]
    policies[0]["PolicyDocument"]["Statement"][0]["Condition"] = place
    with pytest.raises(ClientError, match=r"encrypts no objects with KMS keys.* in Role .*Deploy it here without"):
        cloud.client("cloudformation").create_stack(StackName="encrypting", TemplateBody=json.dumps(stack))


@pytest.mark.parametrize(
    ("action", "service", "ask"),
    [
        ("textract:AnalyzeDocument", "Amazon Textract", lambda client: client.analyze_document(**PAGE)),
        ("bedrock:InvokeModel", "Amazon Bedrock", lambda client: client.invoke_model(modelId="m.m-v1:0", body=b"{}")),
    ],
)
def test_a_stack_is_deployed_and_a_request_to_what_is_missing_fails(
    cloud: LocalCloud, action: str, service: str, ask: Callable[[Any], object]
) -> None:
    prefix = action.partition(":")[0]
    stack = Stack(cloud, prefix)
    stack.create(json.loads(template("s3:GetObject", action))["Resources"])
    assert left_out(stack)["lines"] == [
        f"The local cloud has no {service}: what Role gives rights on fails when it is called."
    ]
    with pytest.raises(ClientError, match=rf"NotInTheLocalCloud.* has no {service}: this request works only on AWS"):
        ask(cloud.client("bedrock-runtime" if prefix == "bedrock" else prefix))
