"""What the chaos is about: two steps on a table, and a history of changes of their tasks."""

from __future__ import annotations

import random
import uuid
import zlib
from collections import Counter
from typing import Any

from botocore.session import get_session

import status_tracker as st
from status_tracker.operations.pipeline import Pipeline
from tests.support.steps import CREDENTIALS, REGION, STEP1_CODES, STEP2_CODES, make_base, make_step
from tests.support.streams import TableStream

TASKS = 200
AT_ONCE = 25
SHARDS = 4
CODES = (10, 20, 30, 40, 50, 70, 80, 90, 100)


class Shop:
    """The table, its tasks, and its stream, as if it had several shards."""

    def __init__(self, endpoint: str, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311  # no secret
        self.base = make_base(endpoint, f"tasks-{uuid.uuid4().hex}")
        self.base.create_table(wait=True)
        steps = {"Extract": make_step(self.base, STEP1_CODES), "Answer": make_step(self.base, STEP2_CODES)}
        self.pipeline = Pipeline(steps)
        self.table = self.base.Meta.table_name
        session = get_session()
        self.client = session.create_client("dynamodb", REGION, endpoint_url=endpoint, **CREDENTIALS)
        streams = session.create_client("dynamodbstreams", REGION, endpoint_url=endpoint, **CREDENTIALS)
        self._write([self._put(number) for number in range(0, TASKS, 2)])
        self.before = self.counted()
        self._stream = TableStream(self.client, streams, self.table)

    def change(self, changes: int) -> None:
        """So many writes to tasks; most change the status, some delete a task or make it again."""
        left = changes
        while left > 0:
            some = self.dice.sample(range(TASKS), min(AT_ONCE, left))
            self._write([self._put(number) if self.dice.random() < 0.95 else self._delete(number) for number in some])
            left -= len(some)

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """What the stream tells, by the shard."""
        found: dict[str, list[dict[str, Any]]] = {f"shardId-{number}": [] for number in range(SHARDS)}
        for _, record in self._stream.read():
            key = record["dynamodb"]["Keys"]["key"]["S"]
            found[f"shardId-{zlib.crc32(key.encode()) % SHARDS}"].append(record)
        return found

    def counted(self) -> Counter[int]:
        """The tasks that there are, by the codes; read without the library."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        values = [item["value"]["S"] for page in pages for item in page["Items"] if "value" in item]
        return Counter(int(value.split("____")[1]) for value in values)

    def _write(self, requests: list[dict[str, Any]]) -> None:
        for first in range(0, len(requests), AT_ONCE):
            self.client.batch_write_item(RequestItems={self.table: requests[first : first + AT_ONCE]})

    def _put(self, number: int) -> dict[str, Any]:
        code, now = self.dice.choice(CODES), st.get_utc_now()
        item = {
            "key": {"S": f"test____t-{number:03}"},
            "value": {"S": f"test____{code:03}____001"},
            "status": {"N": str(code)},
            "update_time": {"S": f"{now:%Y-%m-%dT%H:%M:%S.%f}+0000"},
        }
        return {"PutRequest": {"Item": item}}

    def _delete(self, number: int) -> dict[str, Any]:
        return {"DeleteRequest": {"Key": {"key": {"S": f"test____t-{number:03}"}}}}
