"""What people read: tables of tasks, one task in full, progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from .progress_lines import ProgressLines
from .text import age, plain
from .views import View

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.status import Status

    from ..operations.pipeline import StatusOfStep

_STYLES = {
    "pending": "cyan",
    "in_progress": "blue",
    "failed": "yellow",
    "succeeded": "green",
    "ignored": "red",
    "exhausted": "red",
}
_NARROWEST = 12
_OTHER_COLUMNS = 34  # what Failed, Run, Since and the space between columns take
_WIDEST_TABLE = 80
_ENDLESS = 100_000  # what is piped elsewhere is not cut to a terminal's width


def console() -> Console:
    """Standard output."""
    width = None if sys.stdout.isatty() else _ENDLESS
    return Console(highlight=False, emoji=False, width=width, soft_wrap=not sys.stdout.isatty())


def narrow_console() -> Console:
    """Standard output, never wider than a terminal of 80 columns."""
    return Console(
        highlight=False,
        emoji=False,
        width=min(_WIDEST_TABLE, Console().width) if sys.stdout.isatty() else _WIDEST_TABLE,
    )


def error_console() -> Console:
    """Standard error."""
    return Console(highlight=False, emoji=False, stderr=True)


def print_json(content: object) -> None:
    """One line of JSON, ASCII only."""
    sys.stdout.write(f"{json.dumps(content, default=str)}\n")
    sys.stdout.flush()


def counts_table(
    statuses: Mapping[int, StatusOfStep],
    counts: Mapping[int, int],
    oldest: Mapping[int, str] | None,
    *,
    as_of: str = "",
    steps: bool,
    exact: bool = True,
) -> Table:
    """How many tasks have each status; and for how long the oldest has had it, where that is known.

    Args:
        as_of: how long ago the oldest were seen; empty for now.
        steps: whether to name the step of each status.
        exact: whether these are the numbers, and not only nearly those.
    """
    table = _table()
    for title in (*(("Step",) if steps else ()), "Status"):
        table.add_column(title)
    title_of_oldest = f"Oldest, {as_of} ago" if as_of else "Oldest"
    for title in ("Code", "Tasks", *(() if oldest is None else (title_of_oldest,))):
        table.add_column(title, justify="right")
    about, shown = "" if exact else "≈", ""
    for code, (step, name) in statuses.items():
        first = () if not steps else ("" if step == shown else Text(step),)
        table.add_row(*first, _status(name), str(code), f"{about}{counts[code]:,}", (oldest or {}).get(code, ""))
        shown = step
    table.add_section()
    table.add_row(*(("total", "") if steps else ("total",)), "", f"{about}{sum(counts.values()):,}")
    return table


def differences_table(names: Mapping[int, str], kept: Mapping[int, int], counted: Mapping[int, int]) -> Table:
    """The counts that are kept beside the tasks that there are."""
    table = _table()
    table.add_column("Status")
    for title in ("Code", "Kept", "Tasks", "Difference"):
        table.add_column(title, justify="right")
    for code, name in names.items():
        ours, theirs = kept.get(code, 0), counted.get(code, 0)
        difference = f"{theirs - ours:+,}" if theirs != ours else ""
        table.add_row(plain(name), str(code), f"{ours:,}", f"{theirs:,}", difference)
    return table


def tasks_table(views: Sequence[View], now: datetime, width: int) -> RenderableType:
    """A task a row, in a terminal of that width. Errors are cut, ids never: long ones have a line of their own."""
    ids = [plain(view.task_id) for view in views]
    statuses = [_status(view.status_in_list, stuck=view.stuck) for view in views]
    id_width = max(map(cell_len, [*ids, "Task"]))
    rest = width - max(map(len, statuses), default=0) - _OTHER_COLUMNS
    is_beside = id_width + _NARROWEST <= rest
    table = _table()
    if is_beside:
        table.add_column("Task", no_wrap=True)
    for title, side in (("Status", "left"), ("Failed", "right"), ("Run", "right"), ("Since", "right")):
        table.add_column(title, justify=side, no_wrap=True)  # type: ignore[arg-type]  # one of rich's literals
    error_width = rest - id_width if is_beside else rest
    table.add_column("Last error", no_wrap=True, max_width=max(error_width, _NARROWEST))
    for task_id, status, view in zip(ids, statuses, views, strict=True):
        table.add_row(
            *((Text(task_id),) if is_beside else ()),
            status,
            str(view.state.retry),
            str(view.state.run),
            age(view.state.update_time, now),
            Text(plain(view.error)),
        )
    return table if is_beside else _under_ids(ids, table, width)


def _under_ids(ids: Sequence[str], table: Table, width: int) -> RenderableType:
    """The rows of the table, each under its id; only an id that is wider than the terminal is folded."""
    lines = Console(width=width, highlight=False, emoji=False).render_lines(table, pad=False)
    rendered = [Text.assemble(*((part.text, part.style or "") for part in line), no_wrap=True) for line in lines]
    end = len(rendered) - (0 if table.box is None else 1)  # a line of the frame
    heading, rows = rendered[: end - len(ids)], rendered[end - len(ids) : end]
    under = (each for task_id, row in zip(ids, rows, strict=True) for each in (Text(task_id, overflow="fold"), row))
    return Group(*heading, *under, *rendered[end:])


def print_task(out: Console, view: View, now: datetime) -> None:
    """One task in full."""
    state = view.state
    facts: list[tuple[str, object]] = [
        ("Task", plain(view.task_id)),
        ("Status", f"{view.status_of_steps}{' (stuck)' if view.stuck else ''}, code {state.status}"),
        ("Since", _when(state.update_time, now)),
        ("Created", _when(view.create_time, now)),
        ("Failed in a row", state.retry),
        ("Reruns", state.run),
        ("Started", f"{state.fence} times"),
        ("Locked until", _when(view.locked_until, now)),
        ("Not before", _when(state.not_before, now)),
    ]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, fact in facts:
        if fact != "":
            table.add_row(name, Text(str(fact)))
    out.print(table)
    for title, entries in (("Failures", state.errors.get("history")), ("Actions", state.errors.get("actions"))):
        _print_entries(out, title, entries or ())
    out.print("\nData", style="bold")
    out.print(Text("\n".join(map(plain, json.dumps(view.data, indent=2, default=str).split("\n")))))


def outcome_table(counts: Mapping[str, int]) -> Table:
    """How many tasks had each outcome."""
    table = _table()
    table.add_column("Outcome")
    table.add_column("Tasks", justify="right")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    return table


def checks_table(checks: Sequence[tuple[str, bool | None, float, str]]) -> Table:
    """A check a row: its name, whether it holds (None: there was nothing to check), its seconds, and what was seen."""
    table = _table()
    table.add_column("Check", no_wrap=True)
    table.add_column("Holds", no_wrap=True)
    table.add_column("Seconds", justify="right", no_wrap=True)
    table.add_column("What was seen", overflow="fold")
    verdicts = {True: Text("yes", style="green"), False: Text("NO", style="bold red"), None: Text("n/a")}
    for name, holds, seconds, told in checks:
        table.add_row(Text(name), verdicts[holds], f"{seconds:.1f}", Text(told))
    return table


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Progress | ProgressLines]:
    """A bar on standard error, or lines if that is no terminal; `advance(progress)` moves it on, `look(progress)` does
    where something is only read."""
    if not sys.stderr.isatty():
        yield ProgressLines(what, total)
        return
    from rich.progress import (  # noqa: PLC0415  # commands without a bar start sooner
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns: Sequence[Any] = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=error_console(), transient=True)
    bar.add_task(what, total=total)
    with bar:
        yield bar


def spinning(what: str) -> Status:
    """A line on standard error that moves, begun; `update` and `stop` are its methods."""
    from rich.status import Status  # noqa: PLC0415  # as above

    status = Status(Text(what, no_wrap=True, overflow="ellipsis"), console=error_console())
    status.start()
    return status


def advance(bar: Progress | ProgressLines) -> None:
    """One more is done."""
    if isinstance(bar, ProgressLines):
        bar.advance()
    else:
        bar.advance(bar.task_ids[0])


def look(bar: Progress | ProgressLines) -> None:
    """One more is read; a bar moves by itself."""
    if isinstance(bar, ProgressLines):
        bar.look()


def _print_entries(out: Console, title: str, entries: Sequence[Mapping[str, Any]]) -> None:
    if entries:
        out.print(f"\n{title}", style="bold")
    for entry in entries:
        told = {name: value for name, value in entry.items() if name not in {"traceback", "id"} and value is not None}
        when = told.pop("update_time", "")
        out.print(Text(f"  {plain(when)}  " + ", ".join(f"{name}: {plain(value)}" for name, value in told.items())))
        for line in str(entry.get("traceback") or "").splitlines():
            out.print(Text(f"    {plain(line)}", style="dim"))


def _table() -> Table:
    """On a terminal with lines; elsewhere plain columns."""
    return Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False)


def _status(name: str, *, stuck: bool = False) -> Text:
    return Text(f"{name} (stuck)" if stuck else name, style=_STYLES.get(name.rpartition(" ")[2], ""))


def _when(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return ""
    how_long = age(moment, now)
    relative = how_long if how_long.startswith("in ") else f"{how_long} ago"
    return f"{moment.isoformat(timespec='seconds')} ({relative})"
