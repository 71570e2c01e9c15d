"""What a task failed with last, and whether that was of a certain class."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any


def last_failure(errors: Mapping[str, Any]) -> Mapping[str, Any]:
    """The newest entry of the history; empty where there is none."""
    history = errors.get("history") or [{}]
    newest: Mapping[str, Any] = history[-1]
    return newest


def failure_of_class(error_class: str | type[BaseException]) -> Callable[[Mapping[str, Any]], bool]:
    """Tells of a task's errors whether its last failure was of that class, by its name."""
    name = error_class if isinstance(error_class, str) else error_class.__name__
    # A class whose repr does not begin with its name is known by the end of the traceback.
    last_line = re.compile(rf"^(?:[\w.]*\.)?{re.escape(name)}(?::|$)", re.MULTILINE)

    def is_of_it(errors: Mapping[str, Any]) -> bool:
        newest = last_failure(errors)
        raised = str(newest.get("traceback", "")).rpartition("Traceback (most recent call last)")[2]
        return str(newest.get("error", "")).partition("(")[0] == name or last_line.search(raised) is not None

    return is_of_it
