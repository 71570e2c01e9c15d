"""What tasks cost on AWS, and what they run into first: arithmetic, from figures that tests hold and from prices.

Nothing here is measured on AWS. The tables made of it are in `bench.scale_tables`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from status_tracker.scale import PARTITION_WRITE_UNITS, USABLE_SHARE, WRITES_PASSING_THROUGH

MILLION = 1_000_000

PRICES = {
    "DynamoDB write units": 0.625,
    "DynamoDB read units": 0.125,
    "Step Functions transitions": 25.0,
    "Step Functions Express requests": 1.0,
    "Step Functions Express GB-s": 16.67,
    "Lambda requests": 0.20,
    "Lambda GB-s": 13.3334,
    "SQS requests": 0.40,
    "EventBridge events": 1.0,
    "S3 writes": 5.0,
    "S3 reads": 0.40,
    "X-Ray traces": 5.0,
    "CloudWatch Logs KB": 0.50,
}
"""Dollars a million, us-east-1, without free tiers and discounts. A million KB is taken for a GB."""

STORED_GB_MONTH = 0.25 + 0.20
"""Dollars a GB and month: DynamoDB's storage and its point-in-time recovery."""

INDEX_ENTRY_BYTES = 500
ITEM_BYTES = 1_000


@dataclass(frozen=True)
class Life:
    """What a way through the tracker costs: requests, and write units of table and index (items up to 1 KB)."""

    requests: int
    table: int
    index: int

    @property
    def units(self) -> int:
        return self.table + self.index

    def __add__(self, other: Life) -> Life:
        return Life(self.requests + other.requests, self.table + other.table, self.index + other.index)


START_AND_FINISH = Life(2, 2, 4)
CREATE_START_FINISH = Life(1, 1, 1) + START_AND_FINISH
START_CREATE_FINISH = Life(2, 2, 3)
LIVES = {
    "create + start + finish": CREATE_START_FINISH,
    "start(create) + finish": START_CREATE_FINISH,
    "the application: create, two steps": CREATE_START_FINISH + START_AND_FINISH,
    "SQS workers: start(create), two steps": START_CREATE_FINISH + START_AND_FINISH,
    "a failed attempt more: start + failure": START_AND_FINISH,
}

# The settings of the stage prod in cdk.json.
STEP_GB = 1769 / 1024
INTAKE_GB = 512 / 1024
BATCH = 10
INTAKE_CONCURRENCY = 10

TRANSITIONS = 3
"""The states that an execution enters: Extract, Answer, Done."""

# Assumed, for want of yours: seconds a document, log lines, and how many of the requests X-Ray records.
WORK_SECONDS = 1.3
INTAKE_SECONDS = 0.05
LOG_KB_A_FUNCTION = 1.7
LOG_KB_AN_EXECUTION = 10.0
TRACED_SHARE = 0.05

_S3 = {"S3 writes": 3.0, "S3 reads": 2.0}


def _functions(invocations: float, intake_seconds: float = 0.0) -> dict[str, float]:
    gb_seconds = WORK_SECONDS * STEP_GB + intake_seconds * INTAKE_GB
    return {"Lambda requests": invocations, "Lambda GB-s": gb_seconds, "X-Ray traces": invocations * TRACED_SHARE}


def _tracked(life: Life) -> dict[str, float]:
    return {"DynamoDB write units": float(life.units)}


SHAPES: Mapping[str, Mapping[str, float]] = {
    "workflow": {
        **_tracked(LIVES["the application: create, two steps"]),
        "Step Functions transitions": TRANSITIONS,
        **_functions(2 + 1 / BATCH, INTAKE_SECONDS),
        "SQS requests": 1 + 2 / BATCH,
        "EventBridge events": 1.0,
        **_S3,
        "CloudWatch Logs KB": 3 * LOG_KB_A_FUNCTION + LOG_KB_AN_EXECUTION,
    },
    "SQS workers": {
        **_tracked(LIVES["SQS workers: start(create), two steps"]),
        **_functions(1.0),
        "SQS requests": 3.0,
        "EventBridge events": 1.0,
        **_S3,
        "CloudWatch Logs KB": 2 * LOG_KB_A_FUNCTION,
    },
    "Distributed Map": {
        **_tracked(LIVES["SQS workers: start(create), two steps"]),
        "Step Functions transitions": 1 / BATCH,
        "Step Functions Express requests": 1 / BATCH,
        "Step Functions Express GB-s": WORK_SECONDS * 64 / 1024,
        **_functions(1 / BATCH),
        **_S3,
        "CloudWatch Logs KB": 2 * LOG_KB_A_FUNCTION,
    },
}
"""What one document uses, by how it is processed."""


@dataclass(frozen=True)
class Limit:
    """A quota, what one document a second takes of it, and what to do about it."""

    what: str
    quota: float
    per_document: float
    remedy: str

    @property
    def reached_at(self) -> float:
        """Documents a second."""
        return self.quota / self.per_document


APPLICATION = LIVES["the application: create, two steps"]
CHANGES = 5
"""Of a document's status, in the application: created, and twice started and succeeded."""
EVENTS = CHANGES + 1
"""The last change of a document is two events."""
EVENTS_BATCH = 100
_EVENTS_GB = 512 / 1024
_EVENTS_SECONDS, _CHANGE_SECONDS = 0.05, 0.01
_COUNTING = 4.0
"""Write units of the transaction that counts a batch: two updates, each twice."""


def _told(at_once: int) -> dict[str, float]:
    invocations = CHANGES / at_once
    return {
        "DynamoDB write units": _COUNTING * invocations,
        "DynamoDB read units": invocations,
        "Lambda requests": invocations,
        "Lambda GB-s": (invocations * _EVENTS_SECONDS + CHANGES * _CHANGE_SECONDS) * _EVENTS_GB,
        "EventBridge events": float(EVENTS),
        "X-Ray traces": invocations * TRACED_SHARE,
        "CloudWatch Logs KB": invocations * LOG_KB_A_FUNCTION,
    }


TOLD: Mapping[str, Mapping[str, float]] = {
    "each change alone": _told(1),
    f"{EVENTS_BATCH} changes at once": _told(EVENTS_BATCH),
}
"""What the events and counts of one document use, by how many changes an invocation takes."""

INDEX_SHARDS = 5
_NEW_TABLE_WRITE_UNITS = 4_000
LIMITS = (
    Limit("intake: 10 functions", INTAKE_CONCURRENCY, INTAKE_SECONDS, "`intake_max_concurrency`, to 1,000"),
    Limit("StartExecution: 300/s", 300, 1, "quota, before more than 15 functions of intake"),
    Limit("new table: 4,000 write units/s of its index", _NEW_TABLE_WRITE_UNITS, APPLICATION.index, "warm throughput"),
    Limit("Lambda: 1,000 functions", 1_000, WORK_SECONDS + INTAKE_SECONDS, "quota, to tens of thousands"),
    Limit("new table: 4,000 write units/s of its own", _NEW_TABLE_WRITE_UNITS, APPLICATION.table, "warm throughput"),
    Limit("state transitions: 1,500/s", 1_500, TRANSITIONS, "quota; SQS workers need none"),
    Limit(
        "results bucket: 3,500 writes/s of a prefix", 3_500, 2, "more prefixes in its keys, or patience: S3 splits them"
    ),
    Limit(
        "index: 5 shards of pending",
        INDEX_SHARDS * PARTITION_WRITE_UNITS * USABLE_SHARE,
        WRITES_PASSING_THROUGH,
        "shard counts, by `propose_shards`",
    ),
    Limit("table with index: 40,000 write units/s", 40_000, APPLICATION.units, "quota, or a table for each use case"),
    Limit("EventBridge: 18,750 deliveries/s", 18_750, 1, "quota; till then deliveries are late, not lost"),
)
"""What the application as deployed (stage prod, defaults of us-east-1) meets."""


def dollars(uses: Mapping[str, float]) -> float:
    """What a million documents cost that each use this."""
    return sum(PRICES[what] * amount for what, amount in uses.items())


def listing(tasks: int) -> tuple[int, float]:
    """The pages of 1 MB and the read units, half of one for 4 KB, in which so many index entries are read."""
    size = tasks * INDEX_ENTRY_BYTES
    return math.ceil(size / 2**20), size / 2**12 / 2


def refreshing(tasks: int) -> tuple[int, float]:
    """The requests, of a hundred each, and the read units, half of one for an item up to 4 KB, beyond the listing."""
    return math.ceil(tasks / 100), tasks / 2
