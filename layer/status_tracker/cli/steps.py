"""`Step`: what the commands need of a step; only for whoever checks types, since its parents take a while to import."""

from __future__ import annotations

from typing import Any, Protocol

from ..operations.actions import Operable
from ..operations.filters import ListedTask


class Step(Operable[Any], Protocol):
    """What the commands need of a step."""

    def get_one_or_none(self, task_id: str, consistent_read: bool = ...) -> ListedTask | None: ...

    def count_by_status(self) -> dict[int, int]: ...
