"""docs/queue-worker.md: its figures are those of the code and of docs/scale.md."""

from __future__ import annotations

import re
from pathlib import Path

from status_tracker_cdk.worker_pace import WorkerPace, receives_to_outlast

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "queue-worker.md").read_text("utf-8")


def test_prices_are_those_of_the_page_on_scale() -> None:
    scale, dollars = (DOCS / "scale.md").read_text("utf-8"), set(re.findall(r"\$\d[\d.,]*\d", PAGE))
    assert len(dollars) >= 5
    assert [figure for figure in sorted(dollars) if figure not in scale] == []


def test_the_example_of_the_arithmetic_is_what_the_construct_computes() -> None:
    prose, receives = PAGE.replace("\n  ", " "), receives_to_outlast(5, 5)
    assert f"{receives} for 5 attempts and batches of 5" in prose
    pace = WorkerPace(seconds_per_record=5, timeout_seconds=30, batch_size=5, max_concurrency=5)
    assert repr(pace).removesuffix(", memory_mb=512, alarm_age_minutes=60)") in PAGE
    assert f"{receives} times the visibility timeout of three minutes, two and a half hours" in prose
    assert (pace.visibility_seconds, round(receives * pace.visibility_seconds / 1800) / 2) == (180, 2.5)
