"""Projects of users, outside of the checkout: their tests are run as their owners run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LAYER = Path(__file__).parents[2] / "layer"


def run_pytest(project: Path, *arguments: str) -> str:
    """What pytest prints in that project; its tests have to pass."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTEST_"))}
    run = subprocess.run(  # noqa: S603  # pytest itself
        [sys.executable, "-m", "pytest", "-p", "status_tracker_pytest", "-p", "no:cacheprovider", *arguments],
        cwd=project,
        env={**inherited, "PYTHONPATH": str(LAYER)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout
