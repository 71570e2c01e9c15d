"""A worker of the tests that crashes fails one test, and the run goes on to its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scheduling import TOGETHER

ROOT = Path(__file__).parents[2]
TESTS = """
import os, signal
import pytest

@pytest.mark.parametrize("number", range(40))
def test(number):
    if number in {crashing}:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("crashing", [[20], [36, 37, 38, 39]], ids=str)
def test_each_test_is_run_once_though_workers_crash(tmp_path: Path, crashing: list[int]) -> None:
    (tmp_path / "conftest.py").write_text("from tests.support.scheduling import pytest_xdist_make_scheduler")
    (tmp_path / "test_it.py").write_text(TESTS.format(crashing=crashing))
    command = [sys.executable, "-m", "pytest", "-q", "-n", "3", "--dist", "loadscope", "-p", "no:cacheprovider", "."]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    run = subprocess.run(  # noqa: S603
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert f"{len(crashing)} failed, {40 - len(crashing)} passed" in run.stdout, run.stdout


@pytest.mark.parametrize("place", TOGETHER)
def test_what_stays_on_one_worker_is_there(place: str) -> None:
    assert (ROOT / "tests" / place).exists()
