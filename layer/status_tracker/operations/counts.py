"""The counts that are kept with every change: whether they are right, and how they are corrected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..core.port import CountsNotKeptError, KeptCounts
from ..core.retries import sleep_of

if TYPE_CHECKING:
    from ..core.port import CountBoard
    from .pipeline import Pipeline

__all__ = ["SETTLING_SECONDS", "KeptCounts", "Recount", "check_counts", "disown_counts", "recount"]

SETTLING_SECONDS = 5.0
"""After so long the index has a change."""
BEHIND_AFTER_SECONDS = 330.0
"""The function has read a change by then, or it is behind: Lambda gathers changes for 300 seconds at most."""
_LONGEST_PAUSE_SECONDS = 16.0

ROUNDS = 3
"""So often is rest waited for."""


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


def recount(pipeline: Pipeline, *, correct: bool = True) -> Recount:
    """Count all tasks of the pipeline by the index, and correct the counts that are kept by that.

    This makes the first count of a table that had tasks before, and mends a drift. Before and after, it waits until the
    function on the table's stream has read all that was written until then. If no task has changed in between, what
    is kept is exact afterwards; that is tried up to `ROUNDS` times. Where the tasks never rest, only a first count and
    a certain drift are corrected, up to an error of `changes_meanwhile`. `Pipeline.pause` brings rest.

    Args:
        correct: False only to compare.

    Raises:
        ValueError: the table keeps no counts, or the function is behind; nothing was corrected.
    """
    board, config = pipeline.first.task_class.count_board(), pipeline.first.task_class.config
    for _ in range(ROUNDS):
        found = None if board is None else _compared(pipeline, board, lambda: False)
        if board is None or found is None:
            raise ValueError(_why_not(pipeline))
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


def _why_not(pipeline: Pipeline) -> str:
    if pipeline.kept_counts() is None:
        return (
            f"No counts are kept of {pipeline.use_case_id}: deploy the function that reads the table's stream; the "
            "counts begin with the first change of a task after that."
        )
    return (
        f"The function on the table's stream has not read what was written {BEHIND_AFTER_SECONDS:.0f} seconds ago, so "
        "nothing can be compared, and nothing was corrected. See the alarm EventsLate; recount when it has caught up."
    )


def check_counts(pipeline: Pipeline, stop: Callable[[], bool]) -> Recount | None:
    """Compare the counts that are kept with the tasks, for a sweep.

    After a certain drift they are not exact any more. What is not exact is corrected, as by `recount`, if no task has
    changed meanwhile; so is a first count in any case.

    Args:
        stop: returns True when there is no more time.

    Returns:
        None where no counts are kept, the function on the stream is behind, or `stop` ended it. Where there is no
        stream any more, the counts are not relied on from then on.
    """
    board = pipeline.first.task_class.count_board()
    if board is None or board.read() is None:
        return None
    try:
        found = _compared(pipeline, board, stop)
    except CountsNotKeptError:
        disown_counts(pipeline)
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


def disown_counts(pipeline: Pipeline) -> None:
    """Have counts not be relied on that nothing keeps any more; for a sweep that is told so."""
    board = pipeline.first.task_class.count_board()
    kept = None if board is None else board.read()
    if board is not None and kept is not None and kept.recounted_at is not None:
        board.disown()


def _compared(pipeline: Pipeline, board: CountBoard, stop: Callable[[], bool]) -> tuple[Recount, KeptCounts] | None:
    """The tasks beside what is kept; None where nothing is kept, the function is behind, or `stop` ended it.

    Every change that was made between the two marks is counted in between, or a little before the first reading.
    """
    waiting = _Waiting(sleep_of(pipeline.first.task_class.config.clock), stop)
    before = board.read() if waiting.until_reached(board) else None
    if before is None or not waiting.seconds(SETTLING_SECONDS):
        return None
    counted = _counted(pipeline, stop)
    if counted is None or not waiting.until_reached(board):
        return None
    kept = board.read()
    if kept is None:
        return None
    meanwhile = sum(kept.changes) - sum(before.changes)
    return Recount(kept.by_code, counted, meanwhile, kept.recounted_at is None, exact=kept.exact), kept


@dataclass(frozen=True)
class _Waiting:
    """Waits in small parts, so that `stop` is asked; its answers say whether the wait was to the end."""

    sleep: Callable[[float], None]
    stop: Callable[[], bool]

    def seconds(self, seconds: float) -> bool:
        while seconds > 0 and not self.stop():
            self.sleep(min(seconds, 1.0))
            seconds -= 1
        return seconds <= 0

    def until_reached(self, board: CountBoard) -> bool:
        """Wait until the function has read all that is written now."""
        mark, waited, pause = board.mark(), 0.0, 1.0
        while not board.is_reached(mark):
            if waited >= BEHIND_AFTER_SECONDS or not self.seconds(pause):
                return False
            waited, pause = waited + pause, min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return True


def _counted(pipeline: Pipeline, stop: Callable[[], bool]) -> dict[int, int] | None:
    """The tasks of every status of the steps, by the index; None where `stop` ended it."""
    counted: dict[int, int] = {}
    for step in pipeline:
        for code in step.task_class.config.status_shards:
            number = step.task_class.count_within(code, stop=stop)
            if number is None:
                return None
            counted[code] = number
    return counted
