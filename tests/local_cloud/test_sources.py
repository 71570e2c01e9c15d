"""An app that was synthesized is taken again only while nothing that it may be made from has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from status_tracker_local import deployment as module
from status_tracker_local.deployment import Deployment
from status_tracker_local.sources import digest


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout"
    for name in (
        "app.py",
        "infra/documents_stack/stack.py",
        "lambdas/documents/questions.json",
        "tests/test.py",
        ".local/x",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    monkeypatch.setattr(module, "CHECKOUT", folder)
    monkeypatch.setattr(module, "cdk_command", lambda: ["true"])
    return folder


@pytest.mark.parametrize(
    "name", ["app.py", "infra/documents_stack/stack.py", "lambdas/documents/questions.json", "infra/new.txt"]
)
def test_every_source_counts(checkout: Path, name: str) -> None:
    before = digest(checkout, "local")
    (checkout / name).write_text("changed")
    assert digest(checkout, "local") != before


def test_a_renamed_source_counts_and_so_do_the_settings(checkout: Path) -> None:
    before = digest(checkout, "local")
    assert digest(checkout, "prod") != before
    (checkout / "app.py").rename(checkout / "apq.py")
    assert digest(checkout, "local") != before


@pytest.mark.parametrize("name", ["tests/test.py", ".local/x", "infra/__pycache__/stack.pyc"])
def test_what_no_app_is_made_of_does_not_count(checkout: Path, name: str) -> None:
    before = digest(checkout, "local")
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("changed")
    assert digest(checkout, "local") == before


def deploy_from(state: Path) -> Deployment:
    return Deployment(stage="local", state=state, endpoint="http://localhost:1")


def test_what_is_stale_is_not_taken(checkout: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = deploy_from(state)
    assert not first.is_synthesized
    (state / "cdk.out").mkdir()
    assert not first.is_synthesized
    first.note_synthesized()
    assert deploy_from(state).is_synthesized
    (checkout / "app.py").write_text("changed")
    assert not deploy_from(state).is_synthesized


def test_what_changed_while_it_was_synthesized_is_not_taken(checkout: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "cdk.out").mkdir(parents=True)
    slow = deploy_from(state)
    (checkout / "app.py").write_text("changed")
    slow.note_synthesized()
    assert not deploy_from(state).is_synthesized


def test_a_synth_that_fails_leaves_nothing_to_take(checkout: Path, tmp_path: Path) -> None:
    assert checkout.exists()
    state = tmp_path / "state"
    (state / "cdk.out").mkdir(parents=True)
    (state / "logs").mkdir()
    before = deploy_from(state)
    before.note_synthesized()
    with before.synth() as synth:
        synth.finish()
    assert not deploy_from(state).is_synthesized
