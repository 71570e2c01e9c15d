"""Compiled modules for what is deployed: Lambda mounts it read-only, and would compile it at every cold start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

from status_tracker_cdk.functions import RUNTIME

PYTHON_VERSION = RUNTIME.name.removeprefix("python")
BUNDLE_FOR = "STATUS_TRACKER_BUNDLE_FOR"
"""The variable that, as ``host``, has the layer made for this machine: the local cloud runs it here."""


def compiler() -> str | None:
    """A Python of the deployed version, whose compiled modules are those of the runtime; None where there is none."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if running == PYTHON_VERSION:
        return sys.executable
    found = shutil.which(f"python{PYTHON_VERSION}")
    return found if found is not None and _version_of(found) == PYTHON_VERSION else None


@cache
def _version_of(python: str) -> str | None:
    """The version of that Python; None where it does not run, as a shim of a version that is not installed."""
    command = [python, "-I", "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - all ours
    except OSError:
        return None
    return None if result.returncode else result.stdout.strip()


def compile_modules(folder: Path, python: str, deployed: str, *, editable: bool = False, foreign: bool = False) -> None:
    """Compile all modules; what is compiled names no place of this machine.

    Args:
        python: the interpreter that compiles; only one of its version can use what it has compiled.
        deployed: where the folder will be, which tracebacks name.
        editable: a source that is changed there is compiled anew; by default no source is looked at.
        foreign: packages of others are in it, some of which have modules for another Python, or templates of modules:
            what cannot be compiled is left as it is.

    Raises:
        RuntimeError: a module cannot be compiled.
    """
    result = subprocess.run(  # noqa: S603 - every argument is ours
        [
            *(python, "-I", "-W", "ignore", "-m", "compileall", "-q"),
            *("--invalidation-mode", "checked-hash" if editable else "unchecked-hash"),
            *("-s", str(folder), "-p", deployed, str(folder)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    if result.returncode and (result.stderr or not foreign):  # what cannot be compiled is told in the output
        raise RuntimeError(f"{python} could not compile {folder}:\n{result.stdout.strip()}{result.stderr.strip()}")


def host() -> list[str]:
    """The machine for which the layer is made; empty where that is Lambda's."""
    if os.environ.get(BUNDLE_FOR) != "host":
        return []
    return [sysconfig.get_platform(), sysconfig.get_python_version()]
