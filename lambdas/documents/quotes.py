"""
Finding quoted words in a document.

Spaces and line ends, full-width letters, ligatures, and the kinds of quotation marks and dashes do not count; case
does, and so does what changes a number, such as a raised digit. What is quoted must not be a part of a longer word or
number: "5" is not quoted from "15", nor "190.00" from "1,190.00".
"""

from __future__ import annotations

import unicodedata
from itertools import accumulate
from typing import TYPE_CHECKING

from documents.answers import Passage

if TYPE_CHECKING:
    from documents.extracted import ExtractedDocument, KeyValue

_ALIKE = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u2032", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u2033", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    | {"\u00ad": ""}  # a soft hyphen is not seen
    | dict(zip("\ufb00\ufb01\ufb02\ufb03\ufb04", ("ff", "fi", "fl", "ffi", "ffl"), strict=True))
    | {full_width: full_width - 0xFEE0 for full_width in range(0xFF01, 0xFF5F)}
)


def plain(text: str) -> str:
    """The form in which two spellings of the same words are compared."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_ALIKE).split())


def occurs(words: str, text: str) -> int | None:
    """Where `words` begin in `text`, as whole words and numbers; None where they do not. Both are `plain`."""
    start = text.find(words) if words else -1
    while start >= 0:
        end = start + len(words)
        before, after = text[max(start - 2, 0) : start][::-1], text[end : end + 2]
        if not _goes_on(before, words[0]) and not _goes_on(after, words[-1]):
            return start
        start = text.find(words, start + 1)
    return None


class Quotes:
    """Looks quotes up in the pages of a document, and in its key-values, which may be on no page."""

    def __init__(self, document: ExtractedDocument) -> None:
        pages = [plain(page) for page in document.pages]
        self._text = " ".join(pages)
        self._ends = list(accumulate(len(page) + 1 for page in pages))
        self._key_values = document.key_values

    def find(self, quote: str) -> Passage | KeyValue | None:
        """Where the quote stands; None where it does not."""
        words = plain(quote)
        start = occurs(words, self._text)
        if start is not None:
            return Passage(words, next(page for page, end in enumerate(self._ends, 1) if start < end))
        return next((pair for pair in self._key_values if _is_of(words, pair)), None)


def _is_of(words: str, pair: KeyValue) -> bool:
    return any(occurs(words, plain(f"{pair.key}{between}{pair.value}")) is not None for between in (": ", " "))


def _goes_on(beyond: str, edge: str) -> bool:
    """Whether the two characters `beyond` go on with the word or number of the character `edge` beside them."""
    if _is_of_a_word(beyond[:1]) and _is_of_a_word(edge):
        return True
    return edge.isdigit() and beyond[:1] in {".", ","} and beyond[1:2].isdigit()


def _is_of_a_word(character: str) -> bool:
    """Whether words are made of it that spaces divide: digits and letters that have a case."""
    return character.isdigit() or character.lower() != character.upper()
