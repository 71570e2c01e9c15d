"""One run: what Lambda's poller does at its worst to the function, and what must hold afterwards."""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import random
import resource
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader

from status_tracker_ops.events.bus import entries_of
from status_tracker_ops.events.changes import change_of
from status_tracker_ops.events.records import StreamRecord
from tests.chaos.counts.bus import Bus, serving
from tests.chaos.counts.function import serve
from tests.chaos.counts.shop import Shop
from tests.support.streams import batch

MOST_RECORDS = 60
REPEATED, TWICE, KILLED_BY_TIME = 0.15, 0.15, 0.25
_fork = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Options:
    """The parameters of a run."""

    changes: int
    kills: int
    seed: int
    variant: str | None
    endpoint: str


@dataclass
class Result:
    """What has been found, and what was done to the function."""

    violations: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)


@dataclass
class Shard:
    """The records of a shard, and up to where the poller takes them for done with."""

    name: str
    records: list[dict[str, Any]]
    done: int = 0

    def again_from(self, identifier: str) -> int:
        return next(place for place, each in enumerate(self.records) if _number(each) == identifier)


@dataclass
class Work:
    """A process of the function at a batch.

    Attributes:
        end: where the poller goes on after an answer without failures; None for a batch that came again.
        killed_at: when it is killed, if it is.
    """

    process: BaseProcess
    connection: Connection
    shard: Shard
    end: int | None
    killed_at: float | None
    killed: bool = False


def run(options: Options) -> Result:
    """Have all changes taken by processes that are killed, and check what has become of them."""
    _read_files_once()
    began, result, bus = time.monotonic(), Result(), Bus(options.seed)
    shop = Shop(options.endpoint, options.seed)
    shop.change(options.changes)
    shards = [Shard(name, records) for name, records in shop.records().items()]
    result.figures["changes"] = sum(len(shard.records) for shard in shards)
    with serving(bus) as address, tempfile.TemporaryDirectory() as meetings:
        os.environ.update(_environment(address))
        Poller(options, shop, shards, result, Path(meetings)).work()
    check(shop, shards, bus, result)
    result.figures["requests of the bus"] = bus.requests
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    result.figures["seconds of CPU"] = round(sum(each.ru_utime + each.ru_stime for each in spent))
    result.figures["seconds"] = round(time.monotonic() - began)
    return result


class Poller:
    """Delivers the batches; of a shard several at once, as where a poller has given up a function that goes on."""

    def __init__(self, options: Options, shop: Shop, shards: list[Shard], result: Result, meetings: Path) -> None:
        self._options = options
        self._meetings = meetings
        self._pipeline = shop.pipeline
        self._shards = shards
        self._result = result
        self._dice = random.Random(options.seed)  # noqa: S311  # no secret
        self._idle: list[tuple[BaseProcess, Connection]] = []
        self._busy: list[Work] = []
        total = sum(len(shard.records) for shard in shards)
        self._kill_rate = options.kills / max(total / (MOST_RECORDS / 2), 1)

    def work(self) -> None:
        while self._busy or any(shard.done < len(shard.records) for shard in self._shards):
            for shard in self._shards:
                at_work = [each for each in self._busy if each.shard is shard]
                if not at_work and shard.done < len(shard.records):
                    self._deliver(shard)
            self._watch()
        for process, connection in self._idle:
            connection.close()
            process.join()

    def _deliver(self, shard: Shard) -> None:
        first, end = shard.done, min(len(shard.records), shard.done + self._dice.randint(1, MOST_RECORDS))
        meeting = None
        if self._dice.random() < TWICE:
            self._result.figures["batches given twice at once"] += 1
            meeting = Path(tempfile.mkdtemp(dir=self._meetings))
            self._invoke(shard, first, end, None, meeting)
        self._invoke(shard, first, end, end, meeting)
        if self._dice.random() < REPEATED:
            first = self._dice.randrange(len(shard.records[: shard.done + 1]))
            self._result.figures["batches repeated"] += 1
            self._invoke(shard, first, self._dice.randint(first + 1, max(first + 1, shard.done)), None)

    def _invoke(self, shard: Shard, first: int, end: int, done: int | None, meeting: Path | None = None) -> None:
        process, connection = self._idle.pop() if self._idle else self._begin()
        records = shard.records[first:end]
        points, killed_at = None, None
        if self._result.figures["kills"] < self._options.kills and self._dice.random() < min(0.8, self._kill_rate):
            if self._dice.random() < KILLED_BY_TIME:
                killed_at = time.monotonic() + self._dice.uniform(0, 0.05)
            else:
                points = self._dice.randrange(2 * (3 + len(records) // 8))
        self._result.figures["batches"] += 1
        connection.send((batch(records, shard.name), points, meeting))
        self._busy.append(Work(process, connection, shard, done, killed_at))

    def _begin(self) -> tuple[BaseProcess, Connection]:
        ours, theirs = _fork.Pipe()
        others = [ours, *(each.connection for each in self._busy), *(connection for _, connection in self._idle)]
        process = _fork.Process(target=self._employ, args=(theirs, others), daemon=True)
        process.start()
        theirs.close()
        return process, ours

    def _employ(self, connection: Connection, others: list[Connection]) -> None:
        for other in others:
            other.close()
        serve(self._pipeline, connection, self._options.variant)

    def _watch(self) -> None:
        """Take the answers that are there, and kill whose time has come."""
        ready = wait([each.connection for each in self._busy], timeout=0.005)
        for work in [each for each in self._busy if each.connection in ready]:
            self._busy.remove(work)
            try:
                self._answered(work, work.connection.recv())
            except (EOFError, ConnectionResetError):
                self._died(work)
            else:
                self._stay(work)
        for work in [each for each in self._busy if (each.killed_at or time.monotonic() + 1) <= time.monotonic()]:
            work.process.kill()
            work.killed_at, work.killed = None, True

    def _stay(self, work: Work) -> None:
        """The process takes another batch, unless it was killed after it had answered."""
        if work.killed:
            self._died(work)
        else:
            self._idle.append((work.process, work.connection))

    def _answered(self, work: Work, answer: Any) -> None:
        if isinstance(answer, str):
            self._result.figures["invocations that failed"] += 1
        elif work.end is not None:
            failed = [work.shard.again_from(each["itemIdentifier"]) for each in answer["batchItemFailures"]]
            self._result.figures["batches that came again in part"] += len(failed)
            work.shard.done = min([work.end, *failed])

    def _died(self, work: Work) -> None:
        work.process.join()
        work.connection.close()
        if work.process.exitcode != -signal.SIGKILL:
            self._result.violations.append(f"crashed: the function's process ended with {work.process.exitcode}")
        self._result.figures["kills"] += 1


def check(shop: Shop, shards: list[Shard], bus: Bus, result: Result) -> None:
    """The counts are those of the tasks, and every event was told, those of a task in their order."""
    kept = shop.pipeline.kept_counts()
    by_code = {} if kept is None else kept.by_code
    lacking = {code: number - by_code.get(code, 0) for code, number in shop.counted().items()}
    lacking |= {code: -number for code, number in by_code.items() if code not in lacking}
    lacking = {code: number for code, number in lacking.items() if number}
    if lacking != dict(shop.before):
        result.violations.append(f"counts: they lack {lacking}, and lacked {dict(shop.before)} at first")
    came, ended = _ended(shop, shards), {} if kept is None else dict(kept.ended)
    if came != ended:
        result.violations.append(f"ends: {ended} are kept, and {came} tasks have come to them")
    expected = {detail["id"]: detail for shard in shards for detail in _events(shop, shard)}
    heard = Counter(detail["id"] for detail in bus.heard)
    result.figures.update({"events": len(expected), "events told again": heard.total() - len(heard)})
    if lost := expected.keys() - heard.keys():
        result.violations.append(f"events: {len(lost)} of {len(expected)} were never told")
    if strange := heard.keys() - expected.keys():
        result.violations.append(f"events: {len(strange)} were made up")
    newest: dict[str, str] = {}
    first_told: dict[str, dict[str, Any]] = {}
    for detail in bus.heard:
        first_told.setdefault(detail["id"], detail)
    for detail in first_told.values():
        if detail["sequence"] < newest.get(detail["task_id"], ""):
            result.violations.append(f"events: {detail['task_id']} out of order at {detail['sequence']}")
            break
        newest[detail["task_id"]] = detail["sequence"]


def _ended(shop: Shop, shards: list[Shard]) -> dict[int, int]:
    """How many tasks have come to each status that a step ends with, from one with which it had still to do."""
    codes = [StreamRecord.of(each).codes(shop.pipeline.first.task_class) for shard in shards for each in shard.records]
    ends = {code: step.unfinished for step in shop.pipeline for code in step.ends}
    return dict(Counter(after for before, after in codes if before in ends.get(after, ())))


def _events(shop: Shop, shard: Shard) -> list[dict[str, Any]]:
    found = []
    for record in map(StreamRecord.of, shard.records):
        if (change := change_of(shop.pipeline, record)) is not None:
            found += [entry["Detail"] for entry in entries_of(shop.pipeline.use_case_id, record, change)]
    return [json.loads(each) for each in found]


def _number(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def _environment(bus: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_EVENTBRIDGE": bus,
        "EVENT_BUS_NAME": "tasks",
        "POWERTOOLS_SERVICE_NAME": "chaos",
        "POWERTOOLS_METRICS_NAMESPACE": "StatusTracker",
    }


def _read_files_once() -> None:
    """Each process makes clients of its own; what botocore reads for them is read once."""
    read = functools.cache(JSONFileLoader().load_file)
    JSONFileLoader.load_file = lambda _, path: read(path)  # type: ignore[method-assign]
