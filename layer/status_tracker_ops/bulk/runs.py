"""
One execution over very many items, as its state machine carries it from state to state.

Plan, Distributed Map and report take turns: ``progress`` is what one wave hands to the next, and all that is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from status_tracker_ops.bulk.planning import (
    FAILED,
    LEFT_ALONE,
    WAVE_ITEMS,
    Wave,
    folder_of,
    gather,
    read_wave,
    report_wave,
    write_wave,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mypy_boto3_s3 import S3Client

    from status_tracker_ops.bulk.planning import Cursor, Item

SAMPLE_SIZE = 10
_LONGEST_CAUSE = 1000
_STEPS = {"backfills": "Backfill", "reruns": "BulkRerun"}


@dataclass(frozen=True)
class Limits:
    """
    What an execution may do.

    `max_concurrency`: functions at the same time. `tolerated_failures`: the execution fails where more items do.
    `dry_run`: only count them. `limit`: at most so many items; None for all.
    """

    max_concurrency: int
    tolerated_failures: int
    dry_run: bool
    limit: int | None = None


@dataclass(frozen=True)
class BulkRun:
    """
    An execution between two waves.

    `wave` is the next one to plan, `cursor` where its source stands, `counts` what became of how many items until now,
    `sample` the first few of them.
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
        source: Iterable[tuple[Item, Cursor]],
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
    """
    What the planning answers where the input, or what it names, cannot be used.

    It is refused at the first wave, before anything is done. At a later one the report has what was done until now.
    """
    run = BulkRun.next(s3, bucket, kind, event)
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


def step_of(folder: str) -> str:
    """What an execution with that folder is called in the log."""
    return _STEPS[folder.partition("/")[0]]


def report(s3: S3Client, event: Mapping[str, Any]) -> dict[str, Any]:
    """
    What the reporting function answers after a wave: whether to plan another, or how the execution ends.

    Where the Map itself has failed, `event` has its error and cause as ``failure``; where the planning could not go on,
    why as ``unusable``. A summary is written to S3 and given as the execution's output.
    """
    progress = event["progress"]
    wave = Wave(s3, event["bucket"], event["folder"], progress["wave"])
    counts = dict(progress["counts"])
    for outcome, count in report_wave(wave, event["chunks"]).items():
        counts[outcome] = counts.get(outcome, 0) + count
    failure = _failure(event, counts["failed"])
    if event["more"] and failure is None:
        return {"next": "plan", "progress": {**progress, "counts": counts}}
    summary = {
        "execution": event["execution"],
        "input": event["input"],
        "counts": counts,
        "sample": progress["sample"],
        "failed": gather(wave, FAILED),
        "left_alone": gather(wave, LEFT_ALONE),
        "report": wave.address("summary.json"),
    }
    wave.write(wave.summary_key, summary if failure is None else {**summary, "failure": failure})
    return {"next": "done" if failure is None else "failed", "summary": summary, "failure": failure}


def _failure(event: Mapping[str, Any], failed: int) -> dict[str, str] | None:
    """Why the execution fails; None where it goes on, or has done its work."""
    if "unusable" in event:
        return {"Error": "BadInput", "Cause": event["unusable"]}
    tolerated = event["tolerated_failures"]
    if failed > tolerated:
        cause = (
            f"{failed:,} failed, {tolerated:,} are tolerated: see failed.jsonl in"
            f" s3://{event['bucket']}/{event['folder']}. When the cause is mended, run it again: nothing is done twice."
        )
        return {"Error": "TooManyFailures", "Cause": cause}
    if "failure" in event:
        return {
            "Error": "MapFailed",
            "Cause": f"{event['failure']['Error']}: {event['failure']['Cause']}"[:_LONGEST_CAUSE],
        }
    return None
