"""The way in: `python -m orders.submit ORDER CUSTOMER [QUANTITY:CENTS…]`, or `submit` in a program of yours."""

import argparse
from collections.abc import Mapping
from typing import Any

from orders.tasks import InvoiceTask


def submit(order_id: str, order: Mapping[str, Any]) -> bool:
    """Take an order in, and have its invoice made; one that is submitted twice is made once.

    Returns:
        Whether it is new.
    """
    task, created = InvoiceTask.get_or_create(order_id, dict(order))
    if task.status == InvoiceTask.config.pending_status:
        InvoiceTask.dispatch(task)
    return created


def line(text: str) -> dict[str, int]:
    quantity, cents = text.split(":")
    return {"quantity": int(quantity), "cents": int(cents)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m orders.submit")
    parser.add_argument("order_id", metavar="ORDER")
    parser.add_argument("customer", metavar="CUSTOMER")
    parser.add_argument("lines", metavar="QUANTITY:CENTS", type=line, nargs="*")
    given = parser.parse_args()
    new = submit(given.order_id, {"customer": given.customer, "lines": given.lines})
    print(f"{given.order_id}: {'submitted' if new else 'known already'}")
