"""What moto answers is the same, however quick it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from moto.core.serialize import BaseJSONSerializer

CHECKOUT = Path(__file__).parents[2]
OURS = os.pathsep.join(str(CHECKOUT / folder) for folder in ("", "layer"))


def answers(*arguments: str) -> list[str]:
    """In a process of its own, since what makes moto quicker stays."""
    command = [sys.executable, "-m", "tests.local_cloud.moto_answers", *arguments]
    environment = {"PYTHONPATH": OURS, "AWS_DEFAULT_REGION": "us-east-1"}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)  # noqa: S603 - our own
    return said.stdout.splitlines()


def test_the_answers_are_the_same() -> None:
    as_they_are = answers()
    assert answers("quicker") == as_they_are
    assert any("ValidationException" in each for each in as_they_are)
    assert BaseJSONSerializer._serialize_type_structure.__module__.startswith("moto"), "not in this process"
