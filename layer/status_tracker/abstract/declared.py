"""Which attributes of a tracker are its fields: what its class declares in the way in which it declares the ten.

An object also holds what is none of the user's: the state of a framework, values that are cached, what a session
keeps. None of that may travel from one object of a task to another, since it can hold an old status.
"""

from __future__ import annotations

import inspect
import json
import pickle
import sys
import types
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

T_ID: TypeAlias = str | int

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The value of a time field that is not set."""

TIMES = ("create_time", "update_time", "lock_time", "lock_expire_time")
BOOKKEEPING = ("status", "attempts", "lock", *TIMES, "errors")
PLACE = "tracker_state"
"""A field that a class may declare for what the library keeps of a tracker beside the ten fields."""

FIELDS = frozenset({"id", *BOOKKEEPING, "data"})
_OURS = __name__.rpartition(".")[0]
_SLOT = types.MemberDescriptorType


class TrackerFields(Protocol):
    """The ten fields of a tracker."""

    id: T_ID
    status: int
    attempts: int
    create_time: datetime
    update_time: datetime
    lock: str | None
    lock_time: datetime | None
    lock_expire_time: datetime | None
    data: dict[str, Any]
    errors: dict[str, Any]


def user_values(tracker: TrackerFields) -> dict[str, Any]:
    """`data` and the fields beyond the ten, as far as they have a value."""
    values = {}
    for name in sorted({"data", *_further(tracker)}):
        with suppress(Exception):  # a property of the user's over what is not there yet may raise anything
            values[name] = getattr(tracker, name)
    return values


def frozen(value: object) -> bytes | None:
    """A text by which an unchanged value is known again, also after it was stored and loaded; None if it has none."""
    try:
        return json.dumps(value).encode()
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return pickle.dumps(value)
    except Exception:  # noqa: BLE001  # what a value of the user's raises when it is looked at
        return None


def is_of_a_framework(tracker_class: type) -> bool:
    """Whether a framework holds the ten fields, behind descriptors, and may store them at a time of its own."""
    return bool(_ways(_class_attributes(tracker_class)))


def declares_place(tracker_class: type) -> bool:
    """Whether the class has the field `PLACE`."""
    return PLACE in _class_attributes(tracker_class) or PLACE in _annotated(tracker_class)


def _further(tracker: TrackerFields) -> set[str]:
    attributes = _class_attributes(type(tracker))
    ways = _ways(attributes)
    held = set(getattr(tracker, "__dict__", ()))
    annotated = _annotated(type(tracker))
    if ways:
        names = {name for name, attribute in attributes.items() if isinstance(attribute, ways)}
        if not held.isdisjoint(FIELDS):  # it keeps loaded values there: to ask for another one would load that
            names &= held
        names |= annotated & held
    else:
        names = {name for name in held if not hasattr(type(attributes.get(name)), "__get__")}
        names |= {name for name in _slots(attributes) if FIELDS.isdisjoint(annotated) or name in annotated}
        names |= set(getattr(tracker, "__pydantic_extra__", None) or ())  # fields that are declared by being given
        names |= {name for name, attribute in attributes.items() if _is_settable(attribute)}
    names |= set(_properties(type(tracker)))
    return {name for name in names if name in annotated or not name.startswith("_")} - FIELDS - {PLACE}


def _class_attributes(tracker_class: type) -> dict[str, Any]:
    """What the class and its bases define, by name, without asking any descriptor."""
    found: dict[str, Any] = {}
    for each in reversed(tracker_class.__mro__):
        found |= vars(each)
    return found


def _ways(attributes: dict[str, Any]) -> tuple[type, ...]:
    """The kinds of descriptors, other than slots and properties, behind which the ten fields are."""
    kinds = (type(attributes[name]) for name in FIELDS if name in attributes)
    return tuple(
        next(base for base in reversed(kind.__mro__) if "__get__" in vars(base))
        for kind in kinds
        if hasattr(kind, "__get__") and not issubclass(kind, _SLOT | property)
    )


def _slots(attributes: dict[str, Any]) -> set[str]:
    return {name for name, attribute in attributes.items() if isinstance(attribute, _SLOT)}


def _is_settable(attribute: object) -> bool:
    """Whether it is a descriptor of the user's own whose value can be set."""
    if isinstance(attribute, _SLOT | types.GetSetDescriptorType | property):
        return False
    return hasattr(type(attribute), "__get__") and hasattr(type(attribute), "__set__")


def _users_classes(tracker_class: type) -> Iterator[type]:
    """The classes that are trackers, and not of this package."""
    for each in tracker_class.__mro__:
        if not each.__module__.startswith(_OURS) and any(base.__module__.startswith(_OURS) for base in each.__mro__):
            yield each


def _annotated(tracker_class: type) -> set[str]:
    """The names that the user's classes annotate as an object's own."""
    return {
        name
        for each in _users_classes(tracker_class)
        for name, annotation in _annotations(each).items()
        if "ClassVar" not in str(annotation)
    }


def _annotations(tracker_class: type) -> dict[str, Any]:
    """What the class itself annotates; no name in it need be known yet."""
    if sys.version_info >= (3, 14):
        import annotationlib  # noqa: PLC0415  # older releases have none

        return annotationlib.get_annotations(tracker_class, format=annotationlib.Format.STRING)
    return inspect.get_annotations(tracker_class)


def _properties(tracker_class: type) -> Iterator[str]:
    """The properties of the user's classes that can be set."""
    for each in _users_classes(tracker_class):
        for name, attribute in vars(each).items():
            if isinstance(attribute, property) and attribute.fset is not None:
                yield name
