"""Whether a text is language at all: fonts may tell of their letters nothing, or something else than what is seen."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_GLYPH_NAMES = re.compile(r"(?:/[a-zA-Z]{0,3}\d+){2,}[:.,]?|(?:\(cid:\d+\))+[:.,]?")
_VOWELS = frozenset("aeiouyαεηιουωаеиоуыэюяєіїё")  # noqa: RUF001  # of three alphabets
_AFTER_CYRILLIC = "\u0530"
_ENOUGH_LETTERS, _ENOUGH_WORDS = 150, 15
_MOST_WORDS = 1000
_MIN_VOWELS = 0.18
_MAX_SINGLE = 0.7
_MAX_MEANINGLESS = 0.25
_MOST = 0.5
_SHORTEST_DOUBLED = 4


def why_no_language(words: Sequence[str], meaningless: int) -> str | None:
    """What is wrong with most of a document's words, to stand after "its text "; None where nothing is."""
    characters = sum(map(len, words))
    if meaningless > _MAX_MEANINGLESS * (characters + meaningless):
        return "has no meaning: its fonts do not tell which letters they show"
    words = words[:: 1 + len(words) // _MOST_WORDS]
    if _share(words, lambda word: _GLYPH_NAMES.fullmatch(word) is not None) > _MOST:
        return "has numbers of glyphs instead of letters"
    cased = [word for word in words if word.lower() != word.upper()]
    return _what_is_wrong_with(cased) if len(cased) >= _ENOUGH_WORDS else None


def _what_is_wrong_with(words: Sequence[str]) -> str | None:
    """The same of words with letters that have a case: of others, too little is known."""
    if _share([word for word in words if len(word) >= _SHORTEST_DOUBLED], _is_doubled) > _MOST:
        return "has each letter twice"
    if _share(words, lambda word: len(word) == 1) > _MAX_SINGLE:
        return "has spaces between all letters"
    letters: Counter[str] = Counter()
    for letter, count in Counter("".join(words).casefold()).items():
        base = unicodedata.normalize("NFD", letter)[0]
        if base.isalpha() and base < _AFTER_CYRILLIC:
            letters[base] += count
    vowels = sum(count for letter, count in letters.items() if letter in _VOWELS)
    if letters.total() >= _ENOUGH_LETTERS and vowels < _MIN_VOWELS * letters.total():
        return "has other letters than it shows"
    return None


def _share(words: Sequence[str], is_so: Callable[[str], bool]) -> float:
    return sum(map(is_so, words)) / len(words) if words else 0.0


def _is_doubled(word: str) -> bool:
    return len(word) % 2 == 0 and word[::2] == word[1::2]
