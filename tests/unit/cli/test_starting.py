"""A command imports what it needs, and nothing that takes long besides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CODE = """
import sys
from status_tracker.cli import main
sys.argv[0] = "status-tracker"
try:
    main()
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""
LONG_TO_IMPORT = {"pydantic", "rich.progress", "rich.live", "rich._emoji_codes", "sqlalchemy"}
TO_ACT = {f"status_tracker.operations.{name}" for name in ("actions", "bulk", "sweeping")}


@pytest.mark.parametrize(
    ("command", "not_needed"),
    [
        (["--help"], {*LONG_TO_IMPORT, *TO_ACT, "rich.console", "botocore", "pynamodb"}),
        (["--version"], {*LONG_TO_IMPORT, *TO_ACT, "rich.console", "botocore", "pynamodb"}),
        (["stats"], {*LONG_TO_IMPORT, *TO_ACT}),
        (["ls"], {*LONG_TO_IMPORT, *TO_ACT}),
        (["show", "a"], {*LONG_TO_IMPORT, *TO_ACT}),
    ],
)
def test_what_takes_long_to_import_is_not(command: list[str], not_needed: set[str]) -> None:
    task = [] if command[0].startswith("-") else ["--task", "tests.unit.cli.shop:PIPELINE"]
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-c", CODE, *command, *task],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "layer")},
        capture_output=True,
        text=True,
        check=False,
    )
    imported = done.stderr.splitlines()[-1].split()
    assert "status_tracker.cli.app" in imported, done.stderr
    assert not not_needed.intersection(imported)


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("stats >&-", 0, []),
        ("stats 2>&-", 0, []),
        ("ls --status nope >&- 2>&-", 2, []),
        ("create --from - <&-", 1, ["There is no id."]),
        ("delete a --reason old --by me <&-", 2, ["Error: Nobody can be asked here: give --yes to delete them."]),
    ],
)
def test_closed_inputs_and_outputs_are_no_fault(command: str, code: int, told: list[str]) -> None:
    line = f"exec {sys.executable} -m status_tracker.cli {command}"
    environment = {"PYTHONPATH": f"{ROOT / 'layer'}:{ROOT}", "STATUS_TRACKER_TASK": "tests.unit.cli.shop:PIPELINE"}
    done = subprocess.run(["/bin/sh", "-c", line], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr.splitlines()) == (code, told)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["ls", "--limit", "many"], "Invalid value for '--limit': 'many' is not a whole number."),
        (["watch", "--interval", "soon"], "Invalid value for '--interval': 'soon' is not a number."),
    ],
)
def test_option_of_another_type_is_refused(run: object, options: list[str], told: str) -> None:
    assert callable(run)
    answer = run(*options)
    assert (answer.code, told in answer.err) == (2, True)
