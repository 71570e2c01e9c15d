"""The PostgreSQL server of the tests goes with the process that asked for it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tests.support.postgres import fresh_database

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60
# Runs a server, tells its URL and its folder, and waits.
PARENT = """
import time
from sqlalchemy import create_engine, text
from tests.support.postgres import run_postgres
with run_postgres() as url, create_engine(url).connect() as connection:
    print(url, connection.execute(text("SHOW data_directory")).scalar_one(), flush=True)
    time.sleep(600)
"""


@pytest.mark.usefixtures("postgres_url")  # for what is to be done where PostgreSQL is missing
def test_a_killed_process_leaves_neither_server_nor_folder() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE) as parent:  # noqa: S603
        assert parent.stdout is not None
        url, data = parent.stdout.readline().decode().split()
        folder = Path(data).parent
        assert folder.exists()
        parent.kill()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while folder.exists():
        assert time.monotonic() < deadline, f"{folder} is still there"
        time.sleep(0.05)
    with pytest.raises(OperationalError, match="refused"):
        create_engine(url).connect()


def test_a_database_is_empty_at_first_and_gone_at_the_end(postgres_url: str) -> None:
    server = create_engine(postgres_url, poolclass=NullPool)
    with fresh_database(postgres_url) as url:
        name = make_url(url).database
        with create_engine(url, poolclass=NullPool).connect() as connection:
            tables = connection.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
            assert tables.scalar_one() == 0
    with server.connect() as connection:
        found = connection.execute(text("SELECT count(*) FROM pg_database WHERE datname = :name"), {"name": name})
        assert found.scalar_one() == 0
