"""The contract of every backend, as a suite for pytest; see `ContractSuite`."""

from __future__ import annotations

import pytest

_RULES = ("actions", "answers", "holding", "late", "limits", "outcomes", "racing", "scenes", "starting", "telling")
pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in _RULES))

from .driver import Attempt, Backend, Promise, Seen, Step, TrackedTaskStep  # noqa: E402  # asserts are rewritten first
from .racing import race  # noqa: E402
from .suite import ContractSuite  # noqa: E402

__all__ = ["Attempt", "Backend", "ContractSuite", "Promise", "Seen", "Step", "TrackedTaskStep", "race"]
