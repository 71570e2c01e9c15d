"""The user's own writes, stored in one DynamoDB transaction with a success (R14)."""

from __future__ import annotations

import uuid
from functools import cached_property
from typing import Any

from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model

MAX_WRITES = 99
"""DynamoDB takes 100 writes in one transaction, and one is the task's own."""


class Also:
    """Collects your own writes, with the methods of PynamoDB's `TransactWrite`.

    A write is taken as it is at the call. Nothing is sent before the block ends, and nothing at all if it raises.
    """

    def __init__(self) -> None:
        self._puts: list[dict[str, Any]] = []
        self._updates: list[dict[str, Any]] = []
        self._deletes: list[dict[str, Any]] = []
        self._versioned: list[Model] = []

    @cached_property
    def _token(self) -> str:
        """DynamoDB takes requests with the same token for one transaction, for ten minutes."""
        return uuid.uuid4().hex

    def __len__(self) -> int:
        return len(self._puts) + len(self._updates) + len(self._deletes)

    def save(self, model: Model, condition: Condition | None = None) -> None:
        """Put the item of `model`, if the condition holds."""
        self._check_room()
        self._puts.append(model.get_save_kwargs_from_instance(condition=condition))
        self._versioned.append(model)

    def update(self, model: Model, actions: list[Action], condition: Condition | None = None) -> None:
        """Apply the actions, at least one, to the item of `model`, if the condition holds."""
        self._check_room()
        if not actions:
            raise ValueError("actions is empty: give at least one, or use save().")
        self._updates.append(model.get_update_kwargs_from_instance(actions=actions, condition=condition))
        self._versioned.append(model)

    def delete(self, model: Model, condition: Condition | None = None) -> None:
        """Delete the item of `model`, if the condition holds."""
        self._check_room()
        self._deletes.append(model.get_delete_kwargs_from_instance(condition=condition))

    def commit_with(self, connection: Connection, own_update: dict[str, Any]) -> None:
        """Send everything collected, and that update as the last write, in one transaction.

        Raises:
            pynamodb.exceptions.TransactWriteError: it failed, or its result is unknown.
        """
        connection.transact_write_items(
            condition_check_items=[],
            delete_items=self._deletes,
            put_items=self._puts,
            update_items=[*self._updates, own_update],
            client_request_token=self._token,
        )
        for model in self._versioned:
            model.update_local_version_attribute()  # type: ignore[no-untyped-call]

    def _check_room(self) -> None:
        if len(self) == MAX_WRITES:
            raise ValueError(
                f"A transaction of DynamoDB holds {MAX_WRITES + 1} writes, and one is the task's own: "
                f"at most {MAX_WRITES} can be stored together with a success."
            )
