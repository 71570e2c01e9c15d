"""Orders are packed and shipped, each row a tracked job: SQLite in a temporary folder, or any database with `--url`.

Code that was written for sqlalchemy_mate 2 has `sm = sqlalchemy_mate.api.patterns.status_tracker`; only that line
changes. Its `ExtendedBase` may stay.
"""

from __future__ import annotations

import argparse
import enum
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Self

import sqlalchemy as sa
from common import expecting, title
from sqlalchemy import orm

import status_tracker as st
import status_tracker.sql as sm


class Status(int, enum.Enum):
    pending = 10
    in_progress = 20
    failed = 30
    succeeded = 40
    ignored = 50


class Base(orm.DeclarativeBase):
    pass


class Order(Base, sm.JobMixin):
    __tablename__ = "example_order"

    parcel: orm.Mapped[str | None]  # a column of one's own

    @classmethod
    def start_job(
        cls, engine: sa.Engine, order_id: str, skip_error: bool = False, debug: bool = False
    ) -> AbstractContextManager[tuple[Self, sm.Updates]]:
        """`start` with the settings of this step, so that nobody has to name them again."""
        return cls.start(
            engine=engine,
            id=order_id,
            in_process_status=Status.in_progress.value,
            failed_status=Status.failed.value,
            success_status=Status.succeeded.value,
            ignore_status=Status.ignored.value,
            expire=15,
            max_retry=3,
            skip_error=skip_error,
            debug=debug,
        )


class Parcel(Base, sm.JobMixin):
    __tablename__ = "example_parcel"

    # Named once, for all calls.
    config = st.TrackerConfig.make("parcels", 10, 20, 30, 40, 50, max_retry=3, lock_expire_seconds=15)


class Invoice(Base):
    __tablename__ = "example_invoice"

    order: orm.Mapped[str] = orm.mapped_column(primary_key=True)


class OutOfStockError(Exception):
    """What may go wrong with an order."""


def show(engine: sa.Engine, order_id: str) -> None:
    """Print what is stored of an order."""
    with orm.Session(engine) as session:
        order = session.get_one(Order, order_id)
        locked = "locked" if order.is_locked() else "free"
        print(f"{order.id}: {Status(order.status).name}, {locked}, retry={order.retry}, data={order.data}", end="")
        print(f", parcel={order.parcel}, error={order.errors.get('error')}")


def create(engine: sa.Engine) -> None:
    title("Three orders come in")
    with engine.connect() as connection:
        for table in (Order, Invoice, Parcel):
            connection.execute(sa.delete(table))
        connection.commit()
    with orm.Session(engine) as session:
        for order_id in ("order-1", "order-2", "order-3"):
            Order.create_and_save(session, id=order_id, status=Status.pending.value, data={"version": 0})
    show(engine, "order-1")
    with expecting(sm.JobAlreadyExistsError):
        Order.create_and_save(engine, id="order-1", status=Status.pending.value)


def success(engine: sa.Engine) -> None:
    title("One is packed; what the worker sets, and the invoice, are stored with the success")
    with Order.start_job(engine, "order-1", debug=True) as (order, updates):
        updates.set(key="data", value={"version": order.data["version"] + 1})
        updates.set(key="parcel", value="parcel-1")
        updates.also(sa.insert(Invoice).values(order=order.id))
        with expecting(sm.JobLockedError), Order.start_job(engine, "order-1"):
            print("never reached")
        show(engine, "order-1")
    show(engine, "order-1")
    with engine.connect() as connection:
        print(f"invoices: {connection.scalars(sa.select(Invoice.order)).all()}")


def failure(engine: sa.Engine) -> None:
    title("One fails, and nothing of what the worker set is stored")
    with expecting(OutOfStockError), Order.start_job(engine, "order-2", debug=True) as (order, updates):
        updates.set(key="data", value={"version": order.data["version"] + 1})
        raise OutOfStockError("no boxes left")
    show(engine, "order-2")


def give_up(engine: sa.Engine) -> None:
    title("One fails three times, and is set aside; with skip_error its exceptions go no further")
    for nth in (1, 2, 3):
        with Order.start_job(engine, "order-3", skip_error=True, debug=True):
            raise OutOfStockError(f"attempt {nth}")
        show(engine, "order-3")
    with expecting(sm.JobIgnoredError), Order.start_job(engine, "order-3", debug=True):
        print("never reached")


def find(engine: sa.Engine) -> None:
    title("Orders by status")
    for order in Order.query_by_status(engine, [Status.failed.value, Status.ignored.value]):
        print(f"{order.id}: {Status(order.status).name}, {order.errors['error']}")
    print({Status(code).name: count for code, count in Order.count_by_status(engine).items()})


def ship(engine: sa.Engine) -> None:
    title("Four workers ship twenty parcels; each takes the oldest that nobody has, until there is none")
    with orm.Session(engine) as session:  # many at a time
        session.add_all(Parcel.create(f"parcel-{nth}", Status.pending) for nth in range(1, 21))
        session.commit()
    shipped = Counter[str]()

    def work() -> None:
        while True:
            with Parcel.start_next(engine) as (parcel, _updates):
                if parcel is None:
                    return
                shipped[parcel.id] += 1

    with ThreadPoolExecutor(4) as pool:
        for worker in [pool.submit(work) for _ in range(4)]:
            worker.result()
    print(f"shipped: {len(shipped)} parcels, the most often shipped one {max(shipped.values())} time")

    title("One came back: it is deliberately shipped again")
    parcel = Parcel.rerun(engine, "parcel-7", reason="nobody was at home", by="the carrier")
    why = parcel.errors["actions"][0]["reason"]
    print(f"{parcel.id}: {Status(parcel.status).name}, run={parcel.run_number}, {why}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of a database, as SQLAlchemy takes it: postgresql+psycopg://user@host/name")
    with tempfile.TemporaryDirectory() as folder:
        engine = sa.create_engine(parser.parse_args().url or f"sqlite:///{folder}/orders.sqlite")
        Base.metadata.create_all(engine)
        create(engine)
        success(engine)
        failure(engine)
        give_up(engine)
        find(engine)
        ship(engine)
        engine.dispose()
