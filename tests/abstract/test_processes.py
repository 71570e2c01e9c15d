"""Files under real processes: races with exact counts, and writers that are killed."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

import status_tracker as st
from status_tracker.abstract import TrackerChangedError, files
from tests.abstract import workers
from tests.abstract.jobs import FileJob

PATIENCE = 60
processes = multiprocessing.get_context("spawn")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.001)


@contextmanager
def process(work: Callable[..., None], *arguments: Any) -> Iterator[BaseProcess]:
    """Another process; it is killed at the end, if it still lives."""
    child = processes.Process(target=work, args=arguments)
    child.start()
    try:
        yield child
    finally:
        child.kill()
        child.join(PATIENCE)
        assert child.exitcode is not None


def test_of_eight_processes_exactly_one_gets_each_of_sixty_tasks(jobs: type[FileJob]) -> None:
    ids = [str(number) for number in range(60)]
    for task_id in ids:
        jobs.new(task_id)
    starting_line, won = processes.Barrier(8), processes.Queue()
    racers = [processes.Process(target=workers.race, args=(jobs.folder, ids, starting_line, won)) for _ in range(8)]
    for racer in racers:
        racer.start()
    winners = Counter(task_id for _ in racers for task_id in won.get(timeout=PATIENCE))
    for racer in racers:
        racer.join(PATIENCE)
        assert racer.exitcode == 0
    assert winners == dict.fromkeys(ids, 1)
    for task_id in ids:
        job = jobs.load(task_id)
        assert job is not None
        assert (job.status_name, job.attempts, job.fence) == ("succeeded", 1, 1)
        assert job.errors == {}


def test_r2_a_worker_killed_in_its_block_is_taken_over_when_its_lease_ends(jobs: type[FileJob]) -> None:
    job = jobs.new("1", data={"rows": 1})
    with process(workers.hang, jobs.folder, "1") as worker:
        wait_until((jobs.folder / "started").exists)
        worker.kill()
    with pytest.raises(st.TaskLockedError) as refused, job.start():
        pass
    with job.start(now=refused.value.until):
        assert (job.attempts, job.data) == (2, {"rows": 1})
    assert "LeaseExpired" in job.errors["history"][0]["error"]


@pytest.mark.parametrize("seed", range(5))
def test_a_writer_killed_at_any_moment_leaves_a_whole_document(jobs: type[FileJob], seed: int) -> None:
    job = jobs.new("1", data={"number": 0, "copies": []})
    moment = random.Random(seed).randrange(1, 60)  # noqa: S311  # no secret
    with process(workers.dump_for_ever, jobs.folder, "1") as writer:

        def has_come_far() -> bool:
            seen = jobs.load("1")
            assert seen is not None
            assert seen.data["copies"] == [seen.data["number"]] * (5_000 if seen.data["number"] else 0)
            return bool(seen.data["number"] >= moment)

        wait_until(has_come_far)
        writer.kill()
    left = jobs.load("1")
    assert left is not None
    assert left.data["number"] >= moment
    assert left.data["copies"] == [left.data["number"]] * 5_000
    with pytest.raises(TrackerChangedError):
        job.dump()
    left.data = {"number": -1}
    left.dump()
    assert jobs.load("1") == left


@pytest.mark.parametrize(
    ("step", "before", "number"),
    [("fsync", True, 1), ("fsync", False, 1), ("replace", True, 1), ("replace", False, 2)],
)
def test_a_writer_killed_at_a_step_leaves_the_old_or_the_new(
    jobs: type[FileJob], step: str, before: bool, number: int
) -> None:
    jobs.new("1", data={"number": 1})
    with process(workers.die_at, jobs.folder, "1", step, before) as writer:
        writer.join(PATIENCE)
        assert writer.exitcode == -signal.SIGKILL
    job = jobs.load("1")
    assert job is not None
    assert job.data == {"number": number}
    with job.start():
        job.data["number"] = 3
    assert jobs.load("1") == job
    assert sorted(each.name for each in jobs.folder.iterdir()) == [".1.json.status-tracker.lock", "1.json"]


def test_a_writer_that_stands_still_does_not_stop_the_others_for_ever(
    jobs: type[FileJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LONGEST_WAIT", 0.05)
    job = jobs.new("1")
    with process(workers.stop_while_writing, jobs.folder, "1"):
        wait_until((jobs.folder / "writing").exists)
        with pytest.raises(TimeoutError, match="another process has kept its lock"):
            job.dump()
        with pytest.raises(TimeoutError), job.start():
            pass
    with job.start():
        pass
    assert jobs.load("1") == job


def test_a_process_forked_while_one_writes_keeps_nobody_out(jobs: type[FileJob]) -> None:
    jobs.new("1")
    with process(workers.fork_while_writing, jobs.folder, "1") as writer:
        writer.join(PATIENCE)
        assert writer.exitcode == 0
    job = jobs.load("1")
    assert job is not None
    assert job.note == "again"
