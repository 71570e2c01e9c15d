"""`status-tracker`: look at tasks and operate on them, from a terminal or a script. Needs typer and rich."""

from __future__ import annotations

import gc
import os
import sys
from typing import TextIO

_NEEDED = {"typer", "rich", "click"}
_CANNOT_BE_USED = 2


def main() -> None:
    """Run the command of the arguments, and exit with its code."""
    gc.disable()  # imports make hundreds of thousands of objects and no garbage; the command enables it again
    try:
        import rich  # noqa: F401, PLC0415  # what it needs may be missing

        from .app import app, only  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _NEEDED:
            raise
        sys.stderr.write(f"status-tracker needs {error.name}: pip install 'status-tracker[cli]'\n")
        sys.exit(_CANNOT_BE_USED)
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: PTH123, SIM115  # `<&-` has closed it: nobody answers
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
    only(sys.argv[1:2])
    app(prog_name="status-tracker")


def _nowhere() -> TextIO:
    """Takes what is written to an output that `>&-` has closed."""
    return os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
