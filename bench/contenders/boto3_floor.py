"""boto3 without a library: the same requests, written by hand. The floor of all others."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from bench import items, raw_listing
from bench.contender import Contender, Data
from bench.meter import Meter, dynamodb_metered
from bench.raw_listing import decoded

_NAMES = {"#status": "status", "#value": "value", "#lock": "lock"}
_ACQUIRE = (
    "SET #status = :status, #value = :value, #lock = :lock, lock_time = :now, lock_expire_time = :until, "
    "update_time = :now{made} REMOVE expire_at, update_count ADD fence :one"
)
_MADE = (
    ", create_time = if_not_exists(create_time, :now), retry = if_not_exists(retry, :zero), "
    "#data = if_not_exists(#data, :data), errors = if_not_exists(errors, :errors)"
)
_STARTABLE = (
    "NOT contains(finished_locks, :lock) AND NOT contains(vanished_locks, :lock) AND #status IN (:pending, :failed) "
    "AND (attribute_not_exists(#lock) OR #lock = :free OR lock_expire_time <= :now OR "
    "(attribute_not_exists(lock_expire_time) AND (attribute_not_exists(lock_time) OR lock_time <= :since))) "
    "AND (attribute_not_exists(not_before) OR not_before <= :now) "
    "AND (attribute_not_exists(update_time) OR update_time <= :now)"
)
_FINISH = (
    "SET #status = :status, #value = :value, #lock = :free, update_time = :now, retry = :zero, #data = :data, "
    "finished_locks = :locks REMOVE lock_expire_time, expire_at, not_before"
)
_TAKE_OVER = _ACQUIRE.format(made=", retry = :retry, errors = :errors, vanished_locks = :vanished")


def make_client(address: str) -> Any:
    config = Config(max_pool_connections=100)  # as many as threads are measured, so that none opens its own each time
    return boto3.client("dynamodb", endpoint_url=address, region_name=items.REGION, config=config, **items.CREDENTIALS)


class Tracker(Contender):
    def __init__(self, address: str, table: str) -> None:
        self.client = make_client(address)
        self._table = table

    def metered(self) -> AbstractContextManager[Meter]:
        return dynamodb_metered(self.client)

    def create_table(self) -> None:
        items.create_table(self.client, self._table, items.PROJECTED)

    def create(self, task_id: str, data: Data) -> None:
        task = items.item(task_id, items.CODES["pending_status"], datetime.now(UTC), data)
        self.client.put_item(
            TableName=self._table,
            Item={**task, "create_token": {"S": uuid.uuid4().hex}},
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": "key"},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    def start_finish(self, task_id: str, data: Data) -> None:
        self.finish(task_id, self.acquire(task_id), data)

    def start_create_finish(self, task_id: str, data: Data) -> None:
        self.finish(task_id, self.acquire(task_id, create=True), data)

    def try_start(self, task_id: str) -> bool:
        try:
            self.acquire(task_id)
        except self.client.exceptions.ConditionalCheckFailedException as refused:
            return self._take_over(task_id, refused)
        return True

    def put_stuck(self, task_ids: Iterable[str]) -> None:
        items.put_stuck(self.client, self._table, task_ids)

    def list_refreshed(self) -> int:
        return len(raw_listing.read_pending(self.client, self._table))

    def count(self) -> int:
        return raw_listing.count_all(self.client, self._table)

    def acquire(self, task_id: str, *, create: bool = False) -> dict[str, Any]:
        """The task as it is stored then, for `finish`."""
        values = self._locking(task_id)
        names, condition = _NAMES, _STARTABLE
        for name, code in (("pending", "pending_status"), ("failed", "failed_status")):
            values[f":{name}"] = {"N": str(items.CODES[code])}
        values |= {":free": {"S": items.FREE}, ":since": {"S": items.moment(datetime.now(UTC) - items.LEASE)}}
        if create:
            names, condition = (
                {**_NAMES, "#data": "data", "#key": "key"},
                f"({condition}) OR attribute_not_exists(#key)",
            )
            values |= {":zero": {"N": "0"}, ":data": {"S": "{}"}, ":errors": {"S": '{"history": []}'}}
        update = _ACQUIRE.format(made=_MADE if create else "")
        return self._update(task_id, update, condition, names, values)

    def _locking(self, task_id: str) -> dict[str, Any]:
        now, status = datetime.now(UTC), items.CODES["in_progress_status"]
        return {
            ":status": {"N": str(status)},
            ":value": {"S": items.value_of(task_id, status)},
            ":lock": {"S": uuid.uuid4().hex},
            ":now": {"S": items.moment(now)},
            ":until": {"S": items.moment(now + items.LEASE)},
            ":one": {"N": "1"},
        }

    def finish(self, task_id: str, task: dict[str, Any], data: Data) -> None:
        """Let a task succeed that was acquired."""
        status = items.CODES["succeeded_status"]
        values = {
            ":status": {"N": str(status)},
            ":value": {"S": items.value_of(task_id, status)},
            ":free": {"S": items.FREE},
            ":now": {"S": items.moment(datetime.now(UTC))},
            ":zero": {"N": "0"},
            ":data": {"S": json.dumps(data)},
            ":locks": {"S": json.dumps([task["lock"]["S"]])},
            ":lock": task["lock"],
            ":fence": task["fence"],
        }
        names = {**_NAMES, "#data": "data"}
        self._update(task_id, _FINISH, "#lock = :lock AND fence = :fence", names, values)

    def _take_over(self, task_id: str, refused: ClientError) -> bool:
        found: Any = refused.response["Item"]  # type: ignore[typeddict-item]  # told with this refusal only
        values = self._locking(task_id)
        if found["lock_expire_time"]["S"] > values[":now"]["S"]:
            return False
        failed = {"nth_retry": 1, "error": "LeaseExpired", "update_time": values[":now"]["S"], "traceback": ""}
        values |= {
            ":retry": {"N": str(int(found["retry"]["N"]) + 1)},
            ":errors": {"S": json.dumps({"history": [*json.loads(found["errors"]["S"])["history"], failed]})},
            ":vanished": {"S": json.dumps([found["lock"]["S"]])},
            ":old_lock": found["lock"],
            ":old_end": found["lock_expire_time"],
            ":old_fence": found["fence"],
        }
        unchanged = "#lock = :old_lock AND lock_expire_time = :old_end AND fence = :old_fence"
        self._update(task_id, _TAKE_OVER, unchanged, _NAMES, values)
        return True

    def _update(
        self, task_id: str, update: str, condition: str, names: dict[str, str], values: dict[str, Any]
    ) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.update_item(
            TableName=self._table,
            Key={"key": {"S": items.key_of(task_id)}},
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return decoded(answer["Attributes"])
