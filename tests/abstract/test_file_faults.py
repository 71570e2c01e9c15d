"""`FileTracker` on a disk that fails."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import status_tracker as st
from status_tracker.abstract import TrackerChangedError
from tests.abstract.jobs import FileJob


def failing(monkeypatch: pytest.MonkeyPatch, number: int, times: int) -> None:
    """The next fsyncs fail with that error."""
    fsync, left = os.fsync, [None] * times

    def fail(descriptor: int) -> None:
        if left:
            left.pop()
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_r6_a_full_disk_may_recover(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    job = jobs.new("1")
    with job.start():
        job.data["rows"] = 1
        failing(monkeypatch, number, times=2)
    assert jobs.load("1") == job
    assert (job.status_name, job.data) == ("succeeded", {"rows": 1})


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_r6_missing_permissions_do_not_recover(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    job = jobs.new("1")
    failing(monkeypatch, number, times=1)
    with pytest.raises(OSError, match=os.strerror(number)), job.start():
        pass
    with pytest.raises(st.StatusNotSavedError, match=os.strerror(number)), job.start():
        failing(monkeypatch, number, times=1)
    stored = jobs.load("1")
    assert stored is not None
    assert stored.status_name == "in_progress"


def test_r6_a_disk_that_stays_full_is_told_after_three_tries(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.new("1")
    failing(monkeypatch, errno.ENOSPC, times=100)
    with pytest.raises(OSError, match="No space left"), job.start():
        pass
    assert jobs.load("1") == job


def test_r6_a_creation_is_tried_again(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, errno.EIO, times=2)
    job = jobs.new("1", note="made")
    assert jobs.load("1") == job
    failing(monkeypatch, errno.EACCES, times=1)
    with pytest.raises(OSError, match=os.strerror(errno.EACCES)):
        jobs.new("2")
    assert jobs.load("2") is None


def test_r5_a_write_whose_end_failed_is_known_again(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> None:
    job = jobs.new("1")
    fsync, broken = os.fsync, []

    def fail_once_in_place(descriptor: int) -> None:
        """The folder's fsync comes when the file is in its place already."""
        if not broken and os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112  # a Path would be no shorter
            broken.append(descriptor)
            raise OSError(errno.EIO, "broken")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once_in_place)
    made = jobs.new("2")
    assert len(broken) == 1
    assert jobs.load("2") == made
    made.note = "and may be dumped"
    made.dump()
    with pytest.raises(st.TaskAlreadyExistsError):
        jobs.new("2")
    broken.clear()
    with job.start():
        assert (job.attempts, job.fence) == (1, 1)
        assert len(broken) == 1
        broken.clear()
    assert len(broken) == 1
    assert jobs.load("1") == job
    assert (job.status_name, job.attempts) == ("succeeded", 1)


class Held:
    """A dump in a thread of its own, held in the middle: its lock is taken, and its file not yet in place."""

    def __init__(self, job: FileJob, monkeypatch: pytest.MonkeyPatch) -> None:
        self.raised: list[BaseException] = []
        self._reached, self._may_go = threading.Event(), threading.Event()
        fsync, job.note = os.fsync, "of the held writer"
        thread = threading.Thread(target=self._dump, args=[job])

        def hold(descriptor: int) -> None:
            if threading.current_thread() is thread:
                self._reached.set()
                assert self._may_go.wait(60)
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", hold)
        self._thread = thread
        thread.start()
        assert self._reached.wait(60)

    def _dump(self, job: FileJob) -> None:
        try:
            job.dump()
        except BaseException as error:  # noqa: BLE001  # the test looks at it
            self.raised.append(error)

    def end(self) -> None:
        self._may_go.set()
        self._thread.join(60)


def _loaded(jobs: type[FileJob]) -> FileJob:
    job = jobs.load("1")
    assert job is not None
    return job


def test_r4_a_deleted_lock_lets_no_two_writers_in(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one finds that its lock excludes nobody any more, and puts nothing in place."""
    first, second = jobs.new("1"), _loaded(jobs)
    held = Held(first, monkeypatch)
    lock = first.path.with_name(".1.json.status-tracker.lock")
    lock.unlink()
    second.data = {"long": "x" * 10_000}
    second.dump()
    held.end()
    (raised,) = held.raised
    assert isinstance(raised, TrackerChangedError)
    assert _loaded(jobs) == second
    second.note = "and goes on"
    second.dump()
    assert _loaded(jobs) == second


def test_r4_writers_with_different_locks_write_different_files(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is deleted before the first one prepares its file, and the second one has prepared its own by then."""
    first, second = jobs.new("1"), _loaded(jobs)
    first.note = "of the first writer"
    opened, held = Path.open, list[Held]()

    def open_late(path: Path, *how: Any, **further: Any) -> Any:
        if path.suffix == ".tmp" and not held:
            path.with_name(".1.json.status-tracker.lock").unlink()
            monkeypatch.setattr(Path, "open", opened)
            held.append(Held(second, monkeypatch))
        return opened(path, *how, **further)

    monkeypatch.setattr(Path, "open", open_late)
    with pytest.raises(TrackerChangedError):
        first.dump()
    held[0].end()
    assert held[0].raised == []
    assert _loaded(jobs) == second
    assert second.note == "of the held writer"
    assert sorted(each.name for each in jobs.folder.iterdir()) == [".1.json.status-tracker.lock", "1.json"]


def test_r4_who_waits_for_a_deleted_lock_takes_the_one_that_is_there(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = jobs.new("1"), _loaded(jobs)
    held = Held(first, monkeypatch)
    lock = first.path.with_name(".1.json.status-tracker.lock")
    waiting = threading.Thread(target=lambda: refused.append(second) if _refused(second.dump) else None)
    refused: list[FileJob] = []
    waiting.start()
    lock.unlink()
    lock.touch()
    held.end()
    waiting.join(60)
    assert lock.exists()
    assert len(held.raised) + len(refused) == 1  # one of the two is the last, and says so to the other
    json.loads(first.path.read_bytes())


def _refused(dump: Callable[[], None]) -> bool:
    try:
        dump()
    except TrackerChangedError:
        return True
    return False


def test_r4_a_success_outlasts_a_lock_that_is_deleted_meanwhile(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.new("1")
    fsync, left = os.fsync, [1, 2, 3]

    def delete(descriptor: int) -> None:
        if left:
            left.pop()
            job.path.with_name(".1.json.status-tracker.lock").unlink(missing_ok=True)
        fsync(descriptor)

    with job.start():
        job.data["rows"] = 1
        monkeypatch.setattr(os, "fsync", delete)
    assert jobs.load("1") == job
    assert (job.status_name, job.data) == ("succeeded", {"rows": 1})


def nested(levels: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(levels):
        data = {"in": data}
    return data


def _after_calls(calls: int, call: Callable[[], None]) -> None:
    if calls:
        _after_calls(calls - 1, call)
    else:
        call()


@pytest.mark.parametrize("calls", [0, 700])
def test_r7_data_nested_985_deep_is_stored_and_read_wherever_that_is_asked(jobs: type[FileJob], calls: int) -> None:
    jobs.new("1", data=nested(985))

    def work() -> None:
        job = jobs.load("1")
        assert job is not None
        with job.start():
            job.note = "done"
            job.update()
        with pytest.raises(KeyError), job.start(force_execution=True):
            raise KeyError

    _after_calls(calls, work)
    job = _loaded(jobs)
    assert (job.status_name, job.note, job.attempts) == ("failed", "done", 1)
    assert json.dumps(job.note) == '"done"'


def test_data_nested_too_deep_is_refused_clearly_and_locks_nothing(jobs: type[FileJob]) -> None:
    with pytest.raises(ValueError, match="nested deeper"):
        jobs.new("1", data=nested(100_000))
    assert jobs.load("1") is None
    job = jobs.new("1")
    with pytest.raises(st.TaskExecutionError, match="nested deeper"), job.start():
        job.data = nested(100_000)
    assert (_loaded(jobs).status_name, _loaded(jobs).data) == ("failed", {})


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b'{"id": "1"}', b'"id"', b"[" * 100_000])
def test_r6_text_that_becomes_unreadable_in_the_block_is_told_and_left_as_it_is(
    jobs: type[FileJob], text: bytes
) -> None:
    job = jobs.new("1")
    with pytest.raises(st.StatusNotSavedError, match=r"1\.json holds no FileJob"), job.start():
        whole = job.path.read_bytes()
        job.path.write_bytes(text)
    assert job.path.read_bytes() == text
    job.path.write_bytes(whole)
    mine = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as raised, job.start(ignore_lock=True):
        whole = job.path.read_bytes()
        job.path.write_bytes(text)
        raise mine
    assert raised.value is mine
    assert "holds no FileJob" in mine.__notes__[0]
    job.path.write_bytes(whole)
    with job.start(ignore_lock=True):
        pass
    assert _loaded(jobs) == job
    assert job.status_name == "succeeded"
