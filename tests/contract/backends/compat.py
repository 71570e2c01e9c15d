"""The driver of the v5 spelling."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pynamodb.exceptions import PutError, UpdateError

from status_tracker.compat import BaseStatusTracker, StatusAndUpdateTimeIndex
from status_tracker.compat.store import TrackerStore
from status_tracker.testing import Clock
from status_tracker.testing.contract import Attempt, Promise, Seen
from tests.contract.backends.dynamodb import DynamoTable

_SETTINGS = {"max_retry": "MAX_RETRY", "lock_expire_seconds": "LOCK_EXPIRE_SECONDS"}


class CompatStep:
    """The settings of a class of trackers, and the codes that its users name at each start."""

    def __init__(self, tracker_class: Any, codes: Mapping[str, int], more: Any, faults: Any) -> None:
        self._class = tracker_class
        self._codes = codes
        self._more = more
        self.lose_answers = faults.lose_answers
        self.refuse_writes = faults.refuse
        self.heal = faults.heal

    def __getattr__(self, act: str) -> Any:
        return getattr(self._class, act)  # there is no rerun, ignore, unignore, unlock

    def create(self, task_id: str, data: dict[str, Any] | None = None) -> object:
        return self._class.new(task_id, data)

    @contextmanager
    def start(
        self,
        task_id: str,
        *,
        create: bool = False,
        lease: float | None = None,
        more_pending_status: Any = None,
        **arguments: Any,
    ) -> Iterator[Attempt]:
        if create:
            arguments["create"] = create
        tracker_class = self._class
        if lease is not None:
            tracker_class = type("Tracker", (tracker_class,), {"LOCK_EXPIRE_SECONDS": lease})
        tracker = tracker_class.get_one_or_none(task_id, True) or tracker_class.make(
            task_id, tracker_class.DEFAULT_STATUS
        )
        codes = self._codes
        with tracker.start(
            in_process_status=codes["in_progress_status"],
            failed_status=codes["failed_status"],
            success_status=codes["succeeded_status"],
            ignore_status=codes["ignored_status"],
            more_pending_status=self._more if more_pending_status is None else more_pending_status,
            **arguments,
        ) as job:
            yield job

    def read(self, task_id: str) -> Seen | None:
        tracker = self._class.get_one_or_none(task_id, True)
        if tracker is None:
            return None
        names = ("history", "dropped", "actions", "postponed")
        return Seen(
            status=tracker.status,
            retry=tracker.retry,
            locked=tracker.is_locked(),
            create_time=tracker.create_time,
            update_time=tracker.update_time,
            lock_expire_time=tracker.lock_expire_time,
            fence=tracker.fence or 0,
            run=tracker.run or 0,
            not_before=tracker.not_before,
            data=tracker.data,
            errors={name: tracker.errors[name] for name in names if name in tracker.errors},
        )

    def store(self, task_id: str) -> TrackerStore[Any]:
        return TrackerStore(self._class, self._class.make(task_id, self._class.DEFAULT_STATUS).key)

    def listed(self, status: int) -> list[str]:
        return [tracker.task_id for tracker in self._class.query_by_status(status, limit=None)]

    def also_impossible(self, attempt: Any) -> None:
        attempt.also.save("anything")


class CompatBackend:
    """A job of its own on a table that tests share."""

    promises = frozenset(Promise) - {
        Promise.ACTIONS,
        Promise.ALSO,
        Promise.CREATE_AT_START,
        Promise.CREATING_MANY,
        Promise.FURTHER_SETTINGS,
        Promise.NEVER_RESETS,
        Promise.RENEWAL,
    }
    backend_errors = (PutError, UpdateError)

    def __init__(self, table: DynamoTable) -> None:
        self._table = table
        self._job_id = f"test-{uuid.uuid4().hex}"
        table.faults.heal()

    def step(self, codes: Mapping[str, int], clock: Clock, **settings: Any) -> CompatStep:
        more = settings.pop("more_pending_status", ())
        if unknown := settings.keys() - _SETTINGS:
            raise TypeError(f"A tracker of v5 has no {', '.join(unknown)}.")
        attributes = {_SETTINGS[name]: value for name, value in settings.items()}

        class Tracker(BaseStatusTracker):
            Meta = self._table.base.Meta
            status_and_update_time_index = StatusAndUpdateTimeIndex()
            JOB_ID = self._job_id
            DEFAULT_STATUS = codes["pending_status"]
            CLOCK = clock

        for name, value in attributes.items():
            setattr(Tracker, name, value)
        Tracker._connection = self._table.base._get_connection()
        return CompatStep(Tracker, codes, more, self._table.faults)
