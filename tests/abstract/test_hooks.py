"""What a subclass overrides is called by `start`, as the seed calls it; the rules hold all the same."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

import status_tracker as st
from tests.abstract.jobs import FileJob, ModelJob, TextColumn


@dataclass
class Hooked(FileJob):
    """Overrides all that there is, each with something of its own and `super()`."""

    called: ClassVar[list[str]] = []
    host: str = ""

    def mark_as_in_progress(self, now: datetime | None = None, expire: float | None = None) -> None:
        self.called.append(f"in progress? {self.status_name}")
        super().mark_as_in_progress(now=now, expire=expire)
        self.called.append(f"in progress: {self.status_name}, {self.lock is not None}")

    def mark_as_succeeded(self) -> None:
        self.data["last"] = "word"
        super().mark_as_succeeded()
        self.called.append(f"succeeded: {self.status_name}, {self.lock}")

    def mark_as_failed_or_exhausted(self, e: BaseException) -> None:
        super().mark_as_failed_or_exhausted(e)
        self.called.append(f"failed with {e!r}: {self.status_name}, {self.attempts}")

    def lock_it(self, now: datetime | None = None, expire_time: datetime | None = None) -> None:
        super().lock_it(now=now, expire_time=expire_time)
        assert now is not None
        assert expire_time is not None
        self.called.append(f"lock it for {expire_time - now}")
        self.host = "here"

    def unlock_it(self) -> None:
        super().unlock_it()
        self.called.append("unlock it")
        self.host = "nowhere"

    def is_locked(self, lock: str | None = None, now: datetime | None = None) -> bool:
        found = super().is_locked(lock, now)
        self.called.append(f"is locked: {found}")
        return found


@pytest.fixture
def hooked(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> type[Hooked]:
    assert issubclass(Hooked, jobs)
    monkeypatch.setattr(Hooked, "called", [])
    return Hooked


def test_a_success_calls_each_in_the_seeds_order(hooked: type[Hooked]) -> None:
    job = hooked.new("1")
    with job.start(expire=60):
        stored = hooked.load("1")
        assert stored is not None
        assert (stored.status_name, stored.host, stored.lock) == ("in_progress", "here", job.lock)
        job.data["rows"] = 1
    assert hooked.called == [
        "in progress? pending",
        "is locked: False",
        "lock it for 0:01:00",
        "in progress: in_progress, True",
        "unlock it",
        "succeeded: succeeded, None",
    ]
    assert hooked.load("1") == job
    assert (job.data, job.host, job.attempts, job.fence) == ({"rows": 1, "last": "word"}, "nowhere", 1, 1)


@pytest.mark.parametrize("mine", [ValueError("mine"), KeyboardInterrupt()], ids=repr)
def test_r8_a_failure_calls_each_in_the_seeds_order(hooked: type[Hooked], mine: BaseException) -> None:
    job = hooked.new("1")
    for nth, status in ((1, "failed"), (2, "failed"), (3, "exhausted")):
        del hooked.called[:]
        with pytest.raises(type(mine)) as raised, job.start():
            job.data["rows"] = 1
            raise mine
        assert raised.value is mine
        assert hooked.called[-2:] == ["unlock it", f"failed with {mine!r}: {status}, {nth}"]
        assert hooked.load("1") == job
        assert (job.data, job.host) == ({}, "nowhere")


def test_r1_a_refused_start_marks_nothing(hooked: type[Hooked]) -> None:
    job = hooked.new("1")
    with job.start():
        other = hooked.load("1")
        assert other is not None
        before = vars(other).copy()
        del hooked.called[:]
        with pytest.raises(st.TaskLockedError), other.start():
            pass
        assert hooked.called == ["in progress? in_progress", "is locked: True"]
        assert vars(other) == before


def test_marks_by_hand_go_by_the_same_methods(hooked: type[Hooked]) -> None:
    job = hooked.new("1")
    job.mark_as_in_progress()
    job.mark_as_failed_or_exhausted(ValueError("mine"))
    job.mark_as_in_progress()
    job.mark_as_succeeded()
    assert hooked.load("1") == job
    assert (job.status_name, job.attempts, job.data) == ("succeeded", 2, {"last": "word"})


def test_r4_a_hook_of_a_stale_worker_is_told_and_stores_nothing(hooked: type[Hooked]) -> None:
    job = hooked.new("1")
    with pytest.raises(st.TaskLockLostError), job.start():
        other = hooked.load("1")
        assert other is not None
        with other.start(ignore_lock=True):
            del hooked.called[:]
    assert hooked.called[-2:] == ["unlock it", "succeeded: succeeded, None"]  # of the other alone
    assert hooked.load("1") == other


def test_r7_what_a_hook_raises_before_the_success_fails_the_attempt(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(job: FileJob) -> None:
        raise ValueError(f"{job.data} is not enough")

    monkeypatch.setattr(jobs, "mark_as_succeeded", check)
    job = jobs.new("1")
    with pytest.raises(ValueError, match="is not enough"), job.start():
        job.data["rows"] = 1
    assert jobs.load("1") == job
    assert (job.status_name, job.attempts, job.data) == ("failed", 1, {})
    assert "is not enough" in job.errors["error"]


def test_r7_what_a_hook_raises_after_the_success_does_not_undo_it(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seed would mark the task as failed then."""
    succeed = jobs.mark_as_succeeded

    def succeed_and_raise(job: FileJob) -> None:
        succeed(job)
        raise ConnectionError("no mail")

    monkeypatch.setattr(jobs, "mark_as_succeeded", succeed_and_raise)
    job = jobs.new("1")
    with pytest.raises(ConnectionError, match="no mail"), job.start():
        job.data["rows"] = 1
    assert jobs.load("1") == job
    assert (job.status_name, job.data, job.errors) == ("succeeded", {"rows": 1}, {})


@pytest.mark.parametrize("before", [True, False])
def test_r8_what_a_failures_hook_raises_does_not_replace_the_error(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, before: bool
) -> None:
    fail = jobs.mark_as_failed_or_exhausted

    def fail_and_raise(job: FileJob, e: BaseException) -> None:
        if not before:
            fail(job, e)
        raise ConnectionError("no mail")

    monkeypatch.setattr(jobs, "mark_as_failed_or_exhausted", fail_and_raise)
    job, mine = jobs.new("1"), ValueError("mine")
    with pytest.raises(ValueError, match="mine") as raised, job.start():
        raise mine
    assert raised.value is mine
    assert "no mail" in caplog.text
    assert jobs.load("1") == job
    assert (job.status_name, job.errors["error"]) == ("failed", "ValueError('mine')")


def test_r8_a_success_hook_may_decide_that_it_is_none(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        jobs, "mark_as_succeeded", lambda job: job.mark_as_failed_or_exhausted(ValueError("only a part"))
    )
    job = jobs.new("1")
    with job.start():
        pass
    assert jobs.load("1") == job
    assert (job.status_name, job.errors["error"]) == ("failed", "ValueError('only a part')")


@pytest.mark.parametrize("mark", ["mark_as_in_progress", "mark_as_succeeded", "mark_as_failed_or_exhausted"])
def test_r1_what_a_hook_leaves_out_is_done_all_the_same(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setattr(jobs, mark, lambda *_, **__: None)
    job = jobs.new("1")
    with pytest.raises(KeyError), job.start():
        assert (job.status_name, job.attempts) == ("in_progress", 1)
        raise KeyError
    with job.start():
        job.data["rows"] = 1
    assert jobs.load("1") == job
    assert (job.status_name, job.attempts, job.data, job.fence) == ("succeeded", 2, {"rows": 1}, 2)


def test_a_hook_chooses_the_lease(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> None:
    begin = jobs.mark_as_in_progress
    monkeypatch.setattr(jobs, "mark_as_in_progress", lambda job, now, expire: begin(job, now, (expire or 30) * 2))
    job = jobs.new("1")
    with job.start(expire=60):
        assert job.lock_expire_time - job.lock_time == timedelta(seconds=120)


def test_is_locked_may_let_a_start_in_that_the_lock_would_keep_out(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.new("1")
    job.mark_as_in_progress()
    other = jobs.load("1")
    assert other is not None
    monkeypatch.setattr(jobs, "is_locked", lambda *_, **__: False)
    with other.start():
        assert (other.attempts, other.fence) == (2, 2)
    with pytest.raises(st.TaskLockLostError):
        job.mark_as_succeeded()
    assert jobs.load("1") == other


def test_is_locked_may_keep_a_start_out(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> None:
    job = jobs.new("1")
    monkeypatch.setattr(jobs, "is_locked", lambda *_, **__: True)
    with pytest.raises(st.TaskLockedError, match=r"as FileJob\.is_locked says") as refused, job.start():
        pass
    assert refused.value.status == 0
    assert jobs.load("1") == job
    with job.start(ignore_lock=True):
        pass
    assert job.status_name == "succeeded"
    job = jobs.new("2")
    job.path.unlink()
    with pytest.raises(st.TaskIsNotInitializedError), job.start():
        pass


def test_r1_a_lock_it_that_raises_starts_nothing(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError("not on Sundays")

    job = jobs.new("1")
    monkeypatch.setattr(jobs, "lock_it", refuse)
    with pytest.raises(ValueError, match="Sundays"), job.start():
        pass
    assert jobs.load("1") == job
    assert job.status_name == "pending"


def test_r6_an_unlock_it_that_raises_leaves_nothing_locked(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError("not on Sundays")

    monkeypatch.setattr(jobs, "unlock_it", refuse)
    job = jobs.new("1")
    with job.start():
        job.data["rows"] = 1
    assert jobs.load("1") == job
    assert (job.status_name, job.lock, job.data) == ("succeeded", None, {"rows": 1})
    assert "not on Sundays" in caplog.text


def test_r4_a_token_of_ones_own_does_not_replace_the_librarys(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could come twice, and a late request of an earlier attempt would then be taken for this one's."""
    monkeypatch.setattr(jobs, "lock_it", lambda job, **_: setattr(job, "lock", "this machine"))
    job = jobs.new("1")
    with job.start():
        assert job.lock not in {None, "this machine"}
    assert job.status_name == "succeeded"


def test_a_model_with_a_hook_on_a_column() -> None:
    class Hosted(ModelJob):
        names = (*ModelJob.names, "host")
        host = TextColumn()

        def lock_it(self, now: datetime | None = None, expire_time: datetime | None = None) -> None:
            super().lock_it(now, expire_time)
            self.host = "here"

    job = Hosted.new("1")
    with job.start():
        stored = Hosted.load("1")
        assert stored is not None
        assert (stored.host, job.host) == ("here", "here")


def test_a_nested_start_of_the_same_object_is_refused_and_changes_nothing(hooked: type[Hooked]) -> None:
    job = hooked.new("1")
    with job.start():
        with pytest.raises(st.TaskLockedError), job.start():
            pass
        job.data["rows"] = 1
    assert hooked.load("1") == job
    assert (job.status_name, job.attempts, job.data["rows"]) == ("succeeded", 1, 1)


def test_r19_a_postponement_calls_the_failures_hook_which_sees_what_is_stored(hooked: type[Hooked]) -> None:
    job = hooked.new("1")
    with pytest.raises(st.Postponed), job.start():
        raise st.Postponed("S3 is down", retry_after=60)
    assert hooked.called[-1].endswith(": pending, 0")
    assert hooked.load("1") == job
    assert (job.status_name, job.attempts, job.errors["postponed"]["times"]) == ("pending", 0, 1)


@pytest.mark.parametrize("hook", ["unlock_it", "mark_as_failed_or_exhausted"])
def test_r6_a_log_handler_that_raises_leaves_nothing_locked(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError("not on Sundays")

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
            raise OSError("the log's disk is full")

    monkeypatch.setattr(jobs, hook, refuse)
    handler = Broken()
    logging.getLogger("status_tracker").addHandler(handler)
    try:
        job, mine = jobs.new("1"), KeyError("mine")
        with pytest.raises(KeyError) as raised, job.start():
            raise mine
    finally:
        logging.getLogger("status_tracker").removeHandler(handler)
    assert raised.value is mine
    assert jobs.load("1") == job
    assert (job.status_name, job.lock) == ("failed", None)
