"""
Finding quoted words in a document.

Spaces and line ends, full-width letters, ligatures, and the kinds of quotation marks and dashes do not count; case
does, and so does what changes a number, such as a raised digit. What is quoted must not be a part of a longer word or
number: "5" is not quoted from "15", nor "190.00" from "1,190.00", "1 190.00" or "-190.00". A line's end ends a number.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate
from typing import TYPE_CHECKING

from documents.answering.answers import Passage

if TYPE_CHECKING:
    from documents.reading.extracted import ExtractedDocument, KeyValue

_ALIKE = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u2032", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u2033", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    | {"\u00ad": ""}  # a soft hyphen is not seen
    | dict(zip("\ufb00\ufb01\ufb02\ufb03\ufb04", ("ff", "fi", "fl", "ffi", "ffl"), strict=True))
    | {full_width: full_width - 0xFEE0 for full_width in range(0xFF01, 0xFF5F)}
)

_SPACES = re.compile(r"\s+")
# Between two digits they are inside of a number, a time or a date.
_INSIDE_NUMBERS = frozenset(".,':/`\u00b4\u00b7\u02bc\u066b\u066c\u2044\u2215\u22c5")
_SIGNS = frozenset("+-\u00b1")
# A space, not a line's end, between up to three digits and three digits divides thousands.
_BEFORE_A_GROUP = re.compile(r"(?<![\w.,'])\d{1,3}$")
_GROUP = re.compile(r"\d{3}(?!\d)")


def with_line_ends(text: str) -> str:
    """As `plain`, but with line ends, each as one, where `plain` has spaces."""
    alike = unicodedata.normalize("NFC", text).translate(_ALIKE).strip()
    return _SPACES.sub(lambda spaces: " " if spaces[0].splitlines() == [spaces[0]] else "\n", alike)


def plain(text: str) -> str:
    """The form in which two spellings of the same words are compared."""
    return with_line_ends(text).replace("\n", " ")


def occurs(words: str, text: str) -> int | None:
    """
    Where `words` begin in `text`, as whole words and numbers; None where they do not.

    `words` are `plain`, and `text` is so too or, as it should be where there are several lines, `with_line_ends`.
    """
    in_one_line = text.replace("\n", " ")
    start = in_one_line.find(words) if words else -1
    while start >= 0:
        if not _is_inside(text, start) and not _is_inside(text, start + len(words)):
            return start
        start = in_one_line.find(words, start + 1)
    return None


class Quotes:
    """Looks quotes up in the pages of a document, and in its key-values, which may be on no page."""

    def __init__(self, document: ExtractedDocument) -> None:
        pages = [with_line_ends(page) for page in document.pages]
        self._text = "\n".join(pages)
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
    key, value = with_line_ends(pair.key), with_line_ends(pair.value)
    return any(occurs(words, f"{key}{between}{value}") is not None for between in (": ", "\n"))


def _is_inside(text: str, at: int) -> bool:
    """Whether a word or a number goes on over that place in the text."""
    before, after = text[max(at - 2, 0) : at][::-1] + "\n\n", text[at : at + 2] + "\n\n"
    near, far, first, second = before[0], before[1], after[0], after[1]
    return (
        (_is_of_a_word(near) and _is_of_a_word(first))
        or (_is_number(near) and first in _INSIDE_NUMBERS and _is_number(second))
        or (_is_number(far) and near in _INSIDE_NUMBERS and _is_number(first))
        or (unicodedata.category(first).startswith("M") and not near.isspace())
        or _has_a_sign_or_point_before(far, near, first, second)
        or (_is_number(near) and first == "-" and (second.isspace() or second == ")"))  # 100.00- is less than nothing
        or _divides_thousands(text, at if first == " " else at - 1)
    )


def _has_a_sign_or_point_before(far: str, near: str, first: str, second: str) -> bool:
    """Whether a number that begins with `first` has begun before: -5, -$5, .5; not in a range, nor after dots."""
    if _is_number(far) or near == far:
        return False
    if _is_number(first) and near in {".", ","}:
        return far.isspace() or far == "(" or far in _SIGNS or _is_currency(far)
    if _is_number(first) and _is_currency(near):
        return far in _SIGNS
    begins = _is_number(first) or (_is_number(second) and (first in {".", ","} or _is_currency(first)))
    return begins and near in _SIGNS


def _divides_thousands(text: str, space: int) -> bool:
    return (
        text[space : space + 1] == " "
        and _BEFORE_A_GROUP.search(text[max(space - 4, 0) : space]) is not None
        and _GROUP.match(text, space + 1) is not None
    )


def _is_number(character: str) -> bool:
    return unicodedata.category(character).startswith("N")


def _is_currency(character: str) -> bool:
    return unicodedata.category(character) == "Sc"


def _is_of_a_word(character: str) -> bool:
    """Whether words are made of it that spaces divide: digits and letters that have a case."""
    return _is_number(character) or character.lower() != character.upper()
