"""`status-tracker init` writes an app that passes its own test."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from status_tracker._version import __version__
from tests.support.projects import refused, run_pytest

LAYER = tomllib.loads((Path(__file__).parents[3] / "layer" / "pyproject.toml").read_text())["project"]
EXTRAS = [*chain.from_iterable(LAYER["optional-dependencies"].values()), "aws-cdk-lib", "constructs", "uv"]
FILES = [
    *(".gitignore", "README.md", "app.py", "cdk.json", "package.json", "pytest.ini", "requirements.txt"),
    *("src/PACKAGE/__init__.py", "src/PACKAGE/submit.py", "src/PACKAGE/tasks.py", "src/work.py"),
    *("stack.py", "tests/conftest.py", "tests/test_work.py"),
]


def written(folder: Path) -> dict[str, str]:
    return {str(each.relative_to(folder)): each.read_text() for each in sorted(folder.rglob("*")) if each.is_file()}


def test_it_writes_an_app_by_the_name_of_the_folder(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "my-orders"
    answer = run("init", str(folder))
    files = written(folder)
    assert (answer.code, answer.err) == (0, "")
    assert sorted(files) == sorted(each.replace("PACKAGE", "my_orders") for each in FILES)
    assert 'MyOrdersStack(app, "my-orders")' in files["app.py"]
    assert 'pipeline="my_orders.tasks:PIPELINE"' in files["stack.py"]
    assert f"]=={__version__}\nstatus-tracker-cdk=={__version__}\n" in files["requirements.txt"]
    assert "aws-cdk" in json.loads(files["package.json"])["devDependencies"]
    assert "@" not in "".join(files.values())


def test_it_tells_the_next_commands_as_the_readme_has_them(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    answer = run("init", str(folder))
    told = answer.out.partition("Next:\n\n")[2]
    assert told.startswith(f"cd {folder}\n")
    assert f"```\n{told.partition(chr(10))[2]}```" in (folder / "README.md").read_text()


def test_the_readme_says_what_each_file_is(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    run("init", str(folder))
    files = written(folder)
    listed = files["README.md"].partition("## On this machine")[0]
    ours = [name for name in files if not name.endswith(("__init__.py", "conftest.py", "README.md", ".gitignore"))]
    assert [name for name in ours if f"`{name}`" not in listed] == []


def test_a_name_may_be_given(run: Any, tmp_path: Path) -> None:
    assert run("init", str(tmp_path / "Some Folder"), "--name", "orders").code == 0
    assert (tmp_path / "Some Folder" / "src" / "orders" / "tasks.py").is_file()


def test_the_app_passes_its_test_and_is_tidy(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    run("init", str(folder))
    assert "2 passed" in run_pytest(folder)
    checked = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,I,UP,B,W", "--line-length", "120"]
    told = subprocess.run([*checked, "."], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("arguments", [(), ("task-1",), ("task-1", "Ada", "Bob")])
def test_the_way_in_says_how_it_is_called(run: Any, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    folder = tmp_path / "orders"
    run("init", str(folder))
    assert refused(folder, "orders.submit", *arguments).startswith("usage: python -m orders.submit [-h] TASK NAME\n")


@pytest.mark.parametrize("content", ["file", "folder", "is a file"])
def test_what_is_there_is_left_alone(run: Any, tmp_path: Path, content: str) -> None:
    folder = tmp_path / "orders"
    if content == "is a file":
        folder.write_text("mine")
    else:
        (folder / content).mkdir(parents=True) if content == "folder" else folder.mkdir()
        (folder / "mine").write_text("mine")
    answer = run("init", str(folder))
    assert (answer.code, answer.out) == (2, "")
    told = "is a file: give a folder." if content == "is a file" else "is not empty: give a new folder."
    assert answer.err.strip() == f"Error: {folder} {told}"
    assert not (folder / "stack.py").exists()


def test_an_empty_folder_is_taken(run: Any, tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    assert run("init", str(tmp_path / "orders")).code == 0


def test_a_folder_with_hidden_entries_is_taken(run: Any, tmp_path: Path) -> None:
    for name in (".git", ".venv"):
        (tmp_path / "orders" / name).mkdir(parents=True)
    assert run("init", str(tmp_path / "orders")).code == 0


def test_a_hidden_file_is_not_overwritten(run: Any, tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    mine = tmp_path / "orders" / ".gitignore"
    mine.write_text("mine")
    answer = run("init", str(tmp_path / "orders"))
    assert (answer.code, mine.read_text(), list(mine.parent.iterdir())) == (2, "mine", [mine])
    assert "is not empty: .gitignore would be overwritten." in answer.err


@pytest.mark.parametrize("name", ["Orders", "my orders", "1st", "a--b", "-a", "é", "", "a" * 41])
def test_a_name_that_no_stack_can_have_is_refused(run: Any, tmp_path: Path, name: str) -> None:
    answer = run("init", str(tmp_path / "orders"), f"--name={name}")
    assert answer.code == 2
    assert answer.err.startswith(f"Error: The name is {name!r}: give one of lower-case letters")
    assert not (tmp_path / "orders").exists()


@pytest.mark.parametrize("name", ["email", "class", "stack", "work", "status-tracker-app", "boto3", "moto", "aws-cdk"])
def test_a_name_that_hides_a_module_is_refused(run: Any, tmp_path: Path, name: str) -> None:
    answer = run("init", str(tmp_path / "orders"), "--name", name)
    assert answer.code == 2
    assert "is there already: give another one, such as --name my-" in answer.err


def test_the_name_of_any_module_that_the_app_brings_is_refused(run: Any, tmp_path: Path) -> None:
    brought = modules_of(with_what_they_need(EXTRAS))
    names = [module.replace("_", "-") for module in brought if re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", module)]
    assert {"requests", "yaml", "jsii"} <= set(names)
    assert [name for name in names if run("init", str(tmp_path / "orders"), "--name", name).code != 2] == []


def modules_of(distributions: set[str]) -> list[str]:
    found = metadata.packages_distributions().items()
    return [module for module, of in found if not distributions.isdisjoint(map(canonicalize_name, of))]


def with_what_they_need(requirements: list[str]) -> set[str]:
    """The names of the distributions that are installed for them."""
    left, seen = [Requirement(each) for each in requirements], set[tuple[str, str]]()
    while left:
        wanted = left.pop()
        name, extras = canonicalize_name(wanted.name), sorted(wanted.extras) or [""]
        new = [(name, extra) for extra in extras if (name, extra) not in seen]
        seen.update(new)
        for text in (new and not name.startswith("status-tracker") and metadata.requires(name)) or ():
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                left.append(needed)
    return {name for name, _ in seen}
