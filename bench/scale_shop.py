"""A table of very many tasks of two steps: what is measured at scale, and how it is filled."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from typing import Any

import status_tracker as st
from bench.items import CREDENTIALS, REGION
from status_tracker.core.port import Look
from status_tracker.dynamodb.count_items import CountItems
from status_tracker.dynamodb.counting import ShardCounting
from status_tracker.operations.pipeline import Pipeline

SHARDS = 10
TABLE = "SCALE_TABLE"
"""The environment variables with the name of the table, and with DynamoDB's address."""
ADDRESS = "AWS_ENDPOINT_URL"
_OF_A_THOUSAND = {10: 10, 20: 2, 30: 2, 40: 10, 50: 10, 70: 2, 80: 2, 100: 10}
"""How many tasks have each status; all others have succeeded in the last step."""
_CODES = [code for code, share in _OF_A_THOUSAND.items() for _ in range(share)]
_DONE = 90
_DAY = timedelta(days=1)
_AT_ONCE = 25
_PART = 5_000
_PROCESSES = 2
_STREAM_SHARDS = 64
"""So many have told of the tasks: each item that keeps counts has some of them."""


class _Task(st.BaseTask):
    class Meta:
        table_name = os.environ.get(TABLE, "")
        region = REGION
        host = os.environ.get(ADDRESS)
        billing_mode = "PAY_PER_REQUEST"
        aws_access_key_id = CREDENTIALS["aws_access_key_id"]
        aws_secret_access_key = CREDENTIALS["aws_secret_access_key"]

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()

    @classmethod
    def run_state(cls, _task: Any) -> st.RunState:
        return st.RunState.ENDED

    @classmethod
    def dispatch(cls, _task: Any) -> None:
        return None


def _config(*codes: int) -> st.TrackerConfig:
    names = ("pending", "in_progress", "failed", "succeeded", "ignored")
    settings = {f"{name}_status": code for name, code in zip(names, codes, strict=True)}
    settings |= {f"n_{name}_shard": SHARDS for name in names}
    return st.TrackerConfig.make("scale", **settings)  # type: ignore[arg-type]  # all of them are numbers


class Extract(_Task):
    config = _config(10, 20, 30, 40, 50)


class Answer(_Task):
    config = _config(40, 70, 80, 90, 100)


PIPELINE = Pipeline({"Extract": Extract, "Answer": Answer})


def fill(tasks: int) -> Counter[int]:
    """So many tasks, in a new table, as the library makes them; how many have each status."""
    Extract.create_table(wait=True)
    now = st.get_utc_now()
    with ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as pool:
        parts = pool.map(partial(_fill, now=now, tasks=tasks), range(0, tasks, _PART))
        return sum(parts, Counter())


def add_due(number: int) -> None:
    """So many more tasks, that have been left behind by their workers."""
    over = st.get_utc_now() - _DAY
    for task_id in _due(number):
        _write([_stored(Extract, task_id, 20, over, locked_until=over)])


def remove_due(number: int) -> None:
    """Delete them."""
    for task in Extract.get_many(_due(number)):
        if isinstance(task, Extract):
            task.delete_if_exists()


def _due(number: int) -> list[str]:
    return [f"due-{each}" for each in range(number)]


def keep_counts(counted: Counter[int]) -> None:
    """Keep the counts of the tasks that there are as the function on the stream would, and what a sweep saw."""
    board, now = Extract.count_board(), st.get_utc_now()
    ended = {code: counted[code] for step in PIPELINE for code in step.ends}
    for shard in range(_STREAM_SHARDS):
        part, of_ended = _part(counted, shard), _part(ended, shard)
        changes = sum(part.values())
        ShardCounting(Extract, f"shardId-{shard}").add(part, changes, before=None, place="1", ended=of_ended)
    kept = board.read()
    if kept is None or not board.correct(kept, {}, now, error=0) or kept.by_code != dict(sorted(counted.items())):
        raise RuntimeError("Something else counts in this table.")
    before = {code: number - number // 1000 for code, number in ended.items()}
    board.remember([Look(now - timedelta(minutes=12), before), Look(now - timedelta(minutes=2), ended, {10: now})])


def _part(counted: Mapping[int, int], shard: int) -> dict[int, int]:
    return {code: number // _STREAM_SHARDS + (shard < number % _STREAM_SHARDS) for code, number in counted.items()}


def forget_counts(_: Counter[int]) -> None:
    """Have the table without counts."""
    Extract(key=CountItems(Extract).head).delete()


def settle() -> None:
    """Wait until the engine has done what was given up before: it goes on with it."""
    Extract.Meta.read_timeout_seconds = 1_800  # type: ignore[attr-defined]  # the library reads it
    Extract.get_one_or_none("none")


def _fill(first: int, *, now: datetime, tasks: int) -> Counter[int]:
    numbers = range(first, min(first + _PART, tasks))
    written: Counter[int] = Counter()
    batch: list[dict[str, Any]] = []
    for number in numbers:
        code = _code(number)
        batch.append(_stored(Extract, f"documents/{number:07}.pdf", code, now - timedelta(seconds=tasks - number)))
        written[code] += 1
        if len(batch) == _AT_ONCE or number == numbers[-1]:
            _write(batch)
            batch = []
    return written


def _code(number: int) -> int:
    place = number * 617 % 1000  # spreads the rare ones
    return _CODES[place] if place < len(_CODES) else _DONE


def _stored(
    step: type[st.BaseTask], task_id: str, code: int, moment: datetime, locked_until: datetime | None = None
) -> dict[str, Any]:
    task = step.make(task_id, {"bucket": "documents", "key": task_id}, _status=code, update_time=moment)
    task.create_time = moment
    if code in (20, 70):
        task.lock, task.lock_time = uuid.uuid4().hex, moment
        task.lock_expire_time = locked_until or moment + 365 * _DAY
        task.fence = 1
    if code in (30, 80):
        task.not_before = moment + 365 * _DAY
        task.retry = 1
    stored: dict[str, Any] = task.to_dynamodb_dict()
    return stored


def _write(items: list[dict[str, Any]]) -> None:
    client: Any = Extract._get_connection().connection.client
    unprocessed: dict[str, Any] = {Extract.Meta.table_name: [{"PutRequest": {"Item": each}} for each in items]}
    while unprocessed:
        unprocessed = client.batch_write_item(RequestItems=unprocessed)["UnprocessedItems"]
