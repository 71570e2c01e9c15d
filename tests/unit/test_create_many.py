"""R11: many tasks are created at once, told exactly, and nothing that exists is changed."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as some

import status_tracker as st
from status_tracker.creating import CreateOutcome, Found
from status_tracker.creating.many import create_many
from status_tracker.creating.outcomes import Answer
from status_tracker.testing import Clock, Fault, MemoryStorage, MemoryTask
from tests.support.steps import STEP1_CODES

IDS = some.sampled_from(["a", "b", "c", 7, "7", "", "x" * 3000, None, ["a", {"page": 1}]])
DATA = some.sampled_from([None, {"page": 1}, {"page": 2}, {"set": {1}}, "text", [1]])
GIVEN = some.lists(some.one_of(IDS, some.tuples(IDS, DATA)), max_size=12)


def new_step(**settings: Any) -> Any:
    class Step(MemoryTask):
        storage = MemoryStorage()
        config = st.TrackerConfig.make(**{"use_case_id": "test", "clock": Clock(), **STEP1_CODES, **settings})
        dispatched: ClassVar[list[str]] = []

        @classmethod
        def dispatch(cls, task: Any) -> bool | None:
            cls.dispatched.append(task.task_id)
            if task.task_id == "undispatchable":
                raise ConnectionError("no workflow")
            return bool(task.task_id != "over")

    return Step


def told(step: Any, tasks: Any, **options: Any) -> tuple[Any, list[CreateOutcome[Any]]]:
    """The result, also if not all were created, and what was told of each."""
    outcomes: list[CreateOutcome[Any]] = []
    try:
        return step.create_many(tasks, each=outcomes.append, **options), outcomes
    except st.TasksNotCreatedError as error:
        return error.result, outcomes


def stored(step: Any) -> dict[str, tuple[int, Any]]:
    return {task.task_id: (task.status, task.data) for task in step.query_by_status(10, limit=None, auto_refresh=True)}


def creating(done: list[int]) -> Callable[[Any], list[Answer[int]]]:
    """Creates what it notes."""

    def create(numbers: Any) -> list[Answer[int]]:
        done.extend(numbers)
        return [Answer.of(each, True) for each in numbers]

    return create


@given(before=some.sets(some.sampled_from(["a", "b", "7"])), tasks=GIVEN)
def test_r11_each_id_is_told_once_and_as_it_was(before: set[str], tasks: list[Any]) -> None:
    step = new_step()
    for task_id in before:
        step.make_and_save(task_id, {"before": True})
    there = stored(step)
    result, outcomes = told(step, tasks)
    assert [each.task_id for each in outcomes] == [str(one[0] if isinstance(one, tuple) else one) for one in tasks]
    for one, outcome in zip(tasks, outcomes, strict=True):
        task_id, data = one if isinstance(one, tuple) else (one, None)
        if task_id in ("a", "b", "c", 7, "7") and data in (None, {"page": 1}, {"page": 2}):
            expected = Found.EXISTED if str(task_id) in there else Found.CREATED
            there.setdefault(str(task_id), (10, data or {}))
            assert (outcome.found, outcome.error) == (expected, None)
            assert outcome.task is not None
            assert outcome.task.data == there[str(task_id)][1]
        else:
            assert outcome.found is Found.FAILED
            assert isinstance(outcome.error, ValueError | TypeError)
    assert stored(step) == there
    counted = Counter(each.found for each in outcomes)
    assert (result.created, result.existed, result.failed) == tuple(counted[found] for found in Found)
    assert result.troubles == [each for each in outcomes if each.error is not None]


def test_r11_ids_come_as_data_by_id_or_as_tasks_with_more_attributes() -> None:
    step = new_step()
    assert step.create_many({"a": {"page": 1}, "b": None}).created == 2
    made = step.make("c", {"page": 3}, run=2)
    assert step.create_many(iter(["a", made])).created == 1
    assert stored(step) == {"a": (10, {"page": 1}), "b": (10, {}), "c": (10, {"page": 3})}
    assert step.get_one_or_none("c").run == 2
    assert step.create_many([]).created == 0


@pytest.mark.parametrize("text", ["invoice-1", b"invoice-1"])
def test_r11_one_text_is_not_taken_for_ids_of_one_letter(text: Any) -> None:
    with pytest.raises(TypeError, match="invoice-1"):
        new_step().create_many(text)


def test_r11_what_was_not_created_cannot_be_overlooked() -> None:
    step = new_step()
    with pytest.raises(st.TasksNotCreatedError, match=r"Of 3 tasks 1 were not created.*''.*ValueError") as error:
        step.create_many(["a", "", "b"])
    assert isinstance(error.value.__cause__, ValueError)
    assert (error.value.result.created, error.value.result.failed) == (2, 1)
    assert set(stored(step)) == {"a", "b"}


def test_r5_what_the_first_of_two_requests_has_created_is_new() -> None:
    step = new_step()
    step.storage.befall(Fault.ANSWER_LOST)
    assert step.create_many(["a", "b"]).created == 2


def test_r11_a_task_that_is_given_again_is_tried_again_where_it_failed() -> None:
    step = new_step()
    result, outcomes = told(step, [("a", {"set": {1}}), ("a", {"page": 2}), "a"])
    assert [each.found for each in outcomes] == [Found.FAILED, Found.CREATED, Found.EXISTED]
    assert (result.failed, stored(step)) == (1, {"a": (10, {"page": 2})})


def test_r11_no_more_are_taken_once_the_store_fails_again_and_again() -> None:
    step = new_step()
    numbers = iter(range(1000))
    step.make_and_save("0")
    step.storage.befall(Fault.UNAVAILABLE, times=3 * 25)
    result, outcomes = told(step, numbers)
    assert (result.stopped, result.existed + result.failed, len(outcomes)) == (True, 20, 20)
    assert next(numbers) == 20


def test_r11_ids_that_are_wrong_neither_stop_it_nor_keep_it_from_stopping() -> None:
    step = new_step()
    result, _ = told(step, [*[""] * 50, "a"])
    assert (result.stopped, result.failed, result.created) == (False, 50, 1)
    step.storage.befall(Fault.BROKEN, times=100)
    result, _ = told(step, (each for number in range(100) for each in (f"b{number}", "")))
    assert (result.stopped, result.failed) == (True, 39)


def test_r11_dispatch_starts_what_waits_new_or_not() -> None:
    step = new_step()
    step.make_and_save("waits")
    step.make_and_save("done", _status=40)
    result, outcomes = told(step, ["new", "waits", "done", "undispatchable", "over"], dispatch=True)
    assert step.dispatched == ["new", "waits", "undispatchable", "over"]
    assert (result.created, result.existed, result.failed, result.undispatched) == (3, 2, 0, 2)
    assert [(each.task_id, type(each.error)) for each in result.troubles] == [
        ("undispatchable", ConnectionError),
        ("over", RuntimeError),
    ]
    assert all(each.task is not None for each in outcomes)
    told(step, ["new"])
    assert step.dispatched == ["new", "waits", "undispatchable", "over"]


@pytest.mark.parametrize(("parallel", "chunk"), [(1, 1), (1, 7), (8, 1), (8, 3)])
def test_r11_what_is_told_has_the_order_of_what_was_given(parallel: int, chunk: int) -> None:
    there: set[int] = {5}

    def create(numbers: Any) -> list[Answer[int]]:
        answers = [Answer.of(each, each not in there) for each in numbers]
        there.update(numbers)
        return answers

    outcomes: list[CreateOutcome[int]] = []
    numbers = [each // 2 for each in range(100)]
    result = create_many(numbers, int, create, int, parallel=parallel, chunk=chunk, each=outcomes.append)
    assert [each.task for each in outcomes] == numbers
    assert (result.created, result.existed) == (49, 51)
    assert [each.task for each in outcomes if each.found is Found.CREATED] == [each for each in range(50) if each != 5]


def test_r11_many_ids_take_flat_memory() -> None:
    highest = []

    def numbers() -> Iterator[str]:
        for number in range(60_000):
            if number in {20_000, 59_999}:
                highest.append(tracemalloc.get_traced_memory()[1])
            yield str(number)

    tracemalloc.start()
    try:
        create_many(numbers(), str, lambda tasks: [Answer.of(each, True) for each in tasks], str, chunk=100)
    finally:
        tracemalloc.stop()
    assert highest[1] < highest[0] + 100_000


def test_r11_an_error_of_the_ids_themselves_goes_through() -> None:
    step = new_step()

    def ids() -> Iterator[str]:
        yield from ("a", "b")
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="gone"):
        step.create_many(ids())
    assert set(stored(step)) == {"a", "b"}


def test_r11_an_id_is_taken_only_when_it_can_be_sent() -> None:
    done: list[int] = []
    ahead: list[int] = []

    def create(numbers: Any) -> list[Answer[int]]:
        time.sleep(0.001)
        done.extend(numbers)
        return [Answer.of(each, True) for each in numbers]

    def numbers() -> Iterator[int]:
        for number in range(100):
            ahead.append(number - len(done))
            yield number

    assert create_many(numbers(), int, create, int, parallel=4).created == 100
    assert max(ahead) < 4


# The first one goes by itself where there are several threads.
@pytest.mark.parametrize(("parallel", "chunk", "sent"), [(1, 1, 17), (4, 1, 17), (1, 5, 15), (4, 5, 16)])
def test_r11_what_is_sent_is_told_whatever_ends_it_and_nothing_else_is_sent(
    parallel: int, chunk: int, sent: int
) -> None:
    def numbers() -> Iterator[int]:
        yield from range(17)
        raise KeyboardInterrupt

    done: list[int] = []
    outcomes: list[CreateOutcome[int]] = []
    create = creating(done)
    with pytest.raises(KeyboardInterrupt):
        create_many(numbers(), int, create, int, parallel=parallel, chunk=chunk, each=outcomes.append)
    assert [each.task for each in outcomes] == sorted(done) == list(range(sent))


def test_r11_what_is_told_of_after_a_stop_is_all_that_was_taken() -> None:
    def create(_numbers: Any) -> list[Answer[int]]:
        return [Answer.failed(ConnectionError("gone"))]

    numbers = iter(range(1000))
    outcomes: list[CreateOutcome[int]] = []
    with pytest.raises(st.TasksNotCreatedError) as error:
        create_many(numbers, int, create, int, parallel=8, each=outcomes.append)
    assert error.value.result.stopped
    assert len(outcomes) == error.value.result.failed == next(numbers) <= 20 + 4 * 8


def test_r11_who_raises_is_told_nothing_more() -> None:
    done: list[int] = []
    told: list[str] = []

    def each(outcome: CreateOutcome[int]) -> None:
        told.append(outcome.task_id)
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        create_many(range(100), int, creating(done), int, parallel=4, each=each)
    assert (told, done) == (["0"], [0])


def test_r11_what_may_have_been_stored_is_not_told_as_anything() -> None:
    def create(numbers: Any) -> list[Answer[int]]:
        if numbers == [2]:
            raise KeyboardInterrupt
        return [Answer.of(each, True) for each in numbers]

    outcomes: list[CreateOutcome[int]] = []
    with pytest.raises(KeyboardInterrupt):
        create_many(range(5), int, create, int, each=outcomes.append)
    assert [each.task_id for each in outcomes] == ["0", "1"]


def test_r11_a_task_that_is_given_again_is_not_tried_again_after_the_end() -> None:
    given_all = threading.Event()
    tried: list[str] = []

    def create(ids: Any) -> list[Answer[str]]:
        tried.extend(ids)
        if ids == ["a"]:
            return [Answer.of("a", True)]
        given_all.wait(10)
        return [Answer.failed(ConnectionError("gone"))]

    def ids() -> Iterator[str]:
        yield from ("a", "b", "b")
        given_all.set()
        raise OSError("the file is gone")

    outcomes: list[CreateOutcome[str]] = []
    with pytest.raises(OSError, match="gone"):
        create_many(ids(), str, create, str, parallel=3, each=outcomes.append)
    assert [each.found for each in outcomes] == [Found.CREATED, Found.FAILED, Found.FAILED]
    assert tried == ["a", "b"]


def test_asyncio_creates_them_and_ends_when_it_is_cancelled() -> None:
    step = new_step()

    async def create() -> None:
        assert (await step.acreate_many(["a", ("b", {"page": 1})])).created == 2
        with pytest.raises(TypeError):
            await step.acreate_many("text")
        begun, loop = asyncio.Event(), asyncio.get_running_loop()
        endless = step.acreate_many(itertools.count(), each=lambda _: loop.call_soon_threadsafe(begun.set))
        calling = asyncio.create_task(endless)
        await begun.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling

    asyncio.run(create())
    assert step.get_one_or_none("0") is not None
