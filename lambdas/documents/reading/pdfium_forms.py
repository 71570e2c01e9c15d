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
from documents.reading.pdfium_appearances import may_show_otherwise, shown_otherwise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
_MAX_OPTIONS, _MAX_DRAWN = 1_000, 1_000
_CAPTION_GAP = 2.0
MAX_ATTACHMENT_BYTES = 20_000_000
MAX_ATTACHMENTS = 100


def fields_and_notes(
    document: Document, handles: tuple[Any, Any], number: int, frame: tuple[Box, int], words: Sequence[Word]
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
    in_question: dict[int, tuple[str, Box]] = {}
    with _fields_known(document, page):
        for index in range(count):
            with _annotation(page, index) as annotation:
                if not annotation or pdfium.FPDFAnnot_GetFlags(annotation) & _OUT_OF_SIGHT:
                    continue
                kind = pdfium.FPDFAnnot_GetSubtype(annotation)
                box = _box(annotation)
                if not _has_place(shown(box, frame[1], frame[0]), frame):
                    continue
                if kind == pdfium.FPDF_ANNOT_WIDGET:
                    field = _field(document, annotation, number, frame, words)
                    if count <= _MAX_DRAWN and _may_show_otherwise(document, annotation, field):
                        in_question[len(fields)] = field.value, box
                    fields.append(field)
                elif kind == pdfium.FPDF_ANNOT_FREETEXT:
                    notes.extend(_note(annotation, frame))
    if in_question:
        for at, drawn in shown_otherwise(document, handles, number - 1, in_question).items():
            fields[at] = replace(fields[at], drawn=drawn)
    return fields, notes


def _may_show_otherwise(document: Document, annotation: Any, field: FormField) -> bool:
    """Of fields that are drawn as their value alone; of a list all options are drawn."""
    if field.kind not in {"text", "choice"} or not field.value.strip():
        return False
    is_list = pdfium.FPDFAnnot_GetFormFieldType(document.form, annotation) == pdfium.FPDF_FORMFIELD_LISTBOX
    return not is_list and may_show_otherwise(annotation, field.value)


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
