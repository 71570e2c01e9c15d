"""A cold start loads what the function uses, and no more; what is not set is told by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import documents
from tests.handlers.support import ENVIRONMENT


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


ALSO_NOT_NEEDED: dict[str, set[str]] = {
    "intake": {"pypdf", *(f"documents.{name}" for name in ("answers", "reader", "results", "source"))},
    "extract": {"documents.answering.answering", "documents.answering.answers"},
    "answer": {"pypdf", *(f"documents.{name}" for name in ("extraction", "reader", "source"))},
    "widget": {"pypdf", *(f"documents.{name}" for name in ("answers", "reader", "results", "source"))},
    "widget_actions": {"pypdf", *(f"documents.{name}" for name in ("answers", "reader", "results", "source"))},
    "backfill": {
        "pypdf",
        "status_tracker.operations.bulk",
        *(f"documents.{name}" for name in ("answers", "reader", "source")),
    },
    "bulk_rerun": {"pypdf", *(f"documents.{name}" for name in ("answers", "manifests", "reader", "source"))},
    "bulk_report": {"pypdf", "pynamodb", *(f"documents.{name}" for name in ("answers", "reader", "tasks"))},
    "start_analysis": {f"documents.{name}" for name in ("answers", "reader", "textract_reader")},  # pypdf counts pages
    "sweep": {"pypdf", *(f"documents.{name}" for name in ("answers", "reader", "results", "source"))},
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
