"""PDFium's documents and pages as blocks of `with`, so that native memory is given back."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pypdfium2_raw as pdfium

from documents.reading.weight import MAX_TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from documents.reading.bounds import Bounds

_XFA = 2
"""`FPDF_GetFormType` of a form whose pages are made anew by who shows it."""


class CannotOpenError(Exception):
    """PDFium opens nothing of the file; `needs_password` where that is why."""

    def __init__(self, code: int) -> None:
        self.needs_password = code == pdfium.FPDF_ERR_PASSWORD
        self.unknown_encryption = code == pdfium.FPDF_ERR_SECURITY
        super().__init__(f"PDFium error {code}")


@dataclass(frozen=True)
class Document:
    """An open document; `form` is PDFium's handle of its form, which also knows fields that no form lists."""

    handle: Any
    form: Any
    is_portfolio: bool

    @property
    def page_count(self) -> int:
        return int(pdfium.FPDF_GetPageCount(self.handle))

    @property
    def is_dynamic_form(self) -> bool:
        """Whether its pages are only made by a viewer of XFA: those in the file are placeholders."""
        return bool(pdfium.FPDF_GetFormType(self.handle) == _XFA)

    @property
    def has_xfa(self) -> bool:
        return bool(pdfium.FPDF_GetFormType(self.handle) in (pdfium.FORMTYPE_XFA_FULL, pdfium.FORMTYPE_XFA_FOREGROUND))

    @property
    def is_encrypted(self) -> bool:
        return bool(pdfium.FPDF_GetSecurityHandlerRevision(self.handle) != -1)

    def without_encryption(self) -> bytes:
        """The same file in the clear: its streams as they are packed in it."""
        pieces: list[bytes] = []

        def write(_self: object, data: int, size: int) -> int:
            pieces.append(ctypes.string_at(data, size))
            return 1

        writer = pdfium.FPDF_FILEWRITE(version=1, WriteBlock=type(pdfium.FPDF_FILEWRITE().WriteBlock)(write))
        pdfium.FPDF_SaveAsCopy(self.handle, writer, pdfium.FPDF_REMOVE_SECURITY)
        return b"".join(pieces)

    @contextmanager
    def page(self, index: int, bounds: Bounds | None = None) -> Iterator[tuple[Any, Any] | None]:
        """The handles of a page and of its text, or None where PDFium cannot load it; `bounds` of its first load."""
        page = pdfium.FPDF_LoadPage(self.handle, index)
        if not page:
            yield None
            return
        text = None
        try:
            if bounds and (count := pdfium.FPDFPage_CountObjects(page)) > MAX_TEXTS:
                bounds.texts(_count_texts(page, count))
            text = pdfium.FPDFText_LoadPage(page)
            yield (page, text) if text else None
        finally:
            if text:
                pdfium.FPDFText_ClosePage(text)
            pdfium.FPDF_ClosePage(page)


def _count_texts(page: Any, count: int) -> int:
    objects = (pdfium.FPDFPage_GetObject(page, index) for index in range(count))
    return sum(pdfium.FPDFPageObj_GetType(each) == pdfium.FPDF_PAGEOBJ_TEXT for each in objects)


@contextmanager
def opened(content: bytes) -> Iterator[Document]:
    """Open a PDF; one that the empty password opens is opened. `CannotOpenError` where PDFium cannot."""
    _start()
    _unsupported.clear()
    handle = pdfium.FPDF_LoadMemDocument64(content, len(content), None)
    if not handle:
        raise CannotOpenError(pdfium.FPDF_GetLastError())
    form_fill = pdfium.FPDF_FORMFILLINFO(version=2)
    form = pdfium.FPDFDOC_InitFormFillEnvironment(handle, form_fill)
    try:
        yield Document(handle, form, pdfium.FPDF_UNSP_DOC_PORTABLECOLLECTION in _unsupported)
    finally:
        pdfium.FPDFDOC_ExitFormFillEnvironment(form)
        pdfium.FPDF_CloseDocument(handle)


_unsupported: list[int] = []
_note_unsupported = pdfium.UNSUPPORT_INFO(
    version=1,
    FSDK_UnSupport_Handler=type(pdfium.UNSUPPORT_INFO().FSDK_UnSupport_Handler)(
        lambda _self, kind: _unsupported.append(kind)
    ),
)
"""PDFium tells what it does not show of a document by calling this while it opens it."""


@cache
def _start() -> None:
    pdfium.FPDF_InitLibrary()
    pdfium.FSDK_SetUnSpObjProcessHandler(_note_unsupported)


def wide_string(call: Callable[..., int], *arguments: Any) -> str:
    """What a function of PDFium writes as UTF-16 into a buffer; it tells the bytes that it needs."""
    needed = call(*arguments, None, 0)
    if needed <= 2:  # noqa: PLR2004  # only the closing NUL
        return ""
    buffer = ctypes.create_string_buffer(needed)
    call(*arguments, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), needed)
    return buffer.raw[: needed - 2].decode("utf-16-le", "replace")
