"""Reads what a run left behind - logs and tables - into one record a task. Knows nothing of the library."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KEY_PREFIX = "chaos____"
IN_PROGRESS, EXHAUSTED, SUCCEEDED, IGNORED = 20, 35, 40, 50
ENDED = (EXHAUSTED, SUCCEEDED, IGNORED)


@dataclass
class Start:
    """One `start` and what its worker wrote down of it.

    Attributes:
        began: the true time before it.
        fence: of the attempt; None where the block was not entered.
        acquired, leaving, finished: the events on entering the block, at its end, and after the `with`, if reached.
        ends: every end of its lease that was answered to the worker, or that the tables tell of, by its clock.
        updates: the true times before each `ctx.update` that was answered well.
        downstream: the newest of affecting, affected, effect_refused; None before.
        refused: the class of the refusal.
        failed_after: the seconds after which the start raised, because the backend could not be asked.
    """

    id: str
    began: float
    fence: int | None = None
    acquired: dict[str, Any] | None = None
    ends: list[float] = field(default_factory=list)
    updates: list[float] = field(default_factory=list)
    downstream: str | None = None
    leaving: dict[str, Any] | None = None
    finished: dict[str, Any] | None = None
    refused: str | None = None
    failed_after: float | None = None

    @property
    def worker(self) -> str:
        return self.id.rpartition("-")[0]

    @property
    def resolved(self) -> bool:
        """Whether the worker lived to see what became of it."""
        return self.finished is not None or self.refused is not None or self.failed_after is not None

    def add(self, event: dict[str, Any]) -> None:
        kind = event["e"]
        if kind == "acquired":
            self.acquired, self.fence = event, event["fence"]
            self.ends.append(event["end"])
        elif kind == "renewed":
            self.ends.append(event["end"])
        elif kind in {"affecting", "affected", "effect_refused"}:
            self.downstream = kind
        elif kind == "updated":
            self.updates.append(event["since"])
        elif kind == "leaving":
            self.leaving = event
        elif kind == "finished":
            self.finished = event
        elif kind == "refused":
            self.refused = event["error"]
        elif kind == "start_failed":
            self.failed_after = event["t"] - self.began


@dataclass
class Record:
    """All that is known of one task.

    Attributes:
        creations: the events of its producers.
        deeds: those of its operators.
        unseen: acquires that were carried out and not plainly answered: fence by fence.
        leases: what the tables tell of each lease that was ever stored, where they do.
        item, effect: the items of the tables, None if there is none.
        receipts: the keys of its receipts.
    """

    task: str
    creations: list[dict[str, Any]] = field(default_factory=list)
    deeds: list[dict[str, Any]] = field(default_factory=list)
    starts: dict[str, Start] = field(default_factory=dict)
    unseen: set[int] = field(default_factory=set)
    leases: list[dict[str, Any]] = field(default_factory=list)
    item: dict[str, Any] | None = None
    effect: dict[str, Any] | None = None
    receipts: list[str] = field(default_factory=list)

    @property
    def status(self) -> int | None:
        return None if self.item is None else self.item["status"]

    @property
    def acquires(self) -> int:
        """How often the table says that the task was acquired."""
        return 0 if self.item is None else self.item.get("fence", 0)

    @property
    def errors(self) -> dict[str, Any]:
        errors: dict[str, Any] = {} if self.item is None else json.loads(self.item.get("errors") or "{}")
        return errors

    @property
    def history(self) -> list[dict[str, Any]]:
        history: list[dict[str, Any]] = self.errors.get("history", [])
        return history

    def actions(self, name: str) -> list[dict[str, Any]]:
        """What the table tells of the deliberate actions of that name."""
        return [action for action in self.errors.get("actions", []) if action["action"] == name]

    @property
    def dropped(self) -> int:
        dropped: int = self.errors.get("dropped", 0)
        return dropped

    def made_before(self, t: float) -> bool:
        """Whether a producer had been told by then that the task exists."""
        return any(event["e"] == "created" and event["t"] < t for event in self.creations)

    def add_lease(self, lease: dict[str, Any]) -> None:
        self.leases.append(lease)
        for start in self.inside:
            if start.fence == lease["fence"]:
                start.ends.append(lease["end"])

    @property
    def inside(self) -> list[Start]:
        """The starts whose block was entered, by their fence."""
        return sorted((start for start in self.starts.values() if start.fence is not None), key=lambda s: s.fence or 0)


def read_lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open() as lines:
        for line in lines:
            yield json.loads(line)


def read_records(directory: Path, part: int = 0, parts: int = 1) -> dict[str, Record]:
    """The records of one of so many parts of the tasks, so that a long run need not fit into memory at once."""
    records: dict[str, Record] = {}

    def record_of(task: str) -> Record | None:
        if zlib.crc32(task.encode()) % parts != part:
            return None
        return records.setdefault(task, Record(task))

    _read_workers(directory, record_of)
    for event in read_faults(directory):
        if "task" in event and (record := record_of(event["task"].removeprefix(KEY_PREFIX))):
            record.unseen.add(event["fence"])
    _read_tables(directory, record_of)
    return records


def read_faults(directory: Path) -> Iterator[dict[str, Any]]:
    """What went wrong on the way to a server, or inside of the processes."""
    for file in (*directory.glob("proxy.jsonl"), *sorted(directory.glob("faults.*.jsonl"))):
        yield from read_lines(file)


def read_lost_claims(directory: Path, killed: Mapping[str, float]) -> list[tuple[float, float]]:
    """When, by its worker's clock, there was a claim of whatever task is next that never came to tell of it.

    Args:
        killed: the workers that were killed, and when in true time.
    """
    lost: list[tuple[float, float]] = []
    for file in sorted(directory.glob("w*.*.jsonl")):
        open_claim: dict[str, Any] | None = None
        for event in read_lines(file):
            if event["e"] == "claiming":
                open_claim = event
            elif open_claim is not None and event.get("start") == open_claim["start"]:
                if event["e"] == "claim_failed":
                    lost.append((open_claim["s"], event["s"]))
                open_claim = None
        worker = file.name.removesuffix(".jsonl")
        if open_claim is not None and worker in killed:
            lost.append((open_claim["s"], killed[worker] + open_claim["s"] - open_claim["t"]))
    return lost


def _read_workers(directory: Path, record_of: Any) -> None:
    for file in sorted(directory.glob("[wpo]*.*.jsonl")):
        for event in read_lines(file):
            if "task" not in event or (record := record_of(event["task"])) is None:
                continue
            if "deed" in event:
                record.deeds.append(event)
            elif "start" not in event:
                record.creations.append(event)
            elif event["e"] == "starting":
                record.starts[event["start"]] = Start(event["start"], event["t"])
            else:
                record.starts[event["start"]].add(event)


def _read_tables(directory: Path, record_of: Any) -> None:
    for item in read_lines(directory / "tasks.table.jsonl"):
        if record := record_of(item["key"].removeprefix(KEY_PREFIX)):
            record.item = item
    for item in read_lines(directory / "effects.table.jsonl"):
        if record := record_of(item["key"]):
            record.effect = item
    for item in read_lines(directory / "receipts.table.jsonl"):
        if record := record_of(item["task"]):
            record.receipts.append(item["key"])
    for file in directory.glob("leases.table.jsonl"):
        for item in read_lines(file):
            if record := record_of(item["task"]):
                record.add_lease(item)
