"""Pages made by hand: words at places, as a reader of PDF files finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from documents.reading.page_model import Word

if TYPE_CHECKING:
    from collections.abc import Iterable

SIZE = 10.0
LETTER = 5.0
PITCH = 13.0


def words_at(left: float, baseline: float, text: str, size: float = SIZE) -> list[Word]:
    """The words of a text, all letters half as wide as high; a space is a letter wide."""
    words, letter = [], LETTER * size / SIZE
    for part in text.split(" "):
        right = left + letter * len(part)
        if part:
            words.append(Word(part, left, baseline - 0.75 * size, right, baseline + 0.25 * size, size))
        left = right + letter
    return words


def drawn(text: str, pitch: float = PITCH) -> list[Word]:
    """
    A page as it is drawn in the text: each row a line, each column a letter's width.

    Three spaces and more divide cells.
    """
    rows = text.strip("\n").splitlines()
    indent = min((len(row) - len(row.lstrip()) for row in rows if row.strip()), default=0)
    return [word for number, row in enumerate(rows, 1) for word in words_at(50, 50 + pitch * number, row[indent:])]


def scaled(words: Iterable[Word], factor: float) -> list[Word]:
    return [
        word._replace(
            left=word.left * factor,
            top=word.top * factor,
            right=word.right * factor,
            bottom=word.bottom * factor,
            size=word.size * factor,
        )
        for word in words
    ]


def moved(words: Iterable[Word], right: float, down: float) -> list[Word]:
    return [
        word._replace(
            left=word.left + right,
            right=word.right + right,
            top=word.top + down,
            bottom=word.bottom + down,
        )
        for word in words
    ]
