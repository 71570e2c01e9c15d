"""What the sweeps' looks tell of the pace, and which of them are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from status_tracker.core.port import KeptCounts, Look
from status_tracker.operations.looks import Ended, ended_lately, newest, remember
from status_tracker.operations.pipeline import Pipeline
from status_tracker.testing import MemoryTask
from tests.unit.steps import NOON, make_config


def before(minutes: float) -> datetime:
    return NOON - timedelta(minutes=minutes)


def kept(*ages: float, ended: int = 1_000) -> KeptCounts:
    """Counts beside looks that are so old in minutes; one task has ended in each second."""
    looks = [Look(before(age), {90: ended - round(age * 60)}, {10: before(age + 1)}) for age in ages]
    return KeptCounts({}, exact=True, recounted_at=NOON, ended={90: ended}, looks=looks)


@pytest.mark.parametrize(
    ("ages", "over"),
    [
        ((20, 15, 10, 5), 10),
        ((19, 14, 9, 4), 14),
        ((9, 4), 9),
        ((70, 9.5), 70),
        ((130, 7), 7),
        ((130,), None),
        ((0.5,), None),
        ((), None),
    ],
)
def test_pace_is_of_the_last_ten_minutes_or_the_look_before(ages: Sequence[float], over: float | None) -> None:
    counts = kept(*ages, ended=100_000)
    lately = ended_lately(counts, [90, 50], NOON)
    assert lately == (None if over is None else Ended(round(over * 60), timedelta(minutes=over)))


def test_without_a_counter_of_ends_there_is_no_pace() -> None:
    counts = KeptCounts({90: 5}, exact=True, recounted_at=NOON, looks=[Look(before(5), {})])
    assert ended_lately(counts, [90], NOON) is None


def test_ends_that_became_fewer_tell_no_pace() -> None:
    assert ended_lately(kept(12, ended=5), [90], NOON) is not None
    counts = KeptCounts({}, exact=True, recounted_at=NOON, ended={90: 1}, looks=[Look(before(12), {90: 2})])
    assert ended_lately(counts, [90], NOON) is None


@pytest.mark.parametrize(("ages", "age"), [((8, 3), 3), ((119,), 119), ((121,), None), ((), None)])
def test_only_a_recent_look_tells_of_now(ages: Sequence[float], age: float | None) -> None:
    look = newest(kept(*ages), NOON)
    assert (None if look is None else look.at) == (None if age is None else before(age))


class Remembering:
    """A place for looks."""

    looks: Sequence[Look] = ()

    def remember(self, looks: Sequence[Look]) -> None:
        self.looks = looks


def test_looks_of_the_last_ten_minutes_are_kept_and_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    class Step(MemoryTask):
        config = make_config()

    board = Remembering()
    monkeypatch.setattr(Step, "count_board", lambda: board)
    remember(Pipeline({"Step": Step}), kept(200, 30, 12, 8, 4), NOON, {10: before(3)})
    assert [(look.at, look.oldest) for look in board.looks] == [
        (before(12), {}),
        (before(8), {}),
        (before(4), {}),
        (NOON, {10: before(3)}),
    ]
    assert board.looks[-1].ended == {90: 1_000}
