"""Projects of users, outside of the checkout: their tests are run as their owners run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LAYER = Path(__file__).parents[2] / "layer"


def refused(project: Path, *command: str) -> str:
    """What the module in ``src``, given arguments, writes to standard error; it has to refuse them as argparse does."""
    settings = {"USE_CASE_ID": "orders", "TASK_TABLE_NAME": "orders", "MAX_ATTEMPTS": "3"}
    paths = os.pathsep.join((str(LAYER), str(project / "src")))
    run = subprocess.run(  # noqa: S603  # a module of the project
        [sys.executable, "-m", *command],
        env={**os.environ, **settings, "AWS_DEFAULT_REGION": "us-east-1", "PYTHONPATH": paths},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stdout) == (2, ""), run.stderr
    return run.stderr


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
