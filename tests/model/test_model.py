"""R1 to R14, explored exhaustively: each request applied or not, its answer lost, late or repeated, a kill anywhere."""

from __future__ import annotations

from typing import Any

import pytest

from . import variants
from .explore import Explored, explore
from .settings import long, quick

# The same lines a hundred thousand times: other tests measure them.
pytestmark = pytest.mark.no_cover

_EXPLORED: dict[str, Explored] = {}
QUICK = quick()
MANY = 200_000


def explored(name: str) -> Explored:
    if name not in _EXPLORED:
        _EXPLORED[name] = explore(QUICK[name])
    return _EXPLORED[name]


@pytest.mark.parametrize("name", QUICK)
def test_no_promise_breaks_in_any_state(name: str) -> None:
    found = explored(name)
    assert found.violation is None, "\n".join((found.violation, *found.way))
    assert found.complete


def test_that_is_many_states() -> None:
    assert sum(explored(name).states for name in QUICK) >= MANY


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"admits": variants.without_fence}, "wrote to a task that"),
        ({"admits": variants.without_lease}, "taken from a worker whose lease is live"),
        ({"admits": variants.without_memory}, "applied again"),
        ({"rules": variants.Uncounted}, "failures in a row"),
        ({"rules": variants.Strict}, "failures in a row"),
        ({"rules": variants.Unrecorded}, "'runs'"),
        ({"rules": variants.Eager}, "an acquire raised the fence"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_broken_variant_is_found(variant: dict[str, Any], message: str) -> None:
    found = (explore(setting).violation for setting in quick(**variant).values())
    assert any(violation is not None and message in violation for violation in found)


def test_the_long_form_is_more_than_the_quick_one() -> None:
    assert not set(long()) & set(QUICK)
