"""The methods of task classes for asyncio: each is the one without the ``a``."""

from __future__ import annotations

import asyncio
import inspect
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.aio import AsyncListing, AsyncTask
from status_tracker.core.errors import TaskUnreadableError
from status_tracker.testing import MemoryQuery
from tests.unit.steps import Clock
from tests.unit.test_package import in_a_fresh_process

TWINS = [name for kind in (AsyncTask, AsyncListing) for name in vars(kind) if not name.startswith("_")]


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("kind", ["BaseTask", "MemoryTask"])
def test_it_takes_what_the_one_without_asyncio_takes(step: Any, kind: str, name: str) -> None:
    task_class = st.BaseTask if kind == "BaseTask" else step
    ours = inspect.signature(getattr(task_class, name)).parameters
    theirs = inspect.signature(getattr(task_class, name.removeprefix("a"))).parameters
    if name == "arefresh" or (name, kind) == ("aget_one_or_none", "BaseTask"):
        assert ours.keys() <= theirs.keys()  # what is PynamoDB's own is not repeated
        return
    different = {"_shard_id"}  # for items of pynamodb_mate
    assert [(each.name, each.default) for each in ours.values()] == [
        (each.name, each.default) for each in theirs.values() if each.name not in different
    ]


def test_the_actions(step: Any) -> None:
    async def main() -> list[str]:
        await step.amake_and_save("t")
        with pytest.raises(st.TaskAlreadyExistsError):
            await step.amake_and_save("t")
        names = [(await step.aignore("t", reason="no")).status_name]
        names.append((await step.aunignore("t", reason="yes")).status_name)
        names.append((await step.arestart("t", run=1, reason="its driver is gone")).status_name)
        names.append((await step.acancel("t", reason="no")).status_name)
        names.append((await step.arerun("t", reason="yes")).status_name)
        step.start("t").__enter__()
        names.append((await step.aunlock("t", reason="gone")).status_name)
        return names

    assert asyncio.run(main()) == ["ignored", "pending", "pending", "ignored", "pending", "in_progress"]
    by = [(each["action"], each["reason"]) for each in step.get_one_or_none("t").errors["actions"]]
    assert by[0] == ("ignore", "no")
    assert len(by) == 6


def test_reading_and_creating(step: Any) -> None:
    async def main() -> None:
        first, created = await step.aget_or_create("t", {"page": 1})
        again, created_again = await step.aget_or_create("t", {"page": 2})
        assert (created, created_again, first.data, again.data) == (True, False, {"page": 1}, {"page": 1})
        assert await step.aget_one_or_none("none") is None
        with step.start("t"):
            pass
        await first.arefresh()
        assert first.is_succeeded()
        assert (await step.acount_by_status())[40] == 1

    asyncio.run(main())


@pytest.fixture
def listed(step: Any, clock: Clock) -> list[str]:
    for n in range(300):
        clock.move(n % 2)
        step.make_and_save(f"t{n:03}")
    return [task.task_id for task in step.query_by_status(10, None)]


def test_a_query_gives_each_task_in_order(step: Any, listed: list[str]) -> None:
    async def main() -> None:
        assert [task.task_id async for task in step.aquery_by_status(10, None)] == listed
        assert [task.task_id async for task in step.aquery_for_unfinished(2)] == listed[:2]
        assert await step.aquery_stuck().all() == []
        found = step.aquery_unattended(pending_after=timedelta(0), limit=3)
        assert [task.task_id for task in await found.all()] == listed[:3]
        with pytest.raises(ValueError, match="cursor"):
            await step.aquery_by_status(10, cursor="none").one()

    asyncio.run(main())


@pytest.mark.parametrize("given", [1, 2, 7, 128, 299])
def test_a_cursor_continues_after_the_last_task_given(step: Any, listed: list[str], given: int) -> None:
    async def main() -> None:
        query = step.aquery_by_status(10, None)
        assert query.cursor is None
        first = [task.task_id for task in await query.many(given)]
        rest = [task.task_id async for task in step.aquery_by_status(10, None, cursor=query.cursor)]
        assert first + rest == listed

    asyncio.run(main())


def test_a_query_gives_one_several_or_none(step: Any, listed: list[str]) -> None:
    async def main() -> None:
        query = step.aquery_by_status(10, 4)
        assert (await query.one()).task_id == listed[0]
        assert query.filter(lambda task: task.task_id != listed[1]) is query
        assert [task.task_id for task in await query.many(2)] == listed[2:4]
        assert await query.one_or_none() is None
        with pytest.raises(LookupError):
            await query.one()

    asyncio.run(main())


def test_what_cannot_be_read_is_raised_in_its_place(
    step: Any, listed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = MemoryQuery._next

    def broken(query: Any) -> Any:
        task = given(query)
        if task.task_id == listed[5]:
            raise TaskUnreadableError("no task")
        return task

    async def main() -> None:
        query, found = step.aquery_by_status(10, 10), []
        while True:
            try:
                found.append((await anext(query)).task_id)
            except TaskUnreadableError:
                found.append("unreadable")
            except StopAsyncIteration:
                break
        assert found == [*listed[:5], "unreadable", *listed[6:10]]

    monkeypatch.setattr(MemoryQuery, "_next", broken)
    asyncio.run(main())


def test_asyncio_is_imported_on_first_use() -> None:
    program = """
import status_tracker.testing
first = [name for name in sys.modules if name == "asyncio" or name.startswith("status_tracker.aio")]
class Step(status_tracker.testing.MemoryTask):
    config = status_tracker.TrackerConfig.make("test", 1, 2, 3, 4, 5)
Step.astart("t")
print(json.dumps([first, "asyncio" in sys.modules]))
"""
    first, after = in_a_fresh_process(program)
    assert (sorted(first), after) == (["status_tracker.aio", "status_tracker.aio.tasks"], True)


def test_a_callback_whose_iterator_is_at_its_end_does_not_keep_all_waiting(step: Any) -> None:
    names = iter(["a"])

    async def work() -> None:
        await step.acreate_many(["a", "b"], each=lambda _: next(names))

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(work())
    assert step.count_by_status()[10] == 2
