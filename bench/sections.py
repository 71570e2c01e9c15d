"""What is measured on DynamoDB, section by section; each gives the rows of its table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.base import with_before
from bench.conductor import Sample, Worker, interleaved, together, turned, workers
from bench.plot import Chart
from bench.report import Row, number
from bench.stats import ratio, spread
from bench.worker import Order, WrongResultError

FLOOR = "boto3_floor"
NAMES = {
    FLOOR: "boto3, by hand",
    "ours": "status_tracker",
    "ours_before": "status_tracker before",
    "pynamodb_raw": "PynamoDB, by hand",
    "pynamodb_mate": "pynamodb_mate 6.0",
    "powertools": "Powertools idempotency",
    "botocore_alone": "botocore alone",
    "ours_sql": "status_tracker.sql",
    "ours_sql_before": "status_tracker.sql before",
    "sqlalchemy_mate": "sqlalchemy_mate 2.0",
}
LIVES = {
    "create_start_finish": "create + start + finish",
    "start_create_finish": "start(create) + finish",
    "refused": "refused start",
    "takeover": "takeover of a stuck task",
}
_CONTENDERS = (FLOOR, "ours", "pynamodb_raw", "pynamodb_mate", "powertools")
_LISTING = (FLOOR, "ours", "pynamodb_raw", "pynamodb_mate")
_CROWD = (FLOOR, "ours", "pynamodb_mate", "powertools")
_SLOW = frozenset({"pynamodb_mate"})
_LARGE, _SMALL = 3_000, 20
_CONTENDING = 8
_NUMBERS = (100, 1_000, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds, tasks: of a lifecycle: how many rounds, and tasks in each.
        large: measure large data too.
        lists: how many tasks are listed.
        list_rounds: how often; who reads task by task does it once.
        processes: how many work at once.
        cold_rounds: fresh processes of each contender.
        before: measure what ours was before too.
    """

    rounds: int
    tasks: int
    large: tuple[str, ...]
    lists: tuple[int, ...]
    list_rounds: int
    processes: tuple[int, ...]
    cold_rounds: int
    before: bool = False


QUICK = Plan(5, 15, ("create_start_finish",), (200, 2_000), 3, (1, 4), 3)
FULL = Plan(11, 25, tuple(LIVES), (200, 2_000, 10_000), 3, (1, 4, 8), 9)


@dataclass
class Costs:
    """What is told beside the table.

    Attributes:
        listing: the requests of a listing, by contender and number of tasks.
        life: the capacity units of one task's life.
        layer: the bytes of the layer, by package.
        imports: where the time of the library's imports goes.
    """

    listing: dict[str, dict[int, float]] = field(default_factory=dict)
    life: dict[str, float] = field(default_factory=dict)
    layer: Counter[str] = field(default_factory=Counter)
    imports: str = ""

    def add_lives(self, what: str, rows: Sequence[Row]) -> None:
        """Those that cost the same are one line."""
        costs = {row.who: sum(row.units.values()) for row in rows}
        for units in dict.fromkeys(costs.values()):
            self.life[f"{what}: {' / '.join(who for who in costs if costs[who] == units)}"] = units

    def charts(self) -> list[Chart]:
        listing = {NAMES[name]: sorted(points.items()) for name, points in self.listing.items()}
        totals = {name: [(count, units * count) for count in _NUMBERS] for name, units in self.life.items()}
        return [
            Chart("Listing tasks, each read whole", "tasks", "requests", listing),
            Chart("Lives of tasks", "tasks", "capacity units", totals),
        ]


def rows_of(
    what: str, samples: Mapping[str, Sequence[Sample]], floor: str, metered: Mapping[str, Sample]
) -> Iterator[Row]:
    """A row for each contender."""
    for name, taken in samples.items():
        cpu, wall = [each.cpu for each in taken], [each.wall for each in taken]
        yield Row(
            what,
            NAMES[name],
            metered[name].requests if name in metered else {},
            metered[name].units if name in metered else {},
            spread(cpu),
            ratio(cpu, [each.cpu for each in samples[floor]]) if floor in samples else None,
            spread(wall),
            ratio(wall, [each.wall for each in samples[floor]]) if floor in samples else None,
        )


def measured(running: Mapping[str, Worker], order: Order, rounds: int, what: str, floor: str) -> list[Row]:
    """One measure: first a metered round that also warms everything up, then those that count."""
    metered = interleaved(running, replace(order, prefix=f"{order.prefix}-metered", metered=True), 1)
    samples = interleaved({name: running[name] for name in metered}, order, rounds)
    return list(rows_of(what, samples, floor, {name: first for name, (first,) in metered.items()}))


def lives(address: str, plan: Plan, costs: Costs) -> Iterator[Row]:
    """The ways of a single task, with little data and with much."""
    contenders = with_before(_CONTENDERS, before=plan.before)
    tables = {name: f"lives-{name}" for name in contenders}
    with workers(contenders, address, tables) as running:
        for worker in running.values():
            worker.ask(Order("create_table"))
        for data_bytes in (_SMALL, _LARGE):
            for measure, what in LIVES.items():
                if data_bytes == _LARGE and measure not in plan.large:
                    continue
                order = Order(measure, f"{measure}-{data_bytes}", plan.tasks, data_bytes)
                rows = measured(running, order, plan.rounds, f"{what}, {number(data_bytes)} B", FLOOR)
                yield from rows
                if measure.endswith("finish") and data_bytes == _SMALL:
                    costs.add_lives(what, rows)


def listings(address: str, plan: Plan, tables: Mapping[int, str], costs: Costs) -> Iterator[Row]:
    """All pending tasks of a table read whole, and counted."""
    contenders = with_before(_LISTING, before=plan.before)
    for count, table in tables.items():
        with workers(contenders, address, dict.fromkeys(contenders, table)) as running:
            fast = {name: worker for name, worker in running.items() if name not in _SLOW}
            metered = interleaved(running, Order("list", metered=True), 1)
            timed = interleaved(fast, Order("list"), plan.list_rounds)
            timed |= {name: metered[name] for name in _SLOW}
            _check(count, [*timed.values(), *metered.values()])
            yield from rows_of(f"list {number(count)} tasks whole", timed, FLOOR, _firsts(metered))
            for name, (first,) in metered.items():
                costs.listing.setdefault(name, {})[count] = sum(first.requests.values())
            if count == max(tables):
                yield from measured(running, Order("count"), plan.list_rounds, f"count {number(count)} tasks", FLOOR)


def crowds(address: str, plan: Plan) -> Iterator[Row]:
    """Many processes, each with tasks of its own; and all after the same tasks."""
    most = max(*plan.processes, _CONTENDING)
    contenders = with_before(_CROWD, before=plan.before)
    tables = {name: f"crowd-{name}" for name in contenders}
    teams = {name: [Worker(name, address, tables[name]) for _ in range(most)] for name in contenders}
    try:
        for team in teams.values():
            team[0].ask(Order("create_table"))
        for size in plan.processes:
            yield from _side_by_side(teams, plan, size)
        yield from _contention(teams, plan)
    finally:
        for team in teams.values():
            for worker in team:
                worker.end()


def _side_by_side(teams: Mapping[str, Sequence[Worker]], plan: Plan, size: int) -> Iterator[Row]:
    samples: dict[str, list[Sample]] = {name: [] for name in teams}
    for turn in range(-1, plan.list_rounds):  # the first one warms up
        for name in turned(list(teams), turn):
            orders = [Order(_life(name), f"{size}-{turn}-{member}", plan.tasks) for member in range(size)]
            sample = together(teams[name][:size], orders)
            if turn >= 0:
                samples[name].append(sample)
    what = f"{size} process{'es' if size > 1 else ''} with tasks of their own"
    for name, row in zip(samples, rows_of(what, samples, FLOOR, {}), strict=True):
        rate = spread([1 / sample.wall for sample in samples[name]]).median
        yield replace(row, besides=f"{number(rate)} a second: {LIVES[_life(name)]}")


def _life(contender: str) -> str:
    return "start_create_finish" if contender == "powertools" else "create_start_finish"


def _contention(teams: Mapping[str, Sequence[Worker]], plan: Plan) -> Iterator[Row]:
    """As `measured`: what eight starts of one task cost together, until the last is answered."""
    (metered,) = _contended(teams, plan, range(-1, 0), metered=True)
    rounds = list(_contended(teams, plan, range(plan.rounds)))
    samples = {name: [each[name] for each in rounds] for name in teams}
    for row in rows_of(f"{_CONTENDING} processes after one task", samples, FLOOR, metered):
        yield replace(row, units=Counter(), besides="one winner each")


def _contended(
    teams: Mapping[str, Sequence[Worker]], plan: Plan, rounds: Iterable[int], *, metered: bool = False
) -> Iterator[dict[str, Sample]]:
    for turn in rounds:
        samples = {}
        for name in turned(list(teams), turn):
            order = Order("contend", f"contended-{turn}", plan.tasks, metered=metered)
            teams[name][0].ask(replace(order, measure="make"))
            sample = together(teams[name][:_CONTENDING], [order] * _CONTENDING)
            if sample.result != plan.tasks:
                raise WrongResultError(
                    f"{NAMES[name]}: {sample.result} starts of {plan.tasks} contended tasks went through"
                )
            samples[name] = replace(sample, wall=sample.wall * _CONTENDING, cpu=sample.cpu * _CONTENDING)
        yield samples


def _check(count: int, samples: Sequence[Sequence[Sample]]) -> None:
    wrong = {sample.result for taken in samples for sample in taken} - {count}
    if wrong:
        raise WrongResultError(f"Of {count} tasks, {sorted(map(str, wrong))} were listed.")


def _firsts(samples: Mapping[str, Sequence[Sample]]) -> dict[str, Sample]:
    return {name: taken[0] for name, taken in samples.items()}
