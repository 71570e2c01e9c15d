"""
Textract's analysis of more than one page: a job, started before Extract's attempt and known by a record in S3.

A job reads its document when Textract comes to it, and by then another may lie under the same key. So it is given a
copy of its own, in the result bucket: the very bytes that the task is about, under a key that no other job has.

Extract's attempt alone decides what becomes of the task. What is met before it, while the job is started or waited
for, is left for it to meet again or to read in the record.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from documents.settings import ANALYSIS_JOB, COPIES
from documents.storage import fetch_document, find_result, result_key, write_result
from documents.textract.files import (
    EXPIRED_JOB,
    TEXTRACT_ERRORS,
    fits_one_call,
    refuse_what_textract_cannot_read,
)
from status_tracker import NonRetryableError
from status_tracker_ops.intake.uploads import BadMessageError, Upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_textract import TextractClient

    from documents.settings import ExtractSettings
    from status_tracker import BaseTask

# The workflow stops waiting a little later (`infra/documents/textract.py`): what is then under way hangs.
LONGEST_JOB = timedelta(hours=2)

logger = logging.getLogger("documents.textract.jobs")


@dataclass(frozen=True)
class AnalysisJob:
    """
    The newest job of a task: the `nth` that its run has started, counted from 1, or why none could be started.

    `begun_at` is a time in ISO format. Kept beside the task's results, where a retry and a later run find it.
    """

    run: int
    nth: int
    begun_at: str
    job_id: str | None = None
    refused: str | None = None

    @property
    def is_overdue(self) -> bool:
        """Whether it is no longer waited for."""
        return datetime.now(UTC) - datetime.fromisoformat(self.begun_at) > LONGEST_JOB


def find_job(s3: S3Client, bucket: str, task_id: str) -> AnalysisJob | None:
    """The record of the task's newest job; None where none was ever begun."""
    stored = find_result(s3, bucket, task_id, ANALYSIS_JOB)
    return None if stored is None else AnalysisJob(**stored)


def copy_key(task_id: str, run: int, nth: int) -> str:
    """Where the job finds its copy of the document."""
    return f"{COPIES}{result_key(task_id, f'{run}-{nth}')}"


def delete_copy(s3: S3Client, bucket: str, task_id: str, job: AnalysisJob) -> None:
    """Delete the copy of a job that has read it. Where that cannot be done the bucket does it, some days later."""
    try:
        s3.delete_object(Bucket=bucket, Key=copy_key(task_id, job.run, job.nth))
    except (BotoCoreError, ClientError) as error:
        logger.warning("The copy that Amazon Textract has read is still there: %s", error)


def begin_analysis(
    textract: TextractClient, s3: S3Client, settings: ExtractSettings, task: BaseTask | None, task_id: str, run: int
) -> str | None:
    """
    Have the document analysed, unless a job of it is under way or has succeeded; returns the id of the job.

    None is returned where there is nothing to wait for: the task is not one to be worked on, the document takes no job,
    or none can be started. Safe to repeat, and at the same time too: it is the same job.

    Raises `ServiceBusyError` where Textract has no room for a job now; nothing is counted against the task.
    """
    content = _content_to_analyse(s3, settings, task)
    if content is None:
        return None
    known = find_job(s3, settings.result_bucket, task_id)
    if known is not None and known.job_id is not None and _is_usable(textract, known, known.job_id):
        return known.job_id
    if known is not None and known.run == run and known.refused is not None:
        return None
    nth = known.nth + 1 if known is not None and known.run == run else 1
    begun_at = datetime.now(UTC).isoformat(timespec="seconds")
    key = copy_key(task_id, run, nth)
    s3.put_object(Bucket=settings.result_bucket, Key=key, Body=content)
    try:
        job_id = _start(textract, settings.result_bucket, key, token=_token(task_id, run, nth))
        job = AnalysisJob(run, nth, begun_at, job_id=job_id)
    except NonRetryableError as error:
        job = AnalysisJob(run, nth, begun_at, refused=str(error))
        delete_copy(s3, settings.result_bucket, task_id, job)
    write_result(s3, settings.result_bucket, task_id, ANALYSIS_JOB, asdict(job))
    return job.job_id


def _content_to_analyse(s3: S3Client, settings: ExtractSettings, task: BaseTask | None) -> bytes | None:
    """The bytes that the task is about, where they take a job."""
    if task is None or task.status not in (*task.config.startable_statuses(None), task.config.in_progress_status):
        return None
    try:
        upload = Upload.from_task_data(task.data)
        content = fetch_document(s3, settings.document_bucket, upload, settings.max_document_bytes)
        refuse_what_textract_cannot_read(content)
    except (NonRetryableError, BadMessageError):
        return None  # Extract's attempt meets the same, and it is recorded there
    return None if fits_one_call(content) else content


def _is_usable(textract: TextractClient, job: AnalysisJob, job_id: str) -> bool:
    """Whether the job may still succeed, or has; not where it hangs, nor where it is forgotten, after seven days."""
    try:
        with TEXTRACT_ERRORS.explained(setbacks=0):
            answer = textract.get_document_analysis(JobId=job_id, MaxResults=1)
    except NonRetryableError:
        return False  # what stands in the way will stand in the way of a new one, and is recorded then
    except ClientError as error:
        if error.response["Error"]["Code"] == EXPIRED_JOB:
            return False
        raise
    status = answer["JobStatus"]
    return status == "SUCCEEDED" or (status == "IN_PROGRESS" and not job.is_overdue)


def _start(textract: TextractClient, bucket: str, key: str, *, token: str) -> str:
    request: dict[str, Any] = {"DocumentLocation": {"S3Object": {"Bucket": bucket, "Name": key}}}
    with TEXTRACT_ERRORS.explained(setbacks=0):
        return textract.start_document_analysis(**request, FeatureTypes=["FORMS"], ClientRequestToken=token)["JobId"]


def _token(task_id: str, run: int, nth: int) -> str:
    """The same for every repetition, so that Textract answers it with the same job: 64 characters, its most."""
    return hashlib.sha256(f"{nth}\n{run}\n{task_id}".encode()).hexdigest()
