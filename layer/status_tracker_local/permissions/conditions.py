"""The condition of a policy's statement.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html. What is not
known here is refused by name: a condition that cannot be judged must not count as met, nor as not met.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from status_tracker_local.permissions.errors import UnknownStatementError
from status_tracker_local.permissions.wildcards import arn_pattern, listed, pattern

KNOWN_KEYS = {
    name.lower()
    for name in (
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:SecureTransport",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceOwner",
        "bedrock:InferenceProfileArn",
        "cloudwatch:namespace",
        "s3:TlsVersion",
        "s3:delimiter",
        "s3:prefix",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:x-amz-server-side-encryption-customer-algorithm",
    )
}
"""What the local cloud knows of each request to which it belongs, in lower case: keys are the same in any."""

_IF_EXISTS = "IfExists"

Check = Callable[[str], bool]


@dataclass(frozen=True)
class Condition:
    """One test of a condition: a key against the values given for it."""

    key: str
    check: Check
    negated: bool = False
    if_exists: bool = False

    def holds(self, context: Mapping[str, str]) -> bool:
        """Whether it holds for a request; `context` has its keys in lower case."""
        found = context.get(self.key)
        if found is None:
            return self.negated or self.if_exists
        return self.check(found) is not self.negated


@dataclass(frozen=True)
class IsAbsent:
    """The test ``Null``: whether the request does without a key."""

    key: str
    absent: bool

    def holds(self, context: Mapping[str, str]) -> bool:
        """Whether it holds for a request; `context` has its keys in lower case."""
        return (self.key not in context) is self.absent


Test = Condition | IsAbsent


def parse_conditions(block: Mapping[str, Any]) -> tuple[Test, ...]:
    """The tests of a statement's ``Condition``, all of which must hold.

    Raises:
        UnknownStatementError: an operator or a key is not known here, or a value cannot be read.
    """
    return tuple(_test(name, key, values) for name, tests in block.items() for key, values in tests.items())


def _test(name: str, key: str, values: Any) -> Test:
    check_names(name, key)
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in listed(values)]
    if unknown := next((text for text in texts if "${" in text), None):
        raise UnknownStatementError(f"the policy variable in {unknown!r}")
    if name == "Null":
        return IsAbsent(key.lower(), texts == ["true"])
    base = name.removesuffix(_IF_EXISTS)
    make, negated = _OPERATORS[base]
    try:
        return Condition(key.lower(), make(texts), negated, name != base)
    except ValueError as error:
        raise UnknownStatementError(f"the values of {name} for {key}: {error}") from error


def check_names(name: str, key: str) -> None:
    """Whether an operator and a key are known.

    Raises:
        UnknownStatementError: one of them is not; the message names it.
    """
    if name != "Null" and name.removesuffix(_IF_EXISTS) not in _OPERATORS:
        raise UnknownStatementError(f"the condition operator {name}")
    if key.lower() not in KNOWN_KEYS:
        raise UnknownStatementError(f"the condition key {key}")


def _any_of(texts: list[str]) -> Check:
    return frozenset(texts).__contains__


def _any_of_ignoring_case(texts: list[str]) -> Check:
    wanted = frozenset(text.lower() for text in texts)
    return lambda found: found.lower() in wanted


def _like(expression: re.Pattern[str]) -> Check:
    return lambda found: expression.match(found) is not None


def _numbers(compare: Callable[[float, float], bool]) -> Callable[[list[str]], Check]:
    def make(texts: list[str]) -> Check:
        wanted = [float(text) for text in texts]
        return lambda found: any(compare(float(found), each) for each in wanted)

    return make


_OPERATORS: Mapping[str, tuple[Callable[[list[str]], Check], bool]] = {
    "StringEquals": (_any_of, False),
    "StringNotEquals": (_any_of, True),
    "StringEqualsIgnoreCase": (_any_of_ignoring_case, False),
    "StringNotEqualsIgnoreCase": (_any_of_ignoring_case, True),
    "StringLike": (lambda texts: _like(pattern(texts)), False),
    "StringNotLike": (lambda texts: _like(pattern(texts)), True),
    "ArnEquals": (lambda texts: _like(arn_pattern(texts)), False),
    "ArnLike": (lambda texts: _like(arn_pattern(texts)), False),
    "ArnNotEquals": (lambda texts: _like(arn_pattern(texts)), True),
    "ArnNotLike": (lambda texts: _like(arn_pattern(texts)), True),
    "Bool": (_any_of_ignoring_case, False),
    "NumericEquals": (_numbers(operator.eq), False),
    "NumericNotEquals": (_numbers(operator.eq), True),
    "NumericLessThan": (_numbers(operator.lt), False),
    "NumericLessThanEquals": (_numbers(operator.le), False),
    "NumericGreaterThan": (_numbers(operator.gt), False),
    "NumericGreaterThanEquals": (_numbers(operator.ge), False),
}
"""By name: what makes the check of the values, and whether the test holds where the check does not."""
