"""``python -m tests.model``: explore the quick form and the long one, and say how many states were seen."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "layer"))

from tests.model.explore import explore  # the library's folder must be known first
from tests.model.settings import long, quick


def main() -> int:
    """Explore; the exit code is 1 where a promise breaks."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description="Explore the lifecycle exhaustively.")
    parser.add_argument("--most", type=int, default=5_000_000, help="states of one setting, at most")
    parser.add_argument("--only", default="", help="only settings whose name contains this")
    given = parser.parse_args()
    states, broken = 0, 0
    for name, setting in {**quick(), **long()}.items():
        if given.only not in name:
            continue
        began = time.monotonic()
        found = explore(setting, given.most)
        states += found.states
        how = found.violation or ("complete" if found.complete else "not all was seen")
        lines = [f"{found.states:>10,}  {time.monotonic() - began:6.1f} s  {name}: {how}"]
        if found.violation:
            broken += 1
            lines += [f"{'':12}{each}" for each in found.way]
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()
    sys.stdout.write(f"{states:>10,} states, {broken} broken\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
