"""
Textract's analysis of more than one page: a job, started before Extract's attempt and known by a record in S3.

Extract's attempt alone decides what becomes of the task. What is met before it, while the job is started or waited
for, is left for it to meet again or to read in the record.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from documents.events import BadMessageError, DocumentUploaded
from documents.results import find_result, write_result
from documents.source import fetch_document
from documents.textract_errors import EXPIRED_JOB, TEXTRACT_ERRORS
from documents.textract_files import fits_one_call, refuse_what_textract_cannot_read
from status_tracker import NonRetryableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_textract import TextractClient

    from documents.settings import ExtractSettings
    from status_tracker import BaseTask

RECORD = "textract-job.json"
_USABLE = frozenset({"IN_PROGRESS", "SUCCEEDED"})


@dataclass(frozen=True)
class AnalysisJob:
    """
    The newest job of a task: the `nth` that its run has started, counted from 1, or why none could be started.

    Kept beside the task's results, where a retry and a later run find it.
    """

    run: int
    nth: int
    job_id: str | None = None
    refused: str | None = None


def find_job(s3: S3Client, bucket: str, task_id: str) -> AnalysisJob | None:
    """The record of the task's newest job; None where none was ever begun."""
    stored = find_result(s3, bucket, task_id, RECORD)
    return None if stored is None else AnalysisJob(**stored)


def begin_analysis(
    textract: TextractClient, s3: S3Client, settings: ExtractSettings, task: BaseTask | None, task_id: str, run: int
) -> str | None:
    """
    Have the document analysed, unless a job of it is under way or has succeeded; returns the id of the job.

    None is returned where there is nothing to wait for: the task is not one to be worked on, the document takes no job,
    or none can be started. Safe to repeat, and at the same time too: it is the same job.

    Raises `ServiceBusyError` where Textract has no room for a job now; nothing is counted against the task.
    """
    upload = _document_to_analyse(s3, settings, task)
    if upload is None:
        return None
    known = find_job(s3, settings.result_bucket, task_id)
    if known is not None and known.job_id is not None and _is_usable(textract, known.job_id):
        return known.job_id
    if known is not None and known.run == run and known.refused is not None:
        return None
    nth = known.nth + 1 if known is not None and known.run == run else 1
    try:
        job_id = _start(textract, settings.document_bucket, upload, token=_token(task_id, run, nth))
        job = AnalysisJob(run, nth, job_id=job_id)
    except NonRetryableError as error:
        job = AnalysisJob(run, nth, refused=str(error))
    write_result(s3, settings.result_bucket, task_id, RECORD, asdict(job))
    return job.job_id


def _document_to_analyse(s3: S3Client, settings: ExtractSettings, task: BaseTask | None) -> DocumentUploaded | None:
    if task is None or task.status not in (*task.config.startable_statuses(None), task.config.in_progress_status):
        return None
    try:
        upload = DocumentUploaded.from_task_data(task.data)
        content = fetch_document(s3, settings.document_bucket, upload, settings.max_document_bytes)
        refuse_what_textract_cannot_read(content)
    except (NonRetryableError, BadMessageError):
        return None  # Extract's attempt meets the same, and it is recorded there
    return None if fits_one_call(content) else upload


def _is_usable(textract: TextractClient, job_id: str) -> bool:
    """Whether the job may still succeed, or has; not where it is forgotten, seven days after its start."""
    try:
        with TEXTRACT_ERRORS.explained(failures=0):
            answer = textract.get_document_analysis(JobId=job_id, MaxResults=1)
    except NonRetryableError:
        return False  # what stands in the way will stand in the way of a new one, and is recorded then
    except ClientError as error:
        if error.response["Error"]["Code"] == EXPIRED_JOB:
            return False
        raise
    return answer["JobStatus"] in _USABLE


def _start(textract: TextractClient, bucket: str, upload: DocumentUploaded, *, token: str) -> str:
    request: dict[str, Any] = {"DocumentLocation": {"S3Object": {"Bucket": bucket, "Name": upload.key}}}
    with TEXTRACT_ERRORS.explained(failures=0):
        return textract.start_document_analysis(**request, FeatureTypes=["FORMS"], ClientRequestToken=token)["JobId"]


def _token(task_id: str, run: int, nth: int) -> str:
    """The same for every repetition, so that Textract answers it with the same job: 64 characters, its most."""
    return hashlib.sha256(f"{nth}\n{run}\n{task_id}".encode()).hexdigest()
