"""Prints which rules are tested on which backends, with the number of tests, and what each backend promises.

Run it as `python -m tests.contract.table`.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

NAMES = {
    "TestMemory": "memory",
    "TestDynamoDBLocal": "DynamoDB Local",
    "TestMoto": "moto",
    "TestCompat": "compat",
    "TestSQLite": "SQLite",
    "TestSQLiteWAL": "SQLite WAL",
    "TestPostgreSQL": "PostgreSQL",
    "TestMariaDB": "MariaDB",
    "TestFiles": "files",
    "TestS3": "S3",
    "TestLoadAndDump": "load/dump",
    "TestMemoryOnLoop": "memory, asyncio",
    "TestDynamoDBLocalOnLoop": "DynamoDB Local, asyncio",
    "TestSQLiteOnLoop": "SQLite, asyncio",
    "TestPostgreSQLOnLoop": "PostgreSQL, asyncio",
}


class Collector:
    """A plugin of pytest that counts the tests it collects, by rule and backend."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            suite = getattr(item, "cls", None)
            if suite is not None and suite.__name__ in NAMES:
                rule = re.match(r"test_(r\d+)_", item.name)
                self.counts[rule[1].upper() if rule else "listing", suite.__name__] += 1


def collect() -> Counter[tuple[str, str]]:
    """How many tests there are of each rule on each backend."""
    collector = Collector()
    suites = sorted(str(path) for path in Path(__file__).parent.glob("test_every_backend*.py"))
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *suites], plugins=[collector])
    if code is not pytest.ExitCode.OK:
        raise SystemExit(told.getvalue())
    return collector.counts


def table(counts: Counter[tuple[str, str]]) -> Iterable[str]:
    """The counts as a table of Markdown."""
    backends = [name for name in NAMES if any(backend == name for _, backend in counts)]
    rules = sorted({rule for rule, _ in counts}, key=lambda rule: int(rule[1:]) if rule[1:].isdigit() else 99)
    yield f"| rule | {' | '.join(NAMES[backend] for backend in backends)} |"
    yield f"| --- |{' --- |' * len(backends)}"
    for rule in rules:
        yield f"| {rule} | {' | '.join(str(counts[rule, backend]) for backend in backends)} |"
    totals = [sum(counts[rule, backend] for rule in rules) for backend in backends]
    yield f"| all | {' | '.join(map(str, totals))} |"


def promises() -> Iterable[str]:
    """What each backend promises, as a table of Markdown."""
    from tests.contract.backends.promises import PROMISES, Promise  # noqa: PLC0415  # pytest has set the path by now

    yield f"| promise | {' | '.join(NAMES[backend] for backend in PROMISES)} |"
    yield f"| --- |{' --- |' * len(PROMISES)}"
    for promise in Promise:
        kept = ["yes" if promise in of_backend else "no" for of_backend in PROMISES.values()]
        yield f"| {promise.value} | {' | '.join(kept)} |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in [*table(collect()), "", *promises()])
