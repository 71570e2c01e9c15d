"""Reading all that a PDF has in it, with PDFium."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import pypdfium2_raw as pdfium

from documents.reading.bounds import Bounds
from documents.reading.geometry import size_as_shown
from documents.reading.page_model import Contents, FormField, Page
from documents.reading.pdfium_drawings import Drawn, covered_share, objects_of
from documents.reading.pdfium_forms import attachments, fields_and_notes
from documents.reading.pdfium_letters import Surroundings, letters_of
from documents.reading.words import lines_of, text_of, with_notes

if TYPE_CHECKING:
    from documents.reading.geometry import Box
    from documents.reading.pdfium import Document


@dataclass
class _Found:
    pages: list[Page] = field(default_factory=list)
    fields: list[FormField] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    meaningless: int = 0


def read_contents(document: Document, *, layers: bool, bounds: Bounds) -> Contents:
    """
    Read the whole document.

    Args:
        layers: whether parts of it may be switched off; its pages are drawn then to see what is shown.
        bounds: raises where the document has more than can be read.
    """
    found = _Found()
    count = document.page_count
    bounds.pages(count)
    for index in range(count):
        with document.page(index, bounds) as handles:
            if handles is None:
                found.unreadable.append(index + 1)
                continue
            bounds.characters(pdfium.FPDFText_CountChars(handles[1]))
            bounds.fields(len(found.fields) + pdfium.FPDFPage_GetAnnotCount(handles[0]))
            _read_page(document, handles, index + 1, found, bounds, layers=layers)
    return Contents(
        pages=tuple(found.pages),
        page_count=count,
        fields=tuple(found.fields),
        attachments=tuple(attachments(document)),
        unreadable=tuple(found.unreadable),
        meaningless=found.meaningless,
    )


def _read_page(
    document: Document, handles: tuple[Any, Any], number: int, found: _Found, bounds: Bounds, *, layers: bool
) -> None:
    page, text_page = handles
    rect = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(page, rect)
    box: Box = (rect.left, rect.bottom, rect.right, rect.top)
    objects = objects_of(page)
    surroundings = Surroundings(box, objects, Drawn(page, box, objects.under_covers()), layers=layers)
    letters = letters_of(text_page, surroundings)
    turn = letters.way_of_most(pdfium.FPDFPage_GetRotation(page))
    lines = lines_of(letters.by_way.pop(turn, []))
    words = tuple(chain.from_iterable(lines))
    fields, notes = fields_and_notes(document, handles, number, (box, turn), words, bounds)
    if notes:
        lines = with_notes(lines, notes)
        words = tuple(chain.from_iterable(lines))
    aside = [line for others in letters.by_way.values() for line in lines_of(others)]
    width, height = size_as_shown(box, turn)
    found.fields.extend(fields)
    found.meaningless += letters.meaningless
    found.pages.append(
        Page(
            number,
            width,
            height,
            words,
            text_of([*lines, *aside]),
            image_share=covered_share(objects.images, box),
            drawings=objects.drawings,
            recognised=letters.recognised,
        )
    )
