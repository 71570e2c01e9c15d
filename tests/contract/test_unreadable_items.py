"""Items that are no tasks, edited by hand perhaps: they are named, and hide none of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

import status_tracker as st
from status_tracker.operations.bulk import Kind, act_on_all
from status_tracker.operations.filters import TaskFilter
from status_tracker.operations.sweeping import sweep
from tests.support.clock import Clock
from tests.support.items import raw_item
from tests.support.wire import Wire

WHOLE_ONLY: dict[str, dict[str, Any]] = {
    "no JSON": {"data": {"S": "no json"}},
    "no list": {"finished_locks": {"S": "7"}},
    "no object": {"errors": {"S": "[7]"}},
    "another type": {"run": {"S": "one"}},
}
IN_THE_INDEX: dict[str, dict[str, Any]] = {
    "no number": {"retry": {"S": "1"}},
    "no moment": {"update_time": {"S": "2026-01-01 03:00"}},
}
DAMAGES = [pytest.param(change, id=name) for name, change in {**WHOLE_ONLY, **IN_THE_INDEX}.items()]


def damage(wire: Wire, step: Any, task_id: str, change: dict[str, Any]) -> dict[str, Any]:
    item = raw_item(wire, step, task_id)
    assert item is not None
    item.update(change)
    wire.client.put_item(TableName=step.Meta.table_name, Item=item)
    return item


@pytest.fixture
def step(step1: Any) -> Any:
    class Sent(step1):  # type: ignore[misc]
        sent: ClassVar[list[str]] = []

        @classmethod
        def dispatch(cls, task: Any) -> None:
            cls.sent.append(task.task_id)

        @classmethod
        def run_state(cls, _task: Any) -> st.RunState:
            return st.RunState.NEVER_STARTED

    return Sent


def make_failed(step: Any, *task_ids: str) -> None:
    for task_id in task_ids:
        with pytest.raises(RuntimeError), step.start(task_id, create=True):
            raise RuntimeError("overloaded")


def all_of(query: Any) -> tuple[list[str], list[str]]:
    """The tasks that a query gives, and what it says of those that it cannot."""
    tasks, told = [], []
    while True:
        try:
            tasks.append(next(query).task_id)
        except st.TaskUnreadableError as error:
            told.append(str(error))
        except StopIteration:
            return tasks, told


@pytest.mark.parametrize(
    "change",
    [*IN_THE_INDEX.values(), *WHOLE_ONLY.values(), {"errors": {"S": "no json"}}, {"lock_expire_time": {"S": "soon"}}],
)
def test_the_attribute_that_cannot_be_read_is_named(step: Any, wire: Wire, change: dict[str, Any]) -> None:
    make_failed(step, "bad")
    damage(wire, step, "bad", change)
    [attribute] = change
    [error] = step.get_many(["bad"])
    assert isinstance(error, st.TaskUnreadableError)
    assert attribute in str(error).partition("cannot be read: ")[2]


def test_many_tasks_are_read_at_once_each_as_it_is(step: Any, wire: Wire) -> None:
    make_failed(step, *map(str, range(150)))
    damage(wire, step, "7", WHOLE_ONLY["another type"])
    with wire.counting() as requests:
        found = step.get_many(["149", "gone", "7", *map(str, range(8, 149))], consistent_read=True)
    assert [each.task_id for each in found] == ["149", "7", *map(str, range(8, 149))]
    assert [each.task_id for each in found if isinstance(each, st.TaskUnreadableError)] == ["7"]
    assert requests == {"BatchGetItem": 2}


@pytest.mark.parametrize("change", DAMAGES)
def test_a_sweep_restarts_the_others_and_names_it(step: Any, wire: Wire, clock: Clock, change: dict[str, Any]) -> None:
    for task_id in ("a", "bad", "c"):
        make_failed(step, task_id)
        clock.advance(1)
    damage(wire, step, "bad", change)
    clock.advance(300)
    swept = sweep(step)
    assert (sorted(step.sent), swept.examined, swept.complete, swept.error) == (["a", "c"], 3, True, None)
    [failed] = swept.failed
    assert failed.task_id == "bad"
    assert failed.why.startswith("The item 'test____bad' cannot be read: ")


def test_sweeps_of_one_task_each_pass_many_of_them_by(step: Any, wire: Wire, clock: Clock) -> None:
    """They count as looked at: else a round would seem to be at its end before those behind them."""
    make_failed(step, *(f"t{number}" for number in range(7)))
    for number, change in enumerate([*WHOLE_ONLY.values(), *IN_THE_INDEX.values()]):
        damage(wire, step, f"t{number}", change)
    clock.advance(300)
    cursor, failed, rounds = None, [], 0
    while not rounds or cursor is not None:
        swept = sweep(step, examine=1, cursor=cursor)
        cursor, rounds = swept.cursor, rounds + 1
        failed += [each.task_id for each in swept.failed]
        assert rounds <= 8
    assert (step.sent, sorted(failed)) == (["t6"], [f"t{number}" for number in range(6)])


@pytest.mark.parametrize("change", DAMAGES)
@pytest.mark.parametrize("older_first", [True, False])
def test_a_listing_of_whole_tasks_names_it_and_goes_on(
    step: Any, wire: Wire, clock: Clock, change: dict[str, Any], older_first: bool
) -> None:
    for task_id in ("a", "bad", "c"):
        make_failed(step, task_id)
        clock.advance(1)
    damage(wire, step, "bad", change)
    chosen = {"older_task_first": older_first, "error_class": "RuntimeError"}
    query = step.query_by_status(30, **chosen)
    first = next(query).task_id if "update_time" not in change else None
    tasks, told = all_of(query)
    assert sorted([first, *tasks] if first else tasks) == ["a", "c"]
    assert [line.partition(" cannot be read")[0] for line in told] == ["The item 'test____bad'"]
    behind = step.query_by_status(30, **chosen, cursor=query.cursor)
    assert all_of(behind) == ([], [])


def test_what_the_index_tells_is_read_all_the_same(step: Any, wire: Wire) -> None:
    make_failed(step, "a", "bad")
    damage(wire, step, "bad", WHOLE_ONLY["no JSON"])
    assert sorted(task.task_id for task in step.query_by_status(30)) == ["a", "bad"]
    damage(wire, step, "bad", IN_THE_INDEX["no number"])
    tasks, told = all_of(step.query_by_status(30))
    assert (tasks, len(told)) == (["a"], 1)


def test_an_item_whose_key_is_no_tasks(step: Any, wire: Wire, clock: Clock) -> None:
    make_failed(step, "good")
    item = damage(wire, step, "good", {})
    wire.client.put_item(TableName=step.Meta.table_name, Item={**item, "key": {"S": "stray"}})
    clock.advance(300)
    swept = sweep(step)
    assert (step.sent, [each.task_id for each in swept.failed]) == (["good"], ["stray"])


def test_the_error_says_which_task_it_is_and_why(step: Any, wire: Wire) -> None:
    make_failed(step, "a____b")
    damage(wire, step, "a____b", WHOLE_ONLY["no JSON"])
    with pytest.raises(st.TaskUnreadableError, match=r"JSONDecodeError.*Mend it in the table, or delete it") as told:
        next(step.query_by_status(30, auto_refresh=True))
    assert (told.value.use_case_id, told.value.task_id) == ("test", "a____b")
    assert isinstance(told.value.__cause__, ValueError)


@pytest.mark.parametrize("chosen", [{}, {"error_text": "overloaded"}])
def test_an_action_on_all_leaves_it_as_it_is_and_tells_of_it(
    step: Any, wire: Wire, clock: Clock, chosen: dict[str, Any]
) -> None:
    for task_id in ("a", "bad", "c"):
        make_failed(step, task_id)
        clock.advance(1)
    item = damage(wire, step, "bad", WHOLE_ONLY["no JSON"])
    for count, run_id in ((3, "r1"), (1, "r1")):  # again, to complete it: the pending ones are looked at too
        rehearsed = act_on_all(step, "rerun", TaskFilter((30,), **chosen), reason="mended", dry_run=True)
        assert rehearsed.matching == count
        result = act_on_all(step, "rerun", TaskFilter((30,), **chosen), reason="mended", run_id=run_id)
        [trouble] = result.troubles
        assert (trouble.task_id, trouble.kind) == ("bad", Kind.FAILED)
        assert raw_item(wire, step, "bad") == item
    assert {step.get_one_or_none(task_id).run for task_id in ("a", "c")} == {1}


def test_a_pending_one_does_not_stop_the_completion_of_an_action(step: Any, wire: Wire) -> None:
    make_failed(step, "a")
    step.make_and_save("bad")
    damage(wire, step, "bad", WHOLE_ONLY["no JSON"])
    result = act_on_all(step, "rerun", TaskFilter((30,)), reason="mended", run_id="r1")
    assert result.counts == {Kind.DONE: 1}


def test_limit_and_prefix_hold_for_it_too(step: Any, wire: Wire) -> None:
    make_failed(step, "x-bad", "y-1", "y-2")
    damage(wire, step, "x-bad", WHOLE_ONLY["no JSON"])
    chosen = TaskFilter((30,), error_class="RuntimeError", id_prefix="y-")
    assert sorted(chosen.matching(step).ids()) == ["y-1", "y-2"]
    found = list(TaskFilter((30,), error_class="RuntimeError").matching(step, limit=2).ids())
    assert sorted(found) == ["x-bad", "y-1", "y-2"]  # nobody knows whether that one matches: it takes no place


@pytest.mark.parametrize("change", DAMAGES)
def test_every_way_to_read_it_names_it(step: Any, wire: Wire, change: dict[str, Any]) -> None:
    make_failed(step, "bad")
    task = step.get_one_or_none("bad")
    damage(wire, step, "bad", change)
    ways: list[Callable[[], Any]] = [
        lambda: step.get_one_or_none("bad"),
        lambda: step.get(step.make_key("bad")),
        task.refresh,
        lambda: list(step.scan()),
        lambda: list(step.batch_get([step.make_key("bad")])),
        lambda: step.get_or_create("bad"),
        lambda: step.rerun("bad", reason="asked for"),
    ]
    for read in ways:
        with pytest.raises(st.TaskUnreadableError, match=r"The item 'test____bad' cannot be read") as told:
            read()
        assert (told.value.use_case_id, told.value.task_id) == ("test", "bad")
