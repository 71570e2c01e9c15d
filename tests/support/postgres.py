"""A PostgreSQL server of the tests' own, for as long as a `with` block lasts; nothing of it is left behind."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import NullPool, create_engine, make_url, text

_DEBIAN = Path("/usr/lib/postgresql")
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    # Far from UTC, and not by whole hours: a time that loses its zone on the way is seen.
    "timezone": "Asia/Kathmandu",
}
# Runs the server until its standard input closes: we close it, or it closes with our death, in whatever way we die.
# The server is asked first to stop, then told to, then killed.
_KEEPER = """
trap '' HUP INT TERM PIPE
exec 2>>log
start() {
  "$programs/initdb" --pgdata data --username postgres --auth trust --no-locale --encoding UTF8 --no-sync || return
  "$programs/postgres" -D data "$@" &
  while kill -0 "$!"; do
    grep -qsx 'ready *' data/postmaster.pid && return
    sleep 0.1
  done
  return 1
}
stop() { "$programs/pg_ctl" stop --pgdata data --silent --timeout 10 --mode "$1" >&2; }
if start "$@" >&2; then echo ready; else echo failed; fi
read -r _
if [ -e data/postmaster.pid ]; then stop fast || stop immediate || kill -KILL "$!"; fi
wait
rm -rf "$PWD"
"""


class PostgresMissingError(Exception):
    """PostgreSQL cannot run on this machine; the message says what to install."""


def find_programs() -> Path:
    """The folder of `initdb` and `pg_ctl`. Raises `PostgresMissingError` where they are not installed."""
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise PostgresMissingError(
            f"PostgreSQL is not installed: `initdb` is neither on the PATH nor in {_DEBIAN}/*/bin. "
            "Install it, on Debian with `apt install postgresql`."
        )
    return found[-1].parent


@contextmanager
def run_postgres() -> Iterator[str]:
    """The SQLAlchemy URL of a fresh server. Raises `PostgresMissingError` where it is not installed."""
    programs = find_programs()
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        keeper = _start(programs, Path(folder), port)
        try:
            _wait_until_it_listens(keeper, Path(folder, "log"))
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            # A line, because a child that a test has forked may hold the input open.
            keeper.communicate(b"stop\n")


@contextmanager
def fresh_database(url: str) -> Iterator[str]:
    """The URL of a new, empty database in the server of `url`; it is dropped at the end, whoever is still connected."""
    name = f"test_{uuid.uuid4().hex}"
    server = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def _start(programs: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    settings = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": port}.items()]
    user = _unprivileged_user() if os.geteuid() == 0 else None
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    return subprocess.Popen(  # noqa: S603  # the command is made here
        ["/bin/sh", "-c", _KEEPER, "keeper", *settings],
        cwd=folder,
        env={"PATH": os.defpath, "LC_ALL": "C", "programs": str(programs)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        start_new_session=True,
    )


def _wait_until_it_listens(keeper: subprocess.Popen[bytes], log: Path) -> None:
    assert keeper.stdout is not None
    if keeper.stdout.readline() != b"ready\n":
        raise RuntimeError(f"PostgreSQL did not start. Its log ends with:\n{log.read_text(errors='replace')[-4000:]}")


def _unprivileged_user() -> pwd.struct_passwd:
    """Whom the server runs as when we are root, which it refuses: Debian's own user for it, else nobody."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
