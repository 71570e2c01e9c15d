"""What requests to DynamoDB consume: capacity units by table and index, which moto does not count.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html. A write counts by the item
before and after it, also in each index that it changes. A read counts by what it answers: what a filter or a projection
leaves out is not known here.
"""

import functools
import inspect
import math
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.utilities import bytesize, dynamo_json_dump
from moto.dynamodb.responses import DynamoHandler

from status_tracker_local.monitoring.clock import Clock
from status_tracker_local.monitoring.counting import MinuteCounter
from status_tracker_local.monitoring.metrics import Datum

_WRITE_BYTES, _READ_BYTES = 1024, 4096
_READ, _WRITE = "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"

_transactional: ContextVar[bool] = ContextVar("transactional", default=False)


class _Attribute(NamedTuple):
    """There is no content where no index has the attribute: nobody asks then whether it has changed."""

    size: int
    content: object


Image = Mapping[str, _Attribute]
"""An item as it is at one moment."""


class CapacityMetrics:
    """Counts what is consumed, once it is installed in moto."""

    def __init__(self, clock: Clock) -> None:
        self._counter = MinuteCounter(clock)

    def install(self) -> None:
        """Have every request counted, in this process."""
        for method in ("put_item", "update_item", "delete_item"):
            self._count_writes(method)
        for method in ("get_item", "query", "scan", "batch_get_item"):
            self._count_reads(method)
        _mark_transactions()

    def collect(self) -> Iterator[Datum]:
        """What was consumed since the last look, a value for each minute."""
        return self._counter.collect()

    def _add(self, table: str, index: str, name: str, units: float) -> None:
        if units:
            of_index = {"GlobalSecondaryIndexName": index} if index else {}
            self._counter.add("AWS/DynamoDB", name, {"TableName": table, **of_index}, units)

    def _count_writes(self, method: str) -> None:
        original = getattr(DynamoDBBackend, method)
        signature = inspect.signature(original)

        @functools.wraps(original)
        def write(backend: DynamoDBBackend, *args: Any, **kwargs: Any) -> Any:
            _, name, key, *_ = signature.bind(backend, *args, **kwargs).args
            before = _image(backend, name, key)
            try:
                return original(backend, *args, **kwargs)
            finally:
                self._written(backend, name, before, _image(backend, name, key))

        setattr(DynamoDBBackend, method, write)

    def _written(self, backend: DynamoDBBackend, name: str, before: Image, after: Image) -> None:
        factor = 2 if _transactional.get() else 1
        self._add(name, "", _WRITE, factor * _write_units(before, after))
        for index in backend.get_table(name).global_indexes:
            images = [_in_index(index, image) for image in (before, after)]
            self._add(name, index.name, _WRITE, factor * _index_units(index.schema_key_attrs, *images))

    def _count_reads(self, method: str) -> None:
        original = getattr(DynamoHandler, method)

        @functools.wraps(original)
        def read(handler: DynamoHandler) -> Any:
            answer = original(handler)
            for table, index, units in _read(handler.body, answer.result):
                self._add(table, index, _READ, units)
            return answer

        setattr(DynamoHandler, method, read)


def _mark_transactions() -> None:
    """Writes within a transaction cost twice as much."""
    original = DynamoDBBackend.transact_write_items

    @functools.wraps(original)
    def transact(*args: Any, **kwargs: Any) -> Any:
        token = _transactional.set(True)
        try:
            return original(*args, **kwargs)
        finally:
            _transactional.reset(token)

    setattr(DynamoDBBackend, "transact_write_items", transact)  # noqa: B010 - mypy takes it for another signature


def _image(backend: DynamoDBBackend, table: str, key: Mapping[str, Any]) -> Image:
    if not {*backend.get_table(table).table_key_attrs} <= {*key}:
        return {}  # moto refuses such a request
    found = backend.get_item(table, dict(key))
    attributes = found.attrs if found else {}
    indexes = backend.get_table(table).global_indexes
    return {
        name: _Attribute(
            bytesize(name) + value.size(),
            _content(value) if any(_projects(index, name) for index in indexes) else None,
        )
        for name, value in attributes.items()
    }


def _content(value: DynamoType) -> object:
    """What the value is now: moto changes collections in place."""
    return dynamo_json_dump(value) if isinstance(value.value, dict | list) else (value.type, value.value)


def _projects(index: Any, name: str) -> bool:
    projection = index.projection or {}
    if projection.get("ProjectionType", "ALL") == "ALL":
        return True
    return name in {*index.schema_key_attrs, *index.table_key_attrs, *projection.get("NonKeyAttributes", [])}


def _size(image: Image) -> int:
    return sum(attribute.size for attribute in image.values())


def _write_units(before: Image, after: Image) -> int:
    return max(1, math.ceil(max(_size(before), _size(after)) / _WRITE_BYTES))


def _in_index(index: Any, image: Image) -> Image:
    """What the index has of an item: nothing where the item lacks one of its keys."""
    if any(name not in image for name in index.schema_key_attrs):
        return {}
    return {name: attribute for name, attribute in image.items() if _projects(index, name)}


def _index_units(keys: list[str], before: Image, after: Image) -> int:
    """An entry that moves is deleted and written anew; one that stays as it was costs nothing."""
    if before == after:
        return 0
    if before and after and any(before[key] != after[key] for key in keys):
        return _write_units(before, {}) + _write_units(after, {})
    return _write_units(before, after)


def _read(body: Mapping[str, Any], result: Any) -> Iterator[tuple[str, str, float]]:
    if "RequestItems" in body:
        for table, asked in body["RequestItems"].items():
            found = [_answered(item) for item in result["Responses"].get(table, [])]
            sizes = [*found, *[0] * (len(asked["Keys"]) - len(found))]
            factor = 1.0 if asked.get("ConsistentRead") else 0.5
            yield table, "", factor * sum(_read_units(size) for size in sizes)
        return
    items = [result["Item"]] if "Item" in result else result.get("Items", [])
    factor = 1.0 if body.get("ConsistentRead") else 0.5
    yield body["TableName"], body.get("IndexName") or "", factor * _read_units(sum(map(_answered, items)))


def _read_units(size: int) -> int:
    return max(1, math.ceil(size / _READ_BYTES))


def _answered(item: Mapping[str, Any]) -> int:
    return sum(
        bytesize(name) + (value if isinstance(value, DynamoType) else DynamoType(value)).size()
        for name, value in item.items()
    )
