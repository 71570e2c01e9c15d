"""The local cloud for the time of one command, as in CI."""

import os
import subprocess
import sys
from collections.abc import Sequence

from status_tracker_local.cloud import LocalCloud
from status_tracker_local.deployment import App
from status_tracker_local.up import Trackers, left_out, the_only_one

EXIT_DONE = 0
EXIT_NOT_FOUND = 127
_PATIENCE_SECONDS = 10.0


def run_once(cloud: LocalCloud, app: App, command: Sequence[str], trackers: Trackers) -> int:
    """Deploy, and run the command in the environment of the cloud.

    Returns:
        The command's exit code, 128 and the signal's number if one has ended it; 0 without a command.
    """
    cloud.deploy(app)
    for line in left_out(cloud):
        print(line, file=sys.stderr, flush=True)
    if not command:
        return EXIT_DONE
    environment = {**os.environ, **cloud.environment, **the_only_one(trackers(cloud))}
    try:
        process = subprocess.Popen(command, env=environment)  # noqa: S603 - the user's own command
    except OSError as error:
        print(f"{command[0]} cannot be run: {error.strerror}", file=sys.stderr)
        return EXIT_NOT_FOUND
    try:
        code = process.wait()
    finally:
        _end(process)
    return code if code >= 0 else 128 - code


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End it politely if it still runs, so that it can clean up."""
    process.terminate()
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
