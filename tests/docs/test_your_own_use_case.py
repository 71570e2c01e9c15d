"""docs/your-own-use-case.md: what it shows fits the checkout, and the tests pass there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from status_tracker_cdk.worker_pace import WorkerPace, receives_to_outlast
from tests.support.guide import GUIDE, ROOT, Change, GuideError, changes, copied_checkout

TESTED = [
    "tests/handlers/test_archive.py",
    "tests/handlers/test_notify.py",
    "tests/handlers/test_imports.py",
    "tests/infra/test_workflow.py",
    "tests/infra/test_functions.py",
    "tests/infra/test_stack.py",
]
"""Of what the guide runs, what looks at the two walks most; all of it is for the matrix."""
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


def test_the_tests_that_the_guide_shows_pass_beside_those_of_the_stack(checkout: Path) -> None:
    run(checkout, "pytest", "-q", "-p", "no:cacheprovider", *TESTED)


@pytest.mark.matrix
@pytest.mark.timeout(900)
def test_the_tests_that_the_guide_runs_pass(checkout: Path) -> None:
    [paths] = COMMAND.findall(GUIDE.read_text("utf-8"))
    run(checkout, "pytest", "-q", "-p", "no:cacheprovider", *paths.split())


def third_step() -> list[Change]:
    text = GUIDE.read_text("utf-8").partition("\n## A use case without a workflow\n")[0]
    return [change for change in changes() if change.text in text]


def test_a_third_step_is_small_and_changes_one_place_in_the_tests() -> None:
    code = [change for change in third_step() if not change.path.startswith("tests/")]
    assert len({change.path for change in code}) == len(code) <= 5
    assert sum(change.added for change in code) <= 60
    tests = {change.path for change in third_step()} - {change.path for change in code}
    assert tests == {"tests/infra/expected.py", "tests/handlers/test_archive.py"}


def test_every_file_of_both_walks_is_among_the_changes() -> None:
    assert {change.path for change in changes() if change.is_new} >= {
        "lambdas/archive.py",
        "lambdas/documents/archiving.py",
        "lambdas/notify.py",
        "lambdas/notifications/tasks.py",
        "lambdas/notifications/webhook.py",
        "infra/notifications.py",
    }
    shown = re.findall(r"^```(python|diff)\n", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert len(changes()) == len(shown)


def test_figures_are_those_of_the_page_on_scale_and_of_the_code() -> None:
    guide, scale = (path.read_text("utf-8") for path in (GUIDE, ROOT / "docs" / "scale.md"))
    dollars = set(re.findall(r"\$\d[\d.,]*\d", guide))
    assert len(dollars) >= 5
    assert [figure for figure in sorted(dollars) if figure not in scale] == []
    prose, receives = guide.replace("\n  ", " "), receives_to_outlast(5, 5)
    assert f"{receives} for 5 attempts and batches of 5" in prose
    pace = WorkerPace(seconds_per_record=5, timeout_seconds=30, batch_size=5, max_concurrency=5)
    assert repr(pace).removesuffix(", memory_mb=512, alarm_age_minutes=60)") in guide
    assert f"{receives} times the visibility timeout of three minutes, two and a half hours" in prose
    assert (pace.visibility_seconds, round(receives * pace.visibility_seconds / 1800) / 2) == (180, 2.5)


def test_every_link_leads_somewhere() -> None:
    text = GUIDE.read_text("utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, anchor = target.partition("#")
        assert (GUIDE.parent / file).exists() if file else anchor in headings, target


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
