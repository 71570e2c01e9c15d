"""Refusing files that are empty or cut off, before a part of a document passes for the whole."""

import re

from status_tracker import NonRetryableError


def refuse_empty_file(content: bytes) -> None:
    """Raises `NonRetryableError` for no bytes at all."""
    if not content:
        raise NonRetryableError("The file is empty (0 bytes). Upload the document again.")


def refuse_cut_off_pdf(content: bytes) -> None:
    """Raises `NonRetryableError` for a PDF whose end is missing."""
    if _is_cut_off(content):
        raise NonRetryableError(
            f"The PDF is cut off: its end is missing after {len(content):,} bytes."
            " The upload, or the copy it was made from, was interrupted. Upload the whole file again."
        )


def _is_cut_off(content: bytes) -> bool:
    """
    Whether the closing `startxref` is missing.

    A reader makes what it can of such a file, so that a part of the document would pass for the whole. The
    `startxref` must be the last one: updated and web-optimised files have others, with objects after them.
    """
    end = content.rfind(b"startxref")
    return end < 0 or re.search(rb"\s\d+ \d+ obj\b", content[end:]) is not None
