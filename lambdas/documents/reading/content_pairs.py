"""All keys and values of a PDF: those of its form and of its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from documents.reading.form_fields import field_pairs, with_fields
from documents.reading.pairs import find_pairs

if TYPE_CHECKING:
    from documents.questions import Vocabulary
    from documents.reading.extracted import KeyValue
    from documents.reading.page_model import Contents, FormField


def pairs_of(contents: Contents, vocabulary: Vocabulary) -> tuple[KeyValue, ...]:
    """Those of the form, then those of the pages in reading order."""
    fields: dict[int, list[FormField]] = {}
    for field in contents.fields:
        fields.setdefault(field.page, []).append(field)
    printed = [
        pair
        for page in contents.pages
        for pair in find_pairs(with_fields(page.words, fields.get(page.number, ())), page.number, vocabulary)
    ]
    return (*field_pairs(contents.fields, vocabulary), *printed)
