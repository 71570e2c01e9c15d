"""The wheels, built once, and an environment that has them. `tests/support/scheduling.py` keeps this on one worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.distributions import EPOCH, build
from tests.packages.installing import Environment, Wheels, make_environment


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheels and source distributions of both packages."""
    folder = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(EPOCH, "1767225600")  # the tests also run where there is no git
        build(folder)
    return folder


@pytest.fixture(scope="session")
def wheels(distributions: Path) -> Wheels:
    """The wheels of both packages, as `make dist` builds them."""
    library, constructs = (
        next(distributions.glob(f"{name}-*.whl")) for name in ("status_tracker", "status_tracker_cdk")
    )
    return Wheels(library, constructs)


@pytest.fixture(scope="session")
def installed(wheels: Wheels, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A fresh virtual environment outside the checkout, with both wheels and all that their extras ask for."""
    folder = tmp_path_factory.mktemp("installed")
    return make_environment(wheels, folder / "venv", folder / "work")
