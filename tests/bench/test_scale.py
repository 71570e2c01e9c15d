"""Shard counts that are enough and not too many; and `docs/scale.md`, which shows what is computed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import status_tracker as st
from bench import scale_costs as costs
from bench.scale_sim import (
    ACCEPTED_SHARE,
    BURSTS,
    PATTERNS,
    STATUSES,
    STEADY,
    Load,
    Pattern,
    Traffic,
    proposal,
    simulate,
    simulated,
)
from bench.scale_tables import filled, tables
from status_tracker.scale import propose_shards
from tests.support.clock import Clock
from tests.support.engines import Engine
from tests.support.steps import STEP1_CODES, STEP2_CODES, make_base, make_step
from tests.support.wire import Wire

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "scale.md").read_text("utf-8")
INDEX = "status_and_update_time-index"


def test_proposed_counts_are_arguments_of_the_config() -> None:
    config = st.TrackerConfig.make("billing", 10, 20, 30, 40, 50, **propose_shards(1_000, headroom=1))
    assert dict(config.status_shards) == {10: 3, 20: 3, 30: 3, 40: 2, 50: 2}


@pytest.mark.parametrize("rate", [0.001, 1, 225])
def test_one_shard_is_proposed_where_one_is_enough(rate: float) -> None:
    assert set(propose_shards(rate).values()) == {1}


def test_proposed_counts_grow_with_the_rate_and_the_headroom() -> None:
    by_rate = [propose_shards(rate) for rate in range(1, 20_000, 97)]
    by_headroom = [propose_shards(1_000, headroom=1 + step / 10) for step in range(100)]
    for fewer, more in [*pairwise(by_rate), *pairwise(by_headroom)]:
        assert fewer["n_pending_shard"] <= more["n_pending_shard"]
        assert fewer["n_succeeded_shard"] <= more["n_succeeded_shard"]
    assert propose_shards(1_000, headroom=4) == propose_shards(4_000, headroom=1)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
@pytest.mark.parametrize("rate", [200, 450, 1_000, 2_000])
def test_proposed_counts_are_enough_in_the_simulation(rate: int, pattern: Pattern) -> None:
    traffic = simulate(rate, pattern)
    for status, shards in proposal(rate, pattern).items():
        assert traffic.load(shards, [status]).throttled < ACCEPTED_SHARE
        assert traffic.needed(status) <= shards


@pytest.mark.parametrize("pattern", [STEADY, BURSTS], ids=lambda pattern: pattern.name)
@pytest.mark.parametrize("rate", [1_000, 2_000])
def test_one_shard_less_than_proposed_is_not_enough_in_the_simulation(rate: int, pattern: Pattern) -> None:
    proposed = proposal(rate, pattern)["pending"]
    assert simulate(rate, pattern).load(proposed - 1, ["pending"]).throttled > ACCEPTED_SHARE


@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf, True, "500", None])
def test_a_rate_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=rf"tasks_per_second is {wrong!r}: give"):
        propose_shards(wrong)


@pytest.mark.parametrize("wrong", [0, 0.99, -2, math.nan, math.inf, True, "2", None])
def test_a_headroom_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=rf"headroom is {wrong!r}: give"):
        propose_shards(100, headroom=wrong)


def test_simulated_shard_takes_a_thousand_writes_a_second() -> None:
    keys = [f"scale____{number}" for number in range(1_500)]
    traffic = Traffic(keys, {"pending": [(7, task) for task in range(1_500)]})
    assert traffic.load(1, ["pending"]) == Load(500 / 1_500, 1_500)
    assert traffic.load(2, ["pending"]).throttled == 0
    assert traffic.needed("pending") == 2
    spread_out = Traffic(keys, {"pending": [(task % 2, task) for task in range(1_500)]})
    assert spread_out.load(1, ["pending"]) == Load(0, 750)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_simulated_tasks_are_put_into_each_status_and_removed_again(pattern: Pattern) -> None:
    traffic = simulate(100, pattern)
    tasks = len(traffic.keys)
    written = {status: len(traffic.writes[status]) for status in STATUSES}
    assert tasks == pytest.approx(100 * 12, rel=0.1)
    assert written["pending"] == 2 * tasks
    assert written["succeeded"] == tasks
    assert 0 < written["failed"] < tasks
    assert written["in_progress"] == 2 * tasks + written["failed"]


def test_simulation_is_the_same_for_a_seed() -> None:
    assert simulate(50, BURSTS, seed=3) == simulate(50, BURSTS, seed=3)
    assert simulate(50, BURSTS, seed=3) != simulate(50, BURSTS, seed=4)


def test_document_has_the_tables_as_they_are_computed() -> None:
    assert filled(DOCUMENT, tables()) == DOCUMENT


def test_document_has_the_simulation_as_it_runs() -> None:
    told = simulated([10, 1_000]).splitlines()
    assert len(told) == 2 + 2 * len(PATTERNS)
    assert [line for line in told if line not in DOCUMENT] == []


@pytest.mark.parametrize("document", ["no marks", "<!-- lives -->\n", "<!-- lives -->\n<!-- / -->\n" * 2])
def test_document_without_one_place_for_a_table_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match="marks of the table 'lives'"):
        filled(document, {"lives": "| a |\n"})


def test_table_takes_the_place_of_the_former_one() -> None:
    document = "a\n<!-- one -->\nold\n<!-- / -->\nb\n<!-- two -->\nkept\n<!-- / -->\n"
    assert filled(document, {"one": "new\n"}) == document.replace("old", "new")


def test_example_of_the_document_runs() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"st": st}
    exec(example, names)  # noqa: S102  # our own documentation
    assert names["config"].n_pending_shard == 3


def test_prices_add_up() -> None:
    assert costs.dollars({"DynamoDB write units": 14}) == pytest.approx(8.75)
    assert costs.dollars({"Step Functions transitions": 3, "SQS requests": 1.2}) == pytest.approx(75.48)
    assert costs.dollars(costs.SHAPES["SQS workers"]) < costs.dollars(costs.SHAPES["Distributed Map"])
    assert costs.dollars(costs.SHAPES["Distributed Map"]) < costs.dollars(costs.SHAPES["workflow"])


def test_figures_in_the_text_are_those_of_the_tables() -> None:
    application = costs.LIVES["the application: create, two steps"]
    assert (application.units, application.requests) == (14, 5)  # 14 + 5 * 2 = 24
    assert round(costs.LIMITS[0].reached_at) == 200
    assert math.floor(1_000_000 / 200 / 60) == 83
    month = costs.listing(10**9)[1] * costs.PRICES["DynamoDB read units"] / costs.MILLION * 12 * 24 * 30
    assert round(month, -3) == 66_000
    stored = (costs.ITEM_BYTES + costs.INDEX_ENTRY_BYTES) / 1_000 * costs.STORED_GB_MONTH
    assert round(costs.dollars({"DynamoDB write units": application.units}) / stored) == 13
    one_shard = max(rate for rate in range(1, 1_000) if propose_shards(rate)["n_pending_shard"] == 1)
    assert f"One shard for each status does up to {one_shard} tasks a second" in DOCUMENT


def test_settings_that_are_computed_with_are_those_of_prod() -> None:
    prod = json.loads((ROOT / "cdk.json").read_text())["context"]["stages"]["prod"]
    assert (prod["step_memory_mb"] / 1024, prod["intake_memory_mb"] / 1024) == (costs.STEP_GB, costs.INTAKE_GB)
    assert (prod["intake_batch_size"], prod["intake_max_concurrency"]) == (costs.BATCH, costs.INTAKE_CONCURRENCY)
    assert f"n_pending_shard={costs.INDEX_SHARDS}," in (ROOT / "lambdas" / "documents" / "tasks.py").read_text()


def test_listing_is_counted_in_pages_and_read_units() -> None:
    pages, units = costs.listing(1_000_000)
    assert (pages, round(units)) == (477, 61_035)
    assert costs.refreshing(250) == (3, 125)


@pytest.fixture
def steps(dynamodb_local_engine: Engine) -> Iterator[tuple[Any, Any]]:
    base = make_base(dynamodb_local_engine.host, "scale")
    base.create_table(wait=True)
    clock = Clock()
    yield make_step(base, STEP1_CODES, clock), make_step(base, STEP2_CODES, clock)
    base.delete_table()
    base._get_connection().connection.client.close()


def _create_start_finish(step1: Any, _: Any) -> None:
    step1.make_and_save("t", {"page": 1})
    _finish(step1)


def _start_create_finish(step1: Any, _: Any) -> None:
    with step1.start("t", create=True) as ctx:
        ctx.set_data({"page": 2})


def _application(step1: Any, step2: Any) -> None:
    step1.get_or_create("t", data={"page": 1})
    _finish(step1)
    _finish(step2)


def _workers(step1: Any, step2: Any) -> None:
    _start_create_finish(step1, step2)
    _finish(step2)


def _finish(step: Any) -> None:
    with step.start("t") as ctx:
        ctx.set_data({"page": 2})


@pytest.mark.parametrize(
    ("name", "live"),
    [
        ("create + start + finish", _create_start_finish),
        ("start(create) + finish", _start_create_finish),
        ("the application: create, two steps", _application),
        ("SQS workers: start(create), two steps", _workers),
    ],
)
def test_lives_cost_what_the_document_says(steps: tuple[Any, Any], name: str, live: Callable[[Any, Any], None]) -> None:
    wire = Wire(steps[0]._get_connection().connection.client)
    with wire.measuring() as consumed:
        live(*steps)
    life = costs.LIVES[name]
    assert len(consumed) == life.requests
    assert sum(units["table"] for units in consumed) == life.table
    assert sum(units.get(INDEX, 0) for units in consumed) == life.index


def test_a_failed_attempt_costs_what_the_document_says(steps: tuple[Any, Any]) -> None:
    step, _ = steps
    step.make_and_save("t")
    with (
        Wire(step._get_connection().connection.client).measuring() as consumed,
        pytest.raises(OSError, match="no page"),
        step.start("t"),
    ):
        raise OSError("no page")
    life = costs.LIVES["a failed attempt more: start + failure"]
    assert len(consumed) == life.requests
    assert sum(sum(units.values()) for units in consumed) == life.units


@pytest.mark.parametrize(("id_bytes", "most"), [(200, costs.INDEX_ENTRY_BYTES), (600, 1_024)])
def test_entry_of_the_index_is_no_larger_than_computed_with(steps: tuple[Any, Any], id_bytes: int, most: int) -> None:
    step, _ = steps
    with step.start("i" * id_bytes, create=True):
        (entry,) = step._get_connection().connection.client.query(
            TableName="scale",
            IndexName=INDEX,
            KeyConditionExpression="#value = :value",
            ExpressionAttributeNames={"#value": "value"},
            ExpressionAttributeValues={":value": {"S": step.make_value(20, _task_id="i" * id_bytes)}},
        )["Items"]
    assert sum(len(name) + len(text) for name, value in entry.items() for text in value.values()) <= most
