"""Projects of users, outside of the checkout: their tests are run as their owners run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
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
    command = ["-m", "pytest", "-p", "status_tracker_pytest", "-p", "no:cacheprovider", *arguments]
    return run_python(command, environment=inherited, folder=project)


def run_python(command: Sequence[str], *, environment: Mapping[str, str], folder: Path | None = None) -> str:
    """What Python prints with these arguments and the library on its path; it has to succeed."""
    run = subprocess.run(  # noqa: S603  # Python, with arguments of ours
        [sys.executable, *command],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(LAYER)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout
