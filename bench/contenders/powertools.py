"""Powertools' idempotency: a call is done once. It has no pending tasks, no statuses to list, and no history."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, cast

import boto3
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemAlreadyExistsError
from aws_lambda_powertools.utilities.typing import LambdaContext

from bench import items
from bench.contender import Contender, Data
from bench.meter import Meter, dynamodb_metered

_LEASE_MILLISECONDS = int(items.LEASE.total_seconds() * 1000)


class _Context:
    """All that is asked of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        return _LEASE_MILLISECONDS


class Tracker(Contender):
    def __init__(self, address: str, table: str) -> None:
        self._table = table
        self._client = boto3.client("dynamodb", endpoint_url=address, region_name=items.REGION, **items.CREDENTIALS)
        self._store = DynamoDBPersistenceLayer(table, boto3_client=self._client)
        config = IdempotencyConfig(lambda_context=cast(LambdaContext, _Context()))

        def work(*, task: str, data: Data) -> Data:  # noqa: ARG001  # the decorator reads it
            return data

        self._store.configure(config, f"{work.__module__}.{work.__qualname__}")  # as the decorator does, for one key
        decorate: Any = idempotent_function
        self._work = decorate(work, data_keyword_argument="task", persistence_store=self._store, config=config)

    def metered(self) -> AbstractContextManager[Meter]:
        return dynamodb_metered(self._client)

    def create_table(self) -> None:
        self._client.create_table(
            TableName=self._table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )

    def start_create_finish(self, task_id: str, data: Data) -> None:
        self._work(task=task_id, data=data)

    def try_start(self, task_id: str) -> bool:
        try:
            self._store.save_inprogress(cast(dict[str, Any], task_id), _LEASE_MILLISECONDS)
        except IdempotencyItemAlreadyExistsError:
            return False
        return True

    def put_stuck(self, task_ids: Iterable[str]) -> None:
        for task_id in task_ids:
            self._store.save_inprogress(cast(dict[str, Any], task_id), remaining_time_in_millis=0)
