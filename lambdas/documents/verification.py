"""The samples with which a deployed stack of the documents application is verified; see `status-tracker verify`."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

from documents.big_sample import big_pdf
from documents.settings import AnswerSettings
from documents.storage import read_result
from status_tracker import NonRetryableError
from status_tracker.operations.samples import DoesNotHoldError, Verification
from status_tracker_ops.clients import s3_client
from status_tracker_ops.settings import VerificationSettings
from status_tracker_ops.verification import probes, uploaded

_SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "documents"
_EXPECTED = "INV-1001"
_BIG_PAGES = 100
_BIG_ATTACHMENT_BYTES = 8 * 1024 * 1024


def verification() -> Verification:
    """An invoice, a scan that has no text, and an agreement of a hundred pages and 8 MB."""
    settings = VerificationSettings.from_environment()
    upload = partial(uploaded, bucket=settings.bucket)
    return Verification(
        good=upload("good.pdf", partial(_sample, "invoice-1001"), check=_invoice_is_answered),
        hopeless=upload("hopeless.pdf", partial(_sample, "hopeless-truncated")),
        big=upload("big.pdf", _big, check=_all_pages_are_read),
        probes=probes(settings.status_tracker_stack),
    )


def _sample(name: str) -> bytes:
    return (_SAMPLES / f"{name}.pdf").read_bytes()


def _big() -> bytes:
    return big_pdf(_BIG_PAGES, random.Random(0).randbytes(_BIG_ATTACHMENT_BYTES))  # noqa: S311  # no secret


def _invoice_is_answered(task: Any) -> str:
    try:
        result = read_result(s3_client(), AnswerSettings.from_environment().result_bucket, task.data, "answered")
    except NonRetryableError as error:
        raise DoesNotHoldError(f"it succeeded, and there is no result of Answer: {error}") from error
    answers = [each["answer"] for each in result["answers"]]
    if _EXPECTED not in answers:
        raise DoesNotHoldError(f"the invoice number {_EXPECTED} is not among the answers {answers}")
    return f"with the invoice number {_EXPECTED}"


def _all_pages_are_read(task: Any) -> str:
    pages = task.data.get("extracted", {}).get("pages")
    if pages != _BIG_PAGES:
        raise DoesNotHoldError(f"{pages} pages were read, not {_BIG_PAGES}")
    return f"with {pages} pages"
