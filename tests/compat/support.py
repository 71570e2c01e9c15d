"""The tracker that the v5 spelling is tested on, and tables as pynamodb_mate 5 left them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from status_tracker.compat import (
    PAY_PER_REQUEST_BILLING_MODE,
    BaseStatusEnum,
    BaseStatusTracker,
    StatusAndUpdateTimeIndex,
)
from tests.support.clock import Clock
from tests.support.steps import CREDENTIALS, REGION

NULL = {"NULL": True}
LEASE = 900


class StatusEnum(BaseStatusEnum):
    s00_todo = 0
    s03_in_progress = 3
    s06_failed = 6
    s09_success = 9
    s10_ignore = 10
    s13_next_in_progress = 13
    s16_next_failed = 16
    s19_next_success = 19


def make_tracker(host: str, table: str, clock: Callable[[], datetime]) -> type[BaseStatusTracker]:
    """A tracker of two jobs in a row, on the table of that name."""

    class Tracker(BaseStatusTracker):
        class Meta:
            table_name = table
            region = REGION
            billing_mode = PAY_PER_REQUEST_BILLING_MODE
            aws_access_key_id = CREDENTIALS["aws_access_key_id"]
            aws_secret_access_key = CREDENTIALS["aws_secret_access_key"]

        status_and_update_time_index = StatusAndUpdateTimeIndex()
        JOB_ID = "job"
        STATUS_ENUM = StatusEnum
        CLOCK = clock

        def start_job(self, **options: Any) -> AbstractContextManager[Any]:
            return self.start(
                in_process_status=StatusEnum.s03_in_progress,
                failed_status=StatusEnum.s06_failed,
                success_status=StatusEnum.s09_success,
                ignore_status=StatusEnum.s10_ignore,
                **options,
            )

        def start_next_job(self, **options: Any) -> AbstractContextManager[Any]:
            return self.start(
                in_process_status=StatusEnum.s13_next_in_progress,
                failed_status=StatusEnum.s16_next_failed,
                success_status=StatusEnum.s19_next_success,
                ignore_status=StatusEnum.s10_ignore,
                **options,
            )

    Tracker.Meta.host = host
    Tracker.Meta.extra_headers = {"x-test-table": Tracker.Meta.table_name}  # a client of its own
    return Tracker


def raw_item(tracker: Any, task_id: str = "t") -> dict[str, Any]:
    """The stored item of a task, in DynamoDB's own notation."""
    client = tracker._get_connection().connection.client
    key = {"key": {"S": f"{tracker.JOB_ID}____{task_id}"}}
    item: dict[str, Any] = client.get_item(TableName=tracker.Meta.table_name, Key=key, ConsistentRead=True)["Item"]
    return item


def put_raw(tracker: Any, item: dict[str, Any]) -> None:
    """Store an item as it is, past the library."""
    tracker._get_connection().connection.client.put_item(TableName=tracker.Meta.table_name, Item=item)


class V5Table:
    """A table with the narrow index that v5 made, and items exactly as it wrote them."""

    def __init__(self, tracker: Any, clock: Clock) -> None:
        self.tracker = tracker
        self._clock = clock
        names = ("key", "value", "update_time")
        tracker._get_connection().connection.client.create_table(
            TableName=tracker.Meta.table_name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "status_and_update_time-index",
                    "KeySchema": [
                        {"AttributeName": "value", "KeyType": "HASH"},
                        {"AttributeName": "update_time", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["create_time"]},
                }
            ],
        )

    def put(
        self,
        status: int,
        /,
        task_id: str = "t",
        *,
        lock: dict[str, Any] | None = None,
        lock_age: float | None = None,
        retry: int = 0,
        error: str | None = None,
        **attributes: Any,
    ) -> Any:
        """Store an item and read it. A new one had no attribute `lock`; one that had been started, NULL."""
        now = self._clock.now
        locked_at = "1970-01-01T00:00:00.000000+0000" if lock_age is None else _text(now - timedelta(seconds=lock_age))
        errors = {} if error is None else {"error": error, "traceback": f"Traceback: {error}"}
        item = {
            "key": {"S": f"job____{task_id}"},
            "value": {"S": f"job____{status:03}"},
            "create_time": {"S": _text(now)},
            "update_time": {"S": _text(now)},
            "retry": {"N": str(retry)},
            "lock_time": {"S": locked_at},
            "data": {"S": json.dumps({"from": "v5"})},
            "errors": {"S": json.dumps(errors)},
            **({} if lock is None else {"lock": lock}),
            **attributes,
        }
        put_raw(self.tracker, item)
        return self.tracker.get_one_or_none(task_id, consistent_read=True)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f%z")
