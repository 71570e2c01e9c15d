"""Whatever cannot be imported names the extra to install, one that the wheels have."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import sys
from pathlib import Path

import pytest

from release.distributions import ROOT
from tests.packages.installing import Environment
from tests.packages.test_wheels import EXTRAS

PACKAGES = {
    "status_tracker": "layer",
    "status_tracker_ops": "layer",
    "status_tracker_local": "layer",
    "status_tracker_cdk": "infra",
}
OF_THE_COMMAND = "status_tracker.cli."
"""Its modules are no one else's: `status-tracker` itself says what it needs."""

INSTALL = re.compile(r"^[\w.]+ needs [\w.]+: pip install '(status-tracker(?:\[(\w+)\]|-cdk))'$")


def imported_from_others() -> list[str]:
    """The names at the top of the packages of others that ours import."""
    files = [path for name, folder in PACKAGES.items() for path in (ROOT / folder / name).rglob("*.py")]
    nodes = [node for path in files if "templates" not in path.parts for node in ast.walk(ast.parse(path.read_text()))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    installed = importlib.metadata.packages_distributions()
    return sorted({name.split(".")[0] for name in names} & installed.keys() - set(sys.stdlib_module_names))


@pytest.fixture(scope="module")
def errors(installed: Environment) -> dict[str, dict[str, list[str]]]:
    """By the package that is missing, by module of ours: the error."""
    program = (Path(__file__).parent / "blocked.py").read_text()
    told = installed.run("python", "-c", program, ",".join(PACKAGES), ",".join(imported_from_others()))
    assert told.returncode == 0, told.stderr
    found: dict[str, dict[str, list[str]]] = json.loads(told.stdout)
    return found


def test_every_import_error_names_an_extra_that_there_is(errors: dict[str, dict[str, list[str]]]) -> None:
    wrong = [
        f"without {missing}, {module}: {kind}: {message}"
        for missing, modules in errors.items()
        for module, (kind, message) in modules.items()
        if not module.startswith(OF_THE_COMMAND) and not names_a_requirement(message)
    ]
    assert not wrong, "\n".join(wrong)


def names_a_requirement(message: str) -> bool:
    found = INSTALL.match(message)
    return found is not None and (found[2] is None or found[2] in EXTRAS)


@pytest.mark.parametrize(
    ("missing", "module", "install"),
    [
        ("pynamodb", "status_tracker.dynamodb", "status-tracker[dynamodb]"),
        ("pynamodb", "status_tracker_ops", "status-tracker[powertools]"),
        ("botocore", "status_tracker.sessions", "status-tracker[dynamodb]"),
        ("sqlalchemy", "status_tracker.sql", "status-tracker[sql]"),
        ("aws_lambda_powertools", "status_tracker.powertools", "status-tracker[powertools]"),
        ("aws_lambda_powertools", "status_tracker.sqs", "status-tracker[powertools]"),
        ("aws_lambda_powertools", "status_tracker_ops", "status-tracker[powertools]"),
        ("moto", "status_tracker.testing.moto", "status-tracker[testing]"),
        ("pytest", "status_tracker.testing.contract", "status-tracker[testing]"),
        ("moto", "status_tracker_local", "status-tracker[local]"),
        ("rich", "status_tracker_local", "status-tracker[local]"),
        ("aws_cdk", "status_tracker_cdk", "status-tracker-cdk"),
    ],
)
def test_what_is_said_where_a_package_is_missing(
    errors: dict[str, dict[str, list[str]]], missing: str, module: str, install: str
) -> None:
    found = INSTALL.match(errors[missing][module][1])
    assert found is not None
    assert found[1] == install


@pytest.mark.parametrize("missing", ["typer", "sqlalchemy", "moto", "rich", "aws_cdk", "yaml", "boto3"])
def test_the_library_asks_for_nothing_that_is_another_extra_s(
    errors: dict[str, dict[str, list[str]]], missing: str
) -> None:
    assert {"status_tracker", "status_tracker.dynamodb", "status_tracker.abstract"} & errors[missing].keys() == set()


@pytest.mark.parametrize("missing", ["typer", "rich"])
@pytest.mark.parametrize(
    "command", ["from status_tracker.cli import main; main()", "runpy.run_module('status_tracker.cli')"]
)
def test_the_command_names_its_extra(installed: Environment, missing: str, command: str) -> None:
    told = installed.run("python", "-c", f"import runpy, sys; sys.modules[{missing!r}] = None; {command}")
    assert (told.returncode, told.stdout) == (2, "")
    assert re.fullmatch(rf"status-tracker needs {missing}\S*: pip install 'status-tracker\[cli\]'\n", told.stderr)
