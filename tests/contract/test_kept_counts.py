"""The counts that are kept with every change: what a pipeline reads of them."""

from __future__ import annotations

from typing import Any

from status_tracker.operations.counts import KeptCounts
from status_tracker.operations.pipeline import Pipeline
from status_tracker.testing import MemoryTask
from tests.support.steps import STEP1_CODES, make_step
from tests.support.wire import Wire


def put(wire: Wire, step: Any, key: str, **attributes: Any) -> None:
    wire.client.put_item(TableName=step.Meta.table_name, Item={"key": {"S": key}, **attributes})


def test_a_table_without_counts_has_none(step1: Any) -> None:
    step1.make_and_save("t-1")
    assert Pipeline({"Extract": step1}).kept_counts() is None


def test_a_backend_without_a_place_for_counts_has_none() -> None:
    step = make_step(MemoryTask, STEP1_CODES)  # type: ignore[arg-type]  # another backend
    assert Pipeline({"Extract": step}).kept_counts() is None


def test_a_count_is_the_sum_over_all_slots(step1: Any, wire: Wire) -> None:
    put(wire, step1, "____counts____test", exact={"BOOL": True}, recounted_at={"S": "2030-01-01T00:00:00+00:00"})
    put(wire, step1, "____counts____test____00", c10={"N": "7"}, c20={"N": "-2"}, changes={"N": "9"})
    put(wire, step1, "____counts____test____15", c20={"N": "3"}, changes={"N": "3"})
    put(wire, step1, "____counts____other____00", c10={"N": "100"}, changes={"N": "100"})
    counts = Pipeline({"Extract": step1}).kept_counts()
    assert isinstance(counts, KeptCounts)
    assert counts.by_code == {10: 7, 20: 1}
    assert counts.exact
    assert counts.recounted_at is not None
    assert counts.recounted_at.isoformat() == "2030-01-01T00:00:00+00:00"
    assert sum(counts.changes) == 12


def test_counts_are_not_exact_before_the_first_count(step1: Any, wire: Wire) -> None:
    put(wire, step1, "____counts____test", exact={"BOOL": False})
    counts = Pipeline({"Extract": step1}).kept_counts()
    assert counts is not None
    assert (dict(counts.by_code), counts.exact, counts.recounted_at) == ({}, False, None)
