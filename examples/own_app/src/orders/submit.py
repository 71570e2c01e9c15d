"""The way in: `python -m orders.submit ORDER CUSTOMER [QUANTITY:CENTS…]`, or `submit` in a program of yours."""

import sys
from collections.abc import Mapping, Sequence
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


def main(arguments: Sequence[str]) -> None:
    order_id, customer, *lines = arguments
    quantities = [[int(number) for number in line.split(":")] for line in lines]
    order = {"customer": customer, "lines": [{"quantity": many, "cents": cents} for many, cents in quantities]}
    print(f"{order_id}: {'submitted' if submit(order_id, order) else 'known already'}")


if __name__ == "__main__":
    main(sys.argv[1:])
