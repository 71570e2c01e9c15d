"""``python -m bench [--quick]``: measures, prints the table, and writes it with the plot of the costs.

The full form writes ``bench/results.md`` and ``bench/cost.svg``, the quick one the same into ``.local/bench``.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3

from bench import cold, items, on_loop, sql, start
from bench.base import UnknownRevisionError, check_out, with_before
from bench.conductor import BASE, ROOT
from bench.facts import facts
from bench.plot import figure
from bench.report import Row, markdown
from bench.sections import FULL, NAMES, QUICK, Costs, Plan, crowds, listings, lives
from tests.support.dynamodb_local import EngineMissingError, run_dynamodb_local

_BEFORE = " What is called before is the library of commit {base}."
_HOW = """# The library measured beside its peers

{facts}

One run of `make bench`, all contenders in turns in it. CPU is the client's own, user and system. Figures are medians,
for one task or one call, of {rounds} rounds of {tasks} tasks; listings and processes with tasks of their own
{list_rounds} rounds; first clients and first starts {cold_rounds} whole fresh processes each, three without compiled
modules, less what a process that does nothing takes. Processes after one task have warmed up, and one task costs the
CPU of all of them, and the wall until the last is answered. A ratio is to the floor of the same round: the median, and
in brackets the quartiles. The floor is boto3 doing the same requests with expressions written by hand; of fresh
processes it is botocore alone, of SQL sqlalchemy_mate. Units are DynamoDB's capacity units; of a refused write it tells
none. Requests and units are counted in a round of their own. The longest pause is how long an event loop let a task
wait, beside what an idle loop lets it wait here. A contender that has no row in a measure has no such thing.

{table}
{imports}

{layer}

![cost against number of tasks](cost.svg)
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure the library beside its peers.")
    parser.add_argument("--quick", action="store_true", help="about a minute, into .local/bench")
    parser.add_argument("--base", default="", help="a revision whose library is measured too, as before")
    asked = parser.parse_args()
    plan, folder = (QUICK, ROOT / ".local" / "bench") if asked.quick else (FULL, ROOT / "bench")
    if asked.base:
        try:
            plan, base = replace(plan, before=True), check_out(asked.base)
        except UnknownRevisionError as unknown:
            parser.error(str(unknown))
    before = _BEFORE.format(base=base) if asked.base else ""
    costs = Costs()
    try:
        rows = list(_measure(plan, costs))
    except EngineMissingError as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    table = markdown(rows)
    sys.stdout.write(table)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, plan, table, costs, before)
    return 0


def _measure(plan: Plan, costs: Costs) -> Iterator[Row]:
    with run_dynamodb_local() as port:
        address = f"http://127.0.0.1:{port}"
        yield from _told("lives", lives(address, plan, costs))
        yield from _told("listings", listings(address, plan, _filled_tables(address, plan), costs))
        yield from _told("processes", crowds(address, plan))
        yield from _told("tasks at once", on_loop.at_once(address))
        with cold.programs(address) as run:
            contenders = with_before(cold.CONTENDERS, before=plan.before)
            yield from _told("cold starts", cold.cold_starts(run, plan.cold_rounds, contenders))
            costs.imports = cold.import_breakdown(run)
    yield from _told("SQL", sql.lives(plan))
    costs.layer = start.layer_sizes()
    yield Row("the layer, unpacked", NAMES["ours"], besides=_megabytes(costs.layer))
    if plan.before:
        yield Row("the layer, unpacked", NAMES["ours_before"], besides=_megabytes(start.layer_sizes(BASE)))


def _megabytes(sizes: Counter[str]) -> str:
    return f"{sizes.total() / start.MEGABYTE:.2f} MB"


def _told(what: str, rows: Iterator[Row]) -> Iterator[Row]:
    sys.stderr.write(f"Measuring {what} …\n")
    yield from rows


def _filled_tables(address: str, plan: Plan) -> dict[int, str]:
    """A table of pending tasks for each number of tasks to list."""
    client = boto3.client("dynamodb", endpoint_url=address, region_name=items.REGION, **items.CREDENTIALS)
    tables = {count: f"list-{count}" for count in plan.lists}
    for count, table in tables.items():
        items.create_table(client, table, items.PROJECTED)
        items.fill(client, table, count)
    return tables


def _write(folder: Path, plan: Plan, table: str, costs: Costs, before: str) -> None:
    told = _HOW.format(
        facts=facts() + before,
        rounds=plan.rounds,
        tasks=plan.tasks,
        list_rounds=plan.list_rounds,
        cold_rounds=plan.cold_rounds,
        table=table,
        imports=costs.imports,
        layer=start.layer_breakdown(costs.layer),
    )
    (folder / "results.md").write_text(told)
    (folder / "cost.svg").write_text(figure(costs.charts()))


if __name__ == "__main__":
    sys.exit(main())
