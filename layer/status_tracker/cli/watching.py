"""`watch`: the counts as they stand, and what has changed."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.text import Text

from ..core.errors import TaskUnreadableError
from ..operations.filters import TaskFilter
from .display import console, counts_table, print_json, tasks_table
from .errors import WrongUsageError
from .target import Step
from .text import plain
from .views import View

_SHOWN = 15
_MOST_AT_ONCE = 200
_BEHIND = timedelta(seconds=5)


class Changes:
    """Finds the tasks whose status was set since it looked last."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._since: datetime = step.config.now()
        self._told: set[tuple[str, datetime | None]] = set()

    def look(self) -> list[View]:
        """The newest of them, the oldest of these first."""
        chosen = TaskFilter(tuple(self._step.config.status_shards), since=self._since)
        listed = chosen.matching(self._step, limit=_MOST_AT_ONCE, older_first=False, whole=True)
        views = [
            View.of(task, self._step.config) for task in listed.each() if not isinstance(task, TaskUnreadableError)
        ]
        new = [view for view in views if _mark(view) not in self._told]
        self._told = {_mark(view) for view in views}
        # The index is a moment behind: what was set shortly before the newest may still come to be seen.
        newest = max((view.state.update_time for view in views if view.state.update_time), default=self._since)
        self._since = max(self._since, newest - _BEHIND)
        return new[::-1]


def watch(step: Step, *, json: bool, interval: float, looks: int | None) -> None:
    """Show it until interrupted, or for so many looks."""
    if not interval > 0:
        raise WrongUsageError(f"--interval is {interval:g}: give seconds above 0.")
    if looks is not None and looks < 1:
        raise WrongUsageError(f"--looks is {looks}: give how often to look, at least 1.")
    try:
        if sys.stdout.isatty() and not json:
            _live(step, interval, looks)
        else:
            _lines(step, interval, looks, json=json)
    except KeyboardInterrupt:
        return


def _live(step: Step, interval: float, looks: int | None) -> None:
    recent: deque[View] = deque(maxlen=_SHOWN)
    out = console()
    with Live(console=out, auto_refresh=False) as live:
        for changed, counts in _looks(step, interval, looks):
            recent.extendleft(changed)
            now = step.config.now()
            names = {code: step.config.status_name(code) for code in counts}
            heading = Text(f"{step.config.use_case_id}, {now:%H:%M:%S} UTC", style="bold")
            shown = [tasks_table(recent, now, out.width)] if recent else []
            live.update(Group(heading, counts_table(names, counts, None), *shown), refresh=True)


def _lines(step: Step, interval: float, looks: int | None, *, json: bool) -> None:
    before: dict[int, int] = {}
    for changed, counts in _looks(step, interval, looks):
        named: dict[str, Any] = {step.config.status_name(code): count for code, count in counts.items()}
        if json:
            print_json({"counts": named, "changed": [view.summary() for view in changed]})
            continue
        if counts != before:
            sys.stdout.write(", ".join(f"{name} {count:,}" for name, count in named.items()) + "\n")
        for view in changed:
            sys.stdout.write(
                f"  {plain(view.task_id)}: {view.status}{f': {plain(view.error)}' if view.error else ''}\n"
            )
        sys.stdout.flush()
        before = counts


def _looks(step: Step, interval: float, looks: int | None) -> Iterator[tuple[list[View], dict[int, int]]]:
    changes, nth = Changes(step), 0
    while True:
        yield changes.look(), step.count_by_status()
        nth += 1
        if nth == looks:
            return
        time.sleep(interval)


def _mark(view: View) -> tuple[str, datetime | None]:
    return view.task_id, view.state.update_time
