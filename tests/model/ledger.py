"""What has truly happened to the task, kept beside it; and whether a write that was applied agrees with that.

It knows nothing of the rules' code: it looks at what the task was before a write and is after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from status_tracker.core.port import HeldBy, Startable, Write

from .replay import moment

Record = Mapping[str, Any]

OPEN, SUCCEEDED, FAILED, VANISHED, CANCELLED, POSTPONED = "osfvcp"


class ViolationError(AssertionError):
    """A promise is broken."""


@dataclass(frozen=True)
class Ledger:
    """The truth.

    Attributes:
        attempts: what became of each attempt, in their order, a letter each.
        failures: how many have failed or vanished in a row.
        runs: how often the task was deliberately begun anew.
        given_at: how many attempts there were when the task was last given a run.
        actions: the deliberate actions that were applied: what, and under which id.
        ends: the tokens whose attempt they themselves have ended, and how.
    """

    attempts: str = ""
    failures: int = 0
    runs: int = 0
    given_at: int = -1
    actions: tuple[tuple[str, str], ...] = ()
    ends: tuple[tuple[str, str], ...] = ()

    def ended(self, fence: int, how: str) -> Ledger:
        if self.attempts[fence - 1] != OPEN:
            raise ViolationError(f"attempt {fence} ends twice: {self.attempts}, then {how}")
        failures = self.failures + (how in {FAILED, VANISHED})
        return replace(self, attempts=self.attempts[: fence - 1] + how + self.attempts[fence:], failures=failures)


def entered(ledger: Ledger, before: Record | None, write: Write, after: Record, now: int, *, skewed: bool) -> Ledger:
    """The ledger with a write that was applied at the tick `now`.

    Args:
        skewed: whether clocks differ, so that whose lease is live is a matter of opinion.

    Raises:
        ViolationError: what the write did is against a promise.
    """
    fence, was = after.get("fence") or 0, (before or {}).get("fence") or 0
    if fence < was:
        raise ViolationError(f"the fence went back from {was} to {fence}")
    old = before or {}
    live = bool(old.get("lock")) and old["lock_expire_time"] > moment(now) and not skewed
    if isinstance(write.guard, HeldBy):
        ledger = _held(ledger, old, write, after)
    elif isinstance(write.guard, Startable):
        ledger = _acquired(ledger, live, fence, was)
    elif _actions(after) != _actions(old):
        ledger = _acted(ledger, old, after, live)
    else:
        ledger = _judged(ledger, old, after, live)
    _compare(ledger, old, after)
    return ledger


def _acquired(ledger: Ledger, live: bool, fence: int, was: int) -> Ledger:
    if live:
        raise ViolationError("the task was taken from a worker whose lease is live")
    if fence != was + 1:
        raise ViolationError(f"an acquire raised the fence from {was} to {fence}")
    return replace(ledger, attempts=ledger.attempts + OPEN)


def _held(ledger: Ledger, old: Record, write: Write, after: Record) -> Ledger:
    assert isinstance(write.guard, HeldBy)
    token = write.guard.lock
    if old.get("lock") != token:
        raise ViolationError(f"{token} wrote to a task that {old.get('lock')} holds")
    if after.get("lock") is not None:  # an update, or the lease
        if after["lock_expire_time"] < old["lock_expire_time"]:
            raise ViolationError("a lease was shortened")
        if (after.get("update_count") or 0) < (old.get("update_count") or 0):
            raise ViolationError("an update was undone by an older one")
        return ledger
    postponed = _postponements(after) > _postponements(old)
    how = POSTPONED if postponed else SUCCEEDED if after["retry"] == 0 else FAILED
    ledger = ledger.ended(old["fence"], how)
    ledger = replace(ledger, ends=(*ledger.ends, (token, how)))
    return replace(ledger, failures=0) if how == SUCCEEDED else ledger


def _judged(ledger: Ledger, old: Record, after: Record, live: bool) -> Ledger:
    """A takeover, an attempt that was given up, or a worker that goes on with its own acquire."""
    if after.get("lock") == old.get("lock") and after.get("fence") == old.get("fence"):
        return ledger
    if live:
        raise ViolationError("a live worker was taken for a vanished one")
    if _entries(after) > _entries(old):
        ledger = ledger.ended(old["fence"], VANISHED)
    if after.get("fence") != old.get("fence"):
        ledger = _acquired(ledger, live, after["fence"], old.get("fence") or 0)
    return ledger


def _acted(ledger: Ledger, old: Record, after: Record, live: bool) -> Ledger:
    record = after["errors"]["actions"][-1]
    name = (record["action"], record["id"])
    if name in ledger.actions:
        raise ViolationError(f"{name} was done twice")
    ledger = replace(ledger, actions=(*ledger.actions, name))
    if live and name[0] == "cancel":
        ledger = ledger.ended(old["fence"], CANCELLED)
    elif live and name[0] != "unlock":
        raise ViolationError(f"{name} was done to a task in work")
    if _entries(after) > _entries(old):
        ledger = ledger.ended(old["fence"], VANISHED)
    if name[0] in {"rerun", "unignore", "restart"}:
        ledger = _given_a_run(ledger, old, after, name[0])
    return replace(ledger, failures=0) if name[0] in {"rerun", "unignore"} else ledger


def _given_a_run(ledger: Ledger, old: Record, after: Record, action: str) -> Ledger:
    """A rerun of a task that still waits for the run it was given may leave it that run."""
    waits = old["status"] == after["status"] and ledger.given_at == len(ledger.attempts)
    kept = action == "rerun" and waits and (after.get("run") or 0) == (old.get("run") or 0)
    return replace(ledger, runs=ledger.runs + (not kept), given_at=len(ledger.attempts))


def _compare(ledger: Ledger, old: Record, after: Record) -> None:
    """What the task says of itself, with what has happened to it."""
    said = {
        "attempts": after.get("fence") or 0,
        "failures in a row": after.get("retry") or 0,
        "runs": after.get("run") or 0,
        "entries of the history": _entries(after),
    }
    true = {
        "attempts": len(ledger.attempts),
        "failures in a row": ledger.failures,
        "runs": ledger.runs,
        "entries of the history": sum(each in {FAILED, VANISHED} for each in ledger.attempts),
    }
    if said != true:
        raise ViolationError(f"the task says {said}, and it is {true}")
    if ledger.attempts.count(OPEN) > 1:
        raise ViolationError(f"several attempts are open: {ledger.attempts}")
    if lost := _unrecorded(ledger, after):
        raise ViolationError(f"the record of {lost} is lost")
    if old.get("status") in {40, 90} and after["status"] != old["status"] and _actions(after) == _actions(old):
        is_next_step = old["status"] == 40 and after["status"] == 70
        if not is_next_step:
            raise ViolationError(f"a success was lost: {old['status']} became {after['status']}")


def _unrecorded(ledger: Ledger, after: Record) -> list[tuple[str, str]]:
    """A series of restarts by the same is one record, of the last of them."""
    known = [(each["action"], each["id"]) for each in _actions(after)]
    series = any(action == "restart" for action, _ in known)
    return [each for each in ledger.actions if each not in known and not (series and each[0] == "restart")]


def _actions(record: Record) -> list[Mapping[str, Any]]:
    return list((record.get("errors") or {}).get("actions") or ())


def _postponements(record: Record) -> int:
    times: int = ((record.get("errors") or {}).get("postponed") or {}).get("times", 0)
    return times


def _entries(record: Record) -> int:
    errors = record.get("errors") or {}
    return len(errors.get("history") or ()) + (errors.get("dropped") or 0)
