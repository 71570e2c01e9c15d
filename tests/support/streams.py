"""The stream of a table, as Lambda's poller delivers it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VIEW = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


class TableStream:
    """Reads what is written to a table from now on, each write once.

    Args:
        dynamodb: a client of the table's engine, which switches the stream on.
        streams: a client of its streams.
    """

    def __init__(self, dynamodb: Any, streams: Any, table: str) -> None:
        self._client = streams
        described = dynamodb.update_table(TableName=table, StreamSpecification=VIEW)["TableDescription"]
        self._arn = described["LatestStreamArn"]
        self._iterators: dict[str, str | None] = {}

    def read(self) -> list[tuple[str, dict[str, Any]]]:
        """The records since the last time, each with its shard, in the order of each shard."""
        return [(shard, record) for shard in self._shards() for record in self._of_shard(shard)]

    def _shards(self) -> list[str]:
        shards = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        return [shard["ShardId"] for shard in shards]

    def _of_shard(self, shard: str) -> Iterator[dict[str, Any]]:
        if shard not in self._iterators:
            self._iterators[shard] = self._client.get_shard_iterator(
                StreamArn=self._arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
        while (place := self._iterators[shard]) is not None:
            page = self._client.get_records(ShardIterator=place)
            self._iterators[shard] = page.get("NextShardIterator")
            yield from map(as_of_lambda, page["Records"])
            if not page["Records"]:
                return


def as_of_lambda(record: dict[str, Any]) -> dict[str, Any]:
    """A record as Lambda passes it: the moment is a number."""
    write = record["dynamodb"]
    moment = write["ApproximateCreationDateTime"].timestamp()
    return {**record, "dynamodb": {**write, "ApproximateCreationDateTime": moment}}


def batch(records: list[dict[str, Any]], shard: str) -> dict[str, Any]:
    """The event of a batch, within a tumbling window."""
    return {
        "Records": records,
        "window": {"start": "2030-01-01T00:00:00Z", "end": "2030-01-01T00:15:00Z"},
        "state": {},
        "shardId": shard,
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/tasks/stream/2030-01-01T00:00:00.000",
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }
