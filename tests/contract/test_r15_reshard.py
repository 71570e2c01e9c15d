"""R15: the shard count of a status may be raised at any time; lowering one needs `reshard`."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clock import Clock
from tests.support.items import raw_item, stored
from tests.support.steps import STEP2_CODES
from tests.support.wire import Wire, answer_lost

TASK_IDS = [f"document-{n}.pdf" for n in range(20)]

Lower = Callable[[], Any]


@pytest.fixture
def lower(new_step: Callable[..., Any], clock: Clock) -> Lower:
    """Makes tasks over five shards, and then the step of the next release, that reads but two."""

    def act() -> Any:
        wide = new_step(n_pending_shard=5)
        for task_id in TASK_IDS:
            clock.advance(1)
            wide.make_and_save(task_id, {"id": task_id})
        del wide
        _forget_the_former_release()
        return new_step(n_pending_shard=2)

    return act


def _forget_the_former_release() -> None:
    """Of a step that is no more, no count is asked; here it stands in the same process until it is collected."""
    gc.collect()


def _ids(tasks: Any) -> list[str]:
    return [task.task_id for task in tasks]


def test_r15_lowering_hides_and_reshard_shows(lower: Lower, wire: Wire) -> None:
    step = lower()
    hidden = set(TASK_IDS) - set(_ids(step.query_by_status(10, limit=None)))
    assert hidden
    before = {task_id: raw_item(wire, step, task_id) for task_id in TASK_IDS}
    assert step.reshard(10, from_shards=5) == len(hidden)
    assert _ids(step.query_by_status(10, limit=None)) == TASK_IDS
    for task_id in TASK_IDS:
        after = raw_item(wire, step, task_id)
        assert after is not None
        assert before[task_id] is not None
        changed = {name for name in after if after[name] != before[task_id][name]}
        assert changed == ({"value"} if task_id in hidden else set())
        assert stored(step, task_id).shard_id <= 2
    assert step.reshard(10, from_shards=5) == 0


def test_r15_reshard_reads_only_what_was_hidden(lower: Lower, wire: Wire) -> None:
    step = lower()
    with wire.counting() as requests:
        moved = step.reshard(step.config.status_enum.pending, from_shards=5)
    assert requests == {"Query": 3, "UpdateItem": moved}
    with wire.counting() as requests:
        assert step.reshard(10, from_shards=2) == 0
    assert not requests


def test_r15_hidden_task_can_be_worked_on_and_comes_to_light_by_itself(lower: Lower) -> None:
    step = lower()
    task_id = next(iter(set(TASK_IDS) - set(_ids(step.query_by_status(10, limit=None)))))
    with step.start(task_id):
        assert _ids(step.query_by_status(20)) == [task_id]
    assert _ids(step.query_by_status(40)) == [task_id]
    step.rerun(task_id, reason="to list it")
    assert task_id in _ids(step.query_by_status(10, limit=None))


def test_r15_reshard_leaves_what_a_worker_moves_meanwhile(lower: Lower, wire: Wire) -> None:
    step = lower()
    hidden = len(TASK_IDS) - len(step.query_by_status(10, limit=None).all())
    started: list[Any] = []

    def a_worker_starts(request: Any) -> None:
        task_id = json.loads(request.body)["Key"]["key"]["S"].partition("____")[2]
        started.append(step.start(task_id).__enter__())

    wire.inject("UpdateItem", a_worker_starts)
    assert step.reshard(10, from_shards=5) == hidden - 1
    (ctx,) = started
    task = stored(step, ctx.task.task_id)
    assert (task.status, task.lock, task.value) == (20, ctx.task.lock, ctx.task.value)
    assert _ids(step.query_by_status(20)) == [task.task_id]


def test_r15_worker_whose_task_is_moved_goes_on_and_finishes(new_step: Callable[..., Any]) -> None:
    wide = new_step(n_in_progress_shard=5)
    for task_id in TASK_IDS:
        wide.start(task_id, create=True, lock_expire_seconds=1).__enter__()
    tokens = {task_id: stored(wide, task_id).lock for task_id in TASK_IDS}
    del wide
    _forget_the_former_release()
    step = new_step(n_in_progress_shard=2)
    moved = step.reshard(20, from_shards=5)
    assert moved
    assert {task_id: stored(step, task_id).lock for task_id in TASK_IDS} == tokens
    assert len(step.query_by_status(20, limit=None).all()) == len(TASK_IDS)


def test_r15_reshard_whose_answer_is_lost_moves_all_the_same(lower: Lower, wire: Wire) -> None:
    step = lower()
    wire.inject("UpdateItem", answer_lost)
    step.reshard(10, from_shards=5)
    assert _ids(step.query_by_status(10, limit=None)) == TASK_IDS
    assert step.reshard(10, from_shards=5) == 0


def test_r15_reshard_of_what_another_step_still_spreads_wider_moves_nothing(new_step: Callable[..., Any]) -> None:
    step1, step2 = new_step(n_succeeded_shard=2), new_step(STEP2_CODES, n_pending_shard=8)
    for task_id in TASK_IDS:
        with step1.start(task_id, create=True):
            pass
    assert step1.reshard(40, from_shards=8) == 0
    for step in (step1, step2):
        assert sorted(_ids(step.query_by_status(40, limit=None))) == sorted(TASK_IDS)


def test_r15_raising_a_count_loses_nothing_in_any_status(new_step: Callable[..., Any], clock: Clock) -> None:
    counts = ("pending", "in_progress", "failed", "succeeded", "ignored")
    small = new_step(**{f"n_{name}_shard": 1 for name in counts})
    for number, task_id in enumerate(TASK_IDS):
        clock.advance(1)
        small.make_and_save(task_id, _status=(10, 30, 40, 50)[number % 4])
    large = new_step(**{f"n_{name}_shard": 16 for name in counts})
    assert _ids(large.query_by_status([10, 30, 40, 50], limit=None)) == TASK_IDS
    for task_id in _ids(large.query_by_status([10, 30], limit=None)):
        with large.start(task_id):
            pass
    assert len(large.query_by_status(40, limit=None).all()) == 15
    assert large.count_by_status() == {10: 0, 20: 0, 30: 0, 40: 15, 50: 5}


def test_r15_reshard_of_no_such_status(step1: Any) -> None:
    with pytest.raises(ValueError, match="77"):
        step1.reshard(77, from_shards=5)
