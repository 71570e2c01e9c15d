"""The clients of the services that read and answer; see `status_tracker_ops.clients`.

They take longer than others. All requests of a step are over well before the 300 s that it has at least
(`infra/documents_stack/reading.py`), so that what they say is recorded.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from botocore.exceptions import ReadTimeoutError

from status_tracker_ops.clients import make_client

if TYPE_CHECKING:
    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient
    from mypy_boto3_textract import TextractClient


@cache
def textract_client() -> TextractClient:
    client: TextractClient = make_client("textract", read_timeout=30, tries=5)
    client.meta.events.register_first("needs-retry.textract.AnalyzeDocument", _give_up_without_answer)
    return client


@cache
def bedrock_client() -> BedrockRuntimeClient:
    """One try: a model may take long, and its answer is paid for even where nobody has waited for it.

    The answerer asks at most twice, which takes twice as long.
    """
    client: BedrockRuntimeClient = make_client("bedrock-runtime", read_timeout=90, tries=1)
    return client


def _give_up_without_answer(caught_exception: Exception | None = None, **_: object) -> None:
    """Fail a request at once that was sent and not answered in time: repeated, it may be paid for again."""
    if isinstance(caught_exception, ReadTimeoutError):
        raise caught_exception
