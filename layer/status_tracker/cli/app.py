"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._version import __version__
from ..operations.actions import Action
from . import acting, environment, init, listing, local, recounting, sweeping, verifying, watching
from .acting import How
from .environment import Account
from .options import Chosen, command
from .target import Target

app = typer.Typer(
    help="Look at tracked tasks and operate on them.\n\n"
    "Exit codes: 0 all is done, 1 not all or nothing was done or found, 2 the command cannot be used like that, "
    "3 AWS or the database refuses or cannot be reached, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

TaskIds = Annotated[list[str] | None, typer.Argument(metavar="[TASK_ID]...", help="Tasks; or give a filter.")]


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version.")
    ] = False,
) -> None:
    del version


@command(app)
def stats(target: Target) -> None:
    """How many tasks have each status, and for how long the oldest has had it."""
    with target.opened() as step:
        listing.stats(step, json=target.json)


@command(app)
def ls(
    chosen: Chosen,
    target: Target,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 20,
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest first, not the newest.")] = False,
    cursor: Annotated[str | None, typer.Option(help="Where an earlier list stopped.")] = None,
) -> None:
    """List tasks; by default the newest of every status of the step."""
    with target.opened() as step:
        pipeline = target.given_pipeline()
        listing.ls(step, chosen, pipeline, json=target.json, limit=limit, oldest=oldest, cursor=cursor)


@command(app)
def show(target: Target, task_id: Annotated[str, typer.Argument(help="The task.")]) -> None:
    """One task in full: its failures, what people did to it, its data."""
    with target.opened() as step:
        listing.show(step, task_id, target.given_pipeline(), json=target.json)


@command(app)
def rerun(chosen: Chosen, how: How, target: Target, ids: TaskIds = None) -> None:
    """Run tasks again, from pending, whatever became of them. By filter: failed and ignored ones, unless said."""
    acting.act(Action.RERUN, ids or [], chosen, how, target)


@command(app)
def ignore(chosen: Chosen, how: How, target: Target, ids: TaskIds = None) -> None:
    """Set tasks aside that are pending, failed or stuck. By filter: failed ones, unless said."""
    acting.act(Action.IGNORE, ids or [], chosen, how, target)


@command(app)
def unignore(chosen: Chosen, how: How, target: Target, ids: TaskIds = None) -> None:
    """Take ignored tasks back: they are pending again."""
    acting.act(Action.UNIGNORE, ids or [], chosen, how, target)


@command(app)
def unlock(chosen: Chosen, how: How, target: Target, ids: TaskIds = None) -> None:
    """Take the lock from workers that are known to be gone. By filter: tasks in progress, unless said."""
    acting.act(Action.UNLOCK, ids or [], chosen, how, target)


@command(app)
def watch(
    target: Target,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.")] = 2.0,
    looks: Annotated[int | None, typer.Option(help="End after so many looks.")] = None,
) -> None:
    """The counts as they stand and what has changed, until Ctrl-C."""
    with target.opened() as step:
        watching.watch(step, json=target.json, interval=interval, looks=looks)


@command(app)
def export(
    chosen: Chosen,
    target: Target,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; by default standard output.")] = None,
    format: Annotated[  # noqa: A002  # the option's name
        str | None, typer.Option(help="csv or jsonl; by default by the file's name, else csv.")
    ] = None,
) -> None:
    """All tasks that match, as CSV or as JSON lines."""
    with target.opened() as step:
        listing.export(step, chosen, json=target.json, output=output, format=format)


@command(app)
def sweep(
    target: Target,
    limit: Annotated[int, typer.Option(help="Restart at most so many.")] = 100,
    pending_after: Annotated[str, typer.Option(help="Leave a pending task alone for so long.")] = "5m",
    by: Annotated[str | None, typer.Option(help="Who; by default the AWS identity, or this user.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where an earlier sweep stopped.")] = None,
) -> None:
    """Have tasks worked on again that are stuck, due or pending, and that nothing works on."""
    sweeping.sweep_once(target, limit=limit, pending_after=pending_after, by=by, cursor=cursor)


@command(app)
def recount(
    target: Target,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only compare.")] = False,
) -> None:
    """Count all tasks of a pipeline, and correct the counts that are kept with every change."""
    recounting.recount_once(target, dry_run=dry_run)


@command(app)
def verify(
    target: Target,
    timeout: Annotated[str, typer.Option(help="How long the samples may take; the rerun as long again.")] = "10m",
    by: Annotated[str | None, typer.Option(help="Who; by default the AWS identity, or this user.")] = None,
) -> None:
    """Prove that a deployed pipeline works, with samples of its own, which are deleted afterwards."""
    verifying.verify(target, timeout=timeout, by=by)


@command(app)
def env(
    account: Account,
    stack: Annotated[str, typer.Argument(help="The name of a deployed stack with a tracker.")],
    use_case: Annotated[str | None, typer.Option(help="Which tracker, where the stack has several.")] = None,
) -> None:
    """Print the variables with which to work on a deployed stack, for eval in a shell."""
    environment.tell(stack, account, use_case=use_case)


command(app, allow_interspersed_args=False)(local.local)
command(app)(init.init)
