"""The status codes of a tracker."""

from __future__ import annotations

from typing import Self, TypeVar

from ..core import config


class BaseStatusEnum(config.BaseStatusEnum):
    """Base class for your own status codes; a subclass has all six names of `StatusEnum`."""

    @classmethod
    def get_by_value(cls, value: int) -> Self:
        """The member with that code. Raises ``ValueError`` if there is none."""
        return cls(value)


class StatusEnum(BaseStatusEnum):
    """The default codes of a tracker; override `get_status_enum` for others.

    Exhausted: its attempts are used up. Ignored: somebody set it aside, or no retry can help.
    """

    pending = 0
    in_progress = 10
    failed = 20
    exhausted = 30
    succeeded = 40
    ignored = 50


T_STATUS_ENUM = TypeVar("T_STATUS_ENUM", bound=BaseStatusEnum)
