"""The sweep, on tasks in memory whose workflow is a dictionary."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as some

import status_tracker as st
from status_tracker.operations.sweeping import sweep
from status_tracker.operations.swept import Swept
from status_tracker.testing import Clock, MemoryStorage, MemoryTask
from tests.unit.steps import make_config

CLOCK = Clock()


class Step(MemoryTask):
    """A task whose runs are driven by executions, which are kept by task and run."""

    config = make_config(clock=CLOCK, max_retry=3)
    executions: ClassVar[dict[tuple[str, int], st.RunState]] = {}
    started: ClassVar[list[tuple[str, int]]] = []

    @classmethod
    def dispatch(cls, task: Any) -> None:
        run = (task.task_id, task.run or 0)
        if run not in cls.executions:
            cls.executions[run] = st.RunState.RUNNING
            cls.started.append(run)

    @classmethod
    def run_state(cls, task: Any) -> st.RunState:
        return cls.executions.get((task.task_id, task.run or 0), st.RunState.NEVER_STARTED)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    start_afresh()


def start_afresh() -> None:
    CLOCK.now = Clock().now
    MemoryTask.storage = MemoryStorage()
    Step.executions, Step.started = {}, []


def make(task_id: str, run_state: st.RunState | None = None, *, minutes_ago: float = 10) -> None:
    CLOCK.advance(-60 * minutes_ago)
    Step.make_and_save(task_id)
    CLOCK.advance(60 * minutes_ago)
    if run_state is not None:
        Step.executions[task_id, 0] = run_state


def fail(task_id: str, error: Exception) -> None:
    with pytest.raises(type(error)), Step.start(task_id):
        raise error


def vanish(task_id: str) -> None:
    Step.start(task_id).__enter__()


def ids(noted: Any) -> list[str]:
    return [each.task_id for each in noted]


def the_task(task_id: str) -> Any:
    return Step.get_one_or_none(task_id)


def test_a_pending_task_that_was_never_started_is_dispatched_in_its_run() -> None:
    make("lost")
    swept = sweep(Step)
    assert ids(swept.restarted) == ["lost"]
    assert "pending since" in swept.restarted[0].why
    assert "run 0 was never started" in swept.restarted[0].why
    assert Step.started == [("lost", 0)]
    assert the_task("lost").errors == {"history": []}
    assert (swept.examined, swept.running, swept.stuck, swept.complete, swept.cursor) == (1, 0, 0, True, None)


def test_a_task_whose_run_is_under_way_is_left_alone() -> None:
    make("running", st.RunState.RUNNING)
    swept = sweep(Step)
    assert (swept.examined, swept.running, swept.restarted) == (1, 1, ())
    assert Step.started == []


def test_a_task_whose_run_has_ended_is_given_its_next_run_and_that_is_recorded() -> None:
    make("stopped", st.RunState.ENDED)
    [restarted] = sweep(Step, by="the sweep").restarted
    task = the_task("stopped")
    assert (task.run, task.status_name) == (1, "pending")
    assert Step.started == [("stopped", 1)]
    [action] = task.errors["actions"]
    assert (action["action"], action["by"], action["reason"]) == ("restart", "the sweep", restarted.why)
    assert "run 0 has ended" in restarted.why
    assert sweep(Step).running == 1


def test_a_pending_task_is_left_alone_for_a_while() -> None:
    make("new", minutes_ago=5)
    CLOCK.now -= timedelta(microseconds=1)
    assert sweep(Step).examined == 0
    CLOCK.now += timedelta(microseconds=1)
    assert ids(sweep(Step).restarted) == ["new"]


def test_a_stuck_task_is_restarted_when_its_lease_is_over_and_keeps_its_attempts() -> None:
    make("stuck", st.RunState.ENDED)
    vanish("stuck")
    assert sweep(Step).examined == 0
    CLOCK.advance(60)
    swept = sweep(Step)
    assert (ids(swept.restarted), swept.stuck) == (["stuck"], 1)
    task = the_task("stuck")
    assert (task.run, task.status_name, task.retry) == (1, "in_progress", 0)
    with Step.start("stuck") as ctx:
        assert ctx.task.retry == 1


def test_a_failed_task_is_restarted_when_it_is_due() -> None:
    wait = RuntimeError("throttled")
    wait.retry_after = 30  # type: ignore[attr-defined]
    make("failed", st.RunState.ENDED)
    fail("failed", wait)
    assert sweep(Step).examined == 0
    CLOCK.advance(30)
    assert ids(sweep(Step).restarted) == ["failed"]
    assert the_task("failed").retry == 1


def test_what_always_fails_is_given_up_all_the_same() -> None:
    make("hopeless", st.RunState.ENDED)
    for _ in range(3):
        fail("hopeless", RuntimeError("no"))
        sweep(Step)
        Step.executions = dict.fromkeys(Step.executions, st.RunState.ENDED)
    assert the_task("hopeless").status_name == "ignored"
    assert [run for _, run in Step.started] == [1, 2]
    assert sweep(Step).examined == 0


def test_the_oldest_are_restarted_first_and_at_most_so_many() -> None:
    for number in range(5):
        make(f"t{number}", minutes_ago=10 + number)
    first = sweep(Step, limit=2)
    assert ids(first.restarted) == ["t4", "t3"]
    assert not first.complete
    second = sweep(Step, limit=5, cursor=first.cursor)
    assert ids(second.restarted) == ["t2", "t1", "t0"]
    assert second.cursor is not None or second.complete


def test_many_that_are_left_alone_do_not_keep_the_one_behind_them_waiting() -> None:
    for number in range(1000):
        make(f"running-{number}", st.RunState.RUNNING, minutes_ago=20)
    make("lost")
    cursor, runs, last = None, 0, None
    while Step.started == []:
        last = sweep(Step, examine=100, cursor=cursor)
        cursor, runs = last.cursor, runs + 1
    assert runs == 11
    assert last is not None
    assert (last.examined, ids(last.restarted), last.complete) == (1, ["lost"], True)


def test_a_round_ends_however_many_come_meanwhile() -> None:
    make("ended later", st.RunState.RUNNING)
    cursor = None
    for sweeps in range(10):
        for number in range(2):
            make(f"new-{sweeps}-{number}", st.RunState.RUNNING, minutes_ago=0)
        CLOCK.advance(300)
        cursor = sweep(Step, examine=2, cursor=cursor).cursor
        Step.executions["ended later", 0] = st.RunState.ENDED
        if Step.started:
            break
    assert Step.started == [("ended later", 1)]
    assert sweeps == 3


@pytest.mark.parametrize("cursor", ["rubbish", "", " ", "2026-01-01"])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    make("lost")
    with pytest.raises(ValueError, match="is not one that a sweep gave"):
        sweep(Step, cursor=cursor)


def test_one_that_cannot_be_asked_or_started_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, task_id in enumerate(("asked", "started", "good")):
        make(task_id, minutes_ago=10 - number)
    run_state, dispatch = Step.run_state, Step.dispatch

    def refuse(task: Any, task_id: str) -> None:
        if task.task_id == task_id:
            raise ConnectionError(f"{task_id}: slow down")

    monkeypatch.setattr(Step, "run_state", lambda task: (refuse(task, "asked"), run_state(task))[1])
    monkeypatch.setattr(Step, "dispatch", lambda task: (refuse(task, "started"), dispatch(task))[1])
    swept = sweep(Step)
    assert ids(swept.restarted) == ["good"]
    assert [(each.task_id, each.why) for each in swept.failed] == [
        ("asked", "ConnectionError: asked: slow down"),
        ("started", "ConnectionError: started: slow down"),
    ]
    monkeypatch.undo()
    assert ids(sweep(Step).restarted) == ["asked", "started"]


def test_a_sweep_that_died_between_restart_and_dispatch_is_made_up_for() -> None:
    make("half", st.RunState.ENDED)
    Step.restart("half", run=0, reason="the sweep died behind this")
    assert ids(sweep(Step).restarted) == ["half"]
    assert Step.started == [("half", 1)]
    assert the_task("half").run == 1


@pytest.mark.parametrize("meanwhile", ["taken", "done", "rerun", "deleted", "restarted"])
def test_what_changes_while_it_is_looked_at_is_left_alone(monkeypatch: pytest.MonkeyPatch, meanwhile: str) -> None:
    make("busy", st.RunState.ENDED)
    before = the_task("busy").run

    def change(_task: Any) -> st.RunState:
        if meanwhile == "taken":
            vanish("busy")
        elif meanwhile == "done":
            with Step.start("busy"):
                pass
        elif meanwhile == "rerun":
            Step.rerun("busy", reason="asked for")
        elif meanwhile == "restarted":
            Step.restart("busy", run=0, reason="another sweep")
        else:
            Step.delete_all()
        return st.RunState.ENDED

    monkeypatch.setattr(Step, "run_state", change)
    swept = sweep(Step)
    assert (ids(swept.left_alone), swept.restarted, swept.failed) == (["busy"], (), ())
    assert "meanwhile" in swept.left_alone[0].why
    assert Step.started == []
    task = the_task("busy")
    assert task is None or task.run == (before or 0) + (meanwhile in {"rerun", "restarted"}) or task.run == before


def test_a_refused_restart_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    make("busy", st.RunState.ENDED)
    read = Step.get_one_or_none

    def taken_after_it_was_read(task_id: str, consistent_read: bool = False) -> Any:
        task = read(task_id, consistent_read)
        vanish("busy")
        return task

    monkeypatch.setattr(Step, "get_one_or_none", taken_after_it_was_read)
    swept = sweep(Step)
    assert (ids(swept.left_alone), swept.failed) == (["busy"], ())
    assert "lock" in swept.left_alone[0].why


def test_it_stops_when_told_and_goes_on_from_there() -> None:
    for number in range(4):
        make(f"t{number}", minutes_ago=20 - number)
    answers = iter([False, False, True])
    first = sweep(Step, stop=lambda: next(answers))
    assert (ids(first.restarted), first.complete) == (["t0", "t1"], False)
    assert ids(sweep(Step, cursor=first.cursor).restarted) == ["t2", "t3"]
    at_once = sweep(Step, stop=lambda: True, cursor=first.cursor)
    assert (at_once.examined, at_once.cursor) == (0, first.cursor)


class Breaking:
    """A listing that raises what it is told to, instead of its tasks of those numbers; a task that it hides is gone."""

    def __init__(self, query: Any, errors: dict[int, Exception]) -> None:
        self._query, self._errors, self._number = query, errors, 0

    @property
    def cursor(self) -> str | None:
        cursor: str | None = self._query.cursor
        return cursor

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        self._number += 1
        error = self._errors.get(self._number)
        if isinstance(error, st.TaskUnreadableError):
            next(self._query)
        if error is not None:
            raise error
        return next(self._query)


def breaking(monkeypatch: pytest.MonkeyPatch, errors: dict[int, Exception]) -> None:
    query = Step.query_unattended
    monkeypatch.setattr(Step, "query_unattended", lambda **chosen: Breaking(query(**chosen), errors))


@pytest.mark.parametrize("error", [RuntimeError("DynamoDB throttles"), ValueError("no JSON")])
def test_a_listing_that_breaks_off_tells_what_was_done_and_the_next_sweep_goes_on(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for number in range(5):
        make(f"t{number}", minutes_ago=20 - number)
    with monkeypatch.context() as patch:
        breaking(patch, {4: error})
        first = sweep(Step)
    assert (ids(first.restarted), first.examined, first.complete) == (["t0", "t1", "t2"], 3, False)
    assert first.error is error
    second = sweep(Step, cursor=first.cursor)
    assert (ids(second.restarted), second.complete, second.error) == (["t3", "t4"], True, None)


def test_a_listing_that_gives_nothing_leaves_the_cursor_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        make(f"t{number}", minutes_ago=20 - number)
    before = sweep(Step, limit=1).cursor
    breaking(monkeypatch, {1: ConnectionError("no route")})
    swept = sweep(Step, cursor=before)
    assert (swept.examined, swept.cursor, swept.complete) == (0, before, False)
    assert isinstance(swept.error, ConnectionError)


def test_what_cannot_be_read_is_told_and_the_others_are_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        make(f"t{number}", minutes_ago=20 - number)
    error = st.TaskUnreadableError("The item 'test____t1' cannot be read", use_case_id="test", task_id="t1")
    breaking(monkeypatch, {2: error})
    swept = sweep(Step)
    assert (ids(swept.restarted), swept.examined, swept.complete) == (["t0", "t2"], 3, True)
    assert [(each.task_id, each.why) for each in swept.failed] == [("t1", str(error))]
    assert (swept.error, sweep(Step, examine=2).complete) == (None, False)


def test_classes_whose_workers_look_for_tasks_have_nothing_to_start() -> None:
    class Polled(MemoryTask):
        config = make_config(clock=CLOCK)

    make("waits")
    swept = sweep(Polled)
    assert (swept.running, swept.restarted) == (1, ())


@pytest.mark.parametrize("kind", [classmethod, staticmethod])
def test_a_dispatch_without_a_way_to_ask_is_repeated(kind: Any) -> None:
    sent = []

    class Sent(MemoryTask):
        config = make_config(clock=CLOCK)
        dispatch = kind(lambda *arguments: sent.append(arguments[-1].task_id))

    class Inherited(Sent):
        pass

    make("message")
    for step in (Sent, Inherited):
        assert ids(sweep(step).restarted) == ["message"]
    assert sent == ["message", "message"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limit": 0}, "limit is 0: give a whole number, at least 1"),
        ({"limit": -1}, "limit is -1: give"),
        ({"limit": True}, "limit is True: give"),
        ({"limit": 2.5}, "limit is 2.5: give"),
        ({"examine": 0}, "examine is 0: give"),
        ({"pending_after": timedelta(seconds=-1)}, "give a timedelta, not below 0"),
        ({"pending_after": 300}, "pending_after is 300: give a timedelta"),
        ({"by": " "}, "by is ' ': say who sweeps"),
    ],
)
def test_arguments_that_cannot_be_used(arguments: dict[str, Any], message: str) -> None:
    make("lost")
    with pytest.raises(ValueError, match=r"give|say") as refused:
        sweep(Step, **arguments)
    assert message in str(refused.value)
    assert Step.started == []


@pytest.mark.parametrize("no_class", [object, "documents.tasks:ExtractTask", None, MemoryTask])
def test_what_is_no_class_of_tasks(no_class: Any) -> None:
    with pytest.raises(ValueError, match="derives from BaseTask and has a `config`"):
        sweep(no_class)


KINDS = some.sampled_from([None, st.RunState.RUNNING, st.RunState.ENDED])


@given(
    tasks=some.lists(some.tuples(KINDS, some.integers(0, 30)), max_size=12),
    limit=some.integers(1, 5),
    examine=some.integers(1, 5),
)
def test_a_round_of_sweeps_starts_each_that_nothing_drives_once(
    tasks: list[tuple[st.RunState | None, int]], limit: int, examine: int
) -> None:
    start_afresh()
    for number, (run_state, minutes_ago) in enumerate(tasks):
        make(f"t{number}", run_state, minutes_ago=minutes_ago)
    wanted = {
        (f"t{number}", int(run_state is st.RunState.ENDED))
        for number, (run_state, minutes_ago) in enumerate(tasks)
        if minutes_ago >= 5 and run_state is not st.RunState.RUNNING
    }
    swept: list[Swept] = []
    while not swept or not swept[-1].complete:
        swept.append(sweep(Step, limit=limit, examine=examine, cursor=swept[-1].cursor if swept else None))
        assert len(swept[-1].restarted) <= limit
        assert swept[-1].examined <= examine
        assert len(swept) <= len(tasks) + 1
    assert sorted(Step.started) == sorted(wanted)
    assert all(sweep(Step, cursor=None).restarted == () for _ in range(2))


class TestSeveralAtATime:
    def test_the_results_are_those_of_one_after_the_other(self) -> None:
        for number in range(30):
            states = (None, st.RunState.RUNNING, st.RunState.ENDED)
            make(f"t{number:02}", states[number % 3], minutes_ago=60 - number)
        rehearsed = sweep(Step, dry_run=True)
        swept = sweep(Step, workers=4)
        assert (swept.examined, swept.running, swept.complete) == (30, 10, True)
        assert swept.restarted == rehearsed.restarted
        assert sorted(task_id for task_id, _ in Step.started) == ids(swept.restarted)

    @pytest.mark.parametrize("limit", [1, 3, 10])
    def test_no_more_than_so_many_are_started(self, limit: int) -> None:
        for number in range(12):
            make(f"t{number:02}", minutes_ago=60 - number)
        swept = sweep(Step, workers=8, limit=limit)
        assert ids(swept.restarted) == sorted(task_id for task_id, _ in Step.started)
        assert len(swept.restarted) == limit
        assert ids(sweep(Step, workers=8, cursor=swept.cursor).restarted)[:1] == [f"t{limit:02}"]

    def test_they_are_under_way_at_the_same_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        together = threading.Barrier(4, timeout=30)

        def wait(_task: Any) -> st.RunState:
            together.wait()
            return st.RunState.RUNNING

        for number in range(8):
            make(f"t{number}")
        monkeypatch.setattr(Step, "run_state", wait)
        assert sweep(Step, workers=4).running == 8


def test_a_dry_run_changes_nothing_and_tells_the_reasons() -> None:
    make("lost")
    make("stopped", st.RunState.ENDED)
    for task_id in ("failed", "stuck"):
        make(task_id, st.RunState.ENDED)
    fail("failed", RuntimeError("no"))
    vanish("stuck")
    CLOCK.advance(3600)
    swept = sweep(Step, pending_after=timedelta(0), dry_run=True)
    assert swept.dry_run
    assert sum(swept.by_case.values()) == len(swept.restarted) > 2
    assert swept.by_case["pending, and its run was never started"] == 1
    assert Step.started == []
    assert all((the_task(task_id).run or 0) == 0 for task_id in ids(swept.restarted))
    assert sweep(Step, pending_after=timedelta(0)).restarted == swept.restarted


def test_a_run_of_which_dispatch_says_that_it_is_over_is_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    make("lost")
    monkeypatch.setattr(Step, "dispatch", lambda task: None if task.run else False)
    [restarted] = sweep(Step).restarted
    assert "run 0 has ended without an end of the task" in restarted.why
    assert the_task("lost").run == 1
