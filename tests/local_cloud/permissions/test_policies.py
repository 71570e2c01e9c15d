"""What policies allow, and what they say when they do not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from status_tracker_local.permissions.asks import Ask, Principal, Role, Service
from status_tracker_local.permissions.conditions import KNOWN_KEYS
from status_tracker_local.permissions.errors import UnknownStatementError
from status_tracker_local.permissions.policies import Policy, parse_policy
from status_tracker_local.permissions.verdicts import why_refused

ACCOUNT = "123456789012"
ROLE = Role(f"arn:aws:iam::{ACCOUNT}:role/reader", "session")
RULE_ARN = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/uploads"
RULE = Service("events.amazonaws.com", RULE_ARN)
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:tasks"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
READING = Ask("s3:GetObject", "arn:aws:s3:::docs/a/b.pdf")
SENDING = Ask("sqs:SendMessage", QUEUE)


def statement(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "*", "Resource": "*", **elements}


def policy(*statements: dict[str, Any], name: str = "P") -> Policy:
    return parse_policy(name, {"Version": "2012-10-17", "Statement": list(statements)})


def verdict(
    ask: Ask, *own: dict[str, Any], by: Principal = ROLE, resource: tuple[dict[str, Any], ...] = ()
) -> str | None:
    return why_refused(ask, by, [policy(*own)] if own else [], [policy(*resource, name="R")] if resource else [])


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("s3:GetObject", True),
        ("S3:getobject", True),
        ("s3:Get*", True),
        ("s3:GetObjec?", True),
        ("*", True),
        (["s3:PutObject", "s3:GetObject"], True),
        ("s3:GetObjectVersion", False),
        ("s3:Get", False),
        ("s3:GetObject?", False),
        (["s3:PutObject"], False),
    ],
)
def test_actions(action: Any, allowed: bool) -> None:
    assert (verdict(READING, statement(Action=action)) is None) is allowed


@pytest.mark.parametrize(
    ("resource", "allowed"),
    [
        ("arn:aws:s3:::docs/*", True),
        ("arn:aws:s3:::docs/a/b.pdf", True),
        ("arn:aws:s3:::d?cs/*.pdf", True),
        (["arn:aws:s3:::other/*", "arn:aws:s3:::docs/a/*"], True),
        ("arn:aws:s3:::docs", False),
        ("arn:aws:s3:::docs/b/*", False),
        ("arn:aws:s3:::DOCS/*", False),
    ],
)
def test_resources(resource: Any, allowed: bool) -> None:
    assert (verdict(READING, statement(Resource=resource)) is None) is allowed


@given(text=st.text(), more=st.text())
def test_a_text_without_wildcards_stands_for_itself_only(text: str, more: str) -> None:
    plain = text.replace("*", "+").replace("?", "!").replace("$", "+")
    wanted = statement(Resource=f"arn:{plain}")
    assert verdict(Ask("a:B", f"arn:{plain}"), wanted) is None
    assert (verdict(Ask("a:B", f"arn:{plain}{more}"), wanted) is None) is (not more)


CONDITIONS: list[tuple[str, Any, str | None, bool]] = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", ["b", "a"], "a", True),
    ("StringEquals", "A", "a", False),
    ("StringEquals", "a", None, False),
    ("StringEqualsIfExists", "a", None, True),
    ("StringEqualsIfExists", "a", "b", False),
    ("StringNotEquals", "a", "a", False),
    ("StringNotEquals", ["a", "b"], "b", False),
    ("StringNotEquals", "a", "b", True),
    ("StringNotEquals", "a", None, True),
    ("StringEqualsIgnoreCase", "A", "a", True),
    ("StringNotEqualsIgnoreCase", "A", "a", False),
    ("StringLike", "a*", "abc", True),
    ("StringLike", "a?", "abc", False),
    ("StringNotLike", "a*", "abc", False),
    ("NumericLessThan", 1.2, "1.1", True),
    ("NumericLessThan", "1.2", "1.2", False),
    ("NumericLessThanEquals", "1.2", "1.2", True),
    ("NumericGreaterThan", 1, "2", True),
    ("NumericGreaterThanEquals", 2, "2", True),
    ("NumericEquals", "2", "2.0", True),
    ("NumericNotEquals", "2", "2.0", False),
    ("Bool", "true", "true", True),
    ("Bool", False, "false", True),
    ("Bool", "true", "false", False),
    ("Bool", "true", None, False),
    ("Null", "true", None, True),
    ("Null", True, "a", False),
    ("Null", "false", "a", True),
    ("Null", "false", None, False),
    ("ArnLike", "arn:aws:s3:::docs*", "arn:aws:s3:::docs-1", True),
    ("ArnEquals", "arn:aws:sqs:*:1:q", "arn:aws:sqs:us-east-1:1:q", True),
    ("ArnLike", "arn:aws:*:q", "arn:aws:sqs:us-east-1:1:q", False),
    ("ArnNotLike", "arn:aws:s3:::docs*", "arn:aws:s3:::docs-1", False),
    ("ArnNotEquals", "arn:aws:s3:::docs", "arn:aws:s3:::docs", False),
]


@pytest.mark.parametrize(("operator", "wanted", "found", "holds"), CONDITIONS)
def test_conditions(operator: str, wanted: Any, found: str | None, holds: bool) -> None:
    context = () if found is None else (("S3:Prefix", found),)
    conditional = statement(Condition={operator: {"s3:prefix": wanted}})
    assert (verdict(Ask("s3:ListBucket", "arn:aws:s3:::docs", context), conditional) is None) is holds


def test_all_tests_of_a_condition_must_hold() -> None:
    both = statement(Condition={"StringLike": {"s3:prefix": "a*"}, "StringEquals": {"s3:delimiter": "/"}})
    prefix, delimiter = ("s3:prefix", "ab"), ("s3:delimiter", "/")
    assert verdict(Ask("s3:ListBucket", "arn:aws:s3:::docs", (prefix, delimiter)), both) is None
    assert verdict(Ask("s3:ListBucket", "arn:aws:s3:::docs", (prefix,)), both)


def test_deny_wins_in_either_policy() -> None:
    deny = statement(Effect="Deny", Resource="arn:aws:s3:::docs/a/*")
    assert "explicit deny in an identity-based policy: P, statement 2" in str(verdict(READING, statement(), deny))
    for principal in ("*", {"AWS": "*"}, {"AWS": ROLE.arn}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}):
        refused = verdict(READING, statement(), resource=({**deny, "Principal": principal},))
        assert "explicit deny in a resource-based policy: R, statement 1" in str(refused)
    others = {**deny, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/writer"}}
    assert verdict(READING, statement(), resource=(others,)) is None


def test_every_request_counts_as_one_by_tls() -> None:
    insecure = statement(Effect="Deny", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    outdated = statement(Effect="Deny", Principal="*", Condition={"NumericLessThan": {"s3:TlsVersion": 1.2}})
    assert verdict(READING, statement(), resource=(insecure, outdated)) is None


@pytest.mark.parametrize(
    ("principal", "allowed"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ROLE.arn}, True),
        ({"AWS": [f"arn:aws:iam::{ACCOUNT}:role/x", ROLE.arn]}, True),
        ({"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/session"}, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, False),  # then its own policies decide
        ({"AWS": ACCOUNT}, False),
        ({"Service": "lambda.amazonaws.com"}, False),
    ],
)
def test_a_resource_may_allow_what_the_role_itself_does_not(principal: Any, allowed: bool) -> None:
    assert (verdict(READING, resource=(statement(Principal=principal),)) is None) is allowed


def test_a_service_needs_the_policy_of_the_resource() -> None:
    own = statement(
        Action="sqs:SendMessage",
        Resource=QUEUE,
        Principal={"Service": "events.amazonaws.com"},
        Condition={"ArnEquals": {"aws:SourceArn": RULE_ARN}, "StringEquals": {"aws:SourceAccount": ACCOUNT}},
    )
    assert verdict(SENDING, by=RULE, resource=(own,)) is None
    another = Service("events.amazonaws.com", f"{RULE_ARN}2")
    assert "allows it, but its condition on aws:sourcearn is not met" in str(
        verdict(SENDING, by=another, resource=(own,))
    )
    assert "no resource-based policy allows" in str(verdict(SENDING, by=RULE))
    assert "to other principals" in str(verdict(SENDING, by=Service("s3.amazonaws.com", RULE_ARN), resource=(own,)))


def test_a_key_must_let_the_account_decide() -> None:
    ask = Ask("kms:Decrypt", KEY)
    root = statement(Action="kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    assert verdict(ask, statement(), resource=(root,)) is None
    assert "no resource-based policy" in str(verdict(ask, statement()))
    assert "no identity-based policy" in str(verdict(ask, resource=(root,)))


def test_what_is_said_names_the_policy_that_comes_nearest() -> None:
    wrong_place = statement(Action="s3:Get*", Resource="arn:aws:s3:::other/*", Sid="Other")
    assert verdict(READING, wrong_place) == (
        "because no identity-based policy allows the s3:GetObject action "
        "(P, statement 1 (Other), allows it, but only on arn:aws:s3:::other/*)"
    )
    conditional = statement(Action="s3:ListBucket", Condition={"StringLike": {"s3:prefix": "a/*"}})
    assert str(verdict(Ask("s3:ListBucket", "arn:aws:s3:::docs"), conditional)).endswith(
        "(P, statement 1, allows it, but its condition on s3:prefix is not met, which is absent)"
    )
    assert str(verdict(READING, statement(Action="s3:PutObject"))).endswith("(its policies: P)")
    assert str(verdict(READING)).endswith("(its policies: none)")


@pytest.mark.parametrize(
    ("elements", "named"),
    [
        ({"NotAction": "s3:*"}, "NotAction"),
        ({"NotResource": "*"}, "NotResource"),
        ({"NotPrincipal": "*"}, "NotPrincipal"),
        ({"Effect": "Maybe"}, "the effect 'Maybe'"),
        ({"Principal": {"Federated": "x"}}, "the kind of principal Federated"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, "the condition operator IpAddress"),
        ({"Condition": {"ForAllValues:StringEquals": {"s3:prefix": "a"}}}, "ForAllValues:StringEquals"),
        ({"Condition": {"StringEquals": {"dynamodb:LeadingKeys": "a"}}}, "the condition key dynamodb:LeadingKeys"),
        ({"Condition": {"NumericEquals": {"s3:prefix": "a"}}}, "the values of NumericEquals for s3:prefix"),
        ({"Resource": "arn:aws:s3:::docs/${aws:username}/*"}, "the policy variable"),
        ({"Condition": {"StringEquals": {"s3:prefix": "${aws:username}"}}}, "the policy variable"),
    ],
)
def test_what_cannot_be_judged_is_refused_by_name(elements: dict[str, Any], named: str) -> None:
    with pytest.raises(UnknownStatementError) as error:
        policy(statement(), statement(**elements, Sid="Odd"))
    assert str(error.value).startswith("P, statement 2 (Odd): ")
    assert named in str(error.value)


def test_a_statement_on_no_resource_is_not_one_on_every_resource() -> None:
    with pytest.raises(UnknownStatementError, match="P, statement 1: it has neither Resource nor Principal"):
        policy({"Effect": "Allow", "Action": "dynamodb:*"})


def test_known_keys_are_in_lower_case() -> None:
    assert {key.lower() for key in KNOWN_KEYS} == KNOWN_KEYS
