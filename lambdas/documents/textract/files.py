"""Which files Amazon Textract reads, which of them in one call, and what its errors mean for a task."""

from __future__ import annotations

from documents.reading.file_checks import describe_file, is_pdf, refuse_empty_file
from documents.reading.pdfium import CannotOpenError, opened
from documents.reading.whole_file import refuse_cut_off_pdf
from documents.service_errors import ServiceErrors
from status_tracker import NonRetryableError

# https://docs.aws.amazon.com/textract/latest/dg/limits-document.html allows 10 MB in one call, the reference of its
# parameter 5 MB: what is larger is analysed in a job, which has room for 500 MB.
MAX_BYTES_IN_ONE_CALL = 5_000_000
MAX_PAGES = 3000
_IMAGES_OF_ONE_PAGE = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_TIFF = (b"II*\x00", b"MM\x00*")

TEXTRACT_ERRORS = ServiceErrors(
    service="Amazon Textract",
    hopeless={
        "UnsupportedDocumentException": (
            "Amazon Textract does not support this file. It reads PDF, PNG, JPEG and TIFF, none with a password and no"
            " XFA forms. Save the document as a plain PDF and upload that."
        ),
        "BadDocumentException": (
            "Amazon Textract cannot read this file: it is damaged. Open it in a viewer, save it anew and upload that."
        ),
        "DocumentTooLargeException": (
            "The document is too large for Amazon Textract (10 MB an image, 500 MB and 3,000 pages a PDF or TIFF)."
            " Split it or reduce its images, and upload the result."
        ),
        "InvalidS3ObjectException": (
            "Amazon Textract could not read its copy of the document in the result bucket: the function's role or the"
            " bucket's region is not the right one. Mend that, deploy, and run the task again."
        ),
        "InvalidParameterException": (
            "Amazon Textract refused the request, which is often a file that it cannot read. Save the document as a"
            " plain PDF and upload that."
        ),
        "AccessDeniedException": (
            "The function may not use Amazon Textract. Check its role and the account's policies, then run the task"
            " again."
        ),
    },
    busy=frozenset(
        {
            "ThrottlingException",
            "ProvisionedThroughputExceededException",
            "LimitExceededException",
            "InternalServerError",
        }
    ),
)
EXPIRED_JOB = "InvalidJobIdException"


def refuse_what_textract_cannot_read(content: bytes) -> None:
    """Raises `NonRetryableError`, with the reason, for a file that need not be sent to Textract."""
    refuse_empty_file(content)
    if is_pdf(content):
        refuse_cut_off_pdf(content)
        pages = _count_pages(content)
        if pages is not None and pages > MAX_PAGES:
            raise NonRetryableError(
                f"The PDF has {pages:,} pages; Amazon Textract reads at most {MAX_PAGES:,}."
                " Split it and upload the parts."
            )
    elif not content.startswith(_IMAGES_OF_ONE_PAGE + _TIFF):
        raise NonRetryableError(
            f"The file is not one that Amazon Textract reads: it looks like {describe_file(content)}."
            " Upload the document as a PDF, PNG, JPEG or TIFF."
        )


def fits_one_call(content: bytes) -> bool:
    """Whether a file that can be read has one page and few enough bytes for `AnalyzeDocument`; else it takes a job."""
    if len(content) > MAX_BYTES_IN_ONE_CALL:
        return False
    return content.startswith(_IMAGES_OF_ONE_PAGE) or (is_pdf(content) and _count_pages(content) == 1)


def _count_pages(content: bytes) -> int | None:
    """The pages of a PDF, or None where PDFium cannot tell: Textract may read it all the same."""
    try:
        with opened(content) as document:
            return document.page_count or None
    except CannotOpenError:
        return None
