"""Moto as an engine for tests of tracked tasks: its DynamoDB made to keep what DynamoDB promises.

Needs the extra ``testing``. `status_tracker.testing` does not import it, so that whoever tests without moto needs none.
"""

from __future__ import annotations

from .._extras import missing_extra

try:
    import moto  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("testing", error) from error

import base64
import copy
import functools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from moto.dynamodb.exceptions import ItemSizeTooLarge, ItemSizeToUpdateTooLarge
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

MAX_ITEM_BYTES = 400 * 1024
_OF_A_COLLECTION = 3  # bytes of a list or a map, and one more for each of its elements
ONE_REQUEST = threading.RLock()
"""Held while a request works on the tables; whoever holds it sees no half of a transaction."""


@functools.cache
def mend_dynamodb() -> None:
    """Have moto's DynamoDB in this process keep to what DynamoDB does, where the tracker depends on it.

    - A request is atomic: of many threads whose conditions hold, one wins, and no ``ADD`` is lost.
    - An update that is refused changes nothing, whatever of it was done before the error, and tells no stream; a batch
      with an item that is too large writes none of it.
    - A transaction takes as long in a large table as in a small one. Moto copies the whole table for each.
    - An item has DynamoDB's size, to the byte, and 400 KB at most. Moto counts an attribute that is replaced twice.

    Call it once, before or within ``mock_aws`` or before moto's server is started, such as in ``conftest.py``. Calling
    it again changes nothing. It lasts as long as the process.

    Example::

        from moto import mock_aws
        from status_tracker.testing.moto import mend_dynamodb

        mend_dynamodb()


        @mock_aws
        def test_one_of_many_workers_wins():
            Order.create_table(wait=True)
            …
    """
    _do_one_request_at_a_time()
    _change_nothing_when_refused()
    _keep_a_table_without_copying_its_items()
    _limit_items_by_their_size()


def _do_one_request_at_a_time() -> None:
    original = DynamoHandler.call_action

    @functools.wraps(original)
    def call_action(self: DynamoHandler) -> Any:
        with ONE_REQUEST:
            return original(self)

    DynamoHandler.call_action = call_action  # type: ignore[method-assign]


def _change_nothing_when_refused() -> None:
    original = DynamoDBBackend.update_item

    @functools.wraps(original)
    def update_item(self: DynamoDBBackend, table_name: str, key: dict[str, Any], *args: Any, **kwargs: Any) -> Item:
        table = self.get_table(table_name)
        before = self.get_item(table_name, key)
        if before is not None:
            _set_item(table, copy.deepcopy(before))  # moto changes it in its place
        stream, table.stream_shard = table.stream_shard, None
        try:
            item = original(self, table_name, key, *args, **kwargs)
            _check_size(item, ItemSizeToUpdateTooLarge)
        except Exception:
            if before is not None:
                _set_item(table, before)
            elif self.get_item(table_name, key) is not None:
                table.delete_item(*self.get_keys_value(table, key))
            raise
        finally:
            table.stream_shard = stream
        if stream is not None:
            stream.add(before, item)
        return item

    DynamoDBBackend.update_item = update_item  # type: ignore[method-assign]


def _set_item(table: Table, item: Item) -> None:
    items: Any = table.items
    if item.range_key is None:
        items[item.hash_key] = item
    else:
        items[item.hash_key][item.range_key] = item


def _keep_a_table_without_copying_its_items() -> None:
    """What a transaction goes back to when it is refused; items that change are others than those kept here."""

    def deepcopy(self: Table, _: dict[int, Any]) -> Table:
        kept: Any = copy.copy(self)
        items: dict[Any, Any] = self.items
        kept.items = defaultdict(dict, {key: copy.copy(each) for key, each in items.items()})
        if self.stream_shard is not None:
            kept.stream_shard = copy.copy(self.stream_shard)
            kept.stream_shard.table, kept.stream_shard.items = kept, list(self.stream_shard.items)
        return kept  # type: ignore[no-any-return]

    Table.__deepcopy__ = deepcopy  # type: ignore[attr-defined]


def _limit_items_by_their_size() -> None:
    original = Item.__init__

    @functools.wraps(original)
    def init(self: Item, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        _check_size(self, ItemSizeTooLarge)

    def size(self: Item) -> int:
        return sum(len(name.encode()) + _size(value) for name, value in self.attrs.items())

    original_batch = DynamoHandler.batch_write_item

    @functools.wraps(original_batch)
    def batch_write_item(self: DynamoHandler) -> Any:
        for request in (each for requests in self.body["RequestItems"].values() for each in requests):
            attributes = request.get("PutRequest", {}).get("Item", {})
            Item(DynamoType({"S": ""}), None, attributes)  # refused here if it is too large, before any is written
        return original_batch(self)

    DynamoHandler.batch_write_item = batch_write_item  # type: ignore[method-assign]
    Item.__init__ = init  # type: ignore[method-assign]
    Item.size = size  # type: ignore[method-assign]
    LimitedSizeDict.__setitem__ = dict.__setitem__  # type: ignore[method-assign]


def _check_size(item: Item, error: type[Exception]) -> None:
    if item.size() > MAX_ITEM_BYTES:
        raise error


def _size(value: DynamoType) -> int:
    """The bytes that DynamoDB counts of a value; of true, false and null, one."""
    return _SIZES[value.type](value.value) if value.type in _SIZES else 1


def _number_size(text: str) -> int:
    """A byte, one more for each two significant digits, in pairs from the decimal point, and one for a minus."""
    sign, digits, exponent = Decimal(text).as_tuple()
    significant = "".join(map(str, digits)).lstrip("0")
    stripped = significant.rstrip("0")
    if not stripped:
        return 1
    to_the_point = int(exponent) + len(significant) - len(stripped)
    return 1 + (len(stripped) + to_the_point % 2 + 1) // 2 + sign


def _set_size(kind: str) -> Callable[[list[Any]], int]:
    return lambda elements: sum(_SIZES[kind](each) for each in elements)


def _collection_size(elements: Iterable[int]) -> int:
    return _OF_A_COLLECTION + sum(1 + size for size in elements)


_SIZES: Mapping[str, Callable[[Any], int]] = {
    "S": lambda text: len(text.encode()),
    "N": _number_size,
    "B": lambda content: len(content if isinstance(content, bytes) else base64.b64decode(content)),
    "SS": _set_size("S"),
    "NS": _set_size("N"),
    "BS": _set_size("B"),
    "L": lambda elements: _collection_size(map(_size, elements)),
    "M": lambda fields: _collection_size(len(name.encode()) + _size(each) for name, each in fields.items()),
}
