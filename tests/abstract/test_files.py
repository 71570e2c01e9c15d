"""`FileTracker`: whole files, one writer at a time, and the format of abstract_tracker."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import status_tracker as st
from status_tracker.abstract import (
    EPOCH,
    FileTracker,
    TrackerChangedError,
    TrackerNotStorableError,
    TrackerUnreadableError,
)
from tests.abstract.jobs import LEASE, FileJob

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OLDER: dict[str, Any] = {
    "id": "1",
    "status": 20,
    "attempts": 2,
    "create_time": "2026-01-01T10:00:00.000001+00:00",
    "update_time": "2026-01-01T11:00:00+00:00",
    "lock": None,
    "lock_time": "2026-01-01T10:59:00+00:00",
    "lock_expire_time": "2026-01-01T11:14:00+00:00",
    "data": {"rows": 1},
    "errors": {"error": "ValueError('old')", "traceback": "Traceback …"},
}


def put(jobs: type[FileJob], **other: Any) -> Path:
    """A file as abstract_tracker writes them."""
    path = jobs.get_path("1")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(OLDER | other, indent=4))
    return path


def test_older_files_are_read_and_written_in_their_format(jobs: type[FileJob]) -> None:
    path = put(jobs)
    job = jobs.load("1")
    assert job is not None
    assert (job.status_name, job.attempts, job.data, job.fence) == ("failed", 2, {"rows": 1}, 0)
    assert job.create_time == datetime(2026, 1, 1, 10, 0, 0, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="mine"), job.start():
        assert (job.attempts, job.fence) == (3, 1)
        assert job.errors["error"] == "ValueError('old')"
        raise ValueError("mine")
    document = json.loads(path.read_text())
    assert path.read_text() == json.dumps(document, indent=4)
    assert list(document) == [*OLDER, "note"]
    assert (document["status"], document["attempts"], document["create_time"]) == (30, 3, OLDER["create_time"])
    assert document["update_time"] == job.update_time.isoformat()
    assert document["errors"]["error"] == "ValueError('mine')"
    assert datetime.fromisoformat(document["lock_expire_time"]) == EPOCH


def test_an_older_file_in_progress_keeps_its_lease(jobs: type[FileJob]) -> None:
    put(
        jobs,
        status=10,
        attempts=1,
        lock="theirs",
        lock_time=NOON.isoformat(),
        lock_expire_time=(NOON + LEASE).isoformat(),
    )
    job = jobs.load("1")
    assert job is not None
    with pytest.raises(st.TaskLockedError), job.start(now=NOON):
        pass
    with job.start(now=NOON + LEASE):
        assert job.attempts == 2
    assert [entry["nth_retry"] for entry in job.errors["history"]] == [1]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"id": "1", "status": 0',
        b"[1]",
        b"\xff\xfe",
        b"{}",
        json.dumps({**OLDER, "create_time": "yesterday"}).encode(),
        json.dumps({**OLDER, "create_time": None}).encode(),
        json.dumps({name: value for name, value in OLDER.items() if name != "data"}).encode(),
    ],
    ids=["empty", "torn", "list", "no text", "no fields", "no time", "null", "no data"],
)
def test_garbage_is_named_and_left_as_it_is(jobs: type[FileJob], content: bytes) -> None:
    job = jobs.new("1")
    job.path.write_bytes(content)
    with pytest.raises(TrackerUnreadableError, match=str(job.path)) as unreadable:
        jobs.load("1")
    assert unreadable.value.task_id == "1"
    with pytest.raises(TrackerUnreadableError, match=str(job.path)):
        jobs.new("1")
    with pytest.raises(TrackerUnreadableError, match=str(job.path)), job.start():
        pass
    with pytest.raises(TrackerUnreadableError, match=str(job.path)):
        jobs.rerun("1", reason="try")
    with pytest.raises(TrackerChangedError):
        job.dump()
    assert job.path.read_bytes() == content


@pytest.mark.parametrize(
    "wrong",
    [
        {"update_time": "2026-01-01T11:00:00"},
        {"status": "20"},
        {"attempts": None},
        {"lock": 7},
        {"errors": []},
        {"errors": {"tracker": []}},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_fields_that_cannot_be_right_are_refused(jobs: type[FileJob], wrong: dict[str, Any]) -> None:
    path = put(jobs, **wrong)
    before = path.read_bytes()
    job = jobs.load("1")
    assert job is not None
    with pytest.raises(TrackerUnreadableError, match=f"has {next(iter(wrong))} = "), job.start():
        pass
    assert path.read_bytes() == before


def test_a_stale_object_stores_nothing(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    stale = jobs.load("1")
    assert stale is not None
    job.data["rows"] = 1
    job.dump()
    job.data["rows"] = 2
    job.dump()
    stale.note = "mine"
    with pytest.raises(TrackerChangedError, match=r"1\.json has been changed since this object was loaded"):
        stale.dump()
    assert jobs.load("1") == job


def test_an_object_that_was_not_loaded_overwrites_nothing(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    again = jobs(**{name: value for name, value in vars(job).items() if name != "_stamp"})
    with pytest.raises(TrackerChangedError, match=r"1\.json exists already"):
        again.dump()
    job.path.unlink()
    again.dump()
    assert jobs.load("1") == again


def test_a_stale_object_may_be_started(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    stale = jobs.load("1")
    assert stale is not None
    job.data["rows"] = 1
    job.dump()
    with stale.start():
        assert stale.data == {"rows": 1}
    stale.note = "afterwards"
    stale.dump()
    assert jobs.load("1") == stale


def test_what_json_cannot_hold_fails_the_attempt(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    with pytest.raises(TrackerNotStorableError, match="set is not JSON serializable"), job.start():
        job.data["rows"] = {1, 2}
    assert jobs.load("1") == job
    assert (job.status_name, job.data) == ("failed", {})
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        jobs.new("2", data={"rows": {1}})
    assert jobs.load("2") is None


def test_a_further_field_may_be_new(jobs: type[FileJob]) -> None:
    put(jobs)

    @dataclass
    class Later(FileJob):
        count: int = 7

    job = Later.load("1")
    assert job is not None
    with job.start():
        job.count += 1
    again = Later.load("1")
    assert again is not None
    assert (again.count, again.note) == (8, "")


def test_leftovers_of_killed_writers_confuse_nobody(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    lock = job.path.with_name(".1.json.status-tracker.lock")
    leftover = job.path.with_name(f".status-tracker.{lock.stat().st_ino}.tmp")
    leftover.write_text('{"id": "1", "sta')
    assert jobs.load("1") == job
    with job.start():
        pass
    assert jobs.load("1") == job
    assert sorted(each.name for each in job.path.parent.iterdir()) == [".1.json.status-tracker.lock", "1.json"]


def test_no_id_meets_a_file_that_serves_another_task(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "get_path", staticmethod(lambda task_id: jobs.folder / task_id))
    made = [jobs.new(task_id, note=task_id) for task_id in ("r", "r.tmp", "r.lock")]
    for job in made:
        with job.start():
            job.data["rows"] = 1
    assert [jobs.load(job.id) for job in made] == made


def test_a_copied_file_does_not_act_on_another_task(jobs: type[FileJob]) -> None:
    job = jobs.new("a")
    copy = jobs.get_path("b")
    copy.write_bytes(job.path.read_bytes())
    with pytest.raises(TrackerUnreadableError, match=r"b\.json holds FileJob 'a' instead of 'b'") as refused:
        jobs.rerun("b", reason="new input")
    assert refused.value.task_id == "b"
    assert copy.read_bytes() == job.path.read_bytes()
    assert jobs.load("a") == job


def test_a_number_and_its_text_name_the_same_task(jobs: type[FileJob]) -> None:
    job = jobs.new(7)
    assert jobs.load("7") == job == jobs.load(7)


def test_a_file_keeps_its_mode(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    job.path.chmod(0o600)
    with job.start():
        pass
    assert job.path.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_a_link(jobs: type[FileJob], tmp_path: Path) -> None:
    job = jobs.new("1")
    target = job.path.rename(tmp_path / "elsewhere.json")
    job.path.symlink_to(target)
    with job.start():
        job.note = "by the link"
    assert job.path.is_symlink()
    assert json.loads(target.read_text())["note"] == "by the link"


def test_without_flock_the_error_says_what_to_use(jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch) -> None:
    job = jobs.new("1")
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert jobs.load("1") == job
    with pytest.raises(NotImplementedError, match="use S3Tracker"), job.start():
        pass
    assert jobs.load("1") == job


def test_get_path_must_be_written() -> None:
    with pytest.raises(NotImplementedError):
        FileTracker.load("1")


def test_r12_a_heartbeat_renews_the_file(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    with job.start(expire=60, heartbeat=0.01):
        renewed = job.lock_expire_time + timedelta(milliseconds=20)
        deadline = job.update_time + timedelta(seconds=30)
        while (stored := jobs.load("1")) is not None and stored.lock_expire_time < renewed:
            assert st.get_utc_now() < deadline
        job.data["rows"] = 1
    stored = jobs.load("1")
    assert stored == job
    assert (job.status_name, job.data) == ("succeeded", {"rows": 1})
