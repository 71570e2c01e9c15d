"""What operators did to a task, which attempts are not counted for it, and what must be true of both.

A cancellation takes the task from its worker, whose attempt does not count; a stuck one counts as vanished. A task that
is cancelled stays so, since nothing in a run takes that back. A restart gives a task a new run, and changes nothing
else. A postponed attempt does not count either.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from .records import IGNORED, IN_PROGRESS, SUCCEEDED, Record, Start

LOST_LOCK = "is not held by this worker any more"
POSTPONED = "Postponed"

Found = Iterator[tuple[str, str]]


def deeds(record: Record, _bounds: object) -> Found:
    """Each deed that was told as done is on record once, none is that nobody asked for, and none is undone."""
    for deed in ("cancel", "restart"):
        stored = sum(action.get("times", 1) for action in record.actions(deed))
        if stored and not _told(record, deed, "acting"):
            yield "deed_of_nobody", f"a {deed} is on record, and nobody asked for it"
        if stored < bool(_told(record, deed, "acted")):
            yield "deed_lost", f"a {deed} was told as done, and is not on record"
    if (times := len(record.actions("cancel"))) > 1:
        yield "deed_repeated", f"one request to cancel is on record {times} times"
    restarts = sum(action.get("times", 1) for action in record.actions("restart"))
    if record.item is not None and restarts != record.item.get("run", restarts):
        yield "deed_lost", f"{restarts} restarts are on record, and the task is in run {record.item['run']}"
    if record.actions("cancel"):
        yield from _cancelled(record)


def _cancelled(record: Record) -> Found:
    action = record.actions("cancel")[0]
    if record.status != IGNORED:
        yield "cancel_undone", f"it was cancelled, and its status is {record.status}"
    for told in _told(record, "cancel", "acted"):
        for start in record.starts.values():
            if start.began > told["t"] and (start.fence is not None or start.refused not in {"TaskIgnoredError", None}):
                yield "run_after_cancel", f"{start.id} began after it was cancelled: {start.fence or start.refused}"
    last = [start for start in record.inside if start.fence == record.acquires]
    if last and _was_held(record) and record.acquires in uncounted(record) and outcome(last[0]) == "stored":
        yield "told_otherwise", f"attempt {record.acquires} was told that its end is stored, and it was cancelled"
    newest = record.history[-1] if record.history else {}
    if last and newest.get("update_time") == action["update_time"] and _moment(action) < max(last[0].ends):
        yield "cancel_counted", f"attempt {record.acquires} was cancelled under a live lease, and counts"


def uncounted(record: Record) -> dict[int, str | None]:
    """The attempts that are rightly in no history, by fence: with what they were postponed by, or None if cancelled.

    Where it is not known of a postponement whether it was stored, the history says how many were.
    """
    postponed = [start for start in record.inside if _is_postponed(start)]
    found = {start.fence or 0: _text(start) for start in postponed if outcome(start) == "stored"}
    missing = record.acquires - (record.status == SUCCEEDED) - len(record.history) - record.dropped
    if missing > len(found) and record.acquires not in found and _was_held(record):
        found[record.acquires] = None
    unknown = [start for start in postponed if outcome(start) == "unknown" and start.fence not in found]
    return found | {start.fence or 0: _text(start) for start in unknown[: max(missing - len(found), 0)]}


def _text(start: Start) -> str | None:
    return None if start.leaving is None else start.leaving["text"]


def _was_held(record: Record) -> bool:
    """Whether it was cancelled while it was in progress."""
    return any(action["status"] == IN_PROGRESS for action in record.actions("cancel"))


def _is_postponed(start: Start) -> bool:
    return start.leaving is not None and start.leaving["error"] == POSTPONED


def _told(record: Record, deed: str, event: str) -> list[dict[str, Any]]:
    return [each for each in record.deeds if (each["deed"], each["e"]) == (deed, event)]


def _moment(action: dict[str, Any]) -> float:
    return datetime.fromisoformat(action["update_time"]).timestamp()


def outcome(start: Start) -> str:
    """What the worker of an attempt knows to be stored of it: "stored", "lost", "rejected", "vanished", "unknown".

    An exception that goes out with a note was not recorded for sure: only the note of a lost lock promises that
    nothing was stored. "unexpected" is an exception that is not the one the block ended with.
    """
    if start.leaving is None:
        return "vanished"
    if start.finished is None:
        return "unknown"
    left_with, raised, notes = start.leaving["error"], start.finished["error"], " ".join(start.finished["notes"])
    if raised == "TaskLockLostError" or LOST_LOCK in notes:
        return "lost" if raised == (left_with or "TaskLockLostError") else "unexpected"
    if (notes and raised == left_with) or (left_with is None and raised == "StatusNotSavedError"):
        return "unknown"
    if left_with is None and raised == "TaskTransactionError":
        return "rejected"
    return "stored" if raised == left_with else "unexpected"
