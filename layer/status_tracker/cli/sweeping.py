"""`sweep`: restarts tasks that nothing works on any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from shlex import quote
from typing import Any

import typer

from ..operations.pausing import Pause
from ..operations.sweeping import WORKERS, sweep
from ..operations.swept import Noted, Swept
from .callers import caller
from .display import console, outcome_table, print_json
from .errors import Code, WrongUsageError
from .progress import Reading
from .scope import Scope, opened_scope
from .target import Target
from .text import plain, say
from .times import parse_age

_ALL = 1_000_000_000
"""So many are looked at of each step: a person sees how far it is, and Ctrl-C ends it where a cursor goes on."""


class Sweeping:
    """Sweeps the steps of a scope one after the other, until as many tasks are restarted as are wanted.

    Attributes:
        swept: what was done of each step that was looked at, by its name.
        left: the steps that are still to be looked at.
        paused: the pauses of the steps that are left out for that, by their names.
    """

    def __init__(self, scope: Scope, pauses: Mapping[str, Pause]) -> None:
        self._scope = scope
        self.paused = pauses
        self.left = [each for each in scope.steps if each.name not in pauses]
        self.swept: dict[str, Swept] = {}

    def go_on_at(self, cursor: str | None) -> str | None:
        """Leave out the steps before that which the cursor names; returns where in it an earlier sweep stopped."""
        if cursor is None or not self._scope.is_whole:
            return cursor
        names = [each.name for each in self._scope.steps]
        for number, name in enumerate(names):
            if cursor.startswith(f"{name}:"):
                self.left = [each for each in self.left if each.name in names[number:]]
                return None if name in self.paused else cursor.removeprefix(f"{name}:") or None
        raise WrongUsageError(f"--cursor is {cursor[:80]!r}: give what a sweep of {', '.join(names)} has told.")

    def run(self, reading: Reading, *, limit: int, cursor: str | None, **how: Any) -> None:
        """Sweep them; what stops the sweep of one, as Ctrl-C does, ends it all."""
        place = self.go_on_at(cursor)
        while self.left:
            name, step = self.left[0]
            task_class: Any = step
            stop = partial(_interrupted, reading, name, count())
            swept = sweep(task_class, limit=limit, examine=_ALL, cursor=place, workers=WORKERS, stop=stop, **how)
            del self.left[0]
            self.swept[name] = swept
            limit, place = limit - len(swept.restarted), None
            if not swept.complete or not limit:
                break

    @property
    def cursor(self) -> str | None:
        """Where the next sweep goes on; None where nothing is left."""
        last = next(reversed(self.swept), "")
        if last and not self.swept[last].complete:
            cursor = self.swept[last].cursor
            return f"{last}:{cursor}" if self._scope.is_whole else cursor
        return f"{self.left[0].name}:" if self.left else None

    @property
    def error(self) -> Exception | None:
        """What has ended it."""
        return next((each.error for each in self.swept.values() if each.error is not None), None)


def sweep_once(
    target: Target,
    steps: Sequence[str] | None,
    *,
    limit: int,
    pending_after: str,
    by: str | None,
    cursor: str | None,
    dry_run: bool,
) -> None:
    """One sweep, and its result."""
    target.check_one()
    wait = parse_age(pending_after)
    if wait is None:
        raise WrongUsageError(f"--pending-after is {pending_after!r}: give an age such as 90s, 5m or 2h.")
    with opened_scope(target, steps) as scope:
        if not isinstance(scope.first, type):
            raise WrongUsageError(f"{target.task} needs no sweep: workers find what waits or is stuck with start_next.")
        sweeping = Sweeping(scope, {} if dry_run else _paused(scope))
        by = by or ("dry run" if dry_run else caller(target))
        with Reading(f"Sweeping {scope.use_case_id}") as reading:
            sweeping.run(reading, limit=limit, pending_after=wait, by=by, cursor=cursor, dry_run=dry_run)
    if target.json:
        print_json(_as_json(sweeping))
    else:
        _tell(sweeping)
    if sweeping.error is not None:
        raise sweeping.error
    if reading.interrupted:
        say("Interrupted.")
        raise typer.Exit(Code.INTERRUPTED)
    if any(each.failed for each in sweeping.swept.values()):
        raise typer.Exit(Code.NOT_ALL)


def _interrupted(reading: Reading, name: str, looked_at: Iterator[int]) -> bool:
    """Whether Ctrl-C was pressed; tells how far it is."""
    try:
        reading.look(f"{name}, {next(looked_at):,} looked at")
    except KeyboardInterrupt:
        return True
    return False


def _paused(scope: Scope) -> dict[str, Pause]:
    """The pauses of the steps, which are not swept then. Raises `WrongUsageError` where that leaves none."""
    if scope.pipeline is None or not scope.of_pipeline:
        return {}
    found = {name: pause for name, _ in scope.steps if (pause := scope.pipeline.paused(name)) is not None}
    told = [f"{name} is paused by {pause.by}: {pause.reason}." for name, pause in found.items()]
    if len(found) == len(scope.steps):
        raise WrongUsageError(f"{' '.join(told)} Resume it, or wait; see --dry-run.")
    for line in told:
        say(f"Left out: {plain(line)}")
    return found


def _total(sweeping: Sweeping) -> Swept:
    """What was done in all."""
    swept = list(sweeping.swept.values())

    def noted(name: str) -> tuple[Noted, ...]:
        return tuple(note for each in swept for note in getattr(each, name))

    return Swept(
        examined=sum(each.examined for each in swept),
        restarted=noted("restarted"),
        running=sum(each.running for each in swept),
        left_alone=noted("left_alone"),
        failed=noted("failed"),
        stuck=sum(each.stuck for each in swept),
        cursor=sweeping.cursor,
        complete=sweeping.cursor is None,
        error=sweeping.error,
        dry_run=any(each.dry_run for each in swept),
    )


def _restarted(swept: Swept) -> str:
    return "would_restart" if swept.dry_run else "restarted"


def _counts(swept: Swept) -> dict[str, int]:
    return {
        "examined": swept.examined,
        _restarted(swept): len(swept.restarted),
        "running": swept.running,
        "left_alone": len(swept.left_alone),
        "failed": len(swept.failed),
        "stuck": swept.stuck,
    }


def _as_json(sweeping: Sweeping) -> dict[str, Any]:
    swept = _total(sweeping)

    def listed(notes: tuple[Noted, ...]) -> list[dict[str, str]]:
        return [{"task_id": each.task_id, "why": each.why} for each in notes]

    details = {name: listed(getattr(swept, name)) for name in ("left_alone", "failed")}
    return {
        "steps": list(sweeping.swept),
        "counts": _counts(swept),
        "by_case": swept.by_case,
        _restarted(swept): listed(swept.restarted),
        **details,
        "paused": list(sweeping.paused),
        "cursor": swept.cursor,
        "complete": swept.complete and not sweeping.paused,
    }


def _tell(sweeping: Sweeping) -> None:
    swept = _total(sweeping)
    console().print(outcome_table(_counts(swept)))
    restarted = _restarted(swept).replace("_", " ")
    for case, number in swept.by_case.items() if swept.dry_run else ():
        say(f"{restarted}: {number:,} {plain(case)}")
    for what, notes in ((restarted, swept.restarted), ("failed", swept.failed)):
        for each in notes:
            say(f"{plain(each.task_id)}: {what}: {plain(each.why)}")
    if sweeping.left:
        say(f"Not looked at: {', '.join(each.name for each in sweeping.left)}.")
    if swept.cursor is not None:
        say(f"There may be more: --cursor {quote(plain(swept.cursor))}")
