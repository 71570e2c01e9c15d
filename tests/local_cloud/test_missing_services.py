"""A stage that reads with Textract or answers with Bedrock cannot be deployed here, and is told so at once."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from status_tracker_local.cloud import LocalCloud


def template(*actions: str) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    rights = {"Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    role = {
        "AssumeRolePolicyDocument": {"Statement": [trust]},
        "Policies": [{"PolicyName": "Rights", "PolicyDocument": rights}],
    }
    return json.dumps({"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": role}}})


def test_a_stage_that_encrypts_with_a_key_of_its_own_is_told_to_do_without(cloud: LocalCloud) -> None:
    place = {"StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::docs/*"}}
    stack = json.loads(template("kms:Decrypt"))
    policies = stack["Resources"]["Role"]["Properties"]["Policies"]
    policies[0]["PolicyDocument"]["Statement"][0]["Condition"] = place
    with pytest.raises(ClientError, match=r"encrypts no objects with KMS keys.* leave document_key_arn out"):
        cloud.client("cloudformation").create_stack(StackName="encrypting", TemplateBody=json.dumps(stack))


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("textract:AnalyzeDocument", 'has no Amazon Textract.* set its reader to "pypdf"'),
        ("bedrock:InvokeModel", 'has no Amazon Bedrock.* set its answerer to "key_values"'),
    ],
)
def test_stack_with_rights_on_what_is_missing_is_refused(cloud: LocalCloud, action: str, said: str) -> None:
    cloudformation = cloud.client("cloudformation")
    with pytest.raises(ClientError, match=said):
        cloudformation.create_stack(StackName="reading", TemplateBody=template("s3:GetObject", action))
    assert "reading" not in {each["StackName"] for each in cloudformation.list_stacks()["StackSummaries"]}
    with pytest.raises(ClientError, match=said):
        cloudformation.create_change_set(
            StackName="reading", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=template(action)
        )


def test_update_to_what_is_missing_is_refused_and_leaves_the_stack(cloud: LocalCloud) -> None:
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName="plain", TemplateBody=template("s3:GetObject"))
    with pytest.raises(ClientError, match="has no Amazon Textract"):
        cloudformation.update_stack(StackName="plain", TemplateBody=template("textract:AnalyzeDocument"))
    [stack] = cloudformation.describe_stacks(StackName="plain")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
