"""The templates, each synthesized once a session."""

from __future__ import annotations

import pytest

from tests.infra.synthesis import STAGES, Synthesized
from tests.infra.variants import VARIANTS, synthesized


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest) -> Synthesized:
    """Every stage in turn."""
    return synthesized(request.param)


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Synthesized:
    """Every stage, every variant of the settings, and a worker in turn."""
    return synthesized(request.param)


@pytest.fixture
def local() -> Synthesized:
    return synthesized("local")


@pytest.fixture
def prod() -> Synthesized:
    return synthesized("prod")
