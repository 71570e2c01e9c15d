"""`FileTracker` on a disk that fails."""

from __future__ import annotations

import errno
import os

import pytest

import status_tracker as st
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
