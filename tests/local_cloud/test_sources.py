"""An app is deployed again when a file of it has changed that it may be made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from status_tracker_local.sources import Sources

FILES = ("app.py", "infra/stack.py", "src/questions.json", "tests/test.py", ".local/x", "env/pyvenv.cfg", "state/log")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.fixture
def sources(folder: Path) -> Sources:
    return Sources(folder, leave_out=folder / "state")


@pytest.mark.parametrize("name", ["app.py", "infra/stack.py", "src/questions.json", "infra/new.txt"])
def test_every_source_counts_once(folder: Path, sources: Sources, name: str) -> None:
    (folder / name).write_text("changed")
    assert sources.changed() == name
    assert sources.changed() == ""


def test_a_file_that_is_renamed_or_removed_counts(folder: Path, sources: Sources) -> None:
    (folder / "app.py").rename(folder / "apq.py")
    assert sources.changed() == "app.py"
    (folder / "apq.py").unlink()
    assert sources.changed() == "apq.py"


def test_a_file_that_is_written_again_as_it_was_does_not_count(folder: Path, sources: Sources) -> None:
    (folder / "app.py").unlink()
    (folder / "app.py").write_text("app.py")
    assert sources.changed() == ""


@pytest.mark.parametrize(
    "name", ["tests/test.py", ".local/x", "infra/__pycache__/stack.pyc", "env/lib/x.py", "state/log", "cdk.out/x.json"]
)
def test_what_no_app_is_made_of_does_not_count(folder: Path, sources: Sources, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("changed")
    assert sources.changed() == ""
