"""A PostgreSQL server of the tests' own, for as long as a `with` block lasts; nothing of it is left behind."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import NullPool, create_engine, make_url, text

from tests.support.servers import run_on_a_free_port

_DEBIAN = Path("/usr/lib/postgresql")
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "300",
    # Far from UTC, and not by whole hours: a time that loses its zone on the way is seen.
    "timezone": "Asia/Kathmandu",
}
# The server is asked first to stop, then told to.
_SCRIPT = """
start() {
  "$programs/initdb" --pgdata data --username postgres --auth trust --no-locale --encoding UTF8 --no-sync || return
  "$programs/postgres" -D data "$@" &
  while kill -0 "$!"; do
    grep -qsx 'ready *' data/postmaster.pid && return
    sleep 0.1
  done
  return 1
}
told() { "$programs/pg_ctl" stop --pgdata data --silent --timeout 10 --mode "$1"; }
stop() { told fast || told immediate; }
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
    programs = {"programs": str(find_programs())}
    with run_on_a_free_port("postgres", _SCRIPT, _SETTINGS, programs, "postgres") as port:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"


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
