"""Extract with Textract: the analysis is begun before the attempt, known by its record, and begun anew when lost."""

from __future__ import annotations

import dataclasses
import importlib
import json
from typing import TYPE_CHECKING, Any

import pytest

import status_tracker as st
from documents import aws
from documents.results import result_key
from documents.service_errors import ServiceBusyError
from documents.textract_reader import AnalysisFailedError
from tests.handlers.support import DOCUMENT_BUCKET, RESULT_BUCKET, FakeContext
from tests.support.aws_stubs import Scripted, answer
from tests.unit.documents.test_reader import make_pdf

if TYPE_CHECKING:
    from tests.handlers.support import Application, Log, MetricsReader

PAGE = make_pdf("Total: 5")
PAGES = make_pdf("Total: 5", "Term: 24 months")


class WithTextract:
    """The application with Textract as its reader, as the workflow drives it."""

    def __init__(self, app: Application, textract: Scripted, start_module: Any) -> None:
        self.app = app
        self.textract = textract
        self._start_module = start_module

    def start(self, task_id: str, run: int = 0) -> str | None:
        """StartAnalysis, as the state machine invokes it."""
        job_id: str | None = self._start_module.handler({"task_id": task_id, "run": run}, FakeContext())["job_id"]
        return job_id

    def extract(self, task_id: str, run: int = 0) -> None:
        self.app.extract_module.handler({"task_id": task_id, "run": run, "analysis": {}}, FakeContext())

    def begins(self, job_id: str) -> None:
        self.textract.answers("start_document_analysis", {"JobId": job_id})

    def is_asked(self, name: str, job_id: str = "job-1") -> None:
        """The status of the job is looked up before another is begun."""
        self.textract.answers("get_document_analysis", answer(name), JobId=job_id, MaxResults=1)

    def gives_results(self, job_id: str = "job-1") -> None:
        tokens: list[dict[str, str]] = [{}, {"NextToken": "b2Zmc2V0OjE="}, {"NextToken": "b2Zmc2V0OjI="}]
        for number, token in enumerate(tokens, 1):
            name = f"textract_job_{number}"
            self.textract.answers("get_document_analysis", answer(name), JobId=job_id, **token)

    def record(self, task_id: str) -> Any:
        key = result_key(task_id, "textract-job.json")
        return json.loads(self.app.s3.get_object(Bucket=RESULT_BUCKET, Key=key)["Body"].read())


@pytest.fixture
def with_textract(app: Application, monkeypatch: pytest.MonkeyPatch) -> WithTextract:
    textract = Scripted("textract")
    start_module = importlib.import_module("start_analysis")
    settings = dataclasses.replace(
        app.extract_module.settings.__wrapped__(), reader="textract", usd_per_thousand_pages=50.0
    )
    for module in (start_module, app.extract_module):
        monkeypatch.setattr(module, "settings", lambda: settings)
    monkeypatch.setattr(aws, "textract_client", lambda: textract.client)
    monkeypatch.setattr(start_module, "textract_client", lambda: textract.client)
    return WithTextract(app, textract, start_module)


def test_one_page_needs_no_job(with_textract: WithTextract, metrics: MetricsReader) -> None:
    task_id = with_textract.app.register("scan.pdf", PAGE)
    metrics.records()
    assert with_textract.start(task_id) is None
    assert with_textract.app.task(task_id).status == 10
    with_textract.textract.answers("analyze_document", answer("textract_page"), Document={"Bytes": PAGE})
    with_textract.extract(task_id)
    task = with_textract.app.task(task_id)
    assert task.status == 40
    usage = {"service": "textract", "pages": 1, "job_id": None, "estimated_cost_usd": 0.05}
    assert task.data["extracted"]["usage"] == usage
    result = with_textract.app.result(task.data["extracted"]["result"])
    assert result["key_values"][1]["confidence"] == 91.5
    assert metrics.counts("Extract")["TaskSucceeded"] == 1


def test_more_pages_are_analysed_in_a_job_and_answered(with_textract: WithTextract) -> None:
    app = with_textract.app
    task_id = app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    assert with_textract.start(task_id) == "job-1"
    [request] = with_textract.textract.requests
    assert request["DocumentLocation"] == {"S3Object": {"Bucket": DOCUMENT_BUCKET, "Name": "contract.pdf"}}
    assert request["FeatureTypes"] == ["FORMS"]
    assert with_textract.record(task_id) == {"run": 0, "nth": 1, "job_id": "job-1", "refused": None}
    assert (app.task(task_id).status, app.task(task_id).fence) == (10, None)
    with_textract.gives_results()
    with_textract.extract(task_id)
    app.answer(task_id)
    assert app.task(task_id).data["answered"]["answers"]["governing_law"] == "Ireland"
    with_textract.textract.done()


def test_a_repeated_start_asks_for_the_same_job(with_textract: WithTextract) -> None:
    """Where the record was not written, Textract knows the job by the token; where it was, the job is looked up."""
    task_id = with_textract.app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    with_textract.start(task_id)
    with_textract.app.s3.delete_object(Bucket=RESULT_BUCKET, Key=result_key(task_id, "textract-job.json"))
    with_textract.begins("job-1")
    with_textract.start(task_id)
    tokens = [request["ClientRequestToken"] for request in with_textract.textract.requests]
    assert tokens[0] == tokens[1]
    with_textract.is_asked("textract_in_progress")
    assert with_textract.start(task_id) == "job-1"
    with_textract.textract.done()


@pytest.mark.parametrize("name", ["textract_in_progress", "textract_job_1"])
def test_a_later_run_uses_the_job_that_there_is(with_textract: WithTextract, name: str) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    with_textract.start(task_id)
    with_textract.app.tasks.ExtractTask.rerun(task_id, reason="the execution was stopped")
    with_textract.is_asked(name)
    assert with_textract.start(task_id, run=1) == "job-1"
    with_textract.gives_results()
    with_textract.extract(task_id, run=1)
    assert with_textract.app.task(task_id).status == 40


@pytest.mark.parametrize("how", ["textract_failed", "textract_partial", "expired"])
@pytest.mark.parametrize("run", [0, 1])
def test_another_job_is_begun_where_the_one_known_cannot_succeed(
    with_textract: WithTextract, how: str, run: int
) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    with_textract.start(task_id)
    if how == "expired":
        with_textract.textract.fails("get_document_analysis", "InvalidJobIdException")
    else:
        with_textract.is_asked(how)
    with_textract.begins("job-2")
    assert with_textract.start(task_id, run=run) == "job-2"
    first, *_, second = [request.get("ClientRequestToken") for request in with_textract.textract.requests]
    assert first != second
    record = with_textract.record(task_id)
    assert (record["run"], record["nth"], record["job_id"]) == (run, 2 if run == 0 else 1, "job-2")


def test_a_job_that_failed_is_an_attempt_and_the_next_job_is_read(with_textract: WithTextract) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    with_textract.start(task_id)
    with_textract.textract.answers("get_document_analysis", answer("textract_failed"))
    with pytest.raises(AnalysisFailedError):
        with_textract.extract(task_id)
    task = with_textract.app.task(task_id)
    assert (task.status, task.retry) == (30, 1)
    assert "job job-1 is FAILED" in task.errors["history"][0]["error"]
    with_textract.is_asked("textract_failed")
    with_textract.begins("job-2")
    with_textract.start(task_id)
    with_textract.gives_results("job-2")
    with_textract.extract(task_id)
    assert with_textract.app.task(task_id).data["extracted"]["usage"]["job_id"] == "job-2"


def test_what_always_fails_ends_ignored(with_textract: WithTextract) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    for _ in range(3):
        with pytest.raises(AnalysisFailedError, match="No analysis of the document was started"):
            with_textract.extract(task_id)
    with pytest.raises(st.TaskIgnoredError):
        with_textract.extract(task_id)
    assert with_textract.app.task(task_id).status == 50
    assert with_textract.start(task_id) is None  # and costs nothing more
    assert with_textract.textract.requests == []


def test_why_no_job_can_be_started_is_told_by_the_attempt(with_textract: WithTextract, log: Log) -> None:
    task_id = with_textract.app.register("form.pdf", PAGES)
    with_textract.textract.fails("start_document_analysis", "UnsupportedDocumentException")
    assert with_textract.start(task_id) is None
    assert log.line("No analysis to wait for")["task_id"] == task_id
    assert with_textract.app.task(task_id).status == 10
    assert with_textract.start(task_id) is None  # repeated, it is not tried again
    with pytest.raises(st.NonRetryableError, match="does not support this file"):
        with_textract.extract(task_id)
    assert with_textract.app.task(task_id).status == 50
    with_textract.app.tasks.ExtractTask.rerun(task_id, reason="mended")
    with_textract.begins("job-1")
    assert with_textract.start(task_id, run=1) == "job-1"


@pytest.mark.parametrize("code", ["LimitExceededException", "ThrottlingException"])
def test_no_room_for_a_job_is_no_attempt(with_textract: WithTextract, code: str) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    with_textract.textract.fails("start_document_analysis", code)
    with pytest.raises(ServiceBusyError) as busy:
        with_textract.start(task_id)
    assert type(busy.value).__name__ == "ServiceBusyError"  # what Step Functions matches
    task = with_textract.app.task(task_id)
    assert (task.status, task.retry, task.errors["history"]) == (10, 0, [])


def test_a_throttled_attempt_is_not_due_for_a_while(with_textract: WithTextract) -> None:
    task_id = with_textract.app.register("scan.pdf", PAGE)
    with_textract.textract.fails("analyze_document", "ProvisionedThroughputExceededException")
    with pytest.raises(ServiceBusyError):
        with_textract.extract(task_id)
    task = with_textract.app.task(task_id)
    assert (task.status, task.retry) == (30, 1)
    with pytest.raises(st.TaskNotDueError):
        with_textract.extract(task_id)
    assert with_textract.app.task(task_id).retry == 1


@pytest.mark.parametrize("content", [b"", b"plain words", PAGES[:500]])
def test_what_need_not_be_sent_is_told_by_the_attempt(with_textract: WithTextract, content: bytes) -> None:
    task_id = with_textract.app.register("bad.pdf", content)
    assert with_textract.start(task_id) is None
    with pytest.raises(st.NonRetryableError):
        with_textract.extract(task_id)
    assert with_textract.app.task(task_id).status == 50


def test_a_document_replaced_during_its_job_is_not_read_for_the_old_one(with_textract: WithTextract) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    with_textract.start(task_id)
    with_textract.app.upload("contract.pdf", PAGES + b"\n")
    with pytest.raises(st.NonRetryableError, match="replaced by a newer upload"):
        with_textract.extract(task_id)


def test_no_job_for_a_task_that_is_not_to_be_worked_on(with_textract: WithTextract) -> None:
    tasks = with_textract.app.tasks
    task_id = with_textract.app.register("contract.pdf", PAGES)
    tasks.ExtractTask.ignore(task_id, reason="not wanted")
    assert with_textract.start(task_id) is None
    assert with_textract.start("no such task") is None
    tasks.ExtractTask.make_and_save("by-hand", data={"key": "contract.pdf"})
    assert with_textract.start("by-hand") is None
    assert with_textract.textract.requests == []


def test_a_task_whose_worker_vanished_has_its_analysis(with_textract: WithTextract) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    with with_textract.app.tasks.ExtractTask.start(task_id):
        with_textract.begins("job-1")
        assert with_textract.start(task_id) == "job-1"


def test_without_rights_nothing_is_left_hanging(with_textract: WithTextract) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    with_textract.start(task_id)
    with_textract.textract.fails("get_document_analysis", "AccessDeniedException")
    with_textract.textract.fails("start_document_analysis", "AccessDeniedException")
    assert with_textract.start(task_id, run=1) is None
    with pytest.raises(st.NonRetryableError, match="may not use Amazon Textract"):
        with_textract.extract(task_id, run=1)
