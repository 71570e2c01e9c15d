"""
What is drawn in the fields of a page, where that is something else than they store.

A field has its value twice: as a text, and as operators that draw it. Who shows the page draws; nobody sees the text.
PDFium reads the text of pages, not of what lies over them: so that it reads what is drawn, all that lies over a page is
made a part of it. That is dear, and done only where the operators write other letters than the field stores.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pypdfium2_raw as pdfium

from documents.reading.native import address_of, bounded_text
from documents.reading.pdfium import wide_string

if TYPE_CHECKING:
    from collections.abc import Mapping

    from documents.reading.geometry import Box
    from documents.reading.pdfium import Document

_STRING = re.compile(r"\(((?:\\.|[^\\()])*)\)")
_ESCAPED = re.compile(r"\\(.)")
_WRITES = re.compile(r"\b(?:Tj|TJ)\b|[)>]\s*['\"]")
_END_SHARE = 0.2
_MEANINGLESS = re.compile("[\0-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd]")


def operators_of(annotation: Any) -> str:
    """What draws an annotation."""
    return wide_string(pdfium.FPDFAnnot_GetAP, annotation, pdfium.FPDF_ANNOT_APPEARANCEMODE_NORMAL)


def may_show_otherwise(operators: str, value: str) -> bool:
    """Whether the operators that draw a field write something, and not just its value."""
    if not _WRITES.search(operators):
        return False
    return _letters(_ESCAPED.sub(r"\1", "".join(_STRING.findall(operators)))) != _letters(value)


def shown_otherwise(
    document: Document, handles: tuple[Any, Any], index: int, fields: Mapping[int, tuple[str, Box]]
) -> dict[int, str]:
    """
    What is drawn in fields that store something else.

    The page is changed: nothing may be read from its handles afterwards.

    Args:
        handles: of the page and of its text.
        fields: value and place, in the coordinates of the page, of the fields in question.
    """
    page, text_page = handles
    before = {number: _text_in(text_page, place) for number, (_, place) in fields.items()}
    if pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY) != pdfium.FLATTEN_SUCCESS:
        return {}
    found = {}
    with document.page(index) as flat:
        for number, (value, place) in fields.items():
            drawn = _text_in(flat[1], place).replace(before[number], "", 1) if flat else ""
            if _letters(drawn) in {"", _letters(value)} or _MEANINGLESS.search(drawn):
                continue
            if not (flat and _is_cut_by_its_place(flat[1], place, _letters(drawn), _letters(value))):
                found[number] = " ".join(drawn.split())
    return found


def _is_cut_by_its_place(text_page: Any, place: Box, drawn: str, value: str) -> bool:
    """Whether words are longer than their field: it shows their beginning, up to its right end. Figures say no."""
    left, bottom, right, top = place
    end = (right - _END_SHARE * (right - left), bottom, right, top)
    return value.startswith(drawn) and drawn[-1].isalpha() and bool(_letters(_text_in(text_page, end)))


def _letters(text: str) -> str:
    return "".join(text.split()).casefold()


def _text_in(text_page: Any, place: Box) -> str:
    left, bottom, right, top = place
    return bounded_text(address_of(text_page), left, top, right, bottom)
