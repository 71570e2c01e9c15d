"""The suite that the library ships for backends shows a reader why an assertion failed."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

from status_tracker.testing import contract


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(contract.__path__)])
def test_pytest_rewrites_its_assertions(name: str) -> None:
    module = importlib.import_module(f"{contract.__name__}.{name}")
    assert isinstance(module.__loader__, AssertionRewritingHook)
