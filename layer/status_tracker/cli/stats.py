"""`stats`: how a use case stands; `watch` shows the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from ..operations.pausing import Pause
from . import counting
from .counting import Counts, Oldest, Pace
from .display import console, counts_table, print_json
from .scope import Scope
from .text import age, iso, lasting, plain, say


@dataclass(frozen=True)
class Standing:
    """How a use case stands.

    Attributes:
        pace: how fast tasks end; None where that is not known.
        pauses: those in force.
    """

    counts: Counts
    oldest: Oldest
    pace: Pace | None
    pauses: Sequence[Pause]

    def as_json(self, scope: Scope) -> dict[str, Any]:
        """For machines."""
        rows = [
            {
                **({"step": step} if scope.is_whole else {}),
                "status": name,
                "status_code": code,
                "tasks": self.counts.by_code[code],
                "oldest": iso(self.oldest.since.get(code)),
            }
            for code, (step, name) in scope.statuses.items()
        ]
        pace = self.pace
        left = None if pace is None or pace.left is None else round(pace.left.total_seconds())
        return {
            "use_case_id": scope.use_case_id,
            "statuses": rows,
            "total": self.counts.total,
            "exact": self.counts.exact,
            "oldest_as_of": iso(self.oldest.as_of),
            "finished_per_minute": None if pace is None else round(pace.per_minute, 2),
            "seconds_left": left,
            "pauses": [
                {
                    "step": each.step,
                    "reason": each.reason,
                    "by": each.by,
                    "since": iso(each.since),
                    "until": iso(each.until),
                }
                for each in self.pauses
            ],
        }

    def rendered(self, scope: Scope) -> RenderableType:
        """For people."""
        now = scope.config.now()
        as_of = self.oldest.as_of or now
        table = counts_table(
            scope.statuses,
            self.counts.by_code,
            {code: age(min(moment, as_of), as_of) for code, moment in self.oldest.since.items()},
            as_of="" if self.oldest.as_of is None else age(as_of, max(as_of, now)),
            steps=scope.is_whole,
            exact=self.counts.exact,
        )
        return Group(table, *(Text(line) for line in [*self.told_pauses(), *self.told_pace(scope)]))

    def told_pauses(self) -> list[str]:
        """A line for each pause."""
        return [_told_pause(each) for each in self.pauses]

    def told_pace(self, scope: Scope) -> list[str]:
        """A line on how fast tasks end, where that is known."""
        if self.pace is None or not self.counts.total:
            return []
        return [_told_pace(self.pace, self._unfinished(scope))]

    def _unfinished(self, scope: Scope) -> int:
        return sum(number for code, number in self.counts.by_code.items() if code not in scope.ended)


def standing(scope: Scope) -> Standing:
    """As it is now."""
    counts, pauses = counting.count(scope), pauses_of(scope)
    return Standing(counts, counting.oldest(scope, counts), counting.pace(scope, counts, paused=bool(pauses)), pauses)


def pauses_of(scope: Scope) -> Sequence[Pause]:
    """The pauses in force for the steps that are covered."""
    if scope.pipeline is None:
        return ()
    names = {None, *(step.name for step in scope.steps)}
    return [each for each in scope.pipeline.pauses() if not scope.of_pipeline or each.step in names]


def stats(scopes: Sequence[Scope], *, json: bool) -> None:
    """How many tasks have each status, for how long the oldest has had it, and when the rest will be done."""
    for scope in scopes:
        now = standing(scope)
        if json:
            print_json(now.as_json(scope))
            continue
        if len(scopes) > 1:
            console().print(Text(f"{plain(scope.use_case_id)}:", style="bold"))
        console().print(now.rendered(scope))
        tell_of_other_steps(scope)
        tell_inexact(now.counts)


def tell_of_other_steps(scope: Scope) -> None:
    """Say that the output covers only this step's statuses, where a task class was given that has others beside it."""
    if scope.following:
        known = ",".join([scope.given, *scope.following])
        say(f"Only tasks in a status of this step. For all of {scope.use_case_id}: --task {known}")


def tell_inexact(counts: Counts) -> None:
    """Say what to do where the kept counts are not exact."""
    if not counts.exact:
        say("≈ These counts may have drifted: status-tracker recount counts anew.")


def _told_pace(pace: Pace, unfinished: int) -> str:
    over = lasting(pace.over)
    if not pace.per_minute:
        return f"Nothing has finished in the last {over}."
    rate = f"Finished: {pace.per_minute:,.1f} a minute over the last {over}"
    return f"{rate}; {unfinished:,} left, about {lasting(pace.left)}." if pace.left is not None else f"{rate}."


def _told_pause(pause: Pause) -> str:
    what = "Everything" if pause.step is None else plain(pause.step)
    until = "" if pause.until is None else f", until {pause.until.isoformat(timespec='seconds')}"
    by = f" by {plain(pause.by)}" if pause.by else ""
    return f"{what} is paused{by} since {pause.since.isoformat(timespec='seconds')}{until}: {plain(pause.reason)}"
