"""Section 4: listing, counting and deleting."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from tests.support.clock import Clock
from tests.support.items import put_older_item, stored
from tests.support.steps import SHARDS
from tests.support.wire import ALWAYS, Wire, partly_unprocessed, sent, throttled, unprocessed


def _make(step: Any, clock: Clock, n: int, status: int = 10, prefix: str = "t") -> list[str]:
    """So many tasks, one second apart; their ids, the oldest first."""
    task_ids = []
    for number in range(n):
        clock.advance(1)
        step.make_and_save(f"{prefix}-{number}", {"number": number}, _status=status)
        task_ids.append(f"{prefix}-{number}")
    return task_ids


def _ids(tasks: Any) -> list[str]:
    return [task.task_id for task in tasks]


def test_order_is_by_update_time_over_all_shards(step1: Any, clock: Clock) -> None:
    made = _make(step1, clock, 20)
    assert len({stored(step1, task_id).shard_id for task_id in made}) > 1
    assert _ids(step1.query_by_status(10, limit=None)) == made
    assert _ids(step1.query_by_status(10, limit=None, older_task_first=False)) == made[::-1]
    clock.advance(1)
    step1.rerun(made[0], reason="to be the newest")
    assert _ids(step1.query_by_status(10, limit=None)) == made[1:] + made[:1]


@pytest.mark.parametrize("refresh", [False, True])
def test_a_limit_of_none_at_all_gives_none_and_asks_nothing(step1: Any, wire: Wire, refresh: bool) -> None:
    step1.make_and_save("t")
    with wire.counting() as requests:
        assert step1.query_by_status([10, 20], limit=0, auto_refresh=refresh).all() == []
        assert step1.query_for_unfinished(limit=0, auto_refresh=refresh).all() == []
        assert step1.query_stuck(limit=0, auto_refresh=refresh).all() == []
        assert step1.query_unattended(pending_after=timedelta(0), limit=0).all() == []
    assert requests == {}


@pytest.mark.parametrize("limit", [-1, 1.5, "3", True])
def test_a_limit_that_is_no_number_of_tasks_is_refused(step1: Any, limit: Any) -> None:
    with pytest.raises(ValueError, match=f"limit is {limit!r}"):
        step1.query_by_status(10, limit=limit)
    with pytest.raises(ValueError, match=f"per_shard is {limit!r}"):
        step1.count_up_to([10], per_shard=limit)
    with pytest.raises(ValueError, match="per_shard is 0"):
        step1.count_up_to([10], per_shard=0)


def test_limit_is_for_each_status_and_ten_unless_told(step1: Any, clock: Clock) -> None:
    pending, failed = _make(step1, clock, 15), _make(step1, clock, 15, status=30, prefix="f")
    assert _ids(step1.query_by_status(10)) == pending[:10]
    assert _ids(step1.query_by_status([10, 30], limit=3)) == pending[:3] + failed[:3]
    newest = step1.query_by_status([10, 30], limit=3, older_task_first=False)
    assert _ids(newest) == failed[:-4:-1] + pending[:-4:-1]
    assert len(step1.query_by_status([10, 30], limit=None).all()) == 30


def test_several_statuses_come_merged(step1: Any, clock: Clock) -> None:
    made = []
    for number in range(6):
        made += _make(step1, clock, 1, status=(10, 30, 50)[number % 3], prefix=f"t{number}")
    assert _ids(step1.query_by_status([50, 10, 30])) == made
    assert _ids(step1.query_by_status([10, 10])) == _ids(step1.query_by_status(10))
    assert _ids(step1.query_for_unfinished()) == [made[0], made[1], made[3], made[4]]


def test_status_may_be_a_member_of_an_enum(step1: Any, clock: Clock) -> None:
    made = _make(step1, clock, 1)
    assert _ids(step1.query_by_status(step1.config.status_enum.pending)) == made
    assert _ids(step1.query_by_status([step1.config.status_enum.pending])) == made
    assert step1.query_by_status(step1.config.status_enum.failed).all() == []


def test_ways_to_take_the_result(step1: Any, clock: Clock) -> None:
    made = _make(step1, clock, 6)
    found = step1.query_by_status(10)
    assert found.one().task_id == made[0]
    assert _ids(found.many(2)) == made[1:3]
    assert found.one_or_none().task_id == made[3]
    assert _ids(found.all()) == made[4:]
    assert found.one_or_none() is None
    with pytest.raises(LookupError):
        found.one()


def test_projected_attributes_are_true_and_the_rest_are_defaults_until_refreshed(
    step1: Any, wire: Wire, clock: Clock
) -> None:
    step1.make_and_save("t", {"page": 1}, retry=1, errors={"history": [{"error": "E()"}]})
    clock.advance(5)
    with step1.start("t"):
        whole = stored(step1, "t")
        (listed,) = step1.query_by_status(20)
        for name in ("key", "value", "status", "create_time", "update_time", "retry", "lock", "lock_time"):
            assert getattr(listed, name) == getattr(whole, name), name
        assert listed.lock_expire_time == whole.lock_expire_time
        assert (listed.is_locked(), listed.status_name, listed.shard_id) == (True, "in_progress", whole.shard_id)
        assert (listed.data, listed.errors) == ({}, {"history": []})
        listed.refresh()
        assert (listed.data, listed.errors) == ({"page": 1}, {"history": [{"error": "E()"}]})
        with wire.counting() as requests:
            assert step1.query_by_status(20, auto_refresh=True).one().serialize() == whole.serialize()
    assert requests["BatchGetItem"] == 1
    assert not requests["GetItem"]


def test_auto_refresh_reads_a_hundred_at_a_time_and_only_when_asked(step1: Any, wire: Wire, clock: Clock) -> None:
    with step1.batch_write() as batch:
        for number in range(250):
            clock.advance(1)
            batch.save(step1.make(f"t-{number:03}", {"number": number}))
    with wire.counting() as requests:
        found = step1.query_by_status(10, limit=None, auto_refresh=True)
        assert [task.data["number"] for task in found.many(100)] == list(range(100))
    assert requests["BatchGetItem"] == 1
    with wire.counting() as requests:
        assert [task.data["number"] for task in found] == list(range(100, 250))
    assert requests["BatchGetItem"] == 2
    assert not requests["GetItem"]


def test_auto_refresh_skips_what_was_deleted_meanwhile(step1: Any, wire: Wire, clock: Clock) -> None:
    made = _make(step1, clock, 5)

    def others_delete(_request: object) -> None:
        for task_id in (made[0], made[3]):
            stored(step1, task_id).delete()

    wire.inject("BatchGetItem", others_delete)
    assert _ids(step1.query_by_status(10, auto_refresh=True)) == [made[1], made[2], made[4]]


def test_auto_refresh_asks_again_for_what_was_left_unprocessed(step1: Any, wire: Wire, clock: Clock) -> None:
    made = _make(step1, clock, 5)
    wire.inject("BatchGetItem", unprocessed, throttled, partly_unprocessed, partly_unprocessed)
    assert _ids(step1.query_by_status(10, auto_refresh=True)) == made


def test_auto_refresh_pauses_longer_and_longer_before_it_asks_again(
    step1: Any, wire: Wire, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, pauses = _make(step1, clock, 1), []
    monkeypatch.setattr("random.uniform", lambda _shortest, longest: longest)
    monkeypatch.setattr("time.sleep", pauses.append)
    wire.inject("BatchGetItem", unprocessed, times=20)
    assert _ids(step1.query_by_status(10, auto_refresh=True)) == made
    assert len(pauses) == 20
    assert pauses[:4] == [pauses[0] * 2**n for n in range(4)]
    assert pauses[-1] == pauses[-2] <= 10


@pytest.mark.parametrize("auto_refresh", [False, True])
def test_task_that_moves_while_it_is_listed_comes_once(
    step1: Any, wire: Wire, clock: Clock, auto_refresh: bool
) -> None:
    _make(step1, clock, 1)
    pending_read, first = threading.Semaphore(0), threading.Lock()

    def fails_once_pending_was_read(request: AWSPreparedRequest) -> AWSResponse | None:
        if b"____010____" in request.body:
            response = sent(request)
            pending_read.release()
            return response
        with first:
            if stored(step1, "t-0").status == 10:
                assert all(pending_read.acquire(timeout=30) for _ in range(SHARDS["n_pending_shard"]))
                with pytest.raises(OSError, match="no page"), step1.start("t-0"):
                    raise OSError("no page")
        return None

    wire.inject("Query", fails_once_pending_was_read, times=ALWAYS)
    assert _ids(step1.query_by_status([10, 30], auto_refresh=auto_refresh)) == ["t-0"]


def test_use_cases_are_counted_and_deleted_exactly(new_step: Any, clock: Clock) -> None:
    names = ("test", "test2", "tes")
    steps = {name: new_step(use_case_id=name) for name in names}
    for n, step in enumerate(steps.values(), start=2):
        _make(step, clock, n)
    assert [step.count_tasks_by_use_case_id() for step in steps.values()] == [2, 3, 4]
    assert steps["test"].count_tasks_by_use_case_id("test2") == 3
    assert steps["test"].delete_tasks_by_use_case_id() == 2
    assert [step.count_tasks_by_use_case_id() for step in steps.values()] == [0, 3, 4]
    assert steps["test"].delete_tasks_by_use_case_id("tes") == 4
    assert steps["test"].delete_all() == 3
    assert steps["test"].delete_all() == 0


def test_tasks_of_another_use_case_are_not_listed_unless_named(new_step: Any, clock: Clock) -> None:
    one, other = new_step(use_case_id="test"), new_step(use_case_id="test2")
    _make(one, clock, 1, prefix="one")
    _make(other, clock, 1, prefix="other")
    assert _ids(one.query_by_status(10)) == ["one-0"]
    assert _ids(one.query_by_status(10, use_case_id="test2")) == ["other-0"]


def test_status_that_no_step_has_is_refused(step1: Any) -> None:
    with pytest.raises(ValueError, match="77"):
        step1.query_by_status(77)


def test_older_narrower_index_tells_the_status_and_nothing_false(narrow: Any, clock: Clock) -> None:
    put_older_item(Wire(narrow._get_connection().connection.client), narrow, "t", status=30, now=clock.now, retry=2)
    (listed,) = narrow.query_by_status(30)
    assert (listed.status, listed.status_name, listed.task_id) == (30, "failed", "t")
    assert (listed.create_time, listed.update_time) == (clock.now, clock.now)
    assert (listed.retry, listed.lock, listed.lock_time, listed.lock_expire_time) == (None, None, None, None)
    (whole,) = narrow.query_by_status(30, auto_refresh=True)
    assert (whole.status, whole.retry, whole.data) == (30, 2, {"from": "before"})
    with narrow.start("t") as ctx:
        assert ctx.task.retry == 2
    assert _ids(narrow.query_by_status(40)) == ["t"]
