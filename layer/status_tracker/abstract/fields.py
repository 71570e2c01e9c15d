"""Maps a tracker's ten fields to the record that the rules work on, and back.

Values that have no field of their own are kept beside them, as JSON values (see `known`); the rules also work on
a tracker without these, as abstract_tracker writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from ..core.config import TrackerConfig
from ..core.history import REASON_BYTES, cut, json_size, with_last_failure
from .declared import EPOCH, TIMES, TrackerFields
from .errors import TrackerUnreadableError
from .known import KEPT, keep, kept_of


def _is_log(value: Any) -> bool:
    try:
        json_size(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return isinstance(value, list | tuple) and all(isinstance(each, dict) for each in value)


def _are_tokens(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _is_moment(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _is_log_of_actions(value: Any) -> bool:
    return _is_log(value) and all(_is_moment(each.get("update_time")) for each in value)


_Shape: TypeAlias = tuple[Callable[[Any], bool], str]

_NUMBER: _Shape = (lambda value: isinstance(value, int), "an integer")
_TEXT: _Shape = (lambda value: isinstance(value, str), "a string")
_LOG: _Shape = (_is_log, "a list of dicts of JSON values")
_ACTIONS: _Shape = (_is_log_of_actions, "a list of dicts of JSON values, each with its `update_time`")
_TOKENS: _Shape = (_are_tokens, "a list of strings")
_MOMENT: _Shape = (_is_moment, "an ISO time with a time zone")

_SHAPES = {"history": _LOG, "actions": _ACTIONS, "dropped": _NUMBER}
_KEPT_SHAPES = {
    "fence": _NUMBER,
    "run": _NUMBER,
    "not_before": _MOMENT,
    "finished_locks": _TOKENS,
    "vanished_locks": _TOKENS,
    "update_count": _NUMBER,
    "create_token": _TEXT,
}


def record_of(tracker: TrackerFields, config: TrackerConfig) -> dict[str, Any]:
    """The tracker as a record for the rules. Raises `TrackerUnreadableError` for fields that cannot be right."""
    _check(tracker)
    errors = {name: value for name, value in (tracker.errors or {}).items() if name != KEPT}
    kept = kept_of(tracker)
    record = {name: kept[name] for name in _KEPT_SHAPES if kept.get(name) is not None}
    if "not_before" in record:
        record["not_before"] = datetime.fromisoformat(record["not_before"])
    return {
        **record,
        **{name: None if getattr(tracker, name) == EPOCH else getattr(tracker, name) for name in TIMES},
        "status": int(tracker.status),
        "retry": _retry(tracker, config),
        "lock": tracker.lock,
        "data": tracker.data,
        "errors": errors,
    }


def show(tracker: TrackerFields, record: Mapping[str, Any], config: TrackerConfig) -> None:
    """Set the tracker's fields from the record."""
    kept = {name: record[name] for name in _KEPT_SHAPES if record.get(name) is not None}
    kept |= {name: list(kept[name]) for name in ("finished_locks", "vanished_locks") if name in kept}
    if "not_before" in kept:
        kept["not_before"] = kept["not_before"].isoformat()
    tracker.attempts = _attempts(tracker, record, config)
    tracker.status = record["status"]
    tracker.lock = record.get("lock")
    for name in TIMES:
        setattr(tracker, name, record.get(name) or EPOCH)
    tracker.data = record["data"]
    keep(tracker, kept, with_last_failure(record["errors"]))


def kept_number(tracker: TrackerFields, name: str) -> int:
    """A number that has no field, such as ``fence``; 0 if it is absent."""
    number: int = kept_of(tracker).get(name) or 0
    return number


def create_token(tracker: TrackerFields) -> str | None:
    """The token of the request that created the tracker."""
    token: str | None = kept_of(tracker).get("create_token")
    return token


def _retry(tracker: TrackerFields, config: TrackerConfig) -> int:
    """The failures in a row: `attempts` counts also the attempt under way, or the one that succeeded."""
    if tracker.status == config.succeeded_status:
        return 0
    return max(tracker.attempts - 1, 0) if tracker.status == config.in_progress_status else tracker.attempts


def _attempts(tracker: TrackerFields, record: Mapping[str, Any], config: TrackerConfig) -> int:
    if record["status"] == config.succeeded_status:
        return tracker.attempts
    retry: int = record["retry"]
    return retry + 1 if record["status"] == config.in_progress_status else retry


def _check(tracker: TrackerFields) -> None:
    for name in ("status", "attempts"):
        value = getattr(tracker, name)
        _require(tracker, name, value, isinstance(value, int), "an integer")
    _require(tracker, "lock", tracker.lock, tracker.lock is None or isinstance(tracker.lock, str), "a string or None")
    for name in TIMES:
        value = getattr(tracker, name)
        is_aware = isinstance(value, datetime) and value.tzinfo is not None
        _require(tracker, name, value, value is None or is_aware, "a datetime with a time zone")
    _check_errors(tracker)


def _check_errors(tracker: TrackerFields) -> None:
    errors: Any = tracker.errors
    _require(tracker, "errors", errors, errors is None or isinstance(errors, dict), "a dict")
    kept = kept_of(tracker)
    _require(tracker, "errors", errors, isinstance(kept, dict), f"a dict, as is its {KEPT!r}")
    for where, held, shapes in (("errors", errors or {}, _SHAPES), (f"errors[{KEPT!r}]", kept, _KEPT_SHAPES)):
        for name, (fits, expected) in shapes.items():
            value = held.get(name)
            _require(tracker, f"{where}[{name!r}]", value, value is None or fits(value), expected)


def _require(tracker: TrackerFields, name: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise TrackerUnreadableError(
            f"{type(tracker).__name__} {tracker.id!r} has {name} = {cut(repr(value), REASON_BYTES)}, which should be "
            f"{expected}: mend what is stored, or what load() makes of it.",
            use_case_id=type(tracker).__name__,
            task_id=str(tracker.id),
        )
