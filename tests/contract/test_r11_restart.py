"""R11: a restart gives a run to a task whose last one came to nothing, once, whoever asks and how often."""

from __future__ import annotations

from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import Clock
from tests.support.items import stored
from tests.support.wire import Fault, Wire, answer_lost, answered_500_although_done


def test_r11_restart_stores_a_run_and_leaves_the_place_in_the_listing(step1: Any, clock: Clock) -> None:
    made = step1.make_and_save("t", {"page": 1}, _status=30, retry=2, run=4)
    clock.advance(60)
    task = step1.restart("t", run=4, reason="the execution had ended", by="sweep")
    assert (task.run, task.status, task.retry, task.data) == (5, 30, 2, {"page": 1})
    assert (task.value, task.update_time) == (made.value, made.update_time)
    [record] = task.errors["actions"]
    assert (record["action"], record["by"], record["status"]) == ("restart", "sweep", 30)


@pytest.mark.parametrize("fault", [answer_lost, answered_500_although_done], ids=["lost", "500"])
def test_r5_restart_whose_answer_was_lost_gives_one_run(step1: Any, wire: Wire, fault: Fault) -> None:
    step1.make_and_save("t")
    wire.inject("UpdateItem", fault)
    assert step1.restart("t", run=0, reason="it had ended").run == 1
    assert stored(step1, "t").run == 1


def test_r11_restart_of_what_a_worker_holds_is_refused_and_the_worker_ends_it(step1: Any) -> None:
    step1.make_and_save("t")
    with step1.start("t") as ctx:
        with pytest.raises(st.TaskLockedError):
            step1.restart("t", run=0, reason="it had ended")
        ctx.set_data({"done": True})
    task = step1.get_one_or_none("t")
    assert (task.is_succeeded(), task.run, task.data) == (True, None, {"done": True})


def test_r11_a_restart_takes_a_request_id_as_every_action_does(step1: Any) -> None:
    step1.make_and_save("t")
    for _ in range(2):
        assert step1.restart("t", run=0, reason="it had ended", request_id="r-1").run == 1
    with pytest.raises(st.TaskIsNotReadyToStartError, match="is in run 1 already"):
        step1.restart("t", run=0, reason="it had ended", request_id="r-2")
    [record] = stored(step1, "t").errors["actions"]
    assert (record["id"], record.get("times")) == ("r-1", None)
