"""Runs a server of the tests' own, for as long as a `with` block lasts; nothing of it is left behind."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

# Runs the server until its standard input closes: we close it, or it closes with our death, in whatever way we die.
# `start` leaves the server's process in $!; `stop` asks first, and insists in the end.
_KEEPER = """
trap '' HUP INT TERM PIPE
exec 2>>log
{script}
if start "$@" >&2; then echo ready; else echo failed; fi
read -r _
if kill -0 "$!" 2>/dev/null; then stop "$!" >&2 || kill -KILL "$!"; fi
wait
rm -rf "$PWD"
"""


@contextmanager
def run_server(
    name: str, script: str, arguments: Sequence[str], environment: Mapping[str, str], user: str
) -> Iterator[None]:
    """A server in a folder of its own.

    Args:
        name: for the folder, and for the error if the server does not start.
        script: the functions `start` and `stop` of a shell, with what runs and ends the server.
        arguments: those of `start`.
        user: whom the server runs as where we are root, which it refuses.
    """
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
        keeper = _start(script, Path(folder), arguments, environment, user)
        try:
            _wait_until_it_listens(name, keeper, Path(folder, "log"))
            yield
        finally:
            # A line, because a child that a test has forked may hold the input open.
            keeper.communicate(b"stop\n")


@contextmanager
def run_on_a_free_port(
    name: str, script: str, settings: Mapping[str, str], environment: Mapping[str, str], user: str
) -> Iterator[int]:
    """As `run_server`, with the settings and a port as its arguments; the port.

    Somebody else may take one before the server does: three are tried.
    """
    with ExitStack() as stack:
        for left in (2, 1, 0):
            port = free_port()
            arguments = [f"--{each}={value}" for each, value in {**settings, "port": str(port)}.items()]
            try:
                stack.enter_context(run_server(name, script, arguments, environment, user))
            except RuntimeError:
                if not left:
                    raise
            else:
                break
        yield port


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(
    script: str, folder: Path, arguments: Sequence[str], environment: Mapping[str, str], name: str
) -> subprocess.Popen[bytes]:
    user = _unprivileged_user(name) if os.geteuid() == 0 else None
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    return subprocess.Popen(  # noqa: S603  # the command is made here
        ["/bin/sh", "-c", _KEEPER.format(script=script), "keeper", *arguments],
        cwd=folder,
        env={"PATH": os.defpath, "LC_ALL": "C", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        start_new_session=True,
    )


def _wait_until_it_listens(name: str, keeper: subprocess.Popen[bytes], log: Path) -> None:
    assert keeper.stdout is not None
    if keeper.stdout.readline() != b"ready\n":
        raise RuntimeError(f"{name} did not start. Its log ends with:\n{log.read_text(errors='replace')[-4000:]}")


def _unprivileged_user(name: str) -> pwd.struct_passwd:
    """Debian's own user for the server, else nobody."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return pwd.getpwnam("nobody")
