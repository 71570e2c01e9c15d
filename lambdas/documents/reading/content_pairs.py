"""All keys and values of a PDF: those of its form and of its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from documents.reading.form_fields import as_drawn, field_pairs, with_fields
from documents.reading.pairs import find_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from documents.questions import Vocabulary
    from documents.reading.extracted import KeyValue
    from documents.reading.page_model import Contents, FormField, Page


def pairs_of(contents: Contents, vocabulary: Vocabulary) -> tuple[KeyValue, ...]:
    """Those of the form, then those of the pages in reading order."""
    fields: dict[int, list[FormField]] = {}
    for field in contents.fields:
        fields.setdefault(field.page, []).append(field)
    printed = [
        pair for page in contents.pages for pair in _printed_pairs(page, fields.get(page.number, ()), vocabulary)
    ]
    return (*field_pairs(contents.fields, vocabulary), *printed)


def _printed_pairs(page: Page, fields: Sequence[FormField], vocabulary: Vocabulary) -> list[KeyValue]:
    pairs = find_pairs(with_fields(page.words, fields), page.number, vocabulary)
    if any(field.drawn for field in fields):
        drawn = find_pairs(with_fields(page.words, as_drawn(fields)), page.number, vocabulary)
        pairs.extend(pair for pair in drawn if pair not in pairs)
    return pairs
