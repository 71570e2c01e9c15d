"""``python -m status_tracker_local COMMAND``: ``up``, ``env`` or ``demo [--docs PATH]``."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_ARGUMENTS = 2
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """Somebody wants us to stop.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.exit_code = 128 + number


def main() -> int:
    """Run a command; returns its exit code."""
    arguments = _arguments()
    for number in _STOP_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        return _run(arguments)
    except Interrupted as interruption:
        print("\nInterrupted: every process that was started has been stopped.", flush=True)
        is_the_way_to_stop = arguments.command == "up" and interruption.number == signal.SIGINT
        return EXIT_DONE if is_the_way_to_stop else interruption.exit_code


def _interrupt(number: int, _: FrameType | None) -> None:
    for each in _STOP_SIGNALS:
        signal.signal(each, _go_on_stopping)
    raise Interrupted(number)


def _go_on_stopping(*_: object) -> None:
    """An impatient second Ctrl-C must not keep us from stopping what we have started."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m status_tracker_local", description="The application on this machine."
    )
    parser.add_argument(
        "--state", type=Path, default=Path(".local"), help="the folder for logs and what is synthesized (%(default)s)"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="keep the local cloud up, deployed, until Ctrl-C")
    env = commands.add_parser("env", help="print the variables of the local cloud that is up, for eval in a shell")
    env.add_argument(
        "--unless-led", action="store_true", help="print nothing if AWS_ENDPOINT_URL leads to a cloud that answers"
    )
    demo = commands.add_parser("demo", help="send a folder of documents through the application")
    demo.add_argument("--docs", type=_folder, default=Path("samples/documents"), help="the folder (%(default)s)")
    return parser.parse_args()


def _folder(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; a folder of documents is wanted, such as samples/documents")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # ~nobody
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def _run(arguments: argparse.Namespace) -> int:
    # Imported here, so that an interrupt during these slow imports is answered like every other.
    from status_tracker_local.errors import LocalCloudError  # noqa: PLC0415

    try:
        return _print_exports(arguments) if arguments.command == "env" else _run_cloud(arguments)
    except LocalCloudError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED


def _print_exports(arguments: argparse.Namespace) -> int:
    from status_tracker_local.exports import leads_to_a_cloud, read_exports  # noqa: PLC0415

    if not (arguments.unless_led and leads_to_a_cloud(os.environ)):
        print(read_exports(arguments.state), end="")
    return EXIT_DONE


def _run_cloud(arguments: argparse.Namespace) -> int:
    from status_tracker_local.account import forget_other_accounts  # noqa: PLC0415
    from status_tracker_local.cloud import LocalCloud  # noqa: PLC0415
    from status_tracker_local.demo import find_documents, run_demo  # noqa: PLC0415
    from status_tracker_local.up import run_up  # noqa: PLC0415

    try:
        found = find_documents(arguments.docs) if arguments.command == "demo" else None
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_ARGUMENTS
    forget_other_accounts()
    with LocalCloud(state=arguments.state, say=_with_seconds()) as cloud:
        return run_demo(cloud, found) if found else run_up(cloud, arguments.state)


def _with_seconds() -> Callable[[str], None]:
    begin = time.monotonic()
    return lambda line: print(f"{time.monotonic() - begin:5.1f} s  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
