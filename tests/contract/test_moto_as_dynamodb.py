"""Moto, mended by `status_tracker.testing.moto`, answers as AWS's own engine where the tracker depends on it."""

from __future__ import annotations

import string
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.support.engines import DYNAMODB_LOCAL, MOTO, Engine
from tests.support.steps import CREDENTIALS, REGION

TABLE = "items"
LIMIT = 400 * 1024
KEY = {"key": {"S": "k"}}
CONDITION_FAILED = "ConditionalCheckFailedException"

numbers = some.builds(
    "{}{}E{}".format, some.sampled_from(["", "-"]), some.integers(0, 10**38 - 1), some.integers(-100, 80)
)
texts = some.text(max_size=12).filter(lambda text: text.isprintable())
names = some.text(string.ascii_letters, min_size=1, max_size=9)
scalars = some.one_of(
    some.builds(lambda value: {"S": value}, texts),
    some.builds(lambda value: {"N": value}, numbers),
    some.builds(lambda value: {"B": value}, some.binary(max_size=9)),
    some.builds(lambda value: {"BOOL": value}, some.booleans()),
    some.just({"NULL": True}),
    some.builds(lambda values: {"SS": sorted(values)}, some.sets(names, min_size=1, max_size=4)),
    some.builds(
        lambda values: {"NS": values},
        some.lists(some.integers(-999, 99_999).map(str), min_size=1, unique=True, max_size=4),
    ),
    some.builds(
        lambda values: {"BS": sorted(values)}, some.sets(some.binary(min_size=1, max_size=4), min_size=1, max_size=4)
    ),
)
values = some.recursive(
    scalars,
    lambda inner: some.one_of(
        some.builds(lambda each: {"L": each}, some.lists(inner, max_size=4)),
        some.builds(lambda each: {"M": each}, some.dictionaries(names, inner, max_size=4)),
    ),
    max_leaves=12,
)


class Database(NamedTuple):
    """One engine, with a table for these tests."""

    client: Any

    def refusal(self, operation: str, **parameters: Any) -> str:
        """The message with which a request is refused; empty where it is done."""
        try:
            getattr(self.client, operation)(**parameters)
        except ClientError as error:
            return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
        return ""

    def put(self, **attributes: Any) -> str:
        return self.refusal("put_item", TableName=TABLE, Item={**KEY, **attributes})

    def update(self, expression: str, **values: Any) -> str:
        given = {f":{name}": value for name, value in values.items()}
        return self.refusal(
            "update_item", TableName=TABLE, Key=KEY, UpdateExpression=expression, ExpressionAttributeValues=given
        )

    def item(self) -> Any:
        return self.client.get_item(TableName=TABLE, Key=KEY, ConsistentRead=True).get("Item")

    def clear(self) -> None:
        self.client.delete_item(TableName=TABLE, Key=KEY)


def connected(engine: Engine) -> Database:
    return Database(boto3.client("dynamodb", endpoint_url=engine.host, region_name=REGION, **CREDENTIALS))


@pytest.fixture(scope="module")
def both(dynamodb_local_engine: Engine, moto_engine: Engine) -> Iterator[dict[str, Database]]:
    """Both engines, by name, each with an empty table."""
    engines = {DYNAMODB_LOCAL: connected(dynamodb_local_engine), MOTO: connected(moto_engine)}
    with closing(engines[DYNAMODB_LOCAL].client), closing(engines[MOTO].client):
        for engine in engines.values():
            engine.client.create_table(
                TableName=TABLE,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            )
        yield engines
        for engine in engines.values():
            engine.client.delete_table(TableName=TABLE)


def largest(database: Database, value: Any) -> int:
    """How long the text beside the value may be, so that the item takes not one byte more."""
    low, high = LIMIT - 4096, LIMIT  # the other values take less
    while low < high:
        middle = (low + high + 1) // 2
        fits = not database.put(value=value, text={"S": "x" * middle})
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


@settings(max_examples=40, deadline=None)
@given(value=values)
def test_an_item_has_the_size_that_dynamodb_counts(both: dict[str, Database], value: Any) -> None:
    most = largest(both[MOTO], value)
    told = [
        [database.put(value=value, text={"S": "x" * length}) for length in (most, most + 1)]
        for database in both.values()
    ]
    assert told == [["", "ValidationException: Item size has exceeded the maximum allowed size"]] * 2


ADDED = {"n": {"N": "1"}}
HALF = {"S": "x" * (205 * 1024)}
WHOLE = {"S": "x" * LIMIT}
REFUSED = {
    "too large": ("SET a = :half, b = :half", {"half": HALF}),
    "too large, after another change": (
        "SET a = :small, b = :whole REMOVE kept",
        {"small": {"S": "s"}, "whole": WHOLE},
    ),
    "added to no number": ("SET a = :small ADD kept :one", {"small": {"S": "s"}, "one": {"N": "1"}}),
    "added to the set of another type": ("SET a = :small ADD kept :some", {"small": {"S": "s"}, "some": {"NS": ["1"]}}),
    "taken from what is no set": ("SET a = :small DELETE kept :some", {"small": {"S": "s"}, "some": {"SS": ["1"]}}),
}


@pytest.mark.parametrize(("expression", "given"), REFUSED.values(), ids=REFUSED)
def test_an_update_that_is_refused_changes_nothing(both: dict[str, Database], expression: str, given: Any) -> None:
    before = {**KEY, "kept": {"S": "old"}, "a": {"S": "old"}}
    for database in both.values():
        assert not database.put(**before)
        assert database.update(expression, **given)
        assert database.item() == before


def test_an_update_that_is_refused_creates_nothing(both: dict[str, Database]) -> None:
    for database in both.values():
        database.clear()
        assert database.update("SET a = :whole", whole=WHOLE)
        assert database.item() is None


def test_an_attribute_that_is_replaced_counts_once(both: dict[str, Database]) -> None:
    for database in both.values():
        assert not database.put(a=HALF)
        assert not database.update("SET a = :half", half={"S": "y" * 205 * 1024})
        assert database.item()["a"]["S"][0] == "y"


def test_a_batch_with_an_item_that_is_too_large_writes_nothing(both: dict[str, Database]) -> None:
    puts = [{"PutRequest": {"Item": {**KEY, **more}}} for more in ({"a": {"S": "s"}}, {"key": {"S": "l"}, "a": WHOLE})]
    told = set()
    for database in both.values():
        database.clear()
        told.add(database.refusal("batch_write_item", RequestItems={TABLE: puts}))
        assert database.item() is None
    assert told == {"ValidationException: Item size has exceeded the maximum allowed size"}


def test_a_transaction_with_an_item_that_is_too_large_is_refused_alike(both: dict[str, Database]) -> None:
    put = {"Put": {"TableName": TABLE, "Item": {**KEY, "a": WHOLE}}}
    update = {
        "Update": {
            "TableName": TABLE,
            "Key": KEY,
            "UpdateExpression": "SET a = :whole",
            "ExpressionAttributeValues": {":whole": WHOLE},
        }
    }
    for write in (put, update):
        told = {database.refusal("transact_write_items", TransactItems=[write]) for database in both.values()}
        assert len(told) == 1
        assert "exceeded the maximum allowed size" in told.pop()
