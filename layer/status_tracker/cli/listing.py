"""`ls` and `show`: they only read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from rich.text import Text

from ..operations.filters import TaskFilter
from ..operations.turns import MatchingInTurn, matching_in_turn
from .display import console, print_json, print_task, tasks_table
from .errors import Code, WrongUsageError
from .ids import similar, task_id_of, told_similar
from .options import Chosen
from .progress import Reading
from .readable import Readable
from .scope import Scope
from .stats import tell_of_other_steps
from .text import plain, say
from .views import View


class Search:
    """The tasks of a scope that match, read with progress; Ctrl-C ends it where its cursor goes on.

    Where the error decides, the tasks that have failed or were set aside are read before all others.

    Attributes:
        matched: how many of them have been given.
    """

    def __init__(self, scope: Scope, chosen: TaskFilter, reading: Reading, **how: Any) -> None:
        self._scope = scope
        self._reading = reading
        likely = [code for code in chosen.statuses if code in scope.failed | scope.set_aside]
        others = [code for code in chosen.statuses if code not in likely]
        turns = [likely, others] if chosen.by_error else [chosen.statuses]
        self._by_error = chosen.by_error
        self.matched = 0
        self._matching: MatchingInTurn[Any] = matching_in_turn(
            chosen, scope.first, turns, whole=True, before_each=self._look, **how
        )
        self.readable = Readable(self._matching)

    @property
    def cursor(self) -> str | None:
        """Where it stands."""
        return self._matching.cursor

    @property
    def has_read(self) -> bool:
        """Whether any task has been read."""
        return any(count for _, count in self._matching.done)

    def told(self) -> str:
        """What has been read."""
        read = "; ".join(f"{count:,} {self._names(statuses)}" for statuses, count in self._matching.done)
        return f"{read} read, {self.matched:,} match"

    def tell_end(self) -> None:
        """Say what was read, where most of it may not have matched."""
        if self._by_error:
            say(f"{self.told()}.")

    def _names(self, statuses: Sequence[int]) -> str:
        known = self._scope.statuses
        return ", ".join(dict.fromkeys(known[code].status if code in known else str(code) for code in statuses))

    def _look(self) -> None:
        self._reading.look(self.told)


def ls(scopes: Sequence[Scope], chosen: Chosen, *, json: bool, limit: int, oldest: bool, cursor: str | None) -> None:
    """The tasks that match, of each use case."""
    if limit < 1:
        raise WrongUsageError(f"--limit is {limit}: give how many tasks to list, at least 1.")
    if cursor is not None and len(scopes) > 1:
        raise WrongUsageError(
            f"--cursor goes with one use case, and --task names {len(scopes)}: give the one it is of."
        )
    searches = []
    for scope in scopes:
        if len(scopes) > 1 and not json:
            console().print(Text(f"{plain(scope.use_case_id)}:", style="bold"))
        alone = len(scopes) == 1
        searches.append(_list(scope, chosen, json=json, limit=limit, oldest=oldest, cursor=cursor, alone=alone))
    for search in searches:
        search.readable.end()


def _list(
    scope: Scope, chosen: Chosen, *, json: bool, limit: int, oldest: bool, cursor: str | None, alone: bool
) -> Search:
    """The tasks of one use case; `alone` whether the list is of no others."""
    views: list[View] = []
    ended_by: BaseException | None = None
    with Reading(f"Listing {scope.use_case_id}") as reading:
        filtered = chosen.filter_in(scope)
        search = Search(scope, filtered, reading, cursor=cursor, limit=limit, older_first=oldest)
        try:
            for task in search.readable:
                views.append(scope.view(task))
                search.matched += 1
        except (KeyboardInterrupt, Exception) as error:
            if not search.has_read and not isinstance(error, KeyboardInterrupt):
                raise
            ended_by = error
    may_be_more = ended_by is not None or len(views) + search.readable.left_out >= limit
    behind = search.cursor if may_be_more else None
    if json:
        print_json({"tasks": [view.summary() for view in views], "cursor": behind})
    elif views:
        out = console()
        out.print(tasks_table(views, scope.config.now(), out.width))
    if ended_by is not None:
        end_early(scope.given, search, behind, ended_by)
    search.tell_end()
    if not views and behind is None:
        say("No task matches.")
    elif behind is not None and not json:
        say(f"There may be more: --limit, or {'' if alone else f'--task {scope.given} '}--cursor {behind}")
    if not json and not chosen.status:
        tell_of_other_steps(scope)
    return search


def show(scope: Scope, given: str, *, json: bool) -> None:
    """One task in full; its status is told by the steps of the pipeline, where one is given."""
    step = scope.first
    task_id = task_id_of(step, given)
    task = step.get_one_or_none(task_id, consistent_read=True)
    if task is None:
        say(f"Error: there is no task '{plain(task_id)}' in the use case {step.config.use_case_id!r}.")
        say(told_similar(*similar(scope, task_id)))
        raise typer.Exit(Code.NOT_ALL)
    view = View.of(task, step.config, scope.pipeline if scope.of_pipeline else None)
    if json:
        print_json(view.whole())
    else:
        print_task(console(), view, step.config.now())


def end_early(given: str, search: Search, cursor: str | None, ended_by: BaseException, where: str = "") -> NoReturn:
    """Say how a command goes on that Ctrl-C or an error has ended, and end it."""
    interrupted = isinstance(ended_by, KeyboardInterrupt)
    say(f"{'Interrupted' if interrupted else 'Ended early'}: {search.told()}.{where}")
    if cursor is not None:
        say(f"To go on, give the same command with --task {given} --cursor {cursor}")
    if interrupted:
        raise typer.Exit(Code.INTERRUPTED)
    raise ended_by
