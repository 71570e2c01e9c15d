"""Matching tasks in turns: those of the statuses in which most match are read before those of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from .filters import Found, Listing, Matching, TaskFilter, TaskT


def matching_in_turn(
    chosen: TaskFilter,
    tasks: Listing[TaskT],
    turns: Sequence[Sequence[int]],
    *,
    cursor: str | None = None,
    limit: int | None = None,
    older_first: bool = True,
    whole: bool = False,
    before_each: Callable[[], object] = lambda: None,
) -> MatchingInTurn[TaskT]:
    """As `TaskFilter.matching`, but the tasks of some statuses before those of others.

    Args:
        turns: the statuses of each turn, instead of the filter's; those of a later turn are read only when the earlier
            ones have been.
    """

    def of_turn(statuses: Sequence[int], cursor: str | None, limit: int | None) -> Matching[TaskT]:
        return replace(chosen, statuses=tuple(statuses)).matching(
            tasks, cursor=cursor, limit=limit, older_first=older_first, whole=whole, before_each=before_each
        )

    return MatchingInTurn([each for each in turns if each], of_turn, cursor, limit)


class MatchingInTurn(Found[TaskT]):
    """The tasks that match a filter, those of some statuses before those of others.

    Args:
        turns: the statuses of each turn.
        of_turn: reads the tasks of these statuses, from a cursor, and at most so many.

    Attributes:
        done: the statuses of each turn that was begun, and how many tasks have been read in it.
    """

    def __init__(
        self,
        turns: Sequence[Sequence[int]],
        of_turn: Callable[[Sequence[int], str | None, int | None], Matching[TaskT]],
        cursor: str | None,
        limit: int | None,
    ) -> None:
        self._turns = iter(turns)
        self._of_turn = of_turn
        self._left = limit
        self._cursor = cursor
        self._begun: list[tuple[Sequence[int], Matching[TaskT]]] = []
        self._matching = self._following()

    @property
    def done(self) -> list[tuple[Sequence[int], int]]:
        return [(statuses, matching.read) for statuses, matching in self._begun]

    @property
    def cursor(self) -> str | None:
        return (None if self._matching is None else self._matching.cursor) or self._cursor

    def __next__(self) -> TaskT:
        while self._matching is not None and self._left != 0:
            try:
                task = next(self._matching)
            except StopIteration:
                self._cursor = self.cursor
                self._matching = self._following()
            else:
                self._take()
                return task
        raise StopIteration

    def _following(self) -> Matching[TaskT] | None:
        statuses = next(self._turns, None)
        if statuses is None:
            return None
        matching = self._of_turn(statuses, self._cursor, self._left)
        self._begun.append((statuses, matching))
        return matching

    def _take(self) -> None:
        if self._left is not None:
            self._left -= 1
