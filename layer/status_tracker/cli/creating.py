"""`create`: tasks registered by their ids, from a file of any length."""

from __future__ import annotations

import json
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any, BinaryIO

import typer

from ..core.errors import TasksNotCreatedError
from ..core.history import told
from ..creating import CreateOutcome, Found
from ..creating.given import checked, split
from .display import advance, console, outcome_table, print_json, progress
from .errors import Code, WrongUsageError, explained
from .progress import Reading
from .target import Target
from .text import plain, say, tasks
from .troubles import Troubles

LONGEST_LINE = 16 * 1024 * 1024
"""In bytes, the line's end included; more of a line is not read."""

_MEMBERS = {"id", "data"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def create(ids: list[str], source: str | None, target: Target, *, dispatch: bool, dry_run: bool) -> None:
    """Create a task for each id, or for each line of the file; ``-`` is standard input.

    A line that is wrong is told with its number, and the others go on.

    Raises:
        WrongUsageError: there are ids and a file, or neither; or the file cannot be read.
        typer.Exit: not all were created.
    """
    if bool(ids) == (source is not None):
        raise WrongUsageError("Give either task ids or --from FILE, with an id or a JSON object in each line.")
    with target.opened() as opened, _opened(source) as lines:
        step: Any = opened
        if not hasattr(step, "create_many"):
            raise WrongUsageError(f"{target.task} has no create_many: its tasks are created by its own means.")
        given = enumerate(ids) if lines is None else enumerate(_read(lines, source), 1)
        creating = _Creating(step, given, are_lines=lines is not None)
        if dry_run:
            creating.rehearse(target)
        else:
            creating.carry_out(target, dispatch=dispatch)


def _opened(source: str | None) -> Any:
    if source is None or source == "-":
        return nullcontext(None if source is None else sys.stdin.buffer)
    try:
        return open(source, "rb")  # noqa: PTH123  # the caller closes it
    except OSError as error:
        raise _unreadable(source, error) from error


def _read(lines: BinaryIO, source: str | None) -> Iterator[bytes]:
    """The lines; of one that is too long only the beginning."""
    try:
        while line := lines.readline(LONGEST_LINE + 1):
            yield line
            while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                line = lines.readline(LONGEST_LINE + 1)
    except OSError as error:
        raise _unreadable(source, error) from error


def _unreadable(source: str | None, error: OSError) -> WrongUsageError:
    return WrongUsageError(f"--from {plain(source)} cannot be read: {error.strerror or error}.")


class _Creating:
    """Creates tasks, and counts what became of them.

    Args:
        given: the ids, or the lines of a file, each with its number.
    """

    def __init__(self, step: Any, given: Iterable[tuple[int, Any]], *, are_lines: bool) -> None:
        self._step = step
        self._given = given
        self._are_lines = are_lines
        self._numbers: deque[int] = deque()
        self._counts: Counter[str] = Counter()
        self._troubles = Troubles()
        self._stopped = False
        self._unreachable = 0

    def rehearse(self, target: Target) -> None:
        """Only check what is given; no request is made."""
        for number, given in self._entries():
            task_id, data = split(given)
            try:
                self._step.make(*checked(given))
                if data is not None and hasattr(self._step, "check_data"):
                    self._step.check_data(str(task_id), data)
            except Exception as error:  # noqa: BLE001  # whatever the user's class raises, it is wrong with this one
                self._refuse(number, str(task_id), error)
            else:
                self._counts["valid"] += 1
        if target.json:
            counts = {"valid": self._counts["valid"], "failed": self._counts["failed"]}
            print_json({**counts, "troubles": self._troubles.kept})
        else:
            self._troubles.say()
            say(f"Valid: {tasks(self._counts['valid'])}. Nothing was created, nor looked for.")
        self._end()

    def carry_out(self, target: Target, *, dispatch: bool) -> None:
        """Create them, until Ctrl-C."""
        try:
            with progress("create") as bar, Reading("create", quiet=True) as reading:
                self._given = reading.each(self._given)

                def tell(outcome: CreateOutcome[Any]) -> None:
                    self._add(outcome)
                    advance(bar)

                self._step.create_many(self._numbered(), dispatch=dispatch, each=tell)
        except TasksNotCreatedError as error:
            self._stopped = error.result.stopped
        except BaseException:
            self._tell(target)
            say("The same call again creates what is missing.")
            raise
        self._tell(target)
        if self._stopped or (self._unreachable and self._unreachable == self._counts.total()):
            raise typer.Exit(Code.UNREACHABLE)
        self._end()

    def _numbered(self) -> Iterator[Any]:
        """What is to be created; the numbers of those under way are kept, since they are told of in their order."""
        for number, given in self._entries():
            self._numbers.append(number)
            yield given

    def _entries(self) -> Iterator[tuple[int, Any]]:
        for number, given in self._given:
            if not self._are_lines:
                yield number, given
                continue
            try:
                entry = _parsed(given)
            except ValueError as error:
                self._refuse(number, None, error)
            else:
                if entry is not None:
                    yield number, entry

    def _add(self, outcome: CreateOutcome[Any]) -> None:
        number = self._numbers.popleft()
        self._counts[outcome.found] += 1
        if outcome.error is None:
            return
        failed = outcome.found is Found.FAILED
        self._counts["undispatched"] += not failed
        self._unreachable += failed and explained(outcome.error) is not None
        self._tell_later(number, outcome.task_id, outcome.error, "failed" if failed else "undispatched")

    def _refuse(self, number: int, task_id: str | None, error: Exception) -> None:
        self._counts[Found.FAILED] += 1
        self._tell_later(number, task_id, error, "failed")

    def _tell_later(self, number: int, task_id: str | None, error: Exception, outcome: str) -> None:
        message = explained(error) or (str(error) if isinstance(error, ValueError) else told(error))
        self._troubles.add(task_id, outcome, message, line=number if self._are_lines else None)

    def _tell(self, target: Target) -> None:
        if target.json:
            print_json({"counts": dict(self._counts), "troubles": self._troubles.kept, "stopped": self._stopped})
            return
        if self._counts.total():
            console().print(outcome_table({name: count for name, count in self._counts.items() if count}))
        else:
            say("There is no id.")
        self._troubles.say()
        if self._stopped:
            say("Stopped: task after task failed, and what follows was not begun. The same call again goes on.")

    def _end(self) -> None:
        if self._troubles.kept or not self._counts.total():
            raise typer.Exit(Code.NOT_ALL)


def _parsed(line: bytes) -> Any:
    """The id of the line, or the id and the data of a JSON object; None for an empty line.

    Raises:
        ValueError: it is neither.
    """
    if len(line) > LONGEST_LINE:
        raise ValueError(
            f"It has more than {LONGEST_LINE:,} bytes, which is the most that is read of a line: give an id, or a JSON "
            "object, in each line."
        )
    try:
        text = line.removeprefix(_BYTE_ORDER_MARK).decode().strip()
    except UnicodeDecodeError as error:
        raise ValueError("It is no UTF-8.") from error
    if "\0" in text:
        raise ValueError("It holds a zero byte, as UTF-16 does: save the file as UTF-8.")
    if "\r" in text:
        raise ValueError("It holds a carriage return: end each line with a line feed.")
    if text.startswith(('"', "[", "]", "}")):
        raise ValueError('It begins as JSON, and is no object: give an id, or {"id": …}.')
    if not text.startswith("{"):
        return text or None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"It begins as a JSON object, and is none: {error}.") from error
    if "id" not in found or not found.keys() <= _MEMBERS:
        raise ValueError(f'It has {", ".join(sorted(found)) or "nothing"}: give {{"id": …}}, or "data" besides.')
    return found["id"], found.get("data")
