"""A worker: takes one task after another, starts it, runs a body, finishes; and writes down all it does."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial
from typing import Any

from pynamodb.exceptions import UpdateError

import status_tracker as st

from .board import Board
from .journal import Journal
from .models import Effect, Receipt, Step, botocore_client
from .plan import Body, Options, body, lot, task_id, task_plan

_IDLE_SECONDS = 0.05
_REVISITS = 0.02


class BodyError(Exception):
    """What a body fails with."""


class StaleWorkerError(Exception):
    """Downstream refused what this worker wrote: a newer attempt has written already."""


class Worker:
    """One worker process, named uniquely among all that ever run."""

    def __init__(self, name: str, options: Options, board: Board, journal: Journal) -> None:
        self._name = name
        self._options = options
        self._board = board
        self._journal = journal
        self._dice = lot(options, "worker", name)
        self._starts = 0

    def run(self) -> None:
        """Work until the board says stop."""
        while not self._board.stopped:
            index = self._choose()
            if index is None:
                time.sleep(_IDLE_SECONDS)
            else:
                self._start(index)

    def _choose(self) -> int | None:
        """One of the oldest open tasks, so that workers meet; now and then one that has ended, which must stay so."""
        first = self._board.first_unended()
        if first and self._dice.random() < _REVISITS:
            return self._dice.randrange(first)
        choice = self._board.open_tasks(6 * self._options.workers)
        return self._dice.choice(choice) if choice else None

    def _start(self, index: int) -> None:
        self._starts += 1
        task, start = task_id(index), f"{self._name}-{self._starts}"
        plan = task_plan(self._options, task)
        note = partial(self._journal.write, task=task, start=start)
        attempt = _Attempt(self._options, task, start, note)
        note("starting", create=plan.start_creates)
        try:
            with Step.start(
                task,
                create=plan.start_creates,
                data={"maker": start} if plan.start_creates else None,
                heartbeat=self._options.lease / 4 if plan.heartbeat else None,
            ) as ctx:
                attempt.run(ctx)
        except BaseException as error:  # noqa: BLE001  # bodies raise KeyboardInterrupt as well
            self._ended_badly(index, attempt, error)
        else:
            note("finished", error=None, notes=[])
            self._board.end(index)

    def _ended_badly(self, index: int, attempt: _Attempt, error: BaseException) -> None:
        if attempt.entered:
            notes = [str(each) for each in getattr(error, "__notes__", [])]
            attempt.note("finished", error=type(error).__name__, notes=notes)
        elif isinstance(error, st.TaskIsNotReadyToStartError):
            attempt.note("refused", error=type(error).__name__)
            if isinstance(error, st.TaskAlreadySucceedError | st.TaskIgnoredError):
                self._board.end(index)
            else:
                time.sleep(self._dice.uniform(0, _IDLE_SECONDS))
        elif isinstance(error, UpdateError):
            attempt.note("start_failed", error=repr(error)[:300])
        else:
            raise error


class _Attempt:
    """One start and what follows from it."""

    def __init__(self, options: Options, task: str, start: str, note: partial[None]) -> None:
        self._options = options
        self._task = task
        self._start = start
        self.note = note
        self.entered = False

    def run(self, ctx: Any) -> None:
        """The block: write down that it was entered, run the body, write down that it is left."""
        self.entered = True
        held = ctx.task
        self.note = partial(self.note, fence=ctx.fence)
        self.note(
            "acquired",
            lock=held.lock,
            end=held.lock_expire_time.timestamp(),
            status=held.status,
            retry=held.retry,
            maker=(held.data or {}).get("maker"),
        )
        what = body(self._options, self._task, ctx.fence)
        try:
            with _RenewalsSeen(self.note, held.lock):
                self._pace(ctx, what)
                self._affect(ctx.fence)
                self._end(ctx, what)
        except BaseException as error:
            self.note("leaving", error=type(error).__name__, text=repr(error)[:100], also=False)
            raise
        self.note("leaving", error=None, text=None, also=what.also)

    def _pace(self, ctx: Any, what: Body) -> None:
        time.sleep(what.seconds / 2)
        if what.pace == "extend":
            ctx.extend_lock()
        time.sleep(what.seconds / 2)
        if what.update:
            since = time.time()
            ctx.set_data({"maker": ctx.task.data["maker"], "seen_by": self._start}).update()
            self.note("updated", since=since)

    def _affect(self, fence: int) -> None:
        """Write downstream, where a stale worker is to be refused by its fence."""
        self.note("affecting")
        try:
            Effect(self._task).update(
                actions=[Effect.newest.set(fence), Effect.by.set(self._start), Effect.applied.add({fence})],
                condition=Effect.newest.does_not_exist() | (Effect.newest <= fence),
            )
        except UpdateError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            self.note("effect_refused")
            raise StaleWorkerError(self._start) from error
        self.note("affected")

    def _end(self, ctx: Any, what: Body) -> None:
        if what.ending == "fail":
            raise BodyError(self._start)
        if what.ending == "fail_long":
            raise BodyError(self._start + "!" * 9000)
        if what.ending == "hopeless":
            raise st.NonRetryableError(self._start)
        if what.ending == "interrupt":
            raise KeyboardInterrupt(self._start)
        ctx.set_data({"maker": ctx.task.data["maker"], "done_by": self._start})
        if what.also:
            ctx.also.save(Receipt(f"{self._task}#{ctx.fence}#{self._start}", task=self._task))


class _RenewalsSeen:
    """Writes every renewed lease down as DynamoDB answered it, those of the heartbeat's thread included."""

    def __init__(self, note: partial[None], lock: str) -> None:
        self._note = note
        self._lock = lock
        self._events = botocore_client(Step).meta.events

    def __enter__(self) -> None:
        self._events.register("after-call.dynamodb.UpdateItem", self._on_answer)

    def __exit__(self, *_: object) -> None:
        self._events.unregister("after-call.dynamodb.UpdateItem", self._on_answer)

    def _on_answer(self, parsed: dict[str, Any], **_: object) -> None:
        item = parsed.get("Attributes", {})
        if item.get("lock") == {"S": self._lock} and "lock_expire_time" in item:
            end = datetime.strptime(item["lock_expire_time"]["S"], "%Y-%m-%dT%H:%M:%S.%f%z")
            self._note("renewed", end=end.timestamp())
