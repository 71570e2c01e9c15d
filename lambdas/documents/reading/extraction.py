"""Step 1: from the uploaded document to `extracted.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from documents.source import fetch_document
from documents.storage import EXTRACTED, write_result
from status_tracker import NonRetryableError
from status_tracker_ops.intake.uploads import BadMessageError, DocumentUploaded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

    from documents.reading.reader import DocumentReader
    from documents.settings import ExtractSettings


def extract(
    s3: S3Client, settings: ExtractSettings, reader: DocumentReader, task_id: str, data: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Read the document that the task's `data` tells of, write the result, and return a summary of it.

    Raises `NonRetryableError` where this document cannot be read, whoever tries.
    """
    upload = _upload(data)
    content = fetch_document(s3, settings.document_bucket, upload, settings.max_document_bytes)
    document = reader.read(content)
    usage = {} if document.usage is None else {"usage": document.usage}
    result = {"task_id": task_id, "document": upload.to_task_data(), **document.to_dict()}
    return {
        "pages": len(document.pages),
        "characters": document.characters,
        "key_values": len(document.key_values),
        "warnings": len(document.warnings),
        "result": write_result(s3, settings.result_bucket, task_id, EXTRACTED, result),
        **usage,
    }


def _upload(data: Mapping[str, Any]) -> DocumentUploaded:
    try:
        return DocumentUploaded.from_task_data(data)
    except BadMessageError as error:
        raise NonRetryableError(f"The task does not say which document it is about: {error}") from error
