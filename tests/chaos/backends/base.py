"""What a backend is to the processes of a run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from status_tracker.core.port import PauseBoard

from ..faults import Faults


class Block(Protocol):
    """The inside of a `with` block, whatever it is called there.

    Attributes:
        task: the id of the task; known to its worker only now, where it was claimed.
        end: when its lease ends.
        status, retry, data: of the task as it was acquired.
    """

    task: str
    fence: int
    lock: str
    end: datetime
    status: int
    retry: int
    data: Mapping[str, Any]

    def extend(self) -> None:
        """Renew the lease."""
        ...

    def update(self, data: dict[str, Any]) -> None:
        """Store the data now."""
        ...

    def finish(self, data: dict[str, Any], receipt: str | None) -> None:
        """Have the data stored with the success, and a receipt in the same transaction."""
        ...


class Backend(Protocol):
    """A backend under test.

    Attributes:
        unreachable: what creations and starts raise when they got no answer.
        claims: whether workers can ask for the oldest task, instead of naming one.
        receipts: whether a success can store more in one transaction with itself.
        deeds: what operators can do, of the deeds of the plan.
    """

    unreachable: tuple[type[Exception], ...]
    claims: bool
    receipts: bool
    deeds: frozenset[str]

    def serving(self) -> AbstractContextManager[None]:
        """Run it, made empty, with its faults; at its end the tables are dumped, see `records`."""
        ...

    def enter_process(self, faults: Faults) -> None:
        """Called once in each worker and producer; `faults` are for what fails inside of a process."""
        ...

    def create(self, task: str, maker: str, mode: str) -> bool:
        """Create a task in one of the modes of the plan; whether it was this call that made it."""
        ...

    def start(
        self, task: str, *, create: bool, data: dict[str, Any] | None, heartbeat: float | None
    ) -> AbstractContextManager[Block]:
        """Start a task."""
        ...

    def claim(self) -> AbstractContextManager[Block | None]:
        """Start the oldest one; None if there is none."""
        ...

    def renewals_seen(self, note: partial[None], lock: str) -> AbstractContextManager[None]:
        """Have every renewal of this lock written down while the block runs, if the tables do not tell of them."""
        ...

    def act(self, deed: str, task: str, name: str) -> None:
        """Do that deed to a task; a request of the same name is the same one."""
        ...

    def pause_board(self) -> PauseBoard:
        """Where it is kept what is paused."""
        ...

    def affect(self, task: str, start: str, fence: int) -> bool:
        """Write downstream; False where that was refused because a newer attempt has written."""
        ...
