"""Reading documents with Amazon Textract, which recognises text in images, handwriting and form fields."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from documents.textract.blocks import BlockReader
from documents.textract.files import EXPIRED_JOB, TEXTRACT_ERRORS, fits_one_call, refuse_what_textract_cannot_read
from status_tracker import NonRetryableError, Postponed
from status_tracker_ops.outages import pause_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_textract import TextractClient

    from documents.reading.extracted import ExtractedDocument
    from documents.textract.jobs import AnalysisJob, AnalysisJobs


class AnalysisFailedError(Exception):
    """There is no finished analysis to read: the workflow has it begun anew, and this attempt has failed.

    Step Functions knows it by this name (`infra/documents_stack/textract.py`).
    """


class TextractReader:
    """
    Reads PDF, PNG, JPEG and TIFF files: one page in one call, others from a job.

    Args:
        jobs: those of the task.
        setbacks: those of the task so far.
        usd_per_thousand_pages: for the estimate of the cost; None for no estimate.
    """

    def __init__(
        self,
        textract: TextractClient,
        jobs: AnalysisJobs,
        *,
        setbacks: int = 0,
        usd_per_thousand_pages: float | None = None,
    ) -> None:
        self._textract = textract
        self._jobs = jobs
        self._setbacks = setbacks
        self._usd_per_thousand_pages = usd_per_thousand_pages

    def read(self, content: bytes) -> ExtractedDocument:
        """
        Read a whole file; see `DocumentReader.read`.

        Raises `AnalysisFailedError`, which is worth a retry, and `Postponed` while a job is under way or Textract is
        busy, besides.
        """
        refuse_what_textract_cannot_read(content)
        document, job_id = self._read_page(content) if fits_one_call(content) else self._read_job(content)
        if not document.characters and not document.key_values:
            raise NonRetryableError(
                "Amazon Textract found no text on any page of the document. Check whether it is blank or too faint,"
                " scan it again with at least 150 dpi and upload that."
            )
        return dataclasses.replace(document, usage=self._usage(len(document.pages), job_id))

    def _read_page(self, content: bytes) -> tuple[ExtractedDocument, None]:
        with TEXTRACT_ERRORS.explained(self._setbacks):
            answer = self._textract.analyze_document(Document={"Bytes": content}, FeatureTypes=["FORMS"])
        blocks = BlockReader()
        blocks.add(answer["Blocks"])
        return blocks.read(answer["DocumentMetadata"]["Pages"]), None

    def _read_job(self, content: bytes) -> tuple[ExtractedDocument, str]:
        """The workflow has begun the job, and waited for it; an execution that knows no Textract has not."""
        known = self._jobs.known()
        job = known or self._jobs.begin(content)
        if job.job_id is None:
            raise NonRetryableError(job.refused)
        if known is None:
            raise self._under_way(job)
        try:
            document = self._read_results(job, job.job_id)
        except AnalysisFailedError:
            self._jobs.give_up(job)
            raise
        self._jobs.delete_copy(job)
        return document, job.job_id

    def _under_way(self, job: AnalysisJob) -> Postponed:
        pause = pause_seconds(self._setbacks)
        return Postponed(
            f"Amazon Textract is reading the document; looked at again in {pause:.0f} s or later. (job {job.job_id})",
            retry_after=pause,
        )

    def _read_results(self, job: AnalysisJob, job_id: str) -> ExtractedDocument:
        blocks = BlockReader()
        request: dict[str, Any] = {"JobId": job_id}
        seen: set[str] = set()
        while True:
            answer = self._get(request)
            self._check_finished(answer, job)
            blocks.add(answer.get("Blocks", ()))
            token = answer.get("NextToken")
            if token is None:
                return blocks.read(answer["DocumentMetadata"]["Pages"])
            if token in seen:
                raise AnalysisFailedError(f"Amazon Textract answers for ever with the same part of job {job_id}.")
            seen.add(token)
            request["NextToken"] = token

    def _get(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            with TEXTRACT_ERRORS.explained(self._setbacks):
                return self._textract.get_document_analysis(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] == EXPIRED_JOB:
                raise AnalysisFailedError(
                    f"Amazon Textract does not know job {request['JobId']} any more: it keeps results for seven days."
                ) from error
            raise

    def _usage(self, pages: int, job_id: str | None) -> dict[str, Any]:
        price = self._usd_per_thousand_pages
        cost = None if price is None else round(pages * price / 1000, 6)
        return {"service": "textract", "pages": pages, "job_id": job_id, "estimated_cost_usd": cost}

    def _check_finished(self, answer: Mapping[str, Any], job: AnalysisJob) -> None:
        status = answer["JobStatus"]
        said = f" ({message})" if (message := answer.get("StatusMessage")) else ""
        if status == "PARTIAL_SUCCESS":
            raise NonRetryableError(
                f"Amazon Textract could read only a part of the document{_unread(answer)}, and a part must not pass for"
                f" the whole. Mend those pages and upload the result, or run the task again.{said}"
            )
        if status == "IN_PROGRESS" and not job.is_overdue:
            raise self._under_way(job)
        if status == "IN_PROGRESS":
            raise AnalysisFailedError(f"Amazon Textract has not finished job {job.job_id} in two hours.")
        if status != "SUCCEEDED":
            raise AnalysisFailedError(f"Amazon Textract's job {job.job_id} is {status}{said}.")


def _unread(answer: Mapping[str, Any]) -> str:
    """Which pages it could not read, and why, by the answer's warnings; "" where it tells none."""
    told = [
        f"pages {', '.join(map(str, warning.get('Pages', ())))} ({warning.get('ErrorCode', 'no reason given')})"
        for warning in answer.get("Warnings", ())
    ]
    return f", not {' and '.join(told)}" if told else ""
