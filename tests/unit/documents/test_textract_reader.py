"""Reading with Textract: one page in a call, more from a job, and what each of its errors means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pypdf
import pytest

from documents.textract.files import MAX_BYTES_IN_ONE_CALL, TEXTRACT_ERRORS, fits_one_call
from documents.textract.jobs import AnalysisJob, AnalysisJobs
from documents.textract.reader import AnalysisFailedError, TextractReader
from samples import make_samples
from status_tracker import NonRetryableError, Postponed
from status_tracker_ops.outages import LONGEST_PAUSE_SECONDS, ServiceBusyError, pause_seconds
from tests.support.aws_stubs import Scripted, answer
from tests.unit.documents.test_reader import make_pdf, written

PAGE = make_pdf("Total: 5")
PAGES = make_pdf("Total: 5", "Term: 24 months")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
TIFF = b"II*\x00" + bytes(50)
BEGUN = "2026-11-24T09:00:00+00:00"
JOB = AnalysisJob(0, 1, BEGUN, job_id="job-1")


@pytest.fixture
def textract() -> Scripted:
    return Scripted("textract")


class OneJob(AnalysisJobs):
    """A task with that job, and no bucket."""

    def __init__(self, job: AnalysisJob) -> None:
        self.job = job

    def known(self) -> AnalysisJob:
        return self.job

    def give_up(self, job: AnalysisJob) -> None:
        self.job = replace(job, job_id=None)

    def delete_copy(self, job: AnalysisJob) -> None:
        """There is none."""


def reader(textract: Scripted, job: AnalysisJob = JOB, **options: float) -> TextractReader:
    return TextractReader(textract.client, OneJob(job), **options)


def under_way(for_long: timedelta = timedelta()) -> AnalysisJob:
    return AnalysisJob(0, 1, (datetime.now(UTC) - for_long).isoformat(), job_id="job-1")


def scan() -> bytes:
    return make_samples.SAMPLES["hopeless-scan.pdf"]()


@pytest.mark.parametrize("content", [PAGE, PNG, b"\xff\xd8\xff" + bytes(50)])
def test_one_page_is_read_in_one_call(textract: Scripted, content: bytes) -> None:
    textract.answers("analyze_document", answer("textract_page"), Document={"Bytes": content}, FeatureTypes=["FORMS"])
    document = reader(textract).read(content)
    assert document.key_values[0].value == "PO-7788"
    assert document.usage == {"service": "textract", "pages": 1, "job_id": None, "estimated_cost_usd": None}
    textract.done()


def test_a_scan_is_read(textract: Scripted) -> None:
    textract.answers("analyze_document", answer("textract_page"))
    assert "Order number" in reader(textract).read(scan()).pages[0]


@pytest.mark.parametrize("content", [PAGES, TIFF, b"%PDF-1.7 startxref not one that PDFium can count"])
def test_more_pages_come_from_the_job_part_by_part(textract: Scripted, content: bytes) -> None:
    textract.answers("get_document_analysis", answer("textract_job_1"), JobId="job-1")
    textract.answers("get_document_analysis", answer("textract_job_2"), JobId="job-1", NextToken="b2Zmc2V0OjE=")
    textract.answers("get_document_analysis", answer("textract_job_3"), JobId="job-1", NextToken="b2Zmc2V0OjI=")
    document = reader(textract, usd_per_thousand_pages=50.0).read(content)
    assert [pair.value for pair in document.key_values if pair.key == "Governing law"] == ["Ireland"]
    assert len(document.pages) == 3
    assert document.usage == {"service": "textract", "pages": 3, "job_id": "job-1", "estimated_cost_usd": 0.15}
    textract.done()


def test_what_is_too_large_for_one_call_takes_a_job() -> None:
    assert fits_one_call(PAGE)
    assert fits_one_call(PNG)
    assert not fits_one_call(PNG + bytes(MAX_BYTES_IN_ONE_CALL))
    assert not fits_one_call(PAGES)
    assert not fits_one_call(TIFF)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"empty \(0 bytes\)"),
        (PAGE[:400], "cut off"),
        (b"plain words", "not one that Amazon Textract reads: it looks like plain text"),
        (b"PK\x03\x04" + bytes(20), "ZIP archive"),
    ],
)
def test_what_textract_cannot_read_is_not_sent_to_it(textract: Scripted, content: bytes, reason: str) -> None:
    with pytest.raises(NonRetryableError, match=reason):
        reader(textract).read(content)
    assert textract.requests == []


def test_too_many_pages_are_told_before_they_are_paid_for(textract: Scripted) -> None:
    writer = pypdf.PdfWriter()
    for _ in range(3001):
        writer.add_blank_page(10, 10)
    with pytest.raises(NonRetryableError, match="has 3,001 pages; Amazon Textract reads at most 3,000"):
        reader(textract).read(written(writer))
    assert len(pypdf.PdfReader(BytesIO(PAGES)).pages) == 2


def test_a_blank_page_has_its_reason(textract: Scripted) -> None:
    blank = {**answer("textract_page"), "Blocks": answer("textract_page")["Blocks"][:1]}
    textract.answers("analyze_document", blank)
    with pytest.raises(NonRetryableError, match="found no text on any page"):
        reader(textract).read(PAGE)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("UnsupportedDocumentException", "does not support this file"),
        ("BadDocumentException", "it is damaged"),
        ("DocumentTooLargeException", "too large for Amazon Textract"),
        ("InvalidS3ObjectException", "could not read its copy of the document"),
        ("InvalidParameterException", "refused the request"),
        ("AccessDeniedException", "may not use Amazon Textract"),
    ],
)
def test_what_no_retry_mends_has_a_reason_for_people(textract: Scripted, code: str, reason: str) -> None:
    textract.fails("analyze_document", code)
    with pytest.raises(NonRetryableError, match=rf"{reason}.*\({code}: as AWS words it\)"):
        reader(textract).read(PAGE)


@pytest.mark.parametrize("code", sorted(TEXTRACT_ERRORS.busy))
@pytest.mark.parametrize("operation", ["analyze_document", "get_document_analysis"])
def test_a_busy_service_is_left_alone_for_a_while(textract: Scripted, code: str, operation: str) -> None:
    textract.fails(operation, code)
    with pytest.raises(ServiceBusyError, match=f"Amazon Textract is busy.*{code}") as busy:
        reader(textract).read(PAGE if operation == "analyze_document" else PAGES)
    assert 30 <= busy.value.retry_after <= 60


def test_other_errors_go_through_as_they_are(textract: Scripted) -> None:
    textract.fails("analyze_document", "SomethingNewException")
    with pytest.raises(textract.client.exceptions.ClientError, match="SomethingNewException"):
        reader(textract).read(PAGE)


def test_pauses_grow_with_the_setbacks_up_to_an_hour() -> None:
    pauses = [pause_seconds(setbacks) for setbacks in (0, 1, 2, 3, 50, 10**9)]
    for pause, longest in zip(pauses, (60, 240, 960, LONGEST_PAUSE_SECONDS, 3600, 3600), strict=True):
        assert longest / 2 <= pause <= longest


@pytest.mark.parametrize(
    ("name", "job", "reason"),
    [
        ("textract_in_progress", under_way(timedelta(hours=2, seconds=1)), "has not finished job job-1 in two hours"),
        ("textract_failed", under_way(), r"job job-1 is FAILED \(Internal error while reading the document\)"),
    ],
    ids=["hangs", "failed"],
)
def test_a_job_that_has_not_succeeded_is_begun_anew(
    textract: Scripted, name: str, job: AnalysisJob, reason: str
) -> None:
    textract.answers("get_document_analysis", answer(name))
    jobs = OneJob(job)
    with pytest.raises(AnalysisFailedError, match=reason):
        TextractReader(textract.client, jobs).read(PAGES)
    assert jobs.job == replace(job, job_id=None)


def test_a_job_that_is_under_way_is_waited_for(textract: Scripted) -> None:
    textract.answers("get_document_analysis", answer("textract_in_progress"))
    with pytest.raises(Postponed, match=r"is reading the document; .*\(job job-1\)") as postponed:
        reader(textract, under_way(timedelta(minutes=119)), setbacks=1).read(PAGES)
    assert 120 <= postponed.value.retry_after <= 240


def test_a_part_does_not_pass_for_the_whole(textract: Scripted) -> None:
    textract.answers("get_document_analysis", answer("textract_partial"))
    with pytest.raises(NonRetryableError, match=r"only a part of the document, not pages 2, 3 \(INTERNAL_ERROR\)"):
        reader(textract).read(PAGES)


def test_results_that_are_forgotten_are_begun_anew(textract: Scripted) -> None:
    textract.fails("get_document_analysis", "InvalidJobIdException")
    with pytest.raises(AnalysisFailedError, match="does not know job job-1 any more: it keeps results for seven days"):
        reader(textract).read(PAGES)


def test_an_answer_that_never_ends_is_not_followed_for_ever(textract: Scripted) -> None:
    textract.answers("get_document_analysis", answer("textract_job_1"))
    textract.answers("get_document_analysis", answer("textract_job_1"), NextToken="b2Zmc2V0OjE=")
    with pytest.raises(AnalysisFailedError, match="answers for ever"):
        reader(textract).read(PAGES)


def test_why_no_job_could_be_started_is_the_reason(textract: Scripted) -> None:
    with pytest.raises(NonRetryableError, match="an XFA form"):
        reader(textract, AnalysisJob(0, 1, BEGUN, refused="an XFA form")).read(PAGES)
