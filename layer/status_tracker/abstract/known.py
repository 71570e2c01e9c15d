"""What this process knows of its tracker objects, beside their fields.

`load` takes what the library keeps in ``errors["tracker"]`` out of `errors`, and `dump` puts it back, so that the
`errors` of a task that has never failed are empty. A framework may store a changed field by itself, so nothing is taken
out of a class whose fields are a framework's: such a class may declare the field `PLACE` instead.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .declared import BOOKKEEPING, PLACE, TrackerFields, declares_place, frozen, is_of_a_framework, user_values

KEPT = "tracker"
"""The key in the stored `errors` for values that have no field."""

_NO_VALUE = object()


class _Known:
    """What is known of one object: `kept` has no field; `values` are the user's, frozen, as they are stored."""

    kept: Mapping[str, Any] | None = None
    values: Mapping[str, bytes | None] | None = None


_known: dict[int, tuple[weakref.ref[Any], _Known]] = {}
# By identity: a tracker need not be hashable, and has no attribute to spare.


def kept_of(tracker: TrackerFields) -> Any:
    """The values that have no field, as they are stored: a dict, unless what is stored is damaged."""
    errors = tracker.errors
    if isinstance(errors, dict) and KEPT in errors:
        return errors[KEPT]
    if declares_place(type(tracker)):
        return getattr(tracker, PLACE) or {}
    known = _of(tracker)
    return {} if known is None or known.kept is None else known.kept


def keep(tracker: TrackerFields, kept: Mapping[str, Any], errors: Mapping[str, Any]) -> None:
    """Set `errors`, and the values that have no field."""
    if declares_place(type(tracker)):
        setattr(tracker, PLACE, dict(kept))
    elif is_of_a_framework(type(tracker)):
        tracker.errors = {**errors, KEPT: dict(kept)}
        return
    else:
        _about(tracker).kept = dict(kept)
    tracker.errors = _shown(errors)


def keep_as(tracker: TrackerFields, stored: TrackerFields) -> None:
    """Keep for one object of a task what is kept for another one of it."""
    if declares_place(type(tracker)):
        setattr(tracker, PLACE, getattr(stored, PLACE))
    elif not is_of_a_framework(type(tracker)):
        _about(tracker).kept = kept_of(stored)


def is_known(tracker: TrackerFields) -> bool:
    """Whether the object was loaded or shown here, and not copied, unpickled or made by hand."""
    known = _of(tracker)
    return is_of_a_framework(type(tracker)) or (known is not None and known.kept is not None)


def loaded(tracker: TrackerFields) -> None:
    """Take note of an object that `load` has made."""
    errors = tracker.errors
    if not (is_of_a_framework(type(tracker)) or declares_place(type(tracker))):
        known = _about(tracker)
        if isinstance(errors, dict) and isinstance(errors.get(KEPT), dict):
            known.kept = errors[KEPT]
        elif known.kept is None:
            known.kept = {}
        if isinstance(errors, dict) and (isinstance(errors.get(KEPT), dict) or errors == {"history": []}):
            tracker.errors = _shown(errors)
    note_values(tracker)


@contextmanager
def exposed(tracker: TrackerFields, stored: Callable[[], TrackerFields | None]) -> Iterator[None]:
    """While it is dumped, `errors` has all that is to be stored.

    Args:
        stored: loads the task; asked for an object of which nothing is known, so that its dump drops nothing.
    """
    shown = tracker.errors
    whole = is_of_a_framework(type(tracker)) or declares_place(type(tracker))
    if whole or not isinstance(shown, dict | None) or KEPT in (shown or ()):
        yield
        return
    if not is_known(tracker):
        before = stored()
        _about(tracker).kept = {} if before is None else kept_of(before)
    if kept := kept_of(tracker):
        tracker.errors = {**(shown or {}), KEPT: dict(kept)}
    try:
        yield
    finally:
        tracker.errors = shown


def note_values(tracker: TrackerFields) -> None:
    """Take note that the user's values are, from here on, what others are compared with."""
    _about(tracker).values = _frozen_values(tracker)


def carry_changes(work: TrackerFields, task: TrackerFields) -> None:
    """Set in `task` what was changed in `work` since its values were noted."""
    known = _of(work)
    before = (known and known.values) or {}
    for name, value in user_values(work).items():
        now = frozen(value)
        if now is None or now != before.get(name, _NO_VALUE):
            setattr(task, name, value)


def carry_unstored(own: TrackerFields, task: TrackerFields) -> list[str]:
    """Set in `task`, just loaded, what was changed in `own` since that was loaded, unless others have changed it too.

    Returns:
        The names that others have changed too; what they have stored stays.
    """
    before = _values_before(own, task)
    theirs = _frozen_values(task)
    conflicts = []
    for name, value in user_values(own).items():
        mine, old, new = frozen(value), before.get(name, _NO_VALUE), theirs.get(name, _NO_VALUE)
        if mine is None or mine in (old, new):
            continue
        if new == old:
            setattr(task, name, value)
        else:
            conflicts.append(name)
    return conflicts


def _values_before(own: TrackerFields, task: TrackerFields) -> Mapping[str, bytes | None]:
    known = _of(own)
    if known is not None and known.values is not None:
        return known.values
    # It came by a query of a framework, or from a copy: if nobody has written since, all that differs is its own.
    unwritten = _bookkeeping(own) == _bookkeeping(task)
    return _frozen_values(task if unwritten else own)


def _bookkeeping(tracker: TrackerFields) -> dict[str, Any]:
    errors: Any = tracker.errors
    shown = _shown(errors) if isinstance(errors, dict) else errors or {}
    return {**{name: getattr(tracker, name) for name in BOOKKEEPING}, "errors": shown}


def _frozen_values(tracker: TrackerFields) -> dict[str, bytes | None]:
    return {name: frozen(value) for name, value in user_values(tracker).items()}


def _shown(errors: Mapping[str, Any]) -> dict[str, Any]:
    """The errors as the user sees them: empty where nothing has failed and nobody has acted."""
    shown = {name: value for name, value in errors.items() if name != KEPT}
    return {} if shown == {"history": []} else shown


def _of(tracker: TrackerFields) -> _Known | None:
    found = _known.get(id(tracker))
    return None if found is None or found[0]() is not tracker else found[1]


def _about(tracker: TrackerFields) -> _Known:
    known = _of(tracker)
    if known is None:
        key, known = id(tracker), _Known()
        _known[key] = (weakref.ref(tracker, lambda gone: _forget(key, gone)), known)
    return known


def _forget(key: int, gone: weakref.ref[Any]) -> None:
    if key in _known and _known[key][0] is gone:
        del _known[key]
