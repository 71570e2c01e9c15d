"""Measures in a fresh process, which tells what it took as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

from bench.conductor import PYTHON, ROOT, environment_of
from bench.processes import peak_bytes


def in_fresh_process(module: str, *arguments: str, contender: str = "ours") -> dict[str, float]:
    """What ``python -m module arguments`` tells, with that contender's library; of the peers' Python if it is there."""
    command = [str(PYTHON) if PYTHON.exists() else sys.executable, "-m", module, *arguments]
    ran = subprocess.run(  # noqa: S603  # made here
        command, cwd=ROOT, env=environment_of(contender), stdout=subprocess.PIPE, text=True, check=True
    )
    told: dict[str, float] = json.loads(ran.stdout)
    return told


def tell(work: Callable[[], dict[str, float]]) -> None:
    """Print what the work tells, the seconds of ``wall`` and ``cpu``, and the ``bytes`` of memory beyond the peak."""
    before, wall, cpu = peak_bytes(os.getpid()), time.perf_counter(), time.process_time()
    told = work()
    spent = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "bytes": peak_bytes(os.getpid()) - before,
    }
    sys.stdout.write(json.dumps({**told, **spent}))
