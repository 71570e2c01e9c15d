"""R8: `errors` of a task that has never failed and on which nobody has acted is empty, wherever the user looks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.abstract.jobs import VARIANTS, FileJob, InMemory, ModelJob, PlaceJob, S3Job


@pytest.fixture(params=[FileJob, S3Job, *VARIANTS], ids=lambda each: each.__name__)
def job_class(request: pytest.FixtureRequest) -> Any:
    fixture = {FileJob: "jobs", S3Job: "s3_jobs"}.get(request.param)
    return request.param if fixture is None else request.getfixturevalue(fixture)


def hides(job_class: Any) -> bool:
    """Whether there is a place for what is no error: a framework's columns alone have none."""
    return job_class is not ModelJob


def test_r8_errors_are_empty_until_something_fails(job_class: Any) -> None:
    job = job_class.new("1")
    seen = [job.errors, job_class.load("1").errors]
    with job.start():
        seen += [job.errors, job_class.load("1").errors]
        job.extend_lock()
        job.data["rows"] = 1
        job.update()
        seen.append(job.errors)
    stored = job_class.load("1")
    seen += [job.errors, stored.errors]
    assert (stored.fence, stored.status_name) == (1, "succeeded")
    if hides(job_class):
        assert seen == [{}] * len(seen)
    else:
        assert all(set(errors) == {"history", "tracker"} for errors in seen)


def test_r8_a_failure_is_there_with_nothing_of_the_librarys(job_class: Any) -> None:
    job = job_class.new("1")
    with pytest.raises(ValueError, match="mine"), job.start():
        raise ValueError("mine")
    for seen in (job, job_class.load("1")):
        assert set(seen.errors) - {"tracker"} == {"history", "error", "traceback"}
        assert ("tracker" in seen.errors) != hides(job_class)
    job_class.ignore("1", reason="a duplicate")
    job = job_class.unignore("1", reason="it is none")
    assert set(job.errors) - {"tracker"} == {"history", "error", "traceback", "actions"}


def test_r8_an_action_alone_is_there(job_class: Any) -> None:
    job_class.new("1")
    job_class.ignore("1", reason="a duplicate")
    for seen in (job_class.load("1"), job_class.unignore("1", reason="it is none")):
        assert seen.errors["actions"][0]["reason"] == "a duplicate"


def test_r13_what_is_hidden_is_stored_with_every_dump(job_class: Any) -> None:
    """And with one by hand: without the fence and the tokens, a late request could be taken for a new one."""
    job = job_class.new("1")
    with pytest.raises(ValueError, match="mine"), job.start():
        raise ValueError("mine")
    job = job_class.load("1")
    job.data["rows"] = 1
    if hides(job_class):
        job.errors = {}
    job.dump()
    again = job_class.load("1")
    assert (again.fence, again.data) == (1, {"rows": 1})
    assert not (hides(job_class) and again.errors)
    with again.start():
        assert again.fence == 2


def test_r8_the_file_stays_as_it_was(jobs: type[FileJob]) -> None:
    """Releases before this one, and their files, are read by either."""
    job = jobs.new("1")
    with job.start():
        pass
    document = json.loads(job.path.read_text())
    assert set(document["errors"]) == {"tracker"}
    assert document["errors"]["tracker"]["fence"] == 1
    document["errors"] = {"history": [], **document["errors"]}
    job.path.write_text(json.dumps(document, indent=4))
    older = jobs.load("1")
    assert older is not None
    assert (older.errors, older.fence) == ({}, 1)
    with older.start(force_execution=True):
        assert (older.errors, older.fence) == ({}, 2)


def test_r8_a_place_declared_later_takes_what_is_stored() -> None:
    """The same tasks by a class with one column more."""
    job = ModelJob.new("1")
    with job.start():
        pass
    InMemory.stored["PlaceJob", "1"] = InMemory.stored["ModelJob", "1"]
    later = PlaceJob.load("1")
    assert later is not None
    assert later.fence == 1
    with later.start(force_execution=True):
        assert (later.errors, later.fence) == ({}, 2)
    again = PlaceJob.load("1")
    assert again is not None
    assert (again.errors, again.fence, again.tracker_state["fence"]) == ({}, 2, 2)
