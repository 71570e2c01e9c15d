"""The template of each stage, synthesized once a session."""

from __future__ import annotations

import pytest

from app import build
from tests.infra.synthesis import STAGES, Synthesized, new_app


@pytest.fixture(scope="session")
def synthesized() -> dict[str, Synthesized]:
    """Each stage, synthesized with cdk-nag on, as `cdk synth` does."""
    return {stage: Synthesized.of(build(new_app(stage))) for stage in STAGES}


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest, synthesized: dict[str, Synthesized]) -> Synthesized:
    """Every stage in turn."""
    return synthesized[request.param]


@pytest.fixture
def local(synthesized: dict[str, Synthesized]) -> Synthesized:
    return synthesized["local"]


@pytest.fixture
def prod(synthesized: dict[str, Synthesized]) -> Synthesized:
    return synthesized["prod"]
