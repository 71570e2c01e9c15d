"""The tracker's `data` changed in a block is stored with the success, with and without `set_data`."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("sets", [False, True])
def test_data_changed_in_a_block_is_stored(tracker: Any, sets: bool) -> None:
    task = tracker.new("t", {"page": 1})
    with task.start_job():
        task.data["page"] = 2
        if sets:
            task.set_data(task.data)
    assert tracker.get_one_or_none("t", True).data == task.data == {"page": 2}


def test_a_failure_drops_it(tracker: Any) -> None:
    task = tracker.new("t", {"page": 1})
    with pytest.raises(KeyError), task.start_job():
        task.data = {"page": 2}
        raise KeyError
    assert tracker.get_one_or_none("t", True).data == task.data == {"page": 1}


class Unlike:
    """Data that cannot be compared, as an array of numpy's."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    __hash__ = None  # type: ignore[assignment]


def test_data_that_cannot_be_compared_fails_the_attempt(tracker: Any) -> None:
    task = tracker.new("t", {"page": 1})
    with pytest.raises(TypeError, match="JSON cannot hold"), task.start_job():
        task.data["page"] = Unlike()
    stored = tracker.get_one_or_none("t", True)
    assert (stored.is_locked(), stored.data, task.data, stored.retry) == (False, {"page": 1}, {"page": 1}, 1)
    with task.start_job():
        pass


def test_true_in_place_of_one_is_a_change(tracker: Any) -> None:
    task = tracker.new("t", {"page": 1})
    with task.start_job():
        task.data["page"] = True
    assert tracker.get_one_or_none("t", True).data["page"] is True
