"""DynamoDB Local behind the proxy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from pynamodb.exceptions import PynamoDBConnectionError, UpdateError

import status_tracker as st
from status_tracker.core.port import PauseBoard
from tests.support.dynamodb_local import SHORT_LIVED, run_dynamodb_local

from ..database import create_tables, dump_tables
from ..faults import Faults
from ..journal import SkewedClock
from ..models import Effect, Receipt, Step, botocore_client, connect
from ..plan import Options
from ..proxy import proxied
from ..wires import Http
from .base import Block


def make(options: Options, directory: Path, clock: SkewedClock) -> DynamoBackend:
    return DynamoBackend(options, directory, clock)


class _Block:
    def __init__(self, ctx: Any) -> None:
        held = ctx.task
        self._ctx = ctx
        self.task: str = held.task_id
        self.fence: int = ctx.fence
        self.lock: str = held.lock
        self.end: datetime = held.lock_expire_time
        self.status: int = held.status
        self.retry: int = held.retry
        self.data: Mapping[str, Any] = held.data or {}

    def extend(self) -> None:
        self._ctx.extend_lock()

    def update(self, data: dict[str, Any]) -> None:
        self._ctx.set_data(data).update()

    def finish(self, data: dict[str, Any], receipt: str | None) -> None:
        self._ctx.set_data(data)
        if receipt is not None:
            self._ctx.also.save(Receipt(receipt, task=self.task))


class DynamoBackend:
    """`BaseTask`."""

    unreachable = (PynamoDBConnectionError,)
    claims = False
    receipts = True
    deeds = frozenset({"cancel", "restart"})

    def __init__(self, options: Options, directory: Path, clock: SkewedClock) -> None:
        self._options = options
        self._directory = directory
        self._clock = clock

    @contextmanager
    def serving(self) -> Iterator[None]:
        with run_dynamodb_local(*SHORT_LIVED) as port:
            create_tables(port)
            with proxied(self._options, Http, port, self._directory) as proxy:
                connect(self._options, f"http://127.0.0.1:{proxy}", self._clock)
                yield
            dump_tables(port, self._directory)

    def enter_process(self, faults: Faults) -> None:
        """Everything fails on the way to the server."""

    def create(self, task: str, maker: str, mode: str) -> bool:
        if mode == "get_or_create":
            return Step.get_or_create(task, {"maker": maker})[1]
        Step.make_and_save(task, {"maker": maker})
        return True

    @contextmanager
    def start(
        self, task: str, *, create: bool, data: dict[str, Any] | None, heartbeat: float | None
    ) -> Iterator[Block]:
        with Step.start(task, create=create, data=data, heartbeat=heartbeat) as ctx:
            yield _Block(ctx)

    def claim(self) -> AbstractContextManager[Block | None]:
        raise NotImplementedError("BaseTask has no start_next.")

    @contextmanager
    def renewals_seen(self, note: partial[None], lock: str) -> Iterator[None]:
        """As DynamoDB answered them, those of the heartbeat's thread included."""

        def on_answer(parsed: dict[str, Any], **_: object) -> None:
            item = parsed.get("Attributes", {})
            if item.get("lock") == {"S": lock} and "lock_expire_time" in item:
                end = datetime.strptime(item["lock_expire_time"]["S"], "%Y-%m-%dT%H:%M:%S.%f%z")
                note("renewed", end=end.timestamp())

        events = botocore_client(Step).meta.events
        events.register("after-call.dynamodb.UpdateItem", on_answer)
        try:
            yield
        finally:
            events.unregister("after-call.dynamodb.UpdateItem", on_answer)

    def act(self, deed: str, task: str, name: str) -> None:
        if deed == "cancel":
            Step.cancel(task, reason=name, by="operator", request_id=name)
            return
        found = Step.get_one_or_none(task, consistent_read=True)
        if found is None:
            raise st.TaskIsNotInitializedError(task)
        Step.restart(task, run=found.run or 0, reason=name, by="operator")

    def pause_board(self) -> PauseBoard:
        return Step.pause_board()

    def affect(self, task: str, start: str, fence: int) -> bool:
        try:
            Effect(task).update(
                actions=[Effect.newest.set(fence), Effect.by.set(start), Effect.applied.add({fence})],
                condition=Effect.newest.does_not_exist() | (Effect.newest <= fence),
            )
        except UpdateError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            return False
        return True
