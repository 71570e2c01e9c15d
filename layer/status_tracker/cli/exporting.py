"""`export`: all tasks that match, as they are read."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from json import dumps, loads
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from .errors import WrongUsageError
from .listing import Search, end_early
from .options import Chosen
from .progress import Reading
from .scope import Scope
from .stats import tell_of_other_steps
from .text import plain, say, tasks
from .views import View

Writer: TypeAlias = Callable[[View, Scope], Any]
"""Writes a task of a scope."""

FORMATS = ("csv", "jsonl")
_COLUMNS = ("task_id", "status", "status_code", "retry", "run", "create_time", "update_time", "locked_until", "error")
_WHERE = ("step", "use_case_id")
_FORMULA = ("=", "+", "-", "@")


def export(
    scopes: Sequence[Scope],
    chosen: Chosen,
    *,
    json: bool,
    output: Path | None,
    format: str | None,  # noqa: A002  # the option's name
    cursor: str | None,
) -> None:
    """All tasks that match, as CSV or JSON lines, of each use case. A cursor is of the first of them."""
    kind = format or ("jsonl" if json or (output and output.suffix in {".jsonl", ".json"}) else "csv")
    if kind not in FORMATS:
        raise WrongUsageError(f"--format is {kind!r}: give one of {', '.join(FORMATS)}.")
    searches: list[Search] = []
    goes_on = cursor is not None
    wanted = {"tasks": [scope.given for scope in scopes], "format": kind, "filter": asdict(chosen)}
    with _opened(output, wanted, cursor) as sink:
        write = _writer(kind, sink)
        place = [scope.given for scope in scopes].index(sink.place) if sink.place else 0
        for scope in scopes[place:]:
            searches.append(_export(scope, chosen, write, sink, cursor))
            cursor = None
            if not chosen.status:
                tell_of_other_steps(scope)
        if kind == "csv":
            _begin(sink)
    if output is not None:
        say(f"{output}: {tasks(sum(search.matched for search in searches))}{' more' if goes_on else ''}")
    for search in searches:
        search.readable.end()


def _export(scope: Scope, chosen: Chosen, write: Writer, sink: Sink, cursor: str | None) -> Search:
    with Reading(f"Exporting {scope.use_case_id}") as reading:
        search = Search(scope, chosen.filter_in(scope), reading, cursor=cursor, older_first=True)
        given = iter(search.readable)
        while (task := _following(given, scope, search, sink)) is not None:
            write(scope.view(task), scope)
            search.matched += 1
    search.tell_end()
    return search


def _following(given: Iterator[Any], scope: Scope, search: Search, sink: Sink) -> Any:
    """The next task; None at the end. What ends the reading before that is told, and how the export goes on."""
    try:
        return next(given, None)
    except (KeyboardInterrupt, Exception) as error:
        if not search.has_read and not isinstance(error, KeyboardInterrupt):
            raise
        sink.keep(scope.given, search.cursor)
        end_early(sink.tasks_from(scope.given), search, search.cursor, error, sink.told)


class Sink:
    """Where the rows go.

    Args:
        wanted: what the export is of; kept beside an unfinished file, so that only the same one goes on with it.

    Attributes:
        stream: takes them.
        part: the unfinished file; None for standard output.
        is_begun: whether there are rows already, of the call that this one goes on with.
        place: what ``--task`` names where this call goes on; empty where that is the beginning.
        kept: whether an unfinished file stays, to go on with.
    """

    def __init__(
        self, stream: TextIO, part: Path | None, wanted: dict[str, Any], *, place: str, is_begun: bool
    ) -> None:
        self.stream = stream
        self.part = part
        self.is_begun = is_begun
        self.place = place
        self.kept = is_begun and part is not None
        self._wanted = wanted

    def tasks_from(self, place: str) -> str:
        """What ``--task`` names to go on there: all that the file is of, or what comes after on standard output."""
        names = self._wanted["tasks"]
        return ",".join(names[names.index(place) :] if self.part is None else names)

    @property
    def told(self) -> str:
        """What is said of the rows."""
        return "" if self.part is None else f" They are in {self.part}."

    def keep(self, place: str, cursor: str | None) -> None:
        """Keep what is written, and beside it how it goes on."""
        self.stream.flush()
        if self.part is None or cursor is None:
            return
        self.kept = True
        state = {**self._wanted, "place": place, "cursor": cursor, "length": self.part.stat().st_size}
        _beside(self.part).write_text(dumps(state))


@contextmanager
def _opened(output: Path | None, wanted: dict[str, Any], cursor: str | None) -> Iterator[Sink]:
    """Standard output, or the file, which appears only once it is complete."""
    if output is None:
        yield Sink(sys.stdout, None, wanted, place="", is_begun=cursor is not None)
        sys.stdout.flush()
        return
    part = output.with_name(f"{output.name}.part")
    place = "" if cursor is None else _place_in(part, wanted, cursor)
    try:
        stream = part.open("w" if cursor is None else "a", encoding="utf-8", newline="")
    except OSError as error:
        raise WrongUsageError(f"{output} cannot be written: {error.strerror}.") from error
    sink = Sink(stream, part, wanted, place=place, is_begun=part.stat().st_size > 0)
    try:
        with stream:
            yield sink
        part.replace(output)
        sink.kept = False
    finally:
        if not sink.kept:
            part.unlink(missing_ok=True)
            _beside(part).unlink(missing_ok=True)


def _beside(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _place_in(part: Path, wanted: dict[str, Any], cursor: str) -> str:
    """Where the unfinished file goes on; what a killed call wrote after that is cut off.

    Raises:
        WrongUsageError: there is no such file, or it is of another export, or goes on at another cursor.
    """
    try:
        state = loads(_beside(part).read_text())
        size = part.stat().st_size
    except (OSError, ValueError) as error:
        raise WrongUsageError(
            f"There is no {part} with its {_beside(part).name} to go on with: leave --cursor out."
        ) from error
    if {name: state[name] for name in wanted} != loads(dumps(wanted)) or size < state["length"]:
        raise WrongUsageError(
            f"{part} is of another export: give its --task, filter and --format, or leave --cursor out."
        )
    if state["cursor"] != cursor:
        raise WrongUsageError(f"{part} goes on elsewhere: give --cursor {state['cursor']}, or leave it out.")
    os.truncate(part, state["length"])
    return str(state["place"])


def _writer(kind: str, sink: Sink) -> Writer:
    stream = sink.stream
    if kind == "jsonl":
        return lambda view, scope: stream.write(f"{dumps(_whole(view, scope), default=str)}\n")
    rows = csv.writer(stream, lineterminator="\n")

    def write(view: View, scope: Scope) -> None:
        _begin(sink)
        whole = _whole(view, scope)
        data = _cell(dumps(view.data, default=str))
        rows.writerow([*(_cell(whole[name]) for name in _COLUMNS), data, *(_cell(whole[name]) for name in _WHERE)])

    return write


def _begin(sink: Sink) -> None:
    """Write the names of the columns, once and not before a task was read."""
    if not sink.is_begun:
        sink.is_begun = True
        csv.writer(sink.stream, lineterminator="\n").writerow([*_COLUMNS, "data", *_WHERE])


def _whole(view: View, scope: Scope) -> dict[str, Any]:
    meaning = scope.statuses.get(view.state.status)
    return {**view.whole(), "step": meaning and meaning.step, "use_case_id": scope.use_case_id}


def _cell(value: object) -> object:
    """A value that a spreadsheet neither takes for a formula nor breaks a line at."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
