"""Why a task failed, as people say it: without the class around it, and grouped with its like."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from status_tracker.core.history import cut, described, failure
from status_tracker.core.state import TaskState
from status_tracker.operations.filters import TaskFilter
from status_tracker.operations.reasons import LONGEST_KIND, Reason, reason_of, unwrapped
from tests.unit.steps import make_config


def failed(*errors: str, **more: Any) -> dict[str, Any]:
    return {"history": [failure(1, f"2026-01-0{nth + 1}", error, "") for nth, error in enumerate(errors)], **more}


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_the_message_is_what_was_raised(text: str) -> None:
    assert unwrapped(described(ValueError(text))) == Reason("ValueError", text)


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ("KeyError('a')", Reason("KeyError", "a")),
        ("OSError(2, 'no such file')", Reason("OSError", "2, 'no such file'")),
        ("TimeoutError()", Reason("TimeoutError", "")),
        ("not a PDF", Reason("", "not a PDF")),
        ('mod.Error("it\'s")', Reason("mod.Error", "it's")),
        (cut(described(ValueError("x" * 50)), 30), Reason("ValueError", f"{'x' * 10}…")),
    ],
)
def test_whatever_was_stored_is_read(stored: str, reason: Reason) -> None:
    assert unwrapped(stored) == reason


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("page 3 of 12", "page 41 of 60", True),
        ("job 1a2b3c4d5e is late", "job ffee0099aa is late", True),
        ("at 12:30:01", "at 07:05:59", True),
        ("no page", "no table", False),
        ("the effaced facade", "the defaced facade", False),
    ],
)
def test_reasons_are_alike_up_to_their_numbers(one: str, other: str, alike: bool) -> None:
    kinds = {Reason("ValueError", each).kind for each in (one, other)}
    assert (len(kinds) == 1) is alike
    assert Reason("KeyError", one).kind not in kinds
    assert Reason("ValueError", one).general.kind == Reason("ValueError", one).kind


def test_a_kind_is_short() -> None:
    assert len(Reason("ValueError", "x" * 10_000).kind) == LONGEST_KIND


def test_who_set_it_aside_after_the_failure_is_the_reason() -> None:
    errors = failed("ValueError('no')", actions=[{"action": "ignore", "reason": "a copy", "update_time": "2026-01-02"}])
    assert reason_of(errors) == Reason("", "ignore: a copy")
    errors["history"].append(failure(2, "2026-01-03", "KeyError('later')", ""))
    assert reason_of(errors) == Reason("KeyError", "later")
    errors["actions"].append({"action": "rerun", "reason": "again", "update_time": "2026-01-04"})
    assert reason_of(errors) == Reason("KeyError", "later")


@pytest.mark.parametrize(
    "errors", [None, {}, [], "spoilt", {"history": "x"}, {"history": ["x"]}, {"history": []}, {"actions": [5]}]
)
def test_errors_that_hold_no_reason(errors: object) -> None:
    assert reason_of(errors) is None


def test_a_filter_takes_all_tasks_of_a_kind_and_no_other() -> None:
    config = make_config()
    kind = Reason("ValueError", "page 3 is a scan").kind
    chosen = TaskFilter.from_dict({"statuses": [config.failed_status], "reason": kind})
    assert chosen.by_error
    assert chosen.to_dict()["reason"] == kind
    found = {
        error: chosen.admits("a", TaskState(status=config.failed_status, errors=failed(error)))
        for error in ("ValueError('page 17 is a scan')", "ValueError('page 17 is a scan, and 18')", "KeyError('x')")
    }
    assert list(found.values()) == [True, False, False]
