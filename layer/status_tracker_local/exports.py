"""The file with the variables of a running local cloud, for other terminals to source.

``python -m status_tracker_local.exports`` prints it, for eval in a shell.
"""

import argparse
import fcntl
import os
import shlex
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from status_tracker_local.errors import LocalCloudError

_NAME = "env"
_COMMAND = "status-tracker"
_GOING_BEFORE = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
_OF_SERVICES = "$(env | sed -n '/^AWS_ENDPOINT_URL_/s/=.*//p')"
"""The names of the endpoints that single services have in a shell."""


def as_exports(variables: Mapping[str, str]) -> Iterator[str]:
    """The lines that set `variables` in a shell, and unset what would go before them."""
    yield f"unset {_OF_SERVICES} {' '.join(_GOING_BEFORE)}"
    for name, value in variables.items():
        yield f"export {name}={shlex.quote(value)}"


def leading_to_this_command() -> Iterator[str]:
    """The lines by which another shell finds the command `status-tracker` and the code that it imports as this one."""
    if paths := os.environ.get("PYTHONPATH"):
        absolute = os.pathsep.join(str(Path(each).resolve()) for each in paths.split(os.pathsep) if each)
        yield f"export PYTHONPATH={shlex.quote(absolute)}"
    if folder := _folder_of_this_command():
        yield f'export PATH={shlex.quote(str(folder))}:"$PATH"'


def _folder_of_this_command() -> Path | None:
    """Where the command lies that runs now, or that was installed with this Python; it need not be on the PATH."""
    places = [Path(sys.argv[0]), Path(sys.executable).parent / _COMMAND]
    if on_path := shutil.which(_COMMAND):
        places.append(Path(on_path))
    return next((each.absolute().parent for each in places if each.name == _COMMAND and each.is_file()), None)


@contextmanager
def exports_file(state: Path, lines: Iterable[str]) -> Iterator[Path]:
    """A file with those lines, in the folder of the cloud, until the end of the block."""
    write_exports(state, lines)
    try:
        yield state.resolve() / _NAME
    finally:
        forget_exports(state)


def write_exports(state: Path, lines: Iterable[str]) -> None:
    """Put those lines in the file of the cloud in that folder, instead of those that it has."""
    new = state.resolve() / f"{_NAME}.new"
    new.write_text("".join(f"{line}\n" for line in lines))
    new.replace(state.resolve() / _NAME)


def read_exports(state: Path) -> str:
    """The lines of the cloud that is up in that folder.

    Raises:
        LocalCloudError: none is up, or it is not yet.
    """
    with suppress(FileNotFoundError):
        if _is_locked(state / "lock"):
            return (state / _NAME).read_text()
    raise LocalCloudError(
        f"No local cloud is up in {state.resolve()}: start one with `status-tracker local`, or `make cloud`, in "
        "another terminal, and try again when it says how to reach it."
    )


def leads_to_a_cloud(environment: Mapping[str, str]) -> bool:
    """Whether requests go by these variables to something else than AWS; on this machine, to something that answers."""
    endpoint = urlsplit(environment.get("AWS_ENDPOINT_URL", ""))
    if endpoint.hostname not in {"localhost", "127.0.0.1"}:
        return bool(endpoint.hostname)
    with suppress(OSError, ValueError), socket.create_connection((endpoint.hostname, endpoint.port or 80)):
        return True
    return False


def forget_exports(state: Path) -> None:
    """Remove what a cloud that was killed has left in that folder."""
    (state / _NAME).unlink(missing_ok=True)


def _is_locked(lock: Path) -> bool:
    """Whether a cloud holds the lock of its folder; one that was killed has left only its files."""
    with lock.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def main() -> int:
    """Print the variables of the cloud of the arguments; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m status_tracker_local.exports", description="The variables of the local cloud that is up."
    )
    parser.add_argument("--state", type=Path, default=Path(".local"), help="the folder of the cloud (%(default)s)")
    parser.add_argument(
        "--unless-led", action="store_true", help="print nothing if AWS_ENDPOINT_URL leads to a cloud that answers"
    )
    arguments = parser.parse_args()
    try:
        if not (arguments.unless_led and leads_to_a_cloud(os.environ)):
            sys.stdout.write(read_exports(arguments.state))
    except LocalCloudError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
