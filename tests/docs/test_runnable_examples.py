"""The examples run, each as a newcomer runs it: in a process of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.engines import Engine
from tests.support.projects import run_python

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TRACE = ("start Task(", "set status 'in_progress' and lock the task.", "task succeeded, set status 'success'")


def _run(name: str, *arguments: str, **environment: str) -> str:
    """What the example prints."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    command = ["-W", "error", str(EXAMPLES / f"{name}.py"), *arguments]
    return run_python(command, environment={**inherited, "PYTHONIOENCODING": "utf-8", **environment})


def _assert_in_order(printed: str, *expected: str) -> None:
    """Each of these is printed after the one before it."""
    position = 0
    for text in expected:
        found = printed.find(text, position)
        assert found >= 0, f"{text!r} is not printed after character {position} of:\n{printed}"
        position = found + len(text)


def test_documents() -> None:
    _assert_documents(_run("documents"))


def _assert_documents(printed: str) -> None:
    _assert_in_order(
        printed,
        "ReadStatus.pending.values()=[10, 20, 30, 40, 50]",
        "contract.pdf: pending, free, retry=0, data={'pages': 0}, failures=0",
        *TRACE[:2],
        "contract.pdf: in_progress, locked",
        TRACE[2],
        "status=40)) (aka 'succeeded')",
        "contract.pdf: succeeded, free, retry=0, data={'pages': 12}, failures=0",
        "-> TaskAlreadySucceedError: Task(use_case_id='documents', task_id='contract.pdf') is already succeeded",
        "contract.pdf: pending, free",
        "task failed, set stats 'failed' and unlock the task.",
        "-> UnreadablePageError: page 7 is upside down",
        "contract.pdf: failed, free, retry=1, data={'pages': 12}, failures=1",
        "contract.pdf: failed, free, retry=2, data={'pages': 12, 'answers': 2}, failures=2",
        "status=90)) (aka 'succeeded')",
        "contract.pdf: succeeded, free, retry=0, data={'pages': 12, 'answers': 3}, failures=2",
        "task failed to get lock, because it is already locked by another worker.",
        "-> TaskLockedError: Task(use_case_id='documents', task_id='offer.pdf') is locked by another worker until",
        "offer.pdf: in_progress, locked",
        "offer.pdf: succeeded, free",
        "film.pdf: failed, free, retry=1",
        "film.pdf: failed, free, retry=2",
        "task failed 3 times already, set status 'ignore' and unlock the task.",
        "film.pdf: ignored, free, retry=3, data={}, failures=3",
        "-> TaskIgnoredError: Task(use_case_id='documents', task_id='film.pdf') is ignored.",
        "3. UnreadablePageError('no pages, attempt 3')",
        "film.pdf: pending, free, retry=0, data={}, failures=3",
        "succeeded.pdf as listed: task.data={}",
        "succeeded.pdf refreshed: task.data={'code': 40}",
        "failed.pdf: failed, free, retry=0, data={'code': 30}",
        "ignored.pdf: ignored, free, retry=0, data={'code': 50}",
        "Read.count_by_status()={10: 1, 20: 1, 30: 1, 40: 1, 50: 1}",
        "documents____040____",
        "['succeeded.pdf']",
    )
    assert "never reached" not in printed


def test_documents_twice_on_the_endpoint_of_the_environment(moto_engine: Engine) -> None:
    environment = {
        "AWS_ENDPOINT_URL": moto_engine.host,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "us-east-1",
    }
    for _ in range(2):
        _assert_documents(_run("documents", "--aws", **environment))


def test_an_example_without_aws_asks_no_endpoint_of_the_environment() -> None:
    _assert_documents(_run("documents", AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_PROFILE="there-is-none"))


def test_api_tour() -> None:
    printed = _run("api_tour")
    _assert_in_order(
        printed,
        "Charge.make_key('c-1')='charges____c-1'",
        "-> ValueError: task_id is ''",
        "-> TaskIsNotInitializedError:",
        "-> TaskAlreadyExistsError:",
        "stored.data={'cents': 1250} created=False Charge.get_one_or_none('c-2')=None",
        "ctx.fence=1 ctx.task.lock_expire_time=00:01:00",
        "-> TaskLockedError:",
        "ctx.task.lock_expire_time=00:01:50",
        "ctx.task.status_name='succeeded' ctx.task.data={'cents': 1250, 'bank': 'paid'} Receipt.get('c-1').cents=1250",
        "-> BankIsBusyError: come back later",
        "-> TaskNotDueError:",
        "-> CardExpiredError: in May",
        "ctx.task.status_name='ignored' ctx.task.retry=2",
        "-> TaskIgnoredError:",
        "Charge.query_stuck()]=['c-3']",
        "slow.fence=1 ctx.fence=2 LeaseExpired(",
        "-> TaskLockLostError:",
        "-> TaskAlreadySucceedError:",
        "ctx.task.status_name='in_progress' ctx.fence=3",
        "unignore by support: a new card",
        "ignore by support: the customer has left",
        "rerun by support: and come back",
        "unlock by operations: that machine is gone",
        "Charge.count_by_status()={0: 1, 3: 1, 6: 1, 9: 2, 10: 0}",
        "Charge.query_for_unfinished()]=['c-4', 'c-5']",
        "Charge.count_tasks_by_use_case_id()=5 Charge.count_tasks_by_use_case_id('refunds')=0",
        "Charge.delete_tasks_by_use_case_id()=5 Charge.count_tasks_by_use_case_id()=0",
    )
    assert "never reached" not in printed


def test_photos_v5() -> None:
    printed = _run("photos_v5")
    _assert_in_order(
        printed,
        "beach.jpg: s00_todo, free, retry=0, data={'width': 4000}",
        "set status 's03_in_progress' and lock the task.",
        "beach.jpg: s03_in_progress, locked",
        "task succeeded, set status 's09_success' and unlock the task.",
        "beach.jpg: s09_success, free, retry=0, data={'width': 800}",
        "-> TaskAlreadySucceedError:",
        "reset: new() of a task that exists",
        "-> BrokenPhotoError: half of it is missing",
        "beach.jpg: s06_failed, free, retry=1, data={'width': 4000}, failures=1",
        """photo.errors['error']="BrokenPhotoError('half of it is missing')\"""",
        "-> TaskLockedError:",
        "-> TaskLockedError:",
        "noise.jpg: s06_failed, free, retry=1",
        "noise.jpg: s06_failed, free, retry=2",
        "noise.jpg: s10_ignore, free, retry=3, data={}, failures=3",
        "-> TaskIgnoredError:",
        "noise.jpg: s09_success, free, retry=0, data={'faces': {'found': 2}}",
        "5.jpg as listed: photo.data={}",
        "5.jpg refreshed: photo.data={'code': 10}",
        "Photo.count_items_by_job_id()=8 Photo.delete_all_by_job_id()=8 Photo.count_items_by_job_id()=0",
    )
    assert "never reached" not in printed


def test_orders_on_sqlite() -> None:
    _assert_orders(_run("orders_sql"))


def test_orders_twice_on_postgresql(postgres_url: str) -> None:
    for _ in range(2):
        _assert_orders(_run("orders_sql", "--url", postgres_url))


def _assert_orders(printed: str) -> None:
    _assert_in_order(
        printed,
        "order-1: pending, free, retry=0, data={'version': 0}, parcel=None, error=None",
        "-> JobAlreadyExistsError:",
        "Successfully lock the job!",
        "-> JobLockedError:",
        "order-1: in_progress, locked",
        "job succeeded, set status = 40",
        "order-1: succeeded, free, retry=0, data={'version': 1}, parcel=parcel-1, error=None",
        "invoices: ['order-1']",
        "-> OutOfStockError: no boxes left",
        "order-2: failed, free, retry=1, data={'version': 0}, parcel=None, error=OutOfStockError('no boxes left')",
        "order-3: failed, free, retry=1",
        "order-3: failed, free, retry=2",
        "order-3: ignored, free, retry=3, data={'version': 0}, parcel=None, error=OutOfStockError('attempt 3')",
        "-> JobIgnoredError:",
        "order-2: failed, OutOfStockError('no boxes left')",
        "order-3: ignored, OutOfStockError('attempt 3')",
        "{'failed': 1, 'succeeded': 1, 'ignored': 1}",
        "shipped: 20 parcels, the most often shipped one 1 time",
        "parcel-7: pending, run=1, nobody was at home",
    )
    assert "-> OutOfStockError: attempt" not in printed
    assert "never reached" not in printed


@pytest.fixture(scope="module")
def reports() -> str:
    return _run("reports")


@pytest.mark.parametrize("kind", ["Report", "ReportInS3"])
def test_reports_one_worker_at_a_time(reports: str, kind: str) -> None:
    _assert_in_order(
        reports,
        f"=== {kind}: created",
        "may: pending, free, attempts=0, pages=0, data={}, error=None",
        "may: in_progress, locked, attempts=1",
        "may: succeeded, free, attempts=1, pages=12, data={'title': 'May'}, error=None",
        "-> TaskAlreadyExistsError:",
        "-> TaskAlreadySucceedError:",
        f"=== {kind}: one worker at a time",
        f"-> TaskLockedError: Task(use_case_id='{kind}', task_id='july') is locked by another worker until",
        f"-> TaskLockLostError: Task(use_case_id='{kind}', task_id='july') is not held by this worker any more",
        "july: succeeded, free, attempts=2, pages=3, data={}, error=LeaseExpired(",
    )
    assert "never reached" not in reports


def test_reports_exhausted_and_without_a_block(reports: str) -> None:
    _assert_in_order(
        reports,
        "('exhausted', 30), ('succeeded', 40), ('ignored', 50)] Report.get_expire()=900 Report.get_max_attempts()=3",
        "june: failed, free, attempts=1, pages=0, data={}, error=NoNumbersError('attempt 1')",
        "set status = 30 (🚫 exhausted) and 🔐 unlock the task.",
        "june: exhausted, free, attempts=3, pages=0",
        "-> TaskExhaustedError:",
        "june: succeeded, free, attempts=4, pages=7",
        "3 failures on record",
        "august: in_progress, locked, attempts=1",
        "report.is_locked(lock=report.lock)=False",
        "august: failed, free, attempts=1, pages=0, data={}, error=NoNumbersError('not yet')",
        "august: succeeded, free, attempts=2, pages=5",
        '"pages": 12',
    )


def test_testing_your_own() -> None:
    assert "6 passed" in _run("testing_your_own", PYTEST_ADDOPTS="")


def test_every_example_stands_in_the_list_and_is_run_here() -> None:
    listed = (EXAMPLES / "README.md").read_text("utf-8")
    tests = Path(__file__).read_text("utf-8")
    names = {path.stem for path in EXAMPLES.glob("*.py")} - {"common"}
    assert [name for name in sorted(names) if f"]({name}.py)" not in listed or f'_run("{name}"' not in tests] == []
