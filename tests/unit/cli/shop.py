"""Task classes that the command is told to work on."""

from typing import Any, ClassVar

import status_tracker as st
from status_tracker.operations.pipeline import Pipeline
from status_tracker.testing import MemoryTask
from tests.unit.steps import Clock, make_config

CLOCK = Clock()


class Order(MemoryTask):
    """Orders in memory."""

    config = make_config(clock=CLOCK, use_case_id="shop")
    dispatched: ClassVar[list[str]] = []

    @classmethod
    def dispatch(cls, task: Any) -> None:
        cls.dispatched.append(task.task_id)


class Delivery(MemoryTask):
    """The second step of an order."""

    config = Order.config.next_step()


PIPELINE = Pipeline({"Order": Order, "Delivery": Delivery})


class Refund(MemoryTask):
    """The only step of another use case."""

    config = make_config(clock=CLOCK, use_case_id="refunds")


REFUNDS = Pipeline({"Refund": Refund})


class Abstract(st.BaseTask):
    """No step: it has no config."""


NOT_A_CLASS = 3
