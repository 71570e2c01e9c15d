"""What differs between the backends of a run: the tracked step, the downstream, the faults, and the end's tables."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ..journal import SkewedClock
from ..plan import Options
from .base import Backend


def backend(options: Options, directory: Path, clock: SkewedClock) -> Backend:
    """The backend of a run: a module of that name, so that each run needs no other's server or library."""
    made: Backend = import_module(f".{options.backend}", __name__).make(options, directory, clock)
    return made
