"""Working through the items of one chunk: paced, each by itself, the failed ones again, then reported."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from documents.waves import Wave, report_name
from status_tracker import TaskExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_s3 import S3Client

    from documents.waves import Item

ROUNDS = 3
_LONGEST_PAUSE_SECONDS = 4.0
_LONGEST_REASON = 500
FAULTS = (BotoCoreError, ClientError, PynamoDBException, TaskExecutionError, ValueError)


class HopelessItemError(Exception):
    """No repetition helps this item; its text says why."""


class ItemsFailedError(Exception):
    """Some items of a chunk failed, and repeating them did not help; its text says how many, and where they stand."""


@dataclass(frozen=True)
class Worked:
    """What became of a chunk: how many items came to which outcome, and those that failed, each with its reason."""

    counts: Counter[str]
    failed: list[Item]
    report: str

    def answer(self) -> Mapping[str, int]:
        """The counts; raises `ItemsFailedError` where some have failed, so that the Map counts the chunk as failed."""
        if self.failed:
            raise ItemsFailedError(
                f"{len(self.failed)} of {len(self.failed) + self.counts.total()} failed, the first with:"
                f" {self.failed[0]['reason']} All are in {self.report}"
            )
        return self.counts


def work_through(s3: S3Client, bucket: str, chunk: Mapping[str, Any], act: Callable[[Item], str]) -> Worked:
    """
    Have `act` done to every item of the chunk, and leave a report of it.

    `act` returns the outcome, and is safe to repeat. Where it raises one of `FAULTS` it is repeated after a random
    pause, twice; the neighbours of one that fails go through.
    """
    counts, failed = _in_rounds(chunk["items"], act, Pace(chunk["per_second"]))
    wave = Wave(s3, bucket, chunk["folder"], chunk["wave"])
    key = wave.key(report_name(chunk["chunk"]))
    wave.write(key, {"counts": counts, "failed": failed})
    return Worked(counts, failed, f"s3://{bucket}/{key}")


def _in_rounds(items: Sequence[Item], act: Callable[[Item], str], pace: Pace) -> tuple[Counter[str], list[Item]]:
    """How many items came to which outcome, and those that failed in the end, each with its reason."""
    counts: Counter[str] = Counter()
    failed, again = _one_round(items, act, pace, counts)
    for nth in range(1, ROUNDS):
        if again:
            time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS * nth))  # noqa: S311 - jitter, no secret
            hopeless, again = _one_round(again, act, pace, counts)
            failed += hopeless
    return counts, failed + again


class Pace:
    """Lets at most so many a second pass, evenly."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._next = time.monotonic()

    def wait(self) -> None:
        now = time.monotonic()
        if self._next > now:
            time.sleep(self._next - now)
        self._next = max(self._next, now) + self._interval


def _one_round(
    items: Sequence[Item], act: Callable[[Item], str], pace: Pace, counts: Counter[str]
) -> tuple[list[Item], list[Item]]:
    """Act on each item; returns, each with its reason, the hopeless ones, and those that are worth a repetition."""
    hopeless: list[Item] = []
    again: list[Item] = []
    for item in items:
        pace.wait()
        try:
            counts[act(item)] += 1
        except HopelessItemError as error:
            hopeless.append({**item, "reason": str(error)[:_LONGEST_REASON]})
        except FAULTS as error:
            again.append({**item, "reason": f"{type(error).__name__}: {error}"[:_LONGEST_REASON]})
    return hopeless, again
