"""`local`: a CDK app in the local cloud, without an AWS account."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .environment import trackers
from .errors import WrongUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from status_tracker_local.cloud import LocalCloud


def local(
    app: Annotated[Path, typer.Option(help="The folder of the CDK app, with its cdk.json.")] = Path(),
    once: Annotated[
        bool, typer.Option("--once", help="End when it is deployed, or when COMMAND has ended, with its exit code.")
    ] = False,
    context: Annotated[
        list[str] | None, typer.Option("--context", "-c", metavar="NAME=VALUE", help="Context for the app.")
    ] = None,
    state: Annotated[Path | None, typer.Option(help="For logs and what is synthesized; by default APP/.local.")] = None,
    stack: Annotated[list[str] | None, typer.Option(help="Only this stack, and those that it needs.")] = None,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND]...", help="With --once: run in the environment of the cloud."),
    ] = None,
) -> None:
    """Run a CDK app on this machine, until Ctrl-C; deploy it again when its files change."""
    if command and not once:
        raise WrongUsageError(f"{command[0]!r} is for --once: give that before it, or leave it out.")
    try:
        from status_tracker_local.interrupts import until_interrupted  # noqa: PLC0415  # the extra may be missing
    except ImportError as error:
        raise WrongUsageError(str(error)) from error

    folder = app.expanduser().resolve()
    given = _pairs(context or [])

    def run() -> int:
        # Imported here, so that an interrupt during these slow imports is answered like every other.
        from status_tracker_local.deployment import App  # noqa: PLC0415
        from status_tracker_local.running import Wanted, run_local  # noqa: PLC0415

        wanted = Wanted(once, command or [])
        return run_local(App(folder, given, stack or ()), state or folder / ".local", wanted, _trackers)

    raise typer.Exit(until_interrupted(run, ctrl_c_is_the_end=not once))


def _pairs(context: list[str]) -> dict[str, str]:
    for each in context:
        if not each.partition("=")[0] or "=" not in each:
            raise WrongUsageError(f"--context is {each!r}: give a name and a value, such as stage=local.")
    return dict(each.split("=", 1) for each in context)


def _trackers(cloud: LocalCloud) -> dict[str, Mapping[str, str]]:
    """The variables of each deployed tracker, by the command that prints them."""
    cloudformation, functions = cloud.client("cloudformation"), cloud.client("lambda")
    return {
        f"status-tracker env {stack} --use-case {shlex.quote(use_case)}": {**variables, "STATUS_TRACKER_STACK": stack}
        for stack in cloud.outputs
        for use_case, variables in trackers(stack, cloudformation, functions).items()
    }
