"""The driver of DynamoDB, for either engine."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from pynamodb.exceptions import PutError, UpdateError

import status_tracker as st
from status_tracker.testing.contract import Promise, TrackedTaskStep
from tests.contract.backends.aws import FaultyWrites
from tests.support.steps import make_base, make_step
from tests.support.wire import throttled

_WRITES = frozenset({"PutItem", "UpdateItem", "TransactWriteItems"})
_BOTOCORE_ATTEMPTS = 3


class DynamoTable:
    """A table, and its client; each test has a use case of its own on it.

    Args:
        name: that of a table that is there; by default a new one is made.
    """

    def __init__(self, host: str, name: str | None = None) -> None:
        self.name = name or f"tasks-{uuid.uuid4().hex}"
        self.base = make_base(host, self.name)
        if name is None:
            self.base.create_table(wait=True)
        self.client = self.base._get_connection().connection.client
        self.faults = FaultyWrites(self.client, "dynamodb", _WRITES, attempts=_BOTOCORE_ATTEMPTS, refusal=throttled)

    def close(self) -> None:
        self.base.delete_table()
        self.client.close()


class DynamoStep(TrackedTaskStep):
    """A step on a table."""

    def __init__(self, task_class: type[st.BaseTask], faults: FaultyWrites) -> None:
        super().__init__(task_class)
        self.lose_answers = faults.lose_answers
        self.refuse_writes = faults.refuse
        self.heal = faults.heal

    def also_impossible(self, attempt: Any) -> None:
        other = self.task_class.make("other")
        attempt.also.save(other, condition=self.task_class.key.exists())


class DynamoBackend:
    """A use case of its own on a table that tests share.

    Args:
        use_case_id: by default a new one.
    """

    promises = frozenset(Promise)
    backend_errors = (PutError, UpdateError)

    def __init__(self, table: DynamoTable, *, use_case_id: str | None = None) -> None:
        self._table = table
        self._use_case_id = use_case_id or f"test-{uuid.uuid4().hex}"
        table.faults.heal()

    def step(self, codes: Mapping[str, int], clock: Any, **settings: Any) -> DynamoStep:
        step = make_step(self._table.base, dict(codes), clock, **{"use_case_id": self._use_case_id, **settings})
        return DynamoStep(step, self._table.faults)
