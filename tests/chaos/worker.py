"""A worker: takes one task after another, starts it, runs a body, finishes; and writes down all it does."""

from __future__ import annotations

import time
from functools import partial

import status_tracker as st
from status_tracker.core import errors
from status_tracker.operations.pausing import Pauses

from .backends.base import Backend, Block
from .board import Board
from .journal import Journal
from .plan import USE_CASE_ID, Body, Options, body, lot, task_id, task_index, task_plan

_IDLE_SECONDS = 0.05
_REVISITS = 0.02
_CLAIMS = 0.4


class BodyError(Exception):
    """What a body fails with."""


class StaleWorkerError(Exception):
    """Downstream refused what this worker wrote: a newer attempt has written already."""


class Worker:
    """One worker process, named uniquely among all that ever run."""

    def __init__(self, name: str, options: Options, backend: Backend, board: Board, journal: Journal) -> None:
        self._name = name
        self._options = options
        self._backend = backend
        self._board = board
        self._journal = journal
        self._dice = lot(options, "worker", name)
        self._pauses = Pauses(USE_CASE_ID, backend.pause_board)
        self._starts = 0

    def run(self) -> None:
        """Work until the board says stop."""
        while not self._board.stopped:
            if not self._may_begin():
                time.sleep(_IDLE_SECONDS)
            elif self._backend.claims and self._dice.random() < _CLAIMS:
                self._claim()
            elif (index := self._choose()) is None:
                time.sleep(_IDLE_SECONDS)
            else:
                self._start(index)

    def _may_begin(self) -> bool:
        """Whether nobody has paused the work, as far as can be known."""
        try:
            self._pauses.check("step")
        except st.TaskPausedError:
            self._journal.write("kept_back")
        except Exception as error:  # noqa: BLE001  # whatever the backend raises
            self._journal.write("pause_unknown", error=repr(error)[:300])
        else:
            return True
        return False

    def _choose(self) -> int | None:
        """One of the oldest open tasks, so that workers meet; now and then one that has ended, which must stay so."""
        first = self._board.first_unended()
        if first and self._dice.random() < _REVISITS:
            return self._dice.randrange(first)
        choice = self._board.open_tasks(6 * self._options.workers)
        return self._dice.choice(choice) if choice else None

    def _start(self, index: int) -> None:
        task = task_id(index)
        plan = task_plan(self._options, task)
        attempt = self._attempt()
        attempt.begin(task, create=plan.start_creates)
        try:
            with self._backend.start(
                task,
                create=plan.start_creates,
                data={"maker": attempt.start} if plan.start_creates else None,
                heartbeat=self._options.lease / 4 if plan.heartbeat else None,
            ) as block:
                self._board.begin(index)
                attempt.run(block)
        except BaseException as error:  # noqa: BLE001  # bodies raise KeyboardInterrupt as well
            self._ended_badly(attempt, error)
        else:
            self._ended_well(attempt)

    def _claim(self) -> None:
        """Take the oldest task, whichever that is."""
        attempt = self._attempt()
        attempt.note("claiming", start=attempt.start)
        began = self._journal.now()
        try:
            with self._backend.claim() as block:
                if block is not None:
                    self._board.begin(task_index(block.task))
                    attempt.begin(block.task, **began)
                    attempt.run(block)
        except BaseException as error:  # noqa: BLE001  # bodies raise KeyboardInterrupt as well
            if attempt.entered or not isinstance(error, self._backend.unreachable):
                self._ended_badly(attempt, error)
            else:
                attempt.note("claim_failed", start=attempt.start, error=repr(error)[:300])
        else:
            attempt.note("claimed", start=attempt.start)
            if block is None:
                time.sleep(_IDLE_SECONDS)
            else:
                self._ended_well(attempt)

    def _attempt(self) -> _Attempt:
        self._starts += 1
        return _Attempt(self._options, self._backend, f"{self._name}-{self._starts}", partial(self._journal.write))

    def _ended_well(self, attempt: _Attempt) -> None:
        attempt.note("finished", error=None, notes=[])
        self._board.end(task_index(attempt.task))

    def _ended_badly(self, attempt: _Attempt, error: BaseException) -> None:
        if attempt.entered:
            notes = [str(each) for each in getattr(error, "__notes__", [])]
            attempt.note("finished", error=type(error).__name__, notes=notes)
        elif isinstance(error, st.TaskIsNotReadyToStartError):
            attempt.note("refused", error=_name(error))
            if isinstance(error, st.TaskAlreadySucceedError | st.NoMoreRetryError):
                self._board.end(task_index(attempt.task))
            else:
                time.sleep(self._dice.uniform(0, _IDLE_SECONDS))
        elif isinstance(error, self._backend.unreachable):
            attempt.note("start_failed", error=repr(error)[:300])
        else:
            raise error


class _Attempt:
    """One start and what follows from it."""

    def __init__(self, options: Options, backend: Backend, start: str, note: partial[None]) -> None:
        self._options = options
        self._backend = backend
        self.start = start
        self.note = note
        self.entered = False
        self.task = ""

    def begin(self, task: str, **facts: object) -> None:
        """Write down which task it is for."""
        self.task = task
        self.note = partial(self.note, task=task, start=self.start)
        self.note("starting", **facts)

    def run(self, block: Block) -> None:
        """The block: write down that it was entered, run the body, write down that it is left."""
        self.entered = True
        self.note = partial(self.note, fence=block.fence)
        self.note(
            "acquired",
            lock=block.lock,
            end=block.end.timestamp(),
            status=block.status,
            retry=block.retry,
            maker=block.data.get("maker"),
        )
        what = body(self._options, self.task, block.fence)
        also = what.also and self._backend.receipts
        try:
            with self._backend.renewals_seen(self.note, block.lock):
                self._pace(block, what)
                self._affect(block.fence)
                self._end(block, what, also=also)
        except BaseException as error:
            self.note("leaving", error=type(error).__name__, text=repr(error)[:100], also=False)
            raise
        self.note("leaving", error=None, text=None, also=also)

    def _pace(self, block: Block, what: Body) -> None:
        time.sleep(what.seconds / 2)
        if what.pace == "extend":
            block.extend()
        time.sleep(what.seconds / 2)
        if what.update:
            since = time.time()
            block.update({"maker": block.data["maker"], "seen_by": self.start})
            self.note("updated", since=since)

    def _affect(self, fence: int) -> None:
        """Write downstream, where a stale worker is to be refused by its fence."""
        self.note("affecting")
        if not self._backend.affect(self.task, self.start, fence):
            self.note("effect_refused")
            raise StaleWorkerError(self.start)
        self.note("affected")

    def _end(self, block: Block, what: Body, *, also: bool) -> None:
        if what.ending == "fail":
            raise BodyError(self.start)
        if what.ending == "fail_long":
            raise BodyError(self.start + "!" * 9000)
        if what.ending == "hopeless":
            raise st.NonRetryableError(self.start)
        if what.ending == "postpone":
            raise st.Postponed(self.start, retry_after=what.pause)
        if what.ending == "interrupt":
            raise KeyboardInterrupt(self.start)
        receipt = f"{self.task}#{block.fence}#{self.start}" if also else None
        block.finish({"maker": block.data["maker"], "done_by": self.start}, receipt)


def _name(error: BaseException) -> str:
    """Its name in the library's own errors, which those of a backend derive from."""
    return next(each.__name__ for each in type(error).__mro__ if each.__module__ == errors.__name__)
