"""The fields of a form: what each is called and says, and where its words stand on the page."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

from documents.reading.extracted import KeyValue
from documents.reading.key_values import normalize_key
from documents.reading.labels import is_key
from documents.reading.layout import middle
from documents.reading.page_model import Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from documents.questions import Vocabulary
    from documents.reading.page_model import FormField

_MAX_CAPTION_GAP = 2.0
_MAX_WORDS_OF_A_LINE = 200
_WRITTEN = frozenset({"text", "choice"})
_TICKED = frozenset({"check box", "radio button"})


def field_pairs(fields: Iterable[FormField], vocabulary: Vocabulary) -> list[KeyValue]:
    """
    The filled fields, each under the name of it that is known, else under what the form shows to people.

    Of radio buttons it is what is printed beside the chosen one. A tick says yes to a sentence and is no value. What
    is drawn where another value is stored is a value of the same key.
    """
    return [
        KeyValue(_key(field, vocabulary), value, field.page)
        for field in fields
        for each in (_value(field), field.drawn)
        if (value := " ".join(each.split()))
    ]


def as_drawn(fields: Iterable[FormField]) -> list[FormField]:
    """The fields with the values that the page shows."""
    return [replace(field, value=field.drawn or field.value) for field in fields]


def _value(field: FormField) -> str:
    if field.secret:
        return ""
    if field.kind == "radio button":
        return (field.caption or field.value) if field.checked else ""
    return field.value if field.kind in _WRITTEN else ""


def _key(field: FormField, vocabulary: Vocabulary) -> str:
    """
    "topmostSubform[0].Page1[0].InvoiceNumber[0]" is known as "InvoiceNumber", "invoice.number" as "invoice number".

    The whole name may have a dot that divides nothing: "P.O. number". A tooltip may say more exactly what a name means:
    "Date of birth" of "date".
    """
    plain = re.sub(r"\[\d+\]", "", field.name)
    parts = [part for part in plain.split(".") if part]
    names = [field.tooltip, plain, *parts[-1:], " ".join(parts[-2:])]
    known = next((name for name in names if name and vocabulary.kind(name)), None)
    if known and _narrows(field.tooltip, known):
        return field.tooltip
    return known or field.tooltip or (parts[-1] if parts else plain)


def _narrows(tooltip: str, name: str) -> bool:
    """Whether a tooltip is a key that has the words of the name, and more."""
    return is_key(tooltip) and set(normalize_key(name).split()) < set(normalize_key(tooltip).split())


def with_fields(words: Sequence[Word], fields: Sequence[FormField]) -> list[Word]:
    """
    The words of a page with what is written into its fields, and without what stands beside empty boxes.

    So a field without a telling name is known by the key that is printed beside it, and an option that is not chosen
    is no value.
    """
    if not fields:
        return list(words)
    captions = _captions(words, [field for field in fields if field.kind in _TICKED and not field.checked])
    written = [_word(field) for field in fields if field.kind in _WRITTEN and not field.secret and field.value.strip()]
    return [word for word in words if word not in captions] + written


def _word(field: FormField) -> Word:
    """A field's value as one word in the middle of its box, of the size that fits in one line."""
    size, height = (field.bottom - field.top) * 0.7, field.bottom - field.top
    centre = field.top + height / 2
    text = " ".join(field.value.split())
    return Word(text, field.left, centre - size / 2, field.right, centre + size / 2, size)


def _captions(words: Sequence[Word], boxes: Sequence[FormField]) -> set[Word]:
    """What stands right of these boxes, as far as it stands close together."""
    if not boxes:
        return set()
    by_place = sorted(words, key=lambda word: (middle(word), word.left))
    middles = [middle(word) for word in by_place]
    found: set[Word] = set()
    for box in boxes:
        level = by_place[bisect_left(middles, box.top) : bisect_right(middles, box.bottom)][:_MAX_WORDS_OF_A_LINE]
        end, is_first = box.right, True
        for word in sorted(level, key=lambda word: word.left):
            if word.left < (box.left + box.right) / 2:
                continue
            if word.left - end > (_MAX_CAPTION_GAP if is_first else 1) * word.size:
                break
            found.add(word)
            end, is_first = word.right, False
    return found
