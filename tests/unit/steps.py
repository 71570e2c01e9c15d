"""What the unit tests share: two steps of one use case, and a clock that the test moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import status_tracker as st
from status_tracker.core.execution import Execution
from status_tracker.core.lifecycle import Lifecycle
from status_tracker.testing import MemoryStore, Record

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
LEASE = timedelta(seconds=60)

CODES: dict[str, int] = {
    "pending_status": 10,
    "in_progress_status": 20,
    "failed_status": 30,
    "succeeded_status": 40,
    "ignored_status": 50,
}
NEXT_CODES: dict[str, int] = {
    "pending_status": 40,
    "in_progress_status": 70,
    "failed_status": 80,
    "succeeded_status": 90,
    "ignored_status": 100,
}
SHARDS = {f"n_{name}_shard": 2 for name in ("pending", "in_progress", "failed", "succeeded", "ignored")}
PENDING, IN_PROGRESS, FAILED, SUCCEEDED, IGNORED = CODES.values()


class Clock:
    """Stands still until it is moved; sleeping moves it."""

    def __init__(self) -> None:
        self.now = NOON
        self.pauses: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.move(seconds)


def make_config(**settings: Any) -> st.TrackerConfig:
    """Step 1 with a lease of a minute; any setting may be replaced."""
    defaults = {"use_case_id": "test", "lock_expire_seconds": LEASE.total_seconds(), **CODES, **SHARDS}
    return st.TrackerConfig.make(**{**defaults, **settings})


def make_rules(config: st.TrackerConfig | None = None, **settings: Any) -> Lifecycle:
    config = make_config() if config is None else config
    return Lifecycle(config, config.use_case_id, "t-1", **{"startable": config.startable_statuses(None), **settings})


def start(
    store: MemoryStore,
    clock: Clock,
    *,
    debug: bool = False,
    lease: timedelta = LEASE,
    heartbeat: float | None = None,
    max_data_bytes: int | None = None,
    **settings: Any,
) -> Execution[Record]:
    """Step 1 on the one task of that store; `settings` are of the config."""
    rules = make_rules(make_config(clock=clock, **settings), max_data_bytes=max_data_bytes)
    return Execution(store, rules, lease, heartbeat=heartbeat, debug=debug)


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Return as soon as the condition holds; fail if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come to pass in {seconds} s"
        threading.Event().wait(0.001)


def stored(store: MemoryStore) -> Record:
    assert store.task is not None
    return store.task


def history(store: MemoryStore) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = stored(store).errors["history"]
    return entries


def take_over(store: MemoryStore, clock: Clock) -> None:
    """Another worker starts the task once the lease is over, and vanishes in its turn."""
    clock.move(LEASE.total_seconds())
    start(store, clock).__enter__()
