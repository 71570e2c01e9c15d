"""Step 2: from `extracted.json` to `answers.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from documents.answering.answers import load_questions, summarize
from documents.reading.extracted import ExtractedDocument
from documents.storage import ANSWERS, EXTRACTED, read_result, write_result

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from documents.answering.answers import Answerer


def answer_questions(s3: S3Client, result_bucket: str, answerer: Answerer, task_id: str) -> dict[str, Any]:
    """Answer all questions about the task's document, write the answers, and return a summary of them."""
    extracted = ExtractedDocument.from_dict(read_result(s3, result_bucket, task_id, EXTRACTED))
    answered = answerer.answer(extracted, load_questions())
    result = {"task_id": task_id, "answers": [answer.to_dict() for answer in answered.answers]}
    usage = {} if answered.usage is None else {"usage": answered.usage}
    return {
        "answers": summarize(answered.answers),
        "asked": len(answered.answers),
        "result": write_result(s3, result_bucket, task_id, ANSWERS, {**result, **usage}),
        **usage,
    }
