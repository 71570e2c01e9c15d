"""R15: the shard of a task is the same in every process, and hides no task from any step."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.steps import STEP1_CODES, STEP2_CODES

ROOT = Path(__file__).parents[2]
TASK_IDS = [f"document-{n}.pdf" for n in range(40)]
PROGRAM = """
from tests.support.steps import STEP1_CODES, make_base, make_step
step = make_step(make_base("http://localhost", "tasks"), STEP1_CODES)
for n in range(40):
    print(step.make_value(40, _task_id=f"document-{n}.pdf"))
"""


def _values_in_a_process(hash_seed: str) -> list[str]:
    paths = os.pathsep.join([str(ROOT / "layer"), str(ROOT), *sys.path])
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": paths}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()  # noqa: S603


def test_r15_same_shard_in_every_process(new_step: Callable[..., Any]) -> None:
    here = [new_step().make_value(40, _task_id=task_id) for task_id in TASK_IDS]
    assert _values_in_a_process("1") == _values_in_a_process("2") == here
    assert len(set(here)) > 5


def test_r15_same_shard_for_ever(step1: Any) -> None:
    assert [step1.make_value(40, _task_id=f"t-{n}") for n in range(1, 5)] == [
        f"test____040____{shard}" for shard in ("003", "004", "004", "002")
    ]


@pytest.mark.parametrize(("wide", "narrow"), [("succeeded", "pending"), ("pending", "succeeded")])
def test_r15_successes_of_one_step_are_all_pending_for_the_next(
    new_step: Callable[..., Any], wide: str, narrow: str
) -> None:
    counts = {f"n_{wide}_shard": 10, f"n_{narrow}_shard": 2}
    step1 = new_step(STEP1_CODES, n_succeeded_shard=counts["n_succeeded_shard"])
    step2 = new_step(STEP2_CODES, n_pending_shard=counts["n_pending_shard"])
    for task_id in TASK_IDS[:20]:
        with step1.start(task_id, create=True):
            pass
    for task_id in TASK_IDS[20:]:
        step2.make_and_save(task_id)
    for step in (step1, step2):
        assert sorted(task.task_id for task in step.query_by_status(40, limit=None)) == sorted(TASK_IDS)


def test_r15_count_may_be_raised_at_any_time(new_step: Callable[..., Any]) -> None:
    before = new_step(n_pending_shard=2)
    for task_id in TASK_IDS[:10]:
        before.make_and_save(task_id)
    after = new_step(n_pending_shard=20)
    for task_id in TASK_IDS[10:]:
        after.make_and_save(task_id)
    assert {task.task_id for task in after.query_by_status(10, limit=None)} == set(TASK_IDS)


def test_r15_steps_of_other_use_cases_and_tables_do_not_count(new_step: Callable[..., Any]) -> None:
    step = new_step(n_pending_shard=2)
    others = [new_step(use_case_id="other", n_pending_shard=50)]
    shards = {int(step.make_value(10, _task_id=task_id)[-3:]) for task_id in TASK_IDS}
    assert shards == {1, 2}
    assert len(others) == 1
