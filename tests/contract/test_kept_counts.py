"""The counts that are kept with every change: how they are read, counted for the first time, and corrected."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from pynamodb.exceptions import VerboseClientError

from status_tracker.core.port import CountsNotKeptError, Look
from status_tracker.dynamodb.count_items import CountItems
from status_tracker.dynamodb.counting import ShardCounting
from status_tracker.operations.counts import CountsBehindError, KeptCounts, check_counts, disown_counts, recount
from status_tracker.operations.looks import Ended, ended_lately, remember
from status_tracker.operations.pipeline import Pipeline
from status_tracker.testing import MemoryTask
from status_tracker_ops.events.records import StreamRecord
from tests.contract.command import Command
from tests.support.clock import Clock
from tests.support.engines import DYNAMODB_LOCAL, Engine
from tests.support.steps import STEP1_CODES, make_base, make_step
from tests.support.streams import TableStream
from tests.support.wire import (
    Wire,
    access_denied,
    answer_lost,
    partly_unprocessed,
    refused,
    transaction_cancelled,
    unprocessed,
)


def put(wire: Wire, step: Any, key: str, **attributes: Any) -> None:
    wire.client.put_item(TableName=step.Meta.table_name, Item={"key": {"S": key}, **attributes})


def test_a_table_without_counts_has_none(step1: Any) -> None:
    step1.make_and_save("t-1")
    assert Pipeline({"Extract": step1}).kept_counts() is None


def test_a_backend_without_a_place_for_counts_has_none() -> None:
    step = make_step(MemoryTask, STEP1_CODES)  # type: ignore[arg-type]  # another backend
    assert Pipeline({"Extract": step}).kept_counts() is None


def test_a_count_is_the_sum_over_all_slots(step1: Any, wire: Wire) -> None:
    put(wire, step1, "____counts____test", exact={"BOOL": True}, recounted_at={"S": "2030-01-01T00:00:00+00:00"})
    put(wire, step1, "____counts____test____00", c10={"N": "7"}, c20={"N": "-2"}, changes={"N": "9"})
    put(wire, step1, "____counts____test____15", c20={"N": "3"}, changes={"N": "3"})
    put(wire, step1, "____counts____other____00", c10={"N": "100"}, changes={"N": "100"})
    counts = Pipeline({"Extract": step1}).kept_counts()
    assert isinstance(counts, KeptCounts)
    assert counts.by_code == {10: 7, 20: 1}
    assert counts.exact
    assert counts.recounted_at is not None
    assert counts.recounted_at.isoformat() == "2030-01-01T00:00:00+00:00"
    assert sum(counts.changes) == 12


def test_counts_are_not_exact_before_the_first_count(step1: Any, wire: Wire) -> None:
    put(wire, step1, "____counts____test", exact={"BOOL": False})
    counts = Pipeline({"Extract": step1}).kept_counts()
    assert counts is not None
    assert (dict(counts.by_code), counts.exact, counts.recounted_at) == ({}, False, None)


def keep(step: Any, changes: dict[int, int], times: int = 1, shard: str = "shardId-1") -> None:
    """Count changes of a shard of the stream."""
    counting = ShardCounting(step, shard)
    before = counting.place()
    assert counting.add(changes, times, before=before, place=f"{int(before or 0) + 1:040}")


def stream_of(step: Any) -> TableStream:
    meta = step.Meta
    streams = boto3.client(
        "dynamodbstreams",
        endpoint_url=meta.host,
        region_name=meta.region,
        aws_access_key_id=meta.aws_access_key_id,
        aws_secret_access_key=meta.aws_secret_access_key,
    )
    return TableStream(step._get_connection().connection.client, streams, meta.table_name)


class Following:
    """The function on the table's stream, only for marks: what is counted is made up here.

    Attributes:
        happens: what happens when it has read the first mark, then the second, and so on.
        marks: how many it has read.
    """

    def __init__(self, step: Any) -> None:
        self.happens: list[Callable[[], object] | None] = []
        self.marks = 0
        self._step = step
        self._stream = stream_of(step)
        self._items = CountItems(step)

    def read(self) -> None:
        for shard, raw in self._stream.read():
            record = StreamRecord.of(raw)
            if (mark := record.mark(self._items)) is None or not record.keys["key"]["S"].endswith("0000"):
                continue
            counting = ShardCounting(self._step, shard)
            assert counting.add({}, 0, before=counting.place(), place=record.sequence, mark=mark)
            self.marks += 1
            if self.happens and (happens := self.happens.pop(0)) is not None:
                happens()


@pytest.fixture
def pipeline(step1: Any, step2: Any) -> Pipeline:
    return Pipeline({"Extract": step1, "Answer": step2})


@pytest.fixture
def settled(step1: Any, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Following:
    """It reads whenever somebody waits."""
    following, advance = Following(step1), clock.advance

    def sleep(seconds: float) -> None:
        advance(seconds)
        following.read()

    monkeypatch.setattr(clock, "sleep", sleep)
    return following


def test_the_first_count_of_a_table_that_had_tasks(
    pipeline: Pipeline, step1: Any, settled: Following, clock: Clock, wire: Wire
) -> None:
    for n in range(6):
        step1.make_and_save(f"t-{n}", _status=(10, 50, 90)[n % 3])
    put(wire, step1, "test____t-8", value={"S": "test____010____001"})  # in no index
    step1.make_and_save("t-0", _use_case_id="other")
    keep(step1, {10: 1, 20: -1, 777: 1})
    kept = pipeline.kept_counts()
    assert kept is not None
    assert (kept.exact, kept.recounted_at) == (False, None)
    told: list[int] = []
    result = recount(pipeline, progress=told.append)
    assert (result.first, result.corrected, result.exact, result.drift) == (True, True, True, 0)
    assert (told[0], max(told)) == (0, 6)
    assert result.differences == {10: 1, 20: 1, 50: 2, 90: 2}
    kept = pipeline.kept_counts()
    assert kept is not None
    assert {code: number for code, number in kept.by_code.items() if number} == {10: 2, 50: 2, 90: 2, 777: 1}
    assert (kept.exact, kept.recounted_at) == (True, clock())
    assert settled.marks == 2
    keep(step1, {10: -1, 20: 1})
    kept = pipeline.kept_counts()
    assert kept is not None
    assert (kept.by_code[10], kept.by_code[20], kept.exact) == (1, 1, True)


def test_without_counts_a_recount_says_what_is_missing(pipeline: Pipeline, step1: Any) -> None:
    step1.make_and_save("t-1")
    with pytest.raises(ValueError, match="No counts are kept of test: the table"):
        recount(pipeline)
    assert check_counts(pipeline, lambda: False) is None
    assert pipeline.kept_counts() is None


def test_only_to_compare_changes_nothing(pipeline: Pipeline, step1: Any, settled: Following) -> None:
    step1.make_and_save("t-1")
    keep(step1, {20: 1})
    before = pipeline.kept_counts()
    result = recount(pipeline, correct=False)
    assert (result.differences, result.corrected, result.exact) == ({10: 1, 20: -1}, False, False)
    assert pipeline.kept_counts() == before
    assert settled.marks == 2


@pytest.mark.parametrize("moment", [0, 1])
def test_a_change_meanwhile_is_waited_out(pipeline: Pipeline, step1: Any, settled: Following, moment: int) -> None:
    step1.make_and_save("t-1")
    keep(step1, {10: 1})
    change = partial(keep, step1, {})
    settled.happens = [*[None] * moment, change]
    result = recount(pipeline)
    assert (result.changes_meanwhile, result.exact, result.differences) == (0, True, {})


def test_where_tasks_never_rest_the_first_count_is_near_and_not_exact(
    pipeline: Pipeline, step1: Any, settled: Following, clock: Clock
) -> None:
    for n in range(5):
        step1.make_and_save(f"t-{n}")
    keep(step1, {20: 1})
    settled.happens = [*[partial(keep, step1, {}, 2)] * 10]
    result = recount(pipeline)
    assert (result.changes_meanwhile, result.corrected, result.exact) == (2, True, False)
    kept = pipeline.kept_counts()
    assert kept is not None
    assert (kept.by_code, kept.exact, kept.recounted_at) == ({10: 5, 20: 0}, False, clock())


def test_where_tasks_never_rest_only_a_certain_drift_is_corrected(
    pipeline: Pipeline, step1: Any, settled: Following
) -> None:
    step1.make_and_save("t-1")
    keep(step1, {10: 1})
    assert recount(pipeline).exact
    keep(step1, {20: 2})
    settled.happens = [*[partial(keep, step1, {}, 2)] * 20]
    result = recount(pipeline)
    assert (result.changes_meanwhile, result.drift, result.corrected, result.exact) == (2, 0, False, True)
    keep(step1, {20: 1})
    result = recount(pipeline)
    assert (result.drift, result.corrected, result.exact) == (1, True, False)
    kept = pipeline.kept_counts()
    assert kept is not None
    assert (kept.by_code, kept.exact) == ({10: 1, 20: 0}, False)


@pytest.mark.usefixtures("settled")
def test_of_two_recounts_at_once_one_corrects(pipeline: Pipeline, step1: Any, clock: Clock) -> None:
    step1.make_and_save("t-1")
    keep(step1, {20: 1})
    board = step1.count_board()
    kept = board.read()
    for expected in (True, False):
        assert board.correct(kept, {10: 1, 20: -1}, clock(), error=0) is expected
    clock.advance(1)
    assert not board.correct(kept, {10: 1, 20: -1}, clock(), error=0)
    result = recount(pipeline)
    assert (result.differences, result.exact) == ({}, True)


def test_where_something_changes_at_the_correction_the_tasks_are_counted_again(
    pipeline: Pipeline, step1: Any, settled: Following, wire: Wire
) -> None:
    keep(step1, {20: 1})
    cancelled = transaction_cancelled("None", "ConditionalCheckFailed", *["None"] * 15)
    settled.happens = [None, lambda: wire.inject("TransactWriteItems", cancelled)]
    assert recount(pipeline).exact
    assert settled.marks == 4


@pytest.mark.parametrize("wait", [0, 1])
def test_counts_that_go_meanwhile_are_missing(pipeline: Pipeline, step1: Any, settled: Following, wait: int) -> None:
    keep(step1, {20: 1})
    settled.happens = [*[None] * wait, step1.delete_all]
    with pytest.raises(ValueError, match="No counts are kept"):
        recount(pipeline)


@pytest.mark.parametrize("shard", [f"shardId-{n}" for n in range(6)])
def test_a_change_counted_at_the_last_moment_keeps_a_correction_back(step1: Any, clock: Clock, shard: str) -> None:
    keep(step1, {10: 1})
    board = step1.count_board()
    kept = board.read()
    keep(step1, {20: 1}, shard=shard)
    assert not board.correct(kept, {10: 1}, clock(), error=0)
    assert board.correct(kept, {10: 1}, clock(), error=3)
    after = board.read()
    assert (after.by_code, after.exact, after.error) == ({10: 2, 20: 1}, False, 3)
    board.doubt(kept)  # of what was corrected meanwhile
    assert board.read() == after
    board.doubt(after)
    assert (board.read().exact, board.read().error) == (False, None)


def test_a_sweep_finds_a_drift_and_the_counts_are_not_exact_any_more(
    pipeline: Pipeline, step1: Any, settled: Following
) -> None:
    step1.make_and_save("t-1")
    keep(step1, {10: 1})
    found = check_counts(pipeline, lambda: False)
    assert found is not None
    assert (found.first, found.corrected, found.exact) == (True, True, True)
    found = check_counts(pipeline, lambda: False)
    assert found is not None
    assert (found.drift, found.exact) == (0, True)
    step1.get_one_or_none("t-1").delete()  # and nothing told of it
    found = check_counts(pipeline, lambda: False)
    assert found is not None
    assert (found.drift, found.exact) == (1, False)
    kept = pipeline.kept_counts()
    assert kept is not None
    assert not kept.exact
    assert recount(pipeline).exact
    assert settled.marks == 8


@pytest.mark.parametrize("change", ["doubt", "disown"])
def test_counts_that_are_being_changed_are_doubted_all_the_same(
    step1: Any, wire: Wire, clock: Clock, change: str
) -> None:
    keep(step1, {10: 1})
    board = step1.count_board()
    assert board.correct(board.read(), {}, clock(), error=0)
    wire.inject("TransactWriteItems", transaction_cancelled("TransactionConflict"))
    wire.inject("UpdateItem", refused("TransactionConflictException"))
    board.doubt(board.read()) if change == "doubt" else board.disown()
    assert not board.read().exact
    wire.inject("UpdateItem", access_denied)
    with pytest.raises(VerboseClientError, match="AccessDenied"):
        board.disown()


@pytest.mark.usefixtures("settled")
def test_counts_that_nothing_keeps_any_more_are_as_never_counted(pipeline: Pipeline, step1: Any) -> None:
    disown_counts(pipeline)
    assert pipeline.kept_counts() is None
    step1.make_and_save("t-1")
    keep(step1, {10: 1})
    assert recount(pipeline).exact
    disown_counts(pipeline)
    kept = pipeline.kept_counts()
    assert kept is not None
    assert (kept.exact, kept.recounted_at) == (False, None)
    assert recount(pipeline).exact  # something keeps them again


def test_a_sweep_without_time_finds_nothing(pipeline: Pipeline, step1: Any, settled: Following, wire: Wire) -> None:
    keep(step1, {10: 1})
    assert recount(pipeline).exact
    for n in range(4):  # more than a page of the index
        status = {"value": {"S": "test____010____001"}, "update_time": {"S": "2030"}, "lock": {"S": "x" * 390_000}}
        put(wire, step1, f"test____{n}", **status)
    assert check_counts(pipeline, lambda: True) is None
    kept = pipeline.kept_counts()
    assert kept is not None
    assert kept.exact
    assert settled.marks == 2


def test_a_sweep_relies_on_no_counts_when_nothing_has_read_the_stream_for_long(
    pipeline: Pipeline, step1: Any, settled: Following, clock: Clock, monkeypatch: pytest.MonkeyPatch, wire: Wire
) -> None:
    step1.make_and_save("t-1")
    keep(step1, {10: 1})
    assert recount(pipeline).exact
    with monkeypatch.context() as patched:
        patched.setattr(clock, "sleep", clock.advance)  # the function on the stream is gone
        clock.advance(60)
        looks = iter([False] * 4)
        with pytest.raises(CountsBehindError, match="has not read") as behind:
            check_counts(pipeline, lambda: next(looks, True))
        since = behind.value.since
        clock.advance(330)
        with wire.counting() as sent, pytest.raises(CountsNotKeptError, match="nothing has read the table's stream"):
            check_counts(pipeline, lambda: False, unread_since=since)
        assert sent["PutItem"] == 0  # it does not wait
        assert check_counts(pipeline, lambda: False, unread_since=since) is None
    kept = pipeline.kept_counts()
    assert kept is not None
    assert (kept.exact, kept.recounted_at) == (False, None)
    settled.read()  # it is there again
    found = check_counts(pipeline, lambda: False, unread_since=since)
    assert found is not None
    assert found.exact


@pytest.mark.parametrize("engine", [DYNAMODB_LOCAL], indirect=True)
def test_counts_are_not_relied_on_when_the_stream_is_switched_off(
    pipeline: Pipeline, step1: Any, settled: Following, wire: Wire
) -> None:
    """It is still named, without a shard that would have to come to a mark; moto's table takes no writes then."""
    step1.make_and_save("t-1")
    keep(step1, {10: 1})
    assert recount(pipeline).exact
    wire.client.update_table(TableName=step1.Meta.table_name, StreamSpecification={"StreamEnabled": False})
    step1.make_and_save("t-2")
    with pytest.raises(CountsNotKeptError, match="has no stream"):
        check_counts(pipeline, lambda: False)
    with pytest.raises(ValueError, match="has no stream"):
        recount(pipeline)
    kept = pipeline.kept_counts()
    assert kept is not None
    assert (kept.exact, kept.recounted_at) == (False, None)
    assert settled.marks == 2


def test_a_sweep_waits_again_for_a_function_that_has_caught_up(
    pipeline: Pipeline, step1: Any, settled: Following, clock: Clock
) -> None:
    step1.make_and_save("t-1")
    keep(step1, {10: 1})
    assert recount(pipeline).exact
    since = clock()
    clock.advance(400)
    step1.count_board().mark()
    settled.read()
    found = check_counts(pipeline, lambda: False, unread_since=since)
    assert found is not None
    assert found.exact
    assert settled.marks == 5


def test_what_is_read_within_the_second_in_which_it_was_written_is_read(
    pipeline: Pipeline, step1: Any, settled: Following, clock: Clock
) -> None:
    step1.make_and_save("t-1")
    keep(step1, {10: 1})
    assert recount(pipeline).exact
    clock.advance(400.5)
    since = clock()
    step1.count_board().mark()
    settled.read()
    assert step1.count_board().is_read_since(since)


def test_what_sweeps_saw_stands_beside_the_counts(pipeline: Pipeline, step1: Any, clock: Clock, wire: Wire) -> None:
    counting = ShardCounting(step1, "shardId-1")
    assert counting.add({10: -3, 50: 3}, 3, before=None, place="1", ended={50: 3})
    kept = pipeline.kept_counts()
    assert kept is not None
    assert (kept.ended, kept.looks) == ({50: 3}, ())
    began = clock()
    with wire.counting() as sent:
        remember(pipeline, kept, began, {10: began - timedelta(hours=1)})
    assert sent == {"PutItem": 1}
    clock.advance(300)
    assert counting.add({10: -1, 50: 1}, 1, before="1", place="2", ended={50: 1})
    with wire.counting() as sent:
        kept = pipeline.kept_counts()
    assert sent == {"BatchGetItem": 1}
    assert kept is not None
    assert kept.looks == (Look(began, {50: 3}, {10: began - timedelta(hours=1)}),)
    assert ended_lately(kept, [50], clock()) == Ended(1, timedelta(minutes=5))


def test_reading_costs_one_request_however_many_tasks_there_are(pipeline: Pipeline, step1: Any, wire: Wire) -> None:
    keep(step1, {10: 1})
    with wire.counting() as sent:
        pipeline.kept_counts()
    assert sent == {"BatchGetItem": 1}
    with wire.counting() as sent:
        keep(step1, {10: 1})
    assert sent == {"GetItem": 1, "TransactWriteItems": 1}


def test_counting_survives_a_lost_answer(step1: Any, wire: Wire, dynamodb_local_engine: Engine, engine: Engine) -> None:
    if engine != dynamodb_local_engine:
        pytest.skip("moto does not know a transaction again by its token")
    wire.inject("TransactWriteItems", answer_lost)
    keep(step1, {10: 1})
    assert wire.pending("TransactWriteItems") == 0
    assert step1.count_board().read().by_code == {10: 1}


@pytest.mark.parametrize("reasons", [("ConditionalCheckFailed", "None"), ("None", "TransactionConflict")])
def test_where_something_else_counts_nothing_is_counted(step1: Any, wire: Wire, reasons: tuple[str, str]) -> None:
    keep(step1, {10: 1})
    wire.inject("TransactWriteItems", transaction_cancelled(*reasons))
    assert not ShardCounting(step1, "shardId-1").add({10: 1}, 1, before=f"{1:040}", place=f"{2:040}")
    assert step1.count_board().read().by_code == {10: 1}


def test_another_refusal_is_raised(step1: Any, wire: Wire) -> None:
    wire.inject("TransactWriteItems", transaction_cancelled("None", "ValidationError"))
    with pytest.raises(VerboseClientError, match="ValidationError"):
        keep(step1, {10: 1})


def test_what_was_counted_once_is_not_counted_again(step1: Any) -> None:
    counting = ShardCounting(step1, "shardId-1")
    for before, place, counted in ((None, 1, True), (None, 1, False), (1, 2, True), (1, 3, False), (2, 3, True)):
        read = None if before is None else f"{before:040}"
        assert counting.add({10: 1}, 1, before=read, place=f"{place:040}") is counted
    assert counting.place() == f"{3:040}"
    assert step1.count_board().read().by_code == {10: 3}


def test_what_dynamodb_leaves_unread_is_read_again(step1: Any, wire: Wire) -> None:
    keep(step1, {10: 1})
    keep(step1, {10: 2}, shard="shardId-2")
    wire.inject("BatchGetItem", unprocessed, partly_unprocessed, partly_unprocessed)
    assert step1.count_board().read().by_code == {10: 3}


def test_the_command_corrects_the_counts(
    dynamodb_local_engine: Engine, table_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_base(dynamodb_local_engine.host, table_name)
    base.create_table(wait=True)
    step = make_step(base, STEP1_CODES)
    step.make_and_save("t-1")
    keep(step, {20: 1})
    command = Command(tmp_path, dynamodb_local_engine, table_name)
    with (tmp_path / "shop.py").open("a") as module:
        module.write("\n\nfrom status_tracker.operations import counts, pipeline\n\n")
        module.write("counts.SETTLING_SECONDS = 0.01\nPIPELINE = pipeline.Pipeline({'Order': Order})\n")
    monkeypatch.setitem(command.environment, "STATUS_TRACKER_TASK", "shop:PIPELINE")
    with reading(Following(step)):
        check_command(command)
    base._get_connection().connection.client.close()


@contextmanager
def reading(following: Following) -> Iterator[None]:
    """It reads the stream meanwhile."""
    ended = threading.Event()

    def read() -> None:
        while not ended.wait(0.05):
            following.read()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def check_command(command: Command) -> None:
    rehearsed = command.run("recount", "--dry-run")
    assert rehearsed.returncode == 1
    assert [line.split() for line in rehearsed.stdout.splitlines()[1:3]] == [
        ["Order", "pending", "10", "0", "1", "+1"],
        ["Order", "in_progress", "20", "1", "0", "-1"],
    ]
    assert "recount without --dry-run corrects them" in rehearsed.stderr
    done = command.run("recount", "--json")
    assert (done.returncode, json.loads(done.stdout)["exact"], done.stderr) == (0, True, "The counts are exact now.\n")
    again = command.run("recount")
    assert (again.returncode, again.stderr) == (0, "The counts are exact.\n")
    forgotten = command.run("recount", "--forget")
    assert (forgotten.returncode, forgotten.stderr) == (
        0,
        "The kept counts are not relied on any more, until a recount.\n",
    )
    assert command.run("recount", "--forget").stderr == "There is nothing to forget.\n"
    assert command.run("recount", "--forget", "--dry-run").returncode == 2
