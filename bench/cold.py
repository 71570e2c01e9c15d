"""A fresh process: what it takes to import a contender and to make its first client.

``python -m bench.cold CONTENDER`` prints seconds of `cpu` and `wall`, and the resident `bytes`.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from collections import Counter
from pathlib import Path

_STATUS = Path("/proc/self/status")


def import_times(told: str) -> Counter[str]:
    """Microseconds by top-level package, of what ``python -X importtime`` has told; the standard library is one."""
    spent: Counter[str] = Counter()
    for line in told.splitlines():
        if not line.startswith("import time:") or "imported package" in line:
            continue
        own, _, module = line.removeprefix("import time:").split("|")
        package = module.strip().partition(".")[0]
        spent["standard library" if package in sys.stdlib_module_names else package] += int(own)
    return spent


def _resident_bytes() -> int:
    """The most memory this process has had; `getrusage` would tell that of the process that started it, if larger."""
    if _STATUS.exists():
        peak = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    module = importlib.import_module(f"bench.contenders.{sys.argv[1]}")
    _tracker = module.Tracker("http://127.0.0.1:1", "tasks")
    cost = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    sys.stdout.write(json.dumps({**cost, "bytes": _resident_bytes()}))


if __name__ == "__main__":
    main()
