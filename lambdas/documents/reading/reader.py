"""Reading a PDF: its text, its form fields and its "Key: value" lines, with pypdf."""

from io import BytesIO
from typing import Protocol

import pypdf
from pypdf.errors import DependencyError
from pypdf.generic import Field, NameObject, PdfObject

from documents.reading.extracted import ExtractedDocument, KeyValue
from documents.reading.file_checks import describe_file, is_pdf, refuse_cut_off_pdf, refuse_empty_file
from documents.reading.key_values import find_key_values
from documents.reading.pypdf_warnings import collect_pypdf_warnings
from status_tracker import NonRetryableError


class DocumentReader(Protocol):
    """What Extract needs of a reader of documents."""

    def read(self, content: bytes) -> ExtractedDocument:
        """
        Read a whole file.

        Raises `NonRetryableError`, with a reason that the person who uploaded the file understands, where no
        other attempt can do better. All other exceptions are worth a retry.
        """
        ...


class PypdfReader:
    """Reads PDF files with pypdf, which runs in the function itself and recognises no text in images."""

    def read(self, content: bytes) -> ExtractedDocument:
        _refuse_what_is_no_whole_pdf(content)
        with collect_pypdf_warnings() as warnings:
            document = _open(content)
            try:
                pages = tuple(_clean(page.extract_text()) for page in document.pages)
                fields = _filled_fields(document.get_fields() or {})
            except MemoryError:
                raise
            except Exception as error:
                raise _hopeless(error, encrypted=document.is_encrypted) from error
        if not pages:
            raise NonRetryableError("The PDF has no pages. Check what made it, and upload the document again.")
        if not fields and not any(page.strip() for page in pages):
            raise NonRetryableError(
                f"The PDF has no text on its {_pages(len(pages))}: it looks like a scan."
                " Recognise its text first (OCR) and upload the result,"
                " or have Amazon Textract read the documents: see docs/textract-and-bedrock.md."
            )
        lines = [pair for number, page in enumerate(pages, 1) for pair in find_key_values(page, number)]
        return ExtractedDocument(pages=pages, key_values=(*fields, *lines), warnings=tuple(warnings))


def _refuse_what_is_no_whole_pdf(content: bytes) -> None:
    refuse_empty_file(content)
    if not is_pdf(content):
        raise NonRetryableError(
            f"The file is not a PDF: it looks like {describe_file(content)}. Upload the document as a PDF."
        )
    refuse_cut_off_pdf(content)


def _open(content: bytes) -> pypdf.PdfReader:
    try:
        document = pypdf.PdfReader(BytesIO(content))
        # The empty password opens files that are only protected against printing or changing.
        locked = document.is_encrypted and not document.decrypt("")
    except MemoryError:
        raise
    except Exception as error:
        raise _hopeless(error, encrypted=b"/Encrypt" in content) from error
    if locked:
        raise NonRetryableError(
            "The PDF is protected with a password. Remove the password and upload the document again."
        )
    return document


def _hopeless(error: Exception, *, encrypted: bool) -> NonRetryableError:
    """The reason for one of the many exceptions with which pypdf meets a file it cannot read."""
    if encrypted and isinstance(error, (DependencyError, NotImplementedError)):
        method = "AES" if isinstance(error, DependencyError) else "a method of its own"
        return NonRetryableError(
            f"The PDF is encrypted with {method}, which this reader cannot open, with or without a password."
            " Save it without encryption and upload it again."
        )
    words = " ".join(str(error).split())[:200]
    return NonRetryableError(
        "The PDF is damaged and cannot be read. Open it in a PDF viewer, save it anew and upload that."
        f" ({type(error).__name__}: {words})"
    )


def _filled_fields(fields: dict[str, Field]) -> list[KeyValue]:
    """The form fields that have a value, under the name that the form shows to people where it has one."""
    found = []
    for name, field in fields.items():
        value = _clean(_field_text(field.value)).strip()
        if value:
            found.append(KeyValue(_clean(str(field.alternate_name or name)), value))
    return found


def _field_text(value: object) -> str:
    """The value of a field as people read it; "" for what has no words, such as a signature."""
    if isinstance(value, PdfObject):
        value = value.get_object()
    if isinstance(value, NameObject):
        return value.removeprefix("/")
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list):
        return ", ".join(_field_text(entry) for entry in value)
    return value if isinstance(value, str) else ""


def _clean(text: str) -> str:
    """Without NUL and lone surrogates, which broken fonts give and neither UTF-8 nor people can take."""
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count:,} pages"
