"""The plugin in a project of a user's, outside of the checkout, by pytest as the user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.projects import run_pytest

APPLICATION = Path(__file__).with_name("application.py")
SETTINGS = "[pytest]\nfilterwarnings = error\n"
ISOLATED = """
import pytest
from application import ENGINE, ExtractTask, Job, extract, run

@pytest.mark.parametrize("nth", range(8))
def test_nothing_is_left_of_another_test(tracker_memory, nth):
    assert ExtractTask.get_one_or_none("d-1") is None
    assert not Job.query_by_status(ENGINE, 40)
    extract("d-1")
    run("j-1")
    assert ExtractTask.count_tasks_by_use_case_id() == len(Job.query_by_status(ENGINE, 40)) == 1
"""
WITHIN_MOTO = """
import boto3
import pytest
from application import ExtractTask, extract
from moto import mock_aws

@pytest.fixture(scope="session", autouse=True)
def aws():
    with mock_aws():
        boto3.client("s3", "us-east-1").create_bucket(Bucket="results")
        ExtractTask.Meta.host = None
        ExtractTask.create_table(wait=True, billing_mode="PAY_PER_REQUEST")
        extract("d-0")
        yield

@pytest.mark.parametrize("nth", range(2))
def test_nothing_is_left_of_another_test(tracker_memory, nth):
    assert [ExtractTask.get_one_or_none(task_id) for task_id in ("d-0", "d-1")] == [None, None]
    extract("d-1")
    assert [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]] == ["results"]

def test_what_was_there_is_there_afterwards():
    assert ExtractTask.count_tasks_by_use_case_id() == 1
    assert ExtractTask.get_one_or_none("d-1") is None
"""
WITHOUT_IT = """
import sys

def test_the_library_is_not_imported():
    assert [name for name in sys.modules if name.split(".")[0] == "status_tracker"] == []
"""
WITHOUT_MOTO = """
import sys
import pytest
from application import ENGINE, Job, extract, run

sys.modules["moto"] = None

def test_moto_is_needed_for_dynamodb_only(tracker_memory):
    run("j-1")
    with pytest.raises(ImportError, match=r"pip install 'status-tracker\\[testing\\]'"):
        extract("d-1")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "application.py").write_text(APPLICATION.read_text())
    return tmp_path


def test_tests_are_isolated_also_under_xdist(project: Path) -> None:
    (project / "test_isolated.py").write_text(ISOLATED)
    assert "8 passed" in run_pytest(project)
    assert "8 passed" in run_pytest(project, "-n", "2")


def test_tests_are_isolated_also_within_moto_of_the_session(project: Path) -> None:
    (project / "test_within_moto.py").write_text(WITHIN_MOTO)
    assert "3 passed" in run_pytest(project)


def test_a_project_that_does_not_use_it_imports_nothing_of_it(project: Path) -> None:
    (project / "test_without_it.py").write_text(WITHOUT_IT)
    assert "1 passed" in run_pytest(project)


def test_only_dynamodb_needs_moto(project: Path) -> None:
    (project / "test_without_moto.py").write_text(WITHOUT_MOTO)
    assert "1 passed" in run_pytest(project)


def test_both_fixtures_are_listed_with_what_they_do(project: Path) -> None:
    printed = run_pytest(project, "--fixtures")
    assert "Keep in memory what the test's code tracks" in printed
    assert "AWS on moto in this process" in printed
