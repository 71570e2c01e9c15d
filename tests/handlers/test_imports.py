"""A cold start loads what the function uses, and no more; what is not set is told by name."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.handlers.support import ENVIRONMENT

TEXTRACT = {"documents.textract_reader", "documents.textract_jobs", "documents.textract_blocks"}
BEDROCK = {"documents.bedrock_answerer", "documents.bedrock_prompt", "documents.quotes", "fastjsonschema"}


def run(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path[:] = {sys.path!r}\n{code}"
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)  # noqa: S603


@pytest.mark.parametrize(
    ("function", "not_needed"),
    [
        ("intake", {"pypdf", "documents.answers", "sqlalchemy", "pydantic", "aws_xray_sdk", *TEXTRACT, *BEDROCK}),
        ("extract", {"documents.answers", "sqlalchemy", "pydantic", "aws_xray_sdk", *TEXTRACT, *BEDROCK}),
        ("answer", {"pypdf", "sqlalchemy", "pydantic", "aws_xray_sdk", *TEXTRACT, *BEDROCK}),
        ("start_analysis", {"documents.answers", "sqlalchemy", "pydantic", "documents.textract_reader", *BEDROCK}),
    ],
)
def test_what_is_imported(function: str, not_needed: set[str]) -> None:
    ran = run(f"import {function}; print(*(set({not_needed!r}) & set(sys.modules)))", ENVIRONMENT)
    assert (ran.returncode, ran.stderr, ran.stdout.split()) == (0, "", [])


def test_a_function_without_its_table_says_so() -> None:
    ran = run("import intake", {**ENVIRONMENT, "TASK_TABLE_NAME": ""})
    assert ran.returncode != 0
    assert "TASK_TABLE_NAME is missing or empty" in ran.stderr
