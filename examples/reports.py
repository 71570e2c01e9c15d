"""Reports are written, each tracked by a JSON file, or by an object in S3: `load` and `dump` are all that differs.

Code that was written for abstract_tracker derives from its `BaseTracker`; only the import of that changes.
"""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
from common import expecting, moto, title

from status_tracker import TaskAlreadyExistsError, TaskAlreadySucceedError, TaskLockLostError
from status_tracker.abstract import FileTracker, NoMoreRetryError, S3Tracker, StatusEnum, TaskLockedError, get_utc_now

folder = Path("reports")
BUCKET = "status-tracker-example"


@dataclass
class Report(FileTracker):
    pages: int = 0  # a field of one's own

    @classmethod
    def get_path(cls, id: str | int) -> Path:  # noqa: A002  # the library's name
        return folder / f"{id}.json"


@functools.cache
def s3() -> Any:
    return boto3.client("s3", region_name="us-east-1")


@dataclass
class ReportInS3(S3Tracker):
    pages: int = 0

    @classmethod
    def get_bucket_key(cls, id: str | int) -> tuple[str, str]:  # noqa: A002  # the library's name
        return BUCKET, f"reports/{id}.json"

    @classmethod
    def get_s3_client(cls) -> Any:
        return s3()


class NoNumbersError(Exception):
    """What may go wrong with a report."""


def show(report: Any) -> None:
    """Print what the tracker shows."""
    locked = "locked" if report.is_locked() else "free"
    print(f"{report.id}: {report.status_name}, {locked}, attempts={report.attempts}, pages={report.pages}", end="")
    print(f", data={report.data}, error={report.errors.get('error')}")


def success(kind: type[Any]) -> None:
    title(f"{kind.__name__}: created, written, and never overwritten")
    report = kind.new("may")
    show(report)
    with report.start(verbose=True):
        show(report)
        report.pages = 12
        report.data["title"] = "May"
    show(kind.load("may"))
    with expecting(TaskAlreadyExistsError):
        kind.new("may")
    with expecting(TaskAlreadySucceedError), report.start():
        print("never reached")


def exhausted(kind: type[Any]) -> None:
    title(f"{kind.__name__}: three failures exhaust it; force_execution starts it all the same")
    report = kind.new("june")
    for nth in (1, 2, 3):
        with expecting(NoNumbersError), report.start(verbose=True):
            report.pages = 99
            raise NoNumbersError(f"attempt {nth}")
        show(report)
    with expecting(NoMoreRetryError), report.start(verbose=True):
        print("never reached")
    with report.start(force_execution=True):
        report.pages = 7
    show(report)
    print(f"{len(report.errors['history'])} failures on record")


def locked(kind: type[Any]) -> None:
    title(f"{kind.__name__}: one worker at a time, unless told to ignore the lock")
    first, second = kind.new("july"), kind.load("july")
    with expecting(TaskLockLostError), first.start():
        with expecting(TaskLockedError), second.start(verbose=True):
            print("never reached")
        with second.start(ignore_lock=True):
            second.pages = 3
        first.pages = 4  # too late: the second worker has taken the task over
    show(kind.load("july"))


def by_hand(kind: type[Any]) -> None:
    title(f"{kind.__name__}: without a block")
    report = kind.new("august")
    report.mark_as_in_progress(expire=60)
    show(report)
    print(f"{report.is_locked(lock=report.lock)=} {report.is_locked(now=get_utc_now() + timedelta(seconds=61))=}")
    report.mark_as_failed_or_exhausted(NoNumbersError("not yet"))
    show(report)
    report.mark_as_in_progress()
    report.pages = 5
    report.mark_as_succeeded()
    show(report)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary, moto():
        folder = Path(temporary)
        print(f"{[(each.name, each.value) for each in StatusEnum]} {Report.get_expire()=} {Report.get_max_attempts()=}")
        for scene in (success, exhausted, locked, by_hand):
            scene(Report)
        title("What is stored")
        print(Path(Report.get_path("may")).read_text("utf-8"))
        s3().create_bucket(Bucket=BUCKET)
        for scene in (success, locked):
            scene(ReportInS3)
