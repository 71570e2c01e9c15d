"""A cold start loads what the function uses, and no more; what is not set is told by name."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import documents
from tests.handlers.support import ENVIRONMENT
from tests.infra.expected import STEPS


def run(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path[:] = {sys.path!r}\n{code}"
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)  # noqa: S603


NOBODY_NEEDS = {
    *("aws_xray_sdk", "boto3", "pydantic", "pytest", "rich", "s3transfer", "sqlalchemy", "typer", "yaml"),
    *("mypy_boto3_dynamodb", "mypy_boto3_s3", "mypy_boto3_stepfunctions", "aws_lambda_powertools.utilities.typing"),
    *(f"status_tracker.{part}" for part in ("abstract", "cli", "compat", "scale", "sql", "testing")),
    # By the settings of the tests; see below for those who choose them.
    *("documents.textract.reader", "documents.textract.blocks"),
    *(
        "documents.answering.bedrock_answerer",
        "documents.answering.bedrock_prompt",
        "documents.answering.quotes",
        "fastjsonschema",
    ),
}


READING = {"pypdf", "documents.extraction", "documents.reading.reader"}
ANSWERING = {"documents.answering.answering", "documents.answering.answers"}
DOCUMENTS = READING | ANSWERING
"""What only the steps themselves need."""
RESULTS = "documents.storage"
MACHINES = {"status_tracker_ops.bulk.runs", "status_tracker_ops.bulk.work", "status_tracker.operations.bulk"}
SWEEP_AND_WIDGET = {"status_tracker_ops.sweep.run", "status_tracker_ops.widget.console"}

ONLY_ITS_OWN = {"Extract": READING, "Answer": ANSWERING}

ALSO_NOT_NEEDED: dict[str, set[str]] = {
    "intake": {RESULTS, *DOCUMENTS, *MACHINES, *SWEEP_AND_WIDGET},
    **{
        step.handler.removesuffix(".handler"): {
            *(DOCUMENTS - ONLY_ITS_OWN.get(name, set())),
            *MACHINES,
            *SWEEP_AND_WIDGET,
        }
        for name, step in STEPS.items()
    },
    "widget": {RESULTS, *DOCUMENTS, *MACHINES, "status_tracker_ops.sweep.run"},
    "widget_actions": {RESULTS, *DOCUMENTS, *MACHINES, "status_tracker_ops.sweep.run"},
    "backfill": {RESULTS, *DOCUMENTS, "status_tracker.operations.bulk", *SWEEP_AND_WIDGET},
    "bulk_rerun": {RESULTS, *DOCUMENTS, "status_tracker_ops.intake.manifests", *SWEEP_AND_WIDGET},
    "bulk_report": {"pynamodb", RESULTS, "documents.tasks", *DOCUMENTS, *SWEEP_AND_WIDGET},
    "start_analysis": {"documents.reading.reader", *ANSWERING, *MACHINES, *SWEEP_AND_WIDGET},  # pypdf counts pages
    "sweep": {RESULTS, *DOCUMENTS, *MACHINES, "status_tracker_ops.widget.console"},
}


@pytest.mark.parametrize(("function", "not_needed"), ALSO_NOT_NEEDED.items())
def test_what_is_imported(function: str, not_needed: set[str]) -> None:
    unwanted = NOBODY_NEEDS | not_needed
    ran = run(f"import {function}; print(*(set({unwanted!r}) & set(sys.modules)))", ENVIRONMENT)
    assert (ran.returncode, ran.stderr, ran.stdout.split()) == (0, "", [])


def test_every_function_is_looked_at() -> None:
    functions = {path.stem for path in Path(documents.__path__[0]).parent.glob("*.py")}
    assert functions == set(ALSO_NOT_NEEDED)


def test_a_function_without_its_table_says_so() -> None:
    ran = run("import intake", {**ENVIRONMENT, "TASK_TABLE_NAME": ""})
    assert ran.returncode != 0
    assert "TASK_TABLE_NAME is missing or empty" in ran.stderr


def test_what_is_looked_for_exists() -> None:
    for name in {name for names in ALSO_NOT_NEEDED.values() for name in names}:
        assert find_spec(name) is not None, name
