"""What went wrong with single tasks of many: the first hundred are kept, and a few of them are shown."""

from __future__ import annotations

from ..operations.bulk import KEPT_TROUBLES
from .text import SHOWN, plain, say


class Troubles:
    """The troubles of a command.

    Attributes:
        kept: the first of them, for the JSON.
    """

    def __init__(self) -> None:
        self.kept: list[dict[str, str | int | None]] = []

    def add(self, task_id: str | None, outcome: str, message: str, *, line: int | None = None) -> None:
        """Keep one more; the id is None where the line has none."""
        if len(self.kept) < KEPT_TROUBLES:
            place = {} if line is None else {"line": line}
            self.kept.append({**place, "task_id": task_id, "outcome": outcome, "message": message})

    def say(self) -> None:
        """Show a person the first ones."""
        for trouble in self.kept[:SHOWN]:
            line = f"line {trouble['line']:,}: " if "line" in trouble else ""
            task_id = "" if trouble["task_id"] is None else f"{plain(trouble['task_id'])}: "
            say(f"{line}{task_id}{trouble['outcome']}: {plain(trouble['message'])}")
        if len(self.kept) > SHOWN:
            say("… more of them with --json")
