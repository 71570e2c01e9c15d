"""`watch`: how use cases stand, and what has changed."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from ..core.errors import TaskUnreadableError
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
"""Where counts are kept, tasks are looked for only when they have changed, and so often after that."""


class Changes:
    """Finds the tasks whose status was set since it looked last."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._since: datetime = scope.config.now()
        self._told: set[tuple[str, datetime | None]] = set()

    def look(self) -> list[View]:
        """The newest of them, the oldest of these first."""
        chosen = TaskFilter(tuple(self._scope.statuses), since=self._since)
        listed = chosen.matching(self._scope.first, limit=_MOST_AT_ONCE, older_first=False, whole=True)
        views = [self._scope.view(task) for task in listed.each() if not isinstance(task, TaskUnreadableError)]
        new = [view for view in views if _mark(view) not in self._told]
        self._told = {_mark(view) for view in views}
        # The index is a moment behind: what was set shortly before the newest may still come to be seen.
        newest = max((view.state.update_time for view in views if view.state.update_time), default=self._since)
        self._since = max(self._since, newest - _BEHIND)
        return new[::-1]


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
        self._same = 0
        self.standing = Standing(counting.Counts({}), counting.Oldest(), None, ())

    def look(self) -> list[View]:
        """What has changed since the last look."""
        counts, pauses, now = counting.count(self.scope, quiet=True), pauses_of(self.scope), self.scope.config.now()
        before = self.standing.counts.kept
        is_same = counts.kept is not None and before is not None and counts.kept.changes == before.changes
        self._same = self._same + 1 if is_same else 0
        self.standing = replace(self.standing, counts=counts, pauses=pauses)
        is_due = self._paced is None or now - self._paced >= _PACE_AGAIN
        # The index may show a change a moment after it was counted.
        changed = self._changes.look() if self._same <= _LOOKS_AFTER_A_CHANGE else []
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
