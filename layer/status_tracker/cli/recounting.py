"""`recount`: compares the counts that are kept with the tasks, and corrects them."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ..operations.counts import Recount, disown_counts, recount
from ..operations.pipeline import Pipeline
from .display import console, differences_table, print_json
from .errors import Code, WrongUsageError
from .progress import Reading
from .target import Target
from .text import say


def recount_once(target: Target, *, dry_run: bool) -> None:
    """One recount, and its result.

    Raises:
        ValueError: no counts are kept.
        typer.Exit: the counts are not exact.
    """
    pipeline = target.pipeline()
    with Reading(f"Recounting the tasks of {pipeline.use_case_id}") as reading:
        result = recount(pipeline, correct=not dry_run, progress=lambda number: reading.look(_how_far(number)))
    if target.json:
        print_json({**asdict(result), "differences": result.differences, "drift": result.drift})
    else:
        console().print(differences_table(_names(pipeline, result), result.kept, result.counted))
    say(_told(result, dry_run=dry_run))
    if not result.exact:
        raise typer.Exit(Code.NOT_ALL)


def forget(target: Target, *, dry_run: bool) -> None:
    """Have counts not be relied on that nothing keeps any more, until the next recount.

    Raises:
        WrongUsageError: it is only to be compared.
    """
    if dry_run:
        raise WrongUsageError("--forget and --dry-run are given: give one of them.")
    relied_on = disown_counts(target.pipeline())
    if target.json:
        print_json({"forgotten": relied_on})
    say("The kept counts are not relied on any more, until a recount." if relied_on else "There is nothing to forget.")


def _how_far(number: int) -> str:
    return f"{number:,} counted by the index" if number else "waiting until all that was written has been read"


def _names(pipeline: Pipeline, result: Recount) -> dict[int, str]:
    codes = sorted(result.counted)
    return {code: ", ".join(f"{each.step} {each.status}" for each in pipeline.meanings(code)) for code in codes}


def _told(result: Recount, *, dry_run: bool) -> str:
    """What it means, and what is to be done."""
    if result.exact and result.corrected:
        return "The counts are exact now." if result.differences else "The counts are exact."
    if result.changes_meanwhile:
        done = "The counts were corrected up to that" if result.corrected else "The counts were left as they are"
        return (
            f"{result.changes_meanwhile:,} changes were counted meanwhile, and each may be in one of the two columns "
            f"only. {done}. Pause the pipeline, wait until no task is in progress, and recount again."
        )
    if not dry_run:
        return "The counts were left as they are, since they were being changed at each try: recount again."
    if result.differences:
        return "The counts differ from the tasks: recount without --dry-run corrects them."
    agree = "The counts agree with the tasks"
    return f"{agree}." if result.exact else f"{agree}: recount without --dry-run makes them exact."
