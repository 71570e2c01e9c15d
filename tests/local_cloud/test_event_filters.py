"""Which records the filters of an event source mapping admit, and what of them is not known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from status_tracker_local.event_filters import Filters, UnknownFilterError

RECORD = {
    "eventName": "MODIFY",
    "tags": ["a", "b"],
    "dynamodb": {"NewImage": {"value": {"S": "orders#1"}, "n": {"N": "7"}}, "SizeBytes": 26, "Old": None},
}


def filters(*patterns: object) -> Filters:
    return Filters({"Filters": [{"Pattern": json.dumps(each)} for each in patterns]})


def of_image(rule: Any) -> dict[str, Any]:
    return {"dynamodb": {"NewImage": {"value": {"S": [rule]}}}}


@pytest.mark.parametrize(
    ("pattern", "admitted"),
    [
        ({"eventName": ["INSERT", "MODIFY"]}, True),
        ({"eventName": ["REMOVE"]}, False),
        ({"eventName": ["MODIFY"], **of_image({"exists": False})}, False),
        (of_image({"exists": True}), True),
        ({"dynamodb": {"OldImage": {"value": {"S": [{"exists": True}]}}}}, False),
        ({"dynamodb": {"OldImage": {"value": {"S": [{"exists": False}]}}}}, True),
        ({"dynamodb": {"NewImage": [{"exists": True}]}}, False),
        (of_image({"prefix": "orders#"}), True),
        (of_image({"prefix": "bills#"}), False),
        (of_image({"anything-but": ["orders#1", "orders#2"]}), False),
        (of_image({"anything-but": "orders#2"}), True),
        ({"dynamodb": {"OldImage": {"value": {"S": [{"anything-but": "x"}]}}}}, False),
        ({"dynamodb": {"SizeBytes": [{"numeric": [">", 20, "<=", 26]}]}}, True),
        ({"dynamodb": {"SizeBytes": [{"numeric": ["=", 27]}]}}, False),
        ({"dynamodb": {"SizeBytes": ["26"]}}, False),
        ({"dynamodb": {"Old": [None]}}, True),
        ({"tags": ["b"]}, True),
        ({"tags": ["c"]}, False),
        ({}, True),
    ],
)
def test_a_pattern_admits(pattern: dict[str, Any], admitted: bool) -> None:
    assert filters(pattern).admit(RECORD) is admitted


def test_any_of_several_patterns_is_enough_and_without_one_all_pass() -> None:
    assert filters({"eventName": ["REMOVE"]}, {"eventName": ["MODIFY"]}).admit(RECORD)
    assert Filters(None).admit(RECORD)
    assert Filters({"Filters": []}).admit(RECORD)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        (of_image({"wildcard": "a*"}), r'{"wildcard": "a\*"} at dynamodb.NewImage.value.S'),
        (of_image({"anything-but": {"prefix": "a"}}), "anything-but"),
        ({"dynamodb": {"SizeBytes": [{"numeric": ["!", 1]}]}}, "numeric"),
        ({"$or": [{"eventName": ["INSERT"]}]}, r"\$or in a pattern"),
        ({"eventName": "INSERT"}, "eventName in a pattern"),
        ([], "must be an object of JSON"),
    ],
)
def test_what_is_not_known_is_refused_by_its_name(pattern: Any, told: str) -> None:
    with pytest.raises(UnknownFilterError, match=told):
        filters(pattern)
