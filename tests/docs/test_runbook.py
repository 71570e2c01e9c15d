"""The runbook's commands exist, its links lead somewhere, and its code does what it says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import click
import pytest
import typer
from botocore import xform_name
from moto import mock_aws

import status_tracker as st
from status_tracker.cli.app import app

DOCS = Path(__file__).parents[2] / "docs"
RUNBOOK = (DOCS / "runbook.md").read_text("utf-8")
OPERATIONS = (DOCS / "operations.md").read_text("utf-8")
# What the AWS CLI adds to the services' own operations.
OF_THE_CLI = {("s3", "rm"), ("s3", "rb"), ("s3", "sync"), ("logs", "tail")}
GLOBAL_OPTIONS = {"query", "output", "max-items"}
SESSION = botocore.session.Session()
service_model = cache(SESSION.get_service_model)


def commands() -> Iterator[list[str]]:
    """Every `aws` command, as words; a command within another is one of its own."""
    text = RUNBOOK.replace("\\\n", " ")
    for found in re.finditer(r"(?<![\w./-])aws ([a-z0-9]+ [a-z-]+[^`\n|;&]*)", text):
        line = found[1]
        line = re.split(r"\$\(aws ", line)[0]
        yield re.findall(r"[^\s\"']+", line)


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_aws_command_exists_with_its_options(command: list[str]) -> None:
    service, operation, *words = command
    if (service, operation) in OF_THE_CLI:
        return
    service = {"s3api": "s3"}.get(service, service)
    if operation == "wait":
        assert words[0] in {xform_name(name, "-") for name in SESSION.get_waiter_model(service).waiter_names}
        return
    model = service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in names
    shape = model.operation_model(names[operation]).input_shape
    options = {xform_name(member, "-") for member in (shape.members if shape else {})}
    for option in (word.removeprefix("--") for word in words if word.startswith("--")):
        assert option in GLOBAL_OPTIONS | options or option.removeprefix("no-") in options, option


def own_commands() -> Iterator[list[str]]:
    """Every `status-tracker` command, as words."""
    for found in re.finditer(r"(?<![\w/-])status-tracker ([a-z]+[^`\n|]*)", RUNBOOK):
        line = re.sub(r"#(?!9b2c).*| …$|\.$", "", found[1].replace("…", "x"))
        yield shlex.split(line)


@pytest.mark.parametrize("command", list(own_commands()), ids=" ".join)
def test_every_command_of_ours_exists_with_its_options(command: list[str]) -> None:
    name, *words = command
    group = typer.main.get_command(app)
    known = group.get_command(click.Context(group), name)
    assert known is not None
    known.make_context(name, words)


def test_commands_are_found() -> None:
    assert len(list(commands())) > 30
    assert len(list(own_commands())) > 10


def anchors(text: str) -> set[str]:
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


@pytest.mark.parametrize("text", [RUNBOOK, OPERATIONS], ids=["runbook", "operations"])
def test_links_lead_somewhere(text: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", text):
        document, _, anchor = target.partition("#")
        linked = (DOCS / document).read_text("utf-8") if document else text
        assert not anchor or anchor in anchors(linked), target


def test_shell_blocks_can_be_read() -> None:
    for block in re.findall(r"^ *```bash\n(.*?)^ *```", RUNBOOK, re.DOTALL | re.MULTILINE):
        assert shlex.split(block, comments=True)


class Step(st.BaseTask):
    class Meta:
        table_name, region, billing_mode = "runbook", "us-east-1", "PAY_PER_REQUEST"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = st.TrackerConfig.make("runbook", 10, 20, 30, 40, 50, 1, 1, 1, 1, 1, max_retry=3, lock_expire_seconds=60)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "ACCESS_KEY_ID": "testing",
        "SECRET_ACCESS_KEY": "testing",
        "DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        Step.create_table(wait=True)
        yield boto3.resource("dynamodb").Table("runbook")


def copy_back() -> Any:
    [block] = re.findall(r"^ *```python\n(.*?)^ *```", RUNBOOK, re.DOTALL | re.MULTILINE)
    defined: dict[str, Any] = {}
    exec(re.sub(r"^   ", "", block, flags=re.MULTILINE), defined)  # noqa: S102  # our own documentation
    return defined["copy_back"]


def test_copy_back_puts_the_restored_items_over_the_damaged_ones_and_leaves_the_newer(table: Any) -> None:
    for number in range(30):  # more than one batch
        Step.make_and_save(f"old-{number}", data={"page": number})
    client = boto3.client("dynamodb")
    client.update_continuous_backups(
        TableName="runbook", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    client.restore_table_to_point_in_time(
        SourceTableName="runbook", TargetTableName="runbook-restored", UseLatestRestorableTime=True
    )
    table.delete_item(Key={"key": "runbook____old-0"})
    table.update_item(
        Key={"key": "runbook____old-1"}, UpdateExpression="REMOVE #v", ExpressionAttributeNames={"#v": "data"}
    )
    with Step.start("old-2"):
        pass
    Step.make_and_save("newer")
    kept = Step.get_one_or_none("newer").update_time
    assert copy_back()("runbook-restored", "runbook", lambda item: item["key"] != "runbook____old-2") == 29
    assert [Step.get_one_or_none(f"old-{number}").data for number in range(2)] == [{"page": 0}, {"page": 1}]
    assert Step.get_one_or_none("old-2").is_succeeded()
    assert Step.get_one_or_none("newer").update_time == kept
    assert Step.count_by_status() == {10: 30, 20: 0, 30: 0, 40: 1, 50: 0}
    assert copy_back()("runbook-restored", "runbook") == 30
    assert Step.get_one_or_none("old-2").is_pending()


def test_what_a_version_does_not_know_of_an_item_it_leaves_alone(table: Any) -> None:
    Step.make_and_save("task")
    table.update_item(
        Key={"key": "runbook____task"},
        UpdateExpression="SET from_the_future = :value",
        ExpressionAttributeValues={":value": {"a": [1]}},
    )
    with pytest.raises(ValueError, match="mine"), Step.start("task"):
        raise ValueError("mine")
    with Step.start("task") as ctx:
        ctx.set_data({"page": 1})
    Step.rerun("task", reason="again")
    Step.ignore("task", reason="enough")
    assert table.get_item(Key={"key": "runbook____task"})["Item"]["from_the_future"] == {"a": [1]}
