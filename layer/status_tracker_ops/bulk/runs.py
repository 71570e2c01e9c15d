"""One execution over very many items, as its state machine carries it from state to state.

Plan, Distributed Map and report take turns. ``progress`` is what one wave hands to the next; nothing else is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from status_tracker_ops.bulk.planning import (
    WAVE_ITEMS,
    Wave,
    folder_of,
    read_wave,
    write_wave,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mypy_boto3_s3 import S3Client

    from status_tracker_ops.bulk.planning import Cursor, Item

SAMPLE_SIZE = 10
_LOG_NAMES = {
    "backfills": "Backfill",
    "reruns": "BulkRerun",
    "cancellations": "BulkCancel",
    "deletions": "BulkDelete",
}


@dataclass(frozen=True)
class Limits:
    """What an execution may do.

    Attributes:
        max_concurrency: functions at the same time.
        tolerated_failures: the execution fails where more items do.
        dry_run: only count the items.
        limit: at most so many items; None for all.
    """

    max_concurrency: int
    tolerated_failures: int
    dry_run: bool
    limit: int | None = None


@dataclass(frozen=True)
class BulkExecution:
    """An execution between two waves.

    Attributes:
        wave: the next one to plan.
        given: the input of the execution.
        cursor: where the source of the items stands.
        counts: how many items came to which outcome so far.
        sample: the first few items.
    """

    wave: Wave
    given: Mapping[str, Any]
    execution: str
    cursor: Cursor
    counts: Mapping[str, int]
    sample: list[Item]

    @classmethod
    def next(cls, s3: S3Client, bucket: str, kind: str, event: Mapping[str, Any]) -> Self:
        """The run as the input of the planning function tells it, at its next wave."""
        progress = event["progress"]
        folder = folder_of(kind, event["execution"], event["started"])
        return cls(
            Wave(s3, bucket, folder, progress.get("wave", 0) + 1),
            event["input"],
            event["execution"],
            progress.get("cursor"),
            progress.get("counts", {"planned": 0}),
            progress.get("sample", []),
        )

    def plan(
        self,
        source: Iterable[tuple[Item | None, Cursor]],
        limits: Limits,
        seconds_left: Callable[[], float],
        common: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Read the next wave and write its chunks, each with what is `common` to all; what the planning answers."""
        most = WAVE_ITEMS if limits.limit is None else min(WAVE_ITEMS, limits.limit - self.counts["planned"])
        planned = read_wave(source, self.cursor, most, seconds_left)
        chunks = write_wave(self.wave, replace(planned, items=[]) if limits.dry_run else planned, common)
        count = self.counts["planned"] + len(planned.items) + len(planned.refused)
        return {
            "input": self.given,
            "execution": self.execution,
            "bucket": self.wave.bucket,
            "folder": self.wave.folder,
            "chunks": chunks,
            "chunks_key": self.wave.key("chunks.json"),
            "max_concurrency": limits.max_concurrency,
            "tolerated_failures": limits.tolerated_failures,
            "more": planned.more and count != limits.limit,
            "progress": {
                "wave": self.wave.number,
                "cursor": planned.cursor,
                "counts": {**self.counts, "planned": count},
                "sample": [*self.sample, *planned.items][:SAMPLE_SIZE],
            },
        }


def refusal(s3: S3Client, bucket: str, kind: str, event: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """What the planning answers where the input, or what it names, cannot be used.

    At the first wave the input is refused, before anything is done. At a later one the report has what was done so far.
    """
    run = BulkExecution.next(s3, bucket, kind, event)
    if not event["progress"]:
        return {"refused": reason}
    return {
        "input": run.given,
        "execution": run.execution,
        "bucket": bucket,
        "folder": run.wave.folder,
        "chunks": 0,
        "more": False,
        "unusable": reason,
        "progress": {**event["progress"], "wave": run.wave.number},
    }


def log_name(folder: str) -> str:
    """What the log calls an execution with that folder: the step of its lines."""
    return _LOG_NAMES[folder.partition("/")[0]]
