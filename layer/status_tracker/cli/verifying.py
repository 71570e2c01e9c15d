"""`verify`: proves that a deployed pipeline works, from the outside, and leaves it as it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from ..operations.acceptance import Acceptance, Check
from ..operations.samples import DoesNotHoldError, Probe
from .callers import caller
from .display import checks_table, narrow_console, print_json
from .errors import Code, WrongUsageError, explained
from .target import Target
from .text import plain, say
from .times import parse_age


def verify(target: Target, *, timeout: str, by: str | None) -> None:
    """Make the checks, delete what they made, show what holds.

    Raises:
        WrongUsageError, ValueError: the options name no pipeline, or one without samples; nothing was done.
        typer.Exit: something does not hold, or it was interrupted.
    """
    patience = parse_age(timeout)
    if patience is None or not patience:
        raise WrongUsageError(f"--timeout is {timeout!r}: give a duration such as 90s, 10m or 1h.")
    pipeline = target.pipeline()
    acceptance = Acceptance(
        pipeline,
        patience=patience.total_seconds(),
        by=by or caller(target),
        probes=[Probe("command", lambda good: _shown(target, good()))],
        explain=explained,
    )
    if not target.json:
        say(f"Verifying {plain(pipeline.use_case_id)} under {acceptance.prefix}; Ctrl-C deletes what was made.")
    checks: list[Check] = []
    with _termination_as_interrupt():
        interrupted = _make(acceptance, checks, quiet=target.json)
    _tell(checks, target, interrupted=interrupted)
    if interrupted:
        raise typer.Exit(Code.INTERRUPTED)
    if any(check.holds is False for check in checks):
        raise typer.Exit(Code.NOT_ALL)


def _make(acceptance: Acceptance, checks: list[Check], *, quiet: bool) -> bool:
    """Make all checks, then clean; returns whether it was interrupted."""

    def add(check: Check) -> None:
        checks.append(check)
        if not quiet:
            say(f"{check.seconds:6.1f} s  {plain(check.name)}: {_verdict(check)}")

    interrupted = False
    try:
        for check in acceptance.checks():
            add(check)
    except KeyboardInterrupt:
        interrupted = True
        say("Interrupted: deleting what was made.")
    try:
        add(acceptance.clean())
    except KeyboardInterrupt:
        interrupted = True
        say(f"Interrupted again: what is under {acceptance.prefix} may be left, objects, results and tasks.")
    return interrupted


def _verdict(check: Check) -> str:
    return {True: "holds", False: "does not hold", None: "nothing to check"}[check.holds]


def _tell(checks: list[Check], target: Target, *, interrupted: bool) -> None:
    if target.json:
        holds = not interrupted and all(check.holds is not False for check in checks)
        print_json({"checks": [vars(check) for check in checks], "holds": holds, "interrupted": interrupted})
        return
    narrow_console().print(checks_table([(c.name, c.holds, c.seconds, plain(c.told)) for c in checks]))
    held, made = sum(c.holds is True for c in checks), sum(c.holds is not None for c in checks)
    say(f"{held} of {made} checks hold.")


def _shown(target: Target, task: Any) -> str:
    """What this command, started anew, says of the task."""
    options = ["--task", target.task, *(["--table", target.table] if target.table else [])]
    command = [sys.executable, "-m", "status_tracker.cli", "show", task.task_id, "--json", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # this very command
    if done.returncode:
        raise DoesNotHoldError(f"status-tracker show ended with {done.returncode}: {done.stderr.strip()}")
    shown = json.loads(done.stdout)
    if shown["task_id"] != task.task_id or shown["status_code"] != task.status:
        raise DoesNotHoldError(f"status-tracker show gave {shown['task_id']}, status {shown['status_code']}")
    return "status-tracker show tells the same of it"


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Clean up also where a script or a CI job is stopped."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
