"""What became of the tasks that an action was done to."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..core.errors import TaskUnreadableError
from ..operations.actions import Action, ActionOutcome, Kind
from ..operations.bulk import BulkRun
from .display import console, outcome_table, print_json
from .errors import Code, explained
from .target import Target
from .text import plain, say
from .troubles import Troubles


class Tally:
    """The outcomes so far.

    Attributes:
        counts: how many of them had each outcome.
    """

    def __init__(self, action: Action, run_id: str) -> None:
        self._action = action
        self._run_id = run_id
        self.counts: Counter[str] = Counter()
        self._unanswered = 0
        self._troubles = Troubles()

    @property
    def code(self) -> Code:
        done = sum(self.counts[kind] for kind in (Kind.DONE, Kind.REPEATED))
        nothing_to_delete = self._action is Action.DELETE and not self.counts  # what a nightly call is to find
        if nothing_to_delete or (done and done == self.counts.total()):
            return Code.OK
        return Code.UNREACHABLE if self._unanswered and self._unanswered == self.counts.total() else Code.NOT_ALL

    def add(self, outcome: ActionOutcome) -> None:
        self.counts[outcome.kind.value] += 1
        self._unanswered += outcome.kind is Kind.FAILED and not isinstance(outcome.error, TaskUnreadableError)
        if outcome.kind not in {Kind.DONE, Kind.REPEATED}:
            explanation = explained(outcome.error) if outcome.kind is Kind.FAILED and outcome.error else None
            self._troubles.add(outcome.task_id, outcome.kind.value, explanation or outcome.message)

    def tell(self, target: Target, run: BulkRun[Any] | None) -> None:
        cursor, stopped = (None, None) if run is None else (run.cursor, run.stopped)
        if target.json:
            result = {"action": self._action.value, "run_id": self._run_id, "counts": dict(self.counts)}
            print_json({**result, "troubles": self._troubles.kept, "cursor": cursor, "stopped": stopped})
            return
        if self.counts:
            console().print(outcome_table(self.counts))
        else:
            say("No task matches.")
        self._troubles.say()
        if self._action is Action.DELETE and self.counts[Kind.LOCKED]:
            say(f"What --cancel has cancelled is deleted by the same call with --run-id {self._run_id} after that.")
        if stopped:
            place = "" if cursor is None else f" --cursor {cursor}"
            say(f"Stopped: {plain(stopped)}. To go on: --run-id {self._run_id}{place}")
