"""The counts that are kept with every change: whether they are right, and how they are corrected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..core.port import KeptCounts
from ..core.retries import sleep_of

if TYPE_CHECKING:
    from ..core.port import CountBoard
    from .pipeline import Pipeline

__all__ = ["SETTLING_SECONDS", "KeptCounts", "Recount", "check_counts", "disown_counts", "recount"]

SETTLING_SECONDS = 5.0
"""After so long a change is counted, and the index has it. If nothing changes for so long before and after the tasks
are counted, their number and what is kept are of one moment."""

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

    This makes the first count of a table that had tasks before, and mends a drift. It waits until no task changes, up
    to `ROUNDS` times: then what is kept is exact afterwards. Where the tasks never rest, only a first count and a
    certain drift are corrected, up to an error of `changes_meanwhile`; then it is not exact. `Pipeline.pause` brings
    rest.

    Args:
        correct: False only to compare.

    Raises:
        ValueError: the table keeps no counts.
    """
    board, config = pipeline.first.task_class.count_board(), pipeline.first.task_class.config
    for _ in range(ROUNDS):
        found = None if board is None else _compared(pipeline, board, lambda: False)
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
        if board.correct(kept, result.differences, config.now(), exact=True):
            return replace(result, corrected=True, exact=True)
    if not correct or not (result.first or result.drift):
        return result
    return replace(result, corrected=board.correct(kept, result.differences, config.now(), exact=False), exact=False)


def check_counts(pipeline: Pipeline, stop: Callable[[], bool]) -> Recount | None:
    """Compare the counts that are kept with the tasks, for a sweep; after a certain drift they are not exact any more.

    Args:
        stop: returns True when there is no more time.

    Returns:
        None where no counts are kept, or no tasks have been counted yet, or `stop` ended it.
    """
    board = pipeline.first.task_class.count_board()
    kept = None if board is None else board.read()
    if board is None or kept is None or kept.recounted_at is None:
        return None
    found = _compared(pipeline, board, stop)
    if found is None:
        return None
    result, _ = found
    if result.drift:
        board.doubt()
        return replace(result, exact=False)
    return result


def disown_counts(pipeline: Pipeline) -> None:
    """Have counts not be relied on that nothing keeps any more; for a sweep that is told so."""
    board = pipeline.first.task_class.count_board()
    kept = None if board is None else board.read()
    if board is not None and kept is not None and kept.recounted_at is not None:
        board.disown()


def _compared(pipeline: Pipeline, board: CountBoard, stop: Callable[[], bool]) -> tuple[Recount, KeptCounts] | None:
    """The tasks beside what is kept; None where nothing is kept, or `stop` ended it."""
    sleep = sleep_of(pipeline.first.task_class.config.clock)
    before = board.read()
    if before is None:
        return None
    sleep(SETTLING_SECONDS)
    counted = _counted(pipeline, stop)
    if counted is None:
        return None
    sleep(SETTLING_SECONDS)
    kept = board.read()
    if kept is None:
        return None
    meanwhile = sum(kept.changes) - sum(before.changes)
    return Recount(kept.by_code, counted, meanwhile, kept.recounted_at is None, exact=kept.exact), kept


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
