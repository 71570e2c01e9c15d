"""Step 1: from the uploaded document to `extracted.json`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from documents.reading.apart import ApartReader, CarefulReader
from documents.reading.reader import PdfReader
from documents.settings import EXTRACTED, ExtractSettings
from documents.storage import address_of, fetch_document, own_result_key, write_result
from status_tracker import NonRetryableError
from status_tracker_ops.clients import s3_client
from status_tracker_ops.intake.uploads import BadMessageError, Upload
from status_tracker_ops.outages import setbacks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

    from documents.reading.reader import DocumentReader
    from status_tracker import BaseTask, ExecutionContext

_MAX_WARNINGS, _MAX_WARNING_CHARACTERS = 5, 300
_READING_SHARE = 0.8
"""Of the time that an attempt has, for reading: the rest is for fetching the document and storing the result."""
_MEMORY_SHARE = 0.6
"""Of the function's memory, for reading: the rest is the function's own."""
_MEBIBYTE = 1024 * 1024


def extract_document(execution: ExecutionContext[Any], event: Mapping[str, Any]) -> None:
    """The work of Extract: put a summary of what was read on the task, as ``extracted``."""
    settings, task = ExtractSettings.from_environment(), execution.task
    reader = choose_reader(settings, execution, event["run"])
    address = address_of(settings.result_bucket, own_result_key(execution, EXTRACTED))
    summary = extract(s3_client(), settings, reader, task, address)
    kept = {name: value for name, value in task.data.items() if name != "answered"}  # those of an earlier run
    execution.set_data({**kept, "extracted": summary})


def choose_reader(settings: ExtractSettings, execution: ExecutionContext[Any], run: int) -> DocumentReader:
    """The reader of the settings, for one attempt at a task in that run."""
    task = execution.task
    if settings.reader == "pdf":
        return _own_reader(settings, execution)
    from documents.aws import textract_client  # noqa: PLC0415  # what only Textract needs is loaded for it only
    from documents.textract.jobs import AnalysisJobs  # noqa: PLC0415
    from documents.textract.reader import TextractReader  # noqa: PLC0415

    textract, so_far = textract_client(), setbacks(task)
    return TextractReader(
        textract,
        AnalysisJobs(textract, s3_client(), settings.result_bucket, task.task_id, run, setbacks=so_far),
        setbacks=so_far,
        usd_per_thousand_pages=settings.textract_usd_per_thousand_pages,
    )


def _own_reader(settings: ExtractSettings, execution: ExecutionContext[Any]) -> DocumentReader:
    """The reader that runs in the function; apart from it what is heavy, or has let an attempt vanish already."""
    task = execution.task
    left = (task.lock_expire_time - task.config.now()).total_seconds()
    whole_only, seconds = settings.unreadable_pages == "refuse", left * _READING_SHARE
    megabytes = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    memory = None if megabytes is None else int(int(megabytes) * _MEBIBYTE * _MEMORY_SHARE)
    apart = ApartReader(PdfReader(whole_only=whole_only, seconds=seconds), seconds=seconds, memory_bytes=memory)
    if execution.taken_over is not None:
        return apart
    return CarefulReader(PdfReader(whole_only=whole_only, seconds=seconds, heavy=False), apart)


def extract(
    s3: S3Client, settings: ExtractSettings, reader: DocumentReader, task: BaseTask, address: str
) -> dict[str, Any]:
    """Read the document that the task names, write the result to `address`, and return a summary of it.

    Raises:
        NonRetryableError: this document cannot be read, whoever tries.
    """
    upload = _upload(task.data)
    content = fetch_document(s3, settings.document_bucket, upload, settings.max_document_bytes)
    document = reader.read(content)
    usage = {} if document.usage is None else {"usage": document.usage}
    result = {"task_id": task.task_id, "document": upload.to_task_data(), **document.to_dict()}
    write_result(s3, address, result)
    return {
        "pages": len(document.pages),
        "characters": document.characters,
        "key_values": len(document.key_values),
        "warnings": [warning[:_MAX_WARNING_CHARACTERS] for warning in document.warnings[:_MAX_WARNINGS]],
        "result": address,
        **usage,
    }


def _upload(data: Mapping[str, Any]) -> Upload:
    try:
        return Upload.from_task_data(data)
    except BadMessageError as error:
        raise NonRetryableError(f"The task does not say which document it is about: {error}") from error
