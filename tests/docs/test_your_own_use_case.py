"""docs/your-own-use-case.md: what it shows fits the checkout, and the command that it prints passes there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guide import GUIDE, Change, GuideError, changes, copied_checkout

COMMAND = re.compile(r"^make test TESTS='([^']+)'$", re.MULTILINE)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout with all that the guide shows."""
    folder = copied_checkout(tmp_path_factory.mktemp("checkout"))
    for change in changes():
        change.apply(folder)
    return folder


def run(folder: Path, *command: str) -> None:
    environment = {**os.environ, "PYTEST_ADDOPTS": "", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1"}
    ran = subprocess.run(  # noqa: S603 - our own documentation
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_the_guide_shows_is_linted(checkout: Path) -> None:
    paths = sorted({change.path for change in changes() if change.path.endswith(".py")})
    run(checkout, "ruff", "check", *paths)
    run(checkout, "ruff", "format", "--check", *paths)


def test_the_command_that_the_guide_prints_passes(checkout: Path) -> None:
    [arguments] = COMMAND.findall(GUIDE.read_text("utf-8"))
    run(checkout, "pytest", "-q", "-p", "no:cacheprovider", *shlex.split(arguments))


@pytest.mark.matrix
@pytest.mark.timeout(1200)
def test_no_other_test_of_the_functions_and_the_stack_breaks(checkout: Path) -> None:
    run(checkout, "pytest", "-q", "-p", "no:cacheprovider", "tests/handlers", "tests/infra")


def test_a_third_step_is_small_and_changes_one_place_in_the_tests() -> None:
    code = [change for change in changes() if not change.path.startswith("tests/")]
    assert len({change.path for change in code}) == len(code) <= 5
    assert sum(change.added for change in code) <= 60
    tests = {change.path for change in changes()} - {change.path for change in code}
    assert tests == {"tests/infra/expected.py", "tests/handlers/test_archive.py"}


def test_everything_that_is_shown_is_among_the_changes() -> None:
    shown = re.findall(r"^```(python|diff)\n", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert len(changes()) == len(shown)


def test_a_change_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "some.py"
    file.write_text("one\ntwo\n\nthree\ntwo\n")
    Change("some.py", is_new=False, text=" two\n\n-three\n+four\n").apply(tmp_path)
    assert file.read_text() == "one\ntwo\n\nfour\ntwo\n"
    with pytest.raises(GuideError, match=r"some\.py this is found 0 times"):
        Change("some.py", is_new=False, text="-thre\n+four\n").apply(tmp_path)
    with pytest.raises(GuideError, match="found 2 times"):
        Change("some.py", is_new=False, text="-two\n").apply(tmp_path)
    with pytest.raises(GuideError, match="exists"):
        Change("some.py", is_new=True, text="").apply(tmp_path)
    with pytest.raises(GuideError, match="begins with none of"):
        Change("some.py", is_new=False, text="two\n").apply(tmp_path)
