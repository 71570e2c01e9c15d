"""Works through the items of one chunk: at a pace, each by itself, the failed ones again; then writes a report."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from status_tracker.core.history import told
from status_tracker.core.retries import jittered
from status_tracker.operations.pace import Pace
from status_tracker_ops.bulk.planning import Wave, report_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_s3 import S3Client

    from status_tracker_ops.bulk.planning import Item

ROUNDS = 3
_LONGEST_PAUSE_SECONDS = 4.0
_LONGEST_REASON = 500


class HopelessItemError(Exception):
    """Repeating this item does not help; the message says why."""


class ItemsFailedError(Exception):
    """Some items of a chunk failed, also when repeated; the message says how many, and where they are listed."""


@dataclass(frozen=True)
class LeftAlone:
    """An item to which nothing was done: what the report counts it as, and why."""

    outcome: str
    reason: str


@dataclass
class Worked:
    """What became of a chunk.

    Attributes:
        counts: how many items came to which outcome.
        failed, left_alone: those items, each with the reason.
        report: the address of the same in S3.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failed: list[Item] = field(default_factory=list)
    left_alone: list[Item] = field(default_factory=list)
    report: str = ""

    def answer(self) -> dict[str, int]:
        """The counts.

        Raises:
            ItemsFailedError: some items have failed; the Map then counts the chunk as failed.
        """
        if self.failed:
            raise ItemsFailedError(
                f"{len(self.failed)} of {len(self.failed) + self.counts.total()} failed, the first with:"
                f" {self.failed[0]['reason']} All are in {self.report}"
            )
        return dict(self.counts)


def work_through(s3: S3Client, bucket: str, chunk: Mapping[str, Any], act: Callable[[Item], str | LeftAlone]) -> Worked:
    """Call `act` for every item of the chunk, and write a report.

    `act` returns the outcome, and must be safe to repeat. Where it raises anything but `HopelessItemError` it is
    repeated twice, after a random pause. An item that fails does not stop the others.
    """
    worked = Worked()
    pace = Pace(chunk["per_second"])
    again = _one_round(chunk["items"], act, pace, worked)
    for nth in range(1, ROUNDS):
        if again:
            time.sleep(jittered(_LONGEST_PAUSE_SECONDS * nth))
            again = _one_round(again, act, pace, worked)
    worked.failed += again
    wave = Wave(s3, bucket, chunk["folder"], chunk["wave"])
    key = wave.key(report_name(chunk["chunk"]))
    wave.write(key, {"counts": worked.counts, "failed": worked.failed, "left_alone": worked.left_alone})
    worked.report = f"s3://{bucket}/{key}"
    return worked


def _one_round(items: Sequence[Item], act: Callable[[Item], str | LeftAlone], pace: Pace, worked: Worked) -> list[Item]:
    """Act on each item; returns those that are worth a repetition, each with what it failed with."""
    again: list[Item] = []
    for item in items:
        pace.wait()
        try:
            outcome = act(item)
        except HopelessItemError as error:
            worked.failed.append(_with_reason(item, str(error)))
        except Exception as error:  # noqa: BLE001 - the user's own hooks may raise anything, and the other items wait
            again.append(_with_reason(item, told(error)))
        else:
            if isinstance(outcome, LeftAlone):
                worked.left_alone.append({**_with_reason(item, outcome.reason), "outcome": outcome.outcome})
                outcome = outcome.outcome
            worked.counts[outcome] += 1
    return again


def _with_reason(item: Item, reason: str) -> Item:
    return {**item, "reason": reason[:_LONGEST_REASON]}
