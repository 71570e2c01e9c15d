"""
Textract's analysis of more than one page: a job, known by a record in S3.

It is started before Extract's attempt, by a state of the workflow, so that nothing is held while it runs. An execution
that has no such state, because it is older than the choice of Textract, has it started by its attempt.

A job reads its document when Textract comes to it, and by then another may lie under the same key. So it is given a
copy of its own, in the result bucket: the very bytes that the task is about, under a key that no other job has.

Extract's attempt alone decides what becomes of the task. What is met before it, while the job is started or waited
for, is left for it to meet again or to read in the record.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from documents.settings import ANALYSIS_JOB, COPIES
from documents.storage import address_of, fetch_document, find_result, result_key, write_result
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

# The workflow stops waiting a little later (`infra/documents_stack/textract.py`): what is then under way hangs.
LONGEST_JOB = timedelta(hours=2)

logger = logging.getLogger("documents.textract.jobs")


@dataclass(frozen=True)
class AnalysisJob:
    """
    The newest job of a task: the `nth` that its run has started, counted from 1.

    `refused` says why none could be started. With neither an id nor that, an attempt has failed by the job, and there
    has to be another. `begun_at` is a time in ISO format. Kept beside the task's results, where a retry and a later run
    find it.
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

    def stands_for(self, run: int) -> bool:
        """Whether that run has to do with it: with a refusal only in the run that met it."""
        return self.job_id is not None or (self.refused is not None and self.run == run)


def copy_key(task_id: str, run: int, nth: int) -> str:
    """Where the job finds its copy of the document."""
    return f"{COPIES}{result_key(task_id, f'{run}-{nth}')}"


class AnalysisJobs:
    """
    The jobs of one task in one of its runs.

    Args:
        bucket: of the results, of the record and of the copies.
        setbacks: those of the task so far; with each a busy Textract is left alone for longer.
    """

    def __init__(
        self, textract: TextractClient, s3: S3Client, bucket: str, task_id: str, run: int, *, setbacks: int = 0
    ) -> None:
        self._textract = textract
        self._s3 = s3
        self._bucket = bucket
        self._task_id = task_id
        self._run = run
        self._setbacks = setbacks

    def known(self) -> AnalysisJob | None:
        """The newest job, whatever has become of it; None where none stands for this run."""
        job = self._newest()
        return job if job is not None and job.stands_for(self._run) else None

    def begin(self, content: bytes) -> AnalysisJob:
        """The next job of the run, or why there is none. Safe to repeat, at the same time too: it is the same job.

        Raises `ServiceBusyError` where Textract has no room for a job now.
        """
        before = self._newest()
        nth = before.nth + 1 if before is not None and before.run == self._run else 1
        job = AnalysisJob(self._run, nth, datetime.now(UTC).isoformat(timespec="seconds"))
        key = copy_key(self._task_id, self._run, nth)
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)
        try:
            job = replace(job, job_id=self._start(key, token=_token(self._task_id, self._run, nth)))
        except NonRetryableError as error:
            job = replace(job, refused=str(error))
            self.delete_copy(job)
        self._write(job)
        return job

    def usable_or_begun(self, content: bytes) -> AnalysisJob:
        """The job that may still succeed, or has, or why there is none; begins one where the known one cannot."""
        job = self.known()
        return job if job is not None and (job.job_id is None or self._is_usable(job)) else self.begin(content)

    def give_up(self, job: AnalysisJob) -> None:
        """An attempt has failed by that job, so that the next one has another."""
        self._write(replace(job, job_id=None))

    def delete_copy(self, job: AnalysisJob) -> None:
        """Delete the copy of a job that has read it. Where that cannot be done the bucket does it, some days later."""
        try:
            self._s3.delete_object(Bucket=self._bucket, Key=copy_key(self._task_id, job.run, job.nth))
        except (BotoCoreError, ClientError) as error:
            logger.warning("The copy that Amazon Textract has read is still there: %s", error)

    def _newest(self) -> AnalysisJob | None:
        stored = find_result(self._s3, self._address)
        return None if stored is None else AnalysisJob(**stored)

    def _start(self, key: str, *, token: str) -> str:
        request: dict[str, Any] = {"DocumentLocation": {"S3Object": {"Bucket": self._bucket, "Name": key}}}
        request |= {"FeatureTypes": ["FORMS"], "ClientRequestToken": token}
        with TEXTRACT_ERRORS.explained(self._setbacks):
            return self._textract.start_document_analysis(**request)["JobId"]

    def _is_usable(self, job: AnalysisJob) -> bool:
        """Not where it hangs, nor where it is forgotten, after seven days."""
        try:
            with TEXTRACT_ERRORS.explained(self._setbacks):
                answer = self._textract.get_document_analysis(JobId=str(job.job_id), MaxResults=1)
        except NonRetryableError:
            return False  # what stands in the way will stand in the way of a new one, and is recorded then
        except ClientError as error:
            if error.response["Error"]["Code"] == EXPIRED_JOB:
                return False
            raise
        status = answer["JobStatus"]
        return status == "SUCCEEDED" or (status == "IN_PROGRESS" and not job.is_overdue)

    def _write(self, job: AnalysisJob) -> None:
        write_result(self._s3, self._address, asdict(job))

    @property
    def _address(self) -> str:
        """One for all attempts and runs: each goes on with the job of the one before, which reads the same bytes."""
        return address_of(self._bucket, result_key(self._task_id, ANALYSIS_JOB))


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
    return AnalysisJobs(textract, s3, settings.result_bucket, task_id, run).usable_or_begun(content).job_id


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


def _token(task_id: str, run: int, nth: int) -> str:
    """The same for every repetition, so that Textract answers it with the same job: 64 characters, its most."""
    return hashlib.sha256(f"{nth}\n{run}\n{task_id}".encode()).hexdigest()
