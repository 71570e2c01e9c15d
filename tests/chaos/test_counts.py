"""The chaos of the counts: the honest function comes through without a violation, and each broken one is caught."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.counts.variants import VARIANTS
from tests.support.engines import Engine

ROOT = Path(__file__).parents[2]


def chaos(engine: Engine, **options: object) -> tuple[int, dict[str, Any]]:
    """Run it; the exit code and what was found."""
    arguments = [f"--{name}={value}" for name, value in options.items()]
    done = subprocess.run(  # noqa: S603  # the command is made here
        [sys.executable, "-m", "tests.chaos.counts", f"--endpoint={engine.host}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("changes", "kills"), [(1000, 30), pytest.param(10_000, 200, marks=pytest.mark.matrix)])
def test_each_change_is_counted_once_and_told(dynamodb_local_engine: Engine, changes: int, kills: int) -> None:
    code, found = chaos(dynamodb_local_engine, changes=changes, kills=kills)
    assert (code, found["violations"]) == (0, [])
    figures = found["figures"]
    assert figures["changes"] >= 0.95 * changes
    assert figures["kills"] >= 0.8 * kills
    assert figures["batches given twice at once"] >= 1
    assert figures["batches repeated"] >= 1
    assert figures["events told again"] >= 1


SEEDS = (3, 4, 5, 6)
SOON_CAUGHT = ("place_after_counts", "place_unconditional", "events_after_counts", "ends_from_differences")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "variant", [each if each in SOON_CAUGHT else pytest.param(each, marks=pytest.mark.matrix) for each in VARIANTS]
)
def test_a_broken_function_is_caught(dynamodb_local_engine: Engine, variant: str) -> None:
    changes, kills = (600, 40) if variant in SOON_CAUGHT else (1500, 60)
    runs = (
        chaos(dynamodb_local_engine, changes=changes, kills=kills, seed=seed, variant=variant)
        for seed in SEEDS  # some show only where two are given the same batch at the right moments
    )
    assert any(code == 1 and found["violations"] for code, found in runs)
