"""docs/cli.md tells of the command as it is: all its commands, and no option that it does not have."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any, ClassVar

import pytest
import typer.main

from status_tracker import TrackerConfig
from status_tracker.cli.app import app
from status_tracker.operations.pipeline import Pipeline
from status_tracker.operations.samples import DoesNotHoldError
from status_tracker.testing import MemoryTask

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def test_every_command_is_told_of() -> None:
    headings = " ".join(re.findall(r"^### (.*)$", TEXT, re.MULTILINE))
    assert set(COMMANDS) <= set(re.findall(r"`(\w+)`", headings))


def test_every_line_that_calls_it_could_be_typed() -> None:
    lines = re.findall(r"^(?:\$ )?status-tracker (\w+)(.*)$", TEXT, re.MULTILINE)
    assert len(lines) > 15
    for name, rest in lines:
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        given = [word for word in shlex.split(rest.split("|")[0]) if word.startswith("-")]
        assert set(given) <= known, f"{name}{rest}"


def test_the_samples_of_a_pipeline_of_your_own_can_be_named_like_that() -> None:
    class Order(MemoryTask):
        config = TrackerConfig.make("orders", 10, 20, 30, 40, 50)

    class Queue:
        sent: ClassVar[list[str]] = []

        @classmethod
        def send_message(cls, MessageBody: str) -> None:  # noqa: N803  # boto3's name
            cls.sent.append(MessageBody)

    [example] = [
        code for code in re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL) if "Sample" in code
    ]
    names: dict[str, Any] = {"queue": Queue, "json": json, "Pipeline": Pipeline, "Order": Order}
    exec(example, names)  # noqa: S102  # it is ours
    named = names["PIPELINE"].verification()
    assert named.good.submit("verify/good") == "verify/good"
    assert Queue.sent == ['{"order": "verify/good"}']
    with pytest.raises(DoesNotHoldError, match="there is no receipt"):
        named.good.check(Order.make("t", {}))
    assert named.good.check(Order.make("t", {"receipt": 1})) == "with a receipt"
