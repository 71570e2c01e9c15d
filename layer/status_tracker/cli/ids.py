"""Task ids as people give them: as a list shows them, with the use case before them, or only their beginning."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from ..core.errors import TaskUnreadableError
from .scope import Scope
from .text import plain

_LOOKED_THROUGH = 500
"""The newest of each status among which a similar id is looked for: no index has the ids in their order."""

_SUGGESTED = 5
_ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[nrt])")


def task_id_of(step: Any, given: str) -> str:
    """The task id, also if the key of the table's item is given, or the escapes with which a list shows an id.

    What looks like an escape may be in the id itself: where there is a task of exactly that id, it is meant.
    """
    task_id = given.removeprefix(f"{step.config.use_case_id}{step.config.sep}")
    meant = _ESCAPE.sub(lambda found: _meant(found[0]), task_id)
    return task_id if meant == task_id or _is_there(step, task_id) else meant


def prefix_of(step: Any, given: str) -> str:
    """The beginning of ids, as `task_id_of`; of escapes only those are taken for such that a list shows."""
    prefix = given.removeprefix(f"{step.config.use_case_id}{step.config.sep}")
    return _ESCAPE.sub(lambda found: found[0] if _meant(found[0]).isprintable() else _meant(found[0]), prefix)


def newest_ids(scope: Scope, of_each_status: int) -> Iterator[str]:
    """The ids of the newest tasks of each status."""
    query = scope.first.query_by_status(list(scope.statuses), of_each_status, False)
    while True:
        try:
            yield next(query).task_id
        except StopIteration:
            return
        except TaskUnreadableError as error:
            yield str(error.task_id)


def similar(scope: Scope, given: str) -> tuple[list[str], int]:
    """Ids that begin with the given one, else similar ones; and among how many they were looked for."""
    known = list(dict.fromkeys(newest_ids(scope, _LOOKED_THROUGH)))
    beginning = [each for each in known if each.startswith(given)]
    return (beginning or difflib.get_close_matches(given, known, _SUGGESTED)), len(known)


def told_similar(found: list[str], searched: int) -> str:
    """What is said of them."""
    among = f"the newest {_LOOKED_THROUGH} tasks of each status ({searched:,})"
    if not found:
        return f"No id among {among} begins with it or is similar."
    more = f", and {len(found) - _SUGGESTED} more" if len(found) > _SUGGESTED else ""
    return f"Did you mean {', '.join(plain(repr(each)) for each in found[:_SUGGESTED])}{more}? Searched were {among}."


def _meant(escape: str) -> str:
    return escape.encode("ascii").decode("unicode_escape")


def _is_there(step: Any, task_id: str) -> bool:
    try:
        return step.get_one_or_none(task_id, consistent_read=True) is not None
    except TaskUnreadableError:
        return True
