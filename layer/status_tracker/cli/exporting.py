"""`export`: all tasks that match, as they are read."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from .errors import WrongUsageError
from .listing import Search, end_interrupted, refuse_cursor_of_several
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
    """All tasks that match, as CSV or JSON lines, of each use case."""
    kind = format or ("jsonl" if json or (output and output.suffix in {".jsonl", ".json"}) else "csv")
    if kind not in FORMATS:
        raise WrongUsageError(f"--format is {kind!r}: give one of {', '.join(FORMATS)}.")
    refuse_cursor_of_several(scopes, cursor)
    searches: list[Search] = []
    with _opened(output, goes_on=cursor is not None) as sink:
        write = _writer(kind, sink)
        for scope in scopes:
            searches.append(_export(scope, chosen, write, sink, cursor))
            if not chosen.status:
                tell_of_other_steps(scope)
        if kind == "csv":
            _begin(sink)
    if output is not None:
        say(f"{output}: {tasks(sum(search.matched for search in searches))}{' more' if cursor else ''}")
    for search in searches:
        search.readable.end()


def _export(scope: Scope, chosen: Chosen, write: Writer, sink: Sink, cursor: str | None) -> Search:
    with Reading(f"Exporting {scope.use_case_id}") as reading:
        search = Search(scope, chosen.filter_in(scope), reading, cursor=cursor, older_first=True)
        try:
            for task in search.readable:
                write(scope.view(task), scope)
                search.matched += 1
        except KeyboardInterrupt:
            sink.kept = True
            sink.stream.flush()
            end_interrupted(scope, search, search.cursor, sink.told)
    search.tell_end()
    return search


class Sink:
    """Where the rows go.

    Attributes:
        stream: takes them.
        is_begun: whether there are rows already, of the call that this one goes on with.
        kept: whether an unfinished file stays, to go on with.
        told: what is said of it.
    """

    def __init__(self, stream: TextIO, *, is_begun: bool, told: str = "") -> None:
        self.stream = stream
        self.is_begun = is_begun
        self.kept = False
        self.told = told


@contextmanager
def _opened(output: Path | None, *, goes_on: bool) -> Iterator[Sink]:
    """Standard output, or the file, which appears only once it is complete."""
    if output is None:
        yield Sink(sys.stdout, is_begun=goes_on)
        sys.stdout.flush()
        return
    part = output.with_name(f"{output.name}.part")
    is_begun = goes_on and part.exists()
    try:
        stream = part.open("a" if goes_on else "w", encoding="utf-8", newline="")
    except OSError as error:
        raise WrongUsageError(f"{output} cannot be written: {error.strerror}.") from error
    sink = Sink(stream, is_begun=is_begun, told=f" They are in {part}.")
    sink.kept = is_begun
    try:
        with stream:
            yield sink
        part.replace(output)
    finally:
        if not sink.kept:
            part.unlink(missing_ok=True)


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
