"""The settings of a call: its own, in either spelling, or those of the class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypedDict

from ..core.config import TrackerConfig, ensure_status_value
from ..core.lifecycle import Lifecycle
from .columns import JobColumns
from .database_errors import table_of
from .keys import JobId, text_of_id

UNNAMED = 2**31 - 1
"""Placeholder for a status that the caller does not name; no job ever has it."""

_SPELLINGS = {
    "pending_status": ("pending_status",),
    "in_progress_status": ("in_progress_status", "in_process_status"),
    "failed_status": ("failed_status",),
    "succeeded_status": ("succeeded_status", "success_status"),
    "ignored_status": ("ignored_status", "ignore_status"),
}
_SEPARATOR = "\n"  # no table's name has one
_OF_THE_CODES = (
    *_SPELLINGS,
    *("exhausted_status", "more_pending_status", "status_enum", "status_shards", "ttl"),
    *("use_case_id", "sep"),
)
"""What a call that names its statuses does not take from the class's config."""


class Statuses(TypedDict, total=False):
    """The settings of a step as keyword arguments; where the class has a `config`, its other settings hold as well.

    Attributes:
        pending_status, in_progress_status, failed_status, succeeded_status, ignored_status: different integers;
            only failed may be pending.
        in_process_status, success_status, ignore_status: the older spelling of three of them.
        expire: the lease of an attempt, in seconds; by default 300.
        max_retry: attempts in a row that may fail before the job is ignored; by default 3.
    """

    pending_status: int | None
    in_progress_status: int | None
    failed_status: int | None
    succeeded_status: int | None
    ignored_status: int | None
    in_process_status: int | None
    success_status: int | None
    ignore_status: int | None
    expire: float | None
    max_retry: int | None


@dataclass(frozen=True)
class StepSettings:
    """The settings of one step in one call.

    Attributes:
        names_pending: whether the caller has named the pending status.
    """

    config: TrackerConfig
    lease: timedelta
    names_pending: bool

    @classmethod
    def of(cls, job: type[JobColumns], statuses: Statuses, traceback_stack_limit: int = 10) -> StepSettings:
        """The settings of a call.

        Raises:
            TypeError: statuses are missing, or given twice.
            ValueError: a setting cannot work.
        """
        expire, max_retry = statuses.get("expire"), statuses.get("max_retry")
        named = _in_one_spelling({name: value for name, value in statuses.items() if value is not None})
        config = getattr(job, "config", None)
        if named or config is None:
            config = _config(job, named, max_retry, expire, traceback_stack_limit, config)
        elif max_retry is not None:
            raise TypeError(f"max_retry is given, but {job.__name__}.config says {config.max_retry}: set it there.")
        return cls(_without_ttl(job, config), config.lease(expire), config.pending_status != UNNAMED)

    def startable(self, more_pending_status: int | Iterable[int] | None) -> tuple[int, ...]:
        """The codes from which the step starts."""
        return tuple(code for code in self.config.startable_statuses(more_pending_status) if code != UNNAMED)

    def named(self, job: type[JobColumns], what: str) -> StepSettings:
        """Itself; raises `TypeError` where the pending status, which `what` needs, is not named."""
        if not self.names_pending:
            raise TypeError(f"{job.__name__}.{what} needs pending_status: name it, or give the class a config.")
        return self

    def rules(self, id: JobId, **settings: Any) -> Lifecycle:  # noqa: A002
        """The rules for one job. Raises `ValueError` for ids that cannot be stored."""
        text = text_of_id(id)
        self.config.make_key(text)
        if "\0" in text:
            raise ValueError(f"The id {id!r} has a NUL character, which not every database can store: leave it out.")
        return Lifecycle(self.config, self.config.use_case_id, text, **settings)


def nameless(job: type[JobColumns], expire: float | None = None) -> StepSettings:
    """The settings of a call without statuses: those of the class, or placeholder codes that are never stored."""
    if expire is None and hasattr(job, "config"):
        return StepSettings.of(job, {})
    return _with_codes(job, UNNAMED - 1, expire)


def locking(job: type[JobColumns], in_progress_status: int) -> StepSettings:
    """The settings of a lock that is taken by hand: attempts are not counted."""
    return _with_codes(job, ensure_status_value(in_progress_status), nameless(job).lease.total_seconds())


def _with_codes(job: type[JobColumns], in_progress_status: int, expire: float | None) -> StepSettings:
    clock = job.config.clock if hasattr(job, "config") else job.clock
    codes = (UNNAMED, in_progress_status, UNNAMED - 2, UNNAMED - 3, UNNAMED - 4)
    # Where attempts are not counted, no job becomes ignored, which here has no code.
    config = _made(table_of(job).fullname, codes, UNNAMED, expire, 10, clock)
    return StepSettings(config, config.lease(None), names_pending=False)


def _in_one_spelling(given: Mapping[str, Any]) -> dict[str, int]:
    named: dict[str, int] = {}
    for name, spellings in _SPELLINGS.items():
        used = [spelling for spelling in spellings if spelling in given]
        if len(used) > 1:
            raise TypeError(f"{' and '.join(used)} are two spellings of one argument: give one of them.")
        if used:
            named[name] = given[used[0]]
            if not isinstance(named[name], int):
                raise ValueError(f"{used[0]} is {named[name]!r}: give an integer, or a member of an integer enum.")
    return named


def _config(
    job: type[JobColumns],
    named: Mapping[str, int],
    max_retry: int | None,
    expire: float | None,
    limit: int,
    base: TrackerConfig | None,
) -> TrackerConfig:
    required = [name for name in _SPELLINGS if name != "pending_status"]
    if missing := [name for name in required if name not in named]:
        raise TypeError(
            f"{', '.join(missing)} must be given: name all statuses of the step in the call, or none of them and "
            f"give {job.__name__} a config = TrackerConfig.make(...)."
        )
    codes = (named.get("pending_status", UNNAMED), *(named[name] for name in required))
    config = _made(table_of(job).fullname, codes, max_retry, expire, limit, job.clock)
    if base is None:
        return config
    return replace(
        base,
        **{name: getattr(config, name) for name in _OF_THE_CODES},
        max_retry=base.max_retry if max_retry is None else max_retry,
        lock_expire_seconds=base.lock_expire_seconds if expire is None else expire,
    )


@lru_cache(maxsize=256, typed=True)
def _made(
    use_case_id: str,
    codes: tuple[int, ...],
    max_retry: int | None,
    expire: float | None,
    traceback_stack_limit: int,
    clock: Callable[[], datetime],
) -> TrackerConfig:
    chosen: dict[str, Any] = {"max_retry": max_retry, "lock_expire_seconds": expire}
    pending, in_progress, failed, succeeded, ignored = codes
    return TrackerConfig.make(
        use_case_id,
        pending,
        in_progress,
        failed,
        succeeded,
        ignored,
        sep=_SEPARATOR,
        traceback_stack_limit=traceback_stack_limit,
        clock=clock,
        **{name: value for name, value in chosen.items() if value is not None},
    )


def _without_ttl(job: type[JobColumns], config: TrackerConfig) -> TrackerConfig:
    if config.ttl:
        raise ValueError(
            f"{job.__name__}.config has a ttl, and no SQL database deletes rows by itself: leave it out, and delete "
            "finished jobs with a query of your own, by status and update_at."
        )
    return config
