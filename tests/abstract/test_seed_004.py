"""What seed 004 shows of its trackers, one by one; where the rules go before it, the test says so."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

import status_tracker as st
from status_tracker import abstract
from status_tracker.abstract import EPOCH, T_ID, BaseStatusEnum, StatusEnum, get_utc_now
from tests.abstract.jobs import FileJob, S3Job
from tests.support.clock import Clock


class OwnStatusEnum(BaseStatusEnum):
    pending = 100
    in_progress = 103
    failed = 106
    exhausted = 109
    succeeded = 112
    ignored = 115


class Own(FileJob):
    @classmethod
    def get_status_enum(cls) -> type[BaseStatusEnum]:
        return OwnStatusEnum

    @classmethod
    def get_expire(cls) -> int:
        return 60

    @classmethod
    def get_max_attempts(cls) -> int:
        return 1


def fail(job: FileJob, **how: bool) -> None:
    with pytest.raises(ValueError, match="mine"), job.start(**how):
        raise ValueError("mine")


def test_the_codes() -> None:
    codes = {each.name: each.value for each in StatusEnum}
    assert codes == {"pending": 0, "in_progress": 10, "failed": 20, "exhausted": 30, "succeeded": 40, "ignored": 50}
    assert StatusEnum.get_by_value(30) is StatusEnum.exhausted


def test_the_enums_helpers() -> None:
    assert StatusEnum.get_by_name("exhausted") is StatusEnum.exhausted
    assert StatusEnum.get_names() == ["pending", "in_progress", "failed", "exhausted", "succeeded", "ignored"]
    assert StatusEnum.get_values() == [0, 10, 20, 30, 40, 50]
    assert [StatusEnum.is_valid_name(name) for name in ("failed", "FAILED", 20)] == [True, False, False]
    assert [StatusEnum.is_valid_value(code) for code in (20, StatusEnum.failed, 21, "failed")] == [
        *(True, True),
        *(False, False),
    ]
    assert [StatusEnum.ensure_int(code) for code in (20, StatusEnum.failed)] == [20, 20]
    assert type(StatusEnum.ensure_int(StatusEnum.failed)) is int
    StatusEnum.ensure_is_valid_value(20)
    for check in (StatusEnum.ensure_is_valid_value, StatusEnum.ensure_int, StatusEnum.get_by_value):
        with pytest.raises(ValueError, match="21"):
            check(21)
    with pytest.raises(KeyError):
        StatusEnum.get_by_name("done")


def test_the_defaults() -> None:
    assert (FileJob.get_status_enum(), FileJob.get_expire(), FileJob.get_max_attempts()) == (StatusEnum, 900, 3)
    assert datetime(1970, 1, 1, tzinfo=UTC) == EPOCH
    assert get_utc_now().utcoffset() == timedelta(0)


def test_load_finds_nothing_before_new(jobs: type[FileJob]) -> None:
    assert jobs.load("1") is None
    job = jobs.new("1")
    assert jobs.load("1") == job
    assert job.path == jobs.get_path("1")
    assert (job.id, job.status_name, job.attempts, job.data) == ("1", "pending", 0, {})
    assert (job.lock, job.lock_time, job.lock_expire_time) == (None, EPOCH, EPOCH)
    assert job.create_time == job.update_time


def test_r11_new_never_overwrites(jobs: type[FileJob]) -> None:
    job = jobs.new("1", data={"rows": 1})
    with pytest.raises(st.TaskAlreadyExistsError, match="task_id='1'"):
        jobs.new("1")
    assert jobs.load("1") == job


@pytest.mark.parametrize("task_id", ["", "x" * 3000])
def test_r16_ids_that_no_backend_could_take_are_refused(jobs: type[FileJob], task_id: str) -> None:
    for act in (jobs.new, lambda each: jobs.rerun(each, reason="try")):
        with pytest.raises(ValueError, match=r"task_id is ''|3,008 bytes"):
            act(task_id)
    assert not jobs.folder.exists()


def test_start_of_what_was_never_created(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    job.path.unlink()
    with pytest.raises(st.TaskIsNotInitializedError), job.start():
        pass
    assert jobs.load("1") is None


@pytest.mark.usefixtures("jobs")
def test_codes_lease_and_attempts_of_ones_own() -> None:
    job = Own.new("1")
    assert job.status == 100
    with pytest.raises(ValueError, match="mine"), job.start():
        assert (job.status, job.status_name) == (103, "in_progress")
        assert job.lock_expire_time - job.lock_time == timedelta(seconds=60)
        raise ValueError("mine")
    assert (job.status, job.status_name) == (109, "exhausted")
    with job.start(force_execution=True):
        pass
    assert job.status == 112


def test_a_start_says_what_it_does_in_the_fields(jobs: type[FileJob]) -> None:
    job = jobs.new(1)
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    with job.start(now=noon, expire=30):
        stored = jobs.load(1)
        assert stored == job
        assert (job.status, job.attempts, job.update_time, job.lock_time) == (10, 1, noon, noon)
        assert job.lock_expire_time == noon + timedelta(seconds=30)
        assert job.lock is not None
    assert jobs.load(1) == job
    assert (job.status, job.attempts, job.lock) == (40, 1, None)
    assert noon <= job.update_time < noon + timedelta(seconds=30)


@pytest.fixture
def clock(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of these trackers."""
    clock, plain = Clock(), FileJob.get_config
    monkeypatch.setattr(jobs, "get_config", lambda: plain(clock=clock))
    return clock


def test_r3_from_the_moment_given_the_clock_runs_on(jobs: type[FileJob], clock: Clock) -> None:
    job = jobs.new("1")
    later = clock.now + timedelta(days=3)
    with job.start(now=later):
        clock.advance(5)
    assert (job.lock_time, job.update_time) == (later, later + timedelta(seconds=5))


def test_r6_the_end_is_tried_again_while_the_extended_lease_lasts(
    jobs: type[FileJob], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.new("1")
    load, left = jobs.load, [OSError("disk full")]

    def shaky(task_id: T_ID) -> FileJob | None:
        if left:
            raise left.pop()
        return load(task_id)

    with job.start(expire=60):
        clock.advance(50)
        job.extend_lock(60)
        clock.advance(50)
        monkeypatch.setattr(jobs, "load", shaky)
    assert (left, job.status_name) == ([], "succeeded")


def test_r3_a_naive_now_is_refused(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    with pytest.raises(ValueError, match="without a time zone"), job.start(now=datetime(2026, 1, 1)):  # noqa: DTZ001
        pass
    assert jobs.load("1") == job


def test_the_third_failure_in_a_row_exhausts(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    seen = []
    for _ in range(3):
        fail(job)
        seen.append((job.status_name, job.attempts))
    assert seen == [("failed", 1), ("failed", 2), ("exhausted", 3)]
    with pytest.raises(abstract.TaskExhaustedError) as refused, job.start():
        pass
    assert isinstance(refused.value, abstract.NoMoreRetryError)
    assert jobs.load("1") == job


def test_force_execution_starts_what_is_exhausted_ignored_or_succeeded(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    for _ in range(3):
        fail(job)
    fail(job, force_execution=True)
    assert (job.status_name, job.attempts) == ("exhausted", 4)
    with job.start(force_execution=True):
        pass
    with pytest.raises(st.TaskAlreadySucceedError), job.start():  # the rules go before the seed
        pass
    with job.start(force_execution=True):
        pass
    jobs.new("2")
    ignored = jobs.ignore("2", reason="a duplicate")
    with pytest.raises(abstract.TaskIgnoredError) as refused, ignored.start():
        pass
    assert isinstance(refused.value, abstract.NoMoreRetryError)
    with ignored.start(force_execution=True):
        pass
    assert ignored.status_name == "succeeded"


def test_a_success_leaves_attempts_and_starts_counting_anew(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    fail(job)
    with job.start():
        pass
    assert (job.status_name, job.attempts) == ("succeeded", 2)
    with job.start(force_execution=True):
        assert job.attempts == 1
    job = jobs.rerun("1", reason="new input")
    assert (job.status_name, job.attempts) == ("pending", 0)
    fail(job)
    assert (job.status_name, job.attempts) == ("failed", 1)


def test_further_settings_of_the_rules(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = FileJob.get_config
    monkeypatch.setattr(jobs, "get_config", lambda: plain(non_retryable=[ValueError], use_case_id="mine"))
    job = jobs.new("1")
    fail(job)
    assert (job.status_name, job.attempts) == ("ignored", 1)
    with pytest.raises(abstract.TaskIgnoredError, match="use_case_id='mine'"), job.start():
        pass


def test_a_lock_put_by_hand_on_a_task_in_progress_is_taken_over_by_who_ignores_it(jobs: type[FileJob]) -> None:
    job = jobs.new(3)
    job.status = StatusEnum.in_progress.value
    job.lock_it()
    job.dump()
    token = job.lock
    other = jobs.load(3)
    assert other is not None
    assert (other.is_locked(), other.is_locked(lock=token)) == (True, False)
    with pytest.raises(abstract.TaskLockedError), other.start(verbose=True):
        pass
    again = jobs.load(3)
    assert again is not None
    assert (again.lock, again.is_locked()) == (token, True)
    with other.start(ignore_lock=True, verbose=True):
        pass
    assert (other.status_name, other.is_locked()) == ("succeeded", False)
    assert jobs.load(3) == other


def test_the_whole_life_of_a_bad_task_each_time_loaded_anew(jobs: type[FileJob]) -> None:
    jobs.new(2)
    for attempts, status in ((1, "failed"), (2, "failed"), (3, "exhausted")):
        job = jobs.load(2)
        assert job is not None
        fail(job, verbose=True)
        assert (job.attempts, job.status_name, job.lock) == (attempts, status, None)
    job = jobs.load(2)
    assert job is not None
    with pytest.raises(abstract.NoMoreRetryError), job.start(verbose=True):
        pass
    with job.start(force_execution=True, verbose=True):
        pass
    assert (job.attempts, job.status_name, job.lock) == (4, "succeeded", None)


def test_an_object_in_s3_is_tried_until_it_succeeds(s3_jobs: type[S3Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_jobs, "get_max_attempts", lambda: 10)
    s3_jobs.new(1)
    outcomes = [ValueError("mine"), KeyError("mine"), ValueError("mine"), None]
    for outcome in outcomes:
        job = s3_jobs.load(1)
        assert job is not None
        with suppress(ValueError, KeyError), job.start(verbose=False):
            if outcome is not None:
                raise outcome
    job = s3_jobs.load(1)
    assert job is not None
    assert (job.status_name, job.attempts, len(job.errors["history"])) == ("succeeded", 4, 3)
