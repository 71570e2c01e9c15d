"""R5: a request whose answer was lost on the wire is repeated by botocore; the repeat is known for what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import Clock
from tests.support.items import FREE, raw_item, stored
from tests.support.wire import Fault, Wire, answer_lost, answered_500_although_done, passed, then


class DocumentError(Exception):
    """The worker's own failure."""


@pytest.fixture(params=[answer_lost, answered_500_although_done], ids=["lost", "500"])
def lost(request: pytest.FixtureRequest) -> Fault:
    return request.param


def test_r5_make_and_save(step1: Any, wire: Wire, lost: Fault) -> None:
    wire.inject("PutItem", lost)
    with wire.counting() as requests:
        task = step1.make_and_save("t", {"page": 1})
    assert requests == {"PutItem": 2}
    assert (task.status, task.data) == (10, {"page": 1})
    with pytest.raises(st.TaskAlreadyExistsError):
        step1.make_and_save("t")


def test_r5_get_or_create(step1: Any, wire: Wire, lost: Fault) -> None:
    wire.inject("PutItem", lost)
    assert step1.get_or_create("t")[1] is True
    wire.inject("PutItem", lost)
    assert step1.get_or_create("t")[1] is False


def test_r5_created_task_that_a_worker_has_meanwhile_started(step1: Any, wire: Wire, lost: Fault) -> None:
    wire.inject("PutItem", then(lost, lambda: step1.start("t").__enter__()))
    task, created = step1.get_or_create("t")
    assert created
    assert task.task_id == "t"
    assert stored(step1, "t").status == 20


def test_r5_task_that_another_has_created_is_not_taken_for_ours(step1: Any, wire: Wire) -> None:
    step1.make_and_save("t", {"by": "another"})
    wire.inject("PutItem", answer_lost)
    with pytest.raises(st.TaskAlreadyExistsError):
        step1.make_and_save("t", {"by": "us"})
    assert stored(step1, "t").data == {"by": "another"}


@pytest.mark.parametrize("create", [False, True])
def test_r5_acquire(step1: Any, wire: Wire, lost: Fault, create: bool) -> None:
    if not create:
        step1.make_and_save("t", {"page": 1})
    wire.inject("UpdateItem", lost)
    entered = 0
    with step1.start("t", create=create, data={"page": 1}) as ctx:
        entered += 1
        assert (ctx.task.status, ctx.task.data, ctx.task.retry, ctx.fence) == (20, {"page": 1}, 0, 1)
        assert ctx.task.errors == {"history": []}
    assert entered == 1
    assert (stored(step1, "t").status, stored(step1, "t").fence) == (40, 1)


def test_r5_acquire_that_was_refused(step1: Any, wire: Wire, lost: Fault) -> None:
    step1.make_and_save("t")
    with step1.start("t"):
        wire.inject("UpdateItem", lost)
        with pytest.raises(st.TaskLockedError):
            step1.start("t").__enter__()


def test_r5_update(step1: Any, wire: Wire, lost: Fault) -> None:
    step1.make_and_save("t")
    with step1.start("t") as ctx:
        wire.inject("UpdateItem", lost)
        ctx.set_data({"page": 1}).update()
        assert ctx.task.data == stored(step1, "t").data == {"page": 1}
    assert stored(step1, "t").status == 40


def test_r5_extend(step1: Any, wire: Wire, clock: Clock, lost: Fault) -> None:
    step1.make_and_save("t")
    with step1.start("t") as ctx:
        clock.advance(30)
        wire.inject("UpdateItem", lost)
        ctx.extend_lock()
        assert (stored(step1, "t").lock_expire_time - clock.now).total_seconds() == 60
    assert stored(step1, "t").status == 40


def test_r5_finish_of_a_success(step1: Any, wire: Wire, lost: Fault) -> None:
    step1.make_and_save("t")
    with wire.counting() as requests:
        with step1.start("t") as ctx:
            ctx.set_data({"page": 1})
            wire.inject("UpdateItem", lost)
        after = ctx.task
    assert requests == {"UpdateItem": 3}
    task = stored(step1, "t")
    assert (task.status, task.data, task.lock) == (40, {"page": 1}, FREE)
    assert (after.status, after.data) == (40, {"page": 1})


def test_r5_finish_of_a_failure(step1: Any, wire: Wire, lost: Fault) -> None:
    step1.make_and_save("t")
    own = DocumentError("no page")
    with pytest.raises(DocumentError), step1.start("t"):
        wire.inject("UpdateItem", lost)
        raise own
    assert not getattr(own, "__notes__", [])
    task = stored(step1, "t")
    assert (task.status, task.retry, len(task.errors["history"])) == (30, 1, 1)


def _acquires(_step1: Any, step2: Any) -> None:
    step2.start("t").__enter__()


def _succeeds(_step1: Any, step2: Any) -> None:
    with step2.start("t") as ctx:
        ctx.set_data({"answer": 42})


def _fails_often(_step1: Any, step2: Any) -> None:
    for _ in range(3):
        with pytest.raises(DocumentError), step2.start("t"):
            raise DocumentError


def _runs_again(step1: Any, _step2: Any) -> None:
    step1.rerun("t", reason="the reader was mended")
    step1.start("t").__enter__()


@pytest.mark.parametrize("meanwhile", [_acquires, _succeeds, _fails_often, _runs_again])
def test_r5_repeated_success_after_others_went_on(
    step1: Any, step2: Any, wire: Wire, lost: Fault, meanwhile: Callable[[Any, Any], None]
) -> None:
    step1.make_and_save("t")
    after: list[Any] = []

    def others_go_on() -> None:
        meanwhile(step1, step2)
        after.append(raw_item(wire, step1, "t"))

    with step1.start("t"):
        wire.inject("UpdateItem", then(lost, others_go_on))
    assert [raw_item(wire, step1, "t")] == after


def test_r5_repeated_failure_after_the_next_attempt_began(step1: Any, wire: Wire, lost: Fault) -> None:
    step1.make_and_save("t")
    own = DocumentError("no page")
    with pytest.raises(DocumentError), step1.start("t"):
        wire.inject("UpdateItem", then(lost, lambda: step1.start("t").__enter__()))
        raise own
    assert not getattr(own, "__notes__", [])
    task = stored(step1, "t")
    assert (task.status, task.retry, len(task.errors["history"]), task.fence) == (20, 1, 1, 2)


def test_r5_takeover(step1: Any, wire: Wire, clock: Clock, lost: Fault) -> None:
    step1.make_and_save("t")
    step1.start("t").__enter__()
    clock.advance(60)
    wire.inject("UpdateItem", passed, lost)
    with step1.start("t") as ctx:
        assert (ctx.task.retry, len(ctx.task.errors["history"]), ctx.fence) == (1, 1, 2)
    assert (stored(step1, "t").status, len(stored(step1, "t").errors["history"])) == (40, 1)


def test_r5_takeover_of_the_last_attempt_allowed(new_step: Callable[..., Any], wire: Wire, clock: Clock) -> None:
    step1 = new_step(max_retry=1)
    step1.make_and_save("t")
    step1.start("t").__enter__()
    clock.advance(60)
    wire.inject("UpdateItem", passed, answer_lost)
    with pytest.raises(st.TaskIgnoredError):
        step1.start("t").__enter__()
    assert (stored(step1, "t").status, len(stored(step1, "t").errors["history"])) == (50, 1)


def test_r5_rerun(step1: Any, wire: Wire, lost: Fault) -> None:
    step1.make_and_save("t", _status=50)
    wire.inject("UpdateItem", lost)
    task = step1.rerun("t", reason="the reader was mended")
    assert (task.status, task.run, len(task.errors["actions"])) == (10, 1, 1)
    assert stored(step1, "t").run == 1


def test_r5_rerun_that_a_worker_has_meanwhile_started(step1: Any, wire: Wire, lost: Fault) -> None:
    step1.make_and_save("t", _status=50)
    wire.inject("UpdateItem", then(lost, lambda: step1.start("t").__enter__()))
    assert step1.rerun("t", reason="the reader was mended").run == 1
    assert (stored(step1, "t").status, stored(step1, "t").run) == (20, 1)
