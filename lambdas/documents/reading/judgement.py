"""Whether what was read of a PDF may pass for the document; each reason says what is the case and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from documents.reading.plausibility import why_no_language
from status_tracker import NonRetryableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from documents.reading.page_model import Contents, FormField, Page

# More than a stamp, a page number and a heading have: a page that is mostly an image with less on it is a scan.
_MIN_WORDS_OVER_IMAGE = 15
_SCAN_SHARE, _SCAN_SHARE_WITHOUT_WORDS = 0.5, 0.2
_OUTLINES = 100
_FEW_MEANINGLESS = 0.02
_MAX_LISTED = 20
_MAX_FIELDS_SHOWN, _MAX_SHOWN = 3, 40
_PRINT_ANEW = " Open it in a PDF viewer, and if that shows it, print it to a new PDF and upload that."
_OCR = (
    " Recognise its text first (OCR) and upload the result,"
    " or have Amazon Textract read the documents: see docs/textract-and-bedrock.md."
)


def warnings_of(contents: Contents, *, whole_only: bool) -> list[str]:
    """
    What is missing in a document that may pass all the same.

    Args:
        whole_only: whether a document of which anything is missing is refused.

    Raises:
        NonRetryableError: what was read must not pass for the document.
    """
    _refuse_without_pages(contents)
    scanned = [page.number for page in contents.pages if _is_scan(page, contents.fields)]
    _refuse_without_text(contents, scanned)
    words = [word.text for page in contents.pages for word in page.words]
    if wrong := why_no_language(words, contents.meaningless):
        raise NonRetryableError(
            f"The PDF cannot be understood: its text {wrong}. It can only be read as an image.{_OCR}"
        )
    warnings = []
    if contents.unreadable:
        warnings.append(
            f"{_listed(contents.unreadable, contents.page_count)} could not be read whole: the file is damaged there."
            " The answers are from the rest."
        )
    if scanned:
        warnings.append(
            f"{_listed(scanned, contents.page_count)} could not be read: only an image, without text."
            " The answers are from the rest."
        )
    if contents.meaningless > _FEW_MEANINGLESS * sum(map(len, words)):
        warnings.append("Some of the text could not be read: its fonts do not tell which letters they show.")
    if warnings and whole_only:
        raise NonRetryableError(
            f"The PDF cannot be read whole. {' '.join(warnings)} Mend these pages and upload it again."
        )
    return warnings


def values_of(fields: Sequence[FormField], page: int | None = None) -> list[FormField]:
    """The fields that say something, of one page or all: a box that is not ticked does not."""
    return [
        field for field in fields if (page is None or field.page == page) and (field.value.strip() or field.checked)
    ]


def doubts_about(fields: Sequence[FormField]) -> list[str]:
    """What fields show that they do not store."""
    doubtful = [field for field in fields if field.drawn]
    if not doubtful:
        return []
    shown = ", ".join(
        f'"{(field.tooltip or field.name)[:_MAX_SHOWN]}" shows "{field.drawn[:_MAX_SHOWN]}"'
        f' and stores "{field.value[:_MAX_SHOWN]}"'
        for field in doubtful[:_MAX_FIELDS_SHOWN]
    )
    more = ", …" if len(doubtful) > _MAX_FIELDS_SHOWN else ""
    what = "1 field shows" if len(doubtful) == 1 else f"{len(doubtful):,} fields show"
    than = "it stores" if len(doubtful) == 1 else "they store"
    return [f"{what} another value than {than}: {shown}{more}."]


def _refuse_without_pages(contents: Contents) -> None:
    if not contents.page_count:
        raise NonRetryableError("The PDF has no pages. Check what made it, and upload the document again.")
    if not contents.pages or len(contents.unreadable) >= contents.page_count:
        raise NonRetryableError(f"The PDF is damaged: {_its(contents.page_count)} cannot be read whole.{_PRINT_ANEW}")


def _refuse_without_text(contents: Contents, scanned: Sequence[int]) -> None:
    """`scanned`: numbers of the pages that are an image with hardly any text; blank pages count neither way."""
    count = contents.page_count
    written = [page for page in contents.pages if page.text.strip() or values_of(contents.fields, page.number)]
    if not written:
        raise _no_text(contents)
    if 2 * len(scanned) >= len({*scanned} | {page.number for page in written}):
        where = "its 1 page" if count == 1 else _listed(scanned, count)
        raise NonRetryableError(f"The PDF looks like a scan. Only an image with hardly any text: {where}.{_OCR}")


def _no_text(contents: Contents) -> NonRetryableError:
    count = contents.page_count
    if contents.unreadable:
        return NonRetryableError(
            f"The PDF is damaged: {_listed(contents.unreadable, count)} cannot be read, and there is no text elsewhere."
            f"{_PRINT_ANEW}"
        )
    if any(page.image_share for page in contents.pages):
        return NonRetryableError(f"The PDF has no text on {_its(count)}: it looks like a scan.{_OCR}")
    if any(page.drawings >= _OUTLINES for page in contents.pages):
        return NonRetryableError(f"The PDF has no text on {_its(count)}, only drawings.{_OCR}")
    return NonRetryableError(
        f"The PDF has no text on {_its(count)}: there is nothing to read. Check what made it, and upload it again."
    )


def _is_scan(page: Page, fields: Sequence[FormField]) -> bool:
    words = len(page.text.split())
    return (
        page.image_share >= (_SCAN_SHARE if words else _SCAN_SHARE_WITHOUT_WORDS)
        and not page.recognised
        and words < _MIN_WORDS_OVER_IMAGE
        and not values_of(fields, page.number)
    )


def _its(count: int) -> str:
    return "its 1 page" if count == 1 else f"its {count:,} pages"


def _listed(numbers: Sequence[int], count: int) -> str:
    shown = ", ".join(map(str, numbers[:_MAX_LISTED])) + (", …" if len(numbers) > _MAX_LISTED else "")
    return f"{'Page' if len(numbers) == 1 else 'Pages'} {shown} of {count:,}"
