"""docs/constructs.md: its examples make stacks, and its tables have what there is."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Validations, assertions
from cdk_nag import AwsSolutionsChecks

import status_tracker_cdk
from status_tracker_cdk import Tracker
from tests.infra.own_app import app_without_context, write_code

PAGE = (Path(__file__).parents[2] / "docs" / "constructs.md").read_text("utf-8")


def test_the_examples_make_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_code(tmp_path / "src")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for example in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(example, names)  # noqa: S102 - our own documentation
    app = app_without_context()
    Validations.of(app).add_plugins(AwsSolutionsChecks())
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:mine"
    stacks = [
        names["Shop"](app, "Shop-prod"),
        names["Trial"](app, "Shop-trial"),
        names["Told"](app, "Told"),
        names["Operated"](app, "Operated", machine, "arn:aws:sns:us-east-1:123456789012:mine"),
    ]
    shop, trial, told, operated = (assertions.Template.from_stack(stack).to_json() for stack in stacks)
    assert "Shop-prod-Orders" in str(shop)
    functions = [each for each in trial["Resources"].values() if each["Type"] == "AWS::Lambda::Function"]
    assert len(functions) == 3
    [rule] = [each for each in told["Resources"].values() if each["Type"] == "AWS::Events::Rule"]
    assert rule["Properties"]["EventPattern"]["detail-type"] == ["Task Ignored"]
    assert machine in str(operated)
    deleting = assertions.Template.from_stack(names["Deleting"](app_without_context(), "Deleting")).to_json()
    [admin] = [each for name, each in deleting["Resources"].items() if re.match("OrdersWidgetAdminFunction", name)]
    assert "INVOICE_BUCKET" in admin["Properties"]["Environment"]["Variables"]


def test_every_argument_of_a_tracker_is_in_the_table() -> None:
    told = {name for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    arguments = set(inspect.signature(Tracker.__init__).parameters)
    assert arguments - told == {"self", "scope", "construct_id", "pipeline", "code"}


def test_every_construct_is_in_the_table() -> None:
    exported = {name: getattr(status_tracker_cdk, name) for name in status_tracker_cdk.__all__}
    records = {name for name, each in exported.items() if dataclasses.is_dataclass(each)}
    bases = {"BulkMachine", "HandlerFunction", "PropsError"}
    assert {name for name in set(exported) - records - bases if f"`{name}`" not in PAGE} == set()


def test_whatever_is_exported_says_what_it_is() -> None:
    for name in status_tracker_cdk.__all__:
        documented = inspect.getdoc(getattr(status_tracker_cdk, name)) or ""
        assert len(documented.split()) >= 5, name
        assert not documented.startswith(f"{name}("), name
