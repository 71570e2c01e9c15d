"""The driver of the backend in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import status_tracker as st
from status_tracker.testing import BackendError, Clock, Fault, MemoryStorage, MemoryTask
from status_tracker.testing.contract import Promise, TrackedTaskStep


class MemoryStep(TrackedTaskStep):
    """A step in memory."""

    def also_impossible(self, attempt: Any) -> None:
        attempt.also.save("anything")

    def lose_answers(self, times: int = 1) -> None:
        self.task_class.storage.befall(Fault.ANSWER_LOST, times)

    def refuse_writes(self, times: int = 1) -> None:
        self.task_class.storage.befall(Fault.UNAVAILABLE, times)

    def heal(self) -> None:
        self.task_class.storage.forget_faults()


class MemoryBackend:
    """A storage of the test's own."""

    promises = frozenset(Promise) - {Promise.ALSO}
    backend_errors = (BackendError,)

    def __init__(self) -> None:
        self._storage = MemoryStorage()

    def step(self, codes: Mapping[str, int], clock: Clock, **settings: Any) -> MemoryStep:
        class Task(MemoryTask):
            storage = self._storage
            config = st.TrackerConfig.make(**{"use_case_id": "test", "clock": clock, **codes, **settings})

        return MemoryStep(Task)
