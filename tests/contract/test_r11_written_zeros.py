"""R1 and R11: counters that were stored as 0 are as good as absent ones."""

from __future__ import annotations

from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import Clock
from tests.support.items import FREE, raw_item, stored
from tests.support.wire import Wire

ZEROS = {"run": 0, "fence": 0}
STUCK = {"lock": "vanished", "lock_time": Clock().now.replace(year=2025), "lock_expire_time": Clock().now}


@pytest.mark.parametrize("zeros", [ZEROS, {"run": 0}, {"fence": 0}, {}], ids=str)
@pytest.mark.parametrize(("status", "lock"), [(10, {}), (40, {}), (50, {}), (20, STUCK)])
def test_r11_rerun_of_a_task_with_zeros_takes_two_requests(
    step1: Any, wire: Wire, status: int, lock: dict[str, Any], zeros: dict[str, int]
) -> None:
    step1.make_and_save("t", {"page": 1}, _status=status, **zeros, **lock)
    with wire.counting() as requests:
        task = step1.rerun("t", reason="the reader was mended")
    assert requests == {"GetItem": 1, "UpdateItem": 1}
    assert (task.status, task.run, task.data, task.lock) == (10, 1, {"page": 1}, FREE)
    assert task.serialize() == raw_item(wire, step1, "t")
    with step1.start("t") as ctx:
        assert ctx.fence == 1


@pytest.mark.parametrize(("act", "status", "lock"), [("ignore", 10, {}), ("unignore", 50, {}), ("unlock", 20, STUCK)])
def test_r11_other_acts_on_a_task_with_zeros_take_two_requests(
    step1: Any, wire: Wire, act: str, status: int, lock: dict[str, Any]
) -> None:
    step1.make_and_save("t", _status=status, **ZEROS, **lock)
    with wire.counting() as requests:
        task = getattr(step1, act)("t", reason="because")
    assert requests == {"GetItem": 1, "UpdateItem": 1}
    assert [record["action"] for record in task.errors["actions"]] == [act]


@pytest.mark.parametrize("zeros", [ZEROS, {"run": 0}, {"fence": 0}, {}], ids=str)
@pytest.mark.parametrize("lock", [STUCK, {}], ids=["lease over", "no lease"])
def test_r1_take_over_of_a_task_with_zeros_takes_two_requests(
    step1: Any, wire: Wire, lock: dict[str, Any], zeros: dict[str, int]
) -> None:
    step1.make_and_save("t", _status=20, **zeros, **lock)
    with wire.counting() as requests, step1.start("t") as ctx:
        assert (ctx.fence, ctx.task.retry) == (1, 1)
    assert requests == {"UpdateItem": 3}
    task = stored(step1, "t")
    assert (task.status, task.lock) == (40, FREE)
    assert [entry["error"].partition("(")[0] for entry in task.errors["history"]] == ["LeaseExpired"]


def test_r1_take_over_that_gives_a_task_with_zeros_up(step1: Any, wire: Wire) -> None:
    step1.make_and_save("t", _status=20, retry=2, **ZEROS, **STUCK)
    with wire.counting() as requests, pytest.raises(st.TaskIgnoredError) as given_up:
        step1.start("t").__enter__()
    assert given_up.value.given_up_now
    assert requests == {"UpdateItem": 2}
    assert (stored(step1, "t").status, stored(step1, "t").retry) == (50, 3)
