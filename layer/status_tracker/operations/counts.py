"""The counts that are kept with every change: whether they are right, and how they are corrected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..core.port import CountsNotKeptError, KeptCounts
from ..core.retries import sleep_of

if TYPE_CHECKING:
    from ..core.port import CountBoard
    from .pipeline import Pipeline

__all__ = ["SETTLING_SECONDS", "KeptCounts", "Recount", "check_counts", "disown_counts", "probe_counts", "recount"]

SETTLING_SECONDS = 5.0
"""After so long the index has a change."""
BEHIND_AFTER_SECONDS = 330.0
"""The function has read a change by then, or it is behind: Lambda gathers changes for 300 seconds at most."""
_LONGEST_PAUSE_SECONDS = 16.0

ROUNDS = 3
"""So often is rest waited for."""


class CountsBehindError(Exception):
    """The function on the table's stream has not read in time what was written; nothing can be compared.

    Attributes:
        since: when that was written (UTC).
    """

    def __init__(self, since: datetime, seconds: float) -> None:
        super().__init__(
            f"The function on the table's stream has not read what was written {seconds:.0f} seconds ago, so nothing "
            "can be compared. See the alarm EventsLate."
        )
        self.since = since


@dataclass(frozen=True, slots=True)
class Recount:
    """What a count of all tasks has found, and what was made of it.

    Attributes:
        kept, counted: how many tasks have each status, by its code: as it was kept, and as the tasks say. `counted`
            has the statuses of the pipeline's steps; what is kept of others stays as it is.
        changes_meanwhile: how many changes were counted while the tasks were. By each, a number may be one too many or
            one too few.
        first: no tasks had been counted before; what was kept are only changes.
        corrected: the differences were added to what is kept.
        exact: what is kept is stored as exact now.
    """

    kept: Mapping[int, int]
    counted: Mapping[int, int]
    changes_meanwhile: int
    first: bool
    corrected: bool = False
    exact: bool = False

    @property
    def differences(self) -> dict[int, int]:
        """What is to be added to what is kept, by the code; without zeros."""
        found = {code: number - self.kept.get(code, 0) for code, number in sorted(self.counted.items())}
        return {code: number for code, number in found.items() if number}

    @property
    def drift(self) -> int:
        """By how many tasks what is kept is wrong at least, of the status where that is most; 0 for a first count."""
        certain = [abs(number) - self.changes_meanwhile for number in self.differences.values()]
        return 0 if self.first else max([0, *certain])


def recount(pipeline: Pipeline, *, correct: bool = True, progress: Callable[[int], object] = lambda _: None) -> Recount:
    """Count all tasks of the pipeline by the index, and correct the counts that are kept by that.

    This makes the first count of a table that had tasks before, and mends a drift. Before and after, it waits until the
    function on the table's stream has read all that was written until then. If no task has changed in between, what
    is kept is exact afterwards; that is tried up to `ROUNDS` times. Where the tasks never rest, only a first count and
    a certain drift are corrected, up to an error of `changes_meanwhile`. `Pipeline.pause` brings rest.

    Args:
        correct: False only to compare.
        progress: called at least once a second with how many tasks have been counted, while it waits with 0; what it
            raises ends the recount, and nothing was corrected.

    Raises:
        ValueError: the table keeps no counts, or the function is behind; nothing was corrected.
    """
    board, config = pipeline.first.task_class.count_board(), pipeline.first.task_class.config
    for _ in range(ROUNDS):
        try:
            found = None if board is None else _compared(pipeline, board, lambda: False, progress)
        except CountsBehindError as behind:
            if pipeline.kept_counts() is not None:
                raise ValueError(f"{behind} Nothing was corrected: recount when it has caught up.") from None
            found = None
        if board is None or found is None:
            raise ValueError(
                f"No counts are kept of {pipeline.use_case_id}: deploy the function that reads the table's stream; the "
                "counts begin with the first change of a task after that."
            )
        result, kept = found
        if result.changes_meanwhile:
            continue
        if not correct:
            return result
        if board.correct(kept, result.differences, config.now(), error=0):
            return replace(result, corrected=True, exact=True)
    error = result.changes_meanwhile
    if not correct or not error or not (result.first or result.drift):
        return result
    return replace(result, corrected=board.correct(kept, result.differences, config.now(), error=error), exact=False)


def check_counts(
    pipeline: Pipeline, stop: Callable[[], bool], *, unread_since: datetime | None = None
) -> Recount | None:
    """Compare the counts that are kept with the tasks, for a sweep.

    After a certain drift they are not exact any more. What is not exact is corrected, as by `recount`, if no task has
    changed meanwhile; so is a first count in any case.

    Args:
        stop: returns True when there is no more time.
        unread_since: the `since` of the last `CountsBehindError`. It is not waited again for a function that has read
            nothing since then, and long enough ago.

    Returns:
        None where no counts are kept, or `stop` ended it.

    Raises:
        CountsBehindError: the function on the stream has not read all in time.
        CountsNotKeptError: there is no stream any more, or nothing reads it. The counts are not relied on from then on;
            this is raised once.
    """
    board = pipeline.first.task_class.count_board()
    if board is None or stop():
        return None
    try:
        if unread_since is not None:
            _check_read(pipeline, board, unread_since)
        found = _compared(pipeline, board, stop)
    except CountsNotKeptError:
        if disown_counts(pipeline):
            raise
        return None
    if found is None:
        return None
    result, kept = found
    error, now = result.changes_meanwhile, pipeline.first.task_class.config.now()
    if kept.exact and result.drift:
        board.doubt(kept)
        return replace(result, exact=False)
    if not kept.exact and (result.first or not error):
        corrected = board.correct(kept, result.differences, now, error=error)
        return replace(result, corrected=corrected, exact=corrected and not error)
    return result


def probe_counts(pipeline: Pipeline, unread_since: datetime | None) -> datetime | None:
    """Since when nothing has read the table's stream, as far as is known; what is written now shows it the next time.

    It is written each time: the stream forgets what nobody has read for a day.

    Args:
        unread_since: what this returned the last time; None for the first time.

    Returns:
        This moment, where something has been read since the last time. None where there is no stream, and was none.
    """
    board = pipeline.first.task_class.count_board()
    now: datetime = pipeline.first.task_class.config.now()
    if board is None:
        return unread_since
    try:
        is_read = unread_since is None or board.is_read_since(unread_since)
        board.probe()
    except CountsNotKeptError:
        return unread_since
    return now if is_read else unread_since


def disown_counts(pipeline: Pipeline) -> bool:
    """Have counts not be relied on that nothing keeps any more; whether they have been until now."""
    board = pipeline.first.task_class.count_board()
    kept = None if board is None else board.read()
    if board is None or kept is None or kept.recounted_at is None:
        return False
    board.disown()
    return True


def _check_read(pipeline: Pipeline, board: CountBoard, since: datetime) -> None:
    """Raise `CountsNotKeptError` if nothing has read the stream since then, and that is long enough ago to tell."""
    waited = pipeline.first.task_class.config.now() - since
    if waited >= timedelta(seconds=BEHIND_AFTER_SECONDS) and not board.is_read_since(since):
        raise CountsNotKeptError(
            f"No counts are kept of {pipeline.use_case_id} any more: nothing has read the table's stream since "
            f"{since.isoformat(timespec='seconds')}. Deploy the function that reads it, or switch it on."
        )


def _compared(
    pipeline: Pipeline,
    board: CountBoard,
    stop: Callable[[], bool],
    progress: Callable[[int], object] = lambda _: None,
) -> tuple[Recount, KeptCounts] | None:
    """The tasks beside what is kept; None where nothing is kept, or `stop` ended it.

    Every change that was made between the two marks is counted in between, or a little before the first reading.

    Raises:
        CountsBehindError: the function has not read a mark in time.
    """
    config = pipeline.first.task_class.config
    sleep = sleep_of(config.clock)

    def rest(seconds: float) -> None:
        progress(0)
        sleep(seconds)

    waiting = _Waiting(rest, config.now, stop)
    waiting.until_reached(board)
    before = board.read()
    if before is None or not waiting.seconds(SETTLING_SECONDS):
        return None
    counted = _counted(pipeline, stop, progress)
    if counted is None:
        return None
    waiting.until_reached(board)
    kept = board.read()
    if kept is None:
        return None
    meanwhile = sum(kept.changes) - sum(before.changes)
    return Recount(kept.by_code, counted, meanwhile, kept.recounted_at is None, exact=kept.exact), kept


class _StoppedError(Exception):
    """There is no more time."""


@dataclass(frozen=True)
class _Waiting:
    """Waits in small parts, so that `stop` is asked; its answers say whether the wait was to the end."""

    sleep: Callable[[float], None]
    now: Callable[[], datetime]
    stop: Callable[[], bool]

    def seconds(self, seconds: float) -> bool:
        while seconds > 0 and not self.stop():
            self.sleep(min(seconds, 1.0))
            seconds -= 1
        return seconds <= 0

    def until_reached(self, board: CountBoard) -> None:
        """Wait until the function has read all that is written now. Raises `CountsBehindError` where that is long."""
        began = self.now()
        mark, waited, pause = board.mark(), 0.0, 1.0
        while not board.is_reached(mark):
            if waited >= BEHIND_AFTER_SECONDS or not self.seconds(pause):
                raise CountsBehindError(began, waited)
            waited, pause = waited + pause, min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _counted(pipeline: Pipeline, stop: Callable[[], bool], progress: Callable[[int], object]) -> dict[int, int] | None:
    """The tasks of every status of the steps, by the index; None where `stop` ended it."""
    counted: dict[int, int] = {}

    def look(number: int) -> None:
        if stop():
            raise _StoppedError
        progress(sum(counted.values()) + number)

    try:
        for step in pipeline:
            counted |= step.task_class.count_by_status(progress=look)
    except _StoppedError:
        return None
    return counted
