"""Section 4: a `ttl` never deletes what waits for another step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.support.steps import STEP1_CODES, STEP2_CODES, make_base, make_step

LIFETIME = timedelta(days=1)
THIRD_CODES = {name: code + 1000 for name, code in STEP1_CODES.items()}

Step = Callable[..., Any]


@pytest.fixture
def use_case(table_name: str) -> str:
    """Of this test alone, since the steps of other tests may still be known."""
    return f"of-{table_name}"


@pytest.fixture
def step(table_name: str, use_case: str) -> Step:
    """Defines a step; no request is sent."""
    base = make_base("http://127.0.0.1:1", table_name)
    return lambda codes, **settings: make_step(base, codes, use_case_id=use_case, **settings)


FOLLOWING: dict[str, tuple[dict[str, int], dict[str, Any]]] = {
    "its pending": (STEP2_CODES, {}),
    "its failed": ({**THIRD_CODES, "failed_status": 40}, {}),
    "one more": (THIRD_CODES, {"more_pending_status": 40}),
}


@pytest.mark.parametrize("first", ["the ttl", "the follower"])
@pytest.mark.parametrize(("codes", "more"), FOLLOWING.values(), ids=FOLLOWING)
def test_ttl_on_a_status_that_another_step_starts_from_is_refused_when_the_class_is_defined(
    step: Step, codes: dict[str, int], more: dict[str, Any], first: str
) -> None:
    definitions = [lambda: step(STEP1_CODES, ttl={40: LIFETIME}), lambda: step(codes, **more)]
    if first == "the follower":
        definitions.reverse()
    kept = definitions[0]()
    with pytest.raises(ValueError, match=r"status 40 a ttl.*starts from it"):
        definitions[1]()
    assert kept.config.use_case_id


def test_ttl_on_ignored_and_on_the_last_success_is_taken(step: Step) -> None:
    steps = [step(STEP1_CODES, ttl={50: LIFETIME}), step(STEP2_CODES, ttl={90: LIFETIME, 100: LIFETIME})]
    assert [set(each.config.ttl) for each in steps] == [{50}, {90, 100}]


def test_ttl_of_another_use_case_is_its_own_affair(step: Step, table_name: str) -> None:
    one = step(STEP1_CODES, ttl={40: LIFETIME})
    other = make_step(make_base("http://127.0.0.1:1", table_name), STEP2_CODES, use_case_id=f"not-{table_name}")
    assert set(one.config.ttl) & set(other.config.startable_statuses(None)) == {40}


def test_ttl_of_another_table_is_its_own_affair(step: Step, table_name: str, use_case: str) -> None:
    one = step(STEP1_CODES, ttl={40: LIFETIME})
    elsewhere = make_base("http://127.0.0.1:1", f"{table_name}-other")
    other = make_step(elsewhere, STEP2_CODES, use_case_id=use_case)
    assert set(one.config.ttl) & set(other.config.startable_statuses(None)) == {40}
