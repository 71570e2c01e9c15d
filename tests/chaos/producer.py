"""A producer: creates every task, as others do at the same time, and some of them again later."""

from __future__ import annotations

import time

import status_tracker as st

from .backends.base import Backend
from .board import Board
from .journal import Journal
from .plan import Options, lot, task_id, task_plan

_AHEAD = 300
_AGAIN = 0.05
_IDLE_SECONDS = 0.05


class Producer:
    """One producer process; its replacement goes on where it was killed."""

    def __init__(
        self, name: str, number: int, options: Options, backend: Backend, board: Board, journal: Journal
    ) -> None:
        self._name = name
        self._backend = backend
        self._number = number
        self._options = options
        self._board = board
        self._journal = journal
        self._dice = lot(options, "producer", name)
        self._creations = 0

    def run(self) -> None:
        """Create what is missing, not far ahead of the workers; then end."""
        for index in range(self._board.progress(self._number), self._options.lifecycles):
            while index >= self._board.first_unended() + _AHEAD and not self._board.stopped:
                time.sleep(_IDLE_SECONDS)
            if self._board.stopped:
                return
            task = task_id(index)
            self._create(task, task_plan(self._options, task).modes[self._number])
            self._board.open(index)
            self._board.set_progress(self._number, index + 1)
            if self._dice.random() < _AGAIN:
                again = task_id(self._dice.randrange(max(0, index - 2 * _AHEAD), index + 1))
                self._create(again, self._dice.choice(("make_and_save", "get_or_create")))

    def _create(self, task: str, mode: str) -> None:
        while mode != "leave" and not self._board.stopped and not self._try(task, mode):
            pass

    def _try(self, task: str, mode: str) -> bool:
        """Whether the request was answered."""
        self._creations += 1
        maker = f"{self._name}-{self._creations}"
        self._journal.write("creating", task=task, maker=maker, mode=mode)
        try:
            created = self._backend.create(task, maker, mode)
        except st.TaskAlreadyExistsError:
            created = False
        except self._backend.unreachable as error:
            self._journal.write("create_failed", task=task, maker=maker, error=repr(error)[:300])
            return False
        self._journal.write("created", task=task, maker=maker, created=created)
        return True
