"""Reading a PDF: its text, its form fields and its "Key: value" lines, in the function itself."""

from typing import Protocol

from documents.reading.bounds import SECONDS, Bounds
from documents.reading.extracted import ExtractedDocument, KeyValue
from documents.reading.judgement import values_of, warnings_of
from documents.reading.key_values import find_key_values
from documents.reading.page_model import Contents, FormField
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
    """

    def __init__(self, *, whole_only: bool = False, seconds: float = SECONDS) -> None:
        self._whole_only, self._seconds = whole_only, seconds

    def read(self, content: bytes) -> ExtractedDocument:
        contents, notes = read_pdf(content, Bounds(self._seconds))
        warnings = [*warnings_of(contents, whole_only=self._whole_only), *notes]
        pages = _texts(contents)
        fields = [KeyValue(_name(field), field.value.strip()) for field in values_of(contents.fields) if field.value]
        lines = [pair for number, page in enumerate(pages, 1) for pair in find_key_values(page, number)]
        return ExtractedDocument(pages=pages, key_values=(*fields, *lines), warnings=tuple(warnings))


def _texts(contents: Contents) -> tuple[str, ...]:
    """The text of every page; of one that could not be read, none."""
    texts = {page.number: page.text for page in contents.pages}
    return tuple(texts.get(number, "") for number in range(1, contents.page_count + 1))


def _name(field: FormField) -> str:
    return field.tooltip or field.name
