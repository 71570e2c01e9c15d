"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._version import __version__
from . import init, local
from .completing import task_ids
from .environment import Account
from .options import Chosen, How, KnownTaskId, StepNames, command
from .quick import QuickGroup
from .scope import opened_scope, opened_scopes
from .target import Target

app = typer.Typer(
    cls=QuickGroup,
    help="Look at tracked tasks and operate on them.\n\n"
    "Exit codes: 0 all is done, 1 not all or nothing was done or found, 2 the command cannot be used like that, "
    "3 AWS or the database refuses or cannot be reached, 4 tasks failed while watch watched, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

TaskIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TASK_ID]...", help="Tasks; or give a filter.", autocompletion=task_ids),
]


def only(named: list[str]) -> None:
    """Forget all commands but the named one, where there is such a one: typer makes each, which takes a while."""
    wanted = [each for each in app.registered_commands if each.callback and [each.callback.__name__] == named]
    app.registered_commands = wanted or app.registered_commands


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
def stats(target: Target, step: StepNames = None) -> None:
    """How many tasks have each status, for how long the oldest has had it, and when the rest will be done."""
    from . import stats as module  # noqa: PLC0415  # each command imports what it needs: the others start sooner

    with opened_scopes(target, step) as scopes:
        module.stats(scopes, json=target.json)


@command(app)
def ls(
    chosen: Chosen,
    target: Target,
    step: StepNames = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 20,
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest first, not the newest.")] = False,
    cursor: Annotated[str | None, typer.Option(help="Where an earlier list stopped.")] = None,
) -> None:
    """List tasks; by default the newest of every status. By error, failed and ignored ones come first."""
    from . import listing  # noqa: PLC0415

    with opened_scopes(target, step) as scopes:
        listing.ls(scopes, chosen, json=target.json, limit=limit, oldest=oldest, cursor=cursor)


@command(app)
def show(target: Target, task_id: KnownTaskId) -> None:
    """One task in full: its failures, what people did to it, its data."""
    from . import listing  # noqa: PLC0415

    with opened_scope(target) as scope:
        listing.show(scope, task_id, json=target.json)


@command(app)
def create(
    target: Target,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[TASK_ID]...", help="New tasks; or give a file.")] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help='In each line an id, or {"id": …, "data": …}; - for standard input.',
        ),
    ] = None,
    dispatch: Annotated[
        bool, typer.Option("--dispatch", help="Start the work too, also of those that are pending already.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check what is given; ask nothing.")] = False,
) -> None:
    """Create tasks; those that exist are left as they are."""
    from . import creating  # noqa: PLC0415

    creating.create(ids or [], source, target, dispatch=dispatch, dry_run=dry_run)


@command(app)
def rerun(chosen: Chosen, how: How, target: Target, step: StepNames = None, ids: TaskIds = None) -> None:
    """Run tasks again, from pending, whatever became of them. By filter: failed and ignored ones, unless said."""
    from . import acting  # noqa: PLC0415

    acting.act("rerun", ids or [], chosen, how, target, step)


@command(app)
def ignore(chosen: Chosen, how: How, target: Target, step: StepNames = None, ids: TaskIds = None) -> None:
    """Set tasks aside that are pending, failed or stuck. By filter: failed ones, unless said."""
    from . import acting  # noqa: PLC0415

    acting.act("ignore", ids or [], chosen, how, target, step)


@command(app)
def unignore(chosen: Chosen, how: How, target: Target, step: StepNames = None, ids: TaskIds = None) -> None:
    """Take ignored tasks back: they are pending again."""
    from . import acting  # noqa: PLC0415

    acting.act("unignore", ids or [], chosen, how, target, step)


@command(app)
def unlock(chosen: Chosen, how: How, target: Target, step: StepNames = None, ids: TaskIds = None) -> None:
    """Take the lock from workers that are known to be gone. By filter: tasks in progress, unless said."""
    from . import acting  # noqa: PLC0415

    acting.act("unlock", ids or [], chosen, how, target, step)


@command(app)
def cancel(chosen: Chosen, how: How, target: Target, step: StepNames = None, ids: TaskIds = None) -> None:
    """Set tasks aside whatever they are doing, and stop their runs. By filter: unfinished ones, unless said."""
    from . import acting  # noqa: PLC0415

    acting.act("cancel", ids or [], chosen, how, target, step)


@command(app)
def delete(
    chosen: Chosen,
    how: How,
    target: Target,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel tasks that a worker holds; called again later, they are deleted.")
    ] = False,
    step: StepNames = None,
    ids: TaskIds = None,
) -> None:
    """Delete tasks for good: what they were made from, their results, and themselves."""
    from . import acting  # noqa: PLC0415

    acting.act("delete", ids or [], chosen, how, target, step, cancel=cancel)


@command(app)
def pause(
    target: Target,
    reason: Annotated[str, typer.Option(help="Why; those that wait are told.")],
    step: Annotated[str | None, typer.Option(help="Only this step of the pipeline.")] = None,
    until: Annotated[str | None, typer.Option(help="When it goes on by itself: a time, or 2h from now.")] = None,
    by: Annotated[str | None, typer.Option(help="Who; by default the AWS identity, or this user.")] = None,
) -> None:
    """Have no more work begun on a pipeline; what is under way goes on to its end."""
    from . import pausing  # noqa: PLC0415

    pausing.pause(target, reason=reason, step=step, until=until, by=by)


@command(app)
def resume(
    target: Target,
    step: Annotated[str | None, typer.Option(help="Only the pause of this step.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; recorded.")] = None,
    by: Annotated[str | None, typer.Option(help="Who; by default the AWS identity, or this user.")] = None,
) -> None:
    """End the pauses of a pipeline."""
    from . import pausing  # noqa: PLC0415

    pausing.resume(target, reason=reason, step=step, by=by)


@command(app)
def watch(
    target: Target,
    step: StepNames = None,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.")] = 2.0,
    looks: Annotated[int | None, typer.Option(help="End after so many looks.")] = None,
) -> None:
    """The counts as they stand and what has changed, until Ctrl-C. Exits with 4 if tasks failed or were set aside."""
    from . import watching  # noqa: PLC0415

    with opened_scopes(target, step) as scopes:
        watching.watch(scopes, json=target.json, interval=interval, looks=looks)


@command(app)
def export(
    chosen: Chosen,
    target: Target,
    step: StepNames = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; by default standard output.")] = None,
    format: Annotated[  # noqa: A002  # the option's name
        str | None, typer.Option(help="csv or jsonl; by default by the file's name, else csv.")
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="Where an earlier export was interrupted.")] = None,
) -> None:
    """All tasks that match, as CSV or as JSON lines."""
    from . import exporting  # noqa: PLC0415

    with opened_scopes(target, step) as scopes:
        exporting.export(scopes, chosen, json=target.json, output=output, format=format, cursor=cursor)


@command(app)
def sweep(
    target: Target,
    step: StepNames = None,
    limit: Annotated[int, typer.Option(help="Restart at most so many.")] = 100,
    pending_after: Annotated[str, typer.Option(help="Leave a pending task alone for so long.")] = "5m",
    by: Annotated[str | None, typer.Option(help="Who; by default the AWS identity, or this user.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where an earlier sweep stopped.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be restarted; change nothing.")] = False,
) -> None:
    """Have tasks worked on again that are stuck, due or pending, and that nothing works on."""
    from . import sweeping  # noqa: PLC0415

    sweeping.sweep_once(target, step, limit=limit, pending_after=pending_after, by=by, cursor=cursor, dry_run=dry_run)


@command(app)
def recount(
    target: Target,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only compare.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Count nothing: rely no more on counts that nothing keeps any more.")
    ] = False,
) -> None:
    """Count all tasks of a pipeline, and correct the counts that are kept with every change."""
    from . import recounting  # noqa: PLC0415

    if forget:
        recounting.forget(target, dry_run=dry_run)
    else:
        recounting.recount_once(target, dry_run=dry_run)


@command(app)
def verify(
    target: Target,
    timeout: Annotated[str, typer.Option(help="How long the samples may take; the rerun as long again.")] = "10m",
    by: Annotated[str | None, typer.Option(help="Who; by default the AWS identity, or this user.")] = None,
) -> None:
    """Prove that a deployed pipeline works, with samples of its own, which are deleted afterwards."""
    from . import verifying  # noqa: PLC0415

    verifying.verify(target, timeout=timeout, by=by)


@command(app)
def env(
    account: Account,
    stack: Annotated[str, typer.Argument(help="The name of a deployed stack with a tracker.")],
    use_case: Annotated[str | None, typer.Option(help="Which tracker, where the stack has several.")] = None,
) -> None:
    """Print the variables with which to work on a deployed stack, for eval in a shell."""
    from . import environment  # noqa: PLC0415

    environment.tell(stack, account, use_case=use_case)


command(app, allow_interspersed_args=False)(local.local)
command(app)(init.init)
