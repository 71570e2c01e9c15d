"""The judge, on policies that moto holds in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.iam.models import iam_backends

from status_tracker_local.permissions.asks import Ask, Role, Service
from status_tracker_local.permissions.deployed_policies import give_rights
from status_tracker_local.permissions.errors import RefusedError
from status_tracker_local.permissions.judge import Judge
from status_tracker_local.permissions.services import alarm_may_notify

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:reader"
ALARM = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:late"
READING = Ask("s3:GetObject", "arn:aws:s3:::docs/a")
ACCOUNT = "123456789012"
RIGHTS = {
    "PolicyName": "Rights",
    "PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]},
}


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Judge]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Judge()


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str, resource: str = "*", **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **elements}


def make_role(name: str = "reader", *, condition: dict[str, Any] | None = None) -> Role:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust |= {"Condition": condition} if condition else {}
    made = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
    return Role(made["Role"]["Arn"], "reader")


def test_a_change_of_the_policies_counts_at_once(judge: Judge) -> None:
    role, iam = make_role(), boto3.client("iam")
    assert not judge.allows(role, READING)
    iam.put_role_policy(RoleName="reader", PolicyName="P", PolicyDocument=document(allow("s3:GetObject")))
    assert judge.allows(role, READING)
    iam.put_role_policy(RoleName="reader", PolicyName="P", PolicyDocument=document(allow("s3:PutObject")))
    assert not judge.allows(role, READING)
    managed = iam.create_policy(PolicyName="M", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="reader", PolicyArn=managed)
    assert judge.allows(role, READING)
    iam.create_policy_version(PolicyArn=managed, PolicyDocument=document(allow("s3:PutObject")), SetAsDefault=True)
    assert not judge.allows(role, READING)


def test_the_message_says_who_what_on_what_and_which_policy(judge: Judge) -> None:
    role = make_role()
    policy = document(allow("s3:GetObject", "arn:aws:s3:::other/*"))
    boto3.client("iam").put_role_policy(RoleName="reader", PolicyName="Rights", PolicyDocument=policy)
    with pytest.raises(RefusedError) as error:
        judge.require(role, READING)
    assert str(error.value) == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/reader/reader is not authorized to perform: s3:GetObject on "
        "resource: arn:aws:s3:::docs/a because no identity-based policy allows the s3:GetObject action (the policy "
        "Rights of reader, statement 1, allows it, but only on arn:aws:s3:::other/*)"
    )


def test_what_cannot_be_judged_is_not_allowed(judge: Judge) -> None:
    role = make_role()
    odd = document(allow("s3:*"), {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"})
    boto3.client("iam").put_role_policy(RoleName="reader", PolicyName="Odd", PolicyDocument=odd)
    with pytest.raises(RefusedError, match="cannot judge it: the policy Odd of reader, statement 2: NotAction"):
        judge.require(role, READING)


def test_a_policy_of_a_role_names_no_principal(judge: Judge) -> None:
    role = make_role()
    odd = document(allow("s3:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}))
    boto3.client("iam").put_role_policy(RoleName="reader", PolicyName="Odd", PolicyDocument=odd)
    with pytest.raises(RefusedError, match="the policy Odd of reader, statement 1: Principal, in a policy of a role"):
        judge.require(role, READING)


def test_a_session_is_of_its_role_and_stays_the_same(judge: Judge) -> None:
    role = make_role()
    session = judge.session(role.arn, service="lambda.amazonaws.com", source_arn=FUNCTION)
    assert session == judge.session(role.arn, service="lambda.amazonaws.com", source_arn=FUNCTION)
    environment = session.environment
    assert judge.role_of(environment["AWS_ACCESS_KEY_ID"]) == role
    caller = boto3.client(
        "sts",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment["AWS_SESSION_TOKEN"],
    ).get_caller_identity()
    assert caller["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/reader"


def test_whoever_assumes_a_role_is_held_to_it(judge: Judge) -> None:
    role = make_role()
    sts = boto3.client("sts")
    mine = sts.assume_role(RoleArn=role.arn, RoleSessionName="me")["Credentials"]["AccessKeyId"]
    assert judge.role_of(mine) == Role(role.arn, "me")


def test_the_operator_and_the_hands_of_the_cdk_have_no_role(judge: Judge) -> None:
    sts = boto3.client("sts")
    for kind in ("deploy", "cfn-exec", "file-publishing", "image-publishing", "lookup"):
        role = make_role(f"cdk-hnb659fds-{kind}-role-{ACCOUNT}-us-east-1")
        key = sts.assume_role(RoleArn=role.arn, RoleSessionName="cdk")["Credentials"]["AccessKeyId"]
        assert judge.role_of(key) is None
    assert [judge.role_of(each) for each in ("local", "", "AKIAEXAMPLE", "ASIAEXAMPLE")] == [None] * 4


@pytest.mark.parametrize("name", ["cdk-orders-ReaderRole-1A2B", "cdk-orders-deploy-role-1A2B"])
def test_a_stack_may_have_a_name_as_the_cdk_gives_them(judge: Judge, name: str) -> None:
    role = make_role(name)
    key = boto3.client("sts").assume_role(RoleArn=role.arn, RoleSessionName="me")["Credentials"]["AccessKeyId"]
    assert judge.role_of(key) == Role(role.arn, "me")
    give_rights(iam_backends[ACCOUNT]["aws"].get_role(name), {"AssumeRolePolicyDocument": {}, "Policies": [RIGHTS]})
    assert judge.allows(role, READING)
    assert not judge.allows(role, Ask("s3:PutObject", "arn:aws:s3:::docs/a"))


@pytest.mark.parametrize(
    ("account", "service"), [("210987654321", "lambda.amazonaws.com"), (ACCOUNT, "states.amazonaws.com")]
)
def test_only_whom_a_role_trusts_takes_it(judge: Judge, account: str, service: str) -> None:
    own = make_role("own", condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}})
    assert judge.session(own.arn, service="lambda.amazonaws.com", source_arn=FUNCTION).role.name == "own"
    role = make_role(condition={"StringEquals": {"aws:SourceAccount": account}})
    with pytest.raises(RefusedError) as error:
        judge.session(role.arn, service=service, source_arn=FUNCTION)
    assert f"{service} (for {FUNCTION}) is not authorized to perform: sts:AssumeRole" in str(error.value)


def test_a_role_that_is_not_there_allows_nothing(judge: Judge) -> None:
    gone = Role(f"arn:aws:iam::{ACCOUNT}:role/gone", "x")
    assert not judge.allows(gone, READING)
    with pytest.raises(RefusedError, match="because there is no such role"):
        judge.session(gone.arn, service="lambda.amazonaws.com", source_arn=FUNCTION)


def test_each_kind_of_check_is_kept_once_and_counted(judge: Judge) -> None:
    role = make_role()
    boto3.client("iam").put_role_policy(RoleName="reader", PolicyName="P", PolicyDocument=document(allow("s3:Get*")))
    for _ in range(3):
        judge.allows(role, READING)
    judge.allows(role, Ask("s3:PutObject", "arn:aws:s3:::docs/a"))
    report: Any = judge.checks.report()
    assert (report["total"], report["refused"]) == (4, 1)
    reading, putting = report["kinds"]
    assert (reading["principal"], reading["action"], reading["count"]) == (role.arn, "s3:GetObject", 3)
    assert reading["why_refused"] is None
    assert "no identity-based policy allows the s3:PutObject action" in putting["why_refused"]


def test_an_alarm_needs_the_policy_of_the_topic_and_of_its_key(judge: Judge) -> None:
    sns, kms = boto3.client("sns"), boto3.client("kms")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    key = kms.create_key()["KeyMetadata"]["Arn"]
    own = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    cloudwatch = {"Service": "cloudwatch.amazonaws.com"}
    publishing = document(allow("sns:Publish", topic, Principal=cloudwatch, Condition=own))
    others = document(allow("sns:Publish", topic, Principal={"Service": "events.amazonaws.com"}))
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=others)
    assert not alarm_may_notify(judge, ALARM, topic)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=publishing)
    assert alarm_may_notify(judge, ALARM, topic)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
    assert not alarm_may_notify(judge, ALARM, topic)
    using = [allow(action, Principal=cloudwatch, Condition=own) for action in ("kms:Decrypt", "kms:GenerateDataKey*")]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(*using))
    assert alarm_may_notify(judge, ALARM, topic)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue="alias/aws/sns")
    assert not alarm_may_notify(judge, ALARM, topic)


def test_a_topic_that_is_given_no_policy_is_open_to_its_account(judge: Judge) -> None:
    topic = boto3.client("sns").create_topic(Name="plain")["TopicArn"]
    assert judge.allows(make_role(), Ask("sns:Publish", topic))
    assert alarm_may_notify(judge, ALARM, topic)
    assert not judge.allows(Role("arn:aws:iam::210987654321:role/other"), Ask("sns:Publish", topic))


def test_a_bucket_and_a_function_may_allow_by_themselves(judge: Judge) -> None:
    role, s3 = make_role(), boto3.client("s3")
    s3.create_bucket(Bucket="docs")
    s3.put_bucket_policy(
        Bucket="docs", Policy=document(allow("s3:*", "arn:aws:s3:::docs/*", Principal={"AWS": role.arn}))
    )
    assert judge.allows(role, READING)
    functions = boto3.client("lambda")
    functions.create_function(
        FunctionName="reader", Runtime="python3.14", Role=role.arn, Handler="a.b", Code={"ZipFile": b""}
    )
    rule = Service("events.amazonaws.com", f"arn:aws:events:us-east-1:{ACCOUNT}:rule/uploads")
    invoking = Ask("lambda:InvokeFunction", FUNCTION)
    assert not judge.allows(rule, invoking)
    functions.add_permission(
        FunctionName="reader",
        StatementId="uploads",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule.source_arn,
    )
    assert judge.allows(rule, invoking)
    assert not judge.allows(Service("events.amazonaws.com", f"{rule.source_arn}-2"), invoking)
