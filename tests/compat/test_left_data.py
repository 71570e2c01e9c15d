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
