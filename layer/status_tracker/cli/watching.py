"""`watch`: how use cases stand, and what has changed."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from ..core.errors import TaskUnreadableError
from ..core.port import KeptCounts
from ..operations.filters import TaskFilter
from . import counting
from .display import console, print_json, tasks_table
from .errors import Code, WrongUsageError
from .scope import Scope
from .stats import Standing, pauses_of
from .text import plain
from .views import View

_SHOWN = 15
_MOST_AT_ONCE = 200
_BEHIND = timedelta(seconds=5)
_PACE_AGAIN = timedelta(seconds=15)
_LOOKS_AFTER_A_CHANGE = 2
"""Where counts are kept, tasks are looked for only when they have changed, and so often after that: the index may show
a change a moment after it was counted."""


class Changes:
    """Finds the tasks whose status was set since it looked last."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        # Of each status by itself: not all are looked at every time.
        self._since = dict.fromkeys(scope.statuses, scope.config.now())
        self._told: dict[tuple[str, datetime | None], int] = {}

    def look(self, codes: Collection[int]) -> list[View]:
        """The newest of those that have these statuses, the oldest of these first."""
        if not codes:
            return []
        since = min(self._since[code] for code in codes)
        chosen = TaskFilter(tuple(codes), since=since)
        listed = chosen.matching(self._scope.first, limit=_MOST_AT_ONCE, older_first=False, whole=True)
        views = [self._scope.view(task) for task in listed.each() if not isinstance(task, TaskUnreadableError)]
        new = [view for view in views if _mark(view) not in self._told and self._is_due(view)]
        # The index is a moment behind: what was set shortly before the newest may still come to be seen.
        newest = max((view.state.update_time for view in views if view.state.update_time), default=since)
        self._since |= {code: max(self._since[code], newest - _BEHIND) for code in codes}
        told = self._told | {_mark(view): view.state.status for view in views}
        self._told = {mark: code for mark, code in told.items() if mark[1] is None or mark[1] >= self._since[code]}
        return new[::-1]

    def _is_due(self, view: View) -> bool:
        """Whether it was not looked for before, when it was not yet listed for another status."""
        moment = view.state.update_time
        return moment is None or moment >= self._since[view.state.status]


class Watched:
    """One use case that is watched.

    Attributes:
        scope: what is watched of it.
        recent: the tasks that have changed last, the newest first.
        standing: how it stands, as of the last look.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.recent: deque[View] = deque(maxlen=_SHOWN)
        self._began = scope.config.now()
        self._changes = Changes(scope)
        self._paced: datetime | None = None
        self._came_to: deque[set[int]] = deque(maxlen=1 + _LOOKS_AFTER_A_CHANGE)
        self.standing = Standing(counting.Counts({}), counting.Oldest(), None, ())

    def look(self) -> list[View]:
        """What has changed since the last look."""
        counts, pauses, now = counting.count(self.scope, quiet=True), pauses_of(self.scope), self.scope.config.now()
        self._came_to.append(_may_have_come_to(self.scope, self.standing.counts.kept, counts.kept))
        self.standing = replace(self.standing, counts=counts, pauses=pauses)
        is_due = self._paced is None or now - self._paced >= _PACE_AGAIN
        changed = self._changes.look(set().union(*self._came_to))
        self.recent.extendleft(changed)
        if is_due:
            self._paced = now
            pace = counting.pace(self.scope, counts, paused=bool(pauses))
            self.standing = replace(self.standing, pace=pace, oldest=counting.oldest(self.scope, counts))
        return changed

    def has_trouble(self) -> bool:
        """Whether tasks have failed or were set aside since it is watched, and nothing has come of them since."""
        codes = tuple(sorted(self.scope.failed | self.scope.set_aside))
        chosen = TaskFilter(codes, since=self._began)
        return any(True for _ in chosen.matching(self.scope.first, limit=1).each())

    def rendered(self, width: int) -> RenderableType:
        """For a terminal of that width."""
        now = self.scope.config.now()
        heading = Text(f"{plain(self.scope.use_case_id)}, {now:%H:%M:%S} UTC", style="bold")
        shown = [tasks_table(self.recent, now, width)] if self.recent else []
        return Group(heading, self.standing.rendered(self.scope), *shown)


def _may_have_come_to(scope: Scope, before: KeptCounts | None, now: KeptCounts | None) -> set[int]:
    """The statuses that tasks may have come to in between; all where no counts are kept.

    If the numbers have risen by as much as there were changes, each change is one of those. Else some have come and
    gone again; at an end, those that come are counted by themselves.
    """
    codes = set(scope.statuses)
    if before is None or now is None:
        return codes
    differences = {code: number - before.by_code.get(code, 0) for code, number in now.by_code.items()}
    risen = {code: number for code, number in differences.items() if number > 0}
    if sum(risen.values()) == sum(now.changes) - sum(before.changes):
        return codes & risen.keys()
    ends = scope.ended if now.ended else set()
    return codes - {code for code in ends - risen.keys() if now.ended.get(code) == before.ended.get(code)}


def watch(scopes: Sequence[Scope], *, json: bool, interval: float, looks: int | None) -> None:
    """Show it until interrupted, or for so many looks. Raises `typer.Exit` if tasks failed meanwhile."""
    if not interval > 0:
        raise WrongUsageError(f"--interval is {interval:g}: give seconds above 0.")
    if looks is not None and looks < 1:
        raise WrongUsageError(f"--looks is {looks}: give how often to look, at least 1.")
    watched = [Watched(scope) for scope in scopes]
    try:
        if sys.stdout.isatty() and not json:
            _live(watched, interval, looks)
        else:
            _lines(watched, interval, looks, json=json)
    except KeyboardInterrupt:
        pass
    if any(each.has_trouble() for each in watched):
        raise typer.Exit(Code.TROUBLE)


def _live(watched: Sequence[Watched], interval: float, looks: int | None) -> None:
    out = console()
    with Live(console=out, auto_refresh=False) as live:
        for _ in _nth(interval, looks):
            for each in watched:
                each.look()
            live.update(Group(*(each.rendered(out.width) for each in watched)), refresh=True)


def _lines(watched: Sequence[Watched], interval: float, looks: int | None, *, json: bool) -> None:
    before: dict[int, list[str]] = {}
    for _ in _nth(interval, looks):
        for place, each in enumerate(watched):
            changed = each.look()
            if json:
                print_json(_as_json(each, changed))
                continue
            prefix = f"{plain(each.scope.use_case_id)}: " if len(watched) > 1 else ""
            lines = [_told_counts(each), *each.standing.told_pauses()]
            new = [line for line in lines if line not in before.get(place, ())]
            before[place] = lines
            for line in [*new, *(f"  {_told_change(view)}" for view in changed)]:
                sys.stdout.write(f"{prefix}{line}\n")
        sys.stdout.flush()


def _told_change(view: View) -> str:
    return f"{plain(view.task_id)}: {view.status_in_list}{f': {plain(view.error)}' if view.error else ''}"


def _told_counts(watched: Watched) -> str:
    counts, scope = watched.standing.counts, watched.scope
    about = "" if counts.exact else "≈"
    return ", ".join(f"{name} {about}{counts.by_code[code]:,}" for code, name in _names(scope).items())


def _as_json(watched: Watched, changed: Sequence[View]) -> dict[str, Any]:
    scope, standing = watched.scope, watched.standing
    counts = {name: standing.counts.by_code[code] for code, name in _names(scope).items()}
    more = {name: value for name, value in standing.as_json(scope).items() if name not in {"statuses", "total"}}
    return {"counts": counts, "changed": [view.summary() for view in changed], **more}


def _names(scope: Scope) -> dict[int, str]:
    return {code: f"{step} {name}" if scope.is_whole else name for code, (step, name) in scope.statuses.items()}


def _nth(interval: float, looks: int | None) -> Iterator[int]:
    """Counts the looks, and waits between them."""
    nth = 0
    while True:
        yield nth
        nth += 1
        if nth == looks:
            return
        time.sleep(interval)


def _mark(view: View) -> tuple[str, datetime | None]:
    return view.task_id, view.state.update_time
