"""``python -m tests.chaos.counts``: kills the function on the table's stream, then checks; exit code 0 or 1."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "layer"))

from tests.chaos.counts.chaos import Options, run  # the library's folder must be known first
from tests.chaos.counts.variants import VARIANTS
from tests.support.dynamodb_local import run_dynamodb_local


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos.counts", description=__doc__)
    parser.add_argument("--changes", type=int, default=10_000, help="of tasks' statuses")
    parser.add_argument("--kills", type=int, default=200, help="of the function's process, by SIGKILL")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--variant", choices=sorted(VARIANTS), help="a broken function")
    parser.add_argument("--endpoint", help="of a DynamoDB Local that runs already")
    given = parser.parse_args()
    with ExitStack() as stack:
        endpoint = given.endpoint or f"http://127.0.0.1:{stack.enter_context(run_dynamodb_local())}"
        result = run(Options(given.changes, given.kills, given.seed, given.variant, endpoint))
    print(json.dumps({"violations": result.violations, "figures": result.figures}, indent=1))  # noqa: T201  # a terminal program prints
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
