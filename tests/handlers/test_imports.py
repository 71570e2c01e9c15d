"""A cold start loads what the function uses, and no more; what is not set is told by name."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import documents
from status_tracker_ops import deployed
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


READING = {"pypdfium2_raw", "documents.extraction", "documents.reading.reader"}
ANSWERING = {"documents.answering.answering", "documents.answering.answers"}
DOCUMENTS = READING | ANSWERING
"""What only the steps themselves need."""
RESULTS = "documents.storage"
MACHINES = {"status_tracker_ops.bulk.runs", "status_tracker_ops.bulk.work", "status_tracker.operations.bulk"}
SWEEP_AND_WIDGET = {"status_tracker_ops.sweep.run", "status_tracker_ops.widget.console"}

ONLY_ITS_OWN = {"Extract": READING, "Answer": ANSWERING}

OPERATING: dict[str, set[str]] = {
    "intake": {RESULTS, *DOCUMENTS, *MACHINES, *SWEEP_AND_WIDGET},
    "widget": {RESULTS, *DOCUMENTS, *MACHINES, "status_tracker_ops.sweep.run"},
    "backfill": {RESULTS, *DOCUMENTS, "status_tracker.operations.bulk", *SWEEP_AND_WIDGET},
    **{
        f"bulk_{action}": {RESULTS, *DOCUMENTS, "status_tracker_ops.intake.manifests", *SWEEP_AND_WIDGET}
        for action in ("rerun", "cancel", "delete")
    },
    "bulk_report": {"pynamodb", RESULTS, "documents.tasks", *DOCUMENTS, *SWEEP_AND_WIDGET},
    "sweep": {RESULTS, *DOCUMENTS, *MACHINES, "status_tracker_ops.widget.console"},
    "events": {RESULTS, *DOCUMENTS, *MACHINES, *SWEEP_AND_WIDGET},
}
"""The functions that operate a pipeline."""
ALSO_NOT_NEEDED: dict[str, set[str]] = {
    **{f"status_tracker_ops.deployed.{name}": not_needed for name, not_needed in OPERATING.items()},
    **{
        step.handler.removesuffix(".handler"): {
            *(DOCUMENTS - ONLY_ITS_OWN.get(name, set())),
            *MACHINES,
            *SWEEP_AND_WIDGET,
        }
        for name, step in STEPS.items()
    },
    "start_analysis": {"documents.reading.reader", *ANSWERING, *MACHINES, *SWEEP_AND_WIDGET},  # PDFium counts pages
}


@pytest.mark.parametrize(("function", "not_needed"), ALSO_NOT_NEEDED.items())
def test_what_is_imported(function: str, not_needed: set[str]) -> None:
    unwanted = NOBODY_NEEDS | not_needed
    ran = run(f"import {function}; print(*(set({unwanted!r}) & set(sys.modules)))", ENVIRONMENT)
    assert (ran.returncode, ran.stderr, ran.stdout.split()) == (0, "", [])


def test_every_function_is_looked_at() -> None:
    functions = {path.stem for path in Path(documents.__path__[0]).parent.glob("*.py")}
    assert functions | set(OPERATING) == {name.removeprefix("status_tracker_ops.deployed.") for name in ALSO_NOT_NEEDED}
    assert {path.stem for path in Path(deployed.__path__[0]).glob("*.py")} - {"__init__", "pipeline"} == set(OPERATING)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"TASK_TABLE_NAME": ""}, "TASK_TABLE_NAME is missing or empty"),
        ({"STATUS_TRACKER_TASK": ""}, "STATUS_TRACKER_TASK is missing or empty: expected module:NAME of a Pipeline"),
        ({"STATUS_TRACKER_TASK": "documents"}, "STATUS_TRACKER_TASK is 'documents': expected module:NAME"),
        ({"STATUS_TRACKER_TASK": "documents.tasks:NONE"}, "documents.tasks has no NONE: expected module:NAME"),
        ({"STATUS_TRACKER_TASK": "documents.tasks:ExtractTask"}, "has a ExtractTask that is a"),
        ({"STATUS_TRACKER_TASK": "nowhere:PIPELINE"}, "No module named 'nowhere'"),
    ],
)
def test_what_a_function_is_told_and_cannot_use_is_named(variables: dict[str, str], told: str) -> None:
    ran = run("import status_tracker_ops.deployed.intake", {**ENVIRONMENT, **variables})
    assert ran.returncode != 0
    assert told in ran.stderr


def test_what_is_looked_for_exists() -> None:
    for name in {name for names in ALSO_NOT_NEEDED.values() for name in names}:
        assert find_spec(name) is not None, name
