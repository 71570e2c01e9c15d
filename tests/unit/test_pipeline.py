"""A pipeline is refused where a code would not say which step a task is in."""

from __future__ import annotations

from typing import Any

import pytest

import status_tracker as st
from status_tracker.operations.pipeline import Pipeline
from status_tracker.testing import MemoryStorage, MemoryTask


def step(*codes: int, exhausted: int | None = None) -> type[MemoryTask]:
    config = st.TrackerConfig.make("orders", *codes, exhausted_status=exhausted)
    return type("Step", (MemoryTask,), {"config": config})


PRINT = step(10, 20, 30, 40, 50)
SEND = step(40, 70, 80, 90, 100)
BILL = step(90, 120, 130, 140, 150)


def test_a_step_may_begin_where_the_one_before_succeeded_or_at_a_code_of_its_own() -> None:
    assert len(list(Pipeline({"Print": PRINT, "Send": SEND, "Bill": BILL}))) == 3
    assert len(list(Pipeline({"Print": PRINT, "Bill": BILL}))) == 2


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ({"Print": PRINT, "Send": step(40, 50, 80, 90, 100)}, "50 is ignored of Print and in_progress of Send"),
        ({"Print": PRINT, "Send": step(50, 70, 80, 90, 100)}, "50 is ignored of Print and pending of Send"),
        ({"Print": PRINT, "Send": step(60, 70, 80, 40, 100)}, "40 is succeeded of Print and succeeded of Send"),
        (
            {"Print": PRINT, "Send": step(40, 70, 80, 90, 100, exhausted=20)},
            "20 is in_progress of Print and exhausted of Send",
        ),
        (
            {"Print": PRINT, "Send": SEND, "Bill": step(90, 120, 130, 140, 30)},
            "30 is failed of Print and ignored of Bill",
        ),
        (
            {"Print": PRINT, "Send": SEND, "Bill": step(40, 120, 130, 140, 150)},
            "40 is succeeded of Print and pending of Bill",
        ),
        ({"Print": PRINT, "Again": PRINT}, "10 is pending of Print and pending of Again"),
    ],
)
def test_steps_that_share_other_codes_are_refused(steps: dict[str, Any], found: str) -> None:
    with pytest.raises(ValueError, match=rf"share codes: .*{found}.*Only the succeeded of a step"):
        Pipeline(steps)


def test_r20_a_pause_of_tasks_that_are_elsewhere_now_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests give each case a storage of its own, and keep the pipeline."""
    pipeline = Pipeline({"Print": PRINT})
    monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())
    pipeline.pause(reason="out of ink")
    monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())
    assert pipeline.pauses() == []
