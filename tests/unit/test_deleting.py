"""R21: cancelling and deleting a task of a pipeline, whatever fails in between, and whoever wants it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

import status_tracker as st
from status_tracker.core.port import StoreError
from status_tracker.operations.actions import Kind, NoLongerMatchesError
from status_tracker.operations.all_steps import AllSteps
from status_tracker.operations.bulk import act_on_all
from status_tracker.operations.deleting import delete
from status_tracker.operations.filters import TaskFilter
from status_tracker.operations.pipeline import Pipeline
from status_tracker.testing import Fault, MemoryStorage, MemoryTask
from tests.unit.steps import IGNORED, IN_PROGRESS, LEASE, PENDING, SUCCEEDED, Clock, make_config

WHY: dict[str, Any] = {"reason": "asked to forget", "by": "ada"}
LAST: dict[str, int] = {"in_progress_status": 70, "failed_status": 80, "succeeded_status": 90, "ignored_status": 100}


class Killed(BaseException):
    """The process dies."""


class Work(MemoryTask):
    """A task made from an upload, whose runs and results are kept beside it."""

    happened: ClassVar[list[str]]
    uploads: ClassVar[set[str]]
    results: ClassVar[set[str]]
    before: ClassVar[Callable[[str], None]]

    @classmethod
    def happens(cls, what: str) -> None:
        cls.before(what)
        cls.happened.append(what)

    @classmethod
    def dispatch(cls, task: Any) -> None:
        cls.happens(f"dispatch {task.run}")

    @classmethod
    def recall(cls, task: Any) -> None:
        cls.happens(f"recall {task.run}")

    @classmethod
    def discard(cls, task: Any) -> None:
        cls.happens("discard")
        cls.uploads.discard(task.task_id)


class Read(Work):
    config = make_config()


class Answer(Work):
    config = make_config(pending_status=SUCCEEDED, **LAST)


def delete_results(task_id: str) -> None:
    Work.happens("delete_results")
    Work.results.discard(task_id)


PIPELINE = Pipeline({"Read": Read, "Answer": Answer}, delete_results=delete_results)


@pytest.fixture
def tasks(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> MemoryStorage:
    storage = MemoryStorage()
    monkeypatch.setattr(MemoryTask, "storage", storage)
    for step, settings in ((Read, {}), (Answer, {"pending_status": SUCCEEDED, **LAST})):
        monkeypatch.setattr(step, "config", make_config(clock=clock, **settings))
    for name, value in (("happened", []), ("uploads", {"t"}), ("results", {"t"})):
        monkeypatch.setattr(Work, name, value, raising=False)
    monkeypatch.setattr(Work, "before", lambda _: None, raising=False)
    Read.make_and_save("t", {"page": 1})
    return storage


def stored() -> Any:
    task = Read.get_one_or_none("t")
    assert task is not None
    return task


def gone() -> bool:
    return Read.get_one_or_none("t") is None and not Work.uploads and not Work.results


def work(*steps: type[Work]) -> None:
    for step in steps:
        with step.start("t"):
            pass


def cancel(**settings: Any) -> dict[Kind, int]:
    chosen = TaskFilter((PENDING, IN_PROGRESS, 70, SUCCEEDED))
    result = act_on_all(AllSteps(PIPELINE), "cancel", chosen, **{**WHY, "run_id": "c1", **settings})
    return dict(result.counts)


@pytest.mark.usefixtures("tasks")
def test_cancel_sets_the_task_aside_and_then_stops_its_run() -> None:
    worker = Read.start("t")
    worker.__enter__()
    assert cancel() == {Kind.DONE: 1}
    assert (stored().status, Work.happened) == (IGNORED, ["recall 0"])
    with pytest.raises(st.TaskLockLostError, match="ada cancelled"):
        worker.__exit__(None, None, None)


@pytest.mark.usefixtures("tasks")
def test_cancel_is_done_by_the_rules_of_the_step_where_the_task_is() -> None:
    work(Read)
    Answer.start("t").__enter__()
    assert cancel() == {Kind.DONE: 1}
    assert stored().status == LAST["ignored_status"]


@pytest.mark.usefixtures("tasks")
def test_a_run_that_could_not_be_stopped_is_stopped_by_the_same_run_id(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(what: str) -> None:
        raise ConnectionError(what)

    monkeypatch.setattr(Work, "before", refuse)
    assert cancel() == {Kind.UNFINISHED: 1}
    assert stored().status == IGNORED
    monkeypatch.setattr(Work, "before", lambda _: None)
    assert cancel() == {Kind.REPEATED: 1}
    assert Work.happened == ["recall 0"]


@pytest.mark.usefixtures("tasks")
def test_a_repeated_cancellation_leaves_the_run_alone_that_was_begun_since(clock: Clock) -> None:
    cancel()
    clock.move(1)
    Read.unignore("t", reason="right after all")
    Work.happened.clear()
    clock.move(1)
    assert cancel() == {Kind.REPEATED: 1}
    assert Work.happened == []


@pytest.mark.usefixtures("tasks")
@pytest.mark.parametrize("done", [(), (Read,), (Read, Answer)])
def test_a_task_of_any_status_is_deleted_with_what_it_was_made_from_first(done: tuple[type[Work], ...]) -> None:
    work(*done)
    assert delete(PIPELINE, "t", **WHY).kind is Kind.DONE
    assert gone()
    assert Work.happened == ["recall 0", "delete_results", "discard"]


@pytest.mark.usefixtures("tasks")
def test_it_is_set_aside_and_recorded_before_anything_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(Work, "before", lambda _: seen.append((stored().status, stored().errors["actions"][-1]["by"])))
    delete(PIPELINE, "t", **WHY)
    assert set(seen) == {(IGNORED, "ada")}


@pytest.mark.usefixtures("tasks")
def test_it_is_told_in_the_log_who_deleted_it_and_why(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "status_tracker")
    delete(PIPELINE, stored(), **WHY)
    assert caplog.messages == [
        "Deleting task 't' of 'test', for ada: asked to forget",
        "Task 't' of 'test' deleted by ada: asked to forget",
    ]


@pytest.mark.usefixtures("tasks")
def test_it_is_told_in_the_log_before_anything_is_gone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed right after the last request, nothing but that line is left."""
    caplog.set_level("INFO", "status_tracker")
    told: list[list[str]] = []
    monkeypatch.setattr(
        Work, "before", lambda what: told.append(list(caplog.messages)) if "recall" not in what else None
    )
    delete(PIPELINE, "t", **WHY)
    assert told == [["Deleting task 't' of 'test', for ada: asked to forget"]] * 2


def test_without_the_right_to_delete_nothing_is_changed(tasks: MemoryStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> Any:
        raise StoreError(PermissionError("not authorized to perform: dynamodb:DeleteItem"), transient=False)

    with monkeypatch.context() as refusing:
        refusing.setattr(tasks.store(stored().key), "remove", refuse)
        outcome = delete(PIPELINE, "t", request_id="d1", **WHY)
    assert (outcome.kind, "DeleteItem" in outcome.message) == (Kind.FAILED, True)
    assert (stored().status, Work.happened, Work.uploads, Work.results) == (PENDING, [], {"t"}, {"t"})
    assert delete(PIPELINE, "t", request_id="d1", **WHY).kind is Kind.DONE


@pytest.mark.usefixtures("tasks")
def test_without_the_right_to_the_results_the_upload_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """From it all can be made again; from the results nothing can."""

    def refuse(what: str) -> None:
        if what == "delete_results":
            raise PermissionError("not authorized to perform: s3:DeleteObject")

    monkeypatch.setattr(Work, "before", refuse)
    assert delete(PIPELINE, "t", **WHY).kind is Kind.UNFINISHED
    assert (Work.uploads, Work.results) == ({"t"}, {"t"})


@pytest.mark.usefixtures("tasks")
def test_many_are_probed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Read.make_and_save("u")
    asked: list[str] = []
    delete_if = Read.delete_if.__func__  # type: ignore[attr-defined]

    def counted(cls: Any, task_id: str, state: Any) -> Any:
        asked.append(task_id)
        return delete_if(cls, task_id, state)

    monkeypatch.setattr(Read, "delete_if", classmethod(counted))
    chosen = TaskFilter((PENDING,))
    assert act_on_all(AllSteps(PIPELINE), "delete", chosen, **WHY).counts == {Kind.DONE: 2}
    assert sorted(asked) in (["t", "t", "u"], ["t", "u", "u"])


@pytest.mark.usefixtures("tasks")
def test_a_task_that_a_worker_holds_is_refused_and_stays() -> None:
    worker = Read.start("t")
    worker.__enter__()
    assert delete(PIPELINE, "t", **WHY).kind is Kind.LOCKED
    worker.__exit__(None, None, None)
    assert (stored().status, Work.happened, Work.uploads) == (SUCCEEDED, [], {"t"})


@pytest.mark.usefixtures("tasks")
def test_a_cancelled_worker_may_be_at_work_until_its_lease_would_have_ended(clock: Clock) -> None:
    worker = Read.start("t")
    worker.__enter__()
    outcome = delete(PIPELINE, "t", cancel=True, **WHY)
    assert (outcome.kind, stored().status, Work.happened) == (Kind.LOCKED, IGNORED, ["recall 0"])
    assert (clock.now + LEASE).isoformat() in outcome.message
    clock.move(LEASE.total_seconds() - 1)
    assert delete(PIPELINE, "t", cancel=True, **WHY).kind is Kind.LOCKED
    clock.move(1)
    assert delete(PIPELINE, "t", cancel=True, **WHY).kind is Kind.DONE
    assert gone()
    with pytest.raises(st.TaskLockLostError):
        worker.__exit__(None, None, None)
    assert gone()


@pytest.mark.parametrize("completed_with", [True, False])
@pytest.mark.usefixtures("tasks")
def test_a_run_of_deletions_that_cancelled_completes_when_the_workers_have_ended(
    clock: Clock, completed_with: bool
) -> None:
    Read.start("t").__enter__()

    def delete_all(*, cancel: bool) -> dict[Kind, int]:
        running = TaskFilter((IN_PROGRESS,))
        result = act_on_all(AllSteps(PIPELINE), "delete", running, run_id="d1", cancel=cancel, **WHY)
        return dict(result.counts)

    assert delete_all(cancel=True) == {Kind.LOCKED: 1}
    clock.move(LEASE.total_seconds())
    assert delete_all(cancel=completed_with) == {Kind.DONE: 1}
    assert gone()


@pytest.mark.usefixtures("tasks")
def test_a_cancellation_of_the_same_run_id_lets_no_deletion_take_what_does_not_match(clock: Clock) -> None:
    assert cancel(run_id="same") == {Kind.DONE: 1}
    clock.move(1)
    chosen = TaskFilter((SUCCEEDED,))
    result = act_on_all(AllSteps(PIPELINE), "delete", chosen, run_id="same", cancel=True, **WHY)
    assert (result.counts, stored().status) == ({}, IGNORED)


MOMENTS = ("recall 0", "delete_results", "discard", "remove")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("carried_out", [False, True])
def test_killed_at_any_moment_it_is_completed_and_nothing_begins_meanwhile(
    tasks: MemoryStorage, monkeypatch: pytest.MonkeyPatch, clock: Clock, moment: str, carried_out: bool
) -> None:
    def die(what: str) -> None:
        if what == moment:
            raise Killed

    with monkeypatch.context() as dying:
        if moment == "remove":
            store = tasks.store(stored().key)
            remove = store.remove

            def removing(guard: Any) -> Any:
                if guard.state.fence < 0:
                    return remove(guard)  # it only asks for the right
                if carried_out:
                    remove(guard)
                raise Killed

            dying.setattr(store, "remove", removing)
        elif carried_out:  # the process dies right after the call
            happens = Work.happens
            dying.setattr(Work, "happens", lambda what: (happens(what), die(what)))
        else:
            dying.setattr(Work, "before", die)
        with pytest.raises(Killed):
            delete(PIPELINE, "t", request_id="d1", **WHY)
    if not gone():
        assert stored().status == IGNORED
        with pytest.raises(st.TaskIgnoredError), Read.start("t"):
            pass
    clock.move(1)
    assert delete(PIPELINE, "t", request_id="d1", **WHY).kind in {Kind.DONE, Kind.VANISHED}
    assert gone()


@pytest.mark.usefixtures("tasks")
def test_what_could_not_be_discarded_keeps_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(what: str) -> None:
        if what == "delete_results":
            raise ConnectionError("S3 is down")

    monkeypatch.setattr(Work, "before", refuse)
    outcome = delete(PIPELINE, "t", request_id="d1", **WHY)
    assert outcome.kind is Kind.UNFINISHED
    assert "S3 is down" in outcome.message
    assert stored().status == IGNORED
    monkeypatch.setattr(Work, "before", lambda _: None)
    assert delete(PIPELINE, "t", request_id="d2", **WHY).kind is Kind.DONE  # whoever asks next
    assert gone()


@pytest.mark.usefixtures("tasks")
def test_a_task_that_is_begun_anew_meanwhile_is_left_to_whoever_did(monkeypatch: pytest.MonkeyPatch) -> None:
    def rerun(what: str) -> None:
        if what == "delete_results":
            Read.rerun("t", reason="wanted after all")

    monkeypatch.setattr(Work, "before", rerun)
    outcome = delete(PIPELINE, "t", request_id="d1", **WHY)
    assert (outcome.kind, stored().status) == (Kind.CHANGED, PENDING)
    Work.happened.clear()
    assert delete(PIPELINE, "t", request_id="d1", **WHY).kind is Kind.CHANGED
    assert (stored().status, Work.happened) == (PENDING, [])


@pytest.mark.usefixtures("tasks")
def test_whoever_asks_may_look_at_the_state_first() -> None:
    def other_than_drawn(_: Any) -> None:
        raise NoLongerMatchesError("it has changed since its page was drawn")

    outcome = delete(PIPELINE, "t", check=other_than_drawn, **WHY)
    assert (outcome.kind, stored().status) == (Kind.CHANGED, PENDING)


def test_a_lost_answer_is_no_failure(tasks: MemoryStorage) -> None:
    tasks.befall(Fault.ANSWER_LOST, times=2)
    assert delete(PIPELINE, "t", **WHY).kind is Kind.DONE
    assert gone()


@pytest.mark.usefixtures("tasks")
def test_a_task_that_is_not_there_is_told() -> None:
    assert delete(PIPELINE, "other", **WHY).kind is Kind.VANISHED


@pytest.mark.usefixtures("tasks")
def test_a_filter_deletes_tasks_of_every_step() -> None:
    work(Read)
    Read.make_and_save("u")
    chosen = TaskFilter((PENDING, SUCCEEDED))
    assert act_on_all(AllSteps(PIPELINE), "delete", chosen, run_id="d1", **WHY).counts == {Kind.DONE: 2}
    assert gone()
    assert Read.get_one_or_none("u") is None
