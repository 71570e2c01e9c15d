"""The contract of every backend, as a suite for pytest; see `ContractSuite`."""

from __future__ import annotations

from ..._extras import missing_extra

try:
    import pytest
except ModuleNotFoundError as error:
    raise missing_extra("testing", error) from error

import pkgutil

pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))

from .driver import Attempt, Backend, Promise, Seen, Step, TrackedTaskStep  # noqa: E402  # asserts are rewritten first
from .racing import race  # noqa: E402
from .suite import ContractSuite  # noqa: E402

__all__ = ["Attempt", "Backend", "ContractSuite", "Promise", "Seen", "Step", "TrackedTaskStep", "race"]
