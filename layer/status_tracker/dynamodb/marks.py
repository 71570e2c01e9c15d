"""Marks in the table's stream: they prove that the function on it has read all that was written before."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import cached_property
from typing import Any

from botocore.config import Config

from ..core.port import CountsNotKeptError
from .batch_get import BATCH_SIZE, read_items
from .count_items import CountItems
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
        name, kept_until = uuid.uuid4().hex, self._class.config.now() + _KEPT
        for number in range(_OF_EACH_SHARD * len(self._open_shards())):
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
        return name

    def is_reached(self, name: str) -> bool:
        """Whether all that was written before the mark is counted."""
        keys = [self._items.place(shard) for shard in self._open_shards()]
        places: dict[str, dict[str, Any]] = {}
        for first in range(0, len(keys), BATCH_SIZE):
            places |= read_items(self._class, keys[first : first + BATCH_SIZE], consistent=True)
        return all(places.get(key, {}).get("mark") == {"S": name} for key in keys)

    def _open_shards(self) -> list[str]:
        """The ids of the shards that take what is written now."""
        found, request = [], {"StreamArn": self._stream}
        while True:
            described = self._streams.describe_stream(**request)["StreamDescription"]
            shards = described["Shards"]
            found += [each["ShardId"] for each in shards if "EndingSequenceNumber" not in each["SequenceNumberRange"]]
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
        arn: str | None = self._client.describe_table(TableName=self._table)["Table"].get("LatestStreamArn")
        if arn is None:
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
