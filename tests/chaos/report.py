"""Tells a person, and the tests, what a run did and what was wrong with it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from .checker import LOSING_THE_ANSWER, Report, check

_SHOWN_OF_A_KIND = 5


def show(report: Report) -> int:
    """Print the summary; the exit code: 0 without violations, else 1."""
    figures, seconds = report.figures, max(report.seconds, 0.001)
    lost = sum(report.faults[kind] for kind in LOSING_THE_ANSWER)
    lines = [
        f"{figures['lifecycles']:,} lifecycles in {seconds:.0f} s, {figures['lifecycles'] / seconds:.1f} a second",
        *(f"{count:,} {name}" for name, count in figures.items() if count and name not in {"lifecycles", "requests"}),
        f"{figures['requests']:,} requests, {figures['requests'] / seconds:.0f} a second",
        f"{lost:,} lost answers, {100 * lost / max(figures['requests'], 1):.2f} % of the requests",
        "faults: " + ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.faults.items())),
        f"{len(report.violations):,} violations",
    ]
    shown: Counter[str] = Counter()
    for violation in report.violations:
        shown[violation.kind] += 1
        if shown[violation.kind] <= _SHOWN_OF_A_KIND:
            lines.append(f"  {violation.kind}: {violation.task}: {violation.found}")
    lines += [f"  {kind}: {count:,} in all" for kind, count in report.kinds.items()]
    print("\n".join(lines))  # noqa: T201  # a terminal program prints
    return 1 if report.violations else 0


def save(report: Report, file: Path) -> None:
    """The report as JSON."""
    told = {
        "figures": report.figures,
        "faults": report.faults,
        "seconds": report.seconds,
        "kinds": report.kinds,
        "violations": [asdict(violation) for violation in report.violations],
    }
    file.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    sys.exit(show(check(Path(sys.argv[1]))))
