"""DESIGN section 8: the requests and the capacity units of what a task goes through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import Clock
from tests.support.engines import MOTO, Engine
from tests.support.wire import Wire

INDEX = "status_and_update_time-index"


@pytest.fixture
def metered(engine: Engine) -> None:
    if engine.name == MOTO:
        pytest.skip("moto reports no capacity by index")


def _units(consumed: list[dict[str, float]]) -> float:
    return sum(sum(write.values()) for write in consumed)


def _create_start_finish(step: Any) -> None:
    step.make_and_save("t", {"page": 1})
    with step.start("t") as ctx:
        ctx.set_data({"page": 2})


def _start_create_finish(step: Any) -> None:
    with step.start("t", create=True, data={"page": 1}) as ctx:
        ctx.set_data({"page": 2})


def _create_start_fail(step: Any) -> None:
    step.make_and_save("t", {"page": 1})
    with pytest.raises(OSError, match="no page"), step.start("t"):
        raise OSError("no page")


def _refused(step: Any) -> None:
    with pytest.raises(st.TaskLockedError):
        step.start("t").__enter__()


@pytest.mark.parametrize(
    ("life", "requests", "units"),
    [(_create_start_finish, 3, 8), (_start_create_finish, 2, 5), (_create_start_fail, 3, 8)],
    ids=["create + start + finish", "start(create) + finish", "create + start + failure"],
)
@pytest.mark.usefixtures("metered")
def test_cost_of_a_small_lifecycle(
    step1: Any, wire: Wire, life: Callable[[Any], None], requests: int, units: float
) -> None:
    with wire.counting() as sent, wire.measuring() as consumed:
        life(step1)
    assert sent.total() == len(consumed) == requests
    assert _units(consumed) <= units


def test_requests_of_each_way_through(step1: Any, wire: Wire, clock: Clock) -> None:
    def cost(act: Callable[[], object]) -> int:
        with wire.counting() as sent:
            act()
        return sent.total()

    assert cost(lambda: _create_start_finish(step1)) == 3
    step1.delete_all()
    assert cost(lambda: _start_create_finish(step1)) == 2
    step1.delete_all()
    step1.start("t", create=True).__enter__()
    assert cost(lambda: _refused(step1)) == 1
    clock.advance(60)
    assert cost(lambda: step1.start("t").__enter__()) == 2


@pytest.mark.usefixtures("metered")
def test_cost_of_a_renewal_and_an_update_is_no_move_in_the_index(step1: Any, wire: Wire, clock: Clock) -> None:
    with step1.start("t", create=True) as ctx:
        clock.advance(5)
        with wire.measuring() as consumed:
            ctx.extend_lock()
            ctx.set_data({"page": 1}).update()
    assert consumed == [{"table": 1.0, INDEX: 1.0}, {"table": 1.0}]


@pytest.mark.usefixtures("metered")
def test_cost_of_a_refused_start_moves_nothing_in_the_index(step1: Any, wire: Wire) -> None:
    with step1.start("t", create=True), wire.counting() as sent:
        _refused(step1)
    assert sent == {"UpdateItem": 1}
