"""``python -m bench.scale [SIZES]``: what an operator's looks cost at a thousand tasks and at a million.

By default at 10³, 10⁵ and 10⁶ tasks. The table is printed and written to ``bench/scale.md``, with other sizes to
``.local/bench``. Filling a million takes some twelve minutes on two cores. A run that was interrupted is continued by
the next one: what was measured is not measured again, and a table of which all is known is not filled.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from functools import partial
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

from aws_lambda_powertools import Logger

from bench import scale_shop
from bench.conductor import ROOT
from bench.facts import facts
from bench.meter import dynamodb_metered
from bench.report import aligned, number
from status_tracker import get_utc_now
from status_tracker.cli import stats
from status_tracker.cli.scope import opened_scopes
from status_tracker.cli.target import Target
from status_tracker_ops.settings import SweepSettings
from status_tracker_ops.sweep.metrics import SweepReporter
from status_tracker_ops.sweep.run import Sweep
from status_tracker_ops.sweep.state import SweepState
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.links import Links
from tests.support.dynamodb_local import EngineMissingError, run_dynamodb_local

SIZES = (1_000, 100_000, 1_000_000)
DUE = 20
"""So many tasks have been left behind by their workers, where some are due."""
_LONGEST_SECONDS = 300
"""What takes longer is given up, and told as that."""
_SWEEP_SECONDS, _MONTH_SECONDS = 240, 30 * 86_400
_COLUMNS = ("what", "counts", "tasks", "requests", "units", "seconds", "CPU s", "peak MB", "found")
_LEFT = frozenset({"what", "counts", "found"})
_HOW = """# Counts and sweeps, at a thousand tasks and at a million

{facts}

One run of `python -m bench.scale`, interrupted or not, each line a fresh process that does it once. The tasks have two
steps, and each status has ten shards; 2.8 % of the tasks are unfinished, and 95 % have succeeded. *kept* are the counts
that the function on the table's stream keeps; *index* is a table without them. Requests are those to DynamoDB, repeated
ones too; units are DynamoDB's capacity units. CPU is the client's own. The peak of memory is that of the whole process:
{idle} MB are there before it does anything. The seconds are DynamoDB Local's, which answers one request at a time, and
takes seconds for a page of a large table: on AWS they are others.

{table}"""

Cost: TypeAlias = tuple[str, ...]


class Measured:
    """The lines of a run as they are measured, kept in a file until the run is over.

    Args:
        path: the file; what it has of another day or of other versions is forgotten.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        told, *lines = path.read_text().splitlines() if path.exists() else ["null"]
        self._lines: list[Cost] = [tuple(json.loads(each)) for each in lines] if json.loads(told) == facts() else []
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{json.dumps(each)}\n" for each in (facts(), *self._lines)))

    def add(self, line: Cost) -> None:
        self._lines.append(line)
        with self._path.open("a") as file:
            file.write(f"{json.dumps(line)}\n")

    def get(self, what: str, counts: str, tasks: int) -> Cost | None:
        """The line that begins like that, if there is one."""
        return next((each for each in self._lines if each[:3] == (what, counts, number(tasks))), None)

    def forget(self) -> None:
        self._path.unlink()


class Metering:
    """What one look costs: its figures as the cells of the table."""

    cells: Cost = ()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Everything in the block is measured."""
        client = scale_shop.Extract._get_connection().connection.client
        with dynamodb_metered(client) as meter, redirect_stdout(StringIO()):
            began, cpu = time.perf_counter(), time.process_time()
            try:
                yield
            finally:
                seconds, spent = time.perf_counter() - began, time.process_time() - cpu
                units = number(sum(meter.units.values()))
                self.cells = (number(sum(meter.requests.values())), units, f"{seconds:.2f}", f"{spent:.2f}")


Look: TypeAlias = Callable[[Metering], str]


def see_stats(metered: Metering) -> str:
    """`status-tracker stats`."""
    with opened_scopes(Target("bench.scale_shop:PIPELINE")) as scopes, metered():
        stats.stats(scopes, json=False)
    return ""


def see_overview(metered: Metering) -> str:
    """The widget's first page."""
    # Not with the others: as it is imported, its logger takes the service from the environment, as in a function.
    from status_tracker_ops.widget.console import show  # noqa: PLC0415

    arn = "arn:aws:lambda:us-east-1:123456789012:function:widget"
    widget = DeployedWidget(scale_shop.PIPELINE, arn, arn, arn, Links(arn, ()))
    with metered():
        page = show(widget, {"view": "overview"})
    return "" if "Tasks by status" in page else "no overview"


class _Report(SweepReporter):
    """Remembers what the table has to say."""

    def __init__(self) -> None:
        super().__init__(Logger(service="bench", stream=StringIO()), "scale")
        self.restarted = 0
        self.left_out = ""

    def swept(self, step: str, swept: Any) -> None:
        super().swept(step, swept)
        self.restarted += len(swept.restarted)

    def not_counted(self) -> None:
        self.left_out = ", not all counted"


def sweep(metered: Metering, *, due: int) -> str:
    """One deployed sweep, as every five minutes, with so many tasks to restart."""
    scale_shop.add_due(due)
    settings = SweepSettings(
        sweep_max_restarts=2_000,
        sweep_max_examined=10_000,
        sweep_pending_after_seconds=_MONTH_SECONDS,
        sweep_max_objects=1,
        sweep_unregistered_after_seconds=1,
        status_tracker_counts="1",
    )
    now, began, report = get_utc_now(), time.monotonic(), _Report()
    state = SweepState(counted_to=now - timedelta(minutes=5), ended={}, recount_after=now + timedelta(hours=1))
    with metered():
        Sweep(
            scale_shop.PIPELINE, settings, report, lambda: (time.monotonic() - began) / _SWEEP_SECONDS, lambda _: None
        ).run(state)
    scale_shop.remove_due(due)
    return f"{report.restarted} restarted{report.left_out}"


def count_by_status(metered: Metering) -> str:
    """All tasks of both steps, by the index."""
    counted: dict[int, int] = {}
    with metered():
        for step in scale_shop.PIPELINE:
            counted |= step.task_class.count_by_status()
    return f"{sum(counted.values()):,} counted"


_LOOKS: dict[str, Look] = {
    "status-tracker stats": see_stats,
    "widget's overview": see_overview,
    "sweep, none due": partial(sweep, due=0),
    f"sweep, {DUE} due": partial(sweep, due=DUE),
}


def measured(what: str) -> Cost:
    """The cells of one look, in this process."""
    metered = Metering()
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(_LONGEST_SECONDS)
    look = count_by_status if what == "count_by_status" else _LOOKS[what]
    try:
        found = look(metered)
    except Exception as error:  # noqa: BLE001  # that it fails is what is to be told
        found = f"fails: {error!r}"[:90]
    return (*metered.cells, number(round(peak())), found)


def _give_up(*_: object) -> None:
    raise TimeoutError(f"not done after {_LONGEST_SECONDS} seconds")


def peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rows(address: str, tasks: int, measured_before: Measured) -> Iterator[Cost]:
    """The lines of the table for a table of so many tasks, which is filled if one of them is to be measured."""
    os.environ |= {scale_shop.TABLE: f"scale-{tasks}", scale_shop.ADDRESS: address}
    written: Any = None
    for counts, prepare, looks in (
        ("kept", scale_shop.keep_counts, list(_LOOKS)),
        ("index", scale_shop.forget_counts, [*_LOOKS, "count_by_status"]),
    ):
        lines = {what: measured_before.get(what, counts, tasks) for what in looks}
        if None in lines.values():
            if written is None:
                _say(f"{tasks:,} tasks are written")
                written = _apart(scale_shop.fill, tasks)
            _apart(prepare, written)
        for what, line in lines.items():
            yield line or _measured_anew(what, counts, tasks, measured_before)


def _measured_anew(what: str, counts: str, tasks: int, kept: Measured) -> Cost:
    _say(f"{tasks:,} tasks, {counts}: {what}")
    _apart(scale_shop.settle)
    row = (what, counts, number(tasks), *_apart(measured, what))
    _say(" | ".join(row))
    kept.add(row)
    return row


def _apart(do: Callable[..., Any], *arguments: Any) -> Any:
    """What it returns, from a fresh process that knows the table."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(do, *arguments).result()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES), help="how many tasks")
    sizes = parser.parse_args(given).sizes
    os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "StatusTracker"
    kept = Measured(ROOT / ".local" / "bench" / "scale.jsonl")
    try:
        with run_dynamodb_local() as port:
            lines = [row for tasks in sizes for row in rows(f"http://127.0.0.1:{port}", tasks, kept)]
    except EngineMissingError as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    table = aligned(_COLUMNS, lines, _LEFT)
    sys.stdout.write(table)
    folder = ROOT / "bench" if tuple(sizes) == SIZES else ROOT / ".local" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scale.md").write_text(_HOW.format(facts=facts(), idle=number(round(_apart(peak))), table=table))
    kept.forget()
    return 0


if __name__ == "__main__":
    sys.exit(main())
