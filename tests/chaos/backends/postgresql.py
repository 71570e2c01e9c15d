"""PostgreSQL behind the proxy, which cuts connections, and ends the backends that serve them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tests.support.postgres import run_postgres

from ..journal import SkewedClock
from ..plan import Options
from ..proxy import proxied
from ..wires import Postgres
from .sql import Base, SqlBackend, dump_tables

_TRIGGER = """
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.lock IS NOT NULL AND NEW.fence IS NOT NULL THEN
    INSERT INTO leases (task, fence, locked, "end") VALUES
      (NEW.id, NEW.fence, extract(epoch FROM NEW.lock_at), extract(epoch FROM NEW.lock_expire_at));
    RAISE NOTICE 'acquired %% %% %%', NEW.id, NEW.fence, NEW.lock;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE OF lock, lock_expire_at ON tasks FOR EACH ROW EXECUTE FUNCTION tell();
"""


def make(options: Options, directory: Path, clock: SkewedClock) -> PostgresBackend:
    return PostgresBackend(options, directory, clock)


class PostgresBackend(SqlBackend):
    """A server of the run's own."""

    @contextmanager
    def serving(self) -> Iterator[None]:
        with run_postgres() as url:
            direct = sa.make_url(url)
            assert direct.port is not None
            server = sa.create_engine(direct, poolclass=sa.NullPool)
            Base.metadata.create_all(server)
            with server.begin() as connection:
                connection.exec_driver_sql(_TRIGGER)
            with proxied(self.options, Postgres, direct.port, self.directory) as port:
                # Plain, so that the proxy can read along.
                self.engine = sa.create_engine(
                    direct.set(port=port), connect_args={"sslmode": "disable", "gssencmode": "disable"}
                )
                yield
            dump_tables(server, self.directory)
