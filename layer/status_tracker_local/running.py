"""``status-tracker local``: an app deployed to a local cloud, kept up or for the time of one command."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from status_tracker_local.account import forget_other_accounts
from status_tracker_local.cloud import LocalCloud
from status_tracker_local.deployment import App
from status_tracker_local.errors import LocalCloudError
from status_tracker_local.once import run_once
from status_tracker_local.up import Trackers, run_up

EXIT_FAILED = 1


class Wanted(NamedTuple):
    """What to do with the app once it is deployed.

    Attributes:
        once: whether to end then, after `command` if there is one, rather than to stay up.
        command: the program and its arguments.
    """

    once: bool
    command: Sequence[str]


def run_local(app: App, state: Path, wanted: Wanted, trackers: Trackers) -> int:
    """Deploy, and do what is wanted; returns the exit code, of the command if there is one."""
    forget_other_accounts()
    try:
        with LocalCloud(state=state, say=with_seconds()) as cloud:
            if wanted.once:
                return run_once(cloud, app, wanted.command, trackers)
            return run_up(cloud, app, trackers)
    except LocalCloudError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED


def with_seconds() -> Callable[[str], None]:
    """Prints what is being done, with the seconds since now, apart from the output."""
    begin = time.monotonic()
    return lambda line: print(f"{time.monotonic() - begin:5.1f} s  {line}", file=sys.stderr, flush=True)
