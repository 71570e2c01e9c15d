"""Step 2: from `extracted.json` to `answers.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from documents.answering.answers import KeyValueAnswerer, summarize, summarize_undecided
from documents.questions import load_questions, load_vocabulary
from documents.reading.extracted import ExtractedDocument
from documents.settings import ANSWERS, AnswerSettings
from documents.storage import address_of, own_result_key, read_result, write_result
from status_tracker_ops.clients import s3_client
from status_tracker_ops.outages import setbacks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

    from documents.answering.answers import Answerer
    from status_tracker import BaseTask, ExecutionContext


def answer_document(execution: ExecutionContext[Any], _event: Mapping[str, Any]) -> None:
    """The work of Answer: put a summary of the answers on the task, as ``answered``."""
    settings, task = AnswerSettings.from_environment(), execution.task
    answerer = choose_answerer(settings, task)
    address = address_of(settings.result_bucket, own_result_key(execution, ANSWERS))
    summary = answer_questions(s3_client(), settings.result_bucket, answerer, task, address)
    execution.set_data({**task.data, "answered": summary})


def choose_answerer(settings: AnswerSettings, task: BaseTask) -> Answerer:
    """The answerer of the settings, for one attempt at `task`."""
    if settings.answerer != "bedrock":
        return KeyValueAnswerer(load_vocabulary())
    # What only Bedrock needs is loaded for it only.
    from documents.answering.bedrock_answerer import BedrockAnswerer  # noqa: PLC0415
    from documents.aws import bedrock_client  # noqa: PLC0415
    from documents.settings import BedrockSettings  # noqa: PLC0415

    bedrock = BedrockSettings.from_environment()
    return BedrockAnswerer(bedrock_client(), bedrock, setbacks=setbacks(task))


def answer_questions(
    s3: S3Client, result_bucket: str, answerer: Answerer, task: BaseTask, address: str
) -> dict[str, Any]:
    """Answer all questions about the task's document, write the answers to `address`, and return a summary of them."""
    extracted = ExtractedDocument.from_dict(read_result(s3, result_bucket, task.data, "extracted"))
    answered = answerer.answer(extracted, load_questions())
    result = {"task_id": task.task_id, "answers": [answer.to_dict() for answer in answered.answers]}
    usage = {} if answered.usage is None else {"usage": answered.usage}
    write_result(s3, address, {**result, **usage})
    return {
        "answers": summarize(answered.answers),
        "also_found": summarize_undecided(answered.answers),
        "asked": len(answered.answers),
        "result": address,
        **usage,
    }
