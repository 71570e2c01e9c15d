"""Fields of forms and notes on a page, as they are shown."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pypdfium2_raw as pdfium

from documents.reading.geometry import shown, size_as_shown
from documents.reading.page_model import Attachment, FormField, Word
from documents.reading.pdfium import wide_string
from documents.reading.pdfium_appearances import may_show_otherwise, operators_of, shown_otherwise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from documents.reading.bounds import Bounds
    from documents.reading.geometry import Box
    from documents.reading.page_model import FieldKind
    from documents.reading.pdfium import Document

_KINDS: dict[int, FieldKind] = {
    pdfium.FPDF_FORMFIELD_TEXTFIELD: "text",
    pdfium.FPDF_FORMFIELD_CHECKBOX: "check box",
    pdfium.FPDF_FORMFIELD_RADIOBUTTON: "radio button",
    pdfium.FPDF_FORMFIELD_COMBOBOX: "choice",
    pdfium.FPDF_FORMFIELD_LISTBOX: "choice",
    pdfium.FPDF_FORMFIELD_SIGNATURE: "signature",
    pdfium.FPDF_FORMFIELD_PUSHBUTTON: "button",
}
_OUT_OF_SIGHT = pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW
_MAX_OPTIONS = 1_000
_CAPTION_GAP = 2.0
MAX_ATTACHMENT_BYTES = 20_000_000
MAX_ATTACHMENTS = 100


def fields_and_notes(
    document: Document,
    handles: tuple[Any, Any],
    number: int,
    frame: tuple[Box, int],
    words: Sequence[Word],
    bounds: Bounds,
) -> tuple[list[FormField], list[list[Word]]]:
    """
    The fields of a page, and the lines of notes that are typed onto it.

    Afterwards nothing else may be read of the page: see `shown_otherwise`.

    Args:
        handles: of the page and of its text.
        frame: the page's box and its turn.
    """
    page, _ = handles
    count = pdfium.FPDFPage_GetAnnotCount(page)
    if not count:
        return [], []
    fields: list[FormField] = []
    notes: list[list[Word]] = []
    doubts = _Doubts(document, count, bounds)
    with _fields_known(document, page):
        for index in range(count):
            with _annotation(page, index) as annotation:
                if not annotation or pdfium.FPDFAnnot_GetFlags(annotation) & _OUT_OF_SIGHT:
                    continue
                kind = pdfium.FPDFAnnot_GetSubtype(annotation)
                if not _has_place(_place(annotation, frame), frame):
                    continue
                if kind == pdfium.FPDF_ANNOT_WIDGET:
                    field = _field(document, annotation, number, frame, words)
                    doubts.look_at(annotation, len(fields), field)
                    fields.append(field)
                elif kind == pdfium.FPDF_ANNOT_FREETEXT:
                    notes.extend(_note(annotation, frame))
    if doubts.fields:
        for at, drawn in shown_otherwise(document, handles, number - 1, doubts.fields).items():
            fields[at] = replace(fields[at], drawn=drawn)
    return fields, notes


class _Doubts:
    """
    The fields of a page that may show something else than they store.

    None where the page has more annotations than PDFium may make a page of.
    """

    def __init__(self, document: Document, annotations: int, bounds: Bounds) -> None:
        self._form, self._annotations, self._bounds = document.form, annotations, bounds
        self._size = 0
        self.fields: dict[int, tuple[str, Box]] = {}

    def look_at(self, annotation: Any, at: int, field: FormField) -> None:
        """`at`: which of the page's fields it is. Of a list, all options are drawn."""
        is_list = pdfium.FPDFAnnot_GetFormFieldType(self._form, annotation) == pdfium.FPDF_FORMFIELD_LISTBOX
        if is_list or not field.value.strip() or not self._bounds.may_draw(self._annotations, self._size):
            return
        operators = operators_of(annotation)
        self._size += len(operators)
        if not self._bounds.may_draw(self._annotations, self._size):
            self.fields.clear()
        elif may_show_otherwise(operators, field.value):
            self.fields[at] = field.value, _box(annotation)


def attachments(document: Document) -> list[Attachment]:
    """The first 100 files within the file, without those over 20 MB."""
    found = []
    for index in range(min(pdfium.FPDFDoc_GetAttachmentCount(document.handle), MAX_ATTACHMENTS)):
        attachment = pdfium.FPDFDoc_GetAttachment(document.handle, index)
        size = ctypes.c_ulong()
        if not attachment or not pdfium.FPDFAttachment_GetFile(attachment, None, 0, size):
            continue
        if size.value <= MAX_ATTACHMENT_BYTES:
            content = ctypes.create_string_buffer(max(size.value, 1))
            pdfium.FPDFAttachment_GetFile(attachment, content, size.value, size)
            name = wide_string(pdfium.FPDFAttachment_GetName, attachment)
            found.append(Attachment(name, content.raw[: size.value]))
    return found


@contextmanager
def _fields_known(document: Document, page: Any) -> Iterator[None]:
    """PDFium tells of a field only what it knows while a viewer shows the page."""
    pdfium.FORM_OnAfterLoadPage(page, document.form)
    try:
        yield
    finally:
        pdfium.FORM_OnBeforeClosePage(page, document.form)


@contextmanager
def _annotation(page: Any, index: int) -> Iterator[Any]:
    annotation = pdfium.FPDFPage_GetAnnot(page, index)
    try:
        yield annotation
    finally:
        if annotation:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _field(
    document: Document, annotation: Any, number: int, frame: tuple[Box, int], words: Sequence[Word]
) -> FormField:
    form = document.form
    kind = _KINDS.get(pdfium.FPDFAnnot_GetFormFieldType(form, annotation), "button")
    flags = pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation)
    secret = kind == "text" and bool(flags & pdfium.FPDF_FORMFLAG_TEXT_PASSWORD)
    place = _place(annotation, frame)
    has_caption = kind in {"check box", "radio button"}
    return FormField(
        name=wide_string(pdfium.FPDFAnnot_GetFormFieldName, form, annotation),
        tooltip=wide_string(pdfium.FPDFAnnot_GetFormFieldAlternateName, form, annotation),
        kind=kind,
        value="" if secret else _value(form, annotation, kind),
        page=number,
        left=place[0],
        top=place[1],
        right=place[2],
        bottom=place[3],
        caption=_caption(place, words) if has_caption else "",
        checked=has_caption and bool(pdfium.FPDFAnnot_IsChecked(form, annotation)),
        secret=secret,
    )


def _value(form: Any, annotation: Any, kind: FieldKind) -> str:
    if kind == "text":
        return wide_string(pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)
    if kind != "choice":
        return ""
    count = min(max(pdfium.FPDFAnnot_GetOptionCount(form, annotation), 0), _MAX_OPTIONS)
    chosen = [index for index in range(count) if pdfium.FPDFAnnot_IsOptionSelected(form, annotation, index)]
    if chosen:
        return ", ".join(wide_string(pdfium.FPDFAnnot_GetOptionLabel, form, annotation, index) for index in chosen)
    return wide_string(pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)


def _place(annotation: Any, frame: tuple[Box, int]) -> Box:
    return shown(_box(annotation), frame[1], frame[0])


def _box(annotation: Any) -> Box:
    rect = pdfium.FS_RECTF()
    pdfium.FPDFAnnot_GetRect(annotation, rect)
    left, right = sorted((rect.left, rect.right))
    bottom, top = sorted((rect.bottom, rect.top))
    return left, bottom, right, top


def _has_place(place: Box, frame: tuple[Box, int]) -> bool:
    """Whether there is something of it on the page to see."""
    width, height = size_as_shown(*frame)
    left, top, right, bottom = place
    return right - left > 0 and bottom - top > 0 and left < width and right > 0 and top < height and bottom > 0


def _caption(place: Box, words: Iterable[Word]) -> str:
    """The words right of a box, on its line, up to the first wide gap."""
    left, top, right, bottom = place
    middle = (top + bottom) / 2
    beside = sorted(
        (word for word in words if word.top <= middle <= word.bottom and word.left >= (left + right) / 2),
        key=lambda word: word.left,
    )
    found: list[str] = []
    for word in beside:
        if word.left - right > _CAPTION_GAP * word.size:
            break
        found.append(word.text)
        right = word.right
    return " ".join(found)


def _note(annotation: Any, frame: tuple[Box, int]) -> list[list[Word]]:
    """What a text note says, spread over its box: PDFium tells no places of its words."""
    lines = [
        line.split() for line in wide_string(pdfium.FPDFAnnot_GetStringValue, annotation, b"Contents").splitlines()
    ]
    left, top, _right, bottom = _place(annotation, frame)
    size = min((bottom - top) / max(len(lines), 1), 14.0)
    placed = []
    for index, line in enumerate(lines):
        at, words = left, []
        for word in line:
            end = at + len(word) * size / 2
            words.append(Word(word, at, top + index * size, end, top + (index + 1) * size, size))
            at = end + size / 4
        if words:
            placed.append(words)
    return placed
