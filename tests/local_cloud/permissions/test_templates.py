"""A template with a policy that cannot be judged is refused, and told by what."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import LocalCloud
from local_cloud.permissions.templates import unknown_statement


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


@pytest.mark.parametrize("text", ["", "no template", "[]", "{}", "Resources:\n  A: 1\n"])
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
