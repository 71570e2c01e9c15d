"""R4, R5, R8: a child that is forked in the block has the worker's token, and not its task."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.abstract.jobs import FileJob


@pytest.mark.parametrize(
    ("scenario", "code"), [("leaves_by_exit", 0), ("writes", 7), ("is_terminated", 15), ("is_marked", 0)], ids=str
)
def test_r4_a_forked_child_stores_nothing_and_the_worker_ends_its_task(
    jobs: type[FileJob], scenario: str, code: int
) -> None:
    script = Path(__file__).with_name("forks.py")
    command = [sys.executable, "-W", "ignore", str(script), scenario, str(jobs.folder)]
    ran = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)  # noqa: S603
    assert ran.returncode == code, ran.stderr
    job = jobs.load("1")
    assert job is not None
    assert (job.status_name, job.attempts, job.errors) == ("succeeded", 1, {})
    if scenario != "is_terminated":
        assert job.data == {"by": "parent"}
