"""pynamodb_mate 6.0.1.1, whose `create` overwrites, and whose finish only asks for its lock."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import pynamodb_mate.api as pm  # type: ignore[import-not-found]  # only .venv-bench has it

from bench import items
from bench.contender import Contender, Data
from bench.meter import Meter, dynamodb_metered

st = pm.patterns.status_tracker


def _make_step(address: str, table: str) -> Any:
    class Task(st.BaseTask):  # type: ignore[misc, name-defined]
        class Meta:
            table_name = table
            region = items.REGION
            billing_mode = pm.constants.PAY_PER_REQUEST_BILLING_MODE
            host = address
            aws_access_key_id = items.CREDENTIALS["aws_access_key_id"]
            aws_secret_access_key = items.CREDENTIALS["aws_secret_access_key"]

        status_and_update_time_index = st.StatusAndUpdateTimeIndex()
        config = st.TrackerConfig.make(use_case_id=items.USE_CASE, **items.CODES, **items.SHARDS)

    return Task


class Tracker(Contender):
    def __init__(self, address: str, table: str) -> None:
        self._table = table
        self._step = _make_step(address, table)
        self._client = self._step._get_connection().connection.client

    def metered(self) -> AbstractContextManager[Meter]:
        return dynamodb_metered(self._client)

    def create_table(self) -> None:
        self._step.create_table(wait=True)

    def create(self, task_id: str, data: Data) -> None:
        self._step.make_and_save(task_id, data)

    def start_finish(self, task_id: str, data: Data) -> None:
        with self._step.start(task_id) as ctx:
            ctx.set_data(data)

    def try_start(self, task_id: str) -> bool:
        # It starts a stuck task when in_progress is named as one more status to start from.
        in_progress = items.CODES["in_progress_status"]
        try:
            self._step.start(task_id, more_pending_status=in_progress, detailed_error=True).__enter__()
        except st.TaskLockedError:
            return False
        return True

    def put_stuck(self, task_ids: Iterable[str]) -> None:
        items.put_stuck(self._client, self._table, task_ids)

    def list_refreshed(self) -> int:
        everything = 1_000_000  # it has no way to say so
        tasks = self._step.query_by_status(items.CODES["pending_status"], limit=everything, auto_refresh=True)
        return len(tasks.all())
