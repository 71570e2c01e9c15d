"""status_tracker on DynamoDB."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager

import status_tracker as st
from bench import items
from bench.contender import Contender, Data
from bench.meter import Meter, dynamodb_metered


def make_step(address: str, table: str) -> type[st.BaseTask]:
    """The model, as a user declares it."""

    class Step(st.BaseTask):
        class Meta:
            table_name = table
            region = items.REGION
            billing_mode = "PAY_PER_REQUEST"
            host = address
            aws_access_key_id = items.CREDENTIALS["aws_access_key_id"]
            aws_secret_access_key = items.CREDENTIALS["aws_secret_access_key"]

        status_and_update_time_index = st.StatusAndUpdateTimeIndex()
        config = st.TrackerConfig.make(use_case_id=items.USE_CASE, **items.CODES, **items.SHARDS)

    return Step


class Tracker(Contender):
    def __init__(self, address: str, table: str) -> None:
        self._table = table
        self.step = make_step(address, table)
        self.client = self.step._get_connection().connection.client

    def metered(self) -> AbstractContextManager[Meter]:
        return dynamodb_metered(self.client)

    def create_table(self) -> None:
        self.step.create_table(wait=True)

    def create(self, task_id: str, data: Data) -> None:
        self.step.make_and_save(task_id, data)

    def start_finish(self, task_id: str, data: Data) -> None:
        with self.step.start(task_id) as ctx:
            ctx.set_data(data)

    def start_create_finish(self, task_id: str, data: Data) -> None:
        with self.step.start(task_id, create=True, data={}) as ctx:
            ctx.set_data(data)

    def try_start(self, task_id: str) -> bool:
        try:
            self.step.start(task_id).__enter__()
        except st.TaskLockedError:
            return False
        return True

    def put_stuck(self, task_ids: Iterable[str]) -> None:
        items.put_stuck(self.client, self._table, task_ids)

    def list_refreshed(self) -> int:
        return len(self.step.query_by_status(items.CODES["pending_status"], limit=None, auto_refresh=True).all())

    def count(self) -> int:
        return sum(self.step.count_by_status().values())
