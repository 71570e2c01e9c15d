"""Clients of Textract and Bedrock that answer from a script, without a network.

The answers in ``aws_answers/`` are written after the response syntax that AWS documents; botocore's Stubber checks each
of them, and every request, against the service's own model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import boto3
from botocore.stub import ANY, Stubber

_ANSWERS = Path(__file__).with_name("aws_answers")


def answer(name: str) -> Any:
    """The answer of that name, such as ``textract_page``."""
    return json.loads((_ANSWERS / f"{name}.json").read_text("utf-8"))


class Scripted:
    """A client that expects exactly the calls that it was told of, in their order."""

    def __init__(self, service: Literal["textract", "bedrock-runtime"]) -> None:
        self.client: Any = boto3.client(
            service, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        self._stubber = Stubber(self.client)
        self._stubber.activate()
        self.requests: list[dict[str, Any]] = []
        self.client.meta.events.register("provide-client-params.*.*", self._note)

    def _note(self, params: dict[str, Any], **_: object) -> None:
        self.requests.append(params)

    def answers(self, operation: str, response: Any, **expected: Any) -> None:
        """The next call is that operation, has those parameters, and gets that response."""
        request = dict.fromkeys(_REQUIRED[operation], ANY) | expected
        self._stubber.add_response(operation, response, request)

    def fails(self, operation: str, code: str, message: str = "as AWS words it") -> None:
        """The next call is that operation and fails."""
        self._stubber.add_client_error(operation, code, message, 400)

    def done(self) -> None:
        """Every call that was expected has come."""
        self._stubber.assert_no_pending_responses()


_REQUIRED = {
    "analyze_document": ("Document", "FeatureTypes"),
    "start_document_analysis": ("DocumentLocation", "FeatureTypes", "ClientRequestToken"),
    "get_document_analysis": ("JobId",),
    "converse": ("modelId", "system", "messages", "inferenceConfig", "toolConfig"),
}
