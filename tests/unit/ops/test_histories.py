"""Whatever happens to tasks: what the stream tells of it adds up to what there is, in counts and in events."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

import status_tracker
from status_tracker.operations.pipeline import Pipeline
from status_tracker.testing.moto import mend_dynamodb
from status_tracker_ops.events.changes import Change, EventType, change_of
from status_tracker_ops.events.records import StreamRecord
from status_tracker_ops.events.stream import Stream
from status_tracker_ops.settings import EventsSettings
from tests.support.clock import Clock
from tests.support.steps import REGION, STEP1_CODES, STEP2_CODES, make_step
from tests.support.streams import TableStream

STREAMS = f"https://streams.dynamodb.{REGION}.amazonaws.com"
RAISED = (KeyError, status_tracker.Postponed, status_tracker.NonRetryableError)
SHARDS = ("shardId-1", "shardId-2")


class World:
    """Two steps on a table with a stream, tasks of two use cases, and what the function has made of them."""

    def __init__(self) -> None:
        class Base(status_tracker.BaseTask):
            class Meta:
                table_name, region, billing_mode = "tasks", REGION, "PAY_PER_REQUEST"

            status_and_update_time_index = status_tracker.StatusAndUpdateTimeIndex()

        self.clock = Clock()
        self.steps = [make_step(Base, codes, self.clock) for codes in (STEP1_CODES, STEP2_CODES)]
        self.foreign = make_step(Base, STEP1_CODES, self.clock, use_case_id="other")
        Base.create_table(wait=True)
        self.client = boto3.client("dynamodb", REGION)
        streams = boto3.client("dynamodbstreams", REGION, endpoint_url=STREAMS)
        self.stream = TableStream(self.client, streams, "tasks")
        self.pipeline = Pipeline({"Extract": self.steps[0], "Answer": self.steps[1]})
        self.function = Stream(self.pipeline, EventsSettings(), Logger())
        self.names = map("t{}".format, itertools.count())
        self.left: list[Any] = []

    def records(self) -> list[StreamRecord]:
        return [StreamRecord.of(record) for _, record in self.stream.read()]


def _attempt(task_class: Any, task_id: str, error: BaseException | None) -> None:
    with task_class.start(task_id, create=True) as ctx:
        ctx.set_data({"n": 1}).update()
        if error is not None:
            raise error


def _vanish(world: World, task_class: Any, task_id: str) -> None:
    left = task_class.start(task_id)
    left.__enter__()
    world.left.append(left)
    world.clock.advance(61)


DEEDS: Mapping[str, Callable[[World, Any, str], object]] = {
    "create": lambda _, step, task_id: step.make_and_save(task_id),
    "succeed": lambda _, step, task_id: _attempt(step, task_id, None),
    "fail": lambda _, step, task_id: _attempt(step, task_id, KeyError("x" * 300)),
    "postpone": lambda _, step, task_id: _attempt(step, task_id, status_tracker.Postponed("later", retry_after=1)),
    "hopeless": lambda _, step, task_id: _attempt(step, task_id, status_tracker.NonRetryableError("never")),
    "vanish": _vanish,
    "cancel": lambda _, step, task_id: step.cancel(task_id, reason="cancelled"),
    "ignore": lambda _, step, task_id: step.ignore(task_id, reason="ignored"),
    "unignore": lambda _, step, task_id: step.unignore(task_id, reason="taken back"),
    "rerun": lambda _, step, task_id: step.rerun(task_id, reason="again"),
    "unlock": lambda _, step, task_id: step.unlock(task_id, reason="gone"),
    "restart": lambda _, step, task_id: step.restart(task_id, run=0, reason="nobody came"),
    "delete": lambda _, step, task_id: step(key=step.make_key(task_id)).delete_if_exists(),
    "pause": lambda world, *_: world.pipeline.pause(reason="a holiday"),
    "foreign": lambda world, _, task_id: world.foreign.get_or_create(task_id),
    "wait": lambda world, *_: world.clock.advance(2),
}
histories = st.lists(st.tuples(st.sampled_from(sorted(DEEDS)), st.integers(0, 1), st.integers(0, 1)), max_size=14)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    mend_dynamodb()
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        yield World()


def live(world: World, history: list[tuple[str, int, int]]) -> list[str]:
    """Let all that happen to two new tasks; their ids."""
    ids = [next(world.names), next(world.names)]
    for deed, step, task in history:
        world.clock.advance(timedelta(milliseconds=1).total_seconds())
        try:
            DEEDS[deed](world, world.steps[step], ids[task])
        except (status_tracker.TaskExecutionError, *RAISED):
            continue
    return ids


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, seed=st.integers(0, 2**32))
def test_any_history_adds_up(world: World, history: list[tuple[str, int, int]], seed: int) -> None:
    before = {"kept": kept(world), "counted": counted(world)}
    ids = live(world, history)
    records = world.records()
    deliver(world, records, random.Random(seed))  # noqa: S311  # it cuts batches, and is no secret
    assert difference(kept(world), before["kept"]) == difference(counted(world), before["counted"])
    told: dict[str, list[Change]] = {task_id: [] for task_id in ids}
    for change in (change_of(world.pipeline, record) for record in records):
        if change is not None:
            told[change.task_id].append(change)
    for task_id, changes in told.items():
        check_events(world, task_id, changes)


def deliver(world: World, records: list[StreamRecord], dice: random.Random) -> None:
    """As batches that are cut anywhere; some come again, whole or from anywhere on."""
    by_shard = {shard: [each for each in records if _shard(each) == shard] for shard in SHARDS}
    for shard, mine in by_shard.items():
        done = 0
        while done < len(mine):
            first = dice.randint(0, done)
            end = dice.randint(done + 1, len(mine))
            assert world.function.take(mine[first:end], shard).again is None
            done = end


def _shard(record: StreamRecord) -> str:
    return SHARDS[sum(str(record.keys).encode()) % 2]


def difference(after: Mapping[int, int], before: Mapping[int, int]) -> dict[int, int]:
    found = {code: after.get(code, 0) - before.get(code, 0) for code in {*after, *before}}
    return {code: number for code, number in found.items() if number}


def kept(world: World) -> dict[int, int]:
    counts = world.pipeline.kept_counts()
    return {} if counts is None else {code: number for code, number in counts.by_code.items() if number}


def counted(world: World) -> dict[int, int]:
    """The tasks in the table, by their codes; read without the library."""
    codes = [
        int(item["value"]["S"].split("____")[1])
        for page in world.client.get_paginator("scan").paginate(TableName="tasks")
        for item in page["Items"]
        if item.get("value", {}).get("S", "").startswith("test____")
    ]
    return {code: codes.count(code) for code in set(codes)}


def check_events(world: World, task_id: str, changes: list[Change]) -> None:
    task = world.steps[0].get_one_or_none(task_id, consistent_read=True)
    types = [each for change in changes for each in change.types]
    assert all(change.types for change in changes)
    assert all(len(change.reason or "") <= 200 for change in changes)
    if task is None:
        assert types == [] or types[-1] is EventType.DELETED
        return
    assert changes[-1].place.code == task.status
    assert changes[-1].run <= (task.run or 0)
    since_creation = types[len(types) - 1 - types[::-1].index(EventType.CREATED) :]
    assert since_creation.count(EventType.STARTED) == (task.fence or 0)
    assert types.count(EventType.DELETED) == types.count(EventType.CREATED) - 1
    failures = [each for each in task.errors["history"] if not each["error"].startswith("LeaseExpired(")]
    told = since_creation.count(EventType.FAILED)
    assert told <= len(failures) + task.errors.get("dropped", 0)
