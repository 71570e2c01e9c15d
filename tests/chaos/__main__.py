"""``python -m tests.chaos``: many lifecycles under kills and faults, then a checker; exit code 0 or 1."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "layer"))

from tests.chaos import checker, plan, report, supervisor  # the library's folder must be known first


def main() -> int:
    options = plan.parse()
    directory = Path(options.directory or tempfile.mkdtemp(prefix="chaos-"))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "options.json").write_text(json.dumps(asdict(options)))
    supervisor.run(options, directory)
    result = checker.check(directory)
    report.save(result, directory / "report.json")
    code = report.show(result)
    if code or options.directory:
        print(f"logs and tables: {directory}")  # noqa: T201  # a terminal program prints
    else:
        shutil.rmtree(directory)
    return code


if __name__ == "__main__":
    sys.exit(main())
