"""Extract with Textract: the analysis is begun before the attempt, known by its record, and begun anew when lost."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

import status_tracker as st
from documents import aws
from documents.storage import result_key
from documents.textract.jobs import LONGEST_JOB, copy_key
from documents.textract.reader import AnalysisFailedError
from status_tracker_ops.clients import s3_client
from status_tracker_ops.outages import ServiceBusyError
from tests.handlers.support import RESULT_BUCKET, FakeContext
from tests.support.aws_stubs import Scripted, answer
from tests.unit.documents.test_reader import make_pdf

if TYPE_CHECKING:
    from tests.handlers.support import Application, Log, MetricsReader, Time

PAGE = make_pdf("Total: 5")
PAGES = make_pdf("Total: 5", "Term: 24 months")
OTHER_PAGES = make_pdf("Total: 999", "Term: 1 month")


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

    def is_read(self, name: str, job_id: str) -> None:
        """What the attempt is told of the job."""
        self.textract.answers("get_document_analysis", answer(name), JobId=job_id)

    def gives_results(self, job_id: str = "job-1") -> None:
        tokens: list[dict[str, str]] = [{}, {"NextToken": "b2Zmc2V0OjE="}, {"NextToken": "b2Zmc2V0OjI="}]
        for number, token in enumerate(tokens, 1):
            name = f"textract_job_{number}"
            self.textract.answers("get_document_analysis", answer(name), JobId=job_id, **token)

    def location(self, nth: int = -1) -> dict[str, str]:
        """Where Textract was told to read by one of the requests for a job."""
        asked = [each for each in self.textract.requests if "DocumentLocation" in each]
        place: dict[str, str] = asked[nth]["DocumentLocation"]["S3Object"]
        return place

    def what_it_reads(self, nth: int = -1) -> bytes:
        place = self.location(nth)
        content: bytes = self.app.s3.get_object(Bucket=place["Bucket"], Key=place["Name"])["Body"].read()
        return content

    def copies(self) -> list[str]:
        found = self.app.s3.list_objects_v2(Bucket=RESULT_BUCKET, Prefix="analyses/").get("Contents", [])
        return [each["Key"] for each in found]

    def record(self, task_id: str) -> Any:
        key = result_key(task_id, "textract-job.json")
        return json.loads(self.app.s3.get_object(Bucket=RESULT_BUCKET, Key=key)["Body"].read())

    def begun(self, task_id: str, ago: timedelta) -> None:
        """Let the record of the job be so old."""
        record = {**self.record(task_id), "begun_at": (datetime.now(UTC) - ago).isoformat()}
        key = result_key(task_id, "textract-job.json")
        self.app.s3.put_object(Bucket=RESULT_BUCKET, Key=key, Body=json.dumps(record).encode())


@pytest.fixture
def with_textract(app: Application, monkeypatch: pytest.MonkeyPatch) -> WithTextract:
    textract = Scripted("textract")
    start_module = importlib.import_module("start_analysis")
    monkeypatch.setenv("READER", "textract")
    monkeypatch.setenv("TEXTRACT_USD_PER_THOUSAND_PAGES", "50")
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
    assert with_textract.location() == {"Bucket": RESULT_BUCKET, "Name": copy_key(task_id, 0, 1)}
    assert request["FeatureTypes"] == ["FORMS"]
    record = with_textract.record(task_id)
    assert datetime.now(UTC) - datetime.fromisoformat(record.pop("begun_at")) < timedelta(minutes=5)
    assert record == {"run": 0, "nth": 1, "job_id": "job-1", "refused": None}
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
    assert with_textract.location(0) == with_textract.location(1)  # or Textract refuses the token
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
    with_textract.is_read("textract_failed", "job-1")
    with pytest.raises(AnalysisFailedError):
        with_textract.extract(task_id)
    task = with_textract.app.task(task_id)
    assert (task.status, task.retry) == (30, 1)
    assert "job job-1 is FAILED" in task.errors["history"][0]["error"]
    with_textract.begins("job-2")
    with_textract.start(task_id)
    with_textract.gives_results("job-2")
    with_textract.extract(task_id)
    assert with_textract.app.task(task_id).data["extracted"]["usage"]["job_id"] == "job-2"


def test_an_execution_from_before_textract_was_chosen_has_its_attempt_begin_the_job(
    with_textract: WithTextract, time: Time
) -> None:
    """It goes on by the definition that it began with, in which nothing comes before Extract."""
    task_id = with_textract.app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    for nth in range(1, 8):  # more often than attempts would be allowed
        if nth > 1:
            with_textract.is_read("textract_in_progress", "job-1")
        with pytest.raises(st.Postponed, match="Amazon Textract is reading the document"):
            with_textract.extract(task_id)
        task = with_textract.app.task(task_id)
        assert (task.status, task.retry, task.errors["postponed"]["times"]) == (10, 0, nth)
        with pytest.raises(st.TaskNotDueError):
            with_textract.extract(task_id)
        time.later += timedelta(hours=1)
    assert with_textract.what_it_reads() == PAGES
    with_textract.gives_results()
    with_textract.extract(task_id)
    assert with_textract.app.task(task_id).data["extracted"]["usage"]["job_id"] == "job-1"
    with_textract.textract.done()


def test_such_an_attempt_that_fails_by_its_job_has_another_next_time(with_textract: WithTextract, time: Time) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    for nth, problem in enumerate(("textract_failed", "hangs", "expired"), 1):
        with_textract.begins(f"job-{nth}")
        with pytest.raises(st.Postponed):
            with_textract.extract(task_id)
        time.later += timedelta(hours=1)
        if problem == "hangs":
            with_textract.begun(task_id, LONGEST_JOB + timedelta(seconds=1))
            with_textract.is_read("textract_in_progress", f"job-{nth}")
        elif problem == "expired":
            with_textract.textract.fails("get_document_analysis", "InvalidJobIdException")
        else:
            with_textract.is_read(problem, f"job-{nth}")
        with pytest.raises(AnalysisFailedError):
            with_textract.extract(task_id)
        assert len(with_textract.app.task(task_id).errors["history"]) == nth
    with pytest.raises(st.TaskIgnoredError):
        with_textract.extract(task_id)
    assert with_textract.start(task_id) is None  # and costs nothing more
    tokens = [each["ClientRequestToken"] for each in with_textract.textract.requests if "ClientRequestToken" in each]
    assert len(set(tokens)) == 3
    with_textract.textract.done()


def test_such_an_attempt_waits_for_a_busy_textract_as_for_any_outage(with_textract: WithTextract, time: Time) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    pauses = []
    for _ in range(5):
        with_textract.textract.fails("start_document_analysis", "LimitExceededException")
        with pytest.raises(st.Postponed, match="Amazon Textract is busy"):
            with_textract.extract(task_id)
        task = with_textract.app.task(task_id)
        pauses.append((task.not_before - time()).total_seconds())
        time.later += timedelta(hours=1)
    assert (task.status, task.retry) == (10, 0)
    assert pauses[0] <= 60 < pauses[1] <= 240 < pauses[2]


def test_such_an_attempt_tells_why_no_job_can_be_started(with_textract: WithTextract) -> None:
    task_id = with_textract.app.register("form.pdf", PAGES)
    with_textract.textract.fails("start_document_analysis", "UnsupportedDocumentException")
    with pytest.raises(st.NonRetryableError, match="does not support this file"):
        with_textract.extract(task_id)
    assert with_textract.app.task(task_id).status == 50
    assert with_textract.copies() == []


def test_why_no_job_can_be_started_is_told_by_the_attempt(with_textract: WithTextract, log: Log) -> None:
    task_id = with_textract.app.register("form.pdf", PAGES)
    with_textract.textract.fails("start_document_analysis", "UnsupportedDocumentException")
    assert with_textract.start(task_id) is None
    assert log.line("No analysis to wait for")["task_id"] == task_id
    assert with_textract.copies() == []
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


def test_r19_a_throttled_attempt_is_postponed(with_textract: WithTextract) -> None:
    task_id = with_textract.app.register("scan.pdf", PAGE)
    with_textract.textract.fails("analyze_document", "ProvisionedThroughputExceededException")
    with pytest.raises(st.Postponed, match="Amazon Textract is busy"):
        with_textract.extract(task_id)
    task = with_textract.app.task(task_id)
    assert (task.status, task.retry, task.errors["postponed"]["times"]) == (10, 0, 1)
    with pytest.raises(st.TaskNotDueError):
        with_textract.extract(task_id)


def test_r19_no_document_for_a_job_is_waited_for_outside_of_the_attempt(
    with_textract: WithTextract, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    away = ClientError(
        {"Error": {"Code": "SlowDown", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "GetObject"
    )

    def refuse(**_: object) -> None:
        raise away

    monkeypatch.setattr(s3_client(), "get_object", refuse)
    with pytest.raises(ServiceBusyError) as busy:
        with_textract.start(task_id)
    assert type(busy.value) is ServiceBusyError  # what Step Functions matches
    assert with_textract.app.task(task_id).status == 10


def test_r20_no_job_is_begun_while_extract_is_paused(with_textract: WithTextract) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    pipeline = with_textract.app.tasks.PIPELINE
    pipeline.pause("Extract", reason="quota")
    try:
        with pytest.raises(st.TaskPausedError, match="quota"):
            with_textract.start(task_id)
        assert with_textract.textract.requests == []
    finally:
        pipeline.resume()
    with_textract.begins("job-1")
    assert with_textract.start(task_id) == "job-1"


@pytest.mark.parametrize("content", [b"", b"plain words", PAGES[:500]])
def test_what_need_not_be_sent_is_told_by_the_attempt(with_textract: WithTextract, content: bytes) -> None:
    task_id = with_textract.app.register("bad.pdf", content)
    assert with_textract.start(task_id) is None
    with pytest.raises(st.NonRetryableError):
        with_textract.extract(task_id)
    assert with_textract.app.task(task_id).status == 50


def test_a_document_replaced_during_its_job_is_not_read_for_the_old_one(with_textract: WithTextract) -> None:
    """Textract reads whenever it comes to it: what it finds are the task's own bytes, whatever lies under its key."""
    app = with_textract.app
    task_id = app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    with_textract.start(task_id)
    app.upload("contract.pdf", OTHER_PAGES)
    assert with_textract.what_it_reads() == PAGES
    with pytest.raises(st.NonRetryableError, match="replaced by a newer upload"):
        with_textract.extract(task_id)
    app.upload("contract.pdf", PAGES)  # and put back
    app.tasks.ExtractTask.rerun(task_id, reason="it is back")
    with_textract.is_asked("textract_job_1")
    assert with_textract.start(task_id, run=1) == "job-1"
    with_textract.gives_results()
    with_textract.extract(task_id, run=1)
    assert app.task(task_id).status == 40


def test_a_document_of_the_same_name_has_its_own_copy(with_textract: WithTextract) -> None:
    first = with_textract.app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    with_textract.start(first)
    second = with_textract.app.register("contract.pdf", OTHER_PAGES)
    with_textract.begins("job-2")
    with_textract.start(second)
    assert (with_textract.what_it_reads(0), with_textract.what_it_reads(1)) == (PAGES, OTHER_PAGES)


def test_the_copy_goes_when_it_has_been_read(with_textract: WithTextract, time: Time) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    with_textract.start(task_id)
    assert len(with_textract.copies()) == 1
    with_textract.is_read("textract_in_progress", "job-1")
    with pytest.raises(st.Postponed):
        with_textract.extract(task_id)
    assert len(with_textract.copies()) == 1  # a job may still read it
    time.later += timedelta(hours=1)
    with_textract.gives_results()
    with_textract.extract(task_id)
    assert with_textract.copies() == []
    assert with_textract.app.task(task_id).status == 40


def test_a_copy_that_cannot_be_deleted_is_left_to_the_bucket(
    with_textract: WithTextract, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    with_textract.start(task_id)
    with_textract.gives_results()
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteObject")

    def refuse(**_: object) -> None:
        raise denied

    monkeypatch.setattr(s3_client(), "delete_object", refuse)
    with_textract.extract(task_id)
    assert with_textract.app.task(task_id).status == 40
    assert "The copy that Amazon Textract has read is still there: " in caplog.text
    assert "AccessDenied" in caplog.text


def test_another_job_is_begun_where_one_hangs(with_textract: WithTextract) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    with_textract.begins("job-1")
    with_textract.start(task_id)
    for nth in (2, 3):
        with_textract.begun(task_id, LONGEST_JOB - timedelta(minutes=1))
        with_textract.is_asked("textract_in_progress", f"job-{nth - 1}")
        assert with_textract.start(task_id) == f"job-{nth - 1}"
        with_textract.begun(task_id, LONGEST_JOB + timedelta(seconds=1))
        with_textract.is_asked("textract_in_progress", f"job-{nth - 1}")
        with_textract.begins(f"job-{nth}")
        assert with_textract.start(task_id) == f"job-{nth}"
        assert with_textract.record(task_id)["nth"] == nth
    with_textract.begun(task_id, 2 * LONGEST_JOB)
    with_textract.is_asked("textract_job_1", "job-3")  # however late, what has succeeded is used
    assert with_textract.start(task_id) == "job-3"
    with_textract.textract.done()


def test_jobs_that_hang_are_attempts_and_end(with_textract: WithTextract) -> None:
    task_id = with_textract.app.register("contract.pdf", PAGES)
    for nth in range(1, 4):
        with_textract.begins(f"job-{nth}")
        assert with_textract.start(task_id) == f"job-{nth}"
        with_textract.begun(task_id, LONGEST_JOB + timedelta(seconds=1))
        with_textract.is_read("textract_in_progress", f"job-{nth}")
        with pytest.raises(AnalysisFailedError, match="in two hours"):
            with_textract.extract(task_id)
    assert with_textract.start(task_id) is None
    with pytest.raises(st.TaskIgnoredError):
        with_textract.extract(task_id)
    with_textract.textract.done()


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
