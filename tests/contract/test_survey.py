"""A survey goes once through the unfinished tasks of a step: it counts them, and gives the unattended ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.operations.sweeping import sweep
from tests.support.clock import Clock
from tests.support.items import put_older_item, raw_item
from tests.support.wire import Wire

SHARDS = 5
WAIT = timedelta(minutes=5)


@pytest.fixture
def step(step1: Any) -> Any:
    class Driven(step1):  # type: ignore[misc]
        @classmethod
        def run_state(cls, _task: Any) -> st.RunState:
            return st.RunState.RUNNING

    return Driven


def fail(step: Any, task_id: str, error: Exception) -> None:
    with pytest.raises(type(error)), step.start(task_id, create=True):
        raise error


def not_due() -> Exception:
    error = RuntimeError("slow down")
    error.retry_after = 3600  # type: ignore[attr-defined]
    return error


def damage(step: Any, wire: Wire, task_id: str, change: dict[str, Any]) -> None:
    item = raw_item(wire, step, task_id)
    assert item is not None
    wire.client.put_item(TableName=step.Meta.table_name, Item={**item, **change})


def some_of_every_kind(step: Any, wire: Wire, clock: Clock) -> None:
    for number in range(4):
        step.make_and_save(f"waiting-{number}")
        step.start(f"vanished-{number}", create=True, lock_expire_seconds=60).__enter__()
        step.start(f"live-{number}", create=True, lock_expire_seconds=9000).__enter__()
        fail(step, f"failed-{number}", RuntimeError("no"))
        fail(step, f"later-{number}", not_due())
        with step.start(f"done-{number}", create=True):
            pass
        clock.advance(1)
    put_older_item(wire, step, "older", status=20, now=clock.now, lock="theirs", lock_age=0)
    damage(step, wire, "failed-3", {"retry": {"S": "no number"}})
    damage(step, wire, "failed-2", {"data": {"S": "no json"}})
    clock.advance(3600 // 2)
    for number in range(3):
        step.make_and_save(f"new-{number}")


def unattended(found: Any) -> list[str]:
    ids = []
    while True:
        try:
            ids.append(next(found).task_id)
        except st.TaskUnreadableError as error:
            ids.append(f"{error.task_id}, unreadable")
        except StopIteration:
            return sorted(ids)


def test_it_tells_what_each_query_tells(step: Any, wire: Wire, clock: Clock) -> None:
    some_of_every_kind(step, wire, clock)
    survey = step.survey()
    chosen: dict[str, Any] = {"pending_after": WAIT, "limit": None, "until": None, "cursor": None}
    assert unattended(survey.query_unattended(**chosen)) == unattended(step.query_unattended(**chosen))
    survey.finish()
    assert dict(survey.counts) == {code: step.count_within(code) for code in (20, 30)} == {20: 9, 30: 8}
    assert survey.stuck == len(list(step.query_stuck(limit=None))) == 5
    assert (survey.complete, survey.broken) == (True, False)


def test_each_that_is_in_progress_or_has_failed_is_read_once(step: Any, wire: Wire, clock: Clock) -> None:
    some_of_every_kind(step, wire, clock)
    with wire.counting() as requests:
        survey = step.survey()
        sweep(step, query=survey.query_unattended)
        survey.finish()
        survey.oldest()
    candidates, first_pending = SHARDS, SHARDS
    assert requests == {"Query": 2 * SHARDS + candidates + first_pending, "BatchGetItem": 1}


def test_sweeps_of_a_few_go_on_behind_each_other_and_count_all_each_time(step: Any, wire: Wire, clock: Clock) -> None:
    some_of_every_kind(step, wire, clock)
    whole = sweep(step)
    cursor, examined, rounds = None, 0, 0
    while not rounds or cursor is not None:
        survey = step.survey()
        swept = sweep(step, examine=2, cursor=cursor, query=survey.query_unattended)
        survey.finish()
        assert dict(survey.counts) == {20: 9, 30: 8}
        cursor, examined, rounds = swept.cursor, examined + swept.examined, rounds + 1
        assert rounds < 20
    assert examined == whole.examined


def test_it_ends_when_its_time_is_over_and_says_so(step: Any) -> None:
    fail(step, "failed", RuntimeError("no"))
    survey = step.survey(lambda: True)
    survey.finish()
    assert (survey.complete, survey.broken, dict(survey.counts)) == (False, False, {20: 0, 30: 0})


def test_what_the_store_raises_comes_through_and_is_remembered(step: Any, wire: Wire) -> None:
    fail(step, "failed", RuntimeError("no"))

    def refused(_request: Any) -> Any:
        raise ConnectionError("no route")

    survey = step.survey()
    wire.inject("Query", refused, times=100)
    with pytest.raises(Exception, match="no route"):
        survey.finish()
    wire.heal()
    assert (survey.complete, survey.broken) == (False, True)


def test_the_oldest_is_found_among_many_that_were_asked_for_again(new_step: Callable[..., Any], clock: Clock) -> None:
    step = new_step(n_failed_shard=1)
    made = clock.now
    with step.batch_write() as batch:
        for number in range(250):
            clock.advance(1)
            task = step.make(f"again-{number}", _status=30)
            task.errors = {"history": [], "actions": [_rerun(made + timedelta(days=9))]}
            task.update_time = made + timedelta(days=10, seconds=number)
            batch.save(task)
        old = step.make("old", _status=30)
        old.update_time = made + timedelta(days=10, seconds=120)
        batch.save(old)
    clock.advance(11 * 24 * 3600)
    survey = step.survey()
    survey.finish()
    assert survey.oldest() == made + timedelta(seconds=250)


def _rerun(moment: Any) -> dict[str, Any]:
    return {"action": "rerun", "id": "r", "reason": "again", "by": None, "update_time": moment.isoformat()}
