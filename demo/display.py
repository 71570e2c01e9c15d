"""The demo's screen: a live table in a terminal, plain lines everywhere else."""

import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from demo.tracking import Document

_COLOURS = {"succeeded": "green", "ignored": "yellow", "failed": "red", "in_progress": "cyan"}
# Lines of the screen that the table's rows cannot have.
_FRAME_LINES = 8
_DOCUMENT_CELLS = 24
_STATUS_CELLS = len("in progress")
# About what the columns take that have neither the document nor its error, with the lines between.
_OTHER_CELLS = 56


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
        self._shown: Sequence[Document] = ()

    def show(self, documents: Sequence[Document]) -> None:
        self._shown = documents
        self._live.update(_screen(documents, self._rows, self._live.console.width))

    @property
    def _rows(self) -> int:
        return max(self._live.console.height - _FRAME_LINES, 1)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole_is_wanted = len(self._shown) > self._rows and all(document.ended for document in self._shown)
        self._live.transient = whole_is_wanted
        self._live.stop()
        if whole_is_wanted:
            console = self._live.console
            console.print(_screen(self._shown, len(self._shown), console.width))


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


def say(line: str) -> None:
    """Print a line; in a terminal, one too long for it is broken between words and indented."""
    if sys.stdout.isatty():
        text = line.lstrip("\n")
        indent = " " * (len(text) - len(text.lstrip()) + 2)
        wrapped = textwrap.wrap(
            text,
            shutil.get_terminal_size().columns,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        line = "\n" * (len(line) - len(text)) + "\n".join(wrapped)
    print(line, flush=True)


def words(status: str) -> str:
    """The name of a status as one would say it."""
    return status.replace("_", " ")


def _screen(documents: Sequence[Document], rows: int, width: int) -> Group:
    ended = sum(document.ended for document in documents)
    bar = ProgressBar(total=max(len(documents), 1), completed=ended, width=40)
    return Group(_table(documents, rows, width), bar, Text(f" {ended} of {len(documents)} documents have ended"))


def _table(documents: Sequence[Document], rows: int, width: int) -> Table:
    shown = documents
    if len(documents) > rows:  # a live table cannot be longer than the screen
        shown = sorted(documents, key=lambda document: document.ended)[:rows]
    keys = [printable(document.key) for document in shown]
    longest = max(map(cell_len, keys), default=0)
    document_cells = max(_DOCUMENT_CELLS, min(longest, (width - _OTHER_CELLS) // 2))
    table = Table(
        expand=True, caption=f"and {len(documents) - len(shown)} more" if len(shown) < len(documents) else None
    )
    table.add_column("Document", no_wrap=True, width=document_cells)
    table.add_column("Step", no_wrap=True)
    table.add_column("Status", no_wrap=True, width=_STATUS_CELLS)
    table.add_column("Attempts", justify="right", no_wrap=True)
    table.add_column("Last error", overflow="ellipsis", no_wrap=True, ratio=1)
    table.add_column("Seconds", justify="right", no_wrap=True)
    for key, document in zip(keys, shown, strict=True):
        table.add_row(
            Text(_elided(key, document_cells)),
            document.step,
            Text(words(document.status), style=_COLOURS.get(document.status, "")),
            str(document.attempts),
            Text(printable(document.last_reason)),
            f"{document.seconds:.1f}",
        )
    return table


def _elided(text: str, cells: int) -> str:
    """The text without its middle where it is too wide: the end often tells documents apart."""
    if cell_len(text) <= cells:
        return text
    head = (cells - 1) // 2
    return f"{set_cell_size(text, head)}…{set_cell_size(text[::-1], cells - 1 - head)[::-1]}"
