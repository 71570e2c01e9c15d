"""docs/cli.md tells of the command as it is: all its commands, and no option that it does not have."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import typer.main

from status_tracker.cli.app import app

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
