"""What must be true of every task after a run. Each rule yields the violations it finds: a kind, and what was found.

The order of things is the backend's own: every acquire takes the next fence, so attempt k of a task is the one with
fence k. No task is made pending again in these runs, so the entries of the history are those of the attempts in their
order, without the ones that are not counted, see `deeds`.

Never two inside with a live lease. Worker B enters after worker A, which did not report back. A's lease ends at the
newest end that the backend answered to A, a moment by A's clock. B may enter once its own clock shows that moment, not
before. Clocks are wrong by at most ``max_skew``, so in true time nobody enters earlier than ``max_skew`` before that
moment: that is the documented bound. The check is made by B's own clock, and needs no tolerance for the skew; only
where an acquire that no worker saw, or a restart, lies between the two may B be up to twice ``max_skew`` behind the one
who made it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .deeds import deeds, outcome, uncounted
from .records import ENDED, EXHAUSTED, IGNORED, SUCCEEDED, Record, Start

VANISHED = "LeaseExpired"
HISTORY_BYTES = 32 * 1024
LONGEST_ENTRY_BYTES = 9 * 1024
CLOCK_TICK = 0.001

Found = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Bounds:
    """What a run promised: attempts, skew and timeout in seconds, and the workers that were killed.

    Attributes:
        lost_claims: when, by its worker's clock, a claim of whatever task is next began and ended, of which that
            worker knows nothing more.
    """

    max_retry: int
    max_skew: float
    read_timeout: float
    killed: frozenset[str]
    lost_claims: tuple[tuple[float, float], ...] = ()


def ended(record: Record, _bounds: Bounds) -> Found:
    """Every task ended succeeded or ignored, free, and is listed under that status."""
    item = record.item
    if item is None:
        yield "not_ended", "it is not in the table"
        return
    if record.status not in ENDED:
        yield "not_ended", f"its status is {record.status}"
        return
    if item["lock"] != "__not_locked__" or "lock_expire_time" in item:
        yield "left_locked", f"its lock is {item['lock']}, until {item.get('lock_expire_time')}"
    if "value" in item and f"____{record.status:03d}____" not in item["value"]:
        yield "wrongly_listed", f"it is listed as {item['value']} and has status {record.status}"


def created_once(record: Record, _bounds: Bounds) -> Found:
    """At most one creation was told that it made the task, and the first attempt found that one's data."""
    makers = [event["maker"] for event in record.creations if event["e"] == "created" and event["created"]]
    if len(makers) > 1:
        yield "created_twice", f"it was created by {makers}"
    for start in record.inside:
        maker = _of(start)["maker"]
        if makers and maker not in makers:
            yield "created_twice", f"it was created by {makers}, and attempt {start.fence} found it made by {maker}"


def fences(record: Record, bounds: Bounds) -> Found:
    """Fences strictly grow, and every acquire is in the logs, or answered to nobody, or made by a killed worker."""
    by_fence: dict[int, Start] = {}
    latest_begin = 0.0
    for start in record.inside:
        fence = start.fence or 0
        if fence in by_fence:
            yield "fence_reused", f"{by_fence[fence].id} and {start.id} both got fence {fence}"
        if _of(start)["t"] < latest_begin:
            yield "fence_order", f"{start.id} got fence {fence} before one with a smaller fence had begun"
        latest_begin = max(latest_begin, start.began)
        by_fence[fence] = start
    if by_fence and max(by_fence) > record.acquires:
        yield "fence_reset", f"a worker got fence {max(by_fence)}, and the item says {record.acquires}"
    unexplained = set(range(1, record.acquires + 1)) - set(by_fence) - record.unseen - _claimed(record, bounds)
    killed = [s for s in record.starts.values() if not s.resolved and s.acquired is None and s.worker in bounds.killed]
    slow = [s for s in record.starts.values() if s.failed_after is not None and s.failed_after >= bounds.read_timeout]
    if len(unexplained) > len(killed) + len(slow):
        yield "acquire_unexplained", f"nobody can have acquired it as {sorted(unexplained)}"


def leases(record: Record, _bounds: Bounds) -> Found:
    """Where the tables tell of every lease that was stored: each fence had one, and none came after a larger one."""
    stored = [lease["fence"] for lease in sorted(record.leases, key=lambda lease: lease["id"])]
    if stored != sorted(stored):
        yield "fence_order", f"leases were stored in the order of the fences {stored}"
    if stored and set(stored) != set(range(1, record.acquires + 1)):
        yield "fence_reset", f"leases were stored with the fences {stored}, and the item says {record.acquires}"


def _claimed(record: Record, bounds: Bounds) -> set[int]:
    """The acquires that were made while a claim was under way of which its worker never told."""
    return {
        lease["fence"]
        for lease in record.leases
        if any(began - CLOCK_TICK <= lease["locked"] <= ended for began, ended in bounds.lost_claims)
    }


def counted(record: Record, bounds: Bounds) -> Found:
    """Every attempt but the one that succeeded is counted, once, in `retry` and in the history; or rightly not."""
    if record.item is None:
        return
    succeeded = record.status == SUCCEEDED
    failed = record.acquires - succeeded - len(uncounted(record))
    noted = len(record.history) + record.dropped
    if noted != failed:
        yield "miscounted", f"{failed} attempts failed or vanished, and the history holds {noted}"
    if (retry := record.item["retry"]) != (0 if succeeded else failed):
        yield "miscounted", f"retry is {retry}, after {failed} failed attempts and status {record.status}"
    if failed > bounds.max_retry or (succeeded and failed == bounds.max_retry):
        yield "too_many_attempts", f"{failed} attempts failed and it was still started, of {bounds.max_retry} allowed"
    aside = record.status == IGNORED and (_hopeless(record.history) or record.actions("cancel"))
    if record.status in {IGNORED, EXHAUSTED} and failed < bounds.max_retry and not aside:
        yield "ignored_too_early", f"{failed} attempts failed of {bounds.max_retry} allowed"
    if (attempts := record.item.get("attempts", failed + succeeded)) != failed + succeeded:
        yield "miscounted", f"attempts is {attempts}, and {failed + succeeded} count"


def history_kept(record: Record, _bounds: Bounds) -> Found:
    """Within its budget the history has lost nothing; over it, only what lies between the first and the newest."""
    numbers = [entry["nth_retry"] for entry in record.history]
    total = len(numbers) + record.dropped
    if numbers != [*range(1, 2)[: len(numbers)], *range(record.dropped + 2, total + 1)]:
        yield "history_lost", f"the history holds the entries {numbers}, with {record.dropped} dropped"
    if record.dropped and len(json.dumps(record.history)) + LONGEST_ENTRY_BYTES < HISTORY_BYTES:
        yield "history_lost", f"{record.dropped} entries were dropped, and there was room for them"


def outcomes(record: Record, bounds: Bounds) -> Found:
    """What is stored of every attempt is what its worker was told."""
    inside = {start.fence: start for start in record.inside}
    for fence in range(1, record.acquires + 1):
        stored = _stored(record, fence)
        start = inside.get(fence)
        if stored is None:
            continue
        if start is None:
            if stored != VANISHED:
                yield "phantom_attempt", f"no worker was inside as attempt {fence}, of which {stored!r} is stored"
            continue
        if not start.resolved and start.worker not in bounds.killed:
            yield "worker_silent", f"{start.id} never said what became of attempt {fence}"
        yield from _told(start, stored)


def _told(start: Start, stored: str) -> Found:
    text = start.leaving["text"] if start.leaving is not None else None
    own = "success" if start.leaving is not None and text is None else text
    told = outcome(start)
    if told == "unexpected":
        assert start.finished is not None
        yield "own_exception_lost", f"attempt {start.fence} left with {own!r} and raised {start.finished['error']}"
    elif told == "lost" and stored != VANISHED:
        yield "stale_write", f"attempt {start.fence} was told that its lock was lost, and {stored!r} is stored of it"
    elif told == "stored" and stored != own:
        yield "told_otherwise", f"attempt {start.fence} was told that {own!r} is stored, and it is {stored!r}"
    elif told == "rejected" and not stored.startswith("TaskTransactionError"):
        yield "told_otherwise", f"attempt {start.fence} was told of TaskTransactionError, and {stored!r} is stored"
    elif told == "vanished" and stored != VANISHED:
        yield "told_otherwise", f"attempt {start.fence} was killed inside, and {stored!r} is stored of it"
    elif told == "unknown" and stored not in {own, VANISHED}:
        yield "told_otherwise", f"attempt {start.fence} ended with {own!r}, and {stored!r} is stored of it"


def nothing_after_the_end(record: Record, _bounds: Bounds) -> Found:
    """A success or a refusal that was told stays true: nobody is let in afterwards, nothing stale is stored."""
    inside = record.inside
    for start in inside:
        later = [other for other in inside if (other.fence or 0) > (start.fence or 0)]
        if start.finished is not None and start.finished["error"] is None and later:
            yield "run_after_success", f"attempt {start.fence} succeeded, and {[s.fence for s in later]} came after it"
        for since in start.updates:
            if any(_of(other)["t"] < since for other in later):
                yield "stale_write", f"attempt {start.fence} stored data after a later one was inside"
        if start.downstream == "effect_refused" and record.acquires <= (start.fence or 0):
            yield "effect_lost", f"attempt {start.fence} was refused downstream, and was the newest"
    final = {"TaskAlreadySucceedError": SUCCEEDED, "TaskIgnoredError": IGNORED, "TaskExhaustedError": EXHAUSTED}
    for start in record.starts.values():
        if start.refused in final and final[start.refused] != record.status:
            yield "told_otherwise", f"{start.id} was refused with {start.refused}, and the status is {record.status}"
        if start.refused == "TaskIsNotInitializedError" and record.made_before(start.began):
            yield "told_otherwise", f"{start.id} was told that there is no such task, after it had been created"


def exclusive(record: Record, bounds: Bounds) -> Found:
    """Nobody enters while the lease of another is live; see the top of this file for what that means."""
    inside = record.inside
    for start, following in pairwise(inside):
        entered, stored = _of(following), _stored(record, start.fence or 0)
        if stored == VANISHED:
            adjacent = (following.fence or 0) == (start.fence or 0) + 1 and not record.actions("restart")
            early = max(start.ends) - entered["s"] - CLOCK_TICK - (0 if adjacent else 2 * bounds.max_skew)
            if early > 0:
                yield "two_inside", f"{following.id} entered {early:.3f} s before the lease of {start.id} was over"
        elif stored is not None and start.leaving is not None and start.leaving["t"] > entered["t"]:
            yield "two_inside", f"{following.id} entered before {start.id} left, and had not taken the task over"


def effects(record: Record, _bounds: Bounds) -> Found:
    """A success's effect is there, and the newest; each success has the receipt it asked for, and nobody else has."""
    by_fence = {start.fence: start for start in record.inside}
    if record.effect is not None:
        for fence in record.effect["applied"]:
            if fence not in by_fence or by_fence[fence].downstream is None:
                yield "effect_unexplained", f"attempt {fence} has an effect, and never wrote one"
    expected: list[str] = []
    if record.status == SUCCEEDED:
        success = by_fence.get(record.acquires)
        if success is None or success.leaving is None or success.leaving["error"] is not None:
            yield "success_of_nobody", f"attempt {record.acquires} is stored as a success, its worker had none"
            return
        if record.effect is None or (record.effect["newest"], record.effect["by"]) != (success.fence, success.id):
            yield "effect_lost", f"{success.id} succeeded as attempt {success.fence}, the effect is {record.effect}"
        assert record.item is not None
        if (done_by := json.loads(record.item["data"]).get("done_by")) != success.id:
            yield "stale_write", f"{success.id} succeeded, and the data stored is of {done_by}"
        if success.leaving["also"]:
            expected.append(f"{record.task}#{success.fence}#{success.id}")
    if record.receipts != expected:
        yield "receipts_wrong", f"the receipts are {record.receipts}, expected were {expected}"


RULES = (
    *(ended, created_once, fences, leases, counted, history_kept),
    *(outcomes, nothing_after_the_end, exclusive, effects, deeds),
)


def _of(start: Start) -> dict[str, Any]:
    assert start.acquired is not None
    return start.acquired


def _stored(record: Record, fence: int) -> str | None:
    """What became of an attempt by the table: "success", `VANISHED`, its error; None where it does not tell."""
    if record.status == SUCCEEDED and fence == record.acquires:
        return "success"
    not_counted = uncounted(record)
    if fence in not_counted:
        return not_counted[fence]
    nth = fence - sum(each < fence for each in not_counted)
    for entry in record.history:
        if entry["nth_retry"] == nth:
            error: str = entry["error"]
            return VANISHED if error.startswith(VANISHED) else error[:100]
    return None


def _hopeless(history: list[dict[str, Any]]) -> bool:
    return bool(history) and history[-1]["error"].startswith("NonRetryableError")
