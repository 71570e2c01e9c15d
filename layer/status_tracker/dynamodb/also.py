"""The user's own writes, stored in one DynamoDB transaction with a success (R14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

_Addition: TypeAlias = Callable[[TransactWrite], None]

MAX_WRITES = 99
"""DynamoDB takes 100 writes in one transaction, and one is the task's own."""


class Also:
    """Collects writes of the user's own, in the words of PynamoDB's `TransactWrite`.

    Nothing is sent before the block ends. If the block raises, nothing is sent at all.
    """

    def __init__(self) -> None:
        self._additions: list[_Addition] = []

    def __len__(self) -> int:
        return len(self._additions)

    def save(self, model: Model, condition: Condition | None = None) -> None:
        """Put the item of `model`, if the condition holds."""
        self._add(lambda transaction: transaction.save(model, condition=condition))

    def update(self, model: Model, actions: list[Action], condition: Condition | None = None) -> None:
        """Apply the actions to the item of `model`, if the condition holds."""
        self._add(lambda transaction: transaction.update(model, actions=actions, condition=condition))

    def delete(self, model: Model, condition: Condition | None = None) -> None:
        """Delete the item of `model`, if the condition holds."""
        self._add(lambda transaction: transaction.delete(model, condition=condition))

    def add_to(self, transaction: TransactWrite) -> None:
        """Put everything that was collected into a transaction."""
        for addition in self._additions:
            addition(transaction)

    def _add(self, addition: _Addition) -> None:
        if len(self._additions) == MAX_WRITES:
            raise ValueError(
                f"A transaction of DynamoDB holds {MAX_WRITES + 1} writes, and one is the task's own: "
                f"at most {MAX_WRITES} can be stored together with a success."
            )
        self._additions.append(addition)
