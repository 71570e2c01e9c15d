"""PynamoDB without a library: the same model, conditions and writes, as a user would write them.

It cannot answer the item of a refused update, so a refusal that is explained takes a second request; and it takes a
stuck task over in one request, which keeps no record of the attempt that vanished.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from bench import items
from bench.contender import Contender, Data
from bench.meter import Meter, dynamodb_metered


class _Index(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]  # PynamoDB leaves its __init_subclass__ untyped
    class Meta:
        index_name = items.INDEX
        projection = IncludeProjection(items.PROJECTED)

    value = UnicodeAttribute(hash_key=True)
    update_time = UTCDateTimeAttribute(range_key=True)


class _Item(Model):
    key = UnicodeAttribute(hash_key=True)
    value = UnicodeAttribute()
    status = NumberAttribute()
    create_time = UTCDateTimeAttribute()
    update_time = UTCDateTimeAttribute()
    retry = NumberAttribute(default_for_new=0)
    lock = UnicodeAttribute(default_for_new=items.FREE)
    lock_time = UTCDateTimeAttribute(null=True)
    lock_expire_time = UTCDateTimeAttribute(null=True)
    fence = NumberAttribute(null=True)
    data = JSONAttribute(null=True)
    errors = JSONAttribute(default_for_new=lambda: {"history": []}, null=True)


def _make_model(address: str, table: str) -> Any:
    class Item(_Item):
        class Meta:
            table_name = table
            region = items.REGION
            billing_mode = "PAY_PER_REQUEST"
            host = address
            aws_access_key_id = items.CREDENTIALS["aws_access_key_id"]
            aws_secret_access_key = items.CREDENTIALS["aws_secret_access_key"]

        index = _Index()

    return Item


def _startable(now: datetime) -> Condition:
    status_allows = _Item.status.is_in(items.CODES["pending_status"], items.CODES["failed_status"])
    startable: Condition = status_allows & ((_Item.lock == items.FREE) | (_Item.lock_expire_time <= now))
    return startable


class Tracker(Contender):
    def __init__(self, address: str, table: str) -> None:
        self._table = table
        self._model = _make_model(address, table)
        self._client = self._model._get_connection().connection.client

    def metered(self) -> AbstractContextManager[Meter]:
        return dynamodb_metered(self._client)

    def create_table(self) -> None:
        self._model.create_table(wait=True)

    def create(self, task_id: str, data: Data) -> None:
        now, status = datetime.now(UTC), items.CODES["pending_status"]
        task = self._model(
            items.key_of(task_id),
            value=items.value_of(task_id, status),
            status=status,
            create_time=now,
            update_time=now,
            data=data,
        )
        task.save(condition=self._model.key.does_not_exist())

    def start_finish(self, task_id: str, data: Data) -> None:
        self._finish(task_id, self._acquire(task_id, _startable(datetime.now(UTC)), []), data)

    def start_create_finish(self, task_id: str, data: Data) -> None:
        now = datetime.now(UTC)
        made = {"create_time": now, "retry": 0, "data": {}, "errors": {"history": []}}
        attributes = ((getattr(_Item, name), value) for name, value in made.items())
        defaults = [attribute.set(attribute | value) for attribute, value in attributes]
        self._finish(task_id, self._acquire(task_id, _startable(now) | _Item.key.does_not_exist(), defaults), data)

    def try_start(self, task_id: str) -> bool:
        now = datetime.now(UTC)
        try:
            self._acquire(task_id, _startable(now) | (_Item.lock_expire_time <= now), [])
        except UpdateError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            self._model.get(items.key_of(task_id))  # for the exact reason
            return False
        return True

    def put_stuck(self, task_ids: Iterable[str]) -> None:
        items.put_stuck(self._client, self._table, task_ids)

    def list_refreshed(self) -> int:
        listed = [each.key for value in self._partitions("pending_status") for each in self._model.index.query(value)]
        whole = {each.key: each for each in self._model.batch_get(listed)}
        return len([whole[key] for key in listed])

    def count(self) -> int:
        return sum(self._model.index.count(value) for status in items.CODES for value in self._partitions(status))

    def _partitions(self, status: str) -> list[str]:
        return [items.partition(items.CODES[status], shard + 1) for shard in range(items.N_SHARDS)]

    def _acquire(self, task_id: str, condition: Condition, defaults: list[Action]) -> _Item:
        now, status = datetime.now(UTC), items.CODES["in_progress_status"]
        item: _Item = self._model(items.key_of(task_id))
        actions: list[Action] = [
            _Item.status.set(status),
            _Item.value.set(items.value_of(task_id, status)),
            _Item.lock.set(uuid.uuid4().hex),
            _Item.lock_time.set(now),
            _Item.lock_expire_time.set(now + items.LEASE),
            _Item.update_time.set(now),
            _Item.fence.add(1),
        ]
        item.update([*actions, *defaults], condition=condition)
        return item

    def _finish(self, task_id: str, item: _Item, data: Data) -> None:
        status = items.CODES["succeeded_status"]
        actions: list[Action] = [
            _Item.status.set(status),
            _Item.value.set(items.value_of(task_id, status)),
            _Item.lock.set(items.FREE),
            _Item.update_time.set(datetime.now(UTC)),
            _Item.retry.set(0),
            _Item.data.set(data),
            _Item.lock_expire_time.remove(),
        ]
        item.update(actions, condition=(_Item.lock == item.lock) & (_Item.fence == item.fence))
