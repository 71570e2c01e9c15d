"""Marks in the table's stream: they prove that the function on it has read all that was written before."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from botocore.config import Config

from ..core.port import CountsNotKeptError
from .batch_get import BATCH_SIZE, read_items
from .count_items import PROBE, CountItems
from .counting import PLACE_KEPT
from .item import TaskItem

_OF_EACH_SHARD = 16
"""So many marks are written for each shard that takes writes, since nobody can choose the shard of a key."""
_KEPT = timedelta(days=1)


class StreamMarks:
    """Writes marks, and looks whether every shard has come to one.

    A shard tells its writes in their order, and a shard that has followed another one is read after that. So once the
    place in each shard that takes writes has the mark, everything that was written before it is counted. No clock is
    compared. Where no mark has met some shard, the answer stays no.

    Args:
        task_class: any step of the use case; the table is its.
    """

    def __init__(self, task_class: type[TaskItem]) -> None:
        self._class = task_class
        self._items = CountItems(task_class)

    def write(self) -> str:
        """Write a mark; returns its name."""
        name = uuid.uuid4().hex
        for number in range(_OF_EACH_SHARD * len(self._open_shards())):
            self._put(number, name)
        return name

    def probe(self) -> None:
        """Write what one shard tells of, whichever. Raises `CountsNotKeptError` if the table has no stream."""
        _ = self._stream
        self._put(0, PROBE)

    def _put(self, number: int, name: str) -> None:
        kept_until = self._class.config.now() + _KEPT
        self._client.put_item(
            TableName=self._table,
            Item={
                self._class.key.attr_name: {"S": self._items.mark(number)},
                # The event source passes on what begins so; without a time it is in no index.
                self._class.value.attr_name: {"S": self._class.config.use_case_id},
                self._class.expire_at.attr_name: {"N": self._class.expire_at.serialize(kept_until)},
                "mark": {"S": name},
            },
        )

    def is_reached(self, name: str) -> bool:
        """Whether all that was written before the mark is counted."""
        return all(place.get("mark") == {"S": name} for place in self._places(self._open_shards()))

    def is_read_since(self, moment: datetime) -> bool:
        """Whether any shard was counted on at or after that moment, by the clock of the function that counts."""
        kept_until = [place[self._class.expire_at.attr_name] for place in self._places(self._shards()) if place]
        since = int((moment + PLACE_KEPT).timestamp())  # an item is kept until a whole second
        return any(int(each["N"]) >= since for each in kept_until)

    def _places(self, shards: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What is stored of each shard; empty where nothing is."""
        keys = [self._items.place(shard["ShardId"]) for shard in shards]
        found: dict[str, dict[str, Any]] = {}
        for first in range(0, len(keys), BATCH_SIZE):
            found |= read_items(self._class, keys[first : first + BATCH_SIZE], consistent=True)
        return [found.get(key, {}) for key in keys]

    def _open_shards(self) -> list[dict[str, Any]]:
        """The shards that take what is written now."""
        return [each for each in self._shards() if "EndingSequenceNumber" not in each["SequenceNumberRange"]]

    def _shards(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        request = {"StreamArn": self._stream}
        while True:
            described = self._streams.describe_stream(**request)["StreamDescription"]
            found += described["Shards"]
            if (last := described.get("LastEvaluatedShardId")) is None:
                return found
            request["ExclusiveStartShardId"] = last

    @property
    def _table(self) -> str:
        table: Any = self._class.Meta
        name: str = table.table_name
        return name

    @property
    def _client(self) -> Any:
        return self._class._get_connection().connection.client

    @cached_property
    def _stream(self) -> str:
        table = self._client.describe_table(TableName=self._table)["Table"]
        arn: str | None = table.get("LatestStreamArn")
        # One that was switched off is still named.
        if arn is None or not table.get("StreamSpecification", {}).get("StreamEnabled"):
            raise CountsNotKeptError(
                f"No counts are kept of {self._class.config.use_case_id}: the table {self._table} has no stream. "
                "Deploy the function that reads it."
            )
        return arn

    @cached_property
    def _streams(self) -> Any:
        connection = self._class._get_connection().connection
        return connection.session.create_client(
            "dynamodbstreams",
            region_name=connection.region,
            endpoint_url=connection.host,
            config=Config(account_id_endpoint_mode="disabled"),
            aws_access_key_id=connection._aws_access_key_id,
            aws_secret_access_key=connection._aws_secret_access_key,
            aws_session_token=connection._aws_session_token,
        )
