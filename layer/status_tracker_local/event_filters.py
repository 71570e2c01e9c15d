"""The filters of an event source mapping: which records a function gets.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html, as far as `Filters` says.
"""

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_MISSING: Any = object()
_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class UnknownFilterError(ValueError):
    """A filter that the local cloud does not know, so that it could not say which records pass."""


class Filters:
    """The patterns of a mapping's FilterCriteria: equal values, ``exists``, ``prefix``, ``anything-but``, ``numeric``.

    Args:
        criteria: the FilterCriteria; None where the mapping has none.

    Raises:
        UnknownFilterError: a pattern has something else; says where.
    """

    def __init__(self, criteria: Mapping[str, Any] | None) -> None:
        self._patterns = [_pattern(each.get("Pattern")) for each in (criteria or {}).get("Filters") or []]
        for pattern in self._patterns:
            _check(pattern, "")

    def admit(self, record: Mapping[str, Any]) -> bool:
        """Whether the function gets the record: any of the patterns matches it, or there is none."""
        return not self._patterns or any(_matches(pattern, record) for pattern in self._patterns)


def _pattern(text: Any) -> Mapping[str, Any]:
    try:
        pattern = json.loads(text or "null")
    except ValueError:
        pattern = None
    if not isinstance(pattern, dict):
        raise UnknownFilterError(f"The pattern {text!r} must be an object of JSON.")
    return pattern


def _check(pattern: Mapping[str, Any], place: str) -> None:
    for name, wanted in pattern.items():
        where = f"{place}.{name}".lstrip(".")
        if isinstance(wanted, dict) and not name.startswith("$"):
            _check(wanted, where)
        elif name.startswith("$") or not isinstance(wanted, list):
            raise UnknownFilterError(f"The local cloud does not know {where} in a pattern.")
        else:
            for rule in wanted:
                _check_rule(rule, where)


def _check_rule(rule: Any, where: str) -> None:
    if isinstance(rule, list):
        raise UnknownFilterError(f"The local cloud does not know {json.dumps(rule)} at {where}.")
    if not isinstance(rule, dict):
        return
    [(name, given)] = rule.items() if len(rule) == 1 else [("", rule)]
    known = (
        (name == "exists" and isinstance(given, bool))
        or (name == "prefix" and isinstance(given, str))
        or (name == "anything-but" and not isinstance(given, dict))
        or (name == "numeric" and isinstance(given, list) and all(each in _COMPARED for each in given[::2]))
    )
    if not known:
        raise UnknownFilterError(f"The local cloud does not know {json.dumps(rule)} at {where}.")


def _matches(pattern: Mapping[str, Any], record: Any) -> bool:
    found = record if isinstance(record, Mapping) else {}
    return all(
        _matches(wanted, found.get(name))
        if isinstance(wanted, Mapping)
        else any(_fulfils(found.get(name, _MISSING), rule) for rule in wanted)
        for name, wanted in pattern.items()
    )


def _fulfils(value: Any, rule: Any) -> bool:
    """Whether a value, or one of a list, fulfils one rule; ``exists`` is about values, not about objects."""
    if isinstance(rule, dict) and "exists" in rule:
        return (value is not _MISSING and not isinstance(value, Mapping)) is rule["exists"]
    return any(_holds(each, rule) for each in _values(value))


def _values(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif value is not _MISSING:
        yield value


def _holds(value: Any, rule: Any) -> bool:
    if not isinstance(rule, dict):
        return type(value) is type(rule) and value == rule
    [(name, given)] = rule.items()
    if name == "prefix":
        return isinstance(value, str) and value.startswith(given)
    if name == "anything-but":
        return value not in (given if isinstance(given, list) else [given])
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and all(_COMPARED[sign](value, bound) for sign, bound in zip(given[::2], given[1::2], strict=False))
