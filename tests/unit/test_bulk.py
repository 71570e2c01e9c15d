"""An action on all tasks that match: what is done, once, and what is told of the rest."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from status_tracker.operations.bulk import PARALLEL, Action, BulkRun, Kind, act_on_all
from status_tracker.operations.filters import TaskFilter
from status_tracker.testing import Fault, MemoryStorage, MemoryTask
from tests.unit.steps import FAILED, IGNORED, IN_PROGRESS, NOON, PENDING, SUCCEEDED, Clock, make_config

FAILED_ONES = TaskFilter((FAILED,))


class OverloadedError(Exception):
    """What the tasks here fail with."""


class Step(MemoryTask):
    config = make_config(max_retry=9)
    dispatched: ClassVar[list[tuple[str, int]]]
    before_dispatch: ClassVar[Callable[[str], None]]

    @classmethod
    def dispatch(cls, task: Any) -> None:
        cls.before_dispatch(task.task_id)
        cls.dispatched.append((task.task_id, task.run))


@pytest.fixture
def step(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> type[Step]:
    monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())
    monkeypatch.setattr(Step, "config", make_config(clock=clock, max_retry=9))
    monkeypatch.setattr(Step, "dispatched", [], raising=False)
    monkeypatch.setattr(Step, "before_dispatch", lambda _: None, raising=False)
    return Step


def fail(step: type[Step], *task_ids: str) -> None:
    for task_id in task_ids:
        with pytest.raises(OverloadedError), step.start(task_id, create=True):
            raise OverloadedError(task_id)


def stored(step: type[Step], task_id: str) -> Step:
    task = step.get_one_or_none(task_id)
    assert task is not None
    return task


def actions(step: type[Step], task_id: str) -> list[tuple[str, str, str, str]]:
    records = stored(step, task_id).errors.get("actions", [])
    return [(each["action"], each["id"], each["reason"], each["by"]) for each in records]


def rerun(step: type[Step], chosen: TaskFilter = FAILED_ONES, **settings: Any) -> Any:
    return act_on_all(step, "rerun", chosen, **{"reason": "mended", "by": "ann", "run_id": "run-1", **settings})


def test_all_that_match_run_again_each_dispatched_and_recorded(step: type[Step]) -> None:
    fail(step, "a", "b", "c")
    step.make_and_save("pending")
    result = rerun(step)
    assert (result.run_id, result.matching, result.counts, result.troubles) == ("run-1", 3, {Kind.DONE: 3}, ())
    assert sorted(step.dispatched) == [("a", 1), ("b", 1), ("c", 1)]
    assert actions(step, "a") == [("rerun", "run-1", "mended", "ann")]
    assert actions(step, "pending") == []


def test_dry_run_changes_nothing(step: type[Step]) -> None:
    fail(step, *map(str, range(12)))
    result = rerun(step, dry_run=True)
    assert (result.matching, len(result.sample), result.counts) == (12, 10, {})
    assert rerun(step, dry_run=True, limit=3).matching == 3
    assert step.count_by_status()[FAILED] == 12
    assert step.dispatched == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"limit": 0}, "limit is 0: give how many"),
        ({"limit": -1}, "limit is -1"),
        ({"limit": True}, "limit is True"),
        ({"limit": 1.5}, "limit is 1.5"),
        ({"rate": 0}, "rate is 0: give tasks a second, above 0"),
        ({"rate": -2.0}, "rate is -2.0"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"rate": float("inf")}, "rate is inf"),
        ({"run_id": ""}, "run_id is ''"),
        ({"run_id": "x" * 101}, "1 to 100 printable ASCII"),
        ({"run_id": "\u20ac" * 3}, "printable ASCII"),
        ({"run_id": "\x01"}, "printable ASCII"),
        ({"reason": " "}, "reason is empty"),
        ({"cursor": "foreign"}, "is not one that a result gave"),
        ({"chosen": TaskFilter((FAILED,), since=NOON + timedelta(hours=1))}, "nothing matches"),
    ],
)
def test_what_cannot_work_is_refused_and_nothing_changes(step: type[Step], settings: Any, told: str) -> None:
    fail(step, "a")
    with pytest.raises(ValueError, match=told):
        rerun(step, **settings)
    assert stored(step, "a").is_failed()


def test_unknown_action_is_refused(step: type[Step]) -> None:
    with pytest.raises(ValueError, match="'explode' is not a valid Action"):
        act_on_all(step, "explode", FAILED_ONES, reason="why not")


def test_longest_run_id_is_recognised(step: type[Step]) -> None:
    fail(step, "a")
    rerun(step, run_id="~" * 100)
    fail(step, "a")
    assert rerun(step, run_id="~" * 100).counts == {Kind.REPEATED: 1}
    assert len(actions(step, "a")) == 1


def test_limit_caps_and_the_cursor_goes_on(step: type[Step], clock: Clock) -> None:
    for name in "abcd":
        fail(step, name)
        clock.move(1)
    first = rerun(step, FAILED_ONES, limit=1)
    assert first.counts == {Kind.DONE: 1}
    assert rerun(step, limit=2, cursor=first.cursor).counts == {Kind.DONE: 2, Kind.REPEATED: 1}
    assert [stored(step, name).is_pending() for name in "abcd"] == [True, True, True, False]


def test_second_call_of_a_run_does_nothing_twice_also_where_tasks_failed_again(step: type[Step], clock: Clock) -> None:
    fail(step, "a", "b")
    rerun(step)
    clock.move(1)
    fail(step, "a")
    result = rerun(step)
    assert result.counts == {Kind.REPEATED: 2}
    assert stored(step, "a").is_failed()
    assert len(actions(step, "a")) == len(actions(step, "b")) == 1
    assert rerun(step, run_id="run-2").counts == {Kind.DONE: 1}


def test_second_call_dispatches_what_the_first_could_not(step: type[Step], monkeypatch: pytest.MonkeyPatch) -> None:
    fail(step, "a", "b")

    def broken(task_id: str) -> None:
        if task_id == "a":
            raise ConnectionError("the wire is cut")

    monkeypatch.setattr(Step, "before_dispatch", broken)
    result = rerun(step)
    assert result.counts == {Kind.DONE: 1, Kind.UNDISPATCHED: 1}
    assert [(each.task_id, "the wire is cut" in each.message) for each in result.troubles] == [("a", True)]

    monkeypatch.setattr(Step, "before_dispatch", lambda _: None)
    step.dispatched.clear()
    assert rerun(step).counts == {Kind.REPEATED: 2}
    assert sorted(step.dispatched) == [("a", 1), ("b", 1)]


def test_second_call_dispatches_what_the_first_could_not_also_with_an_end_in_the_past(
    step: type[Step], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str) -> None:
        raise ConnectionError("the wire is cut")

    fail(step, "a", "b")
    clock.move(60)
    past = TaskFilter((FAILED,), until=clock.now - timedelta(seconds=30))
    with monkeypatch.context() as patch:
        patch.setattr(Step, "before_dispatch", broken)
        assert rerun(step, past).counts == {Kind.UNDISPATCHED: 2}
    clock.move(60)
    assert rerun(step, past).counts == {Kind.REPEATED: 2}
    assert sorted(step.dispatched) == [("a", 1), ("b", 1)]


def test_cursor_is_short_however_many_tasks_are_of_one_moment(step: type[Step]) -> None:
    ids = [f"{n:04}" for n in range(1000)]
    for task_id in ids:
        step.make_and_save(task_id)
    run = BulkRun(step, "ignore", TaskFilter((PENDING,)), reason="old", limit=900)
    assert sum(1 for _ in run) == 900
    assert run.cursor is not None
    assert len(run.cursor) < 8000
    left = TaskFilter((PENDING,)).matching(step, cursor=run.cursor)
    assert [task.task_id for task in left] == ids[900:]


def test_limit_counts_anew_in_each_call(step: type[Step]) -> None:
    fail(step, *map(str, range(10)))
    for nth, _ in enumerate(BulkRun(step, "rerun", FAILED_ONES, reason="mended", run_id="r", limit=5), 1):
        if nth == 5:
            break
    rerun(step, run_id="r", limit=3)
    assert step.count_by_status()[FAILED] == 2


@pytest.mark.parametrize("action", ["rerun", "ignore"])
def test_request_id_that_would_be_cut_is_refused(step: type[Step], action: str) -> None:
    fail(step, "a")
    act = getattr(step, action)
    with pytest.raises(ValueError, match="request_id has 513 bytes as JSON: give at most 512"):
        act("a", reason="mended", request_id="x" * 511)
    assert actions(step, "a") == []
    for _ in range(2):
        act("a", reason="mended", request_id="x" * 510)
    assert len(actions(step, "a")) == 1


def test_new_run_does_not_look_at_pending_tasks(step: type[Step]) -> None:
    fail(step, "a")
    rerun(step)
    assert rerun(step, run_id=None).counts == {}


def test_repeated_task_that_somebody_works_on_is_not_dispatched_again(step: type[Step]) -> None:
    fail(step, "a")
    rerun(step)
    step.dispatched.clear()
    with step.start("a"):
        assert rerun(step, TaskFilter((IN_PROGRESS,))).counts == {Kind.REPEATED: 1}
    assert step.dispatched == []


def test_what_was_made_pending_is_not_chased(step: type[Step], clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(30):
        step.make_and_save(str(n))
        clock.move(1)
    monkeypatch.setattr(Step, "before_dispatch", lambda _: clock.move(1))
    assert rerun(step, TaskFilter((PENDING,))).counts == {Kind.DONE: 30}
    assert {stored(step, str(n)).run for n in range(30)} == {1}


def test_task_that_fails_again_meanwhile_is_left_alone(
    step: type[Step], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(step, "a")
    clock.move(1)
    fail(step, "b")
    clock.move(1)
    monkeypatch.setattr(Step, "before_dispatch", lambda task_id: fail(step, "a", "b") if task_id == "a" else None)
    run = BulkRun(step, Action.RERUN, FAILED_ONES, reason="mended")
    clock.move(1)
    outcomes = {each.task_id: each.kind for each in run}
    assert outcomes == {"a": Kind.DONE, "b": Kind.CHANGED}
    assert len(actions(step, "a")) == 1
    assert actions(step, "b") == []


def test_task_that_a_worker_moves_while_it_is_listed_is_left_alone(step: type[Step], clock: Clock) -> None:
    fail(step, "held", "done", "gone")
    clock.move(1)
    run = BulkRun(step, "rerun", FAILED_ONES, reason="mended")
    step.start("held").__enter__()
    with step.start("done"):
        pass
    step.storage.store(stored(step, "gone").key).delete()
    outcomes = {each.task_id: each for each in run}
    kinds = {task_id: outcome.kind for task_id, outcome in outcomes.items()}
    assert kinds == {"held": Kind.CHANGED, "done": Kind.CHANGED, "gone": Kind.VANISHED}
    named = f"Task(use_case_id={step.config.use_case_id!r}, task_id='done')"
    assert outcomes["done"].message == f"{named} does not match any more: it is succeeded by now."
    assert stored(step, "done").is_succeeded()
    assert stored(step, "held").is_in_progress()


def test_locked_and_refused_tasks_stop_nobody(step: type[Step], clock: Clock) -> None:
    step.start("held", create=True).__enter__()
    step.start("vanished", create=True, lock_expire_seconds=1).__enter__()
    with step.start("done", create=True):
        pass
    clock.move(2)
    result = rerun(step, TaskFilter((IN_PROGRESS,)))
    assert result.counts == {Kind.LOCKED: 1, Kind.DONE: 1}
    assert "is locked by another worker" in result.troubles[0].message
    assert act_on_all(step, "ignore", TaskFilter((SUCCEEDED,)), reason="no").counts == {Kind.REFUSED: 1}
    assert act_on_all(step, "unlock", TaskFilter((PENDING,)), reason="no").counts == {Kind.REFUSED: 1}


def test_one_bad_task_is_told_with_its_id_and_the_rest_goes_on(step: type[Step]) -> None:
    fail(step, "a", "b", "c")
    step.storage.befall(Fault.BROKEN)
    result = rerun(step)
    assert result.counts == {Kind.FAILED: 1, Kind.DONE: 2}
    assert result.troubles[0].task_id in "abc"
    assert rerun(step).counts == {Kind.DONE: 1, Kind.REPEATED: 2}


def test_it_stops_where_nothing_works_any_more_and_the_cursor_stands_before_that(
    step: type[Step], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(60):
        fail(step, f"{n:02}")
        clock.move(1)
    with monkeypatch.context() as patch:
        patch.setattr(Step, "task_store", _unreachable(step))
        result = rerun(step)
    assert result.counts[Kind.DONE] == 5
    assert 20 <= result.counts[Kind.FAILED] < 20 + PARALLEL
    assert result.stopped == "20 tasks failed one after the other, the last with: ConnectionError: no route"
    assert rerun(step, cursor=result.cursor).counts == {Kind.DONE: 55, Kind.REPEATED: 5}


def test_lost_answers_do_nothing_twice(step: type[Step]) -> None:
    fail(step, "a", "b")
    step.storage.befall(Fault.ANSWER_LOST, 2)
    assert rerun(step).counts == {Kind.DONE: 2}
    assert {stored(step, name).run for name in "ab"} == {1}


def test_ignored_tasks_are_not_dispatched_and_taken_back_they_are(step: type[Step]) -> None:
    fail(step, "a")
    assert act_on_all(step, "ignore", FAILED_ONES, reason="hopeless").counts == {Kind.DONE: 1}
    assert step.dispatched == []
    assert stored(step, "a").is_ignored()
    assert act_on_all(step, "unignore", TaskFilter((IGNORED,)), reason="mended").counts == {Kind.DONE: 1}
    assert step.dispatched == [("a", 1)]


def test_unlocked_tasks_are_dispatched_also_a_second_time_while_nobody_has_taken_them(step: type[Step]) -> None:
    step.start("a", create=True).__enter__()
    unlock: Any = {"action": "unlock", "chosen": TaskFilter((IN_PROGRESS,)), "reason": "killed", "run_id": "u"}
    assert act_on_all(step, **unlock).counts == {Kind.DONE: 1}
    assert act_on_all(step, **unlock).counts == {Kind.REPEATED: 1}
    assert step.dispatched == [("a", 0)] * 2
    with step.start("a"):
        assert act_on_all(step, **unlock).counts == {Kind.REPEATED: 1}
    assert step.dispatched == [("a", 0)] * 2


def test_rate_spaces_the_tasks_evenly(step: type[Step]) -> None:
    fail(step, *map(str, range(5)))
    pauses: list[float] = []
    run = BulkRun(step, "rerun", FAILED_ONES, reason="mended", rate=0.001, sleep=pauses.append)
    assert sum(1 for _ in run) == 5
    assert [round(pause / 1000) for pause in pauses] == [1, 2, 3, 4]


def test_leaving_early_leaves_the_rest_and_the_cursor_goes_on(step: type[Step], clock: Clock) -> None:
    for n in range(60):
        fail(step, f"{n:02}")
        clock.move(1)
    run = BulkRun(step, "rerun", FAILED_ONES, reason="mended", run_id="run-1")
    for nth, _ in enumerate(run, 1):
        if nth == 5:
            break
    assert step.count_by_status()[FAILED] >= 60 - 5 - PARALLEL
    rerun(step, cursor=run.cursor)
    assert {stored(step, f"{n:02}").run for n in range(60)} == {1}


def test_two_at_once_with_one_run_id_rerun_each_task_once(step: type[Step]) -> None:
    ids = [str(n) for n in range(100)]
    fail(step, *ids)
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(rerun(step))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(len(actions(step, task_id)) for task_id in ids) == {1: 100}
    assert {stored(step, task_id).run for task_id in ids} == {1}
    told = sum((Counter(result.counts) for result in results), Counter())
    assert set(told) <= {Kind.DONE, Kind.REPEATED}


def _unreachable(step: type[Step]) -> Any:
    """The stores of all tasks but the first five cannot be reached."""
    stores = step.task_store

    def store(task_id: str) -> Any:
        if task_id >= "05":
            raise ConnectionError("no route")
        return stores(task_id)

    return store
