"""Why a task failed or was set aside, as people say it, and what reasons have in common."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_KIND = 240

_SETTING_ASIDE = ("ignore", "cancel")
_WRAPPED = re.compile(r"([A-Za-z_][\w.]*)\((.*?)\)?", re.DOTALL)
_ONE_TEXT = re.compile(r"(['\"])(.*)\1,?", re.DOTALL)
_VARIABLE = re.compile(r"\b(?=[0-9a-f-]*\d)[0-9a-f]{8,}(?:-[0-9a-f]+)*\b|\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a task failed, or was set aside.

    Attributes:
        error_class: the class of the exception; empty where a person set the task aside.
        message: its text, without the class around it.
    """

    error_class: str
    message: str

    @property
    def general(self) -> Reason:
        """The same with ``#`` for every number and identifier."""
        return Reason(_VARIABLE.sub("#", self.error_class), _VARIABLE.sub("#", self.message))

    @property
    def kind(self) -> str:
        """What tasks with the same trouble share: class and message, with ``#`` for every number and identifier."""
        told = f"{self.error_class}: {self.message}" if self.error_class else self.message
        return _VARIABLE.sub("#", told)[:LONGEST_KIND]


def reason_of(errors: object) -> Reason | None:
    """The reason in a task's errors: of its last failure, or of whoever set it aside after that; None for none."""
    failed, acted = _newest(errors, "history"), _newest(errors, "actions")
    by_hand = acted.get("action") in _SETTING_ASIDE and str(acted.get("update_time")) >= str(
        failed.get("update_time", "")
    )
    if by_hand:
        return Reason("", f"{acted['action']}: {acted.get('reason') or 'no reason given'}")
    return unwrapped(str(failed["error"])) if failed.get("error") else None


def unwrapped(error: str) -> Reason:
    """The reason in an exception's ``repr``, such as ``ValueError('not a PDF')``."""
    found = _WRAPPED.fullmatch(error)
    if found is None:
        return Reason("", error)
    error_class, inside = found.groups()
    return Reason(error_class, _text_in(inside))


def _text_in(arguments: str) -> str:
    if _ONE_TEXT.fullmatch(arguments) is None:
        cut_off = arguments[:1] in {"'", '"'} and arguments.endswith("…")
        return arguments[1:] if cut_off else arguments
    try:
        return str(ast.literal_eval(arguments.rstrip(",")))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return arguments


def _newest(errors: object, name: str) -> Mapping[str, Any]:
    """The newest entry of a list in the errors, which may be anything."""
    entries = errors.get(name) if isinstance(errors, Mapping) else None
    newest = entries[-1] if isinstance(entries, list) and entries else None
    return newest if isinstance(newest, Mapping) else {}
