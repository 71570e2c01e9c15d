"""A MariaDB server of the tests' own, for as long as a `with` block lasts; nothing of it is left behind."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import NullPool, create_engine, make_url, text

from tests.support.servers import run_on_a_free_port

_PLACES = f"/usr/local/sbin:/usr/sbin:/usr/libexec:{os.environ.get('PATH', os.defpath)}"
_SETTINGS = {
    "bind-address": "127.0.0.1",
    "socket": "socket",
    "innodb-flush-method": "nosync",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-doublewrite": "0",
    "innodb-log-file-size": "8M",
    "innodb-buffer-pool-size": "32M",
    "skip-name-resolve": "1",
    # Far from UTC, and not by whole hours: a time that loses its zone on the way is seen.
    "default-time-zone": "+05:45",
}
_SCRIPT = """
start() {
  "$install" --no-defaults --datadir="$PWD/data" --auth-root-authentication-method=normal --skip-test-db \
    --skip-name-resolve --innodb-log-file-size=8M --innodb-flush-method=nosync || return
  "$server" --no-defaults --datadir="$PWD/data" "$@" &
  while kill -0 "$!"; do
    grep -qs 'ready for connections' log && return
    sleep 0.1
  done
  return 1
}
stop() {
  kill -TERM "$1"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$1" 2>/dev/null || return 0; sleep 0.1; done
  done
  return 1
}
"""


class MariaDBMissingError(Exception):
    """MariaDB cannot run on this machine; the message says what to install."""


def find_programs() -> dict[str, str]:
    """The server, and what makes its folder. Raises `MariaDBMissingError` where they are not installed."""
    found = {
        "server": shutil.which("mariadbd", path=_PLACES),
        "install": shutil.which("mariadb-install-db", path=_PLACES),
    }
    programs = {name: str(Path(program).resolve()) for name, program in found.items() if program}
    if len(programs) < len(found):
        raise MariaDBMissingError(
            "MariaDB is not installed: `mariadbd` and `mariadb-install-db` are not on the PATH, nor in /usr/sbin. "
            "Install it, on Debian with `apt install mariadb-server-core mariadb-client-core`."
        )
    return programs


@contextmanager
def run_mariadb() -> Iterator[str]:
    """The SQLAlchemy URL of a fresh server. Raises `MariaDBMissingError` where it is not installed."""
    with run_on_a_free_port("mariadb", _SCRIPT, _SETTINGS, find_programs(), "mysql") as port:
        yield f"mysql+pymysql://root@127.0.0.1:{port}/mysql"


@contextmanager
def fresh_schema(url: str) -> Iterator[str]:
    """The URL of a new, empty database in the server of `url`; it is dropped at the end."""
    name = f"test_{uuid.uuid4().hex}"
    server = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}"))
