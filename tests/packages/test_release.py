"""A release: its text is the changelog's section, and the workflow publishes what `make dist` builds, once tested."""

from __future__ import annotations

import fnmatch
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.distributions import ROOT
from release.notes import NotesError, notes
from status_tracker._version import __version__

CHANGELOG = """# Changelog

## Unreleased

- What comes.

## 0.2.0 - 2026-03-01

### Added
- Two wheels.

### Changed
- ## is no heading here.

## 0.1.0 - 2026-01-31

- The first.
"""
WORKFLOWS = ROOT / ".github" / "workflows"

# The text


def test_the_text_is_the_section_of_the_version() -> None:
    assert notes("v0.2.0", "0.2.0", CHANGELOG) == ("### Added\n- Two wheels.\n\n### Changed\n- ## is no heading here.")
    assert notes("v0.1.0", "0.1.0", CHANGELOG) == "- The first."


@pytest.mark.parametrize(
    ("tag", "version", "changelog", "message"),
    [
        ("v0.3.0", "0.2.0", CHANGELOG, r"The tag is 'v0\.3\.0', and the version in .* is '0\.2\.0'.*as v0\.2\.0"),
        ("0.2.0", "0.2.0", CHANGELOG, r"The tag is '0\.2\.0'"),
        ("v0.3.0", "0.3.0", CHANGELOG, r"0 sections of version 0\.3\.0.*'## 0\.3\.0 - '.*under 'Unreleased'"),
        ("v0.1", "0.1", CHANGELOG, "0 sections"),
        ("v0.2.0", "0.2.0", CHANGELOG + "\n## 0.2.0 - 2026-03-02\n\n- Again.\n", "2 sections"),
        ("v0.3.0", "0.3.0", CHANGELOG + "\n## 0.3.0 - 2026-03-02\n", "an empty section"),
    ],
)
def test_what_is_no_release_is_told(tag: str, version: str, changelog: str, message: str) -> None:
    with pytest.raises(NotesError, match=message):
        notes(tag, version, changelog)


def test_the_command_refuses_the_tag_of_another_version() -> None:
    command = [sys.executable, "-m", "release.notes", f"v{__version__}0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout) == (1, "")
    assert f"the version in layer/status_tracker/_version.py is '{__version__}'" in done.stderr


# The workflow


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    """The workflow, as YAML 1.1 has it: its `on` is True."""
    found: dict[str, Any] = yaml.safe_load((WORKFLOWS / "release.yml").read_text())
    return found


def test_it_runs_on_tags_alone_and_after_the_tests(workflow: dict[str, Any]) -> None:
    assert workflow[True] == {"push": {"tags": ["v*"]}}
    assert workflow["jobs"]["test"] == {"uses": "./.github/workflows/test.yml"}
    assert "workflow_call" in yaml.safe_load((WORKFLOWS / "test.yml").read_text())[True]
    assert workflow["jobs"]["publish"]["needs"] == ["test", "build"]
    assert workflow["jobs"]["announce"]["needs"] == "publish"


def test_only_the_job_that_publishes_may_ask_for_a_token(workflow: dict[str, Any]) -> None:
    may = {name: job.get("permissions", workflow["permissions"]) for name, job in workflow["jobs"].items()}
    assert may == {
        "test": {"contents": "read"},
        "build": {"contents": "read"},
        "publish": {"id-token": "write"},
        "announce": {"contents": "write"},
    }
    steps = workflow["jobs"]["publish"]["steps"]
    assert [step["uses"].split("@")[0] for step in steps if "uses" in step] == [
        "actions/download-artifact",
        "pypa/gh-action-pypi-publish",
    ]
    assert not any("secrets" in str(job) for job in workflow["jobs"].values())


def test_what_it_runs_is_there(workflow: dict[str, Any]) -> None:
    commands = [step["run"] for step in workflow["jobs"]["build"]["steps"] if "run" in step]
    assert commands == ["make dist", '.venv/bin/python -m release.notes "$GITHUB_REF_NAME" > notes.md']
    assert "\ndist: " in (ROOT / "Makefile").read_text()


def test_each_distribution_is_published_once_the_library_first(workflow: dict[str, Any], distributions: Path) -> None:
    publish = workflow["jobs"]["publish"]
    published = publish["strategy"]["matrix"]["include"]
    assert publish["strategy"]["max-parallel"] == 1
    assert [each["distribution"] for each in published] == ["status-tracker", "status-tracker-cdk"]
    names = sorted(each.name for each in distributions.iterdir())
    taken = [name for each in published for name in names if fnmatch.fnmatch(name, each["files"])]
    assert sorted(taken) == names
    assert publish["environment"] == "pypi-${{ matrix.distribution }}"
