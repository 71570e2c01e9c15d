"""Dataclasses of pynamodb_mate 5, for users who keep their data in classes of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self


@dataclasses.dataclass
class BaseDataClass:
    """A dataclass from and to a dict."""

    @classmethod
    def from_dict(cls, dct: Mapping[str, Any]) -> Self:
        """The instance with those fields."""
        return cls(**dct)

    def to_dict(self) -> dict[str, Any]:
        """The fields, by name."""
        return dataclasses.asdict(self)


@dataclasses.dataclass
class BaseData(BaseDataClass):
    """For the data of a task: derive from it, and give `to_dict()` to `new` and `set_data`."""


@dataclasses.dataclass
class BaseErrors(BaseDataClass):
    """The errors of a task as v5 stored them: its last failure."""

    error: str | None = None
    traceback: str | None = None

    @classmethod
    def from_dict(cls, dct: Mapping[str, Any]) -> Self:
        """The instance with those fields. What else a tracker's errors have, such as the history, is left out."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in dct.items() if name in names})
