"""`status-tracker init`: what its README says is done, command by command, by a user who has nothing but the wheels."""

from __future__ import annotations

import json
import re
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from release.distributions import ROOT
from tests.packages.installing import Environment
from tests.packages.terminal import Terminal, eventually, local_cloud

OTHER_PACKAGES = f"echo {sysconfig.get_path('purelib')} > $(echo .venv/lib/python3.*/site-packages)/tested.pth"
"""What pip and npm would fetch is there already, so that no network is needed."""


def blocks(readme: Path) -> list[list[str]]:
    """The commands of each block, in their order."""
    found = re.findall(r"^```\n(.*?)\n^```$", readme.read_text(), re.DOTALL | re.MULTILINE)
    return [block.splitlines() for block in found]


@pytest.fixture
def orders(installed: Environment, distributions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in the folder of a new app, with no environment of its own yet."""
    Terminal(tmp_path, installed).run("status-tracker init orders")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(distributions))
    monkeypatch.setenv("NPM_CONFIG_OFFLINE", "true")
    app = tmp_path / "orders"
    shutil.copytree(ROOT / "node_modules" / "aws-cdk", app / "node_modules" / "aws-cdk")
    return Terminal(app, installed)


def test_the_commands_of_the_readme_lead_to_a_tracked_task(orders: Terminal) -> None:
    (venv, *set_up, local), (variables, submit, *looks) = blocks(orders.folder / "README.md")[:2]
    assert local == "status-tracker local"
    printed = orders.run("\n".join([venv, OTHER_PACKAGES, *set_up]))
    assert "2 passed" in printed
    with local_cloud(orders._replace(before=". .venv/bin/activate")) as beside:
        other = beside._replace(before=variables)
        assert other.run(submit) == "task-1: submitted\n"

        def done() -> dict[str, Any] | None:
            task: dict[str, Any] = json.loads(other.run("status-tracker show task-1 --json"))
            return task if task["status"] == "succeeded" else None

        assert eventually(done)["data"] == {"name": "Ada", "greeting": "Hello, Ada!"}
        for look in looks:
            assert "task-1" in other.run(look)
