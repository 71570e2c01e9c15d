"""`sweep`: restarts tasks that nothing works on any more."""

from __future__ import annotations

from shlex import quote
from typing import Any

import typer

from ..operations.sweeping import WORKERS, sweep
from ..operations.swept import Noted, Swept
from .callers import caller
from .display import console, outcome_table, print_json
from .errors import Code, WrongUsageError
from .target import Target
from .text import plain, say
from .times import parse_age


def sweep_once(
    target: Target, *, limit: int, pending_after: str, by: str | None, cursor: str | None, dry_run: bool
) -> None:
    """One sweep, and its result."""
    wait = parse_age(pending_after)
    if wait is None:
        raise WrongUsageError(f"--pending-after is {pending_after!r}: give an age such as 90s, 5m or 2h.")
    with target.opened() as step:
        if not isinstance(step, type):
            raise WrongUsageError(f"{target.task} needs no sweep: workers find what waits or is stuck with start_next.")
        task_class: Any = step
        pipeline = target.given_pipeline()
        if pipeline is not None and (pause := pipeline.paused(pipeline.first.name)) is not None and not dry_run:
            raise WrongUsageError(
                f"{pipeline.first.name} is paused by {pause.by}: {pause.reason}. Resume it, or wait; see --dry-run."
            )
        swept = sweep(
            task_class,
            limit=limit,
            pending_after=wait,
            by=by or ("dry run" if dry_run else caller(target)),
            cursor=cursor,
            workers=WORKERS,
            dry_run=dry_run,
        )
    if target.json:
        print_json(_as_json(swept))
    else:
        _tell(swept)
    if swept.error is not None:
        raise swept.error
    if swept.failed:
        raise typer.Exit(Code.NOT_ALL)


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


def _as_json(swept: Swept) -> dict[str, Any]:
    def listed(notes: tuple[Noted, ...]) -> list[dict[str, str]]:
        return [{"task_id": each.task_id, "why": each.why} for each in notes]

    details = {name: listed(getattr(swept, name)) for name in ("left_alone", "failed")}
    return {
        "counts": _counts(swept),
        "by_case": swept.by_case,
        _restarted(swept): listed(swept.restarted),
        **details,
        "cursor": swept.cursor,
        "complete": swept.complete,
    }


def _tell(swept: Swept) -> None:
    console().print(outcome_table(_counts(swept)))
    restarted = _restarted(swept).replace("_", " ")
    for case, number in swept.by_case.items() if swept.dry_run else ():
        say(f"{restarted}: {number:,} {plain(case)}")
    for what, notes in ((restarted, swept.restarted), ("failed", swept.failed)):
        for each in notes:
            say(f"{plain(each.task_id)}: {what}: {plain(each.why)}")
    if swept.cursor is not None:
        say(f"There may be more: --cursor {quote(plain(swept.cursor))}")
