"""Reading a PDF in the function itself: its text, and keys and values by where they stand."""

from typing import Protocol

from documents.questions import load_vocabulary
from documents.reading.bounds import SECONDS, Bounds
from documents.reading.content_pairs import pairs_of
from documents.reading.e_invoice import e_invoice_pairs
from documents.reading.extracted import ExtractedDocument
from documents.reading.judgement import doubts_about, warnings_of
from documents.reading.page_model import Contents
from documents.reading.pdf_file import read_pdf


class DocumentReader(Protocol):
    """What Extract needs of a reader of documents."""

    def read(self, content: bytes) -> ExtractedDocument:
        """
        Read a whole file.

        Raises `NonRetryableError`, with a reason that the person who uploaded the file understands, where no
        other attempt can do better. All other exceptions are worth a retry.
        """
        ...


class PdfReader:
    """
    Reads PDF files with PDFium, which runs in the function itself and recognises no text in images.

    Args:
        whole_only: whether a document of which a page cannot be read is refused. By default what is missing is told in
            its `warnings`.
        seconds: how long reading may take before the document is refused; it is asked for after each page.
        heavy: whether it reads, too, what may take more memory or time than the process has. Else it raises
            `HeavyDocumentError` of such a document.
    """

    def __init__(self, *, whole_only: bool = False, seconds: float = SECONDS, heavy: bool = True) -> None:
        self._whole_only, self._seconds, self._heavy = whole_only, seconds, heavy

    def read(self, content: bytes) -> ExtractedDocument:
        contents, notes = read_pdf(content, Bounds(self._seconds, heavy=self._heavy))
        warnings = [*warnings_of(contents, whole_only=self._whole_only), *notes, *doubts_about(contents.fields)]
        return ExtractedDocument(
            pages=_texts(contents),
            key_values=pairs_of(contents, load_vocabulary()),
            warnings=tuple(warnings),
            e_invoice=tuple(e_invoice_pairs(contents.attachments)),
        )


def _texts(contents: Contents) -> tuple[str, ...]:
    """The text of every page; of one that could not be read, none."""
    texts = {page.number: page.text for page in contents.pages}
    return tuple(texts.get(number, "") for number in range(1, contents.page_count + 1))
