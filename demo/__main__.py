"""``python -m demo [--docs PATH] [--report FILE]``: a folder of documents through the whole application, here."""

import argparse
import sys
from pathlib import Path

from status_tracker_local.interrupts import until_interrupted

EXIT_FAILED = 1
EXIT_BAD_ARGUMENTS = 2


def main() -> int:
    """Run the demo; returns its exit code."""
    arguments = _arguments()
    return until_interrupted(lambda: _run(arguments))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description="The documents application on this machine.")
    parser.add_argument(
        "--state", type=Path, default=Path(".local"), help="the folder for logs and what is synthesized (%(default)s)"
    )
    parser.add_argument("--docs", type=_folder, default=Path("samples/documents"), help="the folder (%(default)s)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="a file for a report on every document, as JSON")
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
    from demo.running import find_documents, run_demo  # noqa: PLC0415
    from status_tracker_local.account import forget_other_accounts  # noqa: PLC0415
    from status_tracker_local.cloud import LocalCloud  # noqa: PLC0415
    from status_tracker_local.errors import LocalCloudError  # noqa: PLC0415
    from status_tracker_local.running import with_seconds  # noqa: PLC0415

    try:
        found = find_documents(arguments.docs)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_ARGUMENTS
    forget_other_accounts()
    try:
        with LocalCloud(state=arguments.state, say=with_seconds()) as cloud:
            return run_demo(cloud, found, arguments.report)
    except LocalCloudError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
