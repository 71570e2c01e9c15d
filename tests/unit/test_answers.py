"""Items taken as DynamoDB sent them are those that botocore makes of its answers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import JSONParser
from hypothesis import given, settings
from hypothesis import strategies as st

from status_tracker.dynamodb.answers import ItemParserFactory

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_names = st.one_of(st.sampled_from(["B", "BS", "S", "key"]), _texts)
_bytes = st.binary(max_size=4).map(lambda each: base64.b64encode(each).decode())
_scalars = st.one_of(
    st.fixed_dictionaries({"S": _texts}),
    st.fixed_dictionaries({"N": st.integers().map(str)}),
    st.fixed_dictionaries({"BOOL": st.booleans()}),
    st.just({"NULL": True}),
    st.fixed_dictionaries({"SS": st.lists(_texts)}),
)
_with_bytes = st.one_of(st.fixed_dictionaries({"B": _bytes}), st.fixed_dictionaries({"BS": st.lists(_bytes)}))


def _items(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    values = st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.fixed_dictionaries({"L": st.lists(inner, max_size=3)}),
            st.fixed_dictionaries({"M": st.dictionaries(_names, inner, max_size=3)}),
        ),
        max_leaves=5,
    )
    return st.dictionaries(_names, values, max_size=4)


_any_items = st.one_of(_items(_scalars), _items(st.one_of(_scalars, _with_bytes)))


@pytest.fixture(scope="module")
def dynamodb() -> Any:
    return ServiceModel(Loader().load_service_model("dynamodb", "service-2"), "dynamodb")


def _parsed_by_both(shape: Any, body: Any, status: int = 200, *, separators: tuple[str, str] = (",", ":")) -> list[Any]:
    sent = {
        "status_code": status,
        "headers": {"x-amzn-RequestId": "r-1", "x-amz-crc32": "1"},
        "body": json.dumps(body, separators=separators).encode(),
        "context": {},
    }
    return [parser.parse(sent, shape) for parser in (ItemParserFactory().create_parser("json"), JSONParser())]


@settings(max_examples=60)
@given(found=_any_items, place=_any_items, spaced=st.booleans())
def test_answers_are_parsed_as_botocore_does(dynamodb: Any, found: Any, place: Any, spaced: bool) -> None:
    capacity = {"TableName": "t", "CapacityUnits": 1.5, "GlobalSecondaryIndexes": {"i": {"CapacityUnits": 1}}}
    answers = {
        "Query": {"Items": [found, place], "Count": 2, "LastEvaluatedKey": place, "ConsumedCapacity": capacity},
        "BatchGetItem": {"Responses": {"t": [found]}, "UnprocessedKeys": {"t": {"Keys": [place]}}, "Unknown": {"a": 1}},
        "UpdateItem": {"Attributes": found, "ConsumedCapacity": None},
        "GetItem": {},
    }
    for operation, answer in answers.items():
        shape = dynamodb.operation_model(operation).output_shape
        ours, usual = _parsed_by_both(shape, answer, separators=(", ", ": ") if spaced else (",", ":"))
        assert ours == usual


@settings(max_examples=20)
@given(found=_any_items)
def test_refusals_are_parsed_as_botocore_does(dynamodb: Any, found: Any) -> None:
    code = "ConditionalCheckFailedException"
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no", "Item": found}
    for shape in (dynamodb.operation_model("UpdateItem").output_shape, dynamodb.shape_for_error_code(code)):
        ours, usual = _parsed_by_both(shape, body, 400)
        assert ours == usual


def test_other_protocols_have_botocores_own_parsers() -> None:
    usual = {type(ItemParserFactory().create_parser(name)).__module__ for name in ("rest-json", "query", "rest-xml")}
    assert usual == {"botocore.parsers"}
