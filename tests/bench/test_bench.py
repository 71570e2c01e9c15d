"""The benchmark: its arithmetic, its table and plot, and the costs that `docs/lifecycle.md` and the README promise."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import items, on_loop, scale, threads
from bench.base import UnknownRevisionError, check_out, with_before
from bench.cold import import_times
from bench.conductor import BASE, Sample, Worker, environment_of, interleaved, module_of
from bench.contender import load
from bench.meter import Meter
from bench.pipeline import Journey
from bench.plot import Chart, figure
from bench.processes import cpu_seconds, cpu_seconds_with_children, parent_of, peak_bytes
from bench.report import COLUMNS, Row, markdown, number
from bench.sections import QUICK, Costs
from bench.stats import Spread, ratio, spread
from bench.worker import Order, WrongResultError
from tests.support.engines import Engine

# The requests of one task, and its capacity units of the table and the index.
BOUNDS = {
    "create_start_finish": (3, 8),
    "start_create_finish": (2, 5),
    "refused": (1, 0),
    "takeover": (2, 3),
}
BEYOND_THE_BATCHES = 15


def test_what_was_before_is_measured_beside_what_is() -> None:
    assert with_before(("boto3_floor", "ours"), before=False) == ("boto3_floor", "ours")
    assert with_before(("boto3_floor", "ours"), before=True) == ("boto3_floor", "ours", "ours_before")
    assert module_of("ours_before") == module_of("ours") == "ours"
    assert str(BASE / "layer") in environment_of("ours_before")["PYTHONPATH"]
    assert str(BASE / "layer") not in environment_of("ours")["PYTHONPATH"]


def test_a_revision_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnknownRevisionError, match="BASE=no-such-revision"):
        check_out("no-such-revision")


def test_the_parts_of_a_journey_are_all_of_it() -> None:
    journey = Journey(uploaded=1, registered=3, started=4, ended=11, states={"Extract": (4, 7), "Answer": (7.5, 10)})
    *parts, (_, together) = journey.parts()
    assert sum(spent for _, spent in parts) == together == 10
    assert dict(parts)["between the states"] == 1.5


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells of its processes in /proc")
def test_what_a_process_used() -> None:
    assert parent_of(os.getpid()) == os.getppid()
    assert 0 < cpu_seconds(os.getpid()) <= time.process_time() + 1
    assert cpu_seconds_with_children(os.getppid()) > cpu_seconds(os.getpid())
    assert peak_bytes(os.getpid()) > 1e6


def test_a_run_that_was_interrupted_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bench" / "scale.jsonl"
    scale.Measured(path).add(("stats", "kept", "1,000", "2"))
    continued = scale.Measured(path)
    assert continued.get("stats", "kept", 1_000) == ("stats", "kept", "1,000", "2")
    assert continued.get("stats", "index", 1_000) is None
    monkeypatch.setattr(scale, "facts", lambda: "other versions")
    other = scale.Measured(path)
    assert other.get("stats", "kept", 1_000) is None
    other.forget()
    assert not path.exists()


def test_spread_is_the_median_between_the_quartiles() -> None:
    assert spread([4, 1, 3, 2, 5]) == Spread(3, 2, 4)
    assert spread([7]) == Spread(7, 7, 7)
    with pytest.raises(ValueError, match="nothing"):
        spread([])


def test_ratio_is_taken_within_a_round() -> None:
    assert ratio([2, 20, 200], [1, 10, 100]) == Spread(2, 2, 2)
    assert ratio([30], [10, 1_000]) == Spread(3, 3, 3)


@pytest.mark.parametrize(
    ("value", "told"), [(3, "3"), (0.5, "0.50"), (12.34, "12.3"), (123.4, "123"), (10_010, "10,010")]
)
def test_number_has_the_digits_that_matter(value: float, told: str) -> None:
    assert number(value) == told


def test_table_has_a_cell_for_each_column_and_leaves_what_was_not_measured_empty() -> None:
    same = Spread(1, 0.9, 1.1)
    full = Row(
        "a life", "ours", {"UpdateItem": 2}, {"table": 2, "index": 3}, Spread(0.004, 0, 1), same, same, same, "x"
    )
    lines = markdown([full, Row("a life", "another")]).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == list(COLUMNS)
    assert cells[2] == [
        "a life",
        "ours",
        "2",
        "2 table + 3 index",
        "4",
        "1.00 (0.90…1.10)",
        "1,000",
        "1.00 (0.90…1.10)",
        "x",
    ]
    assert cells[3] == ["a life", "another", *[""] * 7]
    assert len({len(line) for line in lines}) == 1


def test_plot_is_well_formed_and_shows_every_line() -> None:
    lines = {"status_tracker <1>": [(200, 7), (10_000, 110)], "another & more": [(200, 205), (10_000, 10_010)]}
    drawn = ET.fromstring(figure([Chart("Listing", "tasks", "requests", lines)] * 2))  # noqa: S314  # our own
    texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Listing", "tasks", "requests", "status_tracker <1>", "another & more", "10,000"} <= set(texts)
    lines_drawn = [line.get("points", "") for line in drawn.iter("{http://www.w3.org/2000/svg}polyline")]
    assert [len(points.split()) for points in lines_drawn] == [2, 2, 2, 2]


def test_plot_has_all_points_inside_its_frame() -> None:
    drawn = ET.fromstring(figure([Chart("One point", "x", "y", {"a": [(10, 10)]})]))  # noqa: S314  # our own
    (point,) = drawn.iter("{http://www.w3.org/2000/svg}circle")
    assert 0 < float(point.get("cx", 0)) < float(drawn.get("width", 0))
    assert 0 < float(point.get("cy", 0)) < float(drawn.get("height", 0))


def test_costs_grow_with_the_number_of_tasks() -> None:
    costs = Costs({"ours": {10_000: 110, 200: 7}}, {"status_tracker": 5})
    listing, life = costs.charts()
    assert listing.lines == {"status_tracker": [(200, 7), (10_000, 110)]}
    assert life.lines["status_tracker"][-1] == (1_000_000, 5_000_000)


def test_lives_that_cost_the_same_are_one_line() -> None:
    costs = Costs()
    costs.add_lives("a life", [Row("", who, units={"table": units}) for who, units in (("a", 5), ("b", 2), ("c", 5))])
    assert costs.life == {"a life: a / c": 5, "a life: b": 2}


def test_import_times_are_summed_by_package() -> None:
    told = """
        import time: self [us] | cumulative | imported package
        import time:       100 |        100 |   botocore.session
        import time:        50 |        150 | botocore
        import time:         7 |          7 |   json.decoder
        another line
    """
    lines = "\n".join(line.strip() for line in told.splitlines())
    assert import_times(lines) == {"botocore": 150, "standard library": 7}


def test_capacity_is_told_by_table_and_index() -> None:
    meter = Meter()
    meter.add_capacity(
        {"Table": {"CapacityUnits": 1}, "GlobalSecondaryIndexes": {items.INDEX: {"CapacityUnits": 2}}},
    )
    meter.add_capacity({"Table": {"CapacityUnits": 0.5}})
    assert meter.units == {"table": 1.5, "index": 2}


class _Script(Worker):
    """A worker that answers from a list, and notes who was asked when."""

    def __init__(self, contender: str, asked: list[tuple[str, str]], *, able: bool = True) -> None:
        self.contender, self._asked, self._able = contender, asked, able

    def ask(self, order: Order) -> Sample | None:
        self._asked.append((self.contender, order.prefix))
        return Sample(1, 1, Counter(), Counter(), None) if self._able else None


def test_rounds_are_interleaved_and_each_begins_with_another_contender() -> None:
    asked: list[tuple[str, str]] = []
    running = {name: _Script(name, asked, able=name != "unable") for name in ("a", "b", "slow", "unable")}
    samples = interleaved(running, Order("list", "p"), 3, once=frozenset({"slow"}))
    assert asked[:4] == [("a", "p-0"), ("b", "p-0"), ("slow", "p-0"), ("unable", "p-0")]
    assert asked[4:] == [("b", "p-1"), ("a", "p-1"), ("a", "p-2"), ("b", "p-2")]
    assert {name: len(taken) for name, taken in samples.items()} == {"a": 3, "b": 3, "slow": 1}


@pytest.fixture(scope="module")
def ours(dynamodb_local_engine: Engine) -> Iterator[Worker]:
    worker = Worker("ours", dynamodb_local_engine.host, "bench-lives", Path(sys.executable))
    worker.ask(Order("create_table"))
    yield worker
    worker.end()


@pytest.mark.parametrize("measure", BOUNDS)
@pytest.mark.parametrize("data_bytes", [20])
def test_requests_and_units_of_a_life_are_within_the_documented_bounds(
    ours: Worker, measure: str, data_bytes: int
) -> None:
    sample = ours.ask(Order(measure, measure, QUICK.tasks, data_bytes, metered=True))
    assert sample is not None
    requests, units = BOUNDS[measure]
    assert sample.requests.total() == requests
    assert sample.units.total() <= units


@pytest.mark.parametrize("count", QUICK.lists)
def test_requests_of_a_listing_are_within_the_documented_bound(dynamodb_local_engine: Engine, count: int) -> None:
    table = f"bench-list-{count}"
    tracker = load("ours", dynamodb_local_engine.host, table)
    tracker.create_table()
    items.fill(tracker.client, table, count)  # type: ignore[attr-defined]
    with tracker.metered() as meter:
        assert tracker.list_refreshed() == count
    assert meter.requests.total() <= count / 100 + BEYOND_THE_BATCHES


def test_what_a_contender_does_not_have_is_no_figure() -> None:
    alone = Worker("botocore_alone", "http://127.0.0.1:1", "no-table", Path(sys.executable))
    try:
        assert alone.ask(Order("start_create_finish")) is None
    finally:
        alone.end()


def test_a_worker_that_fails_ends_the_run() -> None:
    unreachable = Worker("ours", "no address", "no-table", Path(sys.executable))
    with pytest.raises(WrongResultError, match="ours ended with code 1"):
        unreachable.ask(Order("create_table"))
    unreachable.end()


def test_pins_are_named_by_the_facts() -> None:
    pinned = re.findall(
        r"^([\w-]+)==", (Path(__file__).parents[2] / "bench" / "requirements.txt").read_text(), re.MULTILINE
    )
    assert {"pynamodb-mate", "aws-lambda-powertools", "sqlalchemy-mate"} <= set(pinned)


def test_tasks_at_once_are_told_with_the_pause_of_their_loop_beside_an_idle_one(dynamodb_local_engine: Engine) -> None:
    told = {row.who: row for row in on_loop.at_once(dynamodb_local_engine.host, 20)}
    assert list(told) == ["asyncio", "threads", "an idle loop"]
    assert [who for who, row in told.items() if "longest pause" in row.besides] == ["asyncio", "an idle loop"]
    assert [who for who, row in told.items() if row.cpu is not None] == ["asyncio", "threads"]


def test_tasks_of_one_process_are_measured_beside_boto3(dynamodb_local_engine: Engine) -> None:
    rows = list(threads.measure(dynamodb_local_engine.host, 3, 1, before=False, ways=("4", "on a loop")))
    assert [row[:2] for row in rows] == [
        (way, who) for way in ("4 threads", "on a loop") for who in ("boto3, by hand", "status_tracker")
    ]
    assert all(1 <= int(row[6]) <= most for row, most in zip(rows, (5, 5, 17, 17), strict=True))  # connections


def test_renewals_of_many_tasks_are_measured(dynamodb_local_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = load("ours", dynamodb_local_engine.host, "bench-heartbeats")
    tracker.create_table()
    monkeypatch.setattr(threads, "_INTERVAL_SECONDS", 0.2)
    for on_loop_too in (False, True):
        told = threads.heartbeats(tracker, [f"t-{on_loop_too}-{n}" for n in range(3)], on_loop=on_loop_too)
        assert told["beats"] >= 3
