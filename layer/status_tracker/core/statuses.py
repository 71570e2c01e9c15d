"""Status codes: integers of the user's choosing, with names that people read."""

from __future__ import annotations

import enum


class StatusNameEnum(enum.Enum):
    """The five names of the lifecycle, whatever integers stand for them."""

    pending = "pending"
    in_progress = "in_progress"
    failed = "failed"
    succeeded = "succeeded"
    ignored = "ignored"


class BaseStatusEnum(int, enum.Enum):
    """Base class for the status codes of one step.

    A step's ``succeeded`` may be the next step's ``pending``; by custom the codes grow along the pipeline::

        class Step1StatusEnum(BaseStatusEnum):
            pending = 10
            in_progress = 20
            failed = 30
            succeeded = 40
            ignored = 50
    """

    @property
    def status_name(self) -> str:
        """The name a person reads, for example ``"pending"``."""
        return self.name

    @classmethod
    def from_value(cls, value: int) -> BaseStatusEnum:
        """The member with that code. Raises ``ValueError`` if there is none."""
        return cls(value)

    @classmethod
    def value_to_name(cls, value: int) -> str:
        """The name of a code. Raises ``ValueError`` if there is no such code."""
        return cls(value).name

    @classmethod
    def values(cls) -> list[int]:
        """All codes, in the order in which they were declared."""
        return [member.value for member in cls]


def ensure_status_value(status: int | BaseStatusEnum) -> int:
    """The integer of a status given as an enum member or as the integer itself."""
    return int(status)
