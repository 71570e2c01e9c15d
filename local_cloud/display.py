"""The demo's screen: a live table in a terminal, plain lines everywhere else."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from local_cloud.tracking import Document

_COLOURS = {"succeeded": "green", "ignored": "yellow", "failed": "red", "in_progress": "cyan"}
# Lines of the screen that the table's rows cannot have.
_FRAME_LINES = 8


class Display(Protocol):
    """Shows the documents as they move; used in a ``with`` block."""

    def show(self, documents: Sequence[Document]) -> None:
        """Show the documents as they are now."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def make_display() -> Display:
    """The display that fits standard output."""
    return LiveTable() if sys.stdout.isatty() else PlainLines()


class LiveTable:
    """A table that is redrawn in place, with a progress bar."""

    def __init__(self, console: Console | None = None) -> None:
        self._live = Live(console=console, refresh_per_second=8, transient=False)

    def show(self, documents: Sequence[Document]) -> None:
        self._live.update(_screen(documents, rows=self._live.console.height - _FRAME_LINES))

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


class PlainLines:
    """A line whenever a document has moved, without control characters."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._shown: dict[str, tuple[object, ...]] = {}

    def show(self, documents: Sequence[Document]) -> None:
        for document in documents:
            state = (document.step, document.status, document.attempts)
            if self._shown.get(document.key) != state:
                self._shown[document.key] = state
                self._say(document)

    def _say(self, document: Document) -> None:
        attempts = f" (attempts: {document.attempts})" if document.attempts > 1 else ""
        reason = f": {printable(document.last_reason)}" if document.last_reason else ""
        where = f"{document.step} {words(document.status)}{attempts}{reason}"
        print(f"{time.monotonic() - self._begin:6.1f} s  {printable(document.key)}  {where}", flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


def printable(text: str) -> str:
    """The text on one line, with a ``?`` for what is no printable character."""
    return "".join(character if character.isprintable() else "?" for character in text)


def words(status: str) -> str:
    """The name of a status as one would say it."""
    return status.replace("_", " ")


def _screen(documents: Sequence[Document], rows: int) -> Group:
    ended = sum(document.ended for document in documents)
    bar = ProgressBar(total=max(len(documents), 1), completed=ended, width=40)
    return Group(_table(documents, max(rows, 1)), bar, Text(f" {ended} of {len(documents)} documents have ended"))


def _table(documents: Sequence[Document], rows: int) -> Table:
    shown = documents
    if len(documents) > rows:  # a live table cannot be longer than the screen
        shown = sorted(documents, key=lambda document: document.ended)[:rows]
    table = Table(
        expand=True, caption=f"and {len(documents) - len(shown)} more" if len(shown) < len(documents) else None
    )
    table.add_column("Document", overflow="ellipsis", no_wrap=True, ratio=2)
    table.add_column("Step", no_wrap=True)
    table.add_column("Status", no_wrap=True)
    table.add_column("Attempts", justify="right", no_wrap=True)
    table.add_column("Last error", overflow="ellipsis", no_wrap=True, ratio=3)
    table.add_column("Seconds", justify="right", no_wrap=True)
    for document in shown:
        table.add_row(
            Text(printable(document.key)),
            document.step,
            Text(words(document.status), style=_COLOURS.get(document.status, "")),
            str(document.attempts),
            Text(printable(document.last_reason)),
            f"{document.seconds:.1f}",
        )
    return table
