"""An operator: cancels some tasks, gives others a new run, while workers are at them, and pauses all work at times."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import status_tracker as st
from status_tracker.operations.pausing import Pauses

from .backends.base import Backend
from .board import Board
from .journal import Journal
from .plan import USE_CASE_ID, Options, lot, task_id, task_plan

AnswerT = TypeVar("AnswerT")

_MOST_SECONDS = 0.05
_UNBEGUN = 0.2
_LEASES = 3


class Operator:
    """One operator process; its replacement goes on where it was killed, with the same request."""

    def __init__(
        self, name: str, number: int, options: Options, backend: Backend, board: Board, journal: Journal
    ) -> None:
        self._number = number
        self._options = options
        self._backend = backend
        self._board = board
        self._journal = journal
        self._dice = lot(options, "operator", name)
        self._pauses = Pauses(USE_CASE_ID, backend.pause_board)

    def run(self) -> None:
        """Act on each task for which the plan has something, about when workers come to it; then end."""
        for index in range(self._board.acted(self._number), self._options.lifecycles):
            deed = task_plan(self._options, task_id(index)).deed
            if index % self._options.operators == self._number and deed in {"pause", *self._backend.deeds}:
                self._wait_for(index)
                if self._board.stopped:
                    return
                if deed == "pause":
                    self._pause()
                else:
                    self._act(deed, task_id(index))
            self._board.set_acted(self._number, index + 1)

    def _wait_for(self, index: int) -> None:
        """Until a worker is at the task, and up to a lease and a half more; or, for some, not even until it exists."""
        if self._dice.random() < _UNBEGUN:
            return
        while not self._board.has_begun(index) and not self._board.stopped:
            time.sleep(_MOST_SECONDS / 10)
        longest = 1.5 * self._options.lease
        time.sleep(self._dice.choice((0, self._dice.uniform(0, longest / 10), self._dice.uniform(0, longest))))

    def _act(self, deed: str, task: str) -> None:
        """Ask for it until there is an answer; a restart, until no lease is in its way."""
        name = f"{deed}-{task}"
        deadline = time.monotonic() + _LEASES * self._options.lease
        while not self._board.stopped:
            self._journal.write("acting", task=task, deed=deed)
            try:
                self._backend.act(deed, task, name)
            except self._backend.unreachable as error:
                self._journal.write("act_failed", task=task, deed=deed, error=repr(error)[:300])
            except st.TaskExecutionError as error:
                self._journal.write("act_refused", task=task, deed=deed, error=type(error).__name__)
                if not isinstance(error, st.TaskLockedError) or time.monotonic() > deadline:
                    return
                time.sleep(self._dice.uniform(0, _MOST_SECONDS))
            else:
                self._journal.write("acted", task=task, deed=deed)
                return

    def _pause(self) -> None:
        """Pause all work for a moment; if this process is killed meanwhile, the pause ends by itself."""
        longest = timedelta(seconds=_LEASES * self._options.lease)
        pause = self._insist(lambda: self._pauses.pause(reason="chaos", until=datetime.now(UTC) + longest))
        if pause is None or pause.until is None:
            return
        self._journal.write("paused", until=pause.until.timestamp())
        time.sleep(1.5 * self._options.lease)
        self._journal.write("resuming")
        self._insist(self._pauses.resume)
        self._journal.write("resumed")

    def _insist(self, request: Callable[[], AnswerT]) -> AnswerT | None:
        """Repeat it until there is an answer; None where the run is over before."""
        while not self._board.stopped:
            try:
                return request()
            except Exception as error:  # noqa: BLE001  # whatever the backend raises
                self._journal.write("pause_failed", error=repr(error)[:300])
                time.sleep(self._dice.uniform(0, _MOST_SECONDS))
        return None
