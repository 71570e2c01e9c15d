"""A template with a policy that cannot be judged is refused, and told by what."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from status_tracker_local.cloud import LocalCloud
from status_tracker_local.permissions.templates import unknown_statement


def template(*statements: Any, kind: str = "AWS::IAM::Role", where: str = "PolicyDocument") -> str:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    policies = [{"PolicyName": "Rights", where: document}]
    trust = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    properties = {"AssumeRolePolicyDocument": trust, "Policies": policies}
    return json.dumps({"Resources": {"Reader": {"Type": kind, "Properties": properties}}})


def statement(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **elements}


KNOWN = [
    statement(),
    statement(Resource={"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/*"}),
    statement(Condition={"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}),
    {"Fn::If": ["Chosen", statement(), {"Ref": "AWS::NoValue"}]},
    statement(Condition={"Fn::If": ["Chosen", {"Null": {"aws:SourceArn": "true"}}, {"Ref": "AWS::NoValue"}]}),
]


def test_what_can_be_judged_is_deployed() -> None:
    assert unknown_statement(template(*KNOWN)) is None


@pytest.mark.parametrize(
    "text", ["", "no template", "[]", "{}", "Resources:\n  A: 1\n", "Resources: [", "Resources: 1"]
)
def test_other_texts_are_no_templates(text: str) -> None:
    assert unknown_statement(text) is None


UNKNOWN = [
    (statement(NotAction="s3:*"), "NotAction"),
    ({"Fn::If": ["Chosen", statement(NotResource="*"), {"Ref": "AWS::NoValue"}]}, "NotResource"),
    (statement(Condition={"ForAnyValue:StringLike": {"s3:prefix": "a"}}), "operator ForAnyValue:StringLike"),
    (statement(Condition={"Fn::If": ["C", {"IpAddress": {"aws:SourceIp": "::/0"}}, {}]}), "operator IpAddress"),
    (statement(Condition={"StringEquals": {"dynamodb:LeadingKeys": "a"}}), "key dynamodb:LeadingKeys"),
    ({"Effect": "Allow", "Action": "s3:GetObject"}, "neither Resource nor Principal"),
    (statement(Resource="arn:aws:s3:::docs/${aws:username}"), "the policy variable"),
    (statement(Resource={"Fn::Sub": "arn:aws:s3:::docs/${!aws:username}"}), "the policy variable"),
]


@pytest.mark.parametrize(("odd", "named"), UNKNOWN)
def test_what_cannot_be_judged_is_named(odd: dict[str, Any], named: str) -> None:
    why = unknown_statement(template(statement(), odd))
    assert why is not None
    assert "of Reader: " in why
    assert named in why


def test_what_is_called_a_statement_and_is_none_is_left_alone() -> None:
    rules = [{"Name": "r", "Statement": {"RateBasedStatement": {"Limit": 1}}}]
    firewall = {"Type": "AWS::WAFv2::WebACL", "Properties": {"Rules": rules}}
    assert unknown_statement(json.dumps({"Resources": {"Firewall": firewall}})) is None


def test_a_policy_without_an_effect_is_seen_where_a_policy_is_due() -> None:
    queue = {"PolicyDocument": {"Statement": {"NotAction": "sqs:*", "Principal": "*"}}}
    key = {"KeyPolicy": {"Statement": [{"NotAction": "kms:*"}]}}
    for properties in (queue, key):
        assert "NotAction" in str(unknown_statement(json.dumps({"Resources": {"It": {"Properties": properties}}})))


def test_a_policy_that_is_given_as_text_is_seen() -> None:
    text = json.dumps({"Statement": [statement(NotAction="logs:*")]})
    policy = {"Type": "AWS::Logs::ResourcePolicy", "Properties": {"PolicyName": "P", "PolicyDocument": text}}
    assert "of P: NotAction" in str(unknown_statement(json.dumps({"Resources": {"P": policy}})))


def test_a_template_in_yaml_is_read() -> None:
    text = """
    Resources:
      Queues:
        Type: AWS::SQS::QueuePolicy
        Properties:
          Queues: [!Ref Queue]
          PolicyDocument:
            Statement: [{Effect: Allow, Principal: "*", NotAction: "sqs:*", Resource: !GetAtt Queue.Arn}]
    """
    assert "statement 1 of Queues: NotAction" in str(unknown_statement(text))
    assert unknown_statement(text.replace("NotAction", "Action")) is None


def test_the_statement_is_told_by_its_place_and_sid() -> None:
    why = unknown_statement(template(statement(), statement(NotAction="s3:*", Sid="Odd")))
    assert str(why).startswith("The local cloud cannot judge statement 3 (Odd) of Reader: NotAction. Say it with ")


def test_such_a_stack_is_refused_and_nothing_of_it_deployed(cloud: LocalCloud) -> None:
    cloudformation = cloud.client("cloudformation")
    odd = template(statement(NotAction="s3:*"))
    with pytest.raises(ClientError, match="cannot judge statement 2 of Reader: NotAction"):
        cloudformation.create_stack(StackName="odd", TemplateBody=odd)
    assert "odd" not in {each["StackName"] for each in cloudformation.list_stacks()["StackSummaries"]}
    cloudformation.create_stack(StackName="odd", TemplateBody=template(statement()))
    with pytest.raises(ClientError, match="NotAction"):
        cloudformation.update_stack(StackName="odd", TemplateBody=odd)
