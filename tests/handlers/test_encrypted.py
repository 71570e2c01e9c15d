"""A document that cannot be decrypted is set aside at once, with a reason that says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.awsrequest import AWSResponse

import status_tracker as st
from status_tracker_ops.clients import s3_client
from tests.unit.documents.test_reader import make_pdf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.handlers.support import Application

PAGE = make_pdf("Total: 5")
NOT_ALLOWED = (
    "User: arn:aws:sts::123456789012:assumed-role/extract/extract is not authorized to perform: kms:Decrypt on "
    "resource: arn:aws:kms:us-east-1:123456789012:key/1 because no identity-based policy allows the kms:Decrypt action"
)
OF_UPLOADER = (
    "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve "
    "the object."
)


class Body:
    """What urllib3 hands to botocore."""

    def __init__(self, code: str, message: str) -> None:
        self.content = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()

    def stream(self) -> Iterator[bytes]:
        yield self.content


@pytest.mark.parametrize(
    ("status", "code", "message", "reason"),
    [
        (403, "AccessDenied", NOT_ALLOWED, r"set document_key_arn to that key.*kms:Decrypt on resource: arn:.*key/1"),
        (400, "KMS.DisabledException", "the key is disabled", "KMS.DisabledException: the key is disabled"),
        (400, "InvalidRequest", OF_UPLOADER, r"only its uploader has \(SSE-C\). Upload it again without that key"),
    ],
)
def test_a_key_that_the_function_cannot_use_is_the_reason(
    app: Application, status: int, code: str, message: str, reason: str
) -> None:
    task_id = app.register("secret.pdf", PAGE)
    answered = AWSResponse("https://example.com", status, {"Content-Type": "application/xml"}, Body(code, message))
    with_answer, events = (lambda **_: answered), s3_client().meta.events
    events.register_first("before-send.s3.*", with_answer)
    try:
        with pytest.raises(st.NonRetryableError, match=reason):
            app.extract(task_id)
    finally:
        events.unregister("before-send.s3.*", with_answer)
    task = app.task(task_id)
    assert (task.status, task.retry) == (50, 1)
