"""The status codes of a tracker."""

from __future__ import annotations

from typing import Self, TypeVar

from ..core import config


class BaseStatusEnum(config.BaseStatusEnum):
    """Base class for status codes of one's own; all six names of `StatusEnum` must be there."""

    @classmethod
    def get_by_value(cls, value: int) -> Self:
        """The member with that code. Raises ``ValueError`` if there is none."""
        return cls(value)


class StatusEnum(BaseStatusEnum):
    """The codes that a tracker has unless its `get_status_enum` says otherwise.

    Exhausted: its attempts are used up. Ignored: somebody set it aside, or no retry can mend it.
    """

    pending = 0
    in_progress = 10
    failed = 20
    exhausted = 30
    succeeded = 40
    ignored = 50


T_STATUS_ENUM = TypeVar("T_STATUS_ENUM", bound=BaseStatusEnum)
