"""A worker's hold on a tracker that it has acquired without a block, with `mark_as_in_progress`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Generic, TypeVar

from ..core.errors import TaskLockLostError
from ..core.lifecycle import Lifecycle
from ..core.port import Write, WriteRejectedError, WriteResult
from ..core.retries import Patience, new_end
from ..core.state import holds, is_ended_by, is_finished_by, lease_end
from .fields import kept_number
from .known import KEPT
from .model import TrackerModel
from .store import TrackerStore

TrackerT = TypeVar("TrackerT", bound=TrackerModel)

_COPIES = 1 << 20
"""Updates of one attempt are numbered by their order, and then at random: copies of its object may write, too."""


class Hold(Generic[TrackerT]):
    """Each method makes one write, repeats it while the lease lasts, and returns the stored tracker.

    Args:
        tracker: as the worker last saw it; its lock is the worker's token.

    Raises:
        TaskLockLostError: the tracker is not locked, or (in a method) another worker holds it; nothing was stored.
        StatusNotSavedError: in a method: nothing could be stored while the lease lasted.
    """

    def __init__(self, tracker: TrackerT, store: TrackerStore[TrackerT], rules: Lifecycle) -> None:
        self._tracker = tracker
        self._store = store
        self._rules = rules
        self._state = store.state(tracker)
        if self._state.lock is None:
            raise self._lost("this object holds no lock")
        self._token = self._state.lock
        self._end = new_end()

    def succeed(self) -> TrackerT:
        write = self._rules.succeed(self._state, self._token, self._rules.config.now(), None, end=self._end)
        return self._sent(self._store.succeed, write, self._is_ended)

    def fail(self, error: BaseException) -> TrackerT:
        write = self._rules.fail(self._state, self._token, self._rules.config.now(), error, end=self._end)
        return self._sent(self._store.write, write, self._is_ended)

    def extend(self, seconds: float | None) -> TrackerT:
        config = self._rules.config
        write = self._rules.extend(self._state, self._token, config.now(), config.lease(seconds))
        return self._sent(self._store.write, write, self._is_held)

    def update(self) -> TrackerT:
        nth = kept_number(self._tracker, "update_count") // _COPIES + 1
        mine = nth * _COPIES + random.randrange(_COPIES)  # noqa: S311  # no secret
        write = self._rules.update(self._state, self._token, mine, self._tracker.data)
        return self._sent(self._store.write, write, lambda stored: kept_number(stored, "update_count") == mine)

    def _sent(
        self, send: Callable[[Write], WriteResult[TrackerT]], write: Write, is_done: Callable[[TrackerT], bool]
    ) -> TrackerT:
        config = self._rules.config
        patience = Patience(self._rules)
        try:
            answer = patience.until(lease_end(self._state, config) or config.now(), send, write)
        except WriteRejectedError as rejected:
            raise rejected.cause from rejected.__cause__
        if answer.task is None or not (answer.applied or is_done(answer.task)):
            raise self._lost(self._reason(answer.task))
        return answer.task

    def _is_ended(self, stored: TrackerT) -> bool:
        return is_ended_by(self._store.state(stored), self._end)

    def _is_held(self, stored: TrackerT) -> bool:
        return holds(self._store.state(stored), self._token, self._state.fence)

    def _reason(self, stored: TrackerT | None) -> str:
        state = None if stored is None else self._store.state(stored)
        if is_finished_by(state, self._token):
            return "another object of this attempt has ended it already"
        if holds(state, self._token, self._state.fence):
            return "another object of this attempt has updated it since this one was loaded: load it again"
        if state is None or state.lock != self._token:
            return "another worker took it over, or somebody unlocked or deleted it"
        return (
            f"its lock is this object's, but its fence is {state.fence} where this object's errors[{KEPT!r}] says "
            f"{self._state.fence}, as when `errors` was replaced. Load it again, and leave errors[{KEPT!r}] as it is"
        )

    def _lost(self, why: str) -> TaskLockLostError:
        return TaskLockLostError(
            f"{self._rules} is not held by this worker: {why}. Nothing was stored.",
            use_case_id=self._rules.use_case_id,
            task_id=self._rules.task_id,
        )
