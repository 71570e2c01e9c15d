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

    @classmethod
    def get_by_name(cls, name: str) -> Self:
        """The member of that name. Raises ``KeyError`` if there is none."""
        return cls[name]

    @classmethod
    def get_names(cls) -> list[str]:
        """All names, in the order in which they were declared."""
        return [member.name for member in cls]

    @classmethod
    def get_values(cls) -> list[int]:
        """All codes, in the order in which they were declared."""
        return cls.values()

    @classmethod
    def is_valid_name(cls, name: object) -> bool:
        """Whether there is a member of that name."""
        return name in cls.get_names()

    @classmethod
    def is_valid_value(cls, value: object) -> bool:
        """Whether there is a member with that code."""
        return value in cls.get_values()

    @classmethod
    def ensure_is_valid_value(cls, value: object) -> None:
        """Raise ``ValueError`` if no member has that code."""
        if not cls.is_valid_value(value):
            raise ValueError(f"{cls.__name__} has no code {value!r}: give one of {cls.get_values()}.")

    @classmethod
    def ensure_int(cls, value: int) -> int:
        """The code of a member, or of itself, as an integer. Raises ``ValueError`` if there is none."""
        return int(cls(value))


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
