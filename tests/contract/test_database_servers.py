"""The database servers of the tests go with the process that asked for them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, create_engine, inspect
from sqlalchemy.exc import OperationalError

from tests.support.mariadb import fresh_schema
from tests.support.postgres import fresh_database

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60
# Runs a server, tells its URL and its folder, and waits.
PARENT = """
import time
from sqlalchemy import create_engine, text
from tests.support.{module} import run_{module}
with run_{module}() as url, create_engine(url).connect() as connection:
    print(url, connection.execute(text("{folder}")).scalar_one(), flush=True)
    time.sleep(600)
"""


FOLDERS = {"postgres": "SHOW data_directory", "mariadb": "SELECT @@datadir"}


@pytest.mark.parametrize("module", FOLDERS)
def test_a_killed_process_leaves_neither_server_nor_folder(request: pytest.FixtureRequest, module: str) -> None:
    request.getfixturevalue(f"{module}_url")  # for what is to be done where the server is missing
    program = PARENT.format(module=module, folder=FOLDERS[module])
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) as parent:  # noqa: S603
        assert parent.stdout is not None
        url, data = parent.stdout.readline().decode().split()
        folder = Path(data).parent
        assert folder.exists()
        parent.kill()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while folder.exists():
        assert time.monotonic() < deadline, f"{folder} is still there"
        time.sleep(0.05)
    with closing_engine(url) as engine, pytest.raises(OperationalError, match="refused"):
        engine.connect()


@contextmanager
def closing_engine(url: str) -> Iterator[Engine]:
    """An engine that keeps no connection."""
    engine = create_engine(url, poolclass=NullPool)
    yield engine
    engine.dispose()


@pytest.mark.parametrize(("module", "fresh"), [("postgres", fresh_database), ("mariadb", fresh_schema)])
def test_a_database_is_empty_at_first_and_gone_at_the_end(
    request: pytest.FixtureRequest, module: str, fresh: Callable[[str], AbstractContextManager[str]]
) -> None:
    server_url = request.getfixturevalue(f"{module}_url")
    with fresh(server_url) as url, closing_engine(url) as engine:
        assert inspect(engine).get_table_names() == []
    with closing_engine(url) as gone, pytest.raises(OperationalError, match=r"does not exist|Unknown database"):
        gone.connect()
