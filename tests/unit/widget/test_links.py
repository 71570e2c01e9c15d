"""Addresses in the console: which execution, and which log lines."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from urllib.parse import unquote

import pytest

from status_tracker_ops.widget.links import Links
from tests.unit.widget.deployed import LINKS, NOON


def query_of(url: str) -> str:
    """The query in an address of Logs Insights, decoded as the console does it."""
    fragment = unquote(url.partition("#logsV2:logs-insights")[2].replace("$", "%"))
    [editor] = re.findall(r"~editorString~'([^~]*)~", fragment)
    return re.sub(rb"\*([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), editor.encode()).decode()


def test_the_execution_of_a_run() -> None:
    digest = hashlib.sha256(b"a/b.pdf#1").hexdigest()
    assert LINKS.execution("a/b.pdf#1", 3) == (
        "https://eu-central-1.console.aws.amazon.com/states/home?region=eu-central-1#/v2/executions/details/"
        f"arn:aws:states:eu-central-1:123456789012:execution:flow:{digest}-3"
    )


@pytest.mark.parametrize(
    ("partition", "host"),
    [("aws-cn", "cn-north-1.console.amazonaws.cn"), ("aws-us-gov", "cn-north-1.console.amazonaws-us-gov.com")],
)
def test_other_partitions(partition: str, host: str) -> None:
    flow = f"arn:{partition}:states:cn-north-1:123456789012:stateMachine:flow"
    links = Links(f"arn:{partition}:lambda:cn-north-1:123456789012:function:viewer", ("a",), flow)
    execution = links.execution("a", 0)
    assert execution is not None
    assert execution.startswith(f"https://{host}/states/home?region=cn-north-1#")


@pytest.mark.parametrize("task_id", ["plain.pdf#1", 'quote".pdf', "back\\slash", "a' ~(b)*c$d%e", "né 😀.pdf", "a\nb"])
def test_the_query_names_exactly_this_task(task_id: str) -> None:
    url = LINKS.logs(task_id, NOON, NOON)
    assert url is not None
    assert url.isascii()
    line = query_of(url).split("\n")[1]
    told = task_id.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert line == f'| filter task_id = "{told}"'


def test_where_and_when_is_searched() -> None:
    url = LINKS.logs("a", NOON - timedelta(hours=1), NOON)
    assert url is not None
    fragment = unquote(url.replace("$", "%"))
    assert "~start~'2026-03-02T10*3a45*3a00.000Z" in fragment
    assert "(end~'2026-03-02T12*3a15*3a00.000Z" in fragment
    assert "~source~(~'*2faws*2fextract~'answer)" in fragment


def test_an_id_too_long_for_an_address_has_no_link() -> None:
    assert LINKS.logs("é" * 1_000, NOON, NOON) is not None
    assert LINKS.logs("é" * 1_000 + "x" * 4_000, NOON, NOON) is None
