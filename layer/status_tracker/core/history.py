"""The history of a task: its failures and actions, cut so that its item never exceeds DynamoDB's 400 KB (R10).

Sizes are those of the stored JSON text, in bytes.
"""

from __future__ import annotations

import json
import math
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import CodeType
from typing import Any

MAX_DATA_BYTES = 338 * 1024
"""The user's data of one task."""

HISTORY_BYTES = 32 * 1024
"""All entries of failed attempts."""

ERROR_BYTES = 2 * 1024
TRACEBACK_BYTES = 6 * 1024
_ENTRY_BYTES = ERROR_BYTES + TRACEBACK_BYTES + 1024

KEPT_ACTIONS = 20
ACTIONS_BYTES = 24 * 1024
"""All records of deliberate actions: with texts of ordinary length 20 of them, with the longest ids some 14."""

REASON_BYTES = 512
_STRICT = json.JSONEncoder(allow_nan=False)
"""Kept, since making one takes as long as writing a small object."""

_COUNTED_ACTION = "restart"
"""A series of them is one record with its ``times``: a sweep's own restarts must not push out people's actions."""


def json_size(value: object) -> int:
    """The size of a value as JSON text, in bytes. Raises `TypeError` or `ValueError` where JSON cannot hold it."""
    try:
        return len(json.dumps(value))
    except RecursionError as deep:
        raise ValueError("The data is nested too deep to be written as JSON: keep fewer levels.") from deep


def data_size(data: object) -> int:
    """The size of a task's data as JSON text, in bytes.

    Raises:
        TypeError, ValueError: JSON cannot hold it, or would hold something else; the message says where.
    """
    check_json(data)
    return json_size(data)


def check_json(data: object) -> None:
    """Refuse data that JSON cannot hold, or would change, such as NaN and keys that are no strings; see `data_size`."""
    try:
        try:
            _STRICT.encode(data)
            misfit = _misfit(data, "data", ()) if _has_odd_keys(data) else None
        except (TypeError, ValueError) as error:
            misfit = _misfit(data, "data", ()) or error
    except RecursionError as deep:
        raise ValueError("The data is nested too deep to be written as JSON: keep fewer levels.") from deep
    if misfit is not None:
        raise misfit


def comparable(data: object) -> str:
    """A text that is another one when the data is changed."""
    try:
        return json.dumps(data)
    except Exception as unfit:  # noqa: BLE001  # the user's own objects may raise anything
        return f"no JSON: {text_of(unfit)}"


def _has_odd_keys(data: object) -> bool:
    inner = [data]
    while inner:
        each = inner.pop()
        if isinstance(each, dict):
            if not all(isinstance(key, str) for key in each):
                return True
            each = each.values()
        elif not isinstance(each, list | tuple):
            continue
        inner += [value for value in each if isinstance(value, dict | list | tuple)]
    return False


def _misfit(value: object, place: str, around: tuple[int, ...]) -> Exception | None:
    """The error that names the first part of the data that JSON cannot hold."""
    if isinstance(value, str | bool | int | None):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else ValueError(f"{place} is {value!r}, which JSON has not: use None.")
    if not isinstance(value, dict | list | tuple):
        kind = type(value).__name__
        return TypeError(f"{place} is a {kind}, which JSON cannot hold: give strings, numbers, lists and dicts.")
    if id(value) in around:
        return ValueError(f"{place} contains itself, which JSON cannot hold.")
    if isinstance(value, dict):
        odd = [key for key in value if not isinstance(key, str)]
        if odd:
            return TypeError(f"{place} has the key {odd[0]!r}, and JSON has strings only: use {str(odd[0])!r}.")
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    found = (_misfit(part, f"{place}[{key!r}]", (*around, id(value))) for key, part in parts)
    return next((error for error in found if error is not None), None)


def failure(nth_retry: int, update_time: str, error: str, traceback: str) -> dict[str, Any]:
    """An entry of the history; a long traceback keeps its end, which says most."""
    return {
        "nth_retry": nth_retry,
        "update_time": update_time,
        "error": cut(_without_nul(error), ERROR_BYTES),
        "traceback": cut(_without_nul(traceback), TRACEBACK_BYTES, keep_end=True),
    }


def described(error: BaseException) -> str:
    """The error's repr; where that raises, its class and what was raised."""
    try:
        return repr(error)
    except BaseException as broken:  # noqa: BLE001  # the user's own __repr__ may raise anything
        return f"{type(error).__name__}(<its repr raised {type(broken).__name__}>)"


def told(error: BaseException) -> str:
    """The error's class and text, for a report."""
    return f"{type(error).__name__}: {text_of(error)}"


def text_of(error: BaseException) -> str:
    """The error's text; where that raises, what was raised."""
    try:
        return str(error)
    except BaseException as broken:  # noqa: BLE001  # the user's own __str__ may raise anything
        return f"<its text raised {type(broken).__name__}>"


def traced(error: BaseException, limit: int) -> str:
    """The error's traceback as Python prints it.

    Where Python cannot (an attribute of the error raises, a source file cannot be read), the places without source.

    Args:
        limit: how many frames; the newest for a negative number.
    """
    try:
        return "".join(traceback.format_exception(error, limit=limit))
    except BaseException as broken:  # noqa: BLE001  # what the formatting asks of the error may raise anything
        places = [f'  File "{code.co_filename}", line {line}, in {code.co_name}\n' for code, line in _places(error)]
        last = f"{described(error)}\n(its traceback could not be formatted: {type(broken).__name__})\n"
        return "".join(["Traceback (most recent call last):\n", *places[limit:], last])


def _places(error: BaseException) -> Iterator[tuple[CodeType, int]]:
    found = error.__traceback__
    while found is not None:
        yield found.tb_frame.f_code, found.tb_lineno
        found = found.tb_next


def _without_nul(text: str) -> str:
    return text.replace("\0", "\\x00")  # which PostgreSQL's JSONB takes for no text


def with_failure(errors: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The errors with one more entry: the first and the newest are kept, and ``dropped`` counts those between."""
    entries = [*(errors.get("history") or []), entry]
    kept = _within_budget(entries)
    dropped = _number(errors, "dropped") + len(entries) - len(kept)
    return {**errors, "history": kept, **({"dropped": dropped} if dropped else {})}


def with_only(errors: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The errors with this entry, cut short, in place of all others, which are counted: for a full item."""
    dropped = _number(errors, "dropped") + len(errors.get("history") or [])
    brief = {**entry, "error": cut(str(entry["error"]), REASON_BYTES), "traceback": ""}
    return {**errors, "history": [brief], **({"dropped": dropped} if dropped else {})}


def with_action(errors: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """The errors with one more record of a deliberate action."""
    short = {name: cut(value, REASON_BYTES) if isinstance(value, str) else value for name, value in record.items()}
    before = list(errors.get("actions") or [])
    if short.get("action") == _COUNTED_ACTION and before and _is_by_the_same(before[-1], short):
        short["times"] = (before.pop().get("times") or 1) + 1
    kept, room = [short], ACTIONS_BYTES - json_size(short)
    for each in reversed(before[-KEPT_ACTIONS + 1 :]):
        room -= json_size(each)
        if room < 0:
            break
        kept.append(each)
    return {**errors, "actions": kept[::-1]}


def _is_by_the_same(record: Mapping[str, Any], next_record: Mapping[str, Any]) -> bool:
    return all(record.get(name) == next_record.get(name) for name in ("action", "by"))


def with_postponement(errors: Mapping[str, Any], update_time: str, reason: str) -> dict[str, Any]:
    """The errors with one more postponement in a row: how often, since when, when last and by what (R19)."""
    row = _row(errors)
    postponed = {
        "times": _number(row, "times") + 1,
        "since": update_time if postponed_since(errors) is None else row["since"],
        "update_time": update_time,
        "error": cut(_without_nul(reason), REASON_BYTES),
    }
    return {**errors, "postponed": postponed}


def without_postponements(errors: Mapping[str, Any]) -> dict[str, Any]:
    """The errors of a task whose row of postponements is over."""
    return {name: value for name, value in errors.items() if name != "postponed"}


def postponed_since(errors: Mapping[str, Any]) -> datetime | None:
    """When the first of the postponements in a row was; None where there is none."""
    try:
        since = datetime.fromisoformat(_row(errors)["since"])
    except (KeyError, TypeError, ValueError):  # none, or edited by hand
        return None
    return None if since.tzinfo is None else since


def _number(counts: Mapping[str, Any], name: str) -> int:
    """A count; 0 where it is missing, or was edited by hand into something else."""
    value = counts.get(name)
    return value if isinstance(value, int) else 0


def _row(errors: Mapping[str, Any]) -> Mapping[str, Any]:
    row = errors.get("postponed")
    return row if isinstance(row, Mapping) else {}


def with_last_failure(errors: Mapping[str, Any]) -> dict[str, Any]:
    """The errors, plus ``error`` and ``traceback`` of the last failure, as older libraries stored them."""
    last = (errors.get("history") or [{}])[-1]
    return {**errors, **{name: last[name] for name in ("error", "traceback") if name in last}}


def cut(text: str, size: int, *, keep_end: bool = False) -> str:
    """The text, cut so that its JSON fits into `size` bytes; an ellipsis marks the cut."""
    if json_size(text) <= size:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if json_size(_part(text, middle, keep_end)) <= size:
            low = middle
        else:
            high = middle - 1
    return _part(text, low, keep_end)


def _part(text: str, length: int, keep_end: bool) -> str:
    return f"…{text[len(text) - length :]}" if keep_end else f"{text[:length]}…"


def _shortened(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """An entry that an older library let grow until there is no room for another, its texts cut."""
    return {name: cut(value, TRACEBACK_BYTES) if isinstance(value, str) else value for name, value in entry.items()}


def _within_budget(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    first, *rest = entries
    if json_size(first) > HISTORY_BYTES - _ENTRY_BYTES:
        first = _shortened(first)
    room = HISTORY_BYTES - json_size(first)
    newest: list[Mapping[str, Any]] = []
    for entry in reversed(rest):
        room -= json_size(entry)
        if room < 0 and newest:
            break
        newest.append(entry)
    return [first, *reversed(newest)]


def last_failure(errors: Mapping[str, Any]) -> Mapping[str, Any]:
    """The newest entry of the history; empty if there is none."""
    history = errors.get("history") or [{}]
    newest: Mapping[str, Any] = history[-1]
    return newest


def failure_of_class(error_class: str | type[BaseException]) -> Callable[[Mapping[str, Any]], bool]:
    """Return a predicate: was the last failure of this class? Classes are compared by name."""
    name = error_class if isinstance(error_class, str) else error_class.__name__
    # A class whose repr does not begin with its name is known by the end of the traceback.
    last_line = re.compile(rf"^(?:[\w.]*\.)?{re.escape(name)}(?::|$)", re.MULTILINE)

    def is_of_it(errors: Mapping[str, Any]) -> bool:
        newest = last_failure(errors)
        raised = str(newest.get("traceback", "")).rpartition("Traceback (most recent call last)")[2]
        return str(newest.get("error", "")).partition("(")[0] == name or last_line.search(raised) is not None

    return is_of_it
