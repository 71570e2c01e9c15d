"""From the bytes of a file to what is in it, or to the reason why nothing of it may pass for the document."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from documents.reading.bounds import Bounds
from documents.reading.contents import read_contents
from documents.reading.file_checks import describe_file, known_signature, refuse_empty_file
from documents.reading.judgement import values_of
from documents.reading.pdfium import CannotOpenError, opened
from documents.reading.whole_file import has_wrong_table, inspect_streams, refuse_cut_off_pdf, with_end_mark
from status_tracker import NonRetryableError

if TYPE_CHECKING:
    from documents.reading.page_model import Contents
    from documents.reading.pdfium import Document

_HEADER = b"%PDF-"
_HEAD_BYTES = 1024
_PLEASE_WAIT = re.compile(
    r"please wait|bitte warten|veuillez patienter|espere|attendere|Adobe (?:Acrobat|Reader)", re.IGNORECASE
)
_OBJECT = re.compile(rb"\d\s+\d+\s+obj\b")


def read_pdf(content: bytes, bounds: Bounds | None = None) -> tuple[Contents, list[str]]:
    """
    Read a PDF: what is in it, and what had to be mended.

    Raises:
        NonRetryableError: the file is no PDF, is cut off, locked, damaged as a whole, or says itself that its pages are
            not the document.
    """
    refuse_empty_file(content)
    _refuse_other_files(content)
    try:
        with opened(with_end_mark(content)) as document:
            _refuse_parts(content, document)
            return _read(content, document, bounds or Bounds())
    except CannotOpenError as error:
        raise _unopened(content, error) from error


def _refuse_other_files(content: bytes) -> None:
    if _HEADER not in content[:_HEAD_BYTES] or known_signature(content):
        raise _no_pdf(content)


def _refuse_parts(content: bytes, document: Document) -> None:
    refuse_cut_off_pdf(content)
    if document.is_dynamic_form:
        raise _dynamic_form()
    if document.is_portfolio:
        raise NonRetryableError(
            "The PDF is a portfolio: its page is only a cover, and the documents are files attached to it."
            " Save the attached files and upload each of them."
        )


def _read(content: bytes, document: Document, bounds: Bounds) -> tuple[Contents, list[str]]:
    # What is encrypted is noise until PDFium has decrypted it.
    plain = document.without_encryption() if document.is_encrypted else content
    streams = inspect_streams(plain)
    if streams.has_bomb:
        raise NonRetryableError(
            "The PDF has a part that unpacks to more than 50 MB, which no page needs."
            " Print it to a new PDF and upload that."
        )
    bounds.weight(streams.weight)
    contents = read_contents(document, layers=streams.has_layers, bounds=bounds)
    _refuse_placeholder(contents, document)
    if not contents.page_count and streams.page_objects:
        raise _damaged()
    empty = {page.number for page in contents.pages if not page.text and not page.drawings and not page.image_share}
    notes = (
        ["The file's table of contents was missing or wrong, and was made anew."] if has_wrong_table(content) else []
    )
    if not (streams.damaged or empty or contents.unreadable or streams.page_objects > contents.page_count):
        return contents, notes
    from documents.reading.page_faults import find_page_faults  # noqa: PLC0415  # few files are damaged

    faults = find_page_faults(plain, streams.damaged, empty, bounds)
    if faults is None or faults.page_count < contents.page_count:
        # Its tree of pages is damaged too: only PDFium's own numbers are sure.
        lost = {*contents.unreadable, *(empty if streams.damaged else ())}
        if streams.damaged and not lost:
            notes.append("The file is damaged: a part of it could not be read.")
        return replace(contents, unreadable=tuple(sorted(lost))), notes
    more = range(contents.page_count + 1, faults.page_count + 1)
    unreadable = sorted({*contents.unreadable, *faults.pages, *more})
    return replace(contents, unreadable=tuple(unreadable), page_count=faults.page_count), notes


def _refuse_placeholder(contents: Contents, document: Document) -> None:
    """Some dynamic forms do not say that they are: their only page does."""
    is_placeholder = document.has_xfa and len(contents.pages) == 1 and _PLEASE_WAIT.search(contents.pages[0].text)
    if is_placeholder and not values_of(contents.fields):
        raise _dynamic_form()


def _dynamic_form() -> NonRetryableError:
    return NonRetryableError(
        "The PDF is a dynamic XFA form: its page is a placeholder that only Adobe Reader replaces."
        " Open it there, print it to a new PDF, and upload that."
    )


def _unopened(content: bytes, error: CannotOpenError) -> NonRetryableError:
    if error.needs_password:
        return NonRetryableError(
            "The PDF is protected with a password. Remove the password and upload the document again."
        )
    if error.unknown_encryption:
        return NonRetryableError(
            "The PDF is encrypted with a method of its own, which this reader cannot open, with or without a password."
            " Save it without encryption and upload it again."
        )
    if not _OBJECT.search(content) and not content.startswith(_HEADER):
        return _no_pdf(content)
    refuse_cut_off_pdf(content)
    return _damaged()


def _damaged() -> NonRetryableError:
    return NonRetryableError(
        "The PDF is damaged and cannot be read: some of its bytes were changed, as by a transfer in text mode."
        " Open it in a PDF viewer; if that shows it, print it to a new PDF and upload that,"
        " else upload the original again."
    )


def _no_pdf(content: bytes) -> NonRetryableError:
    return NonRetryableError(
        f"The file is not a PDF: it looks like {describe_file(content)}. Upload the document as a PDF."
    )
