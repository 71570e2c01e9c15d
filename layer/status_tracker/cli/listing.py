"""`stats`, `ls`, `show`, `export`: they only read."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from json import dumps
from pathlib import Path
from typing import Any, TextIO

import typer

from ..operations.filters import TaskFilter
from ..operations.pipeline import Pipeline
from .acting import task_id_of
from .display import advance, console, counts_table, print_json, print_task, progress, tasks_table
from .errors import Code, WrongUsageError
from .options import Chosen
from .readable import Readable
from .target import Step, other_steps
from .text import age, plain, say, tasks
from .views import View

FORMATS = ("csv", "jsonl")
_COLUMNS = ("task_id", "status", "status_code", "retry", "run", "create_time", "update_time", "locked_until", "error")
_FORMULA = ("=", "+", "-", "@")


def stats(step: Step, *, json: bool) -> None:
    """How many tasks have each status, and for how long the oldest has had it."""
    config = step.config
    counts = step.count_by_status()
    names = {code: config.status_name(code) for code in counts}
    oldest = {}
    for code in counts:
        for task in TaskFilter((code,)).matching(step, limit=1):
            oldest[code] = task.tracked_state().update_time
    if json:
        rows = [
            {"status": names[code], "status_code": code, "tasks": count, "oldest": oldest.get(code)}
            for code, count in counts.items()
        ]
        print_json({"use_case_id": config.use_case_id, "statuses": rows, "total": sum(counts.values())})
        return
    now = config.now()
    console().print(counts_table(names, counts, {code: age(moment, now) for code, moment in oldest.items()}))
    _tell_of_other_steps(step)


def ls(
    step: Step,
    chosen: Chosen,
    pipeline: Pipeline | None,
    *,
    json: bool,
    limit: int,
    oldest: bool,
    cursor: str | None,
) -> None:
    """The tasks that match; a status of another step is told by the steps of the pipeline, where one is given."""
    if limit < 1:
        raise WrongUsageError(f"--limit is {limit}: give how many tasks to list, at least 1.")
    matching = chosen.filter(step.config, tuple(step.config.status_shards)).matching(
        step, cursor=cursor, limit=limit, older_first=oldest, whole=True
    )
    found = Readable(matching)
    views = [View.of(task, step.config, pipeline) for task in found]
    behind = matching.cursor if len(views) + found.left_out == limit else None
    if json:
        print_json({"tasks": [view.summary() for view in views], "cursor": behind})
    elif views:
        out = console()
        out.print(tasks_table(views, step.config.now(), out.width))
    if not views:
        say("No task matches.")
    elif behind is not None and not json:
        say(f"There may be more: --limit, or --cursor {behind}")
    if not json and not chosen.status:
        _tell_of_other_steps(step)
    found.end()


def show(step: Step, task_id: str, pipeline: Pipeline | None, *, json: bool) -> None:
    """One task in full; its status is told by the steps of the pipeline, where one is given."""
    task = step.get_one_or_none(task_id_of(step, task_id), consistent_read=True)
    if task is None:
        say(f"Error: there is no task {plain(repr(task_id))} in the use case {step.config.use_case_id!r}.")
        raise typer.Exit(Code.NOT_ALL)
    view = View.of(task, step.config, pipeline)
    if json:
        print_json(view.whole())
    else:
        print_task(console(), view, step.config.now())


def export(step: Step, chosen: Chosen, *, json: bool, output: Path | None, format: str | None) -> None:  # noqa: A002
    """All tasks that match, as CSV or JSON lines, as they are read."""
    kind = format or ("jsonl" if json or (output and output.suffix in {".jsonl", ".json"}) else "csv")
    if kind not in FORMATS:
        raise WrongUsageError(f"--format is {kind!r}: give one of {', '.join(FORMATS)}.")
    matching = chosen.filter(step.config, tuple(step.config.status_shards)).matching(step, whole=True)
    found = Readable(matching)
    left = iter(found)
    count, first = 0, next(left, None)  # where nothing can be read, nothing is written
    with progress("Exporting") as bar, _opened(output) as stream:
        write = _writer(kind, stream)
        for task in chain(() if first is None else (first,), left):
            write(View.of(task, step.config))
            advance(bar)
            count += 1
    if output is not None:
        say(f"{output}: {tasks(count)}")
    if not chosen.status:
        _tell_of_other_steps(step)
    found.end()


def _tell_of_other_steps(step: Step) -> None:
    """Say that the output covers only this step's statuses."""
    if others := other_steps(step):
        use_case = step.config.use_case_id
        say(f"Only tasks in a status of this step. The others of {use_case}: --task {' --task '.join(others)}")


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Standard output, or the file, which appears only once it is complete."""
    if output is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    part = output.with_name(f"{output.name}.part")
    try:
        stream = part.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise WrongUsageError(f"{output} cannot be written: {error.strerror}.") from error
    try:
        with stream:
            yield stream
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _writer(kind: str, stream: TextIO) -> Callable[[View], Any]:
    if kind == "jsonl":
        return lambda view: stream.write(f"{dumps(view.whole(), default=str)}\n")
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow([*_COLUMNS, "data"])

    def write(view: View) -> None:
        summary = view.summary()
        rows.writerow([*(_cell(summary[name]) for name in _COLUMNS), _cell(dumps(view.data, default=str))])

    return write


def _cell(value: object) -> object:
    """A value that a spreadsheet neither takes for a formula nor breaks a line at."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
