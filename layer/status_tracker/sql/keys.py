"""Ids of whatever type their column has, and the text that stands for them elsewhere."""

from __future__ import annotations

import uuid
from typing import Any, TypeAlias

from .columns import JobColumns
from .kept import kept

JobId: TypeAlias = str | int | uuid.UUID


def key_of(job_class: type[JobColumns], id: Any) -> Any:  # noqa: A002
    """The id as its column holds it: an integer is text in a column of text, and text a number in one of integers.

    Raises:
        ValueError: the column cannot hold it.
    """
    kind = _kind(job_class)
    if kind is None or isinstance(id, kind):
        return id
    try:
        if isinstance(id, str) or (kind is str and isinstance(id, JobId)):
            return kind(id)
    except ValueError:
        pass
    raise ValueError(f"The id {id!r} of a {job_class.__name__} is no {kind.__name__}, which is what its column holds.")


@kept
def _kind(job_class: type[JobColumns]) -> type | None:
    """What the column of ids holds; None for a type of the user's own that does not tell."""
    try:
        kind: type = job_class.id.type.python_type
    except NotImplementedError:
        return None
    return kind


def text_of_id(id: Any) -> Any:  # noqa: A002
    """The text that stands for an id; anything that is none is returned as it is."""
    return str(id) if isinstance(id, JobId) and not isinstance(id, bool) else id
