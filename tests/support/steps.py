"""The two steps that the contract is tested on: text is extracted from a document, then questions are answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import status_tracker as st

CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
REGION = "us-east-1"

STEP1_CODES = {
    "pending_status": 10,
    "in_progress_status": 20,
    "failed_status": 30,
    "succeeded_status": 40,
    "ignored_status": 50,
}
STEP2_CODES = {
    "pending_status": 40,
    "in_progress_status": 70,
    "failed_status": 80,
    "succeeded_status": 90,
    "ignored_status": 100,
}
SHARDS = {
    "n_pending_shard": 5,
    "n_in_progress_shard": 5,
    "n_failed_shard": 5,
    "n_succeeded_shard": 10,
    "n_ignored_shard": 5,
}


def make_base(host: str, table: str) -> type[st.BaseTask]:
    """The model of a table at that address, with a client of its own, for what a test does to its requests."""

    class Task(st.BaseTask):
        class Meta:
            table_name = table
            region = REGION
            billing_mode = "PAY_PER_REQUEST"
            max_retry_attempts = 2
            aws_access_key_id = CREDENTIALS["aws_access_key_id"]
            aws_secret_access_key = CREDENTIALS["aws_secret_access_key"]

        status_and_update_time_index = st.StatusAndUpdateTimeIndex()

    Task.Meta.host = host
    Task.Meta.extra_headers = {"x-test-table": table}
    return Task


def make_step(
    base: type[st.BaseTask], codes: dict[str, int], clock: Callable[[], datetime] = st.get_utc_now, **settings: Any
) -> type[st.BaseTask]:
    """One step of the use case "test" on that table; `settings` replace what stands here."""
    usual = {"use_case_id": "test", "max_retry": 3, "lock_expire_seconds": 60, "clock": clock}

    class Step(base):  # type: ignore[valid-type, misc]
        status_and_update_time_index = st.StatusAndUpdateTimeIndex()
        config = st.TrackerConfig.make(**{**usual, **codes, **SHARDS, **settings})

    return Step
