"""`Updates`: what a worker stores of its job, and along with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa

from ..core.history import check_json as check_data
from .column_types import is_jsonb
from .columns import MANAGED_COLUMNS, JobColumns

MAX_DEPTH = 500
"""Levels of data; Python's own recursion limit is 1,000, of which the caller's stack takes a part."""


class Block(Protocol):
    """The `with` block in which a job is worked on, as its `Updates` see it."""

    @property
    def fence(self) -> int:
        """The fence of this attempt."""
        ...

    @property
    def columns(self) -> frozenset[str]:
        """The columns that there are."""
        ...

    def check_open(self) -> None:
        """Raise `TaskLockLostError` after the block."""
        ...

    def check_data(self, data: Any) -> None:
        """Raise `TypeError` or `ValueError` for data that cannot be stored."""
        ...

    @property
    def statements(self) -> list[sa.Executable]:
        """What is carried out along with the success."""
        ...

    @property
    def lost(self) -> bool:
        """Whether the job is known not to be held any more."""
        ...

    def raise_if_lost(self) -> None:
        """Raise `TaskLockLostError` if it is."""
        ...

    def update(self) -> None:
        """Store the values now."""
        ...

    def extend_lock(self, seconds: float | None) -> None:
        """Renew the lease."""
        ...


@dataclass
class Updates:
    """What is to be stored with the success of a job, in the same statement; dropped if the block fails.

    Attributes:
        values: the new values by column.
    """

    values: dict[str, Any] = field(default_factory=dict)
    _block: Block | None = field(default=None, repr=False, compare=False)

    def set(self, key: str, value: Any) -> None:
        """Set the new value of a column.

        Raises:
            KeyError: the column is the library's to keep, or (in a block) there is no such column.
            TypeError, ValueError: JSON cannot hold this `data`, or no database would (NaN, infinity, nested too deep).
            TaskLockLostError: the block has ended.
        """
        if self._block is not None:
            self._block.check_open()
        check_column(key, self._block.columns if self._block else None)
        if key == "data":
            check = self._block.check_data if self._block else check_json
            check(value)
        self.values[key] = value

    def also(self, statement: sa.Executable) -> None:
        """Carry out a statement of your own in the same transaction as the success: both are stored, or neither.

        If it is refused the attempt has failed, with `TaskTransactionError`; so it has on an engine in AUTOCOMMIT.
        Nothing is sent before the block ends.

        Args:
            statement: any of SQLAlchemy's, such as ``sqlalchemy.insert(Receipt).values(…)``.

        Raises:
            TypeError: it is no such statement, or there is no block.
            TaskLockLostError: the block has ended.
        """
        if not isinstance(statement, sa.Executable):
            raise TypeError(f"{statement!r} is no statement of SQLAlchemy: give an insert(…), update(…), delete(…).")
        self._in_block.check_open()
        self._in_block.statements.append(statement)

    def update(self) -> None:
        """Store what was set so far now, before the block ends.

        Raises:
            TaskLockLostError: another worker has taken the job over; nothing was stored.
            TaskTransactionError: the database refused the values.
            StatusNotSavedError: the database did not answer while the lease lasted.
        """
        self._in_block.update()

    def extend_lock(self, seconds: float | None = None) -> None:
        """Renew the lease: it then ends `seconds` from now (by default the lease this attempt started with).

        A lease that ends later already is left as it is.

        Raises:
            TaskLockLostError, StatusNotSavedError: as for `update`.
        """
        self._in_block.extend_lock(seconds)

    @property
    def lost(self) -> bool:
        """Whether this worker is known not to hold the job any more; see `ExecutionContext.lost`."""
        return self._in_block.lost

    def raise_if_lost(self) -> None:
        """Leave a long loop early where going on is of no use.

        Raises:
            TaskLockLostError: `lost` is true; the message says why.
        """
        self._in_block.raise_if_lost()

    @property
    def fence(self) -> int:
        """A number that grows with every start of this job: downstream, refuse what comes with a smaller one."""
        return self._in_block.fence

    @property
    def _in_block(self) -> Block:
        if self._block is None:
            raise TypeError("These updates belong to no block: use those of `with ….start(…) as (job, updates)`.")
        return self._block


def check_json(data: Any, job_class: type[JobColumns] | None = None) -> None:
    """Refuse data that could not be stored, or not be read again.

    Raises:
        TypeError: JSON cannot hold it.
        ValueError: it has a NaN or an infinity, which SQLite would take and PostgreSQL not; it is nested more than 500
            deep; or the column is a JSONB, and a text in it has a NUL or half of a surrogate pair.
    """
    if data is None:
        return
    if _is_deeper(data, MAX_DEPTH):
        raise ValueError(f"data is nested more than {MAX_DEPTH} deep, and might not be read again: flatten it.")
    check_data(data)
    if job_class is not None and is_jsonb(job_class.data.type):
        text = json.dumps(data, ensure_ascii=False)
        if "\\u0000" in text.replace("\\\\", "") or not _is_unicode(text):
            raise ValueError(
                "data has a text with a NUL or half of a surrogate pair, which a JSONB column cannot hold: replace the "
                "character, as text.encode(errors='backslashreplace').decode() does for the latter."
            )


def _is_deeper(data: Any, limit: int) -> bool:
    level = [data]
    for _ in range(limit + 1):
        inner = [each for each in level if isinstance(each, dict | list | tuple)]
        if not inner:
            return False
        level = [each for one in inner for each in (one.values() if isinstance(one, dict) else one)]
    return True


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_column(name: str, columns: frozenset[str] | None) -> None:
    """Raise `KeyError` for a column that cannot be set; `columns` are those there are, None if that is not known."""
    if name in MANAGED_COLUMNS:
        raise KeyError(f"{name!r} cannot be set: the library keeps it.")
    if columns is not None and name not in columns:
        free = ", ".join(sorted(columns - MANAGED_COLUMNS))
        raise KeyError(f"There is no column {name!r}; those that can be set are {free}.")
