"""R1 to R14, explored exhaustively: each request applied or not, its answer lost, late or repeated, a kill anywhere."""

from __future__ import annotations

from typing import Any

import pytest

from . import variants
from .explore import explore
from .settings import long, quick

# The same lines a hundred thousand times: other tests measure them.
pytestmark = pytest.mark.no_cover

FEWEST = {
    "one worker, rerun": 20_000,
    "one worker, ignore": 13_000,
    "one worker, unignore": 2_500,
    "one worker, unlock": 10_000,
    "one worker, restart": 17_000,
    "one worker, cancel": 32_000,
    "two workers": 35_000,
    "a worker that may be killed": 60_000,
    "two workers create": 75_000,
    "updates and extensions": 6_000,
    "two steps share a status": 39_000,
    "a worker that postpones, and another": 13_000,
    "one postponement after the other": 38_000,
    "an ignored task": 6_000,
}
"""Of each setting, how many states there are at least: one that lost its choices or its faults would have fewer."""


@pytest.mark.parametrize("name", FEWEST)
def test_no_promise_breaks_in_any_state(name: str) -> None:
    found = explore(quick()[name])
    assert found.violation is None, "\n".join((found.violation, *found.way))
    assert found.complete
    assert found.states >= FEWEST[name]


def test_every_setting_is_explored() -> None:
    assert set(FEWEST) == set(quick())


@pytest.mark.parametrize(
    ("variant", "setting", "message"),
    [
        ({"admits": variants.without_fence}, "two workers", "wrote to a task that"),
        ({"admits": variants.without_lease}, "two workers", "taken from a worker whose lease is live"),
        ({"admits": variants.without_memory}, "a worker that may be killed", "applied again"),
        ({"rules": variants.Uncounted}, "two workers", "failures in a row"),
        ({"rules": variants.Strict}, "a worker that may be killed", "failures in a row"),
        ({"rules": variants.Unrecorded}, "one worker, rerun", "'runs'"),
        ({"rules": variants.Eager}, "two workers", "an acquire raised the fence"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_broken_variant_is_found(variant: dict[str, Any], setting: str, message: str) -> None:
    violation = explore(quick(**variant)[setting]).violation
    assert violation is not None
    assert message in violation


def test_the_long_form_is_more_than_the_quick_one() -> None:
    assert not set(long()) & set(quick())
