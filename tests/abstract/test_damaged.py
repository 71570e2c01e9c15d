"""What is stored, damaged: refused before anything is written, so that no block runs unrecorded."""

from __future__ import annotations

import re
from typing import Any

import pytest

from status_tracker.abstract import TrackerUnreadableError
from tests.abstract.jobs import FileJob, S3Job

DAMAGED: list[tuple[str, dict[str, Any]]] = [
    ("errors['history']", {"history": "ValueError"}),
    ("errors['history']", {"history": ["ValueError"]}),
    ("errors['history']", {"history": {"0": {}}}),
    ("errors['actions']", {"actions": [None]}),
    ("errors['actions']", {"actions": 3}),
    ("errors['dropped']", {"dropped": "2"}),
    ("errors['actions']", {"actions": [{"action": "cancel"}]}),
    ("errors['actions']", {"actions": [{"action": "cancel", "update_time": "yesterday"}]}),
    ("errors['tracker']['fence']", {"tracker": {"fence": "1"}}),
    ("errors['tracker']['run']", {"tracker": {"run": [1]}}),
    ("errors['tracker']['update_count']", {"tracker": {"update_count": 1.5}}),
    ("errors['tracker']['finished_locks']", {"tracker": {"finished_locks": "abc"}}),
    ("errors['tracker']['vanished_locks']", {"tracker": {"vanished_locks": [1]}}),
    ("errors['tracker']['not_before']", {"tracker": {"not_before": "tomorrow"}}),
    ("errors['tracker']['not_before']", {"tracker": {"not_before": "2026-01-01T00:00:00"}}),
    ("errors['tracker']['not_before']", {"tracker": {"not_before": 1767225600}}),
    ("errors['tracker']['create_token']", {"tracker": {"create_token": 7}}),
]


@pytest.mark.parametrize(("where", "errors"), DAMAGED, ids=[f"{where}-{errors}" for where, errors in DAMAGED])
def test_damage_is_named_and_left_as_it_is(jobs: type[FileJob], where: str, errors: dict[str, Any]) -> None:
    job = jobs.new("1")
    job.errors = errors
    job.dump()
    before = job.path.read_bytes()
    entered = []
    expected = rf"FileJob '1' has {re.escape(where)} = .*: mend what is stored"
    with pytest.raises(TrackerUnreadableError, match=expected) as refused, job.start():
        entered.append("me")
    assert (entered, refused.value.task_id) == ([], "1")
    for act in (job.mark_as_in_progress, lambda: jobs.rerun("1", reason="try"), lambda: jobs.new("1")):
        with pytest.raises(TrackerUnreadableError, match=expected):
            act()
    assert job.path.read_bytes() == before


def test_a_long_damage_makes_no_long_message(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    job.errors = {"history": "x" * 100_000}
    job.dump()
    with pytest.raises(TrackerUnreadableError) as refused, job.start():
        pass
    assert len(str(refused.value)) < 1_000


def test_what_says_nothing_is_no_damage(jobs: type[FileJob]) -> None:
    job = jobs.new("1")
    kept = dict.fromkeys(("fence", "run", "not_before", "finished_locks", "vanished_locks", "update_count"))
    job.errors = {"history": None, "actions": None, "dropped": None, "tracker": kept}
    job.dump()
    with pytest.raises(ValueError, match="mine"), job.start():
        raise ValueError("mine")
    assert (job.status_name, job.fence, len(job.errors["history"])) == ("failed", 1, 1)


def test_a_copied_object_does_not_act_on_another_task(s3_jobs: type[S3Job]) -> None:
    job = s3_jobs.new("a")
    source = {"Bucket": s3_jobs.bucket, "Key": "jobs/a.json"}
    s3_jobs.client.copy_object(Bucket=s3_jobs.bucket, Key="jobs/b.json", CopySource=source)
    with pytest.raises(TrackerUnreadableError, match=r"b\.json holds S3Job 'a' instead of 'b'") as refused:
        s3_jobs.load("b")
    assert refused.value.task_id == "b"
    assert s3_jobs.load("a") == job
