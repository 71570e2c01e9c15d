"""
Which words of a cell are a key.

A key ends with a colon, also a full-width one, or with the dots that lead to its value. Without either, words are a key
only where they are one that the vocabulary has, at the beginning of a cell, with a capital.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from documents.reading.key_values import MAX_KEY_CHARACTERS, MAX_KEY_WORDS
from documents.values import CURRENCY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from documents.questions import Vocabulary

_COLON = r"(?<![:\uff1a])[:\uff1a](?![:\uff1a\\]|//)"
_LEADERS = r"(?:[._\u2026\u00b7]{3,}|\u2026+|(?:\s[.\u00b7]){3,})"
LEADERS = re.compile(_LEADERS)
_SEPARATOR = re.compile(rf"\s*(?:{_COLON}|{_LEADERS})(?:\s*(?:{_COLON}|{_LEADERS}))*\s*")
_MAY_SEPARATE = re.compile(r"[:\uff1a\u2026]|[._\u00b7]{3}|(?:\s[.\u00b7]){3}")
_MAX_CHARACTERS = 1000
_BULLETS = "-\u2013\u2014*•▪◦·> \t"
_NUMBERING = re.compile(r"(?:\d{1,2}(?:\.\d{1,2})*[.)]?|\(?[a-z\d][.)])\s+(?=[^\W\d_])")
_ENDS_A_VALUE = re.compile(rf".*(?:\S*\d\S*|{CURRENCY})(?=\s|$)")


class Label(NamedTuple):
    """
    A key in the text of a cell.

    Attributes:
        start: where it begins in the text.
        end: where what belongs to it ends: its value begins there.
        separated: whether a colon or dots say that it is one.
        sure: whether it is clear where it begins. It is not where words that may belong to the value before it, or to
            it, stand between both.
    """

    key: str
    start: int
    end: int
    separated: bool = True
    sure: bool = True


def labels_in(text: str, vocabulary: Vocabulary) -> list[Label]:
    """The keys in the text of a cell, from left to right."""
    labels: list[Label] = []
    if _MAY_SEPARATE.search(text):
        for start, end in _separators(text):
            label = _separated(text, labels[-1].end if labels else None, start, end, vocabulary)
            if label:
                labels.append(label)
    if not labels or labels[0].start > 0:
        first = _bare(text, labels[0].start if labels else len(text), vocabulary)
        labels[:0] = [first] if first else []
    return labels


def _separators(text: str) -> Iterator[tuple[int, int]]:
    for match in _SEPARATOR.finditer(text, 0, _MAX_CHARACTERS):
        start, end = match.span()
        if not (text[start - 1 : start].isdigit() and text[end : end + 1].isdigit() and ":" in match[0]):
            yield start, end


def _separated(text: str, after: int | None, start: int, end: int, vocabulary: Vocabulary) -> Label | None:
    """The key before a separator; `after` is where the value of the key before it begins."""
    if after is None:
        begin = _skip_bullets(text, _begin_after_bare(text, start, vocabulary))
        if numbered := _NUMBERING.match(text, begin, start):
            begin = numbered.end()
        key = text[begin:start].strip()
        return Label(key, begin, end) if is_key(key) else None
    if not text[after:start].strip():
        return None
    begin = _skip_bullets(text, _end_of_value(text, after, start))
    if begin > after and is_key(text[begin:start]):
        return Label(text[begin:start].strip(), begin, end)
    words = text[after:start].split()
    for number in range(min(vocabulary.longest, len(words) - 1), 0, -1):
        key = " ".join(words[-number:])
        if vocabulary.knows(key):
            return Label(key, start - len(key), end, sure=False)
    return None


def _begin_after_bare(text: str, end: int, vocabulary: Vocabulary) -> int:
    """Where the key before the first separator begins: after "Total 5.00 " in "Total 5.00 Date: …"."""
    whole = text[:end]
    if vocabulary.knows(whole.lstrip(_BULLETS)) or not re.search(r"\d", whole):
        return 0
    bare = _bare(text, end, vocabulary)
    begin = _end_of_value(text, bare.end, end) if bare else 0
    return begin if bare and begin > bare.end and vocabulary.knows(text[begin:end]) else 0


def _end_of_value(text: str, start: int, end: int) -> int:
    """Where the last word that has a figure or is a currency ends; `start` where there is none."""
    found = _ENDS_A_VALUE.match(text, start, end)
    last = found.end() if found else start
    while last < end and text[last].isspace():
        last += 1
    return last


def _skip_bullets(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BULLETS:
        at += 1
    return at


def _bare(text: str, end: int, vocabulary: Vocabulary) -> Label | None:
    """The longest key of the vocabulary, without a separator, with which the text begins."""
    begin = _skip_bullets(text, 0)
    if not (first := text[begin:end].split(None, 1)[:1]) or text[begin].islower():
        return None
    if not vocabulary.begins_with(first[0]):
        return None
    words = [(match.start(), match.end()) for match in re.finditer(r"\S+", text[begin:end])][: vocabulary.longest]
    for _, last in reversed(words):
        key = text[begin : begin + last]
        if vocabulary.knows(key):
            return Label(key, begin, begin + last, separated=False)
    return None


def is_key(key: str) -> bool:
    """Whether words before a separator can be a key: few of them, with a letter; longer is prose."""
    key = key.strip()
    return (
        0 < len(key) <= MAX_KEY_CHARACTERS
        and len(key.split()) <= MAX_KEY_WORDS
        and any(character.isalpha() for character in key)
        and "://" not in key
    )
